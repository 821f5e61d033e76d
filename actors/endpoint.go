package actors

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// endpoint is the actor at the door of a shard: it decodes, recognises
// duplicates, matches what belongs to an exchange, admits requests, and gives
// own requests their turn.
type endpoint struct {
	sh      *shard
	touched []*Route // with pending calls of the batch being read
	msg     codec.Message
	block   [1]codec.Option // of the answer being made,
	value   [3]byte         // and its value
}

// Receive implements actor.Actor.
func (e *endpoint) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *inbatch:
		e.onBatch(ctx, m)
	case published, *incoming, refreshAgain, refreshTimeout, tellHeld, forgetObservers, advanceRules, leaseOver:
		e.sh.observers().receive(m)
	case observationBegins, observationResolved, observationAnswered, observationRest, observationDue, observationRenew, observationTick, observationEnds:
		e.sh.onObservation(m)
	case *Call:
		e.onCall(ctx, m)
	case resolving:
		e.onResolving(m.call)
	case resolved:
		e.onResolved(ctx, m)
	case pumped:
		e.onPumped(ctx, m)
	case launch:
		e.onLaunch(ctx, m.call)
	case cancelCall:
		e.onCancel(m)
	case expired:
		e.onExpired(m.call)
	case *undelivered:
		e.onUndelivered(m)
	case groupBegins, groupDue, groupEnds, groupHeard, groupUnsent:
		e.sh.onGroup(m)
	case streamRoomed:
		m.s.onRoom()
	case stopNode:
		e.onStop()
	case stopNow:
		e.onStopNow()
	case *actor.Restarting:
		e.onRestarting()
	}
}

// onBatch handles the datagrams that came together. Requests for one resource
// travel to it together.
func (e *endpoint) onBatch(ctx actor.Context, b *inbatch) {
	now := e.sh.now()
	e.sh.waiting.Add(-b.cost)
	b.refs++
	e.sh.stats.received.Add(uint64(len(b.grams)))
	for i := range b.grams {
		d := &b.grams[i]
		if d.Err != nil {
			e.sh.stats.rare().unreachable.Add(1)
			e.onUndelivered(&undelivered{peer: d.Peer, data: d.Data, err: d.Err})
			continue
		}
		in := e.sh.takeIncoming(b)
		if !e.onDatagram(ctx, now, d, in) {
			in.free()
		}
	}
	for i, r := range e.touched {
		pl := &r.sites[e.sh.index]
		calls := pl.pending
		pl.pending = nil
		e.touched[i] = nil
		if pl.box != nil {
			e.sh.post(pl.box, calls)
		} else {
			e.sh.post(e.sh.resources, calls)
		}
	}
	e.touched = e.touched[:0]
	b.unref()
}

// understood says which critical options this node acts upon, or passes to
// those who do. It is asked for every critical option of every message.
func understood(n codec.OptionNumber) bool {
	switch n {
	case codec.OptionIfMatch, codec.OptionURIHost, codec.OptionIfNoneMatch, codec.OptionURIPort,
		codec.OptionURIPath, codec.OptionURIQuery, codec.OptionAccept, codec.OptionBlock1, codec.OptionBlock2,
		codec.OptionProxyURI, codec.OptionProxyScheme: // answered 5.05
		return true
	}
	return !n.Critical()
}

// onDatagram handles one message. It reports whether in is still in use.
func (e *endpoint) onDatagram(ctx actor.Context, now netio.Instant, d *netio.Datagram, in *incoming) bool {
	sh := e.sh
	in.data = d.Data
	err := in.msg.Parse(d.Data)
	action, reason, optErr := protocol.Classify(&in.msg, err, d.Multicast, understood)
	in.dst, in.group = replyTo(d), d.Multicast
	if sh.tapped() {
		note := ""
		m := &in.msg
		switch {
		case err != nil:
			note, m = err.Error(), nil
		case action == protocol.Drop || action == protocol.SendReset:
			note = reason.String()
		}
		sh.tap(Received, d.Peer, m, d.Data, note)
	}
	switch action {
	case protocol.Drop:
		sh.stats.rare().dropped[reason].Add(1)
	case protocol.SendReset:
		sh.stats.rare().dropped[reason].Add(1)
		if in.msg.Code.IsResponse() && optErr != nil {
			e.failCall(d.Peer, in.msg.Token, fmt.Errorf("%w: %v", ErrBadResponse, optErr))
		}
		sh.sendEmpty(codec.RST, in.msg.MessageID, in.dst)
	case protocol.Ping:
		sh.stats.rare().pings.Add(1)
		sh.sendEmpty(codec.RST, in.msg.MessageID, in.dst)
	case protocol.EmptyAck:
		e.onEmpty(d.Peer, in, false)
	case protocol.Reset:
		e.onEmpty(d.Peer, in, true)
	case protocol.BadOption:
		sh.stats.rare().dropped[reason].Add(1)
		return e.answer(in, codec.BadOption, optErr.Error())
	case protocol.Request:
		if d.Multicast && sh.node.silenced(&in.msg) {
			sh.stats.rare().unsent.Add(1)
			return false
		}
		return e.onRequest(ctx, now, d, in)
	case protocol.PiggybackedResponse:
		in.optErr = optErr
		return e.onPiggybacked(d.Peer, in)
	case protocol.Response:
		return e.onResponse(now, d.Peer, in)
	}
	return false
}

// lookupPeer finds or makes the state of a peer; nil if all are in use.
func (sh *shard) lookupPeer(now netio.Instant, p netio.Peer) *peerEntry {
	pe, made, err := sh.peers.Get(now, p)
	if err != nil {
		return nil
	}
	if made {
		sh.stats.peers.set(uint64(sh.peers.Len()))
	}
	return pe
}

func (e *endpoint) onRequest(ctx actor.Context, now netio.Instant, d *netio.Datagram, in *incoming) bool {
	sh := e.sh
	pe := sh.lookupPeer(now, d.Peer)
	if pe == nil {
		// Nothing can be remembered of this peer, so nothing is done for it.
		return e.shed(in, "too many peers have something under way")
	}
	in.peer = pe
	if sh.guarded() {
		sh.hear(now, in)
	}
	if o := in.msg.Options; len(o) > 0 && o[len(o)-1].Number >= codec.OptionBlock2 {
		if handled, used := e.blockOptions(now, in); handled {
			return used
		}
	}
	con := in.msg.Type == codec.CON
	lifetime := sh.node.nonLifetime
	if con {
		lifetime = sh.node.exchangeLifetime
	}
	class := protocol.Kept
	if in.msg.Code.Idempotent() && !in.msg.Options.Has(codec.OptionObserve) || in.has1 && in.block1.More {
		class = protocol.Idempotent
	}
	in.key = protocol.MakeDedupKey(pe.ID, in.msg.MessageID)
	seen, answer := sh.dedup.Admit(now, in.key, class, lifetime)
	switch seen {
	case protocol.Answered:
		sh.stats.duplicates.Add(1)
		sh.ignored(in, "duplicate")
		if con && sh.mayRepeat(now, pe, answer) {
			sh.resend(answer, in.dst, "duplicate")
		}
		return false
	case protocol.InProgress:
		sh.stats.duplicates.Add(1)
		sh.ignored(in, "duplicate")
		return false
	case protocol.Full:
		return e.shed(in, "too many requests are remembered")
	}
	if sh.stopping {
		return e.shed(in, "stopping")
	}
	if class == protocol.Kept && !sh.mayKeep(pe) {
		return e.shed(in, "too many peers are remembered")
	}
	if !e.screen(now, in) {
		return false
	}
	if o := in.msg.Options; o.Has(codec.OptionProxyURI) || o.Has(codec.OptionProxyScheme) {
		return e.refuse(in, codec.ProxyingNotSupported, "")
	}
	if protocol.BadHopLimit(in.msg.Options) {
		return e.refuse(in, codec.BadRequest, "Hop-Limit is not 1 to 255")
	}
	if !e.dispatch(ctx, now, d, in) {
		return false
	}
	if class == protocol.Kept {
		// Only now: to refuse a request twice does no harm, and who is refused
		// is not to fill the table of peers.
		sh.keep(pe, now.Add(lifetime))
	}
	return true
}

// dispatch hands a new request to its resource.
func (e *endpoint) dispatch(ctx actor.Context, now netio.Instant, d *netio.Datagram, in *incoming) bool {
	sh := e.sh
	if in.kept != nil {
		return e.readLater(ctx, in)
	}
	route := sh.node.router.Load().lookup(in.msg.Options)
	switch {
	case route == nil:
		return e.refuse(in, codec.NotFound, "")
	case d.Multicast && !route.resource.Multicast:
		sh.stats.rare().unmatched.Add(1) // RFC 7252 §8.2: silence
		sh.dedup.Forget(in.key)
		return false
	case !route.has(in.msg.Code):
		return e.refuse(in, codec.MethodNotAllowed, "")
	case !route.resource.Conditional && !route.resource.Tagged && (in.msg.Options.Has(codec.OptionIfMatch) || in.msg.Options.Has(codec.OptionIfNoneMatch)):
		return e.refuse(in, codec.BadOption, "this resource does not evaluate If-Match and If-None-Match")
	case route.failed.Load():
		return e.shed(in, "the resource has failed")
	case !route.resource.Inline && sh.servingBytes+len(in.data) > sh.limits.ServingBytes:
		return e.shed(in, "too many bytes of requests are being served")
	case in.peer.Value.serving >= sh.limits.PerPeer:
		return e.shed(in, "too many requests of this peer are being served")
	}
	if route.resource.Observable && in.msg.Options.Has(codec.OptionObserve) {
		if why, ok := in.join(route); !ok {
			return e.refuse(in, codec.BadRequest, why)
		}
	}
	if in.has1 {
		if handled, used := e.requestBlock(ctx, now, in, d, route); handled {
			return used
		}
	}
	s := sh.acquire(ctx)
	if s == nil {
		return e.shed(in, "too many requests are being served")
	}
	if !route.resource.Inline {
		in.hold(len(in.data) + len(in.body))
	}
	e.admit(s, in)
	e.enqueue(in, d, route)
	return true
}

// onEmpty handles an empty ACK or a RST: it belongs to the exchange that sent
// the message with that ID, or to nobody.
func (e *endpoint) onEmpty(p netio.Peer, in *incoming, reset bool) {
	pe := e.sh.peers.Find(p)
	s := e.slotFor(pe, in.msg.MessageID)
	switch {
	case s == nil && pe != nil && e.sh.obs != nil && e.sh.obs.acknowledged(pe, in.msg.MessageID, reset):
		e.sh.stats.acknowledgements.Add(1)
	case s == nil:
		e.sh.stats.rare().unmatched.Add(1)
		e.sh.ignored(in, "unmatched")
	case reset:
		e.sh.stats.acknowledgements.Add(1)
		e.sh.post(s.box, wasReset{s.gen})
	default:
		e.sh.stats.acknowledgements.Add(1)
		e.sh.post(s.box, acknowledged{s.gen})
	}
}

// slotFor finds the exchange that sent a message with this ID to this peer.
func (e *endpoint) slotFor(pe *peerEntry, mid uint16) *slot {
	if protocol.Planted == protocol.BugPeer {
		for _, s := range e.sh.slots {
			if s.named != nil && uint16(s.mid) == mid {
				return s
			}
		}
	}
	if pe == nil {
		return nil
	}
	return e.sh.slotByMID(protocol.MakeDedupKey(pe.ID, mid))
}

// onPiggybacked handles a response in an ACK: both message ID and token must
// match (RFC 7252 §5.3.2).
func (e *endpoint) onPiggybacked(p netio.Peer, in *incoming) bool {
	pe := e.sh.peers.Find(p)
	in.peer = pe
	s := e.slotFor(pe, in.msg.MessageID)
	if s == nil || s.call == nil || s.call.token != in.msg.Token && protocol.Planted != protocol.BugToken {
		if pe != nil && in.optErr == nil {
			// A notification may have been taken for the answer that comes now.
			if o := e.sh.notified(pe, in); o != nil {
				e.sh.onNotification(e.sh.now(), o, in)
				return false
			}
		}
		e.sh.stats.rare().unmatched.Add(1)
		e.sh.ignored(in, "unmatched")
		return false
	}
	return e.deliver(s, in)
}

// onResponse handles a response in a CON or NON message of its own: the token
// and the peer must match (RFC 7252 §5.3.2). One that nobody waits for is
// rejected (§4.2, 4.3), and one that has come before is acknowledged again.
func (e *endpoint) onResponse(now netio.Instant, p netio.Peer, in *incoming) bool {
	sh := e.sh
	con := in.msg.Type == codec.CON
	if r, ok := sh.node.roundOf(in.msg.Token); ok {
		sh.onGroupResponse(now, r, in)
		return false
	}
	if pe := sh.peers.Find(p); pe != nil {
		in.peer = pe
		in.key = protocol.MakeDedupKey(pe.ID, in.msg.MessageID)
		s := sh.slotByToken(tokenKey{pe.ID, in.msg.Token})
		if o := sh.notified(pe, in); o != nil && in.msg.Options.Has(codec.OptionObserve) && (s == nil || o.overtaken(now, in)) {
			sh.onNotification(now, o, in)
			return false
		}
		if s != nil || sh.notified(pe, in) != nil {
			lifetime := sh.node.nonLifetime
			if con {
				lifetime = sh.node.exchangeLifetime
			}
			seen, _ := sh.dedup.Admit(now, in.key, protocol.Kept, lifetime)
			if seen == protocol.New {
				sh.keep(pe, now.Add(lifetime))
				if s == nil {
					sh.onNotification(now, sh.notified(pe, in), in)
					return false
				}
				if con {
					sh.ack(now, in)
				}
				return e.deliver(s, in)
			}
			if seen == protocol.Full {
				// Nothing is acknowledged that may have to be acknowledged
				// again: the peer will retransmit.
				sh.stats.rare().shed.Add(1)
				sh.ignored(in, "no room")
				return false
			}
		}
		if sh.seenResponse(now, in, con) {
			return false
		}
	}
	sh.stats.rare().unmatched.Add(1)
	sh.ignored(in, "unmatched")
	// Of a NON only a notification that nobody wants is rejected: its sender ends it
	// (RFC 7641 §3.6). Answers to a discovery that has ended come by the hundred.
	if con || in.msg.Options.Has(codec.OptionObserve) {
		sh.sendEmpty(codec.RST, in.msg.MessageID, in.dst)
	}
	return false
}

// ack acknowledges a response and remembers that it did.
func (sh *shard) ack(now netio.Instant, in *incoming) {
	m := codec.Message{Type: codec.ACK, MessageID: in.msg.MessageID}
	if data, err := sh.send(&m, in.dst, ""); err == nil {
		sh.dedup.Answer(now, in.key, data)
	}
}

// seenResponse repeats the ACK of a response that has been handled.
func (sh *shard) seenResponse(now netio.Instant, in *incoming, con bool) bool {
	seen, answer := sh.dedup.Peek(now, in.key)
	if seen != protocol.Answered && seen != protocol.InProgress {
		return false
	}
	sh.stats.duplicates.Add(1)
	sh.ignored(in, "duplicate")
	if con && seen == protocol.Answered {
		sh.resend(answer, in.dst, "duplicate")
	}
	return true
}

func (e *endpoint) deliver(s *slot, in *incoming) bool {
	in.slot, in.gen, in.reply = s, s.gen, true
	e.sh.post(s.box, in)
	return true
}

// failCall ends the call that waits for a response with this token.
func (e *endpoint) failCall(p netio.Peer, t codec.Token, err error) {
	pe := e.sh.peers.Find(p)
	if pe == nil {
		return
	}
	if s := e.sh.slotByToken(tokenKey{pe.ID, t}); s != nil {
		e.sh.post(s.box, abort{s.gen, err})
	}
}

// onUndelivered handles an ICMP error or a refusal of the system: the exchange
// whose message it was fails at once instead of waiting for its timeout. Where
// the next copy may get through, a CON message is just one that was lost.
func (e *endpoint) onUndelivered(u *undelivered) {
	var m codec.Message
	_ = m.Parse(u.data) // perhaps cut short; what could be read is valid
	err := fmt.Errorf("%w: %w", ErrUnreachable, u.err)
	if len(u.data) < codec.HeaderLen {
		return
	}
	if u.peer.Addr.Addr().IsMulticast() {
		e.sh.groupUndelivered(u.peer, &m, err)
		return
	}
	if m.Type == codec.NON || m.Type == codec.CON && !errors.Is(u.err, netio.ErrTransient) {
		if s := e.slotFor(e.sh.peers.Find(u.peer), m.MessageID); s != nil {
			e.sh.post(s.box, abort{s.gen, err})
		}
	}
}
