package actors

import (
	"slices"
	"time"

	"github.com/coap2/coap2/actors/payload"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/rules"
)

// ruleSet is what a view has whose observers have rules: each sample that is
// published is decoded once and goes through indexes that say who wants it. It
// belongs to the shard's goroutine.
//
// A turn of the node does so many evaluations and no more; what is left goes on
// in the next one, after what has arrived meanwhile. So that one sample can be
// interrupted too, the rules are in parts of bounded size, each with an index.
type ruleSet struct {
	view   *view
	schema rules.Schema // of all parts
	payers []payer      // of its fields, by slot
	decode *payload.Decoder
	sample *rules.Sample
	parts  []*rulePart

	waiting []*Response // samples that are not evaluated yet, the first perhaps in part
	next    int         // the part whose turn is next with waiting[0]
	decoded int         // version of the schema for which waiting[0] is decoded, plus 1
	// Made in this step: editions of waiting[0], and of an earlier sample. Each
	// step has its own, because their numbers must be above those of the answers
	// to registrations between them.
	fresh, late *edition
	current     *Response // the last sample, or the answer to a registration
	published   bool      // it is a sample

	listed bool            // it is in observing.work
	timer  protocol.Handle // of the earliest deadline of the parts, or of the next number
	timed  netio.Instant
	dead   bool
}

// rulePart is so many rules of a ruleSet that evaluating them all is a matter of
// milliseconds.
type rulePart struct {
	index  *rules.Index
	subs   []*subscription // by rules.ID
	held   *Response       // the last sample that index has seen
	worked uint64          // its evaluations so far
}

const (
	maxRulePart = 4096
	// evaluateAtOnce is how many evaluations a turn begins with: a few
	// milliseconds at most. The last step of a turn may add those of a part.
	evaluateAtOnce = 4096
	// waitAtMost bounds the samples that wait to be evaluated where the
	// resource has no Queue: one may be under way.
	waitAtMost = 2
)

// advanceRules: the time of something has come that rules wait for.
type advanceRules struct{ set *ruleSet }

func newRuleSet(v *view) *ruleSet {
	s := &ruleSet{view: v, sample: &rules.Sample{}}
	s.decode = payload.NewDecoder(&s.schema)
	return s
}

// read decodes a sample; what cannot be decoded has no fields.
func (s *ruleSet) read(res *Response, into *rules.Sample) error {
	f, known := res.Options.ContentFormat()
	return s.decode.Decode(f, known, res.Payload, into)
}

// part returns a part with room for one more rule.
func (s *ruleSet) part(now netio.Instant) *rulePart {
	for _, p := range s.parts {
		if p.index.Len() < maxRulePart {
			return p
		}
	}
	p := &rulePart{}
	p.index = rules.NewIndex(rules.Config{Schema: &s.schema, Current: func(into *rules.Sample) { _ = s.read(p.held, into) }})
	if s.current != nil {
		p.held = s.current
		p.index.Sample(time.Duration(now), &rules.Sample{}, p.held)
	}
	s.parts = append(s.parts, p)
	return p
}

// leave takes a rule out of a part, and with the last one the part away: what it
// has grown to would stay, and be gone through for every sample.
func (s *ruleSet) leave(p *rulePart, rule rules.ID) {
	if int(rule) < len(p.subs) {
		p.subs[rule] = nil
	}
	p.index.Remove(rule)
	if p.index.Len() > 0 {
		return
	}
	if i := slices.Index(s.parts, p); i >= 0 {
		s.parts = slices.Delete(s.parts, i, i+1)
		if i < s.next { // the sample that is under way has been there
			s.next--
		}
	}
}

// busy reports whether there is something to evaluate now.
func (s *ruleSet) busy(now netio.Instant) bool {
	return !s.dead && (len(s.waiting) > 0 || slices.ContainsFunc(s.parts, func(p *rulePart) bool { return p.due(now) }))
}

func (p *rulePart) due(now netio.Instant) bool {
	at, ok := p.index.Next()
	return ok && at <= time.Duration(now)
}

// offer leaves a sample to be evaluated; an error ends the observations when it
// is its turn. Where there is no queue only the latest counts.
func (o *observing) offer(s *ruleSet, res *Response) {
	most := max(s.view.watch.route.resource.Queue, waitAtMost)
	if len(s.waiting) >= most {
		o.unevaluated++
		if s.next == 0 && most > waitAtMost { // nothing is under way
			s.waiting = slices.Delete(s.waiting, 0, 1)
		} else {
			s.waiting = slices.Delete(s.waiting, 1, 2)
		}
	}
	s.waiting = append(s.waiting, res)
	o.enlist(s)
}

// enlist gives a set a turn.
func (o *observing) enlist(s *ruleSet) {
	if !s.listed {
		s.listed = true
		o.work = append(o.work, s)
	}
}

// evaluate does a turn's part of the work that samples and time have brought,
// and reports whether there is more.
func (o *observing) evaluate() (more bool) {
	if len(o.work) == 0 {
		return false
	}
	now, done := o.sh.now(), 0
	for len(o.work) > 0 && done < evaluateAtOnce {
		s := o.work[0]
		n, stalled := o.step(s, now)
		done += n
		switch {
		case stalled:
			o.unlist(s)
		case !s.busy(now):
			o.unlist(s)
			o.armRules(s)
		case len(o.work) > 1: // the others have their turn
			o.work = append(slices.Delete(o.work, 0, 1), s)
		}
	}
	o.longest = max(o.longest, done)
	return len(o.work) > 0
}

func (o *observing) unlist(s *ruleSet) {
	s.listed = false
	o.work = slices.Delete(o.work, 0, 1)
}

// step brings a sample to one part of a set, or does there what is due. It
// returns how much it has looked at; stalled: there is no number for another
// notification yet.
func (o *observing) step(s *ruleSet, now netio.Instant) (looked int, stalled bool) {
	if s.dead {
		return 1, false
	}
	if at, ok := s.view.site.seq.Ready(now); !ok {
		o.wakeRules(s, at)
		return 1, true
	}
	s.fresh, s.late = nil, nil
	if len(s.waiting) == 0 {
		for _, p := range s.parts {
			if p.due(now) {
				return o.told(s, p, p.index.Advance(time.Duration(now)), now), false
			}
		}
		return 1, false
	}
	res := s.waiting[0]
	if !res.Code.IsSuccess() {
		s.waiting = s.waiting[:0]
		o.end(s.view, res)
		return 1, false
	}
	if s.next >= len(s.parts) {
		s.took()
		return 1, false
	}
	if s.next == 0 {
		s.current, s.published, s.decoded = res, true, 0
		o.samples++
	}
	if v := s.schema.Version() + 1; s.decoded != v {
		if s.read(res, s.sample) != nil && s.next == 0 { // once for each sample
			o.undecoded++
		}
		s.decoded = v
	}
	p := s.parts[s.next]
	s.next++
	p.held = res
	looked = o.told(s, p, p.index.Sample(time.Duration(now), s.sample, res), now)
	if s.next >= len(s.parts) {
		s.took()
	}
	return looked, false
}

// took: the first sample that waits has been evaluated.
func (s *ruleSet) took() {
	s.waiting[0] = nil
	if s.waiting = s.waiting[1:]; len(s.waiting) == 0 {
		s.waiting = nil
	}
	s.next = 0
}

// told hands what an index has selected to the subscribers.
func (o *observing) told(s *ruleSet, p *rulePart, r *rules.Result, now netio.Instant) (looked int) {
	for _, id := range r.Selected {
		if s.fresh == nil {
			s.fresh = o.issue(s.view, s.waiting[0], now)
		}
		o.choose(p.subs[id], s.fresh)
	}
	for _, l := range r.Late {
		res := l.Ref.(*Response)
		if s.late == nil || s.late.res != res {
			s.late = o.issue(s.view, res, now)
		}
		o.choose(p.subs[l.ID], s.late)
	}
	work := p.index.Evaluations()
	looked = int(work-p.worked) + len(r.Selected) + len(r.Late) + 1
	p.worked = work
	return looked
}

// issue makes an edition of a sample, with the next number.
func (o *observing) issue(v *view, res *Response, now netio.Instant) *edition {
	if v.seq == v.site.seq.Last() {
		_, _, _ = v.site.seq.Next(now) // it is Ready
	}
	v.seq, v.site.numbered = v.site.seq.Last(), v.site.changes.Load()
	v.noteFormat(res.Code, res.Options)
	e := &edition{res: o.tagged(v, res), seq: v.seq}
	if err := o.encode(v, e); err != nil {
		o.sh.node.log.Error("actors: a notification could not be encoded", "path", v.options.Path(), "error", err)
		return nil
	}
	return e
}

// choose gives a subscriber a notification to be sent.
func (o *observing) choose(sub *subscription, e *edition) {
	if e == nil || sub == nil { // it could not be encoded, or nobody is there
		return
	}
	version, ok := o.table.Select(sub.id)
	if !ok {
		return
	}
	o.selected++
	keep := 1
	if q := sub.view.watch.route.resource.Queue; q > 0 {
		keep = q + 1 // and the one under way
	}
	if len(sub.waiting) >= keep {
		sub.waiting = slices.Delete(sub.waiting, 0, 1)
	}
	sub.waiting = append(sub.waiting, e)
	sub.newest = version
}

// edition returns a version that a subscriber was given; nil if it is not there
// any more.
func (sub *subscription) edition(version uint32) *edition {
	i := len(sub.waiting) - 1 - int(sub.newest-version)
	if i < 0 || i >= len(sub.waiting) {
		return nil
	}
	return sub.waiting[i]
}

// sent forgets what a subscriber has been sent and needs no more: what was
// before a version.
func (sub *subscription) sent(version uint32) {
	if n := len(sub.waiting); n > 1 {
		first := sub.newest - uint32(n-1)
		if gone := int(int32(version - first)); gone > 0 {
			sub.waiting = slices.Delete(sub.waiting, 0, min(gone, n-1))
		}
	}
}

// armRules sets the timer of what the rules of a set wait for.
func (o *observing) armRules(s *ruleSet) {
	var next time.Duration
	any := false
	for _, p := range s.parts {
		if at, ok := p.index.Next(); ok && (!any || at < next) {
			next, any = at, true
		}
	}
	switch {
	case any:
		o.wakeRules(s, netio.Instant(next))
	case s.timer != 0:
		o.sh.cancel(&s.timer)
	}
}

// wakeRules has a set have a turn at a time. A timer that goes off early does no
// harm.
func (o *observing) wakeRules(s *ruleSet, at netio.Instant) {
	if s.dead || s.timer != 0 && s.timed <= at {
		return
	}
	o.sh.cancel(&s.timer)
	s.timed = at
	s.timer = o.sh.timers.Add(at, timer{box: o.sh.endpoint, msg: advanceRules{s}})
}

func (o *observing) onAdvance(s *ruleSet) {
	s.timer = 0
	if !s.dead {
		o.enlist(s)
	}
}

// drop ends a set with its view.
func (o *observing) dropRules(s *ruleSet) {
	s.dead = true
	o.sh.cancel(&s.timer)
	s.parts, s.payers, s.waiting, s.current, s.fresh, s.late = nil, nil, nil, nil, nil, nil
}
