package actors

import (
	"net/netip"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// inbatch is a batch of datagrams, copied once out of the reader's buffers. It
// is one message to the endpoint, and lives until the last request that was
// parsed in it has been answered.
type inbatch struct {
	sh    *shard
	buf   []byte
	grams []netio.Datagram
	cost  int64 // what it counts in shard.waiting
	refs  int   // node's goroutine only
}

const (
	maxSpare = 256 // free lists keep at most so many
	// maxSpareBytes bounds the list of batches, whose lengths others choose: a
	// few dozens of the usual, so that bursts of long datagrams leave nothing.
	maxSpareBytes = 1 << 20
)

// maxWaiting bounds the memory of batches that readers have posted while
// another goroutine drains the node: where datagrams come faster than they are
// handled, those that find no room are lost, as they are in a full socket
// buffer. datagramCost is what one costs besides its bytes.
const (
	maxWaiting   = 8 << 20
	datagramCost = 256
)

// receive is called by the transport's readers.
func (sh *shard) receive(ds []netio.Datagram) {
	if len(ds) == 0 {
		return
	}
	if sh.sleepsThrough(ds) {
		return
	}
	sh.node.rouse()
	n := 0
	for i := range ds {
		n += len(ds[i].Data)
	}
	cost := int64(n + datagramCost*len(ds))
	if sh.waiting.Add(cost) > maxWaiting/int64(len(sh.node.shards)) {
		sh.waiting.Add(-cost)
		sh.stats.rare().overload.Add(uint64(len(ds)))
		return
	}
	b := sh.takeBatch()
	b.cost = cost
	if cap(b.buf) < n {
		b.buf = make([]byte, 0, max(n, 128))
	}
	for i := range ds {
		d := ds[i]
		start := len(b.buf)
		b.buf = append(b.buf, d.Data...)
		d.Data = b.buf[start:len(b.buf):len(b.buf)]
		b.grams = append(b.grams, d)
	}
	// The reader has nothing better to do: if nobody drains the node, it does.
	if sh.loop.enter() {
		sh.post(sh.endpoint, b)
		sh.loop.leave()
	} else {
		sh.post(sh.endpoint, b)
	}
}

func (sh *shard) takeBatch() *inbatch {
	sh.batchMu.Lock()
	defer sh.batchMu.Unlock()
	if n := len(sh.batches); n > 0 {
		b := sh.batches[n-1]
		sh.batches = sh.batches[:n-1]
		sh.batchBytes -= b.size()
		b.sh = sh
		return b
	}
	return &inbatch{sh: sh}
}

// unref ends one use of the batch.
func (b *inbatch) unref() {
	b.refs--
	if b.refs > 0 {
		return
	}
	clear(b.grams)
	b.grams, b.buf = b.grams[:0], b.buf[:0]
	if cap(b.buf) > 64<<10 {
		b.buf = nil
	}
	b.sh.batchMu.Lock()
	if size := b.size(); b.sh.batchBytes+size <= maxSpareBytes {
		b.sh.batchBytes += size
		b.sh.batches = append(b.sh.batches, b)
	}
	b.sh.batchMu.Unlock()
}

// size is the memory of a batch that is not in use.
func (b *inbatch) size() int { return cap(b.buf) + datagramCost*cap(b.grams) }

// incoming is a received message on its way: a request to its resource and, as
// the answer, on to its exchange; or a response to its exchange.
type incoming struct {
	sh    *shard
	used  bool
	batch *inbatch // nil once it has a copy of its own
	data  []byte   // the datagram
	own   []byte   // the copy
	held  int      // what it counts in shard.servingBytes
	msg   codec.Message
	peer  *peerEntry
	dst   to // where answers go
	key   protocol.DedupKey

	slot  *slot
	gen   uint32
	req   Request
	route *Route
	reply bool // it is a response for a call, not a request
	group bool // it was sent to a group
	// observe: a good answer begins an observation; changes is how often the
	// resource had changed before, and registration its number among those that
	// wait for their answer.
	observe      bool
	changes      uint64
	registration uint64
	joins        *joining // with a rule
	view         *view    // no request of a peer: the handler is asked for observers
	acked        bool     // the empty ACK has been sent
	begun        bool     // a handler on a goroutine has been called
	// answered: the handler is done with it
	answered bool
	unasked  bool // no handler was asked; a retransmission may ask again
	optErr   *codec.OptionError

	// Of a block-wise transfer (RFC 7959):
	has1, has2     bool
	cut            bool // the response is a part already
	block1, block2 codec.Block
	body           []byte  // the request's, that has come in blocks
	kept           *kept   // the response of which a part is wanted
	stream         *stream // it is the call of a handler that reads this

	ctx *taskContext // of a handler on a goroutine
	res *Response
	err error
}

// takeIncoming returns a message that refers to a batch.
func (sh *shard) takeIncoming(b *inbatch) *incoming {
	var in *incoming
	if n := len(sh.spare); n > 0 {
		in = sh.spare[n-1]
		sh.spare = sh.spare[:n-1]
	} else {
		in = &incoming{}
	}
	in.sh, in.batch, in.used = sh, b, true
	b.refs++
	return in
}

// hold counts bytes of a request for as long as it is in use: a handler may
// keep it beyond the end of its exchange.
func (in *incoming) hold(n int) {
	in.sh.servingBytes += n - in.held
	in.held = n
	in.sh.stats.servingBytes.Store(int64(in.sh.servingBytes))
}

// asked counts that a handler is called for a request; one that is called for
// observers answers nobody's request.
func (in *incoming) asked() {
	if in.view == nil {
		in.sh.stats.requests.Add(1)
	}
}

// detach gives in a copy of its datagram, so that one slow request does not keep
// the memory of all that came in the same batch.
func (in *incoming) detach() {
	if in.batch == nil {
		return
	}
	in.own = append(in.own[:0], in.data...)
	in.data = in.own
	_ = in.msg.Parse(in.own) // it has been parsed before
	in.req.Options, in.req.Payload = in.msg.Options, in.msg.Payload
	if in.body != nil {
		in.req.Payload = in.body
	}
	in.batch.unref()
	in.batch = nil
}

// free ends the use of in. Nobody may touch it afterwards.
func (in *incoming) free() {
	if !in.used {
		return
	}
	in.endRead()
	sh, b := in.sh, in.batch
	if in.held > 0 {
		in.hold(0)
	}
	opts, own := in.msg.Options[:0], in.own
	if cap(opts) > 64 {
		opts = nil
	}
	if cap(own) > 2048 {
		own = nil
	}
	*in = incoming{own: own}
	in.msg.Options = opts
	if len(sh.spare) < maxSpare {
		sh.spare = append(sh.spare, in)
	}
	if b != nil {
		b.unref()
	}
}

// replyTo returns where answers to a datagram go: back to its source, from the
// address that it was sent to unless that is a group.
func replyTo(d *netio.Datagram) to {
	t := to{peer: d.Peer, local: d.Local, ifi: d.Interface}
	if d.Multicast {
		t.local = netip.AddrPort{}
	}
	return t
}

// Messages between the actors of a node.
type (
	// resolving: the host of a call is being looked up.
	resolving struct{ call *Call }
	// resolved: the host of a call has these addresses.
	resolved struct {
		call  *Call
		where hostPlace
	}
	// launch: the call's turn in its peer's window has come.
	launch struct{ call *Call }
	// proceed: the turn of an exchange's separate response has come.
	proceed struct{ gen uint32 }
	// cancelCall ends a call with err, whatever it is doing.
	cancelCall struct {
		call *Call
		err  error
	}
	// expired: the time of a call is up.
	expired struct{ call *Call }
	// pumped: the task of a block-wise transfer has read or written.
	pumped struct {
		call *Call
		err  error
	}
	// abort ends the call that an exchange makes.
	abort struct {
		gen uint32
		err error
	}
	// undelivered: a datagram could not be sent, or came back as ICMP error.
	undelivered struct {
		peer netio.Peer
		data []byte
		err  error
	}
	// exchangeTimer: an exchange's timer fired.
	exchangeTimer struct {
		gen  uint32
		kind timerKind
	}
	// answerSeparately: do not wait for the handler with the empty ACK.
	answerSeparately struct{ gen uint32 }
	// acknowledged, wasReset: an empty ACK or RST came for the exchange's
	// message.
	acknowledged struct{ gen uint32 }
	wasReset     struct{ gen uint32 }
	// sendDelayed: the leisure of a multicast answer has passed.
	sendDelayed struct {
		data []byte
		dst  to
		peer *peerEntry
	}
	// published: something has been published of a resource that is observed.
	published struct{ watch *watch }
	// forgetObservers: those of a resource are to be forgotten.
	forgetObservers struct{ watch *watch }
	// refreshAgain: the handler is to be asked for observers after all.
	refreshAgain struct{ view *view }
	// refreshTimeout: a handler that was asked for observers takes too long.
	refreshTimeout struct{ in *incoming }
	// tellHeld: there is a sequence number for what observers are to be told.
	tellHeld struct{ view *view }
	// unkeep: the duplicates kept for a peer may have expired.
	unkeep struct{ peer *peerEntry }
	// unexpected: the time in which a NON request without response counts as
	// outstanding is over.
	unexpected struct{ peer *peerEntry }
	// handlerPanicked: a handler on a goroutine has.
	handlerPanicked struct{ reason any }
	// callBatch holds the calls of one datagram batch for one resource.
	callBatch struct {
		route *Route
		calls []*incoming
	}
	// removed: the route is gone from the router.
	removed struct{ route *Route }
	// stopNode begins the end, stopNow hastens it.
	stopNode struct{}
	stopNow  struct{}
	// transportDown, transportClosed: news of the socket.
	transportDown struct {
		incarnation int
		err         error
	}
	transportClosed struct{}
	// reopen: the back-off of a dead socket has passed.
	reopen struct{}
	// quiet: a shard of a stopping node serves nothing any more.
	quiet struct{}
	// noCalls: a stopping node makes no calls any more.
	noCalls struct{}
	// yourTurn: the longest waiting call of a resource may run its handler.
	yourTurn struct{}
)

type timerKind uint8

const (
	timerAck        timerKind = iota // the handler has taken too long for a piggybacked response
	timerGiveUp                      // the peer cannot be waiting any more
	timerRetransmit                  // a CON message was not acknowledged
	timerExpect                      // a NON request is no longer outstanding
)
