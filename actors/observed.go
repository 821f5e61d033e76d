package actors

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// onObservationAnswered: a registration has its answer, or none.
func (sh *shard) onObservationAnswered(m observationAnswered) {
	o := m.o
	o.call = nil
	if o.named {
		sh.node.noteFailure(o.uri.Host, o.dest, m.err)
	}
	var ce *CodeError
	switch {
	case o.ended.Load():
		if o.closing != nil {
			sh.leaveObservation(o)
		}
	case o.withdraw(m.res):
		sh.registerObservation(o)
	case m.err == nil || errors.As(m.err, &ce):
		sh.heed(o, &Notification{Response: *m.res, Confirmable: !o.req.NonConfirmable, Renewal: o.known}, true)
	case errors.Is(m.err, ErrStopped):
		sh.endObservation(o, nil, m.err)
	case errors.Is(m.err, ErrUnreachable) && len(o.others) > 0:
		o.nextAddress()
		sh.registerObservation(o)
	case !o.known || errors.Is(m.err, ErrBadResponse):
		sh.endObservation(o, nil, m.err)
	default:
		o.lost = true
		sh.armObservation(o, o.reg.Failed(sh.now(), sh.rand.Float64()))
	}
}

// armObservation sets the timer of the next registration; 0 is never.
func (sh *shard) armObservation(o *Observation, at netio.Instant) {
	sh.cancel(&o.timer)
	if at != 0 {
		o.timer = sh.timers.Add(at, timer{box: sh.endpoint, msg: observationDue{o}})
	}
}

// onObservationDue renews a registration.
func (sh *shard) onObservationDue(o *Observation) {
	if o.moved(sh, observationDue{o}) || o.ended.Load() {
		return
	}
	o.timer = 0
	register, at := o.reg.Due(sh.now())
	switch {
	case !register:
		sh.armObservation(o, at)
	case o.lost && !o.literal:
		// The name may have come to stand for another address.
		o.lost = false
		sh.resolveObservation(o)
	default:
		sh.registerObservation(o)
	}
}

// notified finds the observation that a message belongs to which no call waits
// for, by peer and token (RFC 7641 §3.2).
func (sh *shard) notified(pe *peerEntry, in *incoming) *Observation {
	if len(sh.observations) == 0 || pe == nil {
		return nil
	}
	return sh.observations[tokenKey{pe.ID, in.msg.Token}]
}

// overtaken reports whether a message that comes while a registration is under
// way is an older notification, and not its answer.
func (o *Observation) overtaken(now netio.Instant, in *incoming) bool {
	seq, ok := in.msg.Options.Uint(codec.OptionObserve)
	return ok && o.reg.Overtaken(now, uint32(seq))
}

// onNotification handles a message for an observation. in is not needed
// afterwards.
func (sh *shard) onNotification(now netio.Instant, o *Observation, in *incoming) {
	if in.msg.Type == codec.CON {
		if in.msg.Options.Has(codec.OptionObserve) {
			// Its number tells a duplicate, which is acknowledged as well.
			sh.sendEmpty(codec.ACK, in.msg.MessageID, in.dst)
		} else {
			sh.ack(now, in)
		}
	}
	sh.hearIncoming(o, in)
}

// hearIncoming takes in a message that has been acknowledged if it wanted that.
func (sh *shard) hearIncoming(o *Observation, in *incoming) {
	sh.stats.responses.Add(1)
	m := &in.msg
	res := Response{Code: m.Code, Options: m.Options.Clone(), Payload: slices.Clone(m.Payload), Peer: o.pe.Peer, Separate: m.Type != codec.ACK}
	res.Size = int64(len(res.Payload))
	if seq, ok := m.Options.Uint(codec.OptionObserve); ok && o.reg.Stale(sh.now(), uint32(seq)) {
		sh.stats.client().stale.Add(1) // whatever is under way goes on
		if o.filter != nil && o.call == nil {
			sh.learnLate(o, &Notification{Response: res})
		}
		return
	}
	sh.heed(o, &Notification{Response: res, Confirmable: m.Type == codec.CON}, false)
}

// heed takes in a message of an observation: a notification, or the answer to a
// registration; answer says that it has ended the call that makes one.
func (sh *shard) heed(o *Observation, n *Notification, answer bool) {
	res := &n.Response
	seq, observed := res.Options.Uint(codec.OptionObserve)
	maxAge := maxAgeOf(res.Options)
	heard, deadline := o.reg.Heard(sh.now(), res.Code, uint32(seq), observed, maxAge, sh.rand.Float64())
	n.Sequence = uint32(seq)
	switch heard {
	case protocol.HeardNews:
		o.known, o.lost = true, false
		if o.filter != nil {
			if at := sh.learn(o, n, answer, maxAge); at != 0 {
				deadline = at
			}
		}
		sh.armObservation(o, deadline)
		sh.complete(o, n)
	case protocol.HeardStale:
		sh.stats.client().stale.Add(1)
		if o.filter != nil {
			sh.learnLate(o, n)
		}
	case protocol.HeardLast:
		o.asked = false
		sh.endObservation(o, n, ErrNotObservable)
	case protocol.HeardEnd:
		o.asked = false
		var final *Notification
		if o.filter != nil && o.known {
			final = n
			n.Reason, n.FiltersAt = ReasonFinal, o.filter.side
		}
		sh.endObservation(o, final, codeError(res))
	case protocol.HeardRetry:
		sh.armObservation(o, deadline)
	}
}

// maxAgeOf returns how long a response is fresh.
func maxAgeOf(o codec.Options) time.Duration {
	if s, ok := o.Uint(codec.OptionMaxAge); ok {
		return time.Duration(min(s, 1<<32)) * time.Second
	}
	return protocol.DefaultMaxAge
}

// codeError is what a client gets for a response that is no success.
func codeError(res *Response) *CodeError {
	ce := &CodeError{Code: res.Code, Options: res.Options, Response: res}
	if _, ok := res.ContentFormat(); !ok {
		ce.Diagnostic = string(res.Payload)
	}
	return ce
}

// observationRest: the rest of a state has come, or has not.
type observationRest struct {
	o   *Observation
	n   *Notification
	res *Response
	err error
}

// complete delivers a state when all of it is there: what is missing is fetched
// block by block (RFC 7959 §2.6), unless a newer state comes before.
func (sh *shard) complete(o *Observation, n *Notification) {
	o.dropRest()
	if n.badBlock() != nil {
		sh.armObservation(o, o.reg.Failed(sh.now(), sh.rand.Float64()))
		return
	}
	if !n.incomplete() {
		sh.deliver(o, n)
		return
	}
	req := o.req
	req.Token, req.dest = codec.Token{}, o.dest
	req.Options = req.Options.Clone().Remove(codec.OptionRule) // which is for the registration
	o.restOf = n
	o.rest = sh.node.goRest(req, &n.Response, func(res *Response, err error) { o.post(observationRest{o, n, res, err}) })
}

// dropRest gives up fetching the rest of a state.
func (o *Observation) dropRest() {
	if o.rest != nil {
		o.rest.Cancel()
	}
	o.rest, o.restOf = nil, nil
}

func (sh *shard) onObservationRest(m observationRest) {
	o, n := m.o, m.n
	if o.ended.Load() || o.restOf != n {
		return
	}
	o.rest, o.restOf = nil, nil
	if m.err != nil {
		// The state has changed meanwhile, or the server is gone. To register
		// again brings the present one.
		sh.armObservation(o, o.reg.Failed(sh.now(), sh.rand.Float64()))
		return
	}
	n.Code, n.Payload, n.Size = m.res.Code, m.res.Payload, m.res.Size
	n.Options = restore(m.res.Options, n.Options)
	sh.deliver(o, n)
}

// deliver tells a state. A 2.03 stands for the representation whose ETag was in
// the request; if it is the one that was told last, there is nothing to tell.
func (sh *shard) deliver(o *Observation, n *Notification) {
	tag, tagged := n.Options.Get(codec.OptionETag)
	switch {
	case n.Code == codec.Valid && o.stored != nil && sameTag(o.stored, tag):
		same := o.last == o.stored
		o.last = o.stored
		if same {
			return
		}
		n.Code, n.Payload = o.stored.Code, slices.Clone(o.stored.Payload)
		n.Options = restore(o.stored.Options, n.Options)
	case n.Code == codec.Content && tagged:
		o.last = &Response{Code: n.Code, Options: n.Options.Clone(), Payload: slices.Clone(n.Payload)}
	default:
		o.last = nil
	}
	sh.pass(o, n)
}

func sameTag(res *Response, tag []byte) bool {
	have, ok := res.Options.Get(codec.OptionETag)
	return ok && bytes.Equal(have, tag)
}

// restore returns the options of a stored representation, updated by those of
// the 2.03 that says it is valid (RFC 7252 §5.9.1.3).
func restore(stored, fresh codec.Options) codec.Options {
	opts := stored.Clone()
	for _, number := range [...]codec.OptionNumber{codec.OptionObserve, codec.OptionMaxAge} {
		opts = opts.Remove(number)
		if v, ok := fresh.Get(number); ok {
			opts = opts.Add(codec.OpaqueOption(number, v))
		}
	}
	return opts
}

// endObservation ends an observation. If the server may have it, it is told when
// nothing with its token is under way.
func (sh *shard) endObservation(o *Observation, n *Notification, err error) {
	if o.ended.Load() {
		return
	}
	o.reg.End()
	sh.cancel(&o.timer)
	if o.lookup != nil {
		o.lookup.end(context.Canceled)
		o.lookup = nil
	}
	if o.filter != nil {
		sh.cancel(&o.filter.timer)
	}
	sh.forgetObservation(o)
	o.dropRest()
	o.closing = err
	if o.call == nil {
		sh.leaveObservation(o)
	} else {
		o.call.Cancel()
	}
	var ce *CodeError
	if !errors.As(err, &ce) {
		err = o.failure(err)
	}
	o.finish(n, err)
}

// leaveObservation deregisters (RFC 7641 §3.6): a request with Observe 1, which
// otherwise is that of the registration.
func (sh *shard) leaveObservation(o *Observation) {
	if !o.asked || !o.dest.IsValid() {
		return
	}
	o.asked = false
	req := o.request(1)
	if errors.Is(o.closing, ErrStopped) {
		sh.farewell(o, &req)
		return
	}
	req.observation = o // which wants nothing of the answer, least of all its further blocks
	sh.node.start(req, nil)
}

// farewell deregisters at the end of the node, which waits for no answer.
func (sh *shard) farewell(o *Observation, req *Request) {
	pe := sh.lookupPeer(sh.now(), netio.Peer{Addr: o.dest})
	if pe == nil {
		return
	}
	m := codec.Message{Type: codec.NON, Code: req.Method, MessageID: sh.nonMID(pe), Token: req.Token, Payload: req.Payload}
	m.Options = o.uri.AppendOptions(nil, o.dest).Add(req.Options...)
	_, _ = sh.send(&m, to{peer: pe.Peer}, "")
}
