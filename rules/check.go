package rules

import (
	"fmt"
	"slices"
)

// checker gives every node its type, or finds the clash.
type checker struct {
	fail func(n *node, expected, found string) error
}

// describe is a node as an error shows it.
func describe(n *node) string {
	switch n.op {
	case opNumber:
		return "number " + numberText(n.num)
	case opDuration:
		return "duration " + durationText(n.num)
	case opString:
		return "string " + shown(n.str)
	case opBool:
		return fmt.Sprint(n.num != 0)
	case opField:
		return "field " + n.when.String() + shownField(n.field)
	case opDelta:
		return "number delta"
	case opAge:
		return "duration age"
	}
	switch n.typ {
	case tNumber, tDuration:
		return "a calculated " + n.typ.String()
	}
	return "a " + n.typ.String()
}

func shownField(f Field) string {
	if path, ok := f.dotted(); ok || f.kind == BareValue {
		if f.kind == BareValue {
			path = "value"
		}
		return path
	}
	return "$" + shown(f.name)
}

// condition checks an expression that must be true or false.
func (c *checker) condition(n *node) error { return c.require(n, tBool) }

func (c *checker) require(n *node, t typ) error {
	if err := c.infer(n); err != nil {
		return err
	}
	return c.coerce(n, t)
}

// coerce asks for a type of a node that has been checked.
func (c *checker) coerce(n *node, t typ) error {
	if n.typ == tAny && t != tDuration {
		n.typ = t
		return nil
	}
	if n.typ == t {
		return nil
	}
	found := describe(n)
	if n.typ == tAny {
		found += "; payloads hold no durations"
	}
	return c.fail(n, t.String(), found)
}

func (c *checker) infer(n *node) error {
	switch n.op {
	case opNumber, opDelta:
		n.typ = tNumber
	case opDuration, opAge:
		n.typ = tDuration
	case opString:
		n.typ = tString
	case opBool:
		n.typ = tBool
	case opField:
		n.typ = tAny
	case opNeg, opAbs:
		if err := c.quantity(n.kids[0]); err != nil {
			return err
		}
		n.typ = n.kids[0].typ
	case opAdd, opSub, opMul, opDiv:
		return c.arithmetic(n)
	case opEq, opNe, opLt, opLe, opGt, opGe, opIn, opRange:
		n.typ = tBool
		for _, k := range n.kids {
			if err := c.infer(k); err != nil {
				return err
			}
		}
		return c.same(n.kids, n.op != opEq && n.op != opNe && n.op != opIn)
	case opAnd, opOr, opNot:
		n.typ = tBool
		for _, k := range n.kids {
			if err := c.condition(k); err != nil {
				return err
			}
		}
	default:
		n.typ = tBool
		return c.call(n)
	}
	return nil
}

// quantity checks a number or a duration.
func (c *checker) quantity(n *node) error {
	if err := c.infer(n); err != nil {
		return err
	}
	if n.typ == tDuration {
		return nil
	}
	return c.coerce(n, tNumber)
}

func (c *checker) arithmetic(n *node) error {
	a, b := n.kids[0], n.kids[1]
	if err := c.quantity(a); err != nil {
		return err
	}
	if err := c.infer(b); err != nil {
		return err
	}
	n.typ = a.typ
	switch {
	case n.op == opAdd || n.op == opSub:
		if a.op == opField && b.typ == tDuration {
			return c.fail(a, "duration", describe(a)+"; payloads hold no durations")
		}
		return c.coerce(b, a.typ)
	case b.typ == tDuration && n.op == opMul && a.typ == tNumber:
		n.typ = tDuration
		return nil
	case b.typ == tDuration && n.op == opDiv && a.typ == tDuration:
		n.typ = tNumber // how many times
		return nil
	}
	return c.coerce(b, tNumber)
}

// same gives what is compared one type.
func (c *checker) same(ns []*node, ordered bool) error {
	i := slices.IndexFunc(ns, func(n *node) bool { return n.typ != tAny })
	if i < 0 {
		return nil
	}
	t := ns[i].typ
	if ordered && t == tBool {
		return c.fail(ns[i], "something that has an order", describe(ns[i]))
	}
	for _, n := range ns {
		if err := c.coerce(n, t); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) call(n *node) error {
	x := n.kids[0]
	switch n.op {
	case opHas:
		if x.op != opField {
			if err := c.infer(x); err != nil {
				return err
			}
			return c.fail(x, "a field", describe(x))
		}
		return c.infer(x)
	case opPrefix:
		if err := c.require(x, tString); err != nil {
			return err
		}
		return c.require(n.kids[1], tString)
	case opChanged:
		if err := c.infer(x); err != nil {
			return err
		}
	case opRising, opFalling:
		if err := c.condition(x); err != nil {
			return err
		}
	default: // crosses, hyst
		for _, k := range n.kids {
			if err := c.require(k, tNumber); err != nil {
				return err
			}
		}
	}
	for _, k := range n.kids {
		if err := c.current(k); err != nil {
			return err
		}
	}
	return nil
}

// current checks that an expression can be taken in the sample before as well:
// it is of the current sample only.
func (c *checker) current(n *node) error {
	switch {
	case n.op == opField && n.when != now, n.op == opDelta, n.op == opAge:
		return c.fail(n, "an expression of the current sample", describe(n))
	case n.op == opChanged, n.op == opRising, n.op == opFalling, n.op == opCrosses:
		return c.fail(n, "an expression of the current sample", "a call of "+functionOf(n.op).name)
	}
	for _, k := range n.kids {
		if err := c.current(k); err != nil {
			return err
		}
	}
	return nil
}

// thresholds checks what only folding shows.
func (c *checker) thresholds(n *node) error {
	if n.op == opHyst && n.kids[1].constant() && n.kids[2].constant() && n.kids[1].num < n.kids[2].num {
		return c.fail(n.kids[1], "a threshold for on that is not below the one for off, "+numberText(n.kids[2].num), describe(n.kids[1]))
	}
	for _, k := range n.kids {
		if err := c.thresholds(k); err != nil {
			return err
		}
	}
	return nil
}

// Static costs of single operations, in units of about the time that a
// comparison of two numbers takes.
const (
	costStrings = 8 // comparison of strings
)

// cost is what an evaluation costs at most.
func (n *node) cost() int {
	c := 1
	for _, k := range n.kids {
		c += k.cost()
	}
	switch n.op {
	case opEq, opNe, opLt, opLe, opGt, opGe, opIn, opRange, opPrefix:
		if t := n.kids[0].typ; t == tString || t == tAny {
			c += costStrings * (len(n.kids) - 1)
		}
	case opChanged:
		if t := n.kids[0].typ; t == tString || t == tAny {
			c += costStrings
		}
		c += n.kids[0].cost()
	case opRising, opFalling, opCrosses, opHyst:
		// Evaluated in the sample before as well; of hyst, when it is brought up
		// to date.
		for _, k := range n.kids {
			c += k.cost()
		}
	}
	return c
}
