package actors

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Call is a request under way; see Node.Go. There may be tens of thousands: it
// keeps of the Request what is still needed, and its message as it is sent.
type Call struct {
	node   *Node
	sh     atomic.Pointer[shard] // that of its peer; its endpoint alone moves it to another
	req    requested
	params *protocol.Params // the node's, if the request has none of its own
	done   func(*Response, error)
	// observation that it registers, instead of done
	observation *Observation
	data        []byte // the encoded message; stamp completes it

	// The rest belongs to the goroutine of its shard, once it has been posted
	// there.
	transfer *transfer        // nil unless it is block-wise
	lookup   *taskContext     // of the search for the host's addresses
	others   []netip.AddrPort // further addresses of the host's name
	peer     netio.Peer
	pe       *peerEntry
	slot     *slot
	deadline protocol.Handle
	timeout  time.Duration // of the deadline
	until    netio.Instant // its moment
	expected netio.Instant // a NON that has been sent and not answered counts so long
	prev     *Call         // the node's list of calls
	next     *Call
	token    codec.Token
	echoes   uint8 // how often it was sent again with an Echo
	named    bool  // the address is what the network says of a name
	again    bool  // the name has been looked up once more
	ending   bool  // it is to be ended, whatever else happens
	holds    bool  // counts in the peer's window
	ended    bool
	listed   bool // guarded by the node

	canceled atomic.Bool
	room     [48]byte // for data
}

// requested is what a call keeps of its Request.
type requested struct {
	URI            string
	Timeout        time.Duration
	Method         codec.Code
	NonConfirmable bool
	ownToken       bool // Call.token is the caller's choice
	quiet          bool // it wants no response
}

// Cancel ends the call with ErrCanceled, unless it has ended. It returns at
// once; the callback is still called.
func (c *Call) Cancel() { c.cancel(ErrCanceled) }

func (c *Call) cancel(err error) {
	if c.node.shard.endpoint != nil && c.canceled.CompareAndSwap(false, true) {
		c.post(cancelCall{c, err})
	}
}

// post sends a message to the endpoint that the call is at.
func (c *Call) post(msg any) {
	sh := c.sh.Load()
	sh.post(sh.endpoint, msg)
}

// Go makes a request and returns at once. done is called exactly once, on the
// node's goroutine (before Go returns where the node has ended): it must not
// block. With Config.Shards that is one of several goroutines, and callbacks of
// calls to different peers may run at the same time. done may be nil. A response that is no success comes as
// the response together with a *CodeError.
//
// The request's Options and Payload are copied before Go returns.
func (n *Node) Go(req Request, done func(*Response, error)) *Call {
	if req.Method == 0 {
		req.Method = codec.GET
	}
	return n.start(req, done)
}

func (n *Node) start(req Request, done func(*Response, error)) *Call { return n.begin(req, nil, done) }

// begin starts a call; first, where not nil, is the response that it is to go on
// with.
func (n *Node) begin(req Request, first *Response, done func(*Response, error)) *Call {
	c := &Call{node: n, done: done, observation: req.observation, params: &n.params, token: req.Token, req: requested{
		URI: req.URI, Timeout: req.Timeout, Method: req.Method, NonConfirmable: req.NonConfirmable,
		ownToken: req.ZeroToken || req.Token.Len() > 0, quiet: wantsNone(req.Options),
	}}
	home := n.shard // until the peer is known
	c.sh.Store(home)
	if req.ZeroToken {
		c.token = codec.Token{}
	}
	n.rouse()
	if n.shard.endpoint == nil { // from Config.Setup
		c.ended = true
		home.callback(c, nil, &RequestError{Method: req.Method, URI: req.URI, Err: errNotStarted})
		return c
	}
	var u codec.URI
	err := req.Params.Validate()
	var at *target
	var here target
	if err == nil {
		if req.Params != (protocol.Params{}) {
			merged := protocol.Merge(n.params, req.Params)
			c.params = &merged
		}
		if at, err = n.target(req.URI, &here); err == nil {
			u = at.uri
		}
	}
	if err == nil && req.Method != codec.Empty && !req.Method.IsRequest() {
		err = fmt.Errorf("code %v is no method", req.Method)
	}
	if err == nil && u.Scheme != "coap" {
		err = fmt.Errorf("this node has no transport for the scheme %q", u.Scheme)
	}
	var dest netip.AddrPort
	var literal bool
	if err == nil {
		dest, literal = at.dest, at.literal // no address where the host has a name
		if req.dest.IsValid() {
			dest, literal = req.dest, true
		}
		err = c.encode(&req, at, dest)
	}
	if err == nil && first != nil {
		dest, literal = first.Peer.Addr, true
		err = c.resume(first)
	}
	if err != nil {
		n.soon(func() { home.finish(c, nil, err) })
		return c
	}
	c.peer = netio.Peer{Addr: dest}
	if literal {
		c.sh.Store(n.shardOf(c.peer))
	} else {
		c.lookup = &taskContext{env: n.env}
	}
	// From here on the node's goroutine may end the call at any moment.
	if !n.addCall(c) {
		c.sh.Store(home)
		n.soon(func() { home.finish(c, nil, ErrStopped) })
		return c
	}
	if literal {
		c.post(c)
		return c
	}
	c.post(resolving{c})
	c.find(c.lookup, u)
	return c
}

// onResolving starts the time of a call whose host is being looked up.
func (e *endpoint) onResolving(c *Call) {
	if !c.ended {
		e.sh.armCall(c)
	}
}

// onResolved begins a call whose host has a name.
func (e *endpoint) onResolved(ctx ctxActor, m resolved) {
	if c := m.call; !c.ended {
		c.others, c.named = m.where.addrs, m.where.named
		c.nextAddress()
		e.onCall(ctx, c)
	}
}

// nextAddress takes the next of the addresses that the host's name has. The
// message is the same for all of them.
func (c *Call) nextAddress() {
	c.peer = netio.Peer{Addr: c.others[0]}
	c.others = c.others[1:]
}

// onCall begins a call: it gets its turn when the peer's window allows.
func (e *endpoint) onCall(ctx ctxActor, c *Call) {
	sh := e.sh
	if c.ended {
		return
	}
	if sh.stopping {
		sh.finish(c, nil, ErrStopped)
		return
	}
	if c.peer.Addr.Addr().IsMulticast() {
		sh.finish(c, nil, errGroup)
		return
	}
	if at := sh.node.shardOf(c.peer); at != sh {
		// Its host had to be looked up. From Store on it belongs to the other.
		sh.cancel(&c.deadline)
		c.sh.Store(at)
		at.post(at.endpoint, c)
		return
	}
	if c.transfer != nil && !e.prepare(c) {
		return
	}
	pe := sh.lookupPeer(sh.now(), c.peer)
	if pe == nil {
		sh.finish(c, nil, fmt.Errorf("%w: all %d peers have something under way", ErrBusy, sh.limits.Peers))
		return
	}
	c.pe = pe
	sh.peers.Pin(pe)
	switch { // it is running already if the host has a name
	case c.until == 0:
		e.sh.armCall(c)
	case c.deadline == 0:
		c.deadline = sh.timers.Add(c.until, timer{box: sh.endpoint, msg: expired{c}})
	}
	switch pe.Value.window.Acquire(c.params.NStart, sh.limits.Queue, turn{call: c}) {
	case protocol.Admitted:
		e.onLaunch(ctx, c)
	case protocol.Refused:
		sh.finish(c, nil, fmt.Errorf("%w to this peer: %d are waiting for their turn (NSTART is %d)", ErrBusy, sh.limits.Queue, c.params.NStart))
	}
}

// armCall bounds the whole call, from its beginning.
func (sh *shard) armCall(c *Call) {
	timeout := c.req.Timeout
	if timeout == 0 {
		timeout = c.params.MaxTransmitWait()
		if !c.req.NonConfirmable {
			// The exchange itself knows when nobody acknowledges; this bounds
			// the wait for a turn, too.
			timeout = sh.lifetime(c.params)
		}
	}
	sh.expireIn(c, timeout)
}

// lifetime returns EXCHANGE_LIFETIME, which is known for the node's own
// parameters.
func (sh *shard) lifetime(p *protocol.Params) time.Duration {
	if p == sh.params {
		return sh.node.exchangeLifetime
	}
	return p.ExchangeLifetime()
}

func (sh *shard) expireIn(c *Call, d time.Duration) {
	sh.cancel(&c.deadline)
	c.timeout, c.until = d, sh.in(d)
	c.deadline = sh.timers.Add(c.until, timer{box: sh.endpoint, msg: expired{c}})
}

// errNotStarted: a call from Config.Setup.
var errNotStarted = errors.New("the node has not started yet")

// timeoutAfter is ErrTimeout with the time that has passed, a number until
// somebody reads it.
type timeoutAfter time.Duration

func (d timeoutAfter) Error() string {
	return fmt.Sprintf("%v within %v", ErrTimeout, time.Duration(d))
}
func (timeoutAfter) Unwrap() error { return ErrTimeout }

// onLaunch gives a call whose turn it is an exchange, a token and a message ID.
func (e *endpoint) onLaunch(ctx ctxActor, c *Call) {
	sh := e.sh
	if c.ended {
		// It was cancelled after its turn had come: the turn goes on.
		if pe := sh.peers.Find(c.peer); pe != nil {
			sh.unexpect(pe)
			sh.peers.Unpin(pe)
		}
		return
	}
	c.holds = true
	s := sh.acquire(ctx)
	if s == nil {
		sh.finish(c, nil, fmt.Errorf("%w: all %d exchanges are in use", ErrBusy, sh.limits.Exchanges))
		return
	}
	lifetime := sh.lifetime(c.params)
	if c.req.NonConfirmable {
		lifetime = c.params.NonLifetime()
	}
	mid, free, ok := sh.mids(c.pe).Next(sh.now(), lifetime)
	if !ok {
		sh.release(s)
		if sh.awaitMID(c, free) {
			return
		}
		sh.finish(c, nil, fmt.Errorf("%w for another %v", ErrMessageIDs, free.Sub(sh.now()).Round(time.Millisecond)))
		return
	}
	s.call, c.slot = c, s
	sh.name(s, c.pe, mid)
	if c.req.Method != codec.Empty {
		if !e.nameToken(c, s) {
			sh.finish(c, nil, errors.New("a request with this token is outstanding"))
			return
		}
	}
	c.stamp(mid)
	sh.post(s.box, startCall{c})
}

// startCall: an exchange is to make a call. A message of one pointer costs no
// allocation, and that the exchange still makes this call says that it is not
// stale.
type startCall struct{ call *Call }

// nameToken gives the call its token: the caller's, or eight random bytes
// (RFC 7252 §5.3.1: not to be guessed).
func (e *endpoint) nameToken(c *Call, s *slot) bool {
	sh := e.sh
	for !c.req.ownToken {
		c.token = codec.TokenFromUint64(sh.rand.Uint64())
		if sh.slotByToken(tokenKey{c.pe.ID, c.token}) == nil {
			break
		}
	}
	key := tokenKey{c.pe.ID, c.token}
	if sh.slotByToken(key) != nil {
		return false
	}
	s.tokened = true
	if sh.byToken != nil {
		sh.byToken[key] = s
	}
	return true
}

// onExpired ends a call whose time is up.
func (e *endpoint) onExpired(c *Call) { e.onCancel(cancelCall{c, timeoutAfter(c.timeout)}) }

// onCancel ends a call before its time.
func (e *endpoint) onCancel(m cancelCall) {
	c := m.call
	if at := c.sh.Load(); at != e.sh { // it has moved on meanwhile
		at.post(at.endpoint, m)
		return
	}
	c.ending = true
	switch {
	case c.ended:
	case c.slot != nil:
		e.sh.post(c.slot.box, abort{c.slot.gen, m.err})
	case c.transfer != nil && c.transfer.writing:
		c.transfer.cause = m.err
	default:
		if c.pe != nil && !c.holds && !e.sh.leaveQueue(c.pe, turn{call: c}) {
			// Its turn has come and launch is under way; that will find it
			// ended, and needs the peer.
			e.sh.peers.Pin(c.pe)
		}
		e.sh.finish(c, nil, m.err)
	}
}

// finish ends a call: everything that it holds is given back, and the caller is
// told.
func (sh *shard) finish(c *Call, res *Response, err error) {
	if c.ended {
		return
	}
	if sh.retarget(c, err) {
		return
	}
	c.ended = true
	if c.lookup != nil {
		c.lookup.end(context.Canceled)
	}
	sh.cancel(&c.deadline)
	sh.giveBack(c)
	last := c.node.dropCall(c)
	if err != nil {
		var ce *CodeError
		if !errors.As(err, &ce) {
			err = &RequestError{Method: c.req.Method, URI: c.req.URI, Peer: c.peer, Err: err}
		}
	}
	sh.callback(c, res, err)
	if last {
		sh.flush()
		sh.post(sh.node.box, noCalls{})
	}
}

// retarget tries the next address of the host where the network said that this
// one cannot be reached: a name often has one of each family, and the peer
// listens on one only. A name that the network knows is looked up again.
func (sh *shard) retarget(c *Call, err error) bool {
	if c.named && sh.doubtName(c, err) {
		return true
	}
	if len(c.others) == 0 || !errors.Is(err, ErrUnreachable) || c.ending {
		return false
	}
	sh.giveBack(c)
	c.nextAddress()
	sh.post(sh.endpoint, c)
	return true
}

// giveBack gives back what a call holds: its exchange and its turn.
func (sh *shard) giveBack(c *Call) {
	if c.slot != nil {
		if c.slot.tokened {
			c.slot.tokened = false
			delete(sh.byToken, tokenKey{c.pe.ID, c.token})
		}
		sh.release(c.slot)
		c.slot = nil
	}
	if c.holds {
		c.holds = false
		if c.expected > sh.now() {
			// Nobody waits any more, but the peer has not responded: it is to
			// be sent no more than PROBING_RATE (RFC 7252 §4.7).
			sh.peers.Pin(c.pe)
			sh.timers.Add(c.expected, timer{box: nil, msg: unexpected{c.pe}})
		} else {
			sh.unexpect(c.pe)
		}
	}
	c.expected = 0
	if c.pe != nil {
		sh.peers.Unpin(c.pe)
		c.pe = nil
	}
}

// callback tells the caller. A caller's panic is his own: it is logged, and the
// node goes on.
func (sh *shard) callback(c *Call, res *Response, err error) {
	switch o := c.observation; {
	case o != nil && o.sh.Load() == sh:
		// Now, before a notification that has come right after the answer.
		sh.protect(c, "the callback of an observation", func() { sh.onObservationAnswered(observationAnswered{o, res, err}) })
	case o != nil:
		o.post(observationAnswered{o, res, err})
	case c.done != nil:
		sh.protect(c, "the callback of a request", func() { c.done(res, err) })
	}
}

// guardUser calls a function of the application's.
func (sh *shard) guardUser(what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			sh.stats.rare().panics.Add(1)
			sh.node.log.Error("actors: "+what+" panicked", "panic", r)
		}
	}()
	f()
}

// protect calls a function of the caller's.
func (sh *shard) protect(c *Call, what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			sh.stats.rare().panics.Add(1)
			sh.node.log.Error("actors: "+what+" panicked", "uri", c.req.URI, "panic", r)
		}
	}()
	f()
}
