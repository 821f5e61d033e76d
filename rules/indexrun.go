package rules

import (
	"math"
	"time"
)

// Sample tells of a new sample, which the index copies, and then does what
// Advance does. ref comes back with selections of this sample that are made
// later.
func (x *Index) Sample(now time.Duration, s *Sample, ref any) *Result {
	x.begin(now)
	if !x.x.have { // now there is something that pmax can force
		x.due = x.due[:0]
		for id, e := range x.exts {
			if e != nil {
				x.unset(e)
				x.due = append(x.due, ID(id))
			}
		}
	}
	x.x.push(s, ref)
	if uint32(x.x.seq) == 0 { // stamps of long ago could be taken for new
		for i := range x.subs {
			x.subs[i].stamp = 0
		}
		x.x.seq++
	}
	x.measure()
	x.look()
	for _, id := range x.sure {
		x.concern(id, now, true)
	}
	for _, id := range x.maybe {
		x.concern(id, now, false)
	}
	x.counted += uint64(len(x.sure) + len(x.maybe))
	x.counted += uint64(len(x.due))
	for _, id := range x.due {
		x.wake(x.exts[id], now, true)
	}
	return &x.result
}

// Advance does what is due: selections that waited for the end of pmin, or that
// pmax forces, and evaluations that epmin delayed or epmax asks for.
func (x *Index) Advance(now time.Duration) *Result {
	x.begin(now)
	x.counted += uint64(len(x.due))
	for _, id := range x.due {
		x.wake(x.exts[id], now, false)
	}
	return &x.result
}

// Next is when Advance may have something to do; false if only a sample can
// bring that about. It can be early: then Advance finds nothing, and Next is
// later.
func (x *Index) Next() (time.Duration, bool) {
	if len(x.timers) == 0 {
		return 0, false
	}
	return x.timers[0].at, true
}

// begin finds what is due, and puts into trees what age has brought there.
func (x *Index) begin(now time.Duration) {
	x.result.Selected = x.result.Selected[:0]
	clear(x.result.Late)
	x.result.Late = x.result.Late[:0]
	x.once, x.sure, x.maybe, x.due = x.once[:0], x.sure[:0], x.maybe[:0], x.due[:0]
	for len(x.timers) > 0 && x.timers[0].at <= now {
		id := x.timers[0].id
		x.due = append(x.due, id)
		x.unset(x.exts[id])
	}
	for _, id := range x.due {
		if e := x.exts[id]; e.gateOpen(now) && e.mode != modeAsleep {
			x.unsettle(e, e.state)
			x.settle(e, now)
		}
	}
}

// gateOpen: since its boxes were made, age has come to where there are more.
func (e *ext) gateOpen(now time.Duration) bool {
	return e.times != nil && e.times.gate != 0 && now >= e.times.gate
}

// measure calculates the axes for the current sample.
func (x *Index) measure() {
	e := &x.x.e
	e.cur, e.prev = x.x.cur, x.x.prev
	x.measured += uint64(len(x.active))
	longest, kept, stacks := 0, 0, 0
	for _, a := range x.active {
		switch {
		case a.prefix:
			a.val = x.prefixes(a, e.sample(a.when))
		case a.str:
			a.val = x.textValue(e.sample(a.when), a.slot)
		default:
			a.val = a.fn(e)
		}
		if a.hold {
			a.remember()
		}
		if a.val != a.val {
			continue
		}
		for d, sign := range [2]float64{1, -1} {
			if a.sleepers[d] > 0 {
				a.stacks[d].push(sign*a.val, x.x.snapshot())
				longest = max(longest, len(a.stacks[d]))
				kept += len(a.stacks[d])
				stacks++
			}
		}
	}
	// Each sleeper wants one of these samples at most, however many axes they
	// sleep on.
	if longest > 64+2*len(x.timers) || kept > 64*stacks+2*len(x.timers) {
		x.settleUp()
	}
}

// remember makes the value of what is held and what has come.
func (a *axis) remember() {
	v := a.val
	if a.val = max(v, a.held); a.least {
		a.val = min(v, a.held)
	}
	if v == v {
		a.held = v
	}
}

// settleUp gives all who sleep the sample that they want so far, and forgets
// the others.
func (x *Index) settleUp() {
	for _, t := range x.timers {
		x.settleOne(x.exts[t.id])
	}
	for _, id := range x.due { // their timers have gone off
		x.settleOne(x.exts[id])
	}
	for _, a := range x.active {
		a.stacks = [2]recent{}
	}
}

func (x *Index) settleOne(e *ext) {
	if e.mode == modeAsleep {
		x.catchUp(e)
		e.since = x.x.seq
	}
}

// look finds whom the sample concerns.
func (x *Index) look() {
	for _, t := range x.trees {
		if t == nil {
			continue
		}
		k := &t.key
		at := [4]float64{0, math.Inf(1)}
		all := 0.0 // a NaN if one of them is
		for i, a := range k.axis {
			if a == nil {
				continue
			}
			if at[i] = a.val; k.neg[i] {
				at[i] = -a.val
			}
			all += a.val * 0
		}
		if all != all && !t.known(&at) {
			continue
		}
		if a := k.axis[0]; a.prefix {
			x.lookAtBeginnings(t, a.found, &at)
			continue
		}
		x.lookAt(t, &at)
	}
	for _, id := range x.once {
		if x.first(id) {
			x.result.Selected = append(x.result.Selected, id)
		}
	}
}

// lookAt finds those of one tree.
func (x *Index) lookAt(t *tree, at *[4]float64) {
	switch t.key.use {
	case usePlain:
		x.result.Selected = t.match(at, x.result.Selected)
	case useOnce:
		x.once = t.match(at, x.once)
	case useSure:
		x.sure = t.match(at, x.sure)
	default:
		x.maybe = t.match(at, x.maybe)
	}
}

// known: none is a NaN. (An infinity times 0 is one, too.)
func (t *tree) known(at *[4]float64) bool {
	for i, a := range t.key.axis {
		if a != nil && at[i] != at[i] {
			return false
		}
	}
	return true
}

// first reports whether the current sample has not concerned a subscription
// yet, and notes that it does now.
func (x *Index) first(id ID) bool {
	s := &x.subs[id]
	if s.stamp == uint32(x.x.seq) {
		return false
	}
	s.stamp = uint32(x.x.seq)
	return true
}

// concern tells a subscription, or those of a group, of the current sample;
// sure: their rule is true for it.
func (x *Index) concern(id ID, now time.Duration, sure bool) {
	if id&groupBit == 0 {
		switch e := x.exts[id]; {
		case e == nil: // a corner of one that has gone
			x.lost++
		case x.first(id):
			x.touch(e, now, sure)
		}
		return
	}
	g := x.groups[id&^groupBit]
	switch {
	case g == nil:
		x.lost++
		return
	case g.stamp == x.x.seq:
		return
	}
	g.stamp = x.x.seq
	if !sure {
		x.x.load(&g.subject, now)
		if g.shape.root(&x.x.e) != True {
			return
		}
	}
	if g.asleep > 0 {
		g.match = x.x.snapshot()
	}
	x.result.Selected = append(x.result.Selected, g.free...)
	awake := g.awake
	g.awake = awake[:0]
	for _, id := range awake {
		e := x.exts[id]
		x.x.selectCurrent(&e.subject, now)
		e.since = x.x.seq
		x.result.Selected = append(x.result.Selected, id)
		if e.ctl.PMin > 0 {
			x.nap(e)
		} else {
			x.rouse(e)
		}
		x.schedule(e)
	}
}

// touch tells a subscription of the current sample.
func (x *Index) touch(e *ext, now time.Duration, sure bool) {
	earlier := e.state
	x.x.load(&e.subject, now)
	if len(e.shape.hysts) > 0 {
		e.shape.step(&x.x.e)
		e.on, e.was = x.x.e.on, x.x.e.was
	}
	var sel Selection
	switch {
	case e.tooSoon(now):
		e.waiting = true
	case sure:
		sel = x.x.judge(&e.subject, now, True)
	default:
		sel = x.x.judge(&e.subject, now, e.shape.root(&x.x.e))
	}
	if sel.Reason == NotSelected {
		sel = x.x.due(&e.subject, now, sel)
	}
	x.report(e, sel, sel.Reason == Matched)
	x.resettle(e, earlier, now, sel.Reason != NotSelected)
	x.schedule(e)
}

// report writes a selection down; fresh: of the sample that was told of.
func (x *Index) report(e *ext, sel Selection, fresh bool) {
	switch {
	case sel.Reason == NotSelected:
		return
	case fresh:
		x.result.Selected = append(x.result.Selected, e.id)
	default:
		x.result.Late = append(x.result.Late, Late{e.id, sel.Reason, sel.Ref})
	}
	e.since = x.x.seq
}

// resettle moves a subscription whose boxes have changed, or that may sleep
// now.
func (x *Index) resettle(e *ext, earlier state, now time.Duration, selected bool) {
	if e.mode == modeMember || e.paced() {
		return
	}
	moved := e.shape.dynamic && (e.last != earlier.last || e.on != e.keyedOn || e.sentAt != earlier.sentAt || e.selected != earlier.selected)
	if moved || selected && e.ctl.PMin > 0 {
		x.unsettle(e, earlier)
		x.settle(e, now)
	}
}

// schedule sets the timer of a subscription.
func (x *Index) schedule(e *ext) {
	at, ok := x.x.next(&e.subject)
	if e.mode == modeAsleep || e.mode == modeMember && e.place < 0 {
		at, ok = min(at, e.sentAt+e.ctl.PMin), true
	}
	if e.times != nil && e.times.gate != 0 {
		at, ok = min(at, e.times.gate), true
	}
	if ok {
		x.set(e, at)
	}
}

// wake does what is due for a subscription. fresh: the current sample has just
// come.
func (x *Index) wake(e *ext, now time.Duration, fresh bool) {
	earlier := e.state
	asleep := e.mode == modeAsleep || e.mode == modeMember && e.place < 0
	over := asleep && now >= e.sentAt+e.ctl.PMin
	var sel Selection
	if over {
		x.catchUp(e)
		if fresh {
			// What waited is replaced by the sample that has just come, if
			// that is wanted too.
			x.x.load(&e.subject, now)
			sel = x.x.judge(&e.subject, now, e.shape.root(&x.x.e))
		}
	}
	if sel.Reason == NotSelected {
		sel = x.x.due(&e.subject, now, sel)
	}
	x.report(e, sel, fresh && sel.Reason == Matched)
	selected := sel.Reason != NotSelected
	switch {
	case e.mode != modeMember:
		if over && !selected {
			x.unsettle(e, earlier)
			x.settle(e, now)
		} else {
			x.resettle(e, earlier, now, selected)
		}
	case over && !selected:
		e.group.asleep--
		x.rouse(e)
	case !asleep && selected && e.ctl.PMin > 0:
		e.group.awake = x.out(e.group.awake, e.place)
		x.nap(e)
	}
	if g := e.group; g != nil && g.asleep == 0 {
		g.match = nil
	}
	x.schedule(e)
}

// catchUp finds the sample that a sleeper wants, as pending.
func (x *Index) catchUp(e *ext) {
	var p *snapshot
	if g := e.group; g != nil {
		if m := g.match; m != nil && m.seq > e.since {
			p = m
		}
	} else {
		var bs boxes
		x.keyed(e, e.state, &bs)
		for i := range bs.b[:bs.n] {
			h := &bs.b[i].h[0]
			if s := h.axis.stacks[direction(h.neg)].latest(h.bound, e.since); s != nil && (p == nil || s.seq > p.seq) {
				p = s
			}
		}
	}
	if p != nil {
		e.pending = p
	}
}
