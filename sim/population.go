package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

// Group says how many nodes that are alike are to be; see World.Nodes.
type Group struct {
	// Count is how many nodes there are, at least 1.
	Count int
	// Name is the pattern of their names, in which "%d" stands for the number
	// of a node: "s%d".
	Name string
	// First is the number of the first node, 0 or more.
	First int
	// Listen is the address of the first node; the others have the addresses
	// that follow. Without a host, or empty, it is the next free block of
	// 10.0.0.0/8; the port is 5683 unless it says otherwise.
	Listen string
	// Config is that of every node. Its Name, Listen, Env and Open are the
	// World's and must be zero, and what Setup is for is done by the Setup
	// below.
	Config actors.Config
	// Setup, where set, adds to a node what it is to have, before it starts.
	// It is called when the node is needed for the first time, and whenever it
	// starts again; i counts from 0. What it does may depend on i, but not on
	// when it is called.
	Setup func(i int, n *actors.Node) error
	// Raw, where set, says which of the nodes are none, but hosts that speak in
	// raw datagrams as a Peer does: those for which it returns a function that
	// is called with what they receive. It is asked when Setup would be called,
	// and must answer by i alone.
	Raw func(i int) func(p *Peer, d netio.Datagram)
}

// maxPopulation keeps hostIDs and addresses in their ranges.
const maxPopulation = 1 << 24

// Population is a group of nodes of a World.
type Population struct {
	w              *World
	group          Group
	base           hostID
	first          netip.AddrPort
	prefix, suffix string
	start          spec
	awake          int
}

// spec is what a node is started with.
type spec struct {
	cfg actors.Config
	// members have this instead of cfg.Setup
	setup func(i int, n *actors.Node) error
	raw   func(i int) func(p *Peer, d netio.Datagram)
	// params are those of cfg, with defaults.
	params protocol.Params
}

// Nodes adds nodes that are alike, up to a million and more. Until one is needed,
// by the first datagram that arrives there or by Lookup, it is no more than its
// place in the network: a few bytes, and nothing happens for it. Then it is
// started, as by World.Node, and stays.
func (w *World) Nodes(g Group) (*Population, error) {
	defer w.hold()()
	if w.closed {
		return nil, fmt.Errorf("sim: nodes %q: %w", g.Name, ErrClosed)
	}
	p := &Population{w: w, group: g}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("sim: nodes %q: %w", g.Name, err)
	}
	p.start = spec{cfg: g.Config, setup: g.Setup, raw: g.Raw, params: g.Config.Params.WithDefaults()}
	p.base = hostID(len(w.hosts))
	w.hosts = append(w.hosts, make([]*host, g.Count)...)
	w.populations = append(w.populations, p)
	return p, nil
}

// check reports what is wrong with a group, and finds its names and addresses.
func (p *Population) check() error {
	g, w := &p.group, p.w
	var ok bool
	p.prefix, p.suffix, ok = strings.Cut(g.Name, "%d")
	c := &g.Config
	switch {
	case g.Count < 1 || g.Count > maxPopulation || len(w.hosts)+g.Count > math.MaxInt32:
		return fmt.Errorf("the Count is %d; it must be between 1 and %d", g.Count, maxPopulation)
	case g.First < 0 || g.First > math.MaxInt32:
		return fmt.Errorf("the First is %d; it must be between 0 and %d", g.First, math.MaxInt32)
	case !ok || strings.Contains(p.suffix, "%"):
		return errors.New("the Name is no pattern; want one such as s%d")
	case c.Env != nil || c.Open != nil || c.Name != "" || len(c.Listen) > 0 || c.Setup != nil:
		return errors.New("Config.Name, Listen, Env, Open and Setup are not for a group; see Group")
	}
	if err := checkName(p.name(g.Count - 1)); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if err := w.freeNames(p); err != nil {
		return err
	}
	return p.place()
}

// freeNames reports whether one of the names belongs to somebody else.
func (n *network) freeNames(p *Population) error {
	for _, h := range n.hosts {
		if h != nil {
			if _, ok := p.numberOf(h.name); ok {
				return fmt.Errorf("the name %q is in use", h.name)
			}
		}
	}
	for _, o := range n.populations {
		few, many := p, o
		if few.group.Count > many.group.Count {
			few, many = many, few
		}
		for i := range few.group.Count {
			if name := few.name(i); many.has(name) {
				return fmt.Errorf("the name %q is in use", name)
			}
		}
	}
	return nil
}

// place finds the addresses of the group.
func (p *Population) place() error {
	g, n := &p.group, &p.w.network
	if host, port, ok := strings.Cut(g.Listen, ":"); ok && host != "" || !ok && g.Listen != "" {
		first, err := n.parseAddr(g.Listen)
		if err != nil {
			return err
		}
		p.first = first
		if last := p.addr(g.Count - 1); !last.Addr().IsValid() || last.Addr().IsMulticast() {
			return fmt.Errorf("there are no %d addresses from %v on", g.Count, first)
		}
		if taken := n.taken(p); taken.IsValid() {
			return fmt.Errorf("the address %v is in use", taken)
		}
		return nil
	} else if port == "" {
		p.first = netip.AddrPortFrom(n.next.Next(), coapPort)
	} else {
		_, err := n.parseAddr(g.Listen)
		if err != nil {
			return err
		}
		v, _ := strconv.ParseUint(port, 10, 16) // it has just been read
		p.first = netip.AddrPortFrom(n.next.Next(), uint16(v))
	}
	for taken := n.taken(p); taken.IsValid(); taken = n.taken(p) {
		p.first = netip.AddrPortFrom(taken.Addr().Next(), p.first.Port())
	}
	last := p.addr(g.Count - 1).Addr()
	if !last.Is4() || last.As4()[0] != 10 {
		return errors.New("10.0.0.0/8 has no room for so many")
	}
	n.next = last
	return nil
}

// taken returns an address of the group that is in use; none if all are free.
func (n *network) taken(p *Population) (a netip.AddrPort) {
	for _, h := range n.hosts {
		if h == nil {
			continue
		}
		for _, a := range h.addrs {
			if _, ok := p.indexOf(a); ok {
				return a
			}
		}
	}
	for _, o := range n.populations {
		if last := o.addr(o.group.Count - 1); p.holds(last) || o.holds(p.addr(p.group.Count-1)) {
			return last
		}
	}
	return a
}

func (p *Population) holds(a netip.AddrPort) bool {
	_, ok := p.indexOf(a)
	return ok
}

// Len returns how many nodes there are.
func (p *Population) Len() int { return p.group.Count }

// Awake returns how many of them have been needed so far.
func (p *Population) Awake() int {
	defer p.w.hold()()
	return p.awake
}

// Name returns the name of node i, counted from 0.
func (p *Population) Name(i int) string {
	p.bound(i)
	return p.name(i)
}

// Addr returns the address of node i.
func (p *Population) Addr(i int) netip.AddrPort {
	p.bound(i)
	return p.addr(i)
}

// Node returns node i, and starts it if it has not been needed before.
func (p *Population) Node(i int) (*actors.Node, error) {
	p.bound(i)
	h, err := p.w.wake(p.base + hostID(i))
	if err != nil {
		return nil, err
	}
	defer p.w.hold()()
	if h.down {
		return nil, fmt.Errorf("sim: node %q has crashed", h.name)
	}
	if h.node == nil {
		return nil, fmt.Errorf("sim: %q is no node, but a host that speaks in raw datagrams", h.name)
	}
	return h.node, nil
}

func (p *Population) bound(i int) {
	if i < 0 || i >= p.group.Count {
		panic(fmt.Sprintf("sim: node %d of %q is out of range; there are %d", i, p.group.Name, p.group.Count))
	}
}

func (p *Population) name(i int) string {
	return p.prefix + strconv.Itoa(p.group.First+i) + p.suffix
}

// has reports whether a name is one of the group's.
func (p *Population) has(name string) bool {
	_, ok := p.numberOf(name)
	return ok
}

// numberOf returns the index of a node by its name.
func (p *Population) numberOf(name string) (i int, ok bool) {
	digits, ok := strings.CutPrefix(name, p.prefix)
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, p.suffix); !ok {
		return 0, false
	}
	if digits == "" || digits[0] < '0' || digits[0] > '9' || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if i = n - p.group.First; err != nil || i < 0 || i >= p.group.Count {
		return 0, false
	}
	return i, true
}

// addr computes the address of node i; it is invalid beyond the last there is.
func (p *Population) addr(i int) netip.AddrPort {
	a := p.first.Addr()
	if a.Is4() {
		b := a.As4()
		v := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
		if v += uint64(i); v > math.MaxUint32 {
			return netip.AddrPort{}
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), p.first.Port())
	}
	b := a.As16()
	carry := uint64(i)
	for k := 15; k >= 0 && carry > 0; k-- {
		carry += uint64(b[k])
		b[k] = byte(carry)
		carry >>= 8
	}
	if carry > 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(b).WithZone(a.Zone()), p.first.Port())
}

// indexOf returns the index of a node by its address.
func (p *Population) indexOf(a netip.AddrPort) (i int, ok bool) {
	x, first := a.Addr(), p.first.Addr()
	if x.Is4() && first.Is4() { // nearly always
		b, f := x.As4(), first.As4()
		// One before the first is far behind the last.
		d := binary.BigEndian.Uint32(b[:]) - binary.BigEndian.Uint32(f[:])
		return int(d), a.Port() == p.first.Port() && uint64(d) < uint64(p.group.Count)
	}
	if a.Port() != p.first.Port() || x.Is4() != first.Is4() || x.Zone() != first.Zone() || x.Less(first) {
		return 0, false
	}
	b, f := x.As16(), first.As16()
	var d, borrow uint64
	for k := 15; k >= 0; k-- {
		v := uint64(b[k]) - uint64(f[k]) - borrow
		borrow = v >> 63
		if k >= 12 {
			d |= (v & 0xff) << (8 * (15 - k))
		} else if v&0xff != 0 {
			return 0, false
		}
	}
	if d >= uint64(p.group.Count) {
		return 0, false
	}
	return int(d), true
}

// Lookup returns the node of a name. One of a population that has not been needed
// before is started.
func (w *World) Lookup(name string) (*actors.Node, error) {
	release := w.hold()
	id, ok := w.idOf(name)
	release()
	if !ok {
		return nil, fmt.Errorf("sim: there is no node %q", name)
	}
	h, err := w.wake(id)
	if err != nil {
		return nil, err
	}
	defer w.hold()()
	switch {
	case h.down:
		return nil, fmt.Errorf("sim: node %q has crashed", name)
	case h.node == nil:
		return nil, fmt.Errorf("sim: %q is no node", name)
	}
	return h.node, nil
}

// populationOf returns the population of a host, nil if it has none.
func (n *network) populationOf(id hostID) *Population {
	low, high := 0, len(n.populations)
	for low < high {
		m := (low + high) / 2
		if n.populations[m].base <= id {
			low = m + 1
		} else {
			high = m
		}
	}
	if low == 0 {
		return nil
	}
	if p := n.populations[low-1]; id < p.base+hostID(p.group.Count) {
		return p
	}
	return nil
}

// idOf finds a host by its name.
func (n *network) idOf(name string) (hostID, bool) {
	if h := n.byName[name]; h != nil {
		return h.id, true
	}
	for _, p := range n.populations {
		if i, ok := p.numberOf(name); ok {
			return p.base + hostID(i), true
		}
	}
	return 0, false
}

// idAt finds a host by its address.
func (n *network) idAt(a netip.AddrPort) (hostID, bool) {
	for _, p := range n.populations {
		if i, ok := p.indexOf(a); ok {
			return p.base + hostID(i), true
		}
	}
	if h := n.byAddr[a]; h != nil {
		return h.id, true
	}
	return 0, false
}

// nameOfID returns the name of a host.
func (n *network) nameOfID(id hostID) string {
	if h := n.hosts[id]; h != nil {
		return h.name
	}
	p := n.populationOf(id)
	return p.name(int(id - p.base))
}

// addrsOfID returns the addresses of a host.
func (n *network) addrsOfID(id hostID) []netip.AddrPort {
	if h := n.hosts[id]; h != nil {
		return h.addrs
	}
	p := n.populationOf(id)
	return []netip.AddrPort{p.addr(int(id - p.base))}
}

// wake returns a host; if it is a member of a population that has not been
// needed before, its node is started.
func (w *World) wake(id hostID) (*host, error) {
	if w.live != nil {
		return w.wakeLive(id)
	}
	if h := w.hosts[id]; h != nil {
		return h, h.failed
	}
	if w.closed {
		return nil, fmt.Errorf("sim: node %q: %w", w.nameOfID(id), ErrClosed)
	}
	h := w.member(id)
	w.populationOf(id).awake++
	w.used(h)
	h.failed = w.start(h)
	return h, h.failed
}

// member makes the host of a member of a population.
func (n *network) member(id hostID) *host {
	p := n.populationOf(id)
	i := int(id - p.base)
	h := &host{w: p.w, id: id, name: p.name(i), spec: &p.start, member: int32(i) + 1}
	h.one[0] = p.addr(i)
	h.addrs = h.one[:]
	h.key = hashName(hashSeed, h.name)
	n.hosts[id] = h
	return h
}
