package radio

import (
	"time"

	"github.com/coap2/coap2/netio"
)

// Air is what stations share. It is used by one goroutine at a time.
type Air struct {
	cfg           Config
	minBE, maxBE  int
	maxBackoffs   int
	stations      []station
	stats         Stats
	began         netio.Instant
	number, frame uint16
}

type station struct {
	queue  []job
	active bool // the first of queue is on its way to the air, or on it
	nb, be int
	draws  uint64
	// heard is until when frames are heard here; clean the one that is heard
	// alone, ended one that was until this very moment.
	heard, sends netio.Instant
	clean, ended *signal
	// Until cursor the time is accounted for.
	cursor netio.Instant
	Energy
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
	return &Air{
		cfg: cfg, minBE: orDefault(cfg.MinBE, 3), maxBE: orDefault(cfg.MaxBE, 5), maxBackoffs: orDefault(cfg.MaxBackoffs, 4),
		stations: make([]station, cfg.Topology.Len()), began: cfg.Clock.Now(),
	}, nil
}

// Stats returns the counters.
func (a *Air) Stats() Stats { return a.stats }

// Energy returns what a station has spent its time on.
func (a *Air) Energy(station int) Energy {
	e := a.stations[station].Energy
	e.Idle = max(0, a.cfg.Clock.Now().Sub(a.began)-e.Sending-e.Receiving)
	return e
}

// TotalEnergy returns what all stations together have spent their time on.
func (a *Air) TotalEnergy() Energy {
	var sum Energy
	for i := range a.stations {
		e := a.Energy(i)
		sum.Sending += e.Sending
		sum.Receiving += e.Receiving
		sum.Idle += e.Idle
	}
	return sum
}

// Reaches reports whether there is a way from one station to another.
func (a *Air) Reaches(from, to int) bool {
	if from == to {
		return true
	}
	if a.cfg.Forward {
		return a.cfg.Topology.Next(from, to) >= 0
	}
	return a.cfg.Topology.Hears(from, to)
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

// begin lets a station send the first of its queue.
func (a *Air) begin(s int) {
	st := &a.stations[s]
	if st.active = len(st.queue) > 0; !st.active {
		st.queue = nil
		return
	}
	if a.cfg.Access == NoAccess {
		a.transmit(s)
		return
	}
	st.nb, st.be = 0, a.minBE
	a.backoff(s)
}

func (a *Air) backoff(s int) {
	wait := time.Duration(a.draw(s, 1<<a.stations[s].be)) * Backoff
	a.after(wait+Assessment, func() { a.assess(s) })
}

// assess is the end of a clear channel assessment.
func (a *Air) assess(s int) {
	st := &a.stations[s]
	a.stats.Assessments++
	if st.heard <= a.cfg.Clock.Now().Add(-Assessment) {
		a.after(Turnaround, func() { a.transmit(s) })
		return
	}
	a.stats.Busy++
	st.nb++
	st.be = min(st.be+1, a.maxBE)
	if st.nb <= a.maxBackoffs {
		a.backoff(s)
		return
	}
	a.stats.Failures++
	d := st.queue[0].d
	d.lost |= Busy
	a.drop(s)
	a.begin(s)
	d.over()
}

func (a *Air) drop(s int) {
	st := &a.stations[s]
	st.queue[0] = job{}
	st.queue = st.queue[1:]
}

// transmit puts the first frame of a station's queue on the air.
func (a *Air) transmit(s int) {
	st, now := &a.stations[s], a.cfg.Clock.Now()
	f := &signal{job: st.queue[0], from: s}
	size := f.d.frags[f.frag].Size
	end := now.Add(AirTime(size))
	a.stats.Frames++
	if a.cfg.Sniff != nil {
		a.cfg.Sniff(f.frame(now, a.frame))
	}
	a.frame++

	// Who sends does not hear.
	if st.cursor > now {
		st.Receiving -= min(st.cursor, end).Sub(now)
	}
	st.Sending += end.Sub(now)
	st.cursor, st.sends = max(st.cursor, end), end
	st.settle(now)
	a.spoil(s, st.clean)
	st.clean = nil
	a.cfg.Topology.each(s, func(i int) { a.hear(i, f, now, end) })
	a.after(end.Sub(now), func() { a.end(s, f, size) })
}

// hear lets a station hear the beginning of a frame.
func (a *Air) hear(s int, f *signal, now, end netio.Instant) {
	st := &a.stations[s]
	if from := max(now, st.cursor); end > from {
		st.Receiving += end.Sub(from)
		st.cursor = end
	}
	st.settle(now)
	switch {
	case st.sends > now:
		a.spoil(s, f)
	case st.heard > now:
		a.spoil(s, f)
		a.spoil(s, st.clean)
		st.clean = nil
	default:
		st.clean = f
	}
	st.heard = max(st.heard, end)
}

// settle keeps a frame that ends at the moment at which another begins.
func (st *station) settle(now netio.Instant) {
	if st.clean != nil && st.heard <= now {
		st.clean, st.ended = nil, st.clean
	}
}

// spoil says that a station does not get a frame, for which it may be.
func (a *Air) spoil(s int, f *signal) {
	if f == nil || f.next != Everyone && f.next != s {
		return
	}
	f.d.lost |= Collided
	if !f.collided {
		f.collided = true
		a.stats.Collisions++
	}
}

// end is the end of a frame.
func (a *Air) end(s int, f *signal, size int) {
	a.cfg.Topology.each(s, func(i int) {
		switch st := &a.stations[i]; f {
		case st.clean:
			st.clean = nil
			a.receive(i, f)
		case st.ended:
			st.ended = nil
			a.receive(i, f)
		}
	})
	a.drop(s)
	space := longSpace
	if size <= maxShort {
		space = shortSpace
	}
	a.after(space, func() { a.begin(s) })
	f.d.over()
}

// receive takes a frame that has come to a station.
func (a *Air) receive(s int, f *signal) {
	d := f.d
	if f.next == Everyone {
		if d.take(s, s, f.frag, a.cfg.Clock.Now()) && a.cfg.Forward && f.hops > 1 {
			d.live++
			j := job{d, f.frag, Everyone, f.hops - 1}
			a.after(time.Duration(a.draw(s, uint64(a.cfg.Jitter)+1)), func() { a.enqueue(s, j) })
		}
		return
	}
	switch {
	case f.next != s:
	case s == d.Header.To:
		d.take(s, 0, f.frag, a.cfg.Clock.Now())
	case f.hops > 1:
		d.live++
		a.enqueue(s, job{d, f.frag, a.cfg.Topology.Next(s, d.Header.To), f.hops - 1})
	}
}

// take gives a station a fragment, and reports whether it was new to it.
func (d *Datagram) take(s, slot, frag int, now netio.Instant) bool {
	p := &d.parts[slot]
	bit := uint64(1) << frag
	if p.seen&bit != 0 {
		return false
	}
	p.seen |= bit
	if p.have == 0 {
		p.since = now
	} else if now.Sub(p.since) > ReassemblyTimeout {
		p.have, p.since = 0, now
		d.lost |= Expired
	}
	if p.have |= bit; p.have == 1<<len(d.frags)-1 {
		d.Heard(s)
	}
	return true
}
