package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// rules are what the network is told about its nodes: links, interfaces,
// segments, partitions, translators, faults; each for the nodes that a pattern
// names. So that a datagram does not ask them all, nodes that the same patterns
// fit form a class, and what holds from one class to another is worked out once.
type rules struct {
	links      []*linkRule
	ifaces     []*ifaceRule
	segments   []*segmentRule
	partitions []*partitionRule
	nats       []*natRule
	faults     []*fault
	sets       map[string]func(name string) bool

	// What follows is derived, and is thrown away when one of the above changes.
	fresh    bool
	trivial  bool               // everything is for all nodes: there is one class
	patterns []pattern          // all that are used
	wild     []int32            // those of them that are no plain names
	exact    map[string][]int32 // the others, by name
	classes  []*class           // by number - 1
	byBits   map[string]uint32  // numbers of classes, by the patterns that fit
	of       []uint32           // numbers of the classes of hosts, 0 = not known
	ways     map[[2]uint32]*way // by the classes of sender and receiver
	lastKey  [2]uint32
	lastWay  *way
	scratch  []int32
}

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

type linkRule struct {
	from, to   selector
	fromS, toS string
	link       Link
}

type ifaceRule struct {
	nodes  selector
	nodesS string
	Interface
}

type segmentRule struct {
	nodes selector
	Segment
	up           *segmentRule
	depth        int
	toward, from *gate // nil without Rate
}

type partitionRule struct {
	from, to selector
	others   bool // to are all that are not from
	oneWay   bool
}

type natRule struct {
	nodes selector
	NAT
	port uint16 // that was given last
}

const (
	maxRules    = 1 << 16
	maxWays     = 1 << 16
	maxSegments = 1 << 16
	maxDepth    = 64
)

func (r *rules) init() {
	r.sets = map[string]func(string) bool{}
	r.ifaces = []*ifaceRule{{}}
	r.links = []*linkRule{{link: Link{Latency: time.Millisecond}}}
}

// changed says that what was derived is no longer right.
func (r *rules) changed() { r.fresh = false }

// Link sets the properties of the way from some nodes to others, in that
// direction; from and to are patterns, such as a name. An empty one stands for
// all nodes; of several that fit, the one set last counts. What is already under
// way is not touched.
func (w *World) Link(from, to string, l Link) error {
	if err := l.Validate(); err != nil {
		return err
	}
	x := &linkRule{fromS: from, toS: to, link: l}
	var err error
	if x.from.pattern, err = parsePattern(from); err != nil {
		return err
	}
	if x.to.pattern, err = parsePattern(to); err != nil {
		return err
	}
	w.links = slices.DeleteFunc(w.links, func(o *linkRule) bool { return o.fromS == from && o.toS == to })
	if len(w.links) >= maxRules {
		return fmt.Errorf("sim: there are %d links with patterns of their own, which is too many", maxRules)
	}
	w.links = append(w.links, x)
	w.changed()
	return nil
}

// Interface sets how some nodes are joined to the network; nodes is a pattern,
// "" stands for all. Of several that fit, the one set last counts.
func (w *World) Interface(nodes string, i Interface) error {
	if err := i.Validate(); err != nil {
		return err
	}
	p, err := parsePattern(nodes)
	if err != nil {
		return err
	}
	w.ifaces = slices.DeleteFunc(w.ifaces, func(o *ifaceRule) bool { return o.nodesS == nodes })
	if len(w.ifaces) >= maxRules {
		return fmt.Errorf("sim: there are %d interfaces with patterns of their own, which is too many", maxRules)
	}
	w.ifaces = append(w.ifaces, &ifaceRule{nodes: selector{pattern: p}, nodesS: nodes, Interface: i})
	w.changed()
	return nil
}

// Segment adds a segment, or changes the one of that name. The one above it must
// be there.
func (w *World) Segment(s Segment) error {
	if err := s.Validate(); err != nil {
		return err
	}
	p, err := parsePattern(s.Nodes)
	if err != nil {
		return err
	}
	x := &segmentRule{nodes: selector{pattern: p}, Segment: s}
	if s.Rate.Bandwidth > 0 {
		x.toward, x.from = &gate{Rate: s.Rate}, &gate{Rate: s.Rate}
	}
	if s.Up != "" {
		x.up = w.segment(s.Up)
		switch {
		case x.up == nil:
			return fmt.Errorf("sim: segment %q: there is no segment %q above it yet", s.Name, s.Up)
		case x.up.depth+1 > maxDepth:
			return fmt.Errorf("sim: segment %q: there are more than %d segments above it", s.Name, maxDepth)
		}
		for o := x.up; o != nil; o = o.up {
			if o.Name == s.Name {
				return fmt.Errorf("sim: segment %q would be above itself", s.Name)
			}
		}
		x.depth = x.up.depth + 1
	}
	if old := w.segment(s.Name); old != nil {
		if old.up != x.up {
			return fmt.Errorf("sim: segment %q is below %q already, and stays there", s.Name, old.Up)
		}
		*old = *x
		w.changed()
		return nil
	}
	if len(w.segments) >= maxSegments || w.sets[s.Name] != nil {
		return fmt.Errorf("sim: segment %q: the name is that of a set, or there are %d segments", s.Name, maxSegments)
	}
	w.segments = append(w.segments, x)
	w.sets[s.Name] = func(name string) bool { return x.nodes.pattern.match(name, w.inSet) }
	w.changed()
	return nil
}

func (r *rules) segment(name string) *segmentRule {
	for _, s := range r.segments {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Set gives a name to the nodes for which in is true, or to others than before:
// patterns call them @name. in is asked again whenever the network is told
// something new, and must answer by the name alone.
func (w *World) Set(name string, in func(node string) bool) error {
	if !isSetName(name) {
		return fmt.Errorf("sim: %q is no name for a set: want letters, digits and any of - _ . /", name)
	}
	if in == nil {
		return fmt.Errorf("sim: set %q: the function is nil", name)
	}
	if w.segment(name) != nil {
		return fmt.Errorf("sim: set %q: a segment has that name", name)
	}
	w.sets[name] = in
	w.changed()
	return nil
}

// Select returns the function for Set that is true for the nodes of a pattern.
func (w *World) Select(pattern string) (func(node string) bool, error) {
	p, err := parsePattern(pattern)
	if err != nil {
		return nil, err
	}
	return func(name string) bool { return p.match(name, w.inSet) }, nil
}

// inSet reports whether a node is in a set; nobody is in one that is not there.
func (r *rules) inSet(set, name string) bool {
	in := r.sets[set]
	return in != nil && in(name)
}

// Partition lets a partition begin. The function that it returns ends it.
func (w *World) Partition(p Partition) (heal func(), err error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	x := &partitionRule{others: p.To == "", oneWay: p.OneWay}
	if x.from.pattern, err = parsePattern(p.From); err != nil {
		return nil, err
	}
	if x.to.pattern, err = parsePattern(p.To); err != nil {
		return nil, err
	}
	w.partitions = append(w.partitions, x)
	w.changed()
	return func() {
		w.partitions = slices.DeleteFunc(w.partitions, func(o *partitionRule) bool { return o == x })
		w.changed()
	}, nil
}

// Heal ends all partitions.
func (w *World) Heal() {
	w.partitions = nil
	w.changed()
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

// open reports whether a node has an open socket.
func (n *network) isOpen(id hostID) bool {
	s := n.hosts[id].sock
	return s != nil && s.receiver.Datagrams != nil
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
		x.hops++
		x.border = max(x.border, s.Border, LinkLocal)
		switch {
		case up:
			if s.from != nil {
				x.gates = append(x.gates, s.from)
			}
			a = s.up
		default:
			if s.toward != nil {
				down = append(down, s.toward)
			}
			b = s.up
		}
	}
	slices.Reverse(down)
	x.gates = append(x.gates, down...)
}
