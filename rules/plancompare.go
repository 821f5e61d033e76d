package rules

import "math"

// comparison plans for which samples a comparison is want.
func (p *planner) comparison(o op, a, b *node, want bool, base when) *plan {
	if p.frozen(a) {
		a, b, o = b, a, flipped[o]
	}
	n := &node{op: o, typ: tBool, kids: []*node{a, b}}
	switch {
	case p.frozen(a): // both
		return p.decided(n, want, always(true))
	case a.typ == tBool:
		return p.equality(a, b, want == (o == opEq), base)
	}
	if !want {
		o = opposite[o]
		n.op = o
	}
	switch {
	case !p.frozen(b):
		if a.typ == tDuration {
			return always(false)
		}
		return p.truthAxis(n, true, base)
	case a.typ == tString:
		if a.op == opField && o == opEq {
			return p.textAxis("s", a, b, base)
		}
		return always(false)
	case a.typ == tDuration:
		if a.op == opAge && (o == opGt || o == opGe) {
			return &plan{kind: planAge, bound: p.c.num(b, now)}
		}
		return always(false)
	case a.typ == tNumber && !a.uses(opAge):
		return p.numbers(o, a, b, base)
	}
	return always(false)
}

// equality is where two conditions are the same, or are not.
func (p *planner) equality(a, b *node, same bool, base when) *plan {
	if p.frozen(b) {
		f := p.c.bool(b, now)
		d := &plan{kind: planIf, cond: f, kids: []*plan{p.condition(a, !same, base), p.condition(a, same, base)}}
		d.exact = d.kids[0].exact && d.kids[1].exact
		return d
	}
	return list(planOr, list(planAnd, p.condition(a, true, base), p.condition(b, same, base)),
		list(planAnd, p.condition(a, false, base), p.condition(b, !same, base)))
}

// textAxis plans that a string is what a frozen one says, or (kind p) begins
// with that.
func (p *planner) textAxis(kind string, a, b *node, base when) *plan {
	x := p.axis(kind, a, base, func() numFn { return nil })
	x.str, x.prefix = true, kind == "p"
	x.slot, x.when = p.c.slot(a, base)
	return &plan{kind: planText, exact: true, axis: x, text: p.c.str(b, now)}
}

// numbers plans the comparison of a moving number with a frozen one.
func (p *planner) numbers(o op, a, b *node, base when) *plan {
	bound := p.c.num(b, now)
	center, x := p.distance(a)
	if x == nil {
		if a.uses(opDelta) || a.some(func(n *node) bool { return n.op == opField && n.when == last }) {
			return p.monotone(o, a, bound, base)
		}
		return half(p.numberAxis(a, base), o, bound)
	}
	far := &plan{kind: planFar, exact: true, axis: p.numberAxis(x, base), bound: p.c.num(center, now), radius: bound}
	switch o {
	case opGt:
		far.strict = true
	case opLt:
		far.kind = planNear
	case opLe:
		far.kind, far.strict = planNear, true
	case opGe:
	default:
		return always(false)
	}
	return far
}

// distance recognizes the distance of a moving number from a frozen one: delta,
// or abs(value - last.value), or with other fields.
func (p *planner) distance(n *node) (center, x *node) {
	if n.op == opDelta {
		return &node{op: opField, typ: tNumber, when: last}, &node{op: opField, typ: tNumber}
	}
	if n.op != opAbs || n.kids[0].op != opSub {
		return nil, nil
	}
	a, b := n.kids[0].kids[0], n.kids[0].kids[1]
	switch {
	case a.usesLast() && b.usesLast():
	case p.frozen(b) && b.usesLast():
		return b, a
	case p.frozen(a) && a.usesLast():
		return a, b
	}
	return nil, nil
}

// monotone plans a sum or difference of a moving number and a frozen one.
func (p *planner) monotone(o op, n *node, bound numFn, base when) *plan {
	if n.op != opAdd && n.op != opSub || o == opEq || o == opNe {
		return always(false)
	}
	x, frozen := n.kids[0], n.kids[1]
	m := &plan{kind: planMono, exact: true, bound: bound}
	if p.frozen(x) {
		x, frozen = frozen, x
		m.neg = n.op == opSub // it falls where x rises
	}
	if x.usesLast() || !p.frozen(frozen) {
		return always(false)
	}
	f := p.c.num(frozen, now)
	switch {
	case n.op == opAdd:
		m.mono = func(e *env, v float64) float64 { return arithmetic(opAdd, v, f(e)) }
	case m.neg:
		m.mono = func(e *env, v float64) float64 { return arithmetic(opSub, f(e), v) }
	default:
		m.mono = func(e *env, v float64) float64 { return arithmetic(opSub, v, f(e)) }
	}
	m.axis = p.numberAxis(x, base)
	// What remains is whether the result rises or falls with the axis, and
	// whether it is to be above or below the bound.
	m.cond = func(e *env) Truth { return truth(!math.IsInf(f(e), 0)) }
	m.strict = o == opGt || o == opLt
	if o == opLt || o == opLe {
		m.neg = !m.neg
		rising := m.mono
		m.mono = func(e *env, v float64) float64 { return -rising(e, v) }
		b := m.bound
		m.bound = func(e *env) float64 { return -b(e) }
	}
	return m
}
