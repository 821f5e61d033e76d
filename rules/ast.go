package rules

import (
	"cmp"
	"slices"
	"strings"
)

// typ is a static type. A field has none until something is asked of it.
type typ uint8

const (
	tAny typ = iota // a field, whose type the payload decides
	tNumber
	tString
	tBool
	tDuration
)

func (t typ) String() string {
	return [...]string{"a field", "number", "string", "condition", "duration"}[t]
}

// op is what a node does.
type op uint8

const (
	opNumber op = iota // constants
	opDuration
	opString
	opBool
	opField
	opDelta
	opAge
	opNeg
	opAdd
	opSub
	opMul
	opDiv
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opIn    // kids: what, then the elements
	opRange // kids: what, from, to
	opAnd
	opOr
	opNot
	opHas
	opAbs
	opChanged
	opRising
	opFalling
	opCrosses
	opHyst
	opPrefix
)

// functions are the names of the calls, with what they take.
type function struct {
	name string
	op   op
	args int
	want string
}

var functions = []function{
	{"abs", opAbs, 1, "abs(number)"},
	{"has", opHas, 1, "has(field)"},
	{"changed", opChanged, 1, "changed(expression)"},
	{"rising", opRising, 1, "rising(condition)"},
	{"falling", opFalling, 1, "falling(condition)"},
	{"crosses", opCrosses, 2, "crosses(number, threshold)"},
	{"hyst", opHyst, 3, "hyst(number, on, off)"},
	{"prefix", opPrefix, 2, "prefix(string, beginning)"},
}

var functionNames = func() []string {
	var names []string
	for _, f := range functions {
		names = append(names, f.name)
	}
	return names
}()

func functionOf(o op) function {
	return functions[slices.IndexFunc(functions, func(f function) bool { return f.op == o })]
}

// when says of which sample a field is.
type when uint8

const (
	now when = iota
	prev
	last
)

func (w when) String() string { return [...]string{"", "prev.", "last."}[w] }

// node is an expression. After canonicalize nodes are shared and never
// changed.
type node struct {
	op       op
	typ      typ
	when     when
	pos, end int
	num      float64 // opNumber; opDuration in milliseconds; opBool 0 or 1
	str      string
	field    Field
	kids     []*node
	param    int // of a constant: its place in the rule's numbers or strings, from 1; 0 = part of the shape
}

func (n *node) constant() bool { return n.op <= opBool }

func (n *node) isTrue() bool { return n.op == opBool && n.num != 0 }

func boolNode(b bool) *node {
	n := &node{op: opBool, typ: tBool}
	if b {
		n.num = 1
	}
	return n
}

// depth is the number of levels of the expression.
func (n *node) depth() int {
	d := 0
	for _, k := range n.kids {
		d = max(d, k.depth())
	}
	return d + 1
}

// nodes is the number of nodes of the expression.
func (n *node) nodes() int {
	c := 1
	for _, k := range n.kids {
		c += k.nodes()
	}
	return c
}

// some reports whether f holds for a node of the expression.
func (n *node) some(f func(*node) bool) bool {
	if f(n) {
		return true
	}
	return slices.ContainsFunc(n.kids, func(k *node) bool { return k.some(f) })
}

// usesLast: the expression depends on what was selected last.
func (n *node) usesLast() bool {
	return n.some(func(n *node) bool { return n.op == opDelta || n.op == opAge || n.op == opField && n.when == last })
}

// moving: the expression depends on the samples themselves.
func (n *node) moving() bool {
	return n.some(func(n *node) bool {
		return n.op == opDelta || n.op == opHyst || n.op == opField && n.when != last
	})
}

func (n *node) uses(o op) bool { return n.some(func(n *node) bool { return n.op == o }) }

// compare orders expressions; positions play no part.
func compare(a, b *node) int {
	if c := cmp.Compare(a.op, b.op); c != 0 {
		return c
	}
	if c := cmp.Or(cmp.Compare(a.when, b.when), cmp.Compare(a.field.kind, b.field.kind), strings.Compare(a.field.name, b.field.name),
		cmp.Compare(a.num, b.num), strings.Compare(a.str, b.str)); c != 0 {
		return c
	}
	return slices.CompareFunc(a.kids, b.kids, compare)
}

func equal(a, b *node) bool { return compare(a, b) == 0 }
