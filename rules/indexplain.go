package rules

// addPlain adds a rule that nothing but its boxes is needed of.
func (x *Index) addPlain(id ID, s *shape, r *Rule) bool {
	u := &x.probe
	x.probed = code{nums: r.nums, strs: r.strs}
	*u = subject{shape: s, many: &x.probed, ctl: &x.none}
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
		x.putPlain(&bs, id, use, s.number)
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

// putPlain puts boxes into trees. The first is the subscription's own place,
// each other one has a number of its own.
func (x *Index) putPlain(bs *boxes, id ID, use treeUse, shape uint32) {
	var spots [len(bs.b)]spot
	for i := range bs.b[:bs.n] {
		pl := bs.b[i].place(x.constant)
		pl.key.use = use
		c := x.corner(&pl, id)
		spots[i] = spot{tree: x.tree(pl.key), k: c}
		own := sub{p: c.p, s: c.s, tree: spots[i].tree, shape: shape}
		if i == 0 {
			x.subs[id] = own
			continue
		}
		at := x.newNumber()
		own.shape, own.next = isChained, x.subs[id].next
		x.subs[at] = own
		x.subs[id].next = uint32(at) + 1
	}
	x.enter(spots[:bs.n])
}

// exact reports whether the boxes are where the rule is true, and nothing else.
func (x *Index) exact(bs *boxes) bool {
	for i := range bs.b[:bs.n] {
		if !bs.b[i].place(x.constant).exact {
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

// takePlain takes the corners of a plain subscription out, and frees the numbers
// of all but the first.
func (x *Index) takePlain(id ID) {
	var spots [len(boxes{}.b)]spot
	n := 0
	for at := id; ; n++ {
		s := &x.subs[at]
		if s.tree == inNone {
			break
		}
		if a := x.trees[s.tree].key.axis[0]; a.str {
			x.uncode(a, s.p)
		}
		spots[n] = spot{tree: s.tree, k: corner{p: s.p, s: s.s, id: id}}
		next := s.next
		if at != id {
			*s = sub{tree: inFree}
			x.free = append(x.free, at)
		}
		if next == 0 {
			n++
			break
		}
		at = ID(next - 1)
	}
	x.take(spots[:n])
}
