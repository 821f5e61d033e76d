package actors

import (
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// onBlock takes in a response that belongs to a block-wise transfer. The call
// ends with it, or goes on with another exchange.
func (x *exchange) onBlock(c *Call, in *incoming) {
	t, m := c.transfer, &in.msg
	c.others = nil // it is this address that answers
	step := t.proto.Response(m)
	t.ready = false
	switch {
	case step.Verdict == protocol.BlockFailed:
		x.endCall(nil, step.Err)
		return
	case step.Verdict == protocol.BlockRestart && step.Rewind:
		t.rewind, t.sent = true, 0
	case step.Verdict == protocol.BlockRestart:
		t.got, t.begun, t.received = t.got[:0], false, 0
	}
	if b, ok, err := m.Options.Block(codec.OptionBlock1); ok && err == nil && m.Code.IsSuccess() {
		t.acknowledge(b)
	}
	if step.Payload && m.Code.IsSuccess() {
		t.take(m, step)
	}
	t.tell(x.sh, c, step)
	if step.Verdict == protocol.BlockDone {
		x.endTransfer(c, in)
		return
	}
	x.sent()
	x.buf = nil
	x.sh.nextExchange(c)
}

// acknowledge forgets what the peer has taken.
func (t *transfer) acknowledge(b codec.Block) {
	up := t.proto.Upload().Offset()
	t.sent = max(t.sent, up)
	if !b.More && t.srcSize >= 0 {
		t.sent = t.srcSize
	}
	if n := up - t.bufAt; t.src != nil && n > 0 && n <= int64(len(t.buf)) {
		t.buf = t.buf[:copy(t.buf, t.buf[n:])]
		t.bufAt = up
	}
}

// take keeps a part of the response's body.
func (t *transfer) take(m *codec.Message, step protocol.TransferStep) {
	if !t.begun {
		t.begun, t.code = true, m.Code
		t.opts = m.Options.Clone().Remove(codec.OptionBlock1).Remove(codec.OptionBlock2).Remove(codec.OptionSize2)
	}
	part := m.Payload
	if skip := t.from - step.Offset; skip > 0 && step.Offset+int64(len(part)) <= t.from {
		part = nil
	} else if skip > 0 {
		part = part[skip:] // the caller has had it, and the block begins before
	}
	t.received = max(t.received, step.Offset+int64(len(m.Payload)))
	if t.to != nil {
		t.part = append(t.part, part...)
		return
	}
	if cap(t.got) == 0 && step.Size > 0 && step.Verdict == protocol.BlockNext {
		t.got = make([]byte, 0, min(step.Size, 64<<10)) // as far as it can be believed
	}
	t.got = append(t.got, part...)
}

// tell calls Request.Progress.
func (t *transfer) tell(sh *shard, c *Call, step protocol.TransferStep) {
	if t.progress == nil {
		return
	}
	if step.Size >= 0 {
		t.size = step.Size
	}
	p := Progress{Sent: t.sent, SendSize: t.srcSize, Received: t.received, Size: t.size}
	if step.Verdict == protocol.BlockDone {
		p.Size = t.received
	}
	p.ETag, _ = t.opts.Get(codec.OptionETag)
	sh.protect(c, "Request.Progress", func() { t.progress(p) })
}

// endTransfer ends a call with the whole response.
func (x *exchange) endTransfer(c *Call, in *incoming) {
	t := c.transfer
	res, err := x.response(c, in)
	res.Options = res.Options.Remove(codec.OptionBlock1).Remove(codec.OptionBlock2).Remove(codec.OptionSize2)
	if t.begun && err == nil && res.Code != codec.Valid {
		res.Code, res.Options, res.Payload, res.Size = t.code, t.opts, t.got, t.received
	}
	if len(t.part) == 0 {
		x.endCall(res, err)
		return
	}
	t.final, t.finalErr = res, err
	x.sent()
	x.buf = nil
	x.sh.nextExchange(c)
}

// nextExchange gives back what a call has of the last exchange, and makes it
// begin the next.
func (sh *shard) nextExchange(c *Call) {
	sh.giveBack(c)
	if sh.pump(c) {
		return
	}
	if c.req.Timeout == 0 { // each exchange has its time
		sh.armCall(c)
	}
	sh.post(sh.endpoint, c)
}

// unlimit suspends the time of a call that has none for the whole.
func (sh *shard) unlimit(c *Call) {
	if c.req.Timeout == 0 {
		sh.cancel(&c.deadline)
		c.until = 0
	}
}

// awaitMID lets a transfer that has used all message IDs wait until one is free;
// false if the call is none.
func (sh *shard) awaitMID(c *Call, at netio.Instant) bool {
	if c.transfer == nil {
		return false
	}
	sh.giveBack(c)
	sh.unlimit(c)
	sh.timers.Add(at, timer{box: sh.endpoint, msg: c})
	return true
}

// response makes a Response of a message.
func (x *exchange) response(c *Call, in *incoming) (*Response, error) {
	m := &in.msg
	// What the caller gets is his own: one allocation where it is short.
	r := &struct {
		Response
		one   [1]codec.Option
		short [16]byte
	}{}
	res := &r.Response
	res.Code, res.Peer, res.Separate = m.Code, c.peer, m.Type != codec.ACK && !c.req.NonConfirmable
	size := len(m.Payload)
	for i := range m.Options {
		size += len(m.Options[i].Value)
	}
	own := r.short[:0]
	if size > len(r.short) {
		own = make([]byte, 0, size)
	}
	keep := func(b []byte) []byte {
		at := len(own)
		own = append(own, b...)
		return own[at:len(own):len(own)]
	}
	if len(m.Options) > 0 {
		res.Options = r.one[:0:1]
		if len(m.Options) > 1 {
			res.Options = make(codec.Options, 0, len(m.Options))
		}
		for i := range m.Options {
			o := &m.Options[i]
			res.Options = append(res.Options, codec.Option{Number: o.Number, Value: keep(o.Value)})
		}
	}
	if m.Payload != nil {
		res.Payload = keep(m.Payload)
	}
	res.Size = int64(len(res.Payload))
	if res.Code.IsSuccess() {
		return res, nil
	}
	ce := &CodeError{Code: res.Code, Options: res.Options, Response: res}
	if _, ok := res.ContentFormat(); !ok {
		ce.Diagnostic = string(res.Payload)
	}
	return res, ce
}
