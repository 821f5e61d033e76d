package actors

import (
	"bytes"
	"math"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// requestBlock takes in a block of a request body. Where it completes the body,
// the request is to be served; otherwise handled is true, and used says whether in
// is still needed.
func (e *endpoint) requestBlock(ctx ctxActor, now netio.Instant, in *incoming, d *netio.Datagram, route *Route) (handled, used bool) {
	sh := e.sh
	if !in.block1.More && (sh.full() || !route.resource.Inline && !route.resource.Stream && !sh.hasRoomFor(in.block1.Offset()+int64(len(in.data)))) {
		// Asked before the body is complete, so that the block can come again.
		return true, e.shed(in, "too many requests are being served")
	}
	b := sh.blocks()
	size1 := int64(-1)
	if v, ok := in.msg.Options.Uint(codec.OptionSize1); ok && v < math.MaxInt64 {
		size1 = int64(v)
	}
	res := route.resource
	lim := protocol.SpoolLimits{MaxBody: res.MaxBody, SZX: sh.szx + 1, Stream: res.Stream}
	if res.Stream {
		b.last++
		lim.Value = b.last
		if lim.MaxBody == 0 {
			lim.MaxBody = math.MaxInt64
		}
	}
	key := protocol.MakeBlockKey(in.peer.ID, &in.msg)
	r := b.spool.Put(now, key, in.block1, in.msg.Payload, size1, lim)
	in.block1 = r.Block
	b.tidy()
	switch {
	case r.Verdict == protocol.SpoolRefused:
		return true, e.refuseBlock(in, &r)
	case res.Stream && (in.block1.More || in.block1.Num > 0):
		return true, e.streamBlock(ctx, in, d, route, key, &r)
	case r.Verdict == protocol.SpoolContinue:
		sh.stats.rare().blocks.Add(1)
		return true, e.continueBlock(in)
	case r.Offset > 0:
		in.body = r.Body
	}
	return false, false
}

// full reports whether no exchange is left.
func (sh *shard) full() bool { return len(sh.free) == 0 && len(sh.slots) >= sh.limits.Exchanges }

// hasRoomFor reports whether a handler on a goroutine may be given so many bytes.
// One request may be longer than the bound if it is the only one.
func (sh *shard) hasRoomFor(n int64) bool {
	return sh.servingBytes == 0 || int64(sh.servingBytes)+n <= int64(sh.limits.ServingBytes)
}

// continueBlock answers 2.31 (RFC 7959 §2.9.1).
func (e *endpoint) continueBlock(in *incoming) bool {
	e.block[0] = codec.Option{Number: codec.OptionBlock1, Value: in.block1.Append(e.value[:0])}
	e.answerWith(in, codec.Continue, e.block[:], nil)
	return false
}

// answerWith answers a request that needs no exchange, and remembers the answer.
func (e *endpoint) answerWith(in *incoming, code codec.Code, opts codec.Options, payload []byte) {
	sh := e.sh
	m := &e.msg
	*m = codec.Message{Type: codec.ACK, Code: code, MessageID: in.msg.MessageID, Token: in.msg.Token, Options: opts, Payload: payload}
	if in.msg.Type == codec.NON {
		m.Type, m.MessageID = codec.NON, sh.nonMID(in.peer)
	}
	data, err := sh.send(m, in.dst, "")
	if err == nil && in.msg.Type == codec.CON {
		sh.dedup.Answer(sh.now(), in.key, data)
	}
	m.Options, m.Payload = nil, nil
}

// refuseBlock answers a block that does not fit.
func (e *endpoint) refuseBlock(in *incoming, r *protocol.SpoolResult) bool {
	if r.Code == codec.ServiceUnavailable {
		return e.shed(in, r.Why)
	}
	e.sh.stats.rare().refused.Add(1)
	var opts codec.Options
	if r.Size1 >= 0 {
		opts = codec.Options{codec.Size1(uint32(r.Size1))}
	}
	e.answerWith(in, r.Code, opts, []byte(r.Why))
	return false
}

// streamBlock hands a block to the handler that reads the body. The first one
// calls it.
func (e *endpoint) streamBlock(ctx ctxActor, in *incoming, d *netio.Datagram, route *Route, key protocol.BlockKey, r *protocol.SpoolResult) bool {
	sh := e.sh
	b := sh.blockwise
	s := b.streams[r.Value]
	switch {
	case r.Begun:
		if s = e.beginStream(ctx, in, d, route, key, r.Value); s == nil {
			b.spool.Abort(key)
			return e.shed(in, "too many requests are being served")
		}
	case s == nil: // it has answered before the body had come, or was given up
		b.spool.Abort(key)
		return e.refuse(in, codec.RequestEntityIncomplete, "this transfer has ended")
	default:
		sh.stats.rare().blocks.Add(1)
	}
	last := r.Verdict == protocol.SpoolDone
	again := !r.Fresh && s.held != nil
	switch {
	case again: // the peer has given up the message that waits, and sends the block anew
		s.dismiss()
	case r.Fresh:
		if s.held != nil {
			b.spool.Abort(key)
			s.lost(errBodyLost)
			e.answerWith(in, codec.RequestEntityIncomplete, nil, []byte("the next block came before the last one was acknowledged"))
			return false
		}
		s.push(in.msg.Payload, last)
	}
	if !last && !s.done && (s.hasRoom() || !r.Fresh && !again) || !last && s.done && s.succeeded() {
		return e.continueBlock(in)
	}
	// It waits for the handler: to read on, or to answer.
	slot := sh.acquire(ctx)
	if slot == nil {
		b.spool.Abort(key)
		s.lost(errBodyLost)
		e.answerWith(in, codec.ServiceUnavailable, nil, []byte("too many requests are being served"))
		return false
	}
	e.admit(slot, in)
	in.hold(len(in.data))
	sh.armHandler(in, false)
	s.held, s.final = in, last
	if last {
		in.ctx = s.ctx // ends when the peer gives up
	}
	if s.done {
		s.giveAnswer()
	}
	return true
}

// beginStream calls the handler of a stream: with a message of its own, which is
// the first block's, and an exchange that lasts as long as the transfer.
func (e *endpoint) beginStream(ctx ctxActor, in *incoming, d *netio.Datagram, route *Route, key protocol.BlockKey, id uint64) *stream {
	sh := e.sh
	slot := sh.acquire(ctx)
	if slot == nil {
		return nil
	}
	call := &incoming{sh: sh, used: true, own: bytes.Clone(in.data), peer: in.peer, dst: in.dst}
	call.data = call.own
	_ = call.msg.Parse(call.own) // it has been parsed before
	s := &stream{sh: sh, id: id, key: key, ctx: &taskContext{env: sh.env}}
	call.stream, call.ctx = s, s.ctx
	e.admit(slot, call)
	call.hold(len(call.data))
	sh.blockwise.streams[id] = s
	e.enqueue(call, d, route)
	return s
}
