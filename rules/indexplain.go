package rules

// addPlain adds a rule that nothing but its boxes is needed of.
func (x *Index) addPlain(id ID, s *shape, r *Rule) bool {
	u := &x.probe
	*u = newSubject(s, r, &x.none)
	var bs boxes
	switch {
	case !s.dynamic:
		x.boxes(u, 0, &bs)
	case x.hold(s):
		x.x.load(u, 0)
		x.ex.expand(s.held, &bs)
	}
	switch {
	case bs.n == 0:
		x.subs[id] = sub{tree: inNone, shape: s.number}
	case !x.exact(&bs):
		return false
	default:
		use := useOnce
		if bs.n == 1 || bs.disjoint() {
			use = usePlain
		}
		// The first box is the subscription's own place, each other one has a
		// number of its own.
		x.subs[id] = x.putPlain(&bs.b[0], id, use)
		x.subs[id].shape = s.number
		for i := 1; i < bs.n; i++ {
			at := x.newNumber()
			x.subs[at] = x.putPlain(&bs.b[i], id, use)
			x.subs[at].shape = isChained
			x.subs[at].next = x.subs[id].next
			x.subs[id].next = uint32(at) + 1
		}
	}
	return true
}

// hold has the axes of a shape hold what the resource has. Where that is no
// number, last has none either, and never will: there is nothing to find.
func (x *Index) hold(s *shape) bool {
	x.x.e.cur = x.x.cur
	for _, a := range s.axes {
		if !a.hold {
			continue
		}
		v := a.fn(&x.x.e)
		if !x.x.have || v != v {
			return false
		}
		if a.users == 0 {
			a.held = v
		}
	}
	return true
}

// putPlain puts a box into a tree, and returns where it is.
func (x *Index) putPlain(b *box, id ID, use treeUse) sub {
	k, at, _ := b.place(x.constant)
	k.use = use
	c := x.corner(&k, &at, id)
	t := x.tree(k)
	x.trees[t].insert(c)
	return sub{p: c.p, s: c.s, tree: t}
}

// exact reports whether the boxes are where the rule is true, and nothing else.
func (x *Index) exact(bs *boxes) bool {
	for i := range bs.b[:bs.n] {
		if _, _, exact := bs.b[i].place(x.constant); !exact {
			return false
		}
	}
	return true
}

// disjoint reports whether no sample is in two of the boxes.
func (bs *boxes) disjoint() bool {
	for i := range bs.b[:bs.n] {
		for j := range bs.b[:i] {
			if !bs.b[i].apart(&bs.b[j]) {
				return false
			}
		}
	}
	return true
}

// apart reports whether an axis keeps two boxes apart.
func (b *box) apart(o *box) bool {
	for _, h := range b.h[:b.n] {
		both := *o
		if !both.add(h) {
			return true
		}
	}
	return false
}

func (x *Index) takePlain(s *sub, id ID) {
	if s.tree == inNone {
		return
	}
	if x.trees[s.tree].key.axis[0].str {
		x.uncode(s.p)
	}
	x.take(s.tree, corner{p: s.p, s: s.s, id: id})
}
