package page

import (
	"io"
	"sort"
	"strconv"

	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/scenario"
)

// Run is what a page shows of a run.
type Run struct {
	// Measures are numbers of each node, in the order of the scenario's nodes, that
	// the map can show besides what it knows; the energy that each has used, for
	// example.
	Measures []Measure
	// Others are curves of other runs, which are compared with this one.
	Others []Curve

	title  string
	data   runData
	groups []shown
}

// Measure is a number of each node.
type Measure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
}

// of returns the measure of the nodes that are on the map.
func (m Measure) of(groups []shown) Measure {
	kept := Measure{Name: m.Name, Unit: m.Unit}
	for _, g := range groups {
		from := min(g.First, len(m.Values))
		kept.Values = append(kept.Values, m.Values[from:min(from+g.kept, len(m.Values))]...)
	}
	return kept
}

// runData is what the script of the page reads.
type runData struct {
	Kind     string           `json:"kind"`
	About    string           `json:"about"`
	Seed     uint64           `json:"seed,string"` // which a script could not hold as a number
	Report   *scenario.Report `json:"report"`
	Replay   string           `json:"replay"`
	Groups   []group          `json:"groups"`
	Extra    []string         `json:"extra"`
	EndUS    int64            `json:"end_us"`
	Words    []string         `json:"words"`
	Grams    []datagram       `json:"grams"`
	Causes   []string         `json:"causes"`
	Messages columns          `json:"messages"`
	Exch     columns          `json:"exchanges"`
	Events   columns          `json:"events"`
	Actions  []string         `json:"actions"`
	Marks    []mark           `json:"marks"`
	Curves   []Curve          `json:"curves"`
	Traffic  *histogram       `json:"traffic"`
	Nodes    columns          `json:"nodes"`
	Radio    *radioData       `json:"radio"`
	Measures []Measure        `json:"measures"`
	Left     leftOut          `json:"left_out"`
}

// group is nodes that are alike, with their names.
type group struct {
	Name  string   `json:"name"`
	Names []string `json:"names"`
}

// columns are so many rows of numbers.
type columns struct {
	N    int      `json:"n"`
	Cols []column `json:"cols"`
}

func newColumns(n int) *columns { return &columns{Cols: make([]column, n)} }

func (c *columns) add(row ...int64) {
	c.N++
	for i, v := range row {
		c.Cols[i].add(uint64(v))
	}
}

// Run returns what the page shows, once the run has ended. replay is the command
// that shows it again.
func (c *Collector) Run(rep *scenario.Report, replay string) *Run {
	timeless := *rep
	timeless.WallMS = 0 // the same run makes the same page
	rep = &timeless
	d := runData{
		Kind: "run", About: c.s.About(), Seed: rep.Seed, Report: rep, Replay: replay, EndUS: max(c.end, 1), Words: c.words.List, Grams: c.grams,
		Extra: c.extra.List, Actions: c.s.Actions(), Marks: c.marks, Traffic: c.traffic, Left: c.left,
	}
	for cause := range sim.Causes {
		d.Causes = append(d.Causes, cause.String())
	}
	for _, g := range c.groups {
		all := group{Name: g.Name, Names: []string{}}
		for i := range g.kept {
			all.Names = append(all.Names, c.s.NodeName(g.First+i))
		}
		d.Groups = append(d.Groups, all)
	}
	sort.SliceStable(c.messages, func(i, j int) bool { return c.messages[i].sent < c.messages[j].sent })
	m, before := newColumns(7), int64(0)
	for i := range c.messages {
		x := &c.messages[i]
		m.add(x.sent-before, x.end-x.sent, int64(x.from), int64(x.to), int64(x.cause), int64(x.gram), int64(x.exchange))
		before = x.sent
	}
	d.Messages = *m
	// Numbers of nodes can be -1.
	e := newColumns(5)
	for i := range c.exchanges {
		x := &c.exchanges[i]
		e.add(int64(x.client)+1, int64(x.server)+1, int64(x.label), x.start, int64(x.n))
	}
	d.Exch = *e
	v, before := newColumns(5), int64(0)
	for i := range c.events {
		x := &c.events[i]
		v.add(x.at-before, int64(x.action), int64(x.what), int64(x.from)+1, int64(x.to)+1)
		before = x.at
	}
	d.Events = *v
	n := newColumns(5)
	for i := range c.nodes {
		n.add(c.nodes[i][:]...)
	}
	d.Nodes = *n
	d.Radio = c.survey.data()
	d.Curves = append(c.Curves(rep, ""), c.rivals(rep)...)
	return &Run{title: rep.Scenario + ", seed " + strconv.FormatUint(rep.Seed, 10), data: d, groups: c.groups}
}

// Curves returns how the answers came, action by action; run says which run this
// is.
func (c *Collector) Curves(rep *scenario.Report, run string) []Curve {
	return closed(c.curves, rep.Actions, c.end, run)
}

// rivals returns how the answers came by the strategies that are compared, also
// where there were none.
func (c *Collector) rivals(rep *scenario.Report) []Curve {
	var curves []Curve
	for i := range rep.Rivals {
		r := &rep.Rivals[i]
		all := c.compared[r.Strategy]
		for k := range rep.Actions {
			a := r.Action(rep.Actions[k].Name)
			if a == nil {
				continue
			}
			curve(c.s, &all, k)
			curves = append(curves, closed(all[k:k+1], []scenario.ActionReport{*a}, c.end, r.Strategy)...)
		}
	}
	return curves
}

// closed returns curves as the page has them.
func closed(all []*Curve, actions []scenario.ActionReport, end int64, run string) []Curve {
	var curves []Curve
	for i, x := range all {
		x.close(end)
		k := *x
		k.Run = run
		if i < len(actions) {
			for _, name := range [...]string{"expected", "requests"} {
				if v, ok := actions[i].Value(name); ok {
					k.Total = v
					break
				}
			}
		}
		curves = append(curves, k)
	}
	return curves
}

// WriteRun writes the page of a run.
func WriteRun(w io.Writer, r *Run) error {
	r.data.Measures = nil
	for _, m := range r.Measures {
		r.data.Measures = append(r.data.Measures, m.of(r.groups))
	}
	r.data.Curves = append(r.data.Curves[:len(r.data.Curves):len(r.data.Curves)], r.Others...)
	return write(w, r.title, r.data)
}
