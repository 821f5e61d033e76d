package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/coap2/coap2/netio"
)

// NAT is a network address translator. The nodes behind it are seen from outside
// with an address and port of the NAT: a mapping, made when they first send
// something out, the same whomever they talk to, and open to everyone
// (endpoint-independent, RFC 4787 §4.1 and §5). What is sent to their own address
// from outside finds nobody. Among each other they use their own addresses.
type NAT struct {
	// Nodes are behind it, a pattern.
	Nodes string
	// Addr is its outside address; the zero value: each node keeps its own, and
	// only the port is translated. Datagrams of the other address family are
	// not translated.
	Addr netip.Addr
	// Idle is how long a mapping lives after the last datagram that left through
	// it (RFC 4787 §4.3 wants at least 2 minutes); 0 = for ever.
	Idle time.Duration
}

// Validate reports what is wrong with a NAT, if anything.
func (n NAT) Validate() error {
	if err := ValidatePattern(n.Nodes); err != nil {
		return err
	}
	if n.Addr.IsValid() && (n.Addr.IsUnspecified() || n.Addr.IsMulticast()) {
		return fmt.Errorf("sim: NAT.Addr is %v; want a unicast address", n.Addr)
	}
	if n.Idle < 0 || n.Idle > maxDelay {
		return fmt.Errorf("sim: NAT.Idle is %v; it must be between 0 and %v", n.Idle, maxDelay)
	}
	return nil
}

// translates reports whether an address of a node behind it is translated.
func (n *NAT) translates(a netip.Addr) bool { return !n.Addr.IsValid() || n.Addr.Is4() == a.Is4() }

// mapping is what a NAT remembers of an address of a node behind it.
type mapping struct {
	rule            *natRule
	host            hostID
	inside, outside netip.AddrPort
	used            netio.Instant
}

func (m *mapping) expired(now netio.Instant) bool {
	return m.rule.Idle > 0 && now.Sub(m.used) >= m.rule.Idle
}

// translations are the mappings of all NATs.
type translations struct {
	inside, outside map[netip.AddrPort]*mapping
	port            map[netip.Addr]uint16 // that was given last
}

func (t *translations) forget(m *mapping) {
	delete(t.inside, m.inside)
	delete(t.outside, m.outside)
}

// NAT puts nodes behind a NAT; of several that fit a node, the one set last
// counts. One with the same Nodes takes the place of the other, and all its
// mappings end.
func (w *World) NAT(n NAT) error {
	defer w.hold()()
	return w.nat(n)
}

func (w *World) nat(n NAT) error {
	if err := n.Validate(); err != nil {
		return err
	}
	n.Addr = n.Addr.Unmap()
	w.nats = slices.DeleteFunc(w.nats, func(o *natRule) bool { return o.Nodes == n.Nodes })
	if len(w.nats) >= maxRules {
		return fmt.Errorf("sim: there are %d NATs, which is too many", maxRules)
	}
	w.nats = append(w.nats, &natRule{nodes: selectorOf(n.Nodes), NAT: n})
	w.changed()
	return nil
}

// Rebind ends the NAT mappings of a node, as a NAT does that was started again:
// from now on others see it with another port, and what is sent to the one
// before finds nobody. A node that is behind no NAT gets one of its own.
func (w *World) Rebind(name string) error {
	defer w.hold()()
	id, ok := w.idOf(name)
	if !ok {
		return fmt.Errorf("sim: there is no node or peer %q", name)
	}
	if w.natOf(id) == nil {
		if err := w.nat(NAT{Nodes: name}); err != nil {
			return err
		}
	}
	for _, a := range w.addrsOfID(id) {
		if m := w.mapped.inside[a]; m != nil {
			w.mapped.forget(m)
		}
	}
	w.trace.text(w, traceNote, name, "rebinds")
	return nil
}

// Outside returns the address with which a node is seen from outside of its NAT,
// its own if there is none. It is the zero value if there is a NAT and no mapping
// now.
func (w *World) Outside(name string) netip.AddrPort {
	defer w.hold()()
	id, ok := w.idOf(name)
	if !ok {
		return netip.AddrPort{}
	}
	a := w.addrsOfID(id)[0]
	nat := w.natOf(id)
	if nat == nil || !nat.translates(a.Addr()) {
		return a
	}
	if m := w.mapped.inside[a]; m != nil && m.rule == nat && !m.expired(w.now) {
		return m.outside
	}
	return netip.AddrPort{}
}

// translate returns the source address that a datagram has outside of a NAT. ok
// is false if the NAT has no port left.
func (w *World) translate(rule *natRule, from hostID, src netip.AddrPort) (outside netip.AddrPort, ok bool) {
	m := w.mapped.inside[src]
	if m != nil && (m.rule != rule || m.expired(w.now)) {
		w.mapped.forget(m)
		m = nil
	}
	if m == nil {
		addr := rule.Addr
		if !addr.IsValid() {
			addr = src.Addr()
		}
		if outside, ok = w.freePort(addr); !ok {
			return outside, false
		}
		m = &mapping{rule: rule, host: from, inside: src, outside: outside}
		w.mapped.inside[src], w.mapped.outside[outside] = m, m
	}
	m.used = w.now
	return m.outside, true
}

// freePort returns the next port of an address that nobody has.
func (w *World) freePort(addr netip.Addr) (a netip.AddrPort, ok bool) {
	const first = 1024
	p := w.mapped.port[addr]
	for range math16 - first {
		if p++; p < first {
			p = first
		}
		a = netip.AddrPortFrom(addr, p)
		if m := w.mapped.outside[a]; m != nil && m.expired(w.now) {
			w.mapped.forget(m)
		}
		if _, taken := w.idAt(a); !taken && w.mapped.outside[a] == nil {
			w.mapped.port[addr] = p
			return a, true
		}
	}
	return a, false
}

const math16 = 1 << 16

// find returns whom a unicast datagram reaches, and at which of its addresses;
// through says that it comes through a NAT.
func (w *World) find(from *host, dst netip.AddrPort) (to hostID, inside netip.AddrPort, through, ok bool) {
	if len(w.nats) > 0 {
		if m := w.mapped.outside[dst]; m != nil {
			return m.host, m.inside, true, !m.expired(w.now) && m.rule == w.natOf(m.host)
		}
	}
	to, ok = w.idAt(dst)
	if ok && len(w.nats) > 0 {
		nat := w.natOf(to)
		if nat != nil && nat.translates(dst.Addr()) && nat != w.natOf(from.id) {
			return to, dst, false, false
		}
	}
	return to, dst, false, ok
}
