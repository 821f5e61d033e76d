package rules

import (
	"encoding/binary"
	"math"
)

// code is what makes a rule of its shape. Rules that differ only in the
// constants that they compare with have the same shape, and so the same
// compiled code: a million thresholds are compiled once.
type code struct {
	shape string
	nums  []float64
	strs  []string
}

// codeOf numbers the constants of a canonical expression that are parameters.
func codeOf(n *node) code {
	var c code
	var key []byte
	var walk func(n *node, param bool)
	walk = func(n *node, param bool) {
		key = append(key, byte(n.op), byte(n.typ))
		switch n.op {
		case opNumber, opDuration:
			if param {
				c.nums = append(c.nums, n.num)
				n.param = len(c.nums)
				key = append(key, 'p')
			} else {
				key = binary.BigEndian.AppendUint64(append(key, 'c'), math.Float64bits(n.num))
			}
		case opString:
			if param {
				c.strs = append(c.strs, n.str)
				n.param = len(c.strs)
				key = append(key, 'p')
			} else {
				key = appendCompactBytes(append(key, 'c'), n.str)
			}
		case opBool:
			key = append(key, byte(n.num))
		case opField:
			key = appendCompactBytes(append(key, byte(n.when), byte(n.field.kind)), n.field.name)
		}
		key = append(key, byte(len(n.kids)))
		for i, k := range n.kids {
			walk(k, i > 0 && comparesWith(n.op))
		}
	}
	walk(n, false)
	c.shape = string(key)
	return c
}

// comparesWith: the operands of n but the first are what it is compared with.
func comparesWith(o op) bool {
	switch o {
	case opEq, opNe, opLt, opLe, opGt, opGe, opIn, opRange, opCrosses, opHyst, opPrefix:
		return true
	}
	return false
}

// shape is compiled code, bound to the slots of a schema. It is immutable.
type shape struct {
	expr *node // of one of its rules
	root boolFn
	// Of code that is not shared root is fast and, where that cannot tell,
	// closed.
	fast     *branch
	closed   boolFn
	hysts    []hystCode
	usesPrev bool
	usesAge  bool
	usesLast bool // fields of what was selected last
	slots    int  // what a sample must have

	indexed // what an Index adds
}

type hystCode struct{ x, on, off numFn }

// env is what code is evaluated in.
type env struct {
	cur, prev *Sample
	last      *Sample // what was selected last; all missing before there is one
	age       float64 // milliseconds, NaN before there was one
	nums      []float64
	strs      []string
	on, was   uint16 // hysts: now, and in the sample before
}

type (
	numFn  func(*env) float64 // a NaN is unknown
	boolFn func(*env) Truth
	strFn  func(*env) (string, bool)
)

// step brings the hysteresis nodes up to date with the current sample.
func (s *shape) step(e *env) {
	e.was = e.on
	for i := range s.hysts {
		h := &s.hysts[i]
		e.on = nextHyst(e.on, uint16(1)<<i, h.x(e), h.on(e), h.off(e))
	}
}

// nextHyst is the state after a sample: on from on upward, off from off
// downward, between them as it was, and as it was where something is unknown.
func nextHyst(state, bit uint16, x, on, off float64) uint16 {
	switch {
	case on != on || off != off:
		return state
	case x >= on:
		return state | bit
	case x <= off:
		return state &^ bit
	}
	return state
}
