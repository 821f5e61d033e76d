package rules

import (
	"math"
	"time"
)

// Program is a rule compiled for the slots of a schema. It holds what an
// evaluation needs, so that none allocates: a Program is used by one goroutine
// at a time.
type Program struct {
	rule   *Rule
	schema *Schema
	shape  *shape
	plain  *branch // the rule, if it is no more than comparisons
	none   *Sample // all missing
	e      env
}

// none is a sample in which all is missing.
func (s *shape) none() *Sample {
	x := &Sample{}
	x.Reset(s.slots)
	return x
}

// Compile binds a rule to the slots of a schema, to which it adds the fields
// that it has not got yet. The error is ErrLimit.
func Compile(r *Rule, schema *Schema) (*Program, error) {
	if _, err := schema.add(r); err != nil {
		return nil, err
	}
	p := &Program{rule: r, schema: schema, shape: newCompiler(r.expr, schema, false).s}
	if b := p.shape.fast; b != nil && b.plain() {
		p.plain = b
	}
	p.none = p.shape.none()
	p.e = env{cur: p.none, prev: p.none, last: p.none, age: math.NaN(), nums: r.nums, strs: r.strs}
	return p, nil
}

// Rule is the rule that was compiled.
func (p *Program) Rule() *Rule { return p.rule }

// Eval evaluates a rule that is Shareable: for a sample, and the one before,
// nil if there is none. In other rules what depends on the last selection is
// unknown, and hyst is off; a Watch evaluates them.
func (p *Program) Eval(cur, prev *Sample) Truth {
	// What branch.run does, for comparisons of the current sample only: most
	// rules are no more, and a call would be a third of their time.
	for b := p.plain; b != nil; {
		if uint(b.slot) >= uint(len(cur.cell)) {
			break // the sample must grow first
		}
		c, next := &cur.cell[b.slot], b.yes
		if b.kind == branchText {
			if c.key != b.key || b.key >= longText && c.str != b.text {
				if c.kind != String {
					break
				}
				next = b.no
			}
		} else {
			x := c.num
			if b.kind == branchAbs {
				x = math.Abs(x)
			}
			if !(x >= b.lo && x <= b.hi) {
				if x != x {
					break
				}
				next = b.no
			}
		}
		if next.kind == branchEnd {
			return next.result
		}
		b = next
	}
	return p.eval(cur, prev)
}

func (p *Program) eval(cur, prev *Sample) Truth {
	if len(cur.cell) < p.shape.slots {
		cur.grow(p.shape.slots)
	}
	p.e.cur = cur
	if prev != nil {
		if len(prev.cell) < p.shape.slots {
			prev.grow(p.shape.slots)
		}
		p.e.prev = prev
	} else {
		p.e.prev = p.none
	}
	if b := p.shape.fast; b != nil {
		if t := b.run(&p.e); t != Unknown {
			return t
		}
		return p.shape.closed(&p.e)
	}
	return p.shape.root(&p.e)
}

// Reason says why a sample was selected.
type Reason uint8

const (
	// NotSelected: there is nothing to send.
	NotSelected Reason = iota
	// Matched: the rule is true for the current sample.
	Matched
	// Delayed: the rule was true for a sample within pmin, which has ended.
	Delayed
	// Forced: pmax has passed, the current sample is selected whatever the rule
	// says.
	Forced
)

// String names the reason.
func (r Reason) String() string {
	if r > Forced {
		return "invalid"
	}
	return [...]string{"not selected", "matched", "delayed", "forced"}[r]
}

// Selection is what a sample, or the passing of time, led to.
type Selection struct {
	Reason Reason
	// Ref is what came with the selected sample.
	Ref any
	// Truth is what the rule said, if it was evaluated.
	Truth     Truth
	Evaluated bool
}

// snapshot is a sample that somebody will need later.
type snapshot struct {
	sample *Sample
	seq    uint64
	ref    any
}

// stream is the sequence of samples of a resource, as rules see it.
type stream struct {
	e         env
	cur, prev *Sample
	have      bool // there is a current sample
	seq       uint64
	ref       any
	kept      *snapshot // of the current sample, once somebody needs it
	nothing   *Sample   // all missing
}

func newStream(slots int) stream {
	s := stream{cur: &Sample{}, prev: &Sample{}, nothing: &Sample{}}
	s.grow(slots)
	return s
}

// grow makes room for the slots that new rules have brought.
func (x *stream) grow(slots int) {
	if len(x.nothing.cell) < slots {
		x.kept = nil // it has too few
	}
	x.cur.grow(slots)
	x.prev.grow(slots)
	x.nothing.grow(slots)
}

// push takes the next sample.
func (x *stream) push(s *Sample, ref any) {
	slots := len(x.cur.cell)
	x.cur, x.prev = x.prev, x.cur
	x.cur.copyFrom(s, slots)
	x.grow(len(x.cur.cell)) // the sample may have more slots than were known
	x.have, x.ref, x.kept = true, ref, nil
	x.seq++
}

func (x *stream) snapshot() *snapshot {
	if x.kept == nil {
		x.kept = &snapshot{x.cur.clone(len(x.cur.cell)), x.seq, x.ref}
	}
	return x.kept
}

// state is what a subscription remembers.
type state struct {
	sentAt   time.Duration // of the last selection, or the registration
	pending  *snapshot     // selected within pmin
	last     *Sample       // what was selected last; nil = nothing yet, or the rule does not look at it
	selected bool          // there was a selection
	waiting  bool          // a sample came within epmin
	on, was  uint16        // hysts, after and before the current sample
}

// subject is a subscription's rule and what it remembers. There may be a
// million of them.
type subject struct {
	shape *shape
	few   [2]float64 // the numbers of the rule, if there are no more, and no strings
	many  *code
	ctl   *Controls
	times *times // of those that need them
	state
}

// times are for subjects whose rule looks at age, or is evaluated at times of
// its own.
type times struct {
	evalAt  time.Duration // of the last evaluation, or the registration
	keyedAt time.Duration // in an index: when its boxes were made
	gate    time.Duration // in an index: when more boxes come because of age
}

func newSubject(s *shape, r *Rule, ctl *Controls) subject {
	u := subject{shape: s, ctl: ctl}
	if len(r.nums) > len(u.few) || len(r.strs) > 0 {
		u.many = &code{nums: r.nums, strs: r.strs}
	} else {
		copy(u.few[:], r.nums)
	}
	if s.usesAge || ctl.EPMin > 0 || ctl.EPMax > 0 {
		u.times = &times{}
	}
	return u
}

// load prepares the evaluation of a subject.
func (x *stream) load(u *subject, now time.Duration) {
	x.e.cur, x.e.prev, x.e.last = x.cur, x.prev, u.last
	if u.last == nil {
		x.e.last = x.nothing
	}
	x.e.age = math.NaN()
	if u.selected {
		x.e.age = inMS(now - u.sentAt)
	}
	if x.e.nums, x.e.strs = u.few[:], nil; u.many != nil {
		x.e.nums, x.e.strs = u.many.nums, u.many.strs
	}
	x.e.on, x.e.was = u.on, u.was
}

// register starts a subject: the current sample, if there is one, is what it
// has been told.
func (x *stream) register(u *subject, now time.Duration) {
	u.state = state{}
	if u.times != nil {
		*u.times = times{evalAt: now, keyedAt: now}
	}
	if !x.have {
		u.sentAt = now
		return
	}
	x.load(u, now)
	x.e.on = 0
	u.shape.step(&x.e)
	u.on, u.was = x.e.on, x.e.on
	x.selectCurrent(u, now)
}

func (x *stream) selectSample(u *subject, now time.Duration, s *Sample) {
	u.sentAt, u.selected, u.pending = now, true, nil
	if u.shape.usesLast {
		u.last = s
	}
}

// selectCurrent selects the current sample.
func (x *stream) selectCurrent(u *subject, now time.Duration) {
	s := x.cur
	if u.shape.usesLast {
		s = x.snapshot().sample
	}
	x.selectSample(u, now, s)
}

// observe tells a subject of the current sample.
func (x *stream) observe(u *subject, now time.Duration) Selection {
	x.load(u, now)
	if len(u.shape.hysts) > 0 {
		u.shape.step(&x.e)
		u.on, u.was = x.e.on, x.e.was
	}
	var sel Selection
	if u.tooSoon(now) {
		u.waiting = true
	} else {
		sel = x.judge(u, now, u.shape.root(&x.e))
	}
	if sel.Reason == NotSelected {
		sel = x.due(u, now, sel)
	}
	return sel
}

// tooSoon: epmin has not passed since the last evaluation.
func (u *subject) tooSoon(now time.Duration) bool {
	return u.ctl.EPMin > 0 && now < u.times.evalAt+u.ctl.EPMin
}

// judge does what the truth of an evaluation asks for.
func (x *stream) judge(u *subject, now time.Duration, t Truth) Selection {
	u.waiting = false
	if u.times != nil {
		u.times.evalAt = now
	}
	sel := Selection{Truth: t, Evaluated: true}
	switch {
	case sel.Truth != True:
	case now < u.sentAt+u.ctl.PMin:
		u.pending = x.snapshot()
	default:
		x.selectCurrent(u, now)
		sel.Reason, sel.Ref = Matched, x.ref
	}
	return sel
}

// due does what the passing of time asks for.
func (x *stream) due(u *subject, now time.Duration, sel Selection) Selection {
	switch {
	case u.waiting && !u.tooSoon(now):
		x.load(u, now)
		sel = x.judge(u, now, u.shape.root(&x.e))
	case u.ctl.EPMax > 0 && x.have && now >= u.times.evalAt+u.ctl.EPMax:
		// As if the same sample had come again.
		x.load(u, now)
		x.e.prev, x.e.was = x.cur, x.e.on
		sel = x.judge(u, now, u.shape.root(&x.e))
	}
	switch {
	case sel.Reason != NotSelected:
	case u.pending != nil && now >= u.sentAt+u.ctl.PMin:
		sel.Reason, sel.Ref = Delayed, u.pending.ref
		x.selectSample(u, now, u.pending.sample)
	case u.ctl.PMax > 0 && x.have && now >= u.sentAt+u.ctl.PMax:
		sel.Reason, sel.Ref = Forced, x.ref
		x.selectCurrent(u, now)
	}
	return sel
}

// next is when due has something to do again.
func (x *stream) next(u *subject) (time.Duration, bool) {
	at := time.Duration(math.MaxInt64)
	earlier := func(t time.Duration) { at = min(at, t) }
	if u.waiting {
		earlier(u.times.evalAt + u.ctl.EPMin)
	}
	if u.ctl.EPMax > 0 && x.have {
		earlier(u.times.evalAt + u.ctl.EPMax)
	}
	if u.pending != nil {
		earlier(u.sentAt + u.ctl.PMin)
	}
	if u.ctl.PMax > 0 && x.have {
		earlier(u.sentAt + u.ctl.PMax)
	}
	return at, at != math.MaxInt64
}

// Watch is one subscription on its own: a rule, what it remembers, and its
// controls. It knows no clock: now is the time on a clock of the caller's, and
// never goes back. An Index does the same for many. A Watch is used by one
// goroutine at a time.
type Watch struct {
	program *Program
	x       stream
	u       subject
}

// NewWatch registers a subscription. The sample that the resource holds, nil if
// it has none, counts as selected: it is what the subscriber is told at once.
// Before it there is none. ref comes back if pmax or epmax select it again.
func NewWatch(p *Program, now time.Duration, held *Sample, ref any) *Watch {
	w := &Watch{program: p, x: newStream(p.shape.slots)}
	w.u = newSubject(p.shape, p.rule, &p.rule.controls)
	if held != nil {
		w.x.push(held, ref)
	}
	w.x.register(&w.u, now)
	return w
}

// Sample tells of a new sample, which the watch copies, and then does what
// Advance does. ref comes back with the selection of this sample.
func (w *Watch) Sample(now time.Duration, s *Sample, ref any) Selection {
	w.x.push(s, ref)
	return w.x.observe(&w.u, now)
}

// Advance does what is due: a selection that waited for the end of pmin, or
// that pmax forces, an evaluation that epmin delayed or epmax asks for.
func (w *Watch) Advance(now time.Duration) Selection {
	return w.x.due(&w.u, now, Selection{})
}

// Next is when Advance has something to do; false if only a sample can bring
// that about.
func (w *Watch) Next() (time.Duration, bool) { return w.x.next(&w.u) }
