package rules

import (
	"math"
	"strconv"
)

// Ranks of the grammar, weakest first.
const (
	rankOr = iota
	rankAnd
	rankNot
	rankCmp
	rankSum
	rankTerm
	rankUnary
	rankPrim
)

var signs = map[op]string{
	opAdd: " + ", opSub: " - ", opMul: " * ", opDiv: " / ",
	opEq: " == ", opNe: " != ", opLt: " < ", opLe: " <= ", opGt: " > ", opGe: " >= ",
}

func (n *node) rank() int {
	switch n.op {
	case opOr:
		return rankOr
	case opAnd:
		return rankAnd
	case opNot:
		return rankNot
	case opEq, opNe, opLt, opLe, opGt, opGe, opIn, opRange:
		return rankCmp
	case opAdd, opSub:
		return rankSum
	case opMul, opDiv:
		return rankTerm
	case opNeg:
		return rankUnary
	case opNumber, opDuration:
		if n.num < 0 {
			return rankUnary
		}
	}
	return rankPrim
}

// appendNode writes an expression where the grammar takes the given rank.
func appendNode(b []byte, n *node, rank int) []byte {
	if n.rank() < rank {
		return append(appendNode(append(b, '('), n, rankOr), ')')
	}
	switch n.op {
	case opNumber:
		return appendNumber(b, n.num)
	case opDuration:
		return append(b, durationText(n.num)...)
	case opString:
		return append(b, quote(n.str)...)
	case opBool:
		return strconv.AppendBool(b, n.num != 0)
	case opField:
		return append(append(b, n.when.String()...), n.field.String()...)
	case opDelta:
		return append(b, "delta"...)
	case opAge:
		return append(b, "age"...)
	case opNeg:
		return appendNode(append(b, '-'), n.kids[0], rankPrim)
	case opAdd, opSub:
		return appendBinary(b, n, rankSum, rankTerm)
	case opMul, opDiv:
		return appendBinary(b, n, rankTerm, rankUnary)
	case opEq, opNe, opLt, opLe, opGt, opGe:
		return appendBinary(b, n, rankSum, rankSum)
	case opIn:
		b = append(appendNode(b, n.kids[0], rankSum), " in ["...)
		return append(appendList(b, n.kids[1:], ", ", rankSum), ']')
	case opRange:
		b = append(appendNode(b, n.kids[0], rankSum), " in "...)
		return appendList(b, n.kids[1:], "..", rankSum)
	case opAnd:
		return appendList(b, n.kids, " and ", rankNot)
	case opOr:
		return appendList(b, n.kids, " or ", rankAnd)
	case opNot:
		return appendNode(append(b, "not "...), n.kids[0], rankNot)
	}
	b = append(append(b, functionOf(n.op).name...), '(')
	return append(appendList(b, n.kids, ", ", rankOr), ')')
}

func appendBinary(b []byte, n *node, left, right int) []byte {
	b = append(appendNode(b, n.kids[0], left), signs[n.op]...)
	return appendNode(b, n.kids[1], right)
}

func appendList(b []byte, ns []*node, between string, rank int) []byte {
	for i, n := range ns {
		if i > 0 {
			b = append(b, between...)
		}
		b = appendNode(b, n, rank)
	}
	return b
}

// appendNumber writes the shortest text that reads as exactly x.
func appendNumber(b []byte, x float64) []byte {
	form := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(b, x, form, -1, 64)
}

func numberText(x float64) string { return string(appendNumber(nil, x)) }

// durationText writes milliseconds in the largest unit that they are a whole
// number of.
func durationText(ms float64) string {
	for i := len(units) - 1; i > 0 && ms != 0; i-- {
		if q := ms / float64(units[i].ms); math.Abs(ms) < 1<<53 && math.Mod(ms, float64(units[i].ms)) == 0 {
			return numberText(q) + units[i].name
		}
	}
	return numberText(ms) + "ms"
}

// appendControls writes the controls in their one order.
func appendControls(b []byte, c Controls) []byte {
	between := "; "
	for _, name := range controlNames {
		if d := c.period(name); d != nil && *d > 0 {
			b = append(append(append(append(b, between...), name...), '='), durationText(inMS(*d))...)
			between = ", "
		}
	}
	if c.Con {
		b = append(append(b, between...), "con"...)
	}
	return b
}
