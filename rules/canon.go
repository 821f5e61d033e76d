package rules

import (
	"math"
	"slices"
	"strings"
)

// canonicalize brings a checked expression into the one form that all its
// spellings have: constants folded, negation moved into comparisons, operands
// of commutative operators sorted, constants on the right. It never makes an
// expression larger, deeper or dearer, and what it makes means exactly the
// same, unknown included. n belongs to it.
func canonicalize(n *node) *node {
	for i, k := range n.kids {
		n.kids[i] = canonicalize(k)
	}
	switch n.op {
	case opNeg, opAbs:
		return foldQuantity(n)
	case opAdd, opMul:
		if a, b := n.kids[0], n.kids[1]; b.op == n.op && a.op != n.op || (a.op == n.op) == (b.op == n.op) && operandOrder(a, b) > 0 {
			n.kids[0], n.kids[1] = b, a
		}
		return foldQuantity(n)
	case opSub, opDiv:
		return foldQuantity(n)
	case opEq, opNe, opLt, opLe, opGt, opGe:
		return canonComparison(n)
	case opIn:
		slices.SortFunc(n.kids[1:], compare)
		n.kids = n.kids[:1+len(slices.CompactFunc(n.kids[1:], equal))]
		if len(n.kids) == 2 {
			n.op = opEq
			return canonComparison(n)
		}
		return foldTruth(keepBool(n))
	case opRange, opPrefix:
		return foldTruth(n)
	case opAnd, opOr:
		return canonList(n)
	case opNot:
		return negated(n)
	case opChanged, opRising, opFalling, opCrosses:
		if !n.some(func(n *node) bool { return n.op == opField || n.op == opHyst }) {
			return foldTruth(n)
		}
		return keepBool(n)
	case opHyst:
		// Depends on the samples even where it seems constant: it is left.
	}
	return n
}

// operandOrder puts constants last.
func operandOrder(a, b *node) int {
	if a.constant() != b.constant() {
		if a.constant() {
			return 1
		}
		return -1
	}
	return compare(a, b)
}

var flipped = map[op]op{opEq: opEq, opNe: opNe, opLt: opGt, opLe: opGe, opGt: opLt, opGe: opLe}
var opposite = map[op]op{opEq: opNe, opNe: opEq, opLt: opGe, opLe: opGt, opGt: opLe, opGe: opLt}

func canonComparison(n *node) *node {
	if operandOrder(n.kids[0], n.kids[1]) > 0 {
		n.kids[0], n.kids[1] = n.kids[1], n.kids[0]
		n.op = flipped[n.op]
	}
	// x == true is x.
	if a, b := n.kids[0], n.kids[1]; b.op == opBool && !a.constant() {
		if (n.op == opEq) == (b.num != 0) {
			return a
		}
		return negated(&node{op: opNot, typ: tBool, pos: n.pos, end: n.end, kids: []*node{a}})
	}
	return foldTruth(keepBool(n))
}

// keepBool keeps fields conditions that only what has been taken away showed to
// be conditions: (x == true) != y is not x != y, which compares numbers too.
func keepBool(n *node) *node {
	if n.op == opRising || n.op == opFalling || n.op == opCrosses {
		return n
	}
	for _, k := range n.kids {
		if k.op != opField || k.typ != tBool {
			return n
		}
	}
	i := len(n.kids) - 1
	k := n.kids[i]
	n.kids[i] = &node{op: opEq, typ: tBool, pos: k.pos, end: k.end, kids: []*node{k, boolNode(true)}}
	return n
}

// negated moves a negation into a comparison and takes away a double one, which
// Kleene's logic allows: both are unknown where the operands are.
func negated(n *node) *node {
	k := n.kids[0]
	switch {
	case k.op == opBool:
		return boolNode(k.num == 0)
	case k.op == opNot:
		return k.kids[0]
	case opposite[k.op] != 0:
		k.op = opposite[k.op]
		return k
	}
	return n
}

func canonList(n *node) *node {
	var kids []*node
	for _, k := range n.kids {
		switch {
		case k.op == n.op:
			kids = append(kids, k.kids...)
		case k.op == opBool && k.isTrue() == (n.op == opAnd):
			// true and x is x, false or x is x
		case k.op == opBool:
			return k
		default:
			kids = append(kids, k)
		}
	}
	slices.SortFunc(kids, compare)
	kids = slices.CompactFunc(kids, equal)
	switch len(kids) {
	case 0:
		return boolNode(n.op == opAnd)
	case 1:
		return kids[0]
	}
	n.kids = kids
	return n
}

func allConstant(n *node) bool {
	return !slices.ContainsFunc(n.kids, func(k *node) bool { return !k.constant() })
}

// foldQuantity calculates what is constant, unless the result cannot be
// written.
func foldQuantity(n *node) *node {
	if !allConstant(n) {
		return n
	}
	x := calculate(n.op, n.kids)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return n
	}
	o := opNumber
	if n.typ == tDuration {
		o = opDuration
	}
	return &node{op: o, typ: n.typ, pos: n.pos, end: n.end, num: x + 0}
}

// calculate applies an operator to constants.
func calculate(o op, kids []*node) float64 {
	a := kids[0].num
	switch o {
	case opNeg:
		return 0 - a
	case opAbs:
		return math.Abs(a)
	}
	return arithmetic(o, a, kids[1].num)
}

// arithmetic is what an operator does, in folding, in the compiled code and in
// the walk. −0 is 0: it never divides to −∞. The conversions keep a compiler
// from fusing operations, so that all machines agree.
func arithmetic(o op, a, b float64) float64 {
	switch o {
	case opAdd:
		return float64(a + b)
	case opSub:
		return float64(a - b)
	case opMul:
		return float64(a * b)
	default:
		return float64(a / (b + 0))
	}
}

// foldTruth decides what is constant, unless it is unknown.
func foldTruth(n *node) *node {
	if !allConstant(n) {
		return n
	}
	switch t := constantTruth(n); t {
	case Unknown:
		return n
	default:
		return boolNode(t == True)
	}
}

func constantTruth(n *node) Truth {
	k := n.kids
	switch n.op {
	case opIn:
		t := False
		for _, e := range k[1:] {
			t = max(t, compareConstants(opEq, k[0], e))
		}
		return t
	case opRange:
		return min(compareConstants(opGe, k[0], k[1]), compareConstants(opLe, k[0], k[2]))
	case opPrefix:
		return truth(strings.HasPrefix(k[0].str, k[1].str))
	case opChanged, opRising, opFalling, opCrosses:
		return False // a constant was the same before
	}
	return compareConstants(n.op, k[0], k[1])
}

func compareConstants(o op, a, b *node) Truth {
	switch a.op {
	case opString:
		return compareStrings(o, a.str, b.str)
	case opBool:
		return truth((a.num == b.num) == (o == opEq))
	}
	return compareNumbers(o, a.num, b.num)
}
