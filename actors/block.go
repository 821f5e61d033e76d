package actors

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"runtime/debug"
	"slices"
	"unsafe"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Block-wise transfer (RFC 7959), the server's side. Bodies of requests are put
// together by a Spool before a resource sees them, and responses that are longer
// than a block are kept on a Shelf, from which their later blocks are answered
// at the door, without asking the resource again.

// blocks is what a shard needs for block-wise transfers.
type blocks struct {
	sh      *shard
	spool   *protocol.Spool
	shelf   *protocol.Shelf[*kept]
	streams map[uint64]*stream // request bodies that handlers read, by number
	last    uint64             // number of the last one
	timer   protocol.Handle
}

// blocks returns the shard's, made when they are needed first: most nodes never
// do.
func (sh *shard) blocks() *blocks {
	if sh.blockwise == nil {
		l := sh.limits
		sh.blockwise = &blocks{
			sh: sh,
			spool: protocol.NewSpool(protocol.SpoolConfig{
				Max: l.Spools, PerPeer: max(l.Spools/32, 1), Bytes: l.SpoolBytes, Lifetime: sh.node.exchangeLifetime,
			}),
			shelf:   protocol.NewShelf[*kept](protocol.ShelfConfig{Max: l.Bodies, Bytes: l.BodyBytes, Lifetime: sh.node.exchangeLifetime}),
			streams: map[uint64]*stream{},
		}
	}
	return sh.blockwise
}

// messageRoom is what a message needs besides its block: header, token, and
// options of ordinary length.
const messageRoom = 120

// blockSize returns the size of the blocks that are preferred.
func (sh *shard) blockSize() int { return codec.Block{SZX: sh.szx}.Size() }

// blockSZX returns the size exponent of a node's blocks.
func blockSZX(size, mtu int) uint8 {
	szx := uint8(codec.MaxSZX)
	for s := (codec.Block{SZX: szx}).Size(); szx > 0 && (size > 0 && s > size || s > mtu-messageRoom); s /= 2 {
		szx--
	}
	return szx
}

// blockTimer: a transfer or a body may have been left alone for too long.
type blockTimer struct{}

// tidy sees to what the tables have let go of, and to their next deadline.
func (b *blocks) tidy() {
	for k, ok := b.shelf.Gone(); ok; k, ok = b.shelf.Gone() {
		k.gone = true
		k.close(b.sh)
	}
	for id, ok := b.spool.Lost(); ok; id, ok = b.spool.Lost() {
		if s := b.streams[id]; s != nil {
			s.lost(errBodyLost)
		}
	}
	if b.timer != 0 {
		return // where it is too early it is set anew when it fires
	}
	at, ok := b.spool.Deadline()
	if other, also := b.shelf.Deadline(); also && (!ok || other < at) {
		at, ok = other, true
	}
	if ok {
		b.timer = b.sh.timers.Add(at, timer{box: nil, msg: blockTimer{}})
	}
}

func (b *blocks) onTimer() {
	b.timer = 0
	now := b.sh.now()
	b.spool.Due(now)
	b.shelf.Due(now)
	b.tidy()
}

// kept is a response whose blocks are being fetched.
type kept struct {
	code codec.Code
	// opts has a place for the Block2 option, which differs from block to block.
	opts  codec.Options
	at    int
	data  []byte
	src   io.ReaderAt // in place of data
	size  int64       // protocol.UnknownSize until it is known
	users int         // reads under way
	gone  bool        // from the shelf
}

// keep makes a kept response of a message.
func keep(m *codec.Message, res *Response) *kept {
	k := &kept{code: m.Code, data: m.Payload, size: int64(len(m.Payload))}
	if res != nil && res.Body != nil {
		k.data, k.src, k.size = nil, res.Body, res.Size
		if k.size < 0 {
			k.size = protocol.UnknownSize
		}
	}
	k.opts = m.Options.Clone().Remove(codec.OptionBlock1).Remove(codec.OptionBlock2).Remove(codec.OptionSize2).Remove(codec.OptionObserve)
	k.opts = k.opts.Add(codec.Option{Number: codec.OptionBlock2})
	k.at = slices.IndexFunc(k.opts, func(o codec.Option) bool { return o.Number == codec.OptionBlock2 })
	return k
}

// close closes a source that nobody needs any more, on a goroutine: files may
// take their time.
func (k *kept) close(sh *shard) {
	c, ok := k.src.(io.Closer)
	if !ok || !k.gone || k.users > 0 {
		return
	}
	k.src = nil
	sh.env.Runner.Go(func() {
		defer func() { sh.recovered(recover(), "closing a Response.Body") }()
		_ = c.Close()
	})
}

// shelve keeps a response for the requests that are to follow; false if it finds
// no room.
func (sh *shard) shelve(key protocol.BlockKey, k *kept) bool {
	item := protocol.ShelfItem[*kept]{Value: k, Bytes: keptCost}
	if len(k.data) > 0 {
		// Many peers may fetch the same bytes, which then are there once.
		item.Bytes, item.Shared = len(k.data)+keptCost, unsafe.SliceData(k.data)
	}
	_, item.Report = k.src.(io.Closer)
	b := sh.blocks()
	ok := b.shelf.PutItem(sh.now(), key, item)
	b.tidy()
	return ok
}

// keptCost is what a response on the shelf costs besides its body.
const keptCost = 512

// etagOf makes an entity-tag from a representation and its format.
func etagOf(opts codec.Options, data []byte) []byte {
	h := sha256.New()
	var f [3]byte
	if format, ok := opts.ContentFormat(); ok {
		f[0] = 1
		binary.BigEndian.PutUint16(f[1:], uint16(format))
	}
	h.Write(f[:])
	h.Write(data)
	return h.Sum(nil)[:8]
}

// anyTag returns an entity-tag that nothing else has. The blocks of a response
// that is no representation have one, too: two such responses that a client
// fetches from one resource at the same time differ in nothing else, and could be
// mixed up unnoticed.
func (sh *shard) anyTag() []byte { return binary.BigEndian.AppendUint32(nil, sh.rand.Uint32()) }

// blockOptions reads the Block options of a request; it is called only where
// there may be some. handled: it has been dealt with, and used says whether in
// is still needed.
func (e *endpoint) blockOptions(now netio.Instant, in *incoming) (handled, used bool) {
	var err1, err2 error
	in.block2, in.has2, err2 = in.msg.Options.Block(codec.OptionBlock2)
	in.block1, in.has1, err1 = in.msg.Options.Block(codec.OptionBlock1)
	switch {
	case err1 != nil || err2 != nil:
		return true, e.refuse(in, codec.BadRequest, "bad Block option")
	case !in.has1 && !in.has2:
		return false, false
	case in.has1 && in.group:
		e.sh.stats.rare().unmatched.Add(1)
		return true, false
	case in.has2 && in.block2.Num > 0:
		return e.laterBlock(now, in)
	}
	return false, false
}

// laterBlock answers a request for a block in the midst of a response that is
// kept. It is not remembered: its duplicate will get the same block again.
func (e *endpoint) laterBlock(now netio.Instant, in *incoming) (handled, used bool) {
	sh := e.sh
	if in.has1 {
		return true, e.refuse(in, codec.BadRequest, "a request that brings a block cannot ask for a later one")
	}
	if sh.blockwise != nil {
		if k, ok := sh.blockwise.shelf.Get(now, protocol.MakeBlockKey(in.peer.ID, &in.msg)); ok {
			if k.src != nil { // it has to be read, which takes an exchange
				in.kept = k
				return false, false
			}
			sh.stats.rare().blocks.Add(1)
			return true, e.answerBlock(in, k)
		}
	}
	switch in.msg.Code {
	case codec.GET:
		return false, false // the resource's present state will do
	case codec.FETCH:
		if len(in.msg.Payload) > 0 {
			return false, false
		}
	}
	return true, e.refuse(in, codec.RequestEntityIncomplete, "this response is not kept any more")
}

// answerBlock sends a block of what is kept in memory.
func (e *endpoint) answerBlock(in *incoming, k *kept) bool {
	c, code := protocol.CutBody(k.size, in.block2, true, e.sh.szx)
	if code != 0 {
		return e.answer(in, code, pastTheEnd)
	}
	if in.group {
		return false
	}
	m := &e.msg
	*m = codec.Message{Type: codec.ACK, Code: k.code, MessageID: in.msg.MessageID, Token: in.msg.Token, Options: k.opts, Payload: k.data[c.From:c.To]}
	if in.msg.Type == codec.NON {
		m.Type, m.MessageID = codec.NON, e.sh.nonMID(in.peer)
	}
	k.opts[k.at].Value = c.Block.Append(e.value[:0])
	if in.peer.Value.guard != nil {
		e.sh.restrain(in, m)
	}
	_, _ = e.sh.send(m, in.dst, "")
	m.Options, m.Payload, k.opts[k.at].Value = nil, nil, nil
	return false
}

const pastTheEnd = "this block is past the end"

// isBlockwise reports whether an answer needs more than to be sent.
func (in *incoming) isBlockwise(m *codec.Message) bool {
	return in.has1 || in.has2 || len(m.Payload) > in.sh.blockSize()
}

// cutAnswer makes of a whole response the part that was asked for, and keeps the
// whole where more will be. m's options are copied before they are changed: they
// are the handler's.
func (x *exchange) cutAnswer(in *incoming, m *codec.Message) {
	m.Options = append(x.opts[:0], m.Options...)
	if in.has1 {
		m.Options = m.Options.Add(codec.Option{Number: codec.OptionBlock1, Value: in.block1.Append(nil)})
	}
	if m.Code.IsSuccess() && m.Code != codec.Valid && m.Code != codec.Continue && !in.cut {
		x.sh.cutBody(in, m)
	}
	x.opts = m.Options[:0]
}

// cutBody cuts the payload.
func (sh *shard) cutBody(in *incoming, m *codec.Message) {
	c, code := protocol.CutBody(int64(len(m.Payload)), in.block2, in.has2, sh.szx)
	if code != 0 {
		m.Code, m.Options, m.Payload = code, m.Options[:0], []byte(pastTheEnd)
		return
	}
	if !c.Blockwise {
		return
	}
	if c.Block.Num > 0 || c.Block.More {
		switch {
		case m.Options.Has(codec.OptionETag):
		case m.Code == codec.Content:
			m.Options = m.Options.Add(codec.ETag(etagOf(m.Options, m.Payload)))
			if in.asksTag() && in.revalidate(m) {
				return
			}
		default:
			m.Options = m.Options.Add(codec.ETag(sh.anyTag()))
		}
		sh.shelve(protocol.MakeBlockKey(in.peer.ID, &in.msg), keep(m, nil))
	}
	sh.finishCut(in, m, c, int64(len(m.Payload)))
	m.Payload = m.Payload[c.From:c.To]
}

// finishCut adds the options of a block. The first tells the length of the body,
// as those do that are asked for it.
func (sh *shard) finishCut(in *incoming, m *codec.Message, c protocol.Cut, size int64) {
	m.Options = m.Options.Set(codec.Block2(c.Block))
	if size <= 1<<32-1 && (c.Block.Num == 0 && c.Block.More || in.msg.Options.Has(codec.OptionSize2)) {
		m.Options = m.Options.Set(codec.Size2(uint32(size)))
	}
}

// errBodyLost ends a handler's reading: the peer has not gone on with its
// transfer, or had to make room.
var errBodyLost = errors.New("actors: the rest of the request body has not come")

// readBody reads the part of a Response.Body that a request wants, on a
// goroutine, and brings the message back to its exchange.
func (sh *shard) readBody(in *incoming, k *kept) {
	asked := in.block2
	if !in.has2 {
		asked.SZX = sh.szx
	}
	c, code := protocol.CutBody(k.size, asked, in.has2 || k.size == protocol.UnknownSize, sh.szx)
	in.cut = true
	if code != 0 {
		in.res, in.err = nil, &CodeError{Code: code, Diagnostic: pastTheEnd}
		sh.post(in.slot.box, in)
		return
	}
	k.users++
	in.kept = k
	slot, src := in.slot, k.src
	more := int64(0)
	if k.size == protocol.UnknownSize {
		more = 1
	}
	sh.env.Runner.Go(func() {
		part := make([]byte, c.To-c.From+more)
		n, err := 0, errPanic
		defer func() {
			sh.recovered(recover(), "reading a Response.Body")
			in.readDone(c, part[:n], err)
			sh.env.send(slot.box, in)
		}()
		n, err = readAt(src, part, c.From)
	})
}

// recovered notes what a task has panicked with, if it has.
func (sh *shard) recovered(p any, what string) {
	if p != nil {
		sh.stats.rare().panics.Add(1)
		sh.node.log.Error("actors: "+what+" panicked", "panic", p, "stack", string(debug.Stack()))
	}
}

// readAt fills p as far as the source goes.
func readAt(src io.ReaderAt, p []byte, from int64) (n int, err error) {
	for n < len(p) && err == nil {
		var got int
		got, err = src.ReadAt(p[n:], from+int64(n))
		if n += got; got == 0 && err == nil {
			err = io.ErrNoProgress
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// readDone takes the bytes of a Response.Body; it is called on the goroutine that
// has read them.
func (in *incoming) readDone(c protocol.Cut, part []byte, err error) {
	k := in.kept
	size := k.size
	switch {
	case err != nil:
		in.res, in.err = nil, err
		return
	case size == protocol.UnknownSize:
		if !c.End(int64(len(part))) {
			in.res, in.err = nil, &CodeError{Code: codec.BadRequest, Diagnostic: pastTheEnd}
			return
		}
		size = 1 << 62
		if !c.Block.More {
			size = c.To
		}
	case int64(len(part)) < c.To-c.From:
		in.res, in.err = nil, io.ErrUnexpectedEOF
		return
	}
	m := codec.Message{Options: k.opts.Clone().Remove(codec.OptionBlock2)}
	if c.Blockwise && (in.has2 || c.Block.More) {
		in.sh.finishCut(in, &m, c, size)
	}
	in.res, in.err = &Response{Code: k.code, Options: m.Options, Payload: part[:c.To-c.From]}, nil
}

// onBody begins to answer with a Response.Body: as much of it is read as goes
// into the first message.
func (x *exchange) onBody(in *incoming) {
	m := &x.msg
	in.response(m)
	if in.ctx == nil { // of an Inline handler
		in.sh.armHandler(in, false)
	}
	whole := in.res.Size >= 0 && in.res.Size <= int64(x.sh.blockSize()) && !in.has2
	if !whole && !m.Options.Has(codec.OptionETag) {
		// Whatever it is, it is another one than it was before.
		m.Options = m.Options.Clone().Add(codec.ETag(x.sh.anyTag()))
	}
	k := keep(m, in.res)
	m.Options, m.Payload = nil, nil
	if k.gone = whole; !whole {
		k.gone = !x.sh.shelve(protocol.MakeBlockKey(in.peer.ID, &in.msg), k)
	}
	x.sh.readBody(in, k)
}

// endRead notes that a read has ended.
func (in *incoming) endRead() {
	if k := in.kept; k != nil && in.cut {
		in.kept = nil
		k.users--
		k.close(in.sh)
	}
}

// readLater answers a request for a later block of a Response.Body.
func (e *endpoint) readLater(ctx ctxActor, in *incoming) bool {
	sh := e.sh
	if in.peer.Value.serving >= sh.limits.PerPeer {
		return e.shed(in, "too many requests of this peer are being served")
	}
	s := sh.acquire(ctx)
	if s == nil {
		return e.shed(in, "too many requests are being served")
	}
	e.admit(s, in)
	in.hold(len(in.data))
	in.req.Peer, in.req.Options = in.peer.Peer, in.msg.Options // for what is logged
	sh.stats.rare().blocks.Add(1)
	sh.armHandler(in, false)
	sh.readBody(in, in.kept)
	return true
}
