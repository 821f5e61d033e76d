package rules

import "math"

// branch is a comparison that says which one to look at next if it holds, and
// which one if it does not. An expression of branches is faster than one with a
// call for every operator, but knows true and false only: where a comparison is
// unknown, the closures decide.
type branch struct {
	kind      branchKind
	result    Truth // of an end
	slot      int
	lo, hi    float64
	key       uint64 // of the text
	yes, no   *branch
	text      string
	fn        numFn
	condition boolFn
}

type branchKind uint8

const (
	branchEnd    branchKind = iota
	branchWithin            // the number of a slot is in lo..hi, which all comparisons can be said as
	branchAbs               // the number of a slot without its sign is
	branchText              // the text of a slot is text
	branchFn                // fn is in lo..hi
	branchClosed            // condition
)

// branches makes branches of an expression; nil if there would be nothing but
// the closure.
func (c *compiler) branches(n *node) *branch {
	first := c.branch(n, &branch{result: True}, &branch{result: False})
	if first.kind == branchEnd || first.kind == branchClosed && first.yes.kind == branchEnd && first.no.kind == branchEnd {
		return nil
	}
	return first
}

// branch makes what decides n, and returns where it begins.
func (c *compiler) branch(n *node, yes, no *branch) *branch {
	switch n.op {
	case opBool:
		if n.isTrue() {
			return yes
		}
		return no
	case opNot:
		return c.branch(n.kids[0], no, yes)
	case opAnd:
		for i := len(n.kids) - 1; i >= 0; i-- {
			yes = c.branch(n.kids[i], yes, no)
		}
		return yes
	case opOr:
		for i := len(n.kids) - 1; i >= 0; i-- {
			no = c.branch(n.kids[i], yes, no)
		}
		return no
	case opRange:
		if from, to := n.kids[1], n.kids[2]; quantities(from, to) && from.num <= to.num {
			return c.within(n.kids[0], from.num, to.num, yes, no)
		}
	case opIn:
		if len(n.kids[0].kids) > 0 {
			break // what must be calculated is calculated once
		}
		for i := len(n.kids) - 1; i > 0; i-- {
			no = c.branchOf(opEq, n.kids[0], n.kids[i], yes, no)
		}
		return no
	case opEq, opNe, opLt, opLe, opGt, opGe:
		return c.branchOf(n.op, n.kids[0], n.kids[1], yes, no)
	}
	return &branch{kind: branchClosed, condition: c.bool(n, now), yes: yes, no: no}
}

func quantities(ns ...*node) bool {
	for _, n := range ns {
		if n.op != opNumber && n.op != opDuration {
			return false
		}
	}
	return true
}

func (c *compiler) branchOf(o op, x, y *node, yes, no *branch) *branch {
	if o == opNe {
		o, yes, no = opEq, no, yes
	}
	switch {
	case y.op == opString && o == opEq && x.op == opField && x.when == now:
		slot, _ := c.slot(x, now)
		return &branch{kind: branchText, slot: slot, key: textKey(y.str), text: y.str, yes: yes, no: no}
	case quantities(y):
		lo, hi := math.Inf(-1), math.Inf(1)
		switch o {
		case opEq:
			lo, hi = y.num, y.num
		case opGt:
			lo = math.Nextafter(y.num, math.Inf(1))
		case opGe:
			lo = y.num
		case opLt:
			hi = math.Nextafter(y.num, math.Inf(-1))
		case opLe:
			hi = y.num
		}
		return c.within(x, lo, hi, yes, no)
	}
	return &branch{kind: branchClosed, condition: c.comparison(o, x, now, y, now), yes: yes, no: no}
}

func (c *compiler) within(x *node, lo, hi float64, yes, no *branch) *branch {
	b := &branch{kind: branchFn, lo: lo, hi: hi, yes: yes, no: no}
	if x.op == opField && x.when == now {
		b.kind = branchWithin
		b.slot, _ = c.slot(x, now)
	} else if x.op == opAbs && x.kids[0].op == opField && x.kids[0].when == now {
		b.kind = branchAbs
		b.slot, _ = c.slot(x.kids[0], now)
	} else {
		b.fn = c.num(x, now)
	}
	return b
}

// plain: it is made of comparisons of the current sample only.
func (b *branch) plain() bool {
	plain := true
	b.each(map[*branch]bool{}, func(b *branch) {
		switch b.kind {
		case branchEnd, branchWithin, branchAbs, branchText:
		default:
			plain = false
		}
	})
	return plain
}

// each goes to all branches, to each once: there are more ways through them than
// anybody could go.
func (b *branch) each(seen map[*branch]bool, f func(*branch)) {
	if b == nil || seen[b] {
		return
	}
	seen[b] = true
	f(b)
	b.yes.each(seen, f)
	b.no.each(seen, f)
}

// run decides, or says that it cannot: Unknown.
func (b *branch) run(e *env) Truth {
	s := e.cur
	for {
		var yes bool
		switch b.kind {
		case branchWithin, branchAbs:
			x := s.cell[b.slot].num
			if b.kind == branchAbs {
				x = math.Abs(x)
			}
			if yes = x >= b.lo && x <= b.hi; !yes && x != x {
				return Unknown
			}
		case branchText:
			c := &s.cell[b.slot]
			if c.kind != String {
				return Unknown
			}
			yes = c.key == b.key && c.str == b.text
		case branchEnd:
			return b.result
		case branchFn:
			x := b.fn(e)
			if yes = x >= b.lo && x <= b.hi; !yes && x != x {
				return Unknown
			}
		default:
			t := b.condition(e)
			if t == Unknown {
				return Unknown
			}
			yes = t == True
		}
		if yes {
			b = b.yes
		} else {
			b = b.no
		}
	}
}
