package rules

import (
	"math"
	"slices"
	"time"
)

// shape returns the compiled shape of a rule, which it compiles if no other rule
// has had it.
func (x *Index) shape(r *Rule) (*shape, error) {
	if s, ok := x.shapes[r.code.shape]; ok {
		return s, nil
	}
	slots, err := x.schema.add(r)
	if err != nil {
		return nil, err
	}
	x.fit(slots)
	c := newCompiler(r.expr, x.schema, true)
	p := planner{c: c, axes: x.axes}
	s := c.s
	s.plan = p.whole(r.expr)
	s.key, s.slotsOf, s.axes = r.code.shape, slots, p.used
	if s.dynamic = r.expr.usesLast() || r.expr.uses(opHyst); s.dynamic {
		s.held, s.equal = p.since(r.expr)
		s.axes = p.used
	}
	x.schema.use(slots)
	for _, i := range slots {
		x.uses[i]++
	}
	if n := len(x.freeShape); n > 0 {
		s.number = x.freeShape[n-1]
		x.freeShape = x.freeShape[:n-1]
		x.shapeOf[s.number] = s
	} else {
		s.number = uint32(len(x.shapeOf))
		x.shapeOf = append(x.shapeOf, s)
	}
	x.shapes[s.key] = s
	return s, nil
}

// fit makes room for new fields in what is known of the resource.
func (x *Index) fit(slots []int) {
	x.x.grow(x.schema.Len())
	for len(x.uses) < x.schema.Len() {
		x.uses = append(x.uses, 0)
	}
	fresh := false
	for _, i := range slots {
		if x.uses[i] == 0 {
			fresh = true
			for _, s := range []*Sample{x.x.cur, x.x.prev} { // of a field that had the slot before
				s.cell[i] = missing
			}
		}
	}
	if !fresh {
		return
	}
	x.x.kept = nil
	if x.x.have && x.cfg.Current != nil {
		s := NewSample(x.schema)
		x.cfg.Current(s)
		x.x.cur.copyFrom(s, x.schema.Len())
	}
}

func (x *Index) release(s *shape) {
	if s.users--; s.users > 0 {
		return
	}
	delete(x.shapes, s.key)
	x.shapeOf[s.number] = nil
	x.freeShape = append(x.freeShape, s.number)
	for _, a := range s.axes {
		if a.shapes--; a.shapes == 0 {
			delete(x.axes, a.key)
		}
	}
	for _, i := range s.slotsOf {
		x.uses[i]--
	}
	x.schema.release(s.slotsOf)
}

func (x *Index) share(c Controls) *Controls {
	s, ok := x.controls[c]
	if !ok {
		s = &sharedControls{Controls: c}
		x.controls[c] = s
	}
	s.users++
	return &s.Controls
}

func (x *Index) unshare(c *Controls) {
	if s, ok := x.controls[*c]; ok && c != &x.none {
		if s.users--; s.users == 0 {
			delete(x.controls, *c)
		}
	}
}

// tree returns the place of the tree of a key, which may be new.
func (x *Index) tree(k treeKey) int32 {
	if i, ok := x.treeOf[k]; ok {
		return i
	}
	t := &tree{corners: corners{mode: k.mode, extra: int(k.extra)}, key: k}
	var i int32
	if n := len(x.freeTree); n > 0 {
		i = x.freeTree[n-1]
		x.freeTree = x.freeTree[:n-1]
		x.trees[i] = t
	} else {
		i = int32(len(x.trees))
		x.trees = append(x.trees, t)
	}
	x.treeOf[k] = i
	for _, a := range k.axis {
		x.want(a)
	}
	return i
}

// drop takes a tree away.
func (x *Index) drop(i int32) {
	t := x.trees[i]
	delete(x.treeOf, t.key)
	x.trees[i] = nil
	x.freeTree = append(x.freeTree, i)
	for _, a := range t.key.axis {
		x.unwant(a)
	}
}

// want has the value of an axis calculated for every sample.
func (x *Index) want(a *axis) {
	if a == nil || a == x.constant {
		return
	}
	if a.users++; a.users == 1 {
		a.place = len(x.active)
		x.active = append(x.active, a)
	}
}

func (x *Index) unwant(a *axis) {
	if a == nil || a == x.constant {
		return
	}
	if a.users--; a.users == 0 {
		last := x.active[len(x.active)-1]
		x.active[a.place], last.place = last, a.place
		x.active = slices.Delete(x.active, len(x.active)-1, len(x.active))
	}
}

// corner makes the corner of a place, and numbers the string that it is of.
func (x *Index) corner(pl *place, id ID) corner {
	if pl.key.axis[0].str {
		pl.at[0] = x.code(pl.key.axis[0], pl.text)
	}
	return corner{pl.at[0], pl.at[1], pl.at[2], pl.at[3], id}
}

// insert puts boxes into trees.
func (x *Index) insert(bs *boxes, id ID) {
	var spots [len(bs.b)]spot
	for i := range bs.b[:bs.n] {
		pl := x.where(&bs.b[i])
		spots[i] = spot{k: x.corner(&pl, id), tree: x.tree(pl.key)}
	}
	x.enter(spots[:bs.n])
}

func (x *Index) delete(bs *boxes, id ID) {
	var spots [len(bs.b)]spot
	for i := range bs.b[:bs.n] {
		pl := x.where(&bs.b[i])
		c := x.corner(&pl, id)
		if pl.key.axis[0].str { // it has been counted once more
			x.uncode(pl.key.axis[0], c.p)
			x.uncode(pl.key.axis[0], c.p)
		}
		spots[i] = spot{tree: x.treeOf[pl.key], k: c}
	}
	x.take(spots[:bs.n])
}

func (x *Index) where(b *box) place {
	pl := b.place(x.constant)
	if pl.key.use = useMaybe; pl.exact {
		pl.key.use = useSure
	}
	return pl
}

// sleepy reports whether samples that a subscription wants can be found later,
// when its pmin has ended: if it wants whatever is beyond a bound.
func (x *Index) sleepy(bs *boxes) bool {
	for i := range bs.b[:bs.n] {
		pl := bs.b[i].place(x.constant)
		if !pl.exact || pl.key.mode != cornerLine || pl.key.axis[0] == x.constant {
			return false
		}
	}
	return true
}

// settle puts a subscription where what concerns it finds it.
func (x *Index) settle(e *ext, now time.Duration) {
	var bs boxes
	x.boxes(&e.subject, now, &bs)
	e.keyedOn = e.on
	gate := time.Duration(0)
	if e.times != nil {
		if !math.IsInf(x.ex.wait, 1) {
			gate = now + time.Duration(x.ex.wait*float64(time.Millisecond))
		}
		e.times.keyedAt, e.times.gate = now, gate
	}
	if e.paced() {
		bs.n = 0
		bs.or(&box{})
	}
	if ends := e.sentAt + e.ctl.PMin; now < ends && (gate == 0 || gate >= ends) && x.sleepy(&bs) {
		e.mode = modeAsleep
		for i := range bs.b[:bs.n] {
			h := &bs.b[i].h[0]
			h.axis.sleepers[direction(h.neg)]++
			x.want(h.axis)
		}
		return
	}
	e.mode = modePlaced
	x.insert(&bs, e.id)
}

// paced: the times of its evaluations matter, so that it sees every sample.
func (e *ext) paced() bool { return e.ctl.EPMin > 0 || e.ctl.EPMax > 0 }

func direction(neg bool) int {
	if neg {
		return 1
	}
	return 0
}

// unsettle takes a subscription away from where it was put in an earlier state.
func (x *Index) unsettle(e *ext, earlier state) {
	if e.mode == modeMember {
		return
	}
	var bs boxes
	x.keyed(e, earlier, &bs)
	switch e.mode {
	case modeAsleep:
		for i := range bs.b[:bs.n] {
			h := &bs.b[i].h[0]
			d := direction(h.neg)
			if h.axis.sleepers[d]--; h.axis.sleepers[d] == 0 {
				h.axis.stacks[d] = nil
			}
			x.unwant(h.axis)
		}
	default:
		x.delete(&bs, e.id)
	}
}

// keyed makes the boxes again that a subscription has.
func (x *Index) keyed(e *ext, earlier state, bs *boxes) {
	present := e.state
	e.state = earlier
	e.on = e.keyedOn
	at := time.Duration(0)
	if e.times != nil {
		at = e.times.keyedAt
	}
	x.boxes(&e.subject, at, bs)
	e.state = present
	if e.paced() {
		bs.n = 0
		bs.or(&box{})
	}
}

// join makes a subscription a member of the group of its rule.
func (x *Index) join(e *ext, r *Rule) {
	g, ok := x.groupOf[r.Expression()]
	if !ok {
		g = &group{key: r.Expression(), subject: e.subject}
		g.ctl, g.state = &x.none, state{}
		if n := len(x.freeGroup); n > 0 {
			g.id = x.freeGroup[n-1]
			x.freeGroup = x.freeGroup[:n-1]
			x.groups[g.id&^groupBit] = g
		} else {
			g.id = ID(len(x.groups)) | groupBit
			x.groups = append(x.groups, g)
		}
		x.groupOf[g.key] = g
		var bs boxes
		x.boxes(&g.subject, 0, &bs)
		x.insert(&bs, g.id)
	}
	e.group, e.mode = g, modeMember
	switch {
	case e.ctl.PMin > 0: // it has just been told something
		x.nap(e)
	case e.ctl.PMax > 0:
		x.rouse(e)
	default:
		e.place = int32(len(g.free))
		g.free = append(g.free, e.id)
	}
}

// nap and rouse are modeAsleep and its end for a member.
func (x *Index) nap(e *ext) {
	e.place = -1
	e.group.asleep++
}

func (x *Index) rouse(e *ext) {
	e.place = int32(len(e.group.awake))
	e.group.awake = append(e.group.awake, e.id)
}

// leave takes a member out of its group, and the group away with the last.
func (x *Index) leave(e *ext) {
	g := e.group
	timed := *e.ctl != Controls{Con: e.ctl.Con}
	switch {
	case e.place < 0:
		if g.asleep--; g.asleep == 0 {
			g.match = nil
		}
	case timed:
		g.awake = x.out(g.awake, e.place)
	default:
		g.free = x.out(g.free, e.place)
	}
	if len(g.free)+len(g.awake)+g.asleep > 0 {
		return
	}
	var bs boxes
	x.boxes(&g.subject, 0, &bs)
	x.delete(&bs, g.id)
	delete(x.groupOf, g.key)
	x.groups[g.id&^groupBit] = nil
	x.freeGroup = append(x.freeGroup, g.id)
}

// out takes a member out of a list; the last one takes its place.
func (x *Index) out(ids []ID, place int32) []ID {
	last := ids[len(ids)-1]
	ids[place] = last
	x.exts[last].place = place
	return ids[:len(ids)-1]
}
