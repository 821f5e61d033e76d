package sim

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// selector is a pattern that has been given a number; all if below 0.
type selector struct {
	pattern pattern
	number  int32
}

// class is what all nodes share that the same patterns fit.
type class struct {
	fits    []int32 // numbers of patterns, ascending
	iface   *ifaceRule
	segment *segmentRule // nil: the backbone
	nat     *natRule
}

func (c *class) in(s selector) bool {
	if s.pattern == nil {
		return true
	}
	_, ok := slices.BinarySearch(c.fits, s.number)
	return ok
}

// way is what holds between the nodes of two classes, in one direction.
type way struct {
	link *Link
	cut  bool // by a partition
	// hops is how many routers are on the way, border the widest scope that one of
	// them stops, gates their bottlenecks.
	hops   int
	border Scope
	gates  []*gate
}

// derive makes what is derived anew.
func (r *rules) derive() {
	r.fresh, r.trivial = true, true
	r.patterns, r.wild = r.patterns[:0], r.wild[:0]
	r.exact, r.byBits, r.ways = map[string][]int32{}, map[string]uint32{}, map[[2]uint32]*way{}
	r.classes, r.lastKey, r.lastWay = r.classes[:0], [2]uint32{}, nil
	clear(r.of)
	for _, x := range r.links {
		r.number(&x.from)
		r.number(&x.to)
	}
	for _, x := range r.ifaces {
		r.number(&x.nodes)
	}
	for _, x := range r.segments {
		r.number(&x.nodes)
	}
	for _, x := range r.partitions {
		r.number(&x.from)
		r.number(&x.to)
	}
	for _, x := range r.nats {
		r.number(&x.nodes)
	}
	for _, x := range r.faults {
		r.number(&x.from)
		r.number(&x.to)
	}
}

// number gives a selector its number.
func (r *rules) number(s *selector) {
	if s.pattern == nil {
		return
	}
	r.trivial = false
	s.number = int32(len(r.patterns))
	r.patterns = append(r.patterns, s.pattern)
	if name, ok := s.pattern.plain(); ok {
		r.exact[name] = append(r.exact[name], s.number)
	} else {
		r.wild = append(r.wild, s.number)
	}
}

// classOf returns the number of the class of a node.
func (w *World) classOf(id hostID) uint32 {
	r := &w.rules
	if !r.fresh {
		r.derive()
	}
	if r.trivial {
		if len(r.classes) == 0 {
			r.newClass(nil)
		}
		return 1
	}
	for int(id) >= len(r.of) {
		r.of = append(r.of, make([]uint32, max(len(w.hosts), int(id)+1)-len(r.of))...)
	}
	if c := r.of[id]; c > 0 {
		return c
	}
	name := w.nameOfID(id)
	fits := append(r.scratch[:0], r.exact[name]...)
	for _, n := range r.wild {
		if r.patterns[n].match(name, r.inSet) {
			fits = append(fits, n)
		}
	}
	slices.Sort(fits)
	r.scratch = fits
	c := r.newClass(fits)
	r.of[id] = c
	return c
}

// keyOf returns the number that stands for the name of a node or peer.
func (n *network) keyOf(id hostID) uint64 {
	if h := n.hosts[id]; h != nil {
		return h.key
	}
	p := n.populationOf(id)
	var digits [20]byte
	k := hashName(hashSeed, p.prefix)
	k = hashName(k, strconv.AppendInt(digits[:0], int64(p.group.First)+int64(id-p.base), 10))
	return hashName(k, p.suffix)
}

// isOpen reports whether a node has an open socket. One that has not been needed
// yet opens its own for what arrives.
func (n *network) isOpen(id hostID) bool {
	h := n.hosts[id]
	return h == nil || h.sock != nil && h.sock.receiver.Datagrams != nil
}

// iface returns the Interface of the nodes of a class.
func (r *rules) iface(class uint32) *Interface { return &r.classes[class-1].iface.Interface }

// natOf returns the NAT behind which a node is, or nil.
func (w *World) natOf(id hostID) *natRule {
	class := w.classOf(id)
	return w.classes[class-1].nat
}

// newClass returns the number of the class of those whom these patterns fit.
func (r *rules) newClass(fits []int32) uint32 {
	key := make([]byte, 0, 4*len(fits))
	for _, n := range fits {
		key = binary.BigEndian.AppendUint32(key, uint32(n))
	}
	if c := r.byBits[string(key)]; c > 0 {
		return c
	}
	c := &class{fits: slices.Clone(fits)}
	for _, x := range r.ifaces {
		if c.in(x.nodes) {
			c.iface = x
		}
	}
	for _, x := range r.segments {
		if c.in(x.nodes) {
			c.segment = x
		}
	}
	for _, x := range r.nats {
		if c.in(x.nodes) {
			c.nat = x
		}
	}
	r.classes = append(r.classes, c)
	r.byBits[string(key)] = uint32(len(r.classes))
	return uint32(len(r.classes))
}

// wayOf returns what holds from the nodes of one class to those of another.
func (r *rules) wayOf(from, to uint32) *way {
	key := [2]uint32{from, to}
	if r.lastKey == key {
		return r.lastWay
	}
	if x := r.ways[key]; x != nil {
		r.lastKey, r.lastWay = key, x
		return x
	}
	if len(r.ways) >= maxWays {
		clear(r.ways)
	}
	a, b := r.classes[from-1], r.classes[to-1]
	x := &way{link: &Link{}}
	for i := len(r.links) - 1; i >= 0; i-- {
		if l := r.links[i]; a.in(l.from) && b.in(l.to) {
			x.link = &l.link
			break
		}
	}
	for _, p := range r.partitions {
		x.cut = x.cut || p.cuts(a, b) || !p.oneWay && p.cuts(b, a)
	}
	x.route(a.segment, b.segment)
	r.ways[key] = x
	r.lastKey, r.lastWay = key, x
	return x
}

func (p *partitionRule) cuts(a, b *class) bool {
	if p.others {
		return a.in(p.from) && !b.in(p.from)
	}
	return a.in(p.from) && b.in(p.to)
}

// route finds the routers between two segments.
func (x *way) route(a, b *segmentRule) {
	var down []*gate
	for a != b {
		s, up := a, true
		if a == nil || b != nil && b.depth > a.depth {
			s, up = b, false
		}
		if !s.Bridge {
			x.hops++
			x.border = max(x.border, s.Border, LinkLocal)
		}
		switch {
		case up:
			if s.from != nil {
				x.gates = append(x.gates, s.from)
			}
			if a = s.up; a != nil && a.air != nil {
				x.gates = append(x.gates, a.air)
			}
		default:
			// They are turned round below: first the router, then what is behind it.
			if s.air != nil {
				down = append(down, s.air)
			}
			if s.toward != nil {
				down = append(down, s.toward)
			}
			b = s.up
		}
	}
	slices.Reverse(down)
	x.gates = append(x.gates, down...)
}
