package scenario

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// armFault prepares a fault.
func (r *run) armFault(f *fault) {
	r.repeat(&f.schedule, func(n int) { r.strike(f, n) })
}

// strike lets a fault happen, and end when it has lasted long enough.
func (r *run) strike(f *fault, n int) {
	who := r.chosen(f.who, "fault/"+f.name, n)
	end, err := r.begin(f, n, who)
	if err != nil {
		r.broken = append(r.broken, fmt.Sprintf("faults.%s: %v", f.name, err))
		return
	}
	detail := fmt.Sprintf("%s of %d nodes", f.verb, who.len())
	r.w.Notef("", "fault %s begins: %s", f.name, detail)
	r.event(f.name, "begins", -1, -1, detail)
	if end == nil || f.length == 0 {
		return
	}
	r.w.AfterFunc(f.length, func() {
		end()
		r.w.Notef("", "fault %s ends", f.name)
		r.event(f.name, "ends", -1, -1, "")
	})
}

// begin lets a fault begin; end is nil where nothing is to end.
func (r *run) begin(f *fault, n int, who members) (end func(), err error) {
	switch f.verb {
	case crash:
		return r.crash(who)
	case partition:
		return r.part(f, n, who)
	case disturb:
		return r.disturb(f, n, who)
	case lie:
		return r.lie(f, n, who)
	case kill:
		return nil, r.forEach(who, func(name string) error {
			_ = r.w.Kill(name, f.failures) // what is dead already stays so
			return nil
		})
	case rebind:
		return nil, r.forEach(who, r.w.Rebind)
	}
	panic("scenario: there is no fault " + string(f.verb))
}

// forEach calls f with the names of nodes; the first error is the one that
// counts.
func (r *run) forEach(who members, f func(name string) error) error {
	var err error
	who.each(func(i int) {
		if e := f(r.s.nodes.name(i)); e != nil && err == nil {
			err = e
		}
	})
	return err
}

// set gives nodes a name by which the network knows them; or all others. The
// hosts from which a node discovers go with it.
func (r *run) set(name string, who members, others bool) (pattern string, err error) {
	err = r.w.Set(name, func(node string) bool {
		node, _, _ = strings.Cut(node, askerMark)
		i := r.s.nodes.index(node)
		return i >= 0 && who.has(i) != others
	})
	return "@" + name, err
}

// crash lets nodes crash; those that are down already are left to whoever has
// felled them.
func (r *run) crash(who members) (restart func(), err error) {
	var fell []int
	who.each(func(i int) {
		if r.down[i] || err != nil {
			return
		}
		if err = r.w.Crash(r.s.nodes.name(i)); err == nil {
			r.down[i] = true
			fell = append(fell, i)
		}
	})
	return func() {
		for _, i := range fell {
			r.restart(i)
		}
	}, err
}

// restart starts a node that has crashed. Where its socket cannot be opened yet
// (kill) it tries again, as whoever watches over a process does.
func (r *run) restart(i int) {
	if _, err := r.w.Restart(r.s.nodes.name(i)); err != nil {
		r.w.AfterFunc(time.Second, func() { r.restart(i) })
		return
	}
	delete(r.down, i)
}

// part parts nodes from others.
func (r *run) part(f *fault, n int, who members) (heal func(), err error) {
	name := fmt.Sprintf("fault/%s/%d", f.name, n)
	these, err := r.set(name, who, false)
	if err != nil {
		return nil, err
	}
	var those string
	if f.against != nil {
		those, err = r.set(name+"/against", r.chosen(f.against, name+"/against", n), false)
	} else {
		those, err = r.set(name+"/others", who, true)
	}
	if err != nil {
		return nil, err
	}
	p := sim.Partition{From: these, To: those, OneWay: f.way != both}
	if f.way == in {
		p.From, p.To = those, these
	}
	return r.w.Partition(p)
}

// disturb makes the links of nodes worse.
func (r *run) disturb(f *fault, n int, who members) (end func(), err error) {
	name := fmt.Sprintf("fault/%s/%d", f.name, n)
	these, err := r.set(name, who, false)
	if err != nil {
		return nil, err
	}
	random := r.rand(name)
	judge := func(p *sim.Packet) sim.Verdict { return f.verdict(p, random) }
	out := r.w.Fault(sim.Fault{From: these, Judge: judge})
	others, err := r.set(name+"/others", who, true)
	if err != nil {
		return nil, err
	}
	in := r.w.Fault(sim.Fault{From: others, To: these, Judge: judge})
	return func() { out(); in() }, nil
}

// lie lets a stranger acknowledge what nodes send to others, and answer in the
// name of these, once the message has been sent.
func (r *run) lie(f *fault, n int, who members) (end func(), err error) {
	if r.liar == nil {
		if r.liar, err = r.w.Peer(askerMark + "liar"); err != nil {
			return nil, err
		}
	}
	name := fmt.Sprintf("fault/%s/%d", f.name, n)
	these, err := r.set(name, who, false)
	if err != nil {
		return nil, err
	}
	random := r.rand(name)
	return r.w.Fault(sim.Fault{From: these, Judge: func(p *sim.Packet) (v sim.Verdict) {
		if m, err := p.Message(); err == nil && m.Type == codec.CON && !p.Multicast && happens(f.share, random) {
			ack := codec.Message{Type: codec.ACK, MessageID: m.MessageID}
			answer := codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: m.MessageID, Token: codec.TokenFromUint64(random.Uint64())}
			victim, other := p.Source, p.To
			r.w.AfterFunc(0, func() { r.forge(victim, other, &ack, &answer) })
		}
		return v
	}}), nil
}

// forge sends an acknowledgement from the liar, and an answer as if from another.
func (r *run) forge(victim netip.AddrPort, other string, ack, answer *codec.Message) {
	for _, m := range [2]*codec.Message{ack, answer} {
		data, err := m.Append(nil)
		switch {
		case err != nil:
			r.broken = append(r.broken, err.Error())
		case m == ack:
			_ = r.liar.Send(victim, data) // the victim may be gone
		default:
			_ = r.w.Inject(other, victim, data) // and so may be the other
		}
	}
}

// verdict says what happens to a datagram of a disturbed link.
func (f *fault) verdict(p *sim.Packet, random *rand.Rand) (v sim.Verdict) {
	v.Drop = happens(f.loss, random)
	v.Delay = f.delay.draw(random)
	if happens(f.duplicate, random) {
		v.Copies = 1
	}
	if happens(f.corrupt, random) && len(p.Data) > 0 {
		bit := random.IntN(8 * len(p.Data))
		v.Edit = func(b []byte) []byte {
			b[bit/8] ^= 1 << (bit % 8)
			return b
		}
	}
	return v
}
