package rules

import (
	"math"
	"strings"
)

// halfSpace is a condition on one axis: its value, or with neg the opposite of
// it, is at least the bound; or it is the bound, or the text (point).
type halfSpace struct {
	axis  *axis
	bound float64
	text  string
	neg   bool
	point bool
}

// holds reports whether a value of the axis is in it.
func (h *halfSpace) holds(v float64) bool {
	if h.neg {
		v = -v
	}
	return v >= h.bound
}

// box is where all of some conditions hold. A box that is not exact is where
// the rule may be true, another one where it is.
type box struct {
	h     [4]halfSpace
	n     int
	exact bool
}

// add narrows the box, and reports whether something is left of it.
func (b *box) add(h halfSpace) bool {
	for i := range b.h[:b.n] {
		o := &b.h[i]
		switch {
		case o.axis != h.axis:
		case o.point && h.point && h.axis.prefix:
			if len(h.text) > len(o.text) {
				o.text, h.text = h.text, o.text
			}
			return strings.HasPrefix(o.text, h.text)
		case o.point && h.point:
			return o.bound == h.bound && o.text == h.text
		case o.point:
			return o.axis.str || h.holds(o.bound)
		case h.point:
			if !o.holds(h.bound) {
				return false
			}
		case o.neg == h.neg:
			o.bound = max(o.bound, h.bound)
			return true
		case o.bound > -h.bound:
			return false
		}
	}
	if h.point {
		kept := b.h[:0]
		for _, o := range b.h[:b.n] {
			if o.axis != h.axis {
				kept = append(kept, o)
			}
		}
		b.n = len(kept)
	}
	if b.n == len(b.h) {
		b.exact = false
		return true
	}
	b.h[b.n] = h
	b.n++
	return true
}

// addBehind is add of what is more than the bound.
func (b *box) addBehind(h halfSpace) bool { return h.begin(true) && b.add(h) }

// boxes are alternatives.
type boxes struct {
	b [8]box
	n int
}

// or adds an alternative. Where there is no more room the whole is taken for
// everything.
func (bs *boxes) or(b *box) {
	for i := range bs.b[:bs.n] {
		o := &bs.b[i]
		if o.n == 0 && (o.exact || !b.exact) {
			return // everything already
		}
		if o.n == 1 && b.n == 1 && o.exact == b.exact && o.h[0].axis == b.h[0].axis && o.h[0].neg == b.h[0].neg && !o.h[0].point && !b.h[0].point {
			o.h[0].bound = min(o.h[0].bound, b.h[0].bound)
			return
		}
	}
	if bs.n == len(bs.b) {
		bs.b[0] = box{}
		bs.n = 1
		return
	}
	bs.b[bs.n] = *b
	bs.n++
}

// loosen makes all of them inexact. Those that only that told apart become one:
// no corner is to be twice in a set.
func (bs *boxes) loosen() {
	n := bs.n
	bs.n = 0
	for _, b := range bs.b[:n] {
		b.exact = false
		bs.or(&b)
	}
}

// expander makes boxes of plans.
type expander struct {
	e *env
	// wait is how long it takes until more boxes come because of age, in
	// milliseconds; +Inf if that does not happen.
	wait float64
}

// expand adds the boxes of a plan to out, which is empty.
func (x *expander) expand(p *plan, out *boxes) {
	out.n = 0
	switch p.kind {
	case planNever:
	case planAlways:
		out.or(&box{exact: p.exact})
	case planOr:
		var part boxes
		for _, k := range p.kids {
			x.expand(k, &part)
			for i := range part.b[:part.n] {
				out.or(&part.b[i])
			}
		}
	case planAnd:
		x.and(p.kids, out)
	case planIf:
		switch p.cond(x.e) {
		case True:
			x.expand(p.kids[1], out)
		case False:
			x.expand(p.kids[0], out)
		}
	case planHalf, planPoint, planText:
		if h, ok := x.half(p); ok {
			out.one(&h)
		}
	case planAge:
		x.age(p.bound(x.e), out)
	default:
		if bound := p.bound(x.e); bound == bound {
			x.numbers(p, bound, out)
		}
	}
}

// half makes the half-space of a plan of one; false if there is nothing in it.
func (x *expander) half(p *plan) (h halfSpace, ok bool) {
	h.axis, h.neg, h.point = p.axis, p.neg, p.kind != planHalf
	if p.kind == planText {
		h.text, ok = p.text(x.e)
		return h, ok
	}
	if h.bound = p.bound(x.e); h.neg {
		h.bound = -h.bound
	}
	return h, h.begin(p.strict)
}

// begin makes the bound where a half-space begins, if strict behind it; false if
// that is nowhere, as behind a NaN. It is never −0, which is before 0 among the
// marks of a leaf.
func (h *halfSpace) begin(strict bool) bool {
	if strict {
		if math.IsInf(h.bound, 1) {
			return false
		}
		h.bound = math.Nextafter(h.bound, math.Inf(1))
	}
	h.bound += 0
	return h.bound == h.bound
}

func (bs *boxes) one(h *halfSpace) {
	b := box{exact: true, n: 1}
	b.h[0] = *h
	bs.or(&b)
}

// and makes the boxes of several plans that must all be true. Most are half a
// space each, so that there is one box.
func (x *expander) and(kids []*plan, out *boxes) {
	out.or(&box{exact: true})
	for i, k := range kids {
		switch k.kind {
		case planHalf, planPoint, planText:
		default:
			x.product(kids[i:], out)
			return
		}
		if h, ok := x.half(k); !ok || !out.b[0].add(h) {
			out.n = 0
			return
		}
	}
}

// product narrows boxes by plans of any kind.
func (x *expander) product(kids []*plan, out *boxes) {
	var part, product boxes
	for _, k := range kids {
		x.expand(k, &part)
		if part.n == 0 {
			out.n = 0
			return
		}
		if part.n*out.n > len(out.b) {
			out.loosen()
			continue
		}
		product.n = 0
		for _, a := range out.b[:out.n] {
			for _, b := range part.b[:part.n] {
				both, some := a, true
				both.exact = a.exact && b.exact
				for _, h := range b.h[:b.n] {
					some = some && both.add(h)
				}
				if some {
					product.or(&both)
				}
			}
		}
		out.n = copy(out.b[:], product.b[:product.n])
	}
}

// age is true once so much time has passed. What is known is only when that can
// be at the earliest.
func (x *expander) age(bound float64, out *boxes) {
	const slack = 1e-3
	switch left := bound - x.e.age; {
	case left != left: // nothing was selected: unknown
	case left <= slack+math.Abs(bound)*1e-12:
		out.or(&box{})
	case left < inMS(maxPeriod):
		x.wait = min(x.wait, left)
	}
}

func (x *expander) numbers(p *plan, bound float64, out *boxes) {
	switch p.kind {
	case planMono:
		if p.cond(x.e) == False {
			out.or(&box{})
			return
		}
		sign := 1.0
		if p.neg {
			sign = -1
		}
		v := least(math.Inf(-1), math.Inf(1), func(v float64) bool {
			y := p.mono(x.e, sign*v)
			return y > bound || y == bound && !p.strict
		})
		out.beyond(p.axis, p.neg, v)
	case planFar, planNear:
		x.distance(p, bound, p.radius(x.e), out)
	}
}

// beyond adds that the axis (or with neg its opposite) is at least the bound; a
// NaN is beyond all.
func (bs *boxes) beyond(a *axis, neg bool, bound float64) {
	if h := (halfSpace{axis: a, bound: bound, neg: neg}); h.begin(false) {
		bs.one(&h)
	}
}

// distance finds the very numbers from which on the difference, as it is
// calculated, is large enough.
func (x *expander) distance(p *plan, center, radius float64, out *boxes) {
	if radius != radius {
		return
	}
	if math.IsInf(center, 0) {
		out.or(&box{})
		return
	}
	// A near plan is the opposite of a far one that is strict where it is not.
	far := func(v float64) bool {
		d := math.Abs(v - center)
		return d > radius || d == radius && !p.strict
	}
	up := firstFar(center, center+radius, far)
	down := firstFar(-center, radius-center, func(v float64) bool { return far(-v) })
	if p.kind == planFar {
		out.beyond(p.axis, false, up)
		out.beyond(p.axis, true, down)
		return
	}
	// With no bound at all what is no number would be near too.
	b := box{exact: up == up || down == down}
	some := true
	if up == up {
		some = some && b.addBehind(halfSpace{axis: p.axis, neg: true, bound: -up})
	}
	if down == down {
		some = some && b.addBehind(halfSpace{axis: p.axis, bound: -down})
	}
	if some {
		out.or(&b)
	}
}

// firstFar is the least v from start on that is far. The guess is nearly always
// right.
func firstFar(start, guess float64, far func(float64) bool) float64 {
	if far(guess) && guess > start && !far(math.Nextafter(guess, math.Inf(-1))) {
		return guess
	}
	return least(start, math.Inf(1), far)
}

// least is the least number from lo to hi for which f holds, if f holds for all
// above it too; NaN if there is none.
func least(lo, hi float64, f func(float64) bool) float64 {
	if !f(hi) {
		return math.NaN()
	}
	a, b := ordinal(lo), ordinal(hi)
	for a < b {
		m := a + int64((uint64(b)-uint64(a))/2)
		if f(fromOrdinal(m)) {
			b = m
		} else {
			a = m + 1
		}
	}
	return fromOrdinal(a)
}

// ordinal numbers the floats in their order; −0 and 0 are one.
func ordinal(x float64) int64 {
	if b := int64(math.Float64bits(x)); b >= 0 {
		return b
	} else {
		return math.MinInt64 - b
	}
}

func fromOrdinal(i int64) float64 {
	if i < 0 {
		i = math.MinInt64 - i
	}
	return math.Float64frombits(uint64(i))
}
