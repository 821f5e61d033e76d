package rules

import (
	"math"
	"slices"
)

// axis is something that an index sorts by: a number that samples have, or a
// condition (0 or 1), or a string, which is numbered. Its value is calculated
// once for a sample, for all rules.
type axis struct {
	text string // the expression
	fn   numFn
	slot int // of a string
	str  bool
	when when

	// prefix: rules name beginnings of the string. found are the numbers of those
	// that the sample has; lengths are how long they are.
	prefix  bool
	lengths []lengthUse
	found   []float64

	// hold: the value is the larger (or least, the smaller) of the number and
	// the one that the last sample had that had one.
	hold, least bool
	held        float64

	val    float64
	key    string
	shapes int // that can need it
	users  int // trees and sleepers that do
	place  int // among the active axes

	stacks   [2]recent // by direction
	sleepers [2]int
}

type planKind uint8

const (
	planAlways planKind = iota // nothing is known that could leave a sample out
	planNever
	planAnd
	planOr
	planIf    // cond, which depends on what was selected last, decides which plan it is
	planHalf  // the axis is beyond the bound
	planPoint // the axis is the bound
	planText  // the axis is a string
	planFar   // the axis is at least (or more than) so far from the bound
	planNear  // the opposite
	planMono  // an operation with the axis, which never falls, is beyond the bound
	planAge   // the time since the last selection is at least the bound
)

// plan says for which samples a condition is true (or false), in terms of axes.
// Where it is not exact, it says too many.
type plan struct {
	kind        planKind
	exact       bool
	axis        *axis
	neg, strict bool
	bound       numFn
	radius      numFn
	text        strFn
	cond        boolFn
	mono        func(e *env, x float64) float64
	kids        []*plan
}

// planner makes plans of a shape. What an index needs of an expression is
// frozen if it depends on what was selected last only: it is constant until the
// next selection.
type planner struct {
	c    *compiler
	axes map[string]*axis // of the index
	used []*axis
	made int // conditions planned so far
}

// maxPlan bounds the conditions of a plan. Where one condition is the same as
// another, and those are made of such, each is planned for true and for false,
// and the parts of it so again.
const maxPlan = 256

// whole plans the rule: where it is true, and where one of its switches may
// turn, which must not be missed.
func (p *planner) whole(n *node) *plan {
	alternatives := []*plan{p.condition(n, true, now)}
	n.some(func(n *node) bool {
		if n.op == opHyst {
			t := p.turns(n)
			if t == nil {
				t = always(false)
			}
			alternatives = append(alternatives, list(planAnd, t, always(false)))
		}
		return false
	})
	if len(alternatives) == 1 {
		return alternatives[0]
	}
	return list(planOr, alternatives...)
}

func always(exact bool) *plan { return &plan{kind: planAlways, exact: exact} }

func list(kind planKind, kids ...*plan) *plan {
	p := &plan{kind: kind, exact: true, kids: kids}
	for _, k := range kids {
		p.exact = p.exact && k.exact
	}
	return p
}

// numberAxis returns the axis of a moving number.
func (p *planner) numberAxis(n *node, base when) *axis {
	return p.axis("n", n, base, func() numFn { return p.c.num(n, base) })
}

func (p *planner) conditionAxis(n *node, base when) *axis {
	return p.axis("b", n, base, func() numFn {
		f := p.c.bool(n, base)
		return func(e *env) float64 {
			switch f(e) {
			case True:
				return 1
			case False:
				return 0
			}
			return math.NaN()
		}
	})
}

func (p *planner) axis(kind string, n *node, base when, fn func() numFn) *axis {
	// The space keeps a kind apart from a field that begins with its letter.
	text := kind + " " + string(appendNode(nil, n, rankOr))
	key := base.String() + text
	n.some(func(n *node) bool { // the same text is another condition for texts than for numbers
		if n.op == opField {
			key += string('0' + byte(n.typ))
		}
		return false
	})
	a, ok := p.axes[key]
	if !ok {
		a = &axis{text: text, key: key, fn: fn(), when: base}
		p.axes[key] = a
	}
	if !slices.Contains(p.used, a) {
		p.used = append(p.used, a)
		a.shapes++
	}
	return a
}

// half is true where the axis is at least the bound, or more than that (strict),
// or with neg the opposite.
func half(a *axis, o op, bound numFn) *plan {
	p := &plan{kind: planHalf, exact: true, axis: a, bound: bound}
	switch o {
	case opGt:
		p.strict = true
	case opLt:
		p.neg, p.strict = true, true
	case opLe:
		p.neg = true
	case opEq:
		p.kind = planPoint
	case opNe:
		return list(planOr, half(a, opLt, bound), half(a, opGt, bound))
	}
	return p
}

func constantFn(x float64) numFn { return func(*env) float64 { return x } }

// condition plans for which samples n is want.
func (p *planner) condition(n *node, want bool, base when) *plan {
	if p.made++; p.made > maxPlan {
		return always(false)
	}
	switch n.op {
	case opBool:
		if n.isTrue() == want {
			return always(true)
		}
		return &plan{kind: planNever, exact: true}
	case opAnd, opOr:
		kind := planOr
		if (n.op == opAnd) == want {
			kind = planAnd
		}
		l := &plan{kind: kind}
		for _, k := range n.kids {
			l.kids = append(l.kids, p.condition(k, want, base))
		}
		return list(kind, l.kids...)
	case opNot:
		return p.condition(n.kids[0], !want, base)
	case opField, opHas:
		if p.frozen(n) {
			return p.decided(n, want, always(true))
		}
		return p.truthAxis(n, want, base)
	case opRising:
		return p.edge(n.kids[0], want, now, prev)
	case opFalling:
		return p.edge(n.kids[0], want, prev, now)
	case opCrosses:
		if want && p.frozen(n.kids[1]) && !p.frozen(n.kids[0]) {
			return p.crossing(opGt, n.kids[0], n.kids[1], false)
		}
		return p.differ(func(want bool, base when) *plan {
			return p.comparison(opGt, n.kids[0], n.kids[1], want, base)
		}, want)
	case opChanged:
		if k := n.kids[0]; want && k.op >= opLt && k.op <= opGe && k.kids[0].typ == tNumber && p.frozen(k.kids[1]) && !p.frozen(k.kids[0]) {
			return p.crossing(k.op, k.kids[0], k.kids[1], false)
		}
		if n.kids[0].typ == tBool {
			return p.differ(func(want bool, base when) *plan { return p.condition(n.kids[0], want, base) }, want)
		}
		return p.truthAxis(n, want, base)
	case opPrefix:
		if x := n.kids[0]; want && x.op == opField && !p.frozen(x) && p.frozen(n.kids[1]) {
			return p.textAxis("p", x, n.kids[1], base)
		}
		return p.truthAxis(n, want, base)
	case opHyst:
		return p.hyst(n, want)
	case opRange:
		x, from, to := n.kids[0], n.kids[1], n.kids[2]
		if want {
			return list(planAnd, p.comparison(opGe, x, from, true, base), p.comparison(opLe, x, to, true, base))
		}
		return list(planOr, p.comparison(opGe, x, from, false, base), p.comparison(opLe, x, to, false, base))
	case opIn:
		l := &plan{kind: planOr}
		if !want {
			l.kind = planAnd
		}
		for _, k := range n.kids[1:] {
			l.kids = append(l.kids, p.comparison(opEq, n.kids[0], k, want, base))
		}
		return list(l.kind, l.kids...)
	}
	return p.comparison(n.op, n.kids[0], n.kids[1], want, base)
}

// edge is where n holds in one sample and not in the other.
func (p *planner) edge(n *node, want bool, in, notIn when) *plan {
	kind := planAnd
	if !want {
		kind = planOr
	}
	return list(kind, p.condition(n, want, in), p.condition(n, !want, notIn))
}

// differ is where a condition is not the same in both samples.
func (p *planner) differ(in func(want bool, base when) *plan, want bool) *plan {
	return list(planOr, list(planAnd, in(true, now), in(!want, prev)), list(planAnd, in(false, now), in(want, prev)))
}

// crossing is where a comparison of a number with a bound is not what it was
// before: the bound is between the two numbers. Before is the sample before or,
// with hold, the last sample that had the number.
func (p *planner) crossing(o op, x, bound *node, hold bool) *plan {
	f := p.c.num(bound, now)
	high, low := p.extreme("max", x, hold), p.extreme("min", x, hold)
	if o == opGt || o == opLe {
		return list(planAnd, half(high, opGt, f), half(low, opLe, f))
	}
	return list(planAnd, half(high, opGe, f), half(low, opLt, f))
}

// extreme is the axis of the larger, or the smaller, of two numbers.
func (p *planner) extreme(which string, n *node, hold bool) *axis {
	if hold {
		a := p.axis("held "+which, n, now, func() numFn { return p.c.num(n, now) })
		a.hold, a.least = true, which == "min"
		return a
	}
	return p.axis(which, n, now, func() numFn {
		f, g := p.c.num(n, now), p.c.num(n, prev)
		if which == "min" {
			return func(e *env) float64 { return min(f(e), g(e)) }
		}
		return func(e *env) float64 { return max(f(e), g(e)) }
	})
}

// since plans a rule that selects when comparisons of one field are not what
// they were at the last selection, as c.gt and c.lt do: (value > 5) !=
// (last.value > 5), or several of them. As long as nothing else selects, every
// comparison is now what it was at the last selection until it is not, and then
// the sample is selected: so it is what it was in the sample before that had
// the field, which all subscribers share. It returns the numbers that must be
// equal for that, as places in the rule's.
func (p *planner) since(n *node) (*plan, [][2]int) {
	ns := []*node{n}
	if n.op == opOr {
		ns = n.kids
	}
	var same [][2]int
	var plans []*plan
	for _, n := range ns {
		if n.op != opNe || n.kids[0].op != n.kids[1].op || n.kids[0].op < opLt || n.kids[0].op > opGe {
			return nil, nil
		}
		a, b := n.kids[0], n.kids[1]
		if a.kids[0].when == last {
			a, b = b, a
		}
		x, y := a.kids[0], b.kids[0]
		if x.op != opField || y.op != opField || x.typ != tNumber || x.when != now || y.when != last || x.field != y.field ||
			x.field != ns[0].kids[0].kids[0].field || a.kids[1].param == 0 || b.kids[1].param == 0 {
			return nil, nil
		}
		same = append(same, [2]int{a.kids[1].param - 1, b.kids[1].param - 1})
		plans = append(plans, p.crossing(a.op, x, a.kids[1], true))
	}
	return list(planOr, plans...), same
}

// frozen: only a selection changes it. Constants are.
func (p *planner) frozen(n *node) bool { return !n.moving() && !n.uses(opAge) }

// decided is a condition that does not depend on samples.
func (p *planner) decided(n *node, want bool, then *plan) *plan {
	never := &plan{kind: planNever, exact: true}
	d := &plan{kind: planIf, exact: true, cond: p.c.bool(n, now), kids: []*plan{never, then}}
	if !want {
		d.kids = []*plan{then, never}
	}
	return d
}

// truthAxis plans a condition as an axis of its own, if all subscribers share
// it.
func (p *planner) truthAxis(n *node, want bool, base when) *plan {
	if n.usesLast() || n.uses(opHyst) || n.some(func(n *node) bool { return n.param > 0 }) {
		return always(false)
	}
	a := p.conditionAxis(n, base)
	if want {
		return half(a, opGe, constantFn(1))
	}
	return half(a, opLe, constantFn(0))
}

// hyst is a switch that stays as it is: that it may turn is planned apart. It is
// not exact, because what it looks at may be unknown.
func (p *planner) hyst(n *node, want bool) *plan {
	bit := uint16(1) << p.c.hystBit(n)
	d := &plan{kind: planIf, kids: []*plan{{kind: planNever}, always(false)}}
	d.cond = func(e *env) Truth { return truth((e.on&bit != 0) == want) }
	return d
}

// turns plans for which samples a switch may turn; nil if that cannot be said.
func (p *planner) turns(n *node) *plan {
	x, on, off := n.kids[0], n.kids[1], n.kids[2]
	if !p.frozen(on) || !p.frozen(off) || p.frozen(x) {
		return nil
	}
	a := p.numberAxis(x, now)
	bit := uint16(1) << p.c.hystBit(n)
	return &plan{
		kind: planIf, cond: func(e *env) Truth { return truth(e.on&bit != 0) },
		kids: []*plan{half(a, opGe, p.c.num(on, now)), half(a, opLe, p.c.num(off, now))},
	}
}
