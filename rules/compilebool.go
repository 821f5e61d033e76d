package rules

func (c *compiler) bools(ns []*node, base when) []boolFn {
	var fs []boolFn
	for _, n := range ns {
		fs = append(fs, c.bool(n, base))
	}
	return fs
}

func (c *compiler) and(ns []*node, base when) boolFn {
	fs := c.bools(ns, base)
	if len(fs) == 2 {
		f, g := fs[0], fs[1]
		return func(e *env) Truth {
			t := f(e)
			if t == False {
				return False
			}
			return min(t, g(e))
		}
	}
	return func(e *env) Truth {
		t := True
		for _, f := range fs {
			if t = min(t, f(e)); t == False {
				return False
			}
		}
		return t
	}
}

func (c *compiler) or(ns []*node, base when) boolFn { return anyOf(c.bools(ns, base)) }

func anyOf(fs []boolFn) boolFn {
	if len(fs) == 2 {
		f, g := fs[0], fs[1]
		return func(e *env) Truth {
			t := f(e)
			if t == True {
				return True
			}
			return max(t, g(e))
		}
	}
	return func(e *env) Truth {
		t := False
		for _, f := range fs {
			if t = max(t, f(e)); t == True {
				return True
			}
		}
		return t
	}
}

// simple: a field of the current sample is compared with constants. Each of
// these comparisons is one closure; what is not so simple is calculated once.
func simple(n *node, base when) bool {
	x := n.kids[0]
	return base == now && x.op == opField && x.when == now && allConstant(&node{kids: n.kids[1:]})
}

func (c *compiler) inNumbers(n *node, base when) boolFn {
	x := c.num(n.kids[0], base)
	var ys []numFn
	for _, k := range n.kids[1:] {
		ys = append(ys, c.num(k, base))
	}
	return func(e *env) Truth {
		a, t := x(e), False
		for _, y := range ys {
			b := y(e)
			if a == b {
				return True
			}
			t = max(t, number(a), number(b))
		}
		return t
	}
}

func (c *compiler) inTruths(n *node, base when) boolFn {
	x, ys := c.bool(n.kids[0], base), c.bools(n.kids[1:], base)
	return func(e *env) Truth {
		a, t := x(e), False
		for _, y := range ys {
			if t = max(t, differ(a, y(e)).not()); t == True {
				return True
			}
		}
		return t
	}
}

// comparison compares a, taken in one sample, with b, taken in another.
func (c *compiler) comparison(o op, a *node, baseA when, b *node, baseB when) boolFn {
	switch a.typ {
	case tAny:
		return c.compareAny(o, a, baseA, b, baseB)
	case tBool:
		f, g := c.bool(a, baseA), c.bool(b, baseB)
		if o == opEq {
			return func(e *env) Truth { return differ(f(e), g(e)).not() }
		}
		return func(e *env) Truth { return differ(f(e), g(e)) }
	case tString:
		return c.compareStr(o, a, baseA, b, baseB)
	}
	if a.op == opField && a.when == now && baseA == now && b.param > 0 && c.shared {
		return c.compareField(o, a, b.param-1)
	}
	f, g := c.num(a, baseA), c.num(b, baseB)
	switch o {
	case opEq:
		return func(e *env) Truth { return compareNumbers(opEq, f(e), g(e)) }
	case opNe:
		return func(e *env) Truth { return compareNumbers(opNe, f(e), g(e)) }
	case opLt:
		return func(e *env) Truth { return compareNumbers(opLt, f(e), g(e)) }
	case opLe:
		return func(e *env) Truth { return compareNumbers(opLe, f(e), g(e)) }
	case opGt:
		return func(e *env) Truth { return compareNumbers(opGt, f(e), g(e)) }
	default:
		return func(e *env) Truth { return compareNumbers(opGe, f(e), g(e)) }
	}
}

// compareField is the comparison that most rules are made of, in one closure: a
// field of the current sample with a constant, which is no NaN.
func (c *compiler) compareField(o op, a *node, k int) boolFn {
	i, _ := c.slot(a, now)
	// One comparison decides true, its opposite false; NaN is neither.
	switch o {
	case opEq:
		return func(e *env) Truth {
			x, t := e.cur.cell[i].num, e.nums[k]
			if x == t {
				return True
			}
			return number(x)
		}
	case opNe:
		return func(e *env) Truth {
			x, t := e.cur.cell[i].num, e.nums[k]
			if x == t {
				return False
			}
			return number(x).not()
		}
	case opLt:
		return func(e *env) Truth {
			x, t := e.cur.cell[i].num, e.nums[k]
			if x < t {
				return True
			}
			return number(x)
		}
	case opLe:
		return func(e *env) Truth {
			x, t := e.cur.cell[i].num, e.nums[k]
			if x <= t {
				return True
			}
			return number(x)
		}
	case opGt:
		return func(e *env) Truth {
			x, t := e.cur.cell[i].num, e.nums[k]
			if x > t {
				return True
			}
			return number(x)
		}
	default:
		return func(e *env) Truth {
			x, t := e.cur.cell[i].num, e.nums[k]
			if x >= t {
				return True
			}
			return number(x)
		}
	}
}

// number is what a comparison that does not hold says: False, or Unknown for a
// NaN.
func number(x float64) Truth {
	if x == x {
		return False
	}
	return Unknown
}

func (c *compiler) compareStr(o op, a *node, baseA when, b *node, baseB when) boolFn {
	if a.op == opField && a.when == now && baseA == now && b.param > 0 && c.shared && o == opEq {
		i, _ := c.slot(a, now)
		k := b.param - 1
		return func(e *env) Truth {
			s := e.cur
			if s.cell[i].kind != String {
				return Unknown
			}
			return truth(s.cell[i].str == e.strs[k])
		}
	}
	f, g := c.str(a, baseA), c.str(b, baseB)
	return func(e *env) Truth {
		s, ok := f(e)
		t, known := g(e)
		if !ok || !known {
			return Unknown
		}
		return compareStrings(o, s, t)
	}
}

// compareAny compares two fields whose types nothing tells.
func (c *compiler) compareAny(o op, a *node, baseA when, b *node, baseB when) boolFn {
	i, v := c.slot(a, baseA)
	j, w := c.slot(b, baseB)
	return func(e *env) Truth { return compareSlots(o, e.sample(v), i, e.sample(w), j) }
}

// compareSlots compares what samples hold: unknown unless both are of one kind
// that has the comparison.
func compareSlots(o op, s *Sample, i int, t *Sample, j int) Truth {
	switch k := s.cell[i].kind; k {
	case Number:
		return compareNumbers(o, s.cell[i].num, t.cell[j].num)
	case String:
		if t.cell[j].kind == String {
			return compareStrings(o, s.cell[i].str, t.cell[j].str)
		}
	case Bool, boolTrue:
		if l := t.cell[j].kind; (o == opEq || o == opNe) && (l == Bool || l == boolTrue) {
			return truth((k == l) == (o == opEq))
		}
	}
	return Unknown
}
