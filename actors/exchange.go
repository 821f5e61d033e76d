package actors

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// ctxActor keeps the other files from naming the actor library.
type ctxActor = actor.Context

// exchange is the actor of one transaction: a request that is being served, or
// one that is being made. It is taken from a pool; its slot says what for.
type exchange struct {
	sh   *shard
	slot *slot

	tx     protocol.Transmission
	msg    codec.Message // the answer being sent; here so that it costs no allocation
	buf    []byte        // the encoded CON message, for retransmissions
	params *protocol.Params
	opts   codec.Options // scratch, of the answer
	dst    to
	peer   *peerEntry
	mid    uint16
	// gen is the use of the slot that separate belongs to.
	gen uint32
	// separate: it transmits a separate response, or waits for its turn to
	separate bool
}

// Receive implements actor.Actor.
func (x *exchange) Receive(ctx actor.Context) {
	if x.slot != nil && x.gen != x.slot.gen {
		x.gen, x.separate = x.slot.gen, false
	}
	switch m := ctx.Message().(type) {
	case *incoming:
		x.onIncoming(m)
	case startCall:
		if m.call == x.slot.call {
			x.onStartCall(m.call)
		}
	case exchangeTimer:
		if m.gen == x.slot.gen {
			x.onTimer(m.kind)
		}
	case answerSeparately:
		if m.gen == x.slot.gen {
			x.acknowledge()
		}
	case proceed:
		x.onProceed(m.gen)
	case acknowledged:
		if m.gen == x.slot.gen {
			x.onAcknowledged()
		}
	case wasReset:
		if m.gen == x.slot.gen {
			x.onReset()
		}
	case abort:
		if m.gen == x.slot.gen {
			x.onAbort(m.err)
		}
	case *actor.Started:
		x.slot = x.sh.slotOf(ctx.Self())
	}
}

// onIncoming takes the answer of a resource, or the response of a peer.
func (x *exchange) onIncoming(in *incoming) {
	switch {
	case in.gen != x.slot.gen:
		if in.reply { // another response has ended the call just before
			if o := x.sh.notified(in.peer, in); o != nil && in.optErr == nil {
				x.sh.hearIncoming(o, in) // which was a registration
			} else {
				x.sh.stats.rare().unmatched.Add(1)
			}
		} else {
			x.sh.stats.rare().stale.Add(1)
		}
		in.free()
	case in.reply:
		x.onReply(in)
		in.free()
	default:
		x.onAnswer(in)
	}
}

// onTimer: one of the exchange's timers fired.
func (x *exchange) onTimer(kind timerKind) {
	switch kind {
	case timerAck:
		x.slot.first = 0
		x.acknowledge()
	case timerGiveUp:
		x.slot.second = 0
		x.onGiveUp()
	case timerRetransmit:
		x.slot.first = 0
		x.onRetransmit()
	case timerExpect:
		x.slot.first = 0
		x.unexpect()
	}
}

// onAnswer sends the answer of a resource: piggybacked, as NON, or separately.
func (x *exchange) onAnswer(in *incoming) {
	sh := x.sh
	if in.stream != nil {
		x.answerStream(in)
		return
	}
	if in.err == nil && in.res != nil && in.res.Body != nil {
		x.onBody(in)
		return
	}
	sh.cancel(&x.slot.first)
	if !in.acked || in.group {
		sh.cancel(&x.slot.second)
	}
	in.answered = true
	m := &x.msg
	in.response(m)
	var whole codec.Message
	if in.observe {
		whole = *m
	}
	if in.asksTag() {
		in.revalidate(m)
	}
	if in.isBlockwise(m) {
		x.cutAnswer(in, m)
	}
	if in.peer.Value.guard != nil {
		sh.restrain(in, m)
	}
	if in.observe {
		sh.register(in, &whole, m)
	}
	switch {
	case in.unwanted(m.Code):
		x.keepQuiet(in)
	case in.group:
		x.answerGroup(in, m)
	case in.msg.Type == codec.NON:
		m.Type, m.MessageID = codec.NON, sh.nonMID(in.peer)
		if _, err := sh.send(m, in.dst, ""); err != nil {
			_, _ = sh.send(internalError(m), in.dst, "")
		}
		sh.served(x.slot)
	case !in.acked:
		m.Type, m.MessageID = codec.ACK, in.msg.MessageID
		data, err := sh.send(m, in.dst, "")
		if err != nil {
			data, err = sh.send(internalError(m), in.dst, "")
		}
		switch {
		case in.unasked: // as at the door: its retransmission may find room
			sh.dedup.Forget(in.key)
		case err == nil:
			sh.dedup.Answer(sh.now(), in.key, data)
		}
		sh.served(x.slot)
	default:
		x.answerSeparately(in, m)
	}
	m.Options, m.Payload = nil, nil
}

// internalError turns a response that cannot be encoded into 5.00.
func internalError(m *codec.Message) *codec.Message {
	m.Code, m.Options, m.Payload = codec.InternalServerError, nil, nil
	return m
}

// response fills the message from what a handler returned.
func (in *incoming) response(m *codec.Message) {
	*m = codec.Message{Token: in.msg.Token}
	if in.err != nil {
		m.Code, m.Options, m.Payload = in.errorResponse()
		return
	}
	if in.res != nil {
		m.Code, m.Options, m.Payload = in.res.Code, in.res.Options, in.res.Payload
	}
	if m.Code == 0 {
		switch in.msg.Code {
		case codec.GET, codec.FETCH:
			m.Code = codec.Content
		case codec.DELETE:
			m.Code = codec.Deleted
		default:
			m.Code = codec.Changed
		}
	}
	if !m.Code.IsResponse() {
		in.sh.node.log.Error("actors: a handler returned a code that is no response", "path", in.req.Path(), "code", m.Code)
		internalError(m)
	}
}

// acknowledge sends the empty ACK: the response will come separately.
// Duplicates of the request get the ACK again, for as long as they can come.
func (x *exchange) acknowledge() {
	in := x.slot.in
	if in == nil || in.acked || in.msg.Type != codec.CON {
		return
	}
	in.acked = true
	m := codec.Message{Type: codec.ACK, MessageID: in.msg.MessageID}
	if data, err := x.sh.send(&m, in.dst, ""); err == nil {
		now := x.sh.now()
		x.sh.dedup.Keep(now, in.key)
		if x.sh.mayKeep(in.peer) { // else a duplicate of a GET may be executed again
			x.sh.keep(in.peer, now.Add(x.sh.node.exchangeLifetime))
		}
		x.sh.dedup.Answer(now, in.key, data)
	}
}

// answerSeparately sends the response in a CON message of its own, when the
// peer's window allows.
func (x *exchange) answerSeparately(in *incoming, m *codec.Message) {
	sh := x.sh
	m.Type = codec.CON
	mid, _, ok := sh.mids(in.peer).Next(sh.now(), sh.node.exchangeLifetime)
	if !ok {
		sh.stats.rare().midReused.Add(1)
		mid = sh.mids(in.peer).Force(sh.now())
	}
	m.MessageID = mid
	buf, err := appendDatagram(x.buf[:0], m)
	if err != nil {
		sh.node.log.Error("actors: a response could not be encoded", "path", in.req.Path(), "error", err)
		if buf, err = appendDatagram(x.buf[:0], internalError(m)); err != nil {
			sh.stats.rare().unsent.Add(1)
			sh.served(x.slot)
			return
		}
	}
	x.buf, x.dst, x.peer, x.params, x.mid = buf, in.dst, in.peer, sh.params, mid
	x.separate = true
	switch x.peer.Value.window.Acquire(x.params.NStart, sh.limits.Queue, turn{slot: x.slot, gen: x.slot.gen}) {
	case protocol.Admitted:
		sh.awaitAck(x.slot, len(buf))
		x.transmit()
	case protocol.Queued:
		sh.awaitAck(x.slot, len(buf))
	case protocol.Refused:
		sh.stats.rare().unsent.Add(1)
		x.separate = false
		sh.served(x.slot)
	}
}

func (x *exchange) onProceed(gen uint32) {
	if gen != x.slot.gen || !x.separate {
		// It ended after its turn had come; the turn went on with its release.
		return
	}
	x.transmit()
}

// transmit sends the CON message in buf for the first time.
func (x *exchange) transmit() {
	x.sh.cancel(&x.slot.second)
	x.slot.outstanding = x.peer
	x.sh.name(x.slot, x.peer, x.mid)
	x.sh.observe(x.dst.peer, x.mid, x.params)
	x.sh.resend(x.buf, x.dst, "")
	x.arm(x.tx.Start(x.sh.now(), x.params, x.sh.rand.Float64()), timerRetransmit)
}

func (x *exchange) onRetransmit() {
	if !x.tx.Active() {
		return // it fired just before the acknowledgement was handled
	}
	verdict, deadline := x.tx.Due(x.sh.now())
	switch verdict {
	case protocol.Wait:
		x.arm(deadline, timerRetransmit)
	case protocol.Resend:
		x.sh.stats.rare().retransmissions.Add(1)
		if protocol.Planted != protocol.BugSeparate || !x.separate {
			x.sh.resend(x.buf, x.dst, "retransmission")
		}
		x.arm(deadline, timerRetransmit)
	case protocol.GiveUp:
		if c := x.slot.call; c != nil {
			x.endCall(nil, fmt.Errorf("%w to %d transmissions", ErrTimeout, x.tx.Attempts()))
			return
		}
		x.sh.stats.rare().unacknowledged.Add(1)
		x.sh.unregister(x.slot.in)
		x.endSeparate()
	}
}

func (x *exchange) arm(deadline netio.Instant, kind timerKind) {
	sh := x.sh
	sh.cancel(&x.slot.first)
	x.slot.first = sh.timers.Add(deadline, timer{box: x.slot.box, exchange: exchangeTimer{x.slot.gen, kind}})
}

// unexpect ends the exchange's place in the peer's window.
func (x *exchange) unexpect() {
	if c := x.slot.call; c != nil {
		if c.holds {
			c.holds = false
			x.sh.unexpect(c.pe)
		}
		return
	}
	x.sh.unoutstand(x.slot)
}

// onAcknowledged: an empty ACK. A separate response has arrived; a request has,
// and its response will follow.
func (x *exchange) onAcknowledged() {
	x.slot.heard = true
	if x.separate {
		x.endSeparate()
		return
	}
	c := x.slot.call
	if c == nil || c.req.Method == codec.Empty || c.req.NonConfirmable {
		return
	}
	if c.isQuiet() {
		x.endCall(&Response{Peer: c.peer}, nil)
		return
	}
	x.tx.Stop()
	x.sh.cancel(&x.slot.first)
	x.sh.unname(x.slot)
	x.unexpect()
	if c.req.Timeout == 0 {
		x.sh.expireIn(c, c.params.MaxTransmitWait())
	}
}

// onReset: the peer rejects what was sent. For a ping that is the answer.
func (x *exchange) onReset() {
	x.slot.heard = true
	c := x.slot.call
	if c != nil {
		c.expected = 0
	}
	switch {
	case x.separate:
		x.sh.unregister(x.slot.in)
		x.endSeparate()
	case c == nil:
	case c.req.Method == codec.Empty:
		x.endCall(&Response{Peer: c.peer}, nil)
	default:
		x.endCall(nil, ErrReset)
	}
}

func (x *exchange) onAbort(err error) {
	switch {
	case x.slot.call != nil:
		if errors.Is(err, ErrUnreachable) {
			x.slot.call.expected = 0 // nobody is being probed
		}
		x.endCall(nil, err)
	case x.separate:
		if x.slot.named == nil { // it has not been sent yet: then once, and as NON
			x.sh.leaveQueue(x.peer, turn{slot: x.slot, gen: x.slot.gen})
			x.buf[0] = x.buf[0]&^(3<<4) | byte(codec.NON)<<4
			x.sh.resend(x.buf, x.dst, "")
		}
		x.endSeparate()
	}
}

// sent ends the transmission. A pool of exchanges that once sent long messages
// must not keep the memory of all of them.
func (x *exchange) sent() {
	x.tx.Stop()
	if cap(x.buf) > 4096 {
		x.buf = nil
	}
}

func (x *exchange) endSeparate() {
	x.sent()
	x.unexpect()
	x.separate = false
	x.sh.served(x.slot)
}

// onGiveUp: the peer cannot be waiting for this response any more.
func (x *exchange) onGiveUp() {
	in := x.slot.in
	if in == nil {
		return
	}
	if x.separate {
		// Its answer still waits for its turn, behind others that the peer does
		// not acknowledge.
		x.sh.stats.rare().unacknowledged.Add(1)
		x.sh.unregister(in)
		x.sh.leaveQueue(x.peer, turn{slot: x.slot, gen: x.slot.gen})
		x.endSeparate()
		return
	}
	if in.ctx != nil {
		in.ctx.end(errPeerGone)
	}
	if !in.begun {
		x.sh.ignored(in, "no handler was free in time")
	}
	// The handler still has in; its late answer will find another generation.
	x.sh.served(x.slot)
}

// served ends the serving of a request. The message itself is freed by whoever
// has it: the exchange that has answered it, or the answer that comes too late.
func (sh *shard) served(s *slot) {
	in := s.in
	if in == nil {
		return
	}
	sh.obs.ends(in)
	sh.serving--
	in.peer.Value.serving--
	sh.peers.Unpin(in.peer)
	answered := in.answered
	sh.release(s)
	if answered {
		in.free()
	}
	sh.checkQuiet()
}

// onStartCall sends a request for the first time.
func (x *exchange) onStartCall(c *Call) {
	sh := x.sh
	x.params, x.dst, x.buf = c.params, to{peer: c.peer}, c.data
	if !c.req.NonConfirmable {
		sh.observe(c.peer, uint16(x.slot.mid), x.params)
	}
	sh.resend(x.buf, x.dst, "")
	if !c.req.NonConfirmable {
		x.arm(x.tx.Start(sh.now(), x.params, sh.rand.Float64()), timerRetransmit)
		return
	}
	c.expected = protocol.ExpectUntil(sh.now(), len(x.buf), x.params)
	if c.isQuiet() {
		x.endCall(&Response{Peer: c.peer}, nil)
		return
	}
	x.arm(c.expected, timerExpect)
}

// onReply ends the call with its response.
func (x *exchange) onReply(in *incoming) {
	c := x.slot.call
	if c == nil || c.req.Method == codec.Empty {
		x.sh.stats.rare().unmatched.Add(1)
		return
	}
	x.sh.stats.responses.Add(1)
	x.slot.heard = true
	c.expected = 0
	if in.optErr != nil {
		x.endCall(nil, fmt.Errorf("%w: %v", ErrBadResponse, in.optErr))
		return
	}
	if x.echo(c, &in.msg) {
		return
	}
	if c.transfer == nil && c.observation == nil { // which fetches the rest itself
		c.transfer = c.lateTransfer(&in.msg)
	}
	if c.transfer != nil {
		x.onBlock(c, in)
		return
	}
	x.endCall(x.response(c, in))
}

func (x *exchange) endCall(res *Response, err error) {
	x.sent()
	x.buf = nil // it is the call's, which may be sent again to another address
	x.sh.finish(x.slot.call, res, err)
}
