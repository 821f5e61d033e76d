package sim

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/coap2/coap2/sim/dist"
)

// The commands of a script that are about the network.

func (p *performance) link(a *args) error {
	l := Link{InOrder: a.flag("inorder")}
	var from, to string
	if len(a.words) > 0 {
		from, to = a.way()
	}
	l.Latency, l.Jitter, l.Loss = a.duration("latency"), a.duration("jitter"), a.float("loss")
	l.Duplicate, l.Reorder, l.ReorderBy = a.float("dup"), a.float("reorder"), a.duration("by")
	l.Corrupt, l.Rate, l.MTU = a.float("corrupt"), a.rate(), a.number("mtu")
	if s, ok := a.text("delay"); ok {
		d, err := dist.Parse(s)
		if err != nil {
			a.fail("delay: %v", err)
		}
		l.Delay = d
	}
	if s, ok := a.text("bursts"); ok {
		g, err := dist.ParseGilbertElliott(s)
		if err != nil {
			a.fail("bursts: %v", err)
		}
		l.Bursts = &g
	}
	if s, ok := a.text("oversize"); ok {
		o, err := ParseOversize(s)
		if err != nil {
			a.fail("%v", err)
		}
		l.Oversize = o
	}
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Link(from, to, l)
}

func (a *args) rate() Rate {
	return Rate{Bandwidth: a.number("bandwidth"), Queue: a.number("queue")}
}

func (p *performance) iface(a *args) error {
	nodes := a.word("the pattern for nodes")
	i := Interface{Rate: a.rate(), MTU: a.number("mtu"), Buffer: a.number("buffer"), BufferBytes: a.number("bytes"),
		Service: a.duration("service"), HopLimit: a.number("hops"), GroupHopLimit: a.number("grouphops")}
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Interface(nodes, i)
}

func (p *performance) segment(a *args) error {
	s := Segment{Name: a.word("the name"), Nodes: a.word("the pattern for nodes"), Rate: a.rate()}
	s.Up, _ = a.text("up")
	s.Medium = Medium{Bandwidth: a.number("medium"), Overhead: a.number("overhead")}
	if name, ok := a.text("border"); ok {
		scope, err := ParseScope(name)
		if err != nil {
			a.fail("%v", err)
		}
		s.Border = scope
	}
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Segment(s)
}

func (p *performance) set(a *args) error {
	name, nodes := a.word("the name"), a.word("the pattern for nodes")
	if err := a.done(); err != nil {
		return err
	}
	in, err := p.w.Select(nodes)
	if err != nil {
		return err
	}
	return p.w.Set(name, in)
}

func (p *performance) partition(a *args) error {
	x := Partition{OneWay: a.flag("oneway"), From: a.word("the pattern for nodes")}
	x.To = strings.Join(a.rest(), ",")
	if err := a.done(); err != nil {
		return err
	}
	_, err := p.w.Partition(x)
	return err
}

func (p *performance) heal(a *args) error {
	p.w.Heal()
	return a.done()
}

func (p *performance) nat(a *args) error {
	n := NAT{Nodes: a.word("the pattern for nodes"), Idle: a.duration("idle")}
	if s, ok := a.text("addr"); ok {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			a.fail("addr is %q; want an address", s)
		}
		n.Addr = addr
	}
	if err := a.done(); err != nil {
		return err
	}
	return p.w.NAT(n)
}

func (p *performance) rebind(a *args) error {
	name := a.word("the node")
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Rebind(name)
}

// member reads a node and a group.
func (a *args) member() (name string, group netip.Addr) {
	name, text := a.word("the node"), a.word("the group")
	group, err := netip.ParseAddr(text)
	if err != nil {
		a.fail("%q is no address of a group", text)
	}
	return name, group
}

func (p *performance) join(a *args) error {
	name, group := a.member()
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Join(name, group)
}

func (p *performance) leave(a *args) error {
	name, group := a.member()
	if err := a.done(); err != nil {
		return err
	}
	return p.w.Leave(name, group)
}

// net notes the counters of the network that are not zero.
func (p *performance) net(a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	s := p.w.NetStats()
	p.w.Notef("", "network: %s", s.String())
	return nil
}

// String returns the counters that are not zero.
func (s *NetStats) String() string {
	var b strings.Builder
	say := func(name string, n uint64) {
		if n > 0 {
			fmt.Fprintf(&b, ", %s %s", name, strconv.FormatUint(n, 10))
		}
	}
	say("sent", s.Sent)
	say("bytes", s.SentBytes)
	say("copies", s.Copies)
	say("duplicated", s.Duplicated)
	say("delivered", s.Delivered)
	say("bytes", s.DeliveredBytes)
	for c, n := range s.Lost {
		say("lost ("+Cause(c).String()+")", n)
	}
	say("queued", s.Queued)
	return strings.TrimPrefix(b.String(), ", ")
}
