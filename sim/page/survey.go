package page

import (
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/radio"
)

// survey is what is known of those nodes on the map that have a radio: who hears
// whom, and, again and again, where they are and what they have spent. There are at
// most so many samples; when there are more, every other one goes.
type survey struct {
	segments []*segment
	surveyed []surveyed
	begun    bool
	ended    bool
	moves    bool
	step     int64 // µs
	most     int   // samples
	times    []int64
	rows     [][]sample // by time, then as in surveyed
	last     []rest     // in the end
}

// segment is a segment of the network that is a radio.
type segment struct {
	name     string
	topology *radio.Topology
	nodes    map[int]int // on the map, by station
}

// surveyed is a node that has a radio.
type surveyed struct {
	node    int // on the map
	name    string
	segment int
	station int
}

// sample is what is known of a node at a moment.
type sample struct {
	x, y          int64
	send, receive int64 // µJ
	sent, lost    int64 // frames
}

// rest is what a node has spent besides, and how much of the time it slept.
type rest struct {
	idle, sleep int64 // µJ
	asleep      int64 // in 10,000
}

func restOf(e radio.Energy) rest {
	x := rest{idle: e.IdleNJ() / 1000, sleep: e.SleepNJ() / 1000}
	if all := e.Sending + e.Receiving + e.Idle + e.Asleep; all > 0 {
		x.asleep = int64(e.Asleep.Seconds() / all.Seconds() * 10_000)
	}
	return x
}

const (
	firstStep  = 10_000 // µs
	minSamples = 8
	maxSamples = 200
)

// begin finds the nodes that have a radio.
func (v *survey) begin(c *Collector) {
	v.begun, v.step = true, firstStep
	index := map[string]int{}
	for _, g := range c.groups {
		for i := range g.kept {
			name := c.s.NodeName(g.First + i)
			st, ok := c.w.Station(name)
			if !ok {
				continue
			}
			k, ok := index[st.Segment]
			if !ok {
				k = len(v.segments)
				index[st.Segment] = k
				v.moves = v.moves || st.Topology.Moves()
				v.segments = append(v.segments, &segment{st.Segment, st.Topology, map[int]int{}})
			}
			v.segments[k].nodes[st.Number] = g.at + i
			v.surveyed = append(v.surveyed, surveyed{g.at + i, name, k, st.Number})
		}
	}
	v.most = min(max(c.limits.Samples/max(len(v.surveyed), 1), minSamples), maxSamples)
}

// pass takes a sample if it is time for one.
func (v *survey) pass(c *Collector, at int64) {
	if !v.begun {
		v.begin(c)
	}
	if len(v.surveyed) == 0 || len(v.times) > 0 && at/v.step == v.times[len(v.times)-1]/v.step {
		return
	}
	v.take(c.w, at)
	if len(v.times) < v.most {
		return
	}
	v.step *= 2
	half := 0
	for i := range v.times {
		if half > 0 && v.times[i]/v.step == v.times[half-1]/v.step {
			continue
		}
		v.times[half], v.rows[half] = v.times[i], v.rows[i]
		half++
	}
	clear(v.rows[half:])
	v.times, v.rows = v.times[:half], v.rows[:half]
}

// take takes a sample.
func (v *survey) take(w *sim.World, at int64) {
	row := make([]sample, len(v.surveyed))
	v.last = make([]rest, len(v.surveyed))
	for i := range v.surveyed {
		st, _ := w.Station(v.surveyed[i].name)
		p, e, n := st.Place, st.Energy, st.Counts
		row[i] = sample{int64(p.X), int64(p.Y), e.SendNJ() / 1000, e.ReceiveNJ() / 1000, int64(n.Sent), int64(n.Spoiled + n.Failures + n.Overflows)}
		v.last[i] = restOf(e)
	}
	v.times, v.rows = append(v.times, at), append(v.rows, row)
}

// wait takes a sample if it is time for one and nodes move, and returns when it
// will be again; 0 = never. The same run has the same samples, however often it is
// called.
func (v *survey) wait(c *Collector, at int64) int64 {
	if v.ended {
		return 0
	}
	if !v.begun {
		v.begin(c)
	}
	if !v.moves {
		return 0
	}
	if len(v.times) == 0 || at%v.step == 0 {
		v.pass(c, at)
		c.end = max(c.end, at)
	}
	return v.step - at%v.step
}

// end takes the last sample, in place of one of the same time.
func (v *survey) end(c *Collector) {
	if !v.begun {
		v.begin(c)
	}
	v.ended = true
	if len(v.surveyed) == 0 {
		return
	}
	if k := len(v.times); k > 0 && v.times[k-1] >= c.end {
		v.times, v.rows = v.times[:k-1], v.rows[:k-1]
	}
	v.take(c.w, c.end)
}

// radioData is a survey as the script of the page reads it.
type radioData struct {
	Segments []segmentData `json:"segments"`
	// Nodes are those that have a radio: their number, segment, place, what they
	// have spent on listening to nothing and on sleep, in µJ, and how much of the
	// time they slept, in 10,000.
	Nodes columns `json:"nodes"`
	Times column  `json:"times"`
	// Samples are how much more than in the one before, node by node: what it has
	// spent on sending and receiving, in µJ, the frames that it has sent, and those
	// that it has lost; where somebody moves, also how far, by zigzag.
	Samples columns `json:"samples"`
}

// segmentData is a segment of the network that is a radio.
type segmentData struct {
	Name string `json:"name"`
	// Full: everyone hears everyone.
	Full bool `json:"full"`
	// ReachMM is how far they hear, where the places are in millimetres.
	ReachMM int `json:"reach_mm"`
	// Links are pairs of nodes that hear each other, where there is no reach. There
	// are at most maxLinks, and LeftOut more.
	Links   columns `json:"links"`
	LeftOut int     `json:"left_out"`
}

const maxLinks = 100_000

// data returns nil if nobody has a radio.
func (v *survey) data() *radioData {
	if len(v.surveyed) == 0 || len(v.rows) == 0 {
		return nil
	}
	d := &radioData{Nodes: *newColumns(7)}
	for _, x := range v.segments {
		d.Segments = append(d.Segments, x.data())
	}
	kinds := 4
	if v.moves {
		kinds = 6
	}
	samples := newColumns(kinds)
	for i, n := range v.surveyed {
		first := v.rows[0][i]
		d.Nodes.add(int64(n.node), int64(n.segment), first.x, first.y, v.last[i].idle, v.last[i].sleep, v.last[i].asleep)
		before := sample{x: first.x, y: first.y}
		for k := range v.rows {
			x := v.rows[k][i]
			row := [...]int64{x.send - before.send, x.receive - before.receive, x.sent - before.sent, x.lost - before.lost, zigzag(x.x - before.x), zigzag(x.y - before.y)}
			samples.add(row[:kinds]...)
			before = x
		}
	}
	before := int64(0)
	for _, t := range v.times {
		d.Times.add(uint64(t - before))
		before = t
	}
	d.Samples = *samples
	return d
}

func zigzag(v int64) int64 { return v<<1 ^ v>>63 }

func (s *segment) data() segmentData {
	d := segmentData{Name: s.name, Full: s.topology.Full(), ReachMM: s.topology.Reach(), Links: *newColumns(2)}
	if d.Full || d.ReachMM > 0 {
		return d
	}
	for i := range s.topology.Len() {
		a, shown := s.nodes[i]
		for k := range s.topology.Near(i) {
			b, ok := s.nodes[k]
			switch {
			case !shown || !ok || k < i:
			case d.Links.N < maxLinks:
				d.Links.add(int64(a), int64(b))
			default:
				d.LeftOut++
			}
		}
	}
	return d
}
