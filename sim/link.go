package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Link is how datagrams travel in one direction. The zero value is perfect:
// they arrive at once, all of them, in order.
type Link struct {
	// Latency is how long a datagram is under way.
	Latency time.Duration
	// Jitter is the most that is added to Latency, uniformly at random. It
	// reorders datagrams that are closer together than that.
	Jitter time.Duration
	// Loss is the probability, 0 to 1, that a datagram is lost.
	Loss float64
	// Duplicate is the probability, 0 to 1, that a datagram arrives twice.
	Duplicate float64
	// Reorder is the probability, 0 to 1, that a datagram is held up for a
	// random time of at most ReorderBy, so that others overtake it.
	Reorder float64
	// ReorderBy is the longest such time; 0 = 100 ms.
	ReorderBy time.Duration
}

// Validate reports what is wrong with a Link, if anything.
func (l Link) Validate() error {
	for _, f := range [...]struct {
		name string
		v    float64
	}{{"Loss", l.Loss}, {"Duplicate", l.Duplicate}, {"Reorder", l.Reorder}} {
		if !(f.v >= 0 && f.v <= 1) { // so that NaN is refused too
			return fmt.Errorf("sim: Link.%s is %v; it is a probability, 0 to 1", f.name, f.v)
		}
	}
	for _, f := range [...]struct {
		name string
		v    time.Duration
	}{{"Latency", l.Latency}, {"Jitter", l.Jitter}, {"ReorderBy", l.ReorderBy}} {
		if f.v < 0 || f.v > maxDelay {
			return fmt.Errorf("sim: Link.%s is %v; it must be between 0 and %v", f.name, f.v, maxDelay)
		}
	}
	return nil
}

// maxCopies keeps a fault from becoming a flood.
const maxCopies = 100

// maxDelay keeps sums of delays far from the end of time.Duration.
const maxDelay = 1000 * time.Hour

// delay returns how long a datagram takes, extra included.
func (l *Link) delay(r *rand.Rand, extra time.Duration) time.Duration {
	d := l.Latency + min(max(extra, 0), maxDelay)
	if l.Jitter > 0 {
		d += time.Duration(r.Float64() * float64(l.Jitter))
	}
	return d
}

// linkRule is a Link and for whom it is.
type linkRule struct {
	from, to string // "" = any
	link     Link
}

// Link sets the properties of the way from one node to another, in that
// direction. An empty name stands for all nodes; of several that fit, the one set
// last counts. What is already under way is not touched.
func (w *World) Link(from, to string, l Link) error {
	if err := l.Validate(); err != nil {
		return err
	}
	for i := range w.links {
		if w.links[i].from == from && w.links[i].to == to {
			w.links = append(w.links[:i], w.links[i+1:]...)
			break
		}
	}
	w.links = append(w.links, linkRule{from, to, l})
	return nil
}

func (n *network) linkOf(from *host, to hostID) *Link {
	for i := len(n.links) - 1; i >= 0; i-- {
		if r := &n.links[i]; r.matches(n, from, to) {
			return &r.link
		}
	}
	return &Link{}
}

func (r *linkRule) matches(n *network, from *host, to hostID) bool {
	return (r.from == "" || r.from == from.name) && (r.to == "" || r.to == n.nameOfID(to))
}

// Packet is a datagram that is about to be sent, as a Fault sees it.
type Packet struct {
	At       netio.Instant
	From, To string // nodes
	// Source and Dest are its addresses; Dest is the group's if Multicast.
	Source, Dest netip.AddrPort
	// Data is the payload, valid during the call and not to be changed.
	Data      []byte
	Multicast bool
}

// Message returns the CoAP message in the datagram, which refers to Data, or the
// error of codec.Message.Parse.
func (p *Packet) Message() (codec.Message, error) {
	var m codec.Message
	err := m.Parse(p.Data)
	return m, err
}

// Verdict is what is to happen to one datagram. The zero value lets it pass.
type Verdict struct {
	// Drop loses it.
	Drop bool
	// Delay holds it up, in addition to what the Link does.
	Delay time.Duration
	// Copies is how many more times it arrives, at most 100.
	Copies int
	// Edit changes its payload; it may change what it is given.
	Edit func(data []byte) []byte
	// Unreachable loses it, and makes the network tell the sender so, as ICMP
	// does: this is the error.
	Unreachable error
}

// passes reports whether the verdict leaves a datagram alone.
func (v *Verdict) passes() bool {
	return !v.Drop && v.Delay <= 0 && v.Copies <= 0 && v.Edit == nil && v.Unreachable == nil
}

// and adds to a verdict what another says.
func (v *Verdict) and(o Verdict) {
	v.Drop = v.Drop || o.Drop
	v.Delay = min(max(v.Delay, 0), maxDelay) + min(max(o.Delay, 0), maxDelay)
	v.Copies = min(max(v.Copies, 0)+max(o.Copies, 0), maxCopies)
	if o.Unreachable != nil {
		v.Unreachable = o.Unreachable
	}
	switch first := v.Edit; {
	case first == nil:
		v.Edit = o.Edit
	case o.Edit != nil:
		v.Edit = func(b []byte) []byte { return o.Edit(first(b)) }
	}
}

// Fault hits chosen datagrams. All conditions must hold; the zero value hits
// all datagrams, and lets them pass.
type Fault struct {
	// From and To are the nodes between which it happens, in that direction;
	// "" = any.
	From, To string
	// Since and Until bound when it happens, as time since the World's
	// beginning (World.Elapsed): from Since on, before Until. 0 = no bound.
	Since, Until time.Duration
	// Match says for which datagrams it happens; nil = all.
	Match func(*Packet) bool
	// Nth are the ones that are hit, of the datagrams for which all of the
	// above holds, counted from 1; empty = all of them.
	Nth []int
	// Verdict is what happens to them.
	Verdict Verdict
	// Judge, where set, says what happens instead of Verdict.
	Judge func(*Packet) Verdict
}

type fault struct {
	Fault
	count int
}

// Fault lets a fault happen from now on, besides those that are there. The
// function that it returns ends it.
func (w *World) Fault(f Fault) (remove func()) {
	x := &fault{Fault: f}
	w.faults = append(w.faults, x)
	return func() {
		for i := range w.faults {
			if w.faults[i] == x {
				w.faults = append(w.faults[:i:i], w.faults[i+1:]...)
				return
			}
		}
	}
}

// chance returns what chance has in store for a datagram.
func (l *Link) chance(r *rand.Rand) Verdict {
	var v Verdict
	if l.Loss > 0 && r.Float64() < l.Loss {
		v.Drop = true
	}
	if l.Duplicate > 0 && r.Float64() < l.Duplicate {
		v.Copies = 1
	}
	if l.Reorder > 0 && r.Float64() < l.Reorder {
		by := l.ReorderBy
		if by == 0 {
			by = 100 * time.Millisecond
		}
		v.Delay = time.Duration(r.Float64() * float64(by))
	}
	return v
}

// judge adds to a verdict what the faults say, in the order in which they were
// added.
func (w *World) judge(v *Verdict, p *Packet) {
	for _, f := range w.faults {
		if f.hits(p) {
			if f.Judge != nil {
				v.and(f.Judge(p))
			} else {
				v.and(f.Verdict)
			}
		}
	}
}

func (f *fault) hits(p *Packet) bool {
	at := p.At.Sub(Epoch)
	if f.From != "" && f.From != p.From || f.To != "" && f.To != p.To || at < f.Since || f.Until != 0 && at >= f.Until {
		return false
	}
	if f.Match != nil && !f.Match(p) {
		return false
	}
	f.count++
	if len(f.Nth) == 0 {
		return true
	}
	for _, n := range f.Nth {
		if n == f.count {
			return true
		}
	}
	return false
}
