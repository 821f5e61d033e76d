package actors

import (
	"errors"
	"fmt"
	"io"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// Block-wise transfer (RFC 7959), the client's side. A call whose request or
// response does not fit into one message goes on over several exchanges, each
// with a message ID, a token and a turn of its own; a Transfer says what each of
// them brings. Where a body is read from or written to a stream, a task does that
// between two exchanges.

// Progress says how far a block-wise transfer is, in bytes.
type Progress struct {
	// Sent is how much of the request's payload the peer has taken; SendSize
	// how long it is, -1 if that is not known yet.
	Sent, SendSize int64
	// Received is how much of the response's payload has come, from its
	// beginning even where the request began later (Request.From); Size how long
	// it is, as the peer says, -1 if it does not.
	Received, Size int64
	// ETag is the entity-tag of the response that is coming, nil if it has none.
	ETag []byte
}

// transfer is what a call has besides in a block-wise transfer.
type transfer struct {
	proto protocol.Transfer
	base  codec.Message // the request as if it were one message

	src     io.Reader
	buf     []byte // of the request's payload: what is not acknowledged, from bufAt on
	bufAt   int64
	srcSize int64 // -1: not known
	ended   bool  // the end of src has been seen
	rewind  bool  // src is to be read from its start again
	ready   bool  // the next request has been made
	more    bool  // it is not the last of the payload

	to       io.Writer
	from     int64 // where the response's payload begins for the caller
	part     []byte
	got      []byte
	begun    bool
	code     codec.Code    // of the first response of the body,
	opts     codec.Options // and its options
	received int64
	size     int64 // as it was announced; -1: it was not
	sent     int64
	final    *Response // when part has been written
	finalErr error

	progress func(Progress)
	writing  bool  // a task writes to to
	cause    error // why the call is to end when the task has
}

// errBodyTwice: a client's Request with Payload and Body.
var errBodyTwice = errors.New("Request.Payload and Request.Body exclude each other")

// wantsTransfer reports whether a request is made for block-wise transfer, or
// obviously needs it. Others become it when their response says so.
func (n *Node) wantsTransfer(req *Request) bool {
	return len(req.Payload) > n.shard.blockSize() || req.Body != nil || req.To != nil || req.BlockSize != 0 ||
		req.From != 0 || req.MaxBody != 0 || req.Progress != nil
}

func checkBlockSize(s int) error {
	if s != 0 && (s < 16 || s > 1024 || s&(s-1) != 0) {
		return fmt.Errorf("Request.BlockSize is %d; it must be 16, 32, 64, 128, 256, 512 or 1024, or 0", s)
	}
	return nil
}

// newTransfer begins the transfer that a request asks for. m is the request as
// one message.
func (n *Node) newTransfer(req *Request, m *codec.Message) (*transfer, error) {
	if req.Body != nil && len(req.Payload) > 0 {
		return nil, errBodyTwice
	}
	if err := checkBlockSize(req.BlockSize); err != nil {
		return nil, err
	}
	if req.From < 0 || req.Size < 0 {
		return nil, errors.New("Request.From and Request.Size must not be negative")
	}
	t := &transfer{base: *m, src: req.Body, to: req.To, from: req.From, progress: req.Progress, received: req.From, size: -1, srcSize: int64(len(m.Payload))}
	size := int64(len(m.Payload))
	if req.Body != nil {
		size, t.srcSize = protocol.UnknownSize, -1
		if req.Size > 0 {
			size, t.srcSize = req.Size, req.Size
		}
	}
	cfg := protocol.DownloadConfig{MaxBytes: req.MaxBody, BlockSize: req.BlockSize, From: req.From, ETag: req.FromETag}
	if req.To != nil {
		cfg.Restarts = -1 // what is written is written
		if req.MaxBody == 0 {
			cfg.MaxBytes = -1
		}
	}
	szx := n.shard.szx
	if req.BlockSize > 0 {
		szx = min(szx, blockSZX(req.BlockSize, 1<<16))
	}
	var err error
	t.proto, err = protocol.NewTransfer(m.Code, size, szx, cfg)
	return t, err
}

// lateTransfer turns a call into a block-wise transfer because of its response,
// if that is what it asks for: the first block of a longer one, or to send the
// request in blocks. So does one that is another block, or none that there is: the
// transfer refuses it.
func (c *Call) lateTransfer(m *codec.Message) *transfer {
	if o := m.Options; len(o) == 0 || o[len(o)-1].Number < codec.OptionBlock2 {
		return nil
	}
	b2, has2, err2 := m.Options.Block(codec.OptionBlock2)
	_, has1, err1 := m.Options.Block(codec.OptionBlock1)
	part := (err2 != nil || has2 && (b2.More || b2.Num > 0)) && m.Code.IsSuccess()
	if !part && !(has1 && err1 == nil && m.Code == codec.RequestEntityTooLarge) {
		return nil
	}
	t := &transfer{size: -1}
	// What was sent is all that is left of the request.
	if t.base.Parse(c.data) != nil || t.base.Options.Has(codec.OptionBlock1) || t.base.Options.Has(codec.OptionBlock2) {
		return nil // the caller makes blocks himself
	}
	t.base = *t.base.Clone()
	t.srcSize = int64(len(t.base.Payload))
	var err error
	if t.proto, err = protocol.NewTransfer(t.base.Code, t.srcSize, c.node.shard.szx, protocol.DownloadConfig{}); err != nil {
		return nil
	}
	if _, err = t.proto.Next(); err != nil {
		return nil
	}
	return t
}

// encodeBlock makes the next request of a transfer.
func (c *Call) encodeBlock(sh *shard) error {
	t := c.transfer
	r, err := t.proto.Next()
	if err != nil {
		return err
	}
	up := r.Upload
	if up.Blockwise && !t.base.Options.Has(codec.OptionRequestTag) {
		// So that this transfer's blocks cannot be taken for those of another
		// one (RFC 9175 §3.3).
		t.base.Options = t.base.Options.Clone().Add(codec.RequestTag(codec.TokenFromUint64(sh.rand.Uint64()).Bytes()[:4]))
	}
	m := t.base
	opts := append(make(codec.Options, 0, len(m.Options)+3), m.Options...)
	if r.Continued {
		opts = opts.Remove(codec.OptionObserve)
	}
	if up.Blockwise {
		opts = opts.Add(codec.Block1(up.Block))
		if up.Block.More { // RFC 7967 §3.2: only the last request may go without an answer
			opts = opts.Remove(codec.OptionNoResponse)
		}
	}
	if up.Size1 >= 0 {
		opts = opts.Set(codec.Size1(uint32(up.Size1)))
	}
	if r.HasBlock2 {
		opts = opts.Add(codec.Block2(r.Block2))
	}
	m.Options = opts
	t.more = up.Blockwise && up.Block.More
	switch {
	case up.From == up.To:
		m.Payload = nil
	case t.src != nil:
		m.Payload = t.buf[up.From-t.bufAt : up.To-t.bufAt]
	default:
		m.Payload = m.Payload[up.From:up.To]
	}
	c.data, err = appendDatagram(c.data[:0], &m)
	return err
}

// prepare makes the first request of a transfer when the call begins; false if
// the call has ended, or a task has to read before.
func (e *endpoint) prepare(c *Call) bool {
	t := c.transfer
	if t.ready {
		return true
	}
	if e.sh.pump(c) {
		return false
	}
	if err := c.encodeBlock(e.sh); err != nil {
		e.sh.finish(c, nil, err)
		return false
	}
	t.ready = true
	return true
}

// pump starts the task that writes or reads, where that is to be done before the
// next request. The call has no exchange meanwhile. A call that is ended waits
// for the writer, so that the caller has it to himself when he is told, but not
// for the reader.
func (sh *shard) pump(c *Call) bool {
	t := c.transfer
	need := t.proto.Upload().Need()
	var move func() error
	switch {
	case len(t.part) > 0:
		t.writing, move = true, t.write
	case t.src != nil && !t.proto.Sent() && (t.rewind || !t.ended && t.bufAt+int64(len(t.buf)) < need):
		move = func() error { return t.read(need) }
	default:
		return false
	}
	sh.unlimit(c) // streams may take their time
	sh.env.Runner.Go(func() {
		err := errors.New("the reader or writer of the request panicked, or ended its goroutine")
		defer func() {
			sh.recovered(recover(), "the reader or writer of a request")
			c.post(pumped{c, err})
		}()
		err = move()
	})
	return true
}

// write writes what has come. It runs in a task.
func (t *transfer) write() error {
	if _, err := t.to.Write(t.part); err != nil {
		return fmt.Errorf("writing the response: %w", err)
	}
	t.part = t.part[:0]
	return nil
}

// read reads the payload up to what the next request needs. It runs in a task.
func (t *transfer) read(need int64) error {
	if t.rewind {
		s, ok := t.src.(io.Seeker)
		if !ok {
			return errors.New("the peer wants the payload from its start again, and Request.Body is no io.Seeker")
		}
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("reading the payload: %w", err)
		}
		t.rewind, t.ended, t.buf, t.bufAt = false, false, t.buf[:0], 0
	}
	for !t.ended && t.bufAt+int64(len(t.buf)) < need {
		at := len(t.buf)
		want := int(need - t.bufAt)
		if cap(t.buf) < want {
			t.buf = append(make([]byte, 0, max(want, 2048)), t.buf...)
		}
		n, err := t.src.Read(t.buf[at:want])
		t.buf = t.buf[:at+n]
		switch {
		case errors.Is(err, io.EOF):
			t.ended = true
			if read := t.bufAt + int64(len(t.buf)); t.srcSize >= 0 && read < t.srcSize {
				return fmt.Errorf("reading the payload: %w after %d bytes; Request.Size is %d", io.ErrUnexpectedEOF, read, t.srcSize)
			}
		case err != nil:
			return fmt.Errorf("reading the payload: %w", err)
		}
		if t.srcSize >= 0 && t.bufAt+int64(len(t.buf)) >= t.srcSize {
			t.ended, t.buf = true, t.buf[:t.srcSize-t.bufAt]
		}
	}
	return nil
}

// onPumped goes on with a transfer.
func (e *endpoint) onPumped(ctx ctxActor, m pumped) {
	c := m.call
	t := c.transfer
	t.writing = false
	if c.ended {
		return
	}
	if m.err == nil {
		m.err = t.cause
	}
	switch {
	case m.err != nil:
		e.sh.finish(c, nil, m.err)
	case t.final != nil:
		e.sh.finish(c, t.final, t.finalErr)
	default:
		if t.ended && t.srcSize < 0 {
			t.srcSize = t.bufAt + int64(len(t.buf))
			t.proto.Upload().SetSize(t.srcSize)
		}
		e.onCall(ctx, c)
	}
}
