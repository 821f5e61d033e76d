package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// maxCopies keeps a fault from becoming a flood.
const maxCopies = 100

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
	// From and To are the nodes between which it happens, in that direction,
	// patterns such as a name; "" = any.
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
	from, to selector
	count    int
}

// Validate reports what is wrong with a Fault, if anything: From or To is no
// pattern.
func (f *Fault) Validate() error {
	if err := ValidatePattern(f.From); err != nil {
		return err
	}
	return ValidatePattern(f.To)
}

// Fault lets a fault happen from now on, besides those that are there. The
// function that it returns ends it. One that is not valid hits nobody.
func (w *World) Fault(f Fault) (remove func()) {
	defer w.hold()()
	x := &fault{Fault: f, from: selectorOf(f.From), to: selectorOf(f.To)}
	w.faults = append(w.faults, x)
	changed := func() {
		if x.from.pattern != nil || x.to.pattern != nil {
			w.changed()
		}
	}
	changed()
	return func() {
		defer w.hold()()
		w.faults = slices.DeleteFunc(slices.Clone(w.faults), func(o *fault) bool { return o == x })
		changed()
	}
}

// selectorOf returns the selector of a pattern; one that is none is for nobody.
func selectorOf(s string) selector {
	p, err := parsePattern(s)
	if err != nil {
		p = pattern{}
	}
	return selector{pattern: p}
}

// judge adds to a verdict what the faults say, in the order in which they were
// added.
func (w *World) judge(v *Verdict, p *Packet, from, to *class) {
	for _, f := range w.faults {
		if from.in(f.from) && to.in(f.to) && f.hits(p) {
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
	if at < f.Since || f.Until != 0 && at >= f.Until {
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
