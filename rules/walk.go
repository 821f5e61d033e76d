package rules

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// quantity is what a node is worth in the walk: one of the three, or unknown.
type quantity struct {
	typ   typ // tAny = unknown
	num   float64
	str   string
	truth Truth
}

// walker evaluates an expression node by node, straight from its definition. It
// is what the compiled code is compared with, and what explains a rule.
type walker struct {
	schema *Schema
	e      *env
	hysts  map[*node]int // their bits
}

func newWalker(p *Program, e *env) *walker {
	w := &walker{p.schema, e, map[*node]int{}}
	p.rule.expr.some(func(n *node) bool {
		if n.op == opHyst {
			w.hysts[n] = len(w.hysts)
		}
		return false
	})
	return w
}

// walk evaluates n in the current sample, or in the one before.
func (w *walker) walk(n *node, base when) quantity {
	switch n.op {
	case opNumber, opDuration:
		return known(n.num)
	case opString:
		return quantity{typ: tString, str: n.str}
	case opField:
		s, i := w.place(n, base)
		if v := held(s, i); n.typ == tAny || v.typ == n.typ {
			return v
		}
		return quantity{} // a clash of types
	case opDelta:
		value := node{op: opField, typ: tNumber}
		before := node{op: opField, typ: tNumber, when: last}
		a, b := w.walk(&value, now), w.walk(&before, now)
		if a.typ != tNumber || b.typ != tNumber {
			return quantity{}
		}
		return known(math.Abs(a.num - b.num))
	case opAge:
		return known(w.e.age)
	case opNeg, opAbs, opAdd, opSub, opMul, opDiv:
		return w.calculation(n, base)
	}
	return quantity{typ: tBool, truth: w.truth(n, base)}
}

// known is a number, unless it is a NaN.
func known(x float64) quantity {
	if math.IsNaN(x) {
		return quantity{}
	}
	return quantity{typ: tNumber, num: x}
}

func held(s *Sample, i int) quantity {
	switch s.Kind(i) {
	case Number:
		return known(s.Number(i))
	case String:
		return quantity{typ: tString, str: s.Text(i)}
	case Bool:
		return quantity{typ: tBool, truth: truth(s.Bool(i))}
	}
	return quantity{}
}

// place is the sample and the slot of a field.
func (w *walker) place(n *node, base when) (*Sample, int) {
	slot, _ := w.schema.Slot(n.field)
	if n.when == now {
		return w.e.sample(base), slot
	}
	return w.e.sample(n.when), slot
}

func (w *walker) calculation(n *node, base when) quantity {
	kids := make([]*node, len(n.kids))
	for i, k := range n.kids {
		v := w.walk(k, base)
		if v.typ != tNumber {
			return quantity{}
		}
		kids[i] = &node{op: opNumber, num: v.num}
	}
	return known(calculate(n.op, kids))
}

// truth evaluates a condition; what is no condition at run time is unknown.
func (w *walker) truth(n *node, base when) Truth {
	switch n.op {
	case opBool:
		return truth(n.num != 0)
	case opAnd:
		t := True
		for _, k := range n.kids {
			t = min(t, w.truth(k, base))
		}
		return t
	case opOr:
		t := False
		for _, k := range n.kids {
			t = max(t, w.truth(k, base))
		}
		return t
	case opNot:
		return w.truth(n.kids[0], base).not()
	case opHas:
		s, i := w.place(n.kids[0], base)
		return truth(s.Kind(i) != Missing)
	case opField:
		if v := w.walk(n, base); v.typ == tBool {
			return v.truth
		}
		return Unknown
	case opChanged:
		return compareQuantities(opNe, w.walk(n.kids[0], now), w.walk(n.kids[0], prev))
	case opRising:
		return min(w.truth(n.kids[0], now), w.truth(n.kids[0], prev).not())
	case opFalling:
		return min(w.truth(n.kids[0], prev), w.truth(n.kids[0], now).not())
	case opCrosses:
		above := func(base when) quantity {
			t := compareQuantities(opGt, w.walk(n.kids[0], base), w.walk(n.kids[1], base))
			return quantity{typ: tBool, truth: t}
		}
		return compareQuantities(opNe, above(now), above(prev))
	case opHyst:
		for _, k := range n.kids {
			if w.walk(k, base).typ != tNumber {
				return Unknown
			}
		}
		states := w.e.on
		if base == prev {
			states = w.e.was
		}
		return truth(states>>w.hysts[n]&1 == 1)
	case opPrefix:
		s, p := w.walk(n.kids[0], base), w.walk(n.kids[1], base)
		if s.typ != tString || p.typ != tString {
			return Unknown
		}
		return truth(strings.HasPrefix(s.str, p.str))
	case opIn:
		t := False
		for _, k := range n.kids[1:] {
			t = max(t, compareQuantities(opEq, w.walk(n.kids[0], base), w.walk(k, base)))
		}
		return t
	case opRange:
		x := w.walk(n.kids[0], base)
		return min(compareQuantities(opGe, x, w.walk(n.kids[1], base)), compareQuantities(opLe, x, w.walk(n.kids[2], base)))
	}
	return compareQuantities(n.op, w.walk(n.kids[0], base), w.walk(n.kids[1], base))
}

func compareQuantities(o op, a, b quantity) Truth {
	if a.typ != b.typ || a.typ == tAny {
		return Unknown
	}
	switch a.typ {
	case tString:
		return compareStrings(o, a.str, b.str)
	case tBool:
		if a.truth == Unknown || b.truth == Unknown || o != opEq && o != opNe {
			return Unknown
		}
		return truth((a.truth == b.truth) == (o == opEq))
	}
	return compareNumbers(o, a.num, b.num)
}

// Step is a condition of a rule with what it was worth, and why.
type Step struct {
	// Level is 0 for the whole expression, 1 for the conditions that it is made
	// of, and so on.
	Level int
	// Text is the condition as the canonical text has it.
	Text  string
	Truth Truth
	// Why gives the values that the condition looked at, such as "value = 25".
	Why []string
}

// Explain says what the conditions of the rule would be worth if a sample came
// now. It changes nothing; it allocates, and is meant for people.
func (w *Watch) Explain(now time.Duration, s *Sample) []Step {
	x := w.x
	x.load(&w.u, now)
	e := x.e
	e.cur, e.prev = s.clone(max(len(x.cur.cell), w.program.schema.Len())), x.cur
	w.u.shape.step(&e)
	wk := newWalker(w.program, &e)
	var steps []Step
	var add func(n *node, level int)
	add = func(n *node, level int) {
		s := Step{Level: level, Text: string(appendNode(nil, n, rankOr)), Truth: wk.truth(n, 0)}
		parts := n.op == opAnd || n.op == opOr || n.op == opNot
		if !parts {
			s.Why = wk.why(n)
		}
		steps = append(steps, s)
		if parts {
			for _, k := range n.kids {
				add(k, level+1)
			}
		}
	}
	add(w.program.rule.expr, 0)
	return steps
}

// why lists what a condition looked at, each once.
func (w *walker) why(n *node) []string {
	var out []string
	seen := map[string]bool{}
	note := func(n *node, base when, name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		v := w.walk(n, base)
		text := "unknown"
		switch v.typ {
		case tNumber:
			text = numberText(v.num)
			if n.op == opAge {
				text = durationText(v.num)
			}
		case tString:
			text = shown(v.str)
		case tBool:
			text = v.truth.String()
		case tAny:
			if n.op == opField {
				s, i := w.place(n, base)
				text = s.Kind(i).String()
			}
		}
		out = append(out, fmt.Sprintf("%s = %s", name, text))
	}
	var visit func(n *node, before bool)
	visit = func(n *node, before bool) {
		switch n.op {
		case opField:
			note(n, now, n.when.String()+shownField(n.field))
			if before {
				note(n, prev, prev.String()+shownField(n.field))
			}
		case opDelta, opAge:
			note(n, now, map[op]string{opDelta: "delta", opAge: "age"}[n.op])
		case opHyst:
			out = append(out, map[bool]string{true: "hyst was on", false: "hyst was off"}[w.e.was>>w.hysts[n]&1 == 1])
		case opRising, opFalling, opChanged, opCrosses:
			before = true
		}
		for _, k := range n.kids {
			visit(k, before)
		}
	}
	visit(n, false)
	return out
}
