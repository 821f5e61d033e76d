package radio

import (
	"time"

	"github.com/coap2/coap2/netio"
)

// Air is what stations share. It is used by one goroutine at a time.
type Air struct {
	cfg          Config
	minBE, maxBE int
	maxBackoffs  int
	retries      int
	stations     []station
	stats        Stats
	began        netio.Instant
	number       uint16
}

type station struct {
	queue  []job
	active bool // the first of queue is on its way to the air, or on it
	sender
	draws uint64
	// air is until when there are frames of others in the air, heard until when
	// they are heard here; clean the one that is heard alone, ended one that was
	// until this very moment. Until sends it sends, until engaged it turns to an
	// acknowledgement and sends it.
	air, heard, sends, engaged netio.Instant
	clean, ended               *signal
	// Until cursor the time is accounted for.
	cursor netio.Instant
	Energy
	sleeper
	counts Counts
}

// sender is what a station knows of the frame that is the first of its queue.
type sender struct {
	nb, be int
	tries  int    // how often it was sent again
	number uint16 // of the frame, however often it is sent
	// It was hit by another; its receiver has it; it is on its way to the air, or
	// on it, and no longer waits.
	hit, had, sending bool
	until             netio.Instant // it is repeated to wake who sleeps
}

// job is a frame that is to be sent.
type job struct {
	d    *Datagram
	frag int
	next int // who is to get it
	hops int // that it has left
}

// signal is a frame on the air.
type signal struct {
	job
	from     int
	size     int
	number   uint16
	near     []int32 // who hears it; nil = all
	of       *signal // which it acknowledges; nil = none
	acked    bool
	collided bool
}

// maxHops is how many hops a frame goes at most.
const maxHops = 255

// New makes an Air.
func New(cfg Config) (*Air, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Queue == 0 {
		cfg.Queue = 64
	}
	if cfg.Jitter == 0 {
		cfg.Jitter = 100 * time.Millisecond
	}
	if cfg.Duty.Listen == 0 {
		cfg.Duty.Listen = time.Millisecond
	}
	a := &Air{
		cfg: cfg, minBE: orDefault(cfg.MinBE, 3), maxBE: orDefault(cfg.MaxBE, 5), maxBackoffs: orDefault(cfg.MaxBackoffs, 4),
		retries: orDefault(cfg.Retries, 3), stations: make([]station, cfg.Topology.Len()), began: cfg.Clock.Now(),
	}
	if a.duty() {
		for i := range a.stations {
			a.stations[i].phase = time.Duration(a.draw(i, uint64(cfg.Duty.Wake)))
		}
	}
	return a, nil
}

// Stats returns the counters.
func (a *Air) Stats() Stats { return a.stats }

// TotalEnergy returns what all stations together have spent their time on.
func (a *Air) TotalEnergy() Energy {
	var sum Energy
	for i := range a.stations {
		e := a.Energy(i)
		sum.Sending += e.Sending
		sum.Receiving += e.Receiving
		sum.Idle += e.Idle
		sum.Asleep += e.Asleep
	}
	return sum
}

// Reaches reports whether there is a way from one station to another.
func (a *Air) Reaches(from, to int) bool {
	if from == to {
		return true
	}
	t := a.topology()
	if a.cfg.Forward {
		return t.Next(from, to) >= 0
	}
	return t.Hears(from, to)
}

// topology returns who hears whom now.
func (a *Air) topology() *Topology {
	t := a.cfg.Topology
	if t.paths != nil {
		t.move(a.cfg.Clock.Now().Sub(a.began))
	}
	return t
}

// Send sends a datagram, of which all but its header, size, payload and functions
// is the Air's. Its functions may be called before Send returns.
func (a *Air) Send(d *Datagram) {
	h := &d.Header
	next, n := Everyone, len(a.stations)
	d.mesh = a.cfg.Forward
	if h.To != Everyone {
		n = 1
		if !a.Reaches(h.From, h.To) || h.From == h.To {
			d.Done(Unreachable)
			return
		}
		next = h.To
		if d.mesh = !a.cfg.Topology.Hears(h.From, h.To); d.mesh {
			next = a.cfg.Topology.Next(h.From, h.To)
		}
	}
	if d.frags = Fragments(h.Size(), d.Size, d.mesh, h.To == Everyone); d.frags == nil {
		d.Done(Oversize)
		return
	}
	d.number = a.number
	a.number += uint16(len(d.frags))
	d.parts = make([]parts, n)
	if h.To == Everyone {
		d.parts[h.From].seen = 1<<len(d.frags) - 1
	}
	d.live = len(d.frags)
	for i := range d.frags {
		a.enqueue(h.From, job{d, i, next, maxHops})
	}
}

// after calls f later.
func (a *Air) after(d time.Duration, f func()) { a.cfg.Clock.AfterFunc(d, f) }

// draw returns a number below n, at random.
func (a *Air) draw(s int, n uint64) uint64 {
	st := &a.stations[s]
	st.draws++
	return mix(mix(a.cfg.Seed+uint64(s)*0x9e3779b97f4a7c15)+st.draws*0xd1b54a32d192ed03) % n
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (a *Air) enqueue(s int, j job) {
	st := &a.stations[s]
	if len(st.queue) >= a.cfg.Queue {
		a.stats.Overflows++
		st.counts.Overflows++
		j.d.lost |= Overflow
		j.d.over()
		return
	}
	st.queue = append(st.queue, j)
	if !st.active {
		a.begin(s)
	}
}

// over says that a frame neither waits nor is on the air any more.
func (d *Datagram) over() {
	if d.live--; d.live == 0 {
		d.Done(d.lost)
	}
}
