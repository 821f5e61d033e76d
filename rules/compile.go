package rules

import (
	"math"
	"strings"
)

// compiler makes closures of an expression: each node is one, which calls those
// of its operands.
type compiler struct {
	schema *Schema
	s      *shape
	// shared: other rules of the shape use the code with constants of their own.
	shared bool
	// made counts the closures. None is called twice in an evaluation, so that
	// they are what it costs.
	made int
}

// newCompiler compiles an expression whose fields have slots.
func newCompiler(n *node, schema *Schema, shared bool) *compiler {
	c := &compiler{schema: schema, s: &shape{expr: n, slots: schema.Len()}, shared: shared}
	c.s.usesPrev = n.some(func(n *node) bool {
		switch n.op {
		case opRising, opFalling, opChanged, opCrosses:
			return true
		}
		return n.when == prev
	})
	c.s.usesAge = n.uses(opAge)
	c.s.usesLast = n.some(func(n *node) bool { return n.op == opDelta || n.when == last })
	c.s.root = c.bool(n, now)
	if !shared {
		if b, closed := c.branches(n), c.s.root; b != nil {
			c.s.fast, c.s.closed = b, closed
			c.s.root = func(e *env) Truth {
				if t := b.run(e); t != Unknown {
					return t
				}
				return closed(e)
			}
		}
	}
	return c
}

// slot is where a field is, and of which sample. base is the sample that an
// expression of the current sample is taken in.
func (c *compiler) slot(n *node, base when) (int, when) {
	i, _ := c.schema.Slot(n.field) // it has one
	if n.when == now {
		return i, base
	}
	return i, n.when
}

func (e *env) sample(w when) *Sample {
	switch w {
	case now:
		return e.cur
	case prev:
		return e.prev
	}
	return e.last
}

func (c *compiler) num(n *node, base when) numFn {
	c.made++
	switch n.op {
	case opNumber, opDuration:
		if i := n.param - 1; i >= 0 && c.shared {
			return func(e *env) float64 { return e.nums[i] }
		}
		x := n.num
		return func(*env) float64 { return x }
	case opField:
		i, w := c.slot(n, base)
		switch w {
		case now:
			return func(e *env) float64 { return e.cur.cell[i].num }
		case prev:
			return func(e *env) float64 { return e.prev.cell[i].num }
		}
		return func(e *env) float64 { return e.last.cell[i].num }
	case opDelta:
		i, _ := c.schema.Slot(Field{})
		return func(e *env) float64 { return math.Abs(e.cur.cell[i].num - e.last.cell[i].num) }
	case opAge:
		return func(e *env) float64 { return e.age }
	case opNeg:
		f := c.num(n.kids[0], base)
		return func(e *env) float64 { return 0 - f(e) }
	case opAbs:
		if k := n.kids[0]; k.op == opField && k.when == now && base == now {
			i, _ := c.slot(k, now)
			return func(e *env) float64 { return math.Abs(e.cur.cell[i].num) }
		}
		f := c.num(n.kids[0], base)
		return func(e *env) float64 { return math.Abs(f(e)) }
	}
	f, g := c.num(n.kids[0], base), c.num(n.kids[1], base)
	switch n.op {
	case opAdd:
		return func(e *env) float64 { return arithmetic(opAdd, f(e), g(e)) }
	case opSub:
		return func(e *env) float64 { return arithmetic(opSub, f(e), g(e)) }
	case opMul:
		return func(e *env) float64 { return arithmetic(opMul, f(e), g(e)) }
	default:
		return func(e *env) float64 { return arithmetic(opDiv, f(e), g(e)) }
	}
}

func (c *compiler) str(n *node, base when) strFn {
	c.made++
	if n.op == opString {
		if i := n.param - 1; i >= 0 && c.shared {
			return func(e *env) (string, bool) { return e.strs[i], true }
		}
		s := n.str
		return func(*env) (string, bool) { return s, true }
	}
	i, w := c.slot(n, base)
	return func(e *env) (string, bool) {
		s := e.sample(w)
		return s.cell[i].str, s.cell[i].kind == String
	}
}

func (c *compiler) bool(n *node, base when) boolFn {
	c.made++
	switch n.op {
	case opBool:
		t := truth(n.num != 0)
		return func(*env) Truth { return t }
	case opField:
		i, w := c.slot(n, base)
		return func(e *env) Truth { return boolOf(e.sample(w).cell[i].kind) }
	case opAnd:
		return c.and(n.kids, base)
	case opOr:
		return c.or(n.kids, base)
	case opNot:
		f := c.bool(n.kids[0], base)
		return func(e *env) Truth { return f(e).not() }
	case opHas:
		i, w := c.slot(n.kids[0], base)
		return func(e *env) Truth { return truth(e.sample(w).cell[i].kind != Missing) }
	case opPrefix:
		f, g := c.str(n.kids[0], base), c.str(n.kids[1], base)
		return func(e *env) Truth {
			s, ok := f(e)
			p, known := g(e)
			if !ok || !known {
				return Unknown
			}
			return truth(strings.HasPrefix(s, p))
		}
	case opRising:
		return edge(c.bool(n.kids[0], now), c.bool(n.kids[0], prev))
	case opFalling:
		return edge(c.bool(n.kids[0], prev), c.bool(n.kids[0], now))
	case opChanged:
		return c.comparison(opNe, n.kids[0], now, n.kids[0], prev)
	case opCrosses:
		return c.crosses(n)
	case opHyst:
		return c.hyst(n, base)
	case opIn:
		switch n.kids[0].typ {
		case tNumber, tDuration:
			if !simple(n, base) {
				return c.inNumbers(n, base)
			}
		case tBool:
			return c.inTruths(n, base)
		}
		var fs []boolFn
		for _, k := range n.kids[1:] {
			fs = append(fs, c.comparison(opEq, n.kids[0], base, k, base))
		}
		return anyOf(fs)
	case opRange:
		if t := n.kids[0].typ; (t == tNumber || t == tDuration) && !simple(n, base) {
			x, from, to := c.num(n.kids[0], base), c.num(n.kids[1], base), c.num(n.kids[2], base)
			return func(e *env) Truth {
				v := x(e)
				return min(compareNumbers(opGe, v, from(e)), compareNumbers(opLe, v, to(e)))
			}
		}
		f := c.comparison(opGe, n.kids[0], base, n.kids[1], base)
		g := c.comparison(opLe, n.kids[0], base, n.kids[2], base)
		return func(e *env) Truth { return min(f(e), g(e)) }
	}
	return c.comparison(n.op, n.kids[0], base, n.kids[1], base)
}

func boolOf(k Kind) Truth {
	switch k {
	case boolTrue:
		return True
	case Bool:
		return False
	}
	return Unknown
}

// edge is true where a holds and b did not.
func edge(a, b boolFn) boolFn {
	return func(e *env) Truth { return min(a(e), b(e).not()) }
}

func (c *compiler) crosses(n *node) boolFn {
	a, t := c.num(n.kids[0], now), c.num(n.kids[1], now)
	b, u := c.num(n.kids[0], prev), c.num(n.kids[1], prev)
	return func(e *env) Truth { return differ(compareNumbers(opGt, a(e), t(e)), compareNumbers(opGt, b(e), u(e))) }
}

func differ(a, b Truth) Truth {
	if a == Unknown || b == Unknown {
		return Unknown
	}
	return truth(a != b)
}

func (c *compiler) hyst(n *node, base when) boolFn {
	x, on, off := c.num(n.kids[0], base), c.num(n.kids[1], base), c.num(n.kids[2], base)
	// The same node may be compiled for now and for before: it is one state.
	i := c.hystBit(n)
	bit := uint16(1) << i
	unknown := func(e *env) bool {
		a, b, d := x(e), on(e), off(e)
		return a != a || b != b || d != d
	}
	if base == prev {
		return func(e *env) Truth {
			if unknown(e) {
				return Unknown
			}
			return truth(e.was&bit != 0)
		}
	}
	return func(e *env) Truth {
		if unknown(e) {
			return Unknown
		}
		return truth(e.on&bit != 0)
	}
}

// hystBit numbers the hysteresis nodes in the order of the expression.
func (c *compiler) hystBit(n *node) int {
	bit, found := 0, false
	c.s.expr.some(func(m *node) bool {
		found = found || m == n
		if m.op == opHyst && !found {
			bit++
		}
		return found
	})
	for len(c.s.hysts) <= bit {
		c.s.hysts = append(c.s.hysts, hystCode{})
	}
	c.s.hysts[bit] = hystCode{c.num(n.kids[0], now), c.num(n.kids[1], now), c.num(n.kids[2], now)}
	return bit
}
