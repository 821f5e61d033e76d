package actors

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/coap2/coap2/actors/payload"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/rules"
)

// Reason says why a subscriber is told a state.
type Reason uint8

// The reasons of notifications. That of a state that comes from the publisher's
// filter is concluded from when it comes and what it is, since messages do not
// say it.
const (
	// ReasonEvery: there is no rule.
	ReasonEvery Reason = iota
	// ReasonFirst: it answers a registration, which brings the present state
	// whatever the rule says; with Notification.Renewal, one that was renewed.
	ReasonFirst
	// ReasonSelected: the rule has chosen it, perhaps some time ago (pmin).
	ReasonSelected
	// ReasonPMax: nothing has been told for the pmax of the rule.
	ReasonPMax
	// ReasonFinal: the publisher has ended the subscription.
	ReasonFinal
)

// String returns the reason in a word.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

var reasonNames = [...]string{"every", "first", "selected", "pmax", "final"}

// Side is an end of a subscription.
type Side uint8

// The sides at which a rule is evaluated.
const (
	// Neither: there is no rule.
	Neither Side = iota
	// Publisher: it sends what the rule selects and nothing else.
	Publisher
	// Subscriber: the publisher, or a proxy on the way to it, knows no rules, so
	// it sends all and this node filters.
	Subscriber
)

// String returns "neither", "publisher" or "subscriber".
func (s Side) String() string {
	switch s {
	case Publisher:
		return "publisher"
	case Subscriber:
		return "subscriber"
	}
	return "neither"
}

// filter is the rule of an observation. It belongs to the goroutine of the
// observation's shard.
type filter struct {
	rule   *rules.Rule
	digest [4]byte       // of the option in the request
	asks   bool          // the option is in the request
	most   time.Duration // the longest time until the registration is renewed; 0 = any
	side   Side
	number uint32 // the server's, of the subscription
	lease  time.Duration
	sentAt netio.Instant // the last that the publisher sent without being asked, or the first
	told   bool

	// How to evaluate it here.
	schema  rules.Schema
	decode  *payload.Decoder
	sample  *rules.Sample
	program *rules.Program
	watch   *rules.Watch
	timer   protocol.Handle
}

// observationTick: the time of something has come that the local filter of an
// observation waits for.
type observationTick struct{ o *Observation }

// newFilter makes the filter of a subscription; nil if it wants everything.
func newFilter(s *Subscription) (*filter, error) {
	switch {
	case s.QoS < 0 || s.QoS > 1:
		return nil, fmt.Errorf("the QoS is %d; it must be 0 or 1", s.QoS)
	case s.Queue < 0:
		return nil, fmt.Errorf("the Queue is %d; it must not be negative", s.Queue)
	case s.Lease < 0:
		return nil, fmt.Errorf("the Lease is %v; it must not be negative", s.Lease)
	}
	if s.Rule == "" && s.QoS == 0 && s.Lease == 0 {
		return nil, nil
	}
	rule, err := rules.Parse(s.Rule)
	if err != nil {
		return nil, err
	}
	text := s.Rule
	if s.QoS == 1 && !rule.Controls().Con {
		text = rule.String()
		if strings.ContainsRune(text[len(rule.Expression()):], ';') {
			text += ", con"
		} else {
			text += "; con"
		}
		if rule, err = rules.Parse(text); err != nil {
			return nil, err
		}
	}
	value := []byte(text)
	if len(value) == 0 {
		value = []byte(rule.String())
	}
	if c := rule.Compact(); s.Compact && len(c) < len(value) {
		value = c
	}
	f := &filter{rule: rule, asks: true, most: s.Lease, sample: &rules.Sample{}}
	sum := sha256.Sum256(value)
	copy(f.digest[:], sum[:])
	f.decode = payload.NewDecoder(&f.schema)
	if f.program, err = rules.Compile(rule, &f.schema); err != nil {
		return nil, err
	}
	s.Options = s.Options.Clone().Set(codec.OpaqueOption(codec.OptionRule, value))
	return f, nil
}

// withdraw reports whether a registration is to be made again without the rule:
// a proxy that does not know the option has refused to forward it.
func (o *Observation) withdraw(res *Response) bool {
	f := o.filter
	if f == nil || !f.asks || res == nil || res.Code != codec.BadOption && res.Code != codec.BadGateway {
		return false
	}
	f.asks, f.side = false, Subscriber
	o.req.Options = o.req.Options.Clone().Remove(codec.OptionRule).Remove(codec.OptionNotification)
	o.last = nil
	return true
}

// learn looks at what a message says of the side that filters, and sees to the
// lease. answer: it may be that to a registration.
func (sh *shard) learn(o *Observation, n *Notification, answer bool, maxAge time.Duration) (deadline netio.Instant) {
	f := o.filter
	digest, has := n.Options.Get(codec.OptionRule)
	switch {
	case f.asks && has && bytes.Equal(digest, f.digest[:]):
		f.side, f.watch, n.answers = Publisher, nil, true
		sh.cancel(&f.timer)
		if v, ok := n.Options.Uint(codec.OptionNotification); ok {
			f.number = uint32(v)
		}
		f.lease = maxAge
		if f.most > 0 {
			f.lease = min(f.lease, f.most)
		}
		return o.reg.Leased(sh.now(), f.lease, sh.rand.Float64())
	case answer && (!n.Separate || f.side == Neither):
		// Even where it is a notification that was faster than the answer, which
		// then says otherwise.
		f.side = Subscriber
	}
	return 0
}

// learnLate looks at the answer to a registration that a notification has
// overtaken: its state is old, but the lease has begun.
func (sh *shard) learnLate(o *Observation, n *Notification) {
	if at := sh.learn(o, n, false, maxAgeOf(n.Options)); at != 0 {
		sh.armObservation(o, at)
	}
}

// pass tells a state that its rule selects.
func (sh *shard) pass(o *Observation, n *Notification) {
	f := o.filter
	if f == nil {
		sh.stats.client().received.Add(1)
		o.tell(n, nil)
		return
	}
	now := sh.now()
	format, known := n.ContentFormat()
	if f.decode.Decode(format, known, n.Payload, f.sample) != nil { // it has no fields
		sh.stats.client().undecoded.Add(1)
	}
	if f.side != Subscriber {
		n.Reason = f.reason(now, n)
		sh.passed(o, n)
		return
	}
	if f.watch == nil {
		n.Reason = ReasonFirst
		f.watch = rules.NewWatch(f.program, time.Duration(now), f.sample, n)
		sh.passed(o, n)
	} else {
		sh.select1(o, f.watch.Sample(time.Duration(now), f.sample, n))
	}
	sh.armFilter(o)
}

// reason concludes why the publisher has sent a state.
func (f *filter) reason(now netio.Instant, n *Notification) Reason {
	pmax := f.rule.Controls().PMax
	truth := rules.Unknown
	if f.rule.Shareable() { // true or false whatever the sample before was
		truth = f.program.Eval(f.sample, nil)
	}
	at := f.sentAt
	if !f.told {
		f.sentAt = now
	}
	if !f.told || n.answers {
		return ReasonFirst
	}
	n.Renewal = false // it came in place of the answer to one
	f.sentAt = now
	switch {
	case pmax == 0 || truth == rules.True:
		return ReasonSelected
	case truth == rules.False || now >= at.Add(pmax-min(pmax/4, 2*time.Second)):
		return ReasonPMax
	}
	return ReasonSelected
}

func (sh *shard) passed(o *Observation, n *Notification) {
	f := o.filter
	f.told = true
	n.FiltersAt = f.side
	sh.stats.client().received.Add(1)
	o.tell(n, nil)
}

// select1 tells what the local filter has selected, if anything.
func (sh *shard) select1(o *Observation, s rules.Selection) {
	n, _ := s.Ref.(*Notification)
	if s.Reason == rules.NotSelected || n == nil {
		return
	}
	again := *n // it may have been told before
	if again.Reason = ReasonSelected; s.Reason == rules.Forced {
		again.Reason = ReasonPMax
	}
	sh.passed(o, &again)
}

// armFilter sets the timer of what the local filter waits for.
func (sh *shard) armFilter(o *Observation) {
	f := o.filter
	sh.cancel(&f.timer)
	if at, ok := f.watch.Next(); ok && !o.ended.Load() {
		f.timer = sh.timers.Add(netio.Instant(at), timer{box: sh.endpoint, msg: observationTick{o}})
	}
}

func (sh *shard) onTick(o *Observation) {
	f := o.filter
	if o.moved(sh, observationTick{o}) || o.ended.Load() || f.watch == nil {
		return
	}
	f.timer = 0
	sh.select1(o, f.watch.Advance(time.Duration(sh.now())))
	sh.armFilter(o)
}
