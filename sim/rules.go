package sim

import (
	"fmt"
	"slices"
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
	// of the question whether a node is in a set: how deep, and how many
	nested, asked int
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
	toward, from *gate  // nil without Rate
	air          *gate  // nil without Medium
	ether        *ether // nil without Radio
}

type partitionRule struct {
	from, to selector
	others   bool // to are all that are not from
	oneWay   bool
}

type natRule struct {
	nodes selector
	NAT
}

const (
	maxRules    = 1 << 16
	maxWays     = 1 << 16
	maxSegments = 1 << 16
	maxDepth    = 64
	maxNested   = 16
	maxAsked    = 1000
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
	defer w.hold()()
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
	defer w.hold()()
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
	defer w.hold()()
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
	if s.Medium.Bandwidth > 0 {
		x.air = &gate{air: &air{Medium: s.Medium}}
	}
	if s.Radio != nil {
		if x.ether, err = w.newEther(x); err != nil {
			return err
		}
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
	defer w.hold()()
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

// inSet reports whether a node is in a set. Nobody is in one that is not there,
// and nobody is in one because of itself: where sets refer to each other, that
// ends after maxAsked of them.
func (r *rules) inSet(set, name string) bool {
	in := r.sets[set]
	if in == nil || r.asked >= maxAsked {
		return false
	}
	r.asked++
	if r.nested++; r.nested == 1 {
		defer func() { r.asked = 0 }()
	}
	defer func() { r.nested-- }()
	return r.nested <= maxNested && in(name)
}

// Partition lets a partition begin. The function that it returns ends it.
func (w *World) Partition(p Partition) (heal func(), err error) {
	defer w.hold()()
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
		defer w.hold()()
		w.partitions = slices.DeleteFunc(slices.Clone(w.partitions), func(o *partitionRule) bool { return o == x })
		w.changed()
	}, nil
}

// Heal ends all partitions.
func (w *World) Heal() {
	defer w.hold()()
	w.partitions = nil
	w.changed()
}
