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

// Call is a request under way; see Node.Go.
type Call struct {
	node   *Node
	req    Request
	opts   codec.Options // those of the URI, and the caller's
	params protocol.Params
	done   func(*Response, error)

	// The rest belongs to the node's goroutine, once it has been posted there.
	sh       *shard
	uri      codec.URI
	lookup   *taskContext // of the search for the host's addresses
	others   []netip.Addr // further addresses of the host's name
	ending   bool         // it is to be ended, whatever else happens
	peer     netio.Peer
	pe       *peerEntry
	token    codec.Token
	named    tokenKey
	slot     *slot
	deadline protocol.Handle
	holds    bool          // counts in the peer's window
	expected netio.Instant // a NON that has been sent and not answered counts so long
	ended    bool
	prev     *Call // the node's list of calls
	next     *Call
	listed   bool // guarded by the node

	canceled atomic.Bool
}

// Cancel ends the call with ErrCanceled, unless it has ended. It returns at
// once; the callback is still called.
func (c *Call) Cancel() { c.cancel(ErrCanceled) }

func (c *Call) cancel(err error) {
	if c.sh.endpoint != nil && c.canceled.CompareAndSwap(false, true) {
		c.sh.post(c.sh.endpoint, cancelCall{c, err})
	}
}

// Go makes a request and returns at once. done is called exactly once, on the
// node's goroutine (before Go returns where the node has ended): it must not
// block. It may be nil. A response that is no success comes as
// the response together with a *CodeError.
//
// The request's Options and Payload must not be changed until done is called.
func (n *Node) Go(req Request, done func(*Response, error)) *Call {
	if req.Method == 0 {
		req.Method = codec.GET
	}
	return n.start(req, done)
}

func (n *Node) start(req Request, done func(*Response, error)) *Call {
	c := &Call{node: n, req: req, done: done, sh: n.shard}
	if n.shard.endpoint == nil { // from Config.Setup
		c.ended = true
		c.sh.callback(c, nil, &RequestError{Method: req.Method, URI: req.URI, Err: errNotStarted})
		return c
	}
	var u codec.URI
	err := req.Params.Validate()
	if err == nil {
		c.params = protocol.Merge(n.params, req.Params)
		u, err = codec.ParseURI(req.URI)
	}
	if err == nil && req.Method != codec.Empty && !req.Method.IsRequest() {
		err = fmt.Errorf("code %v is no method", req.Method)
	}
	if err == nil && u.Scheme != "coap" {
		err = fmt.Errorf("this node has no transport for the scheme %q", u.Scheme)
	}
	if err != nil {
		n.soon(func() { c.sh.finish(c, nil, err) })
		return c
	}
	dest, literal := u.Addr()
	if literal {
		c.target(u, dest)
	}
	if !literal {
		c.lookup = &taskContext{env: n.env}
	}
	// From here on the node's goroutine may end the call at any moment.
	if !n.addCall(c) {
		n.soon(func() { c.sh.finish(c, nil, ErrStopped) })
		return c
	}
	if literal {
		c.sh.post(c.sh.endpoint, c)
		return c
	}
	c.sh.post(c.sh.endpoint, resolving{c})
	n.env.Runner.Go(func() {
		defer c.lookup.end(context.Canceled)
		addrs, err := n.resolve(c.lookup, u.Host)
		if err != nil {
			c.sh.post(c.sh.endpoint, cancelCall{c, err})
			return
		}
		c.sh.post(c.sh.endpoint, resolved{c, u, addrs})
	})
	return c
}

// onResolving starts the time of a call whose host is being looked up.
func (e *endpoint) onResolving(c *Call) {
	if !c.ended {
		e.armCall(c)
	}
}

// onResolved begins a call whose host has a name.
func (e *endpoint) onResolved(ctx ctxActor, m resolved) {
	if c := m.call; !c.ended {
		c.uri, c.others = m.uri, m.addrs
		c.nextAddress()
		e.onCall(ctx, c)
	}
}

// nextAddress takes the next of the addresses that the host's name has.
func (c *Call) nextAddress() {
	c.target(c.uri, netip.AddrPortFrom(c.others[0], c.uri.Port))
	c.others = c.others[1:]
}

// target says where the call goes and what options the URI gives it.
func (c *Call) target(u codec.URI, dest netip.AddrPort) {
	c.peer = netio.Peer{Addr: dest}
	opts := make(codec.Options, 0, 8+len(c.req.Options))
	if c.req.Method != codec.Empty {
		opts = u.AppendOptions(opts, dest)
		opts = opts.Add(c.req.Options...)
	}
	c.opts = opts
}

// resolve finds the addresses of a host that the node's socket can send to.
func (n *Node) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if n.env.Resolve == nil {
		return nil, fmt.Errorf("host %q is no address, and this node cannot resolve names", host)
	}
	addrs, err := n.env.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	v4, v6 := n.families()
	var usable []netip.Addr
	for _, a := range addrs {
		if a.Is4() && v4 || !a.Is4() && v6 {
			usable = append(usable, a)
		}
	}
	if len(usable) > 0 {
		return usable, nil
	}
	return nil, fmt.Errorf("host %q has only addresses (%v) of a family that this node does not listen on", host, addrs)
}

// Do makes a request and waits for the response. A response that is no success
// is returned together with a *CodeError; every other failure is a
// *RequestError without response.
//
// The context's end cancels the request at any moment. From an Inline handler
// Do returns ErrInline at once.
func (n *Node) Do(ctx context.Context, req Request) (*Response, error) {
	if req.Method == 0 {
		req.Method = codec.GET
	}
	return n.do(ctx, req)
}

func (n *Node) do(ctx context.Context, req Request) (*Response, error) {
	if t := taskOf(ctx); t != nil && t.inline {
		return nil, ErrInline
	}
	if err := ctx.Err(); err != nil {
		return nil, &RequestError{Method: req.Method, URI: req.URI, Err: context.Cause(ctx)}
	}
	var res *Response
	var err error
	s := n.env.Runner.NewSignal()
	c := n.start(req, func(r *Response, e error) {
		res, err = r, e
		s.Set()
	})
	if werr := s.Wait(ctx); werr != nil {
		c.cancel(werr)
		// The node's goroutine ends every call that is cancelled, so this wait
		// is short; it makes res and err safe to read.
		_ = s.Wait(context.Background())
	}
	return res, err
}

// Get makes a GET request; see Do.
func (n *Node) Get(ctx context.Context, uri string, opts ...codec.Option) (*Response, error) {
	return n.Do(ctx, Request{Method: codec.GET, URI: uri, Options: opts})
}

// Delete makes a DELETE request; see Do.
func (n *Node) Delete(ctx context.Context, uri string, opts ...codec.Option) (*Response, error) {
	return n.Do(ctx, Request{Method: codec.DELETE, URI: uri, Options: opts})
}

// Post makes a POST request with a payload in format f; see Do.
func (n *Node) Post(ctx context.Context, uri string, f codec.Format, payload []byte, opts ...codec.Option) (*Response, error) {
	return n.Do(ctx, Request{Method: codec.POST, URI: uri, Options: withFormat(f, opts), Payload: payload})
}

// Put makes a PUT request with a payload in format f; see Do.
func (n *Node) Put(ctx context.Context, uri string, f codec.Format, payload []byte, opts ...codec.Option) (*Response, error) {
	return n.Do(ctx, Request{Method: codec.PUT, URI: uri, Options: withFormat(f, opts), Payload: payload})
}

func withFormat(f codec.Format, opts []codec.Option) codec.Options {
	return codec.Options{codec.ContentFormat(f)}.Add(opts...)
}

// Ping asks a node whether it is there: an empty CON, which is answered with a
// Reset (RFC 7252 §4.3). It returns how long that took. The host is that of a
// URI such as "coap://192.0.2.1".
func (n *Node) Ping(ctx context.Context, uri string) (time.Duration, error) {
	start := n.env.Clock.Now()
	_, err := n.do(ctx, Request{Method: codec.Empty, URI: uri})
	return n.env.Clock.Now().Sub(start), err
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
	pe := sh.lookupPeer(sh.now(), c.peer)
	if pe == nil {
		sh.finish(c, nil, fmt.Errorf("%w: all %d peers have something under way", ErrBusy, sh.limits.Peers))
		return
	}
	c.pe = pe
	sh.peers.Pin(pe)
	if c.deadline == 0 { // it is running already if the host has a name
		e.armCall(c)
	}
	switch pe.Value.window.Acquire(c.params.NStart, sh.limits.Queue, turn{call: c}) {
	case protocol.Admitted:
		e.onLaunch(ctx, c)
	case protocol.Refused:
		sh.finish(c, nil, fmt.Errorf("%w to this peer: %d are waiting for their turn (NSTART is %d)", ErrBusy, sh.limits.Queue, c.params.NStart))
	}
}

// armCall bounds the whole call, from its beginning.
func (e *endpoint) armCall(c *Call) {
	timeout := c.req.Timeout
	if timeout == 0 {
		timeout = c.params.MaxTransmitWait()
		if !c.req.NonConfirmable {
			// The exchange itself knows when nobody acknowledges; this bounds
			// the wait for a turn, too.
			timeout = c.params.ExchangeLifetime()
		}
	}
	c.expireIn(timeout)
}

func (c *Call) expireIn(d time.Duration) {
	c.sh.cancel(&c.deadline)
	c.deadline = c.sh.after(d, c.sh.endpoint, cancelCall{c, timeoutAfter(d)})
}

// errNotStarted: a call from Config.Setup.
var errNotStarted = errors.New("the node has not started yet")

// errGroup: a request to a group has many answers, and needs an exchange that
// takes them all.
var errGroup = errors.New("a request to a group is not supported; address the nodes one by one")

// timeoutAfter is ErrTimeout with the time that has passed. Every call has one
// ready, so it is a number until somebody reads it.
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
			sh.unexpect(pe, c.params.NStart)
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
	lifetime := c.params.ExchangeLifetime()
	if c.req.NonConfirmable {
		lifetime = c.params.NonLifetime()
	}
	mid, free, ok := sh.mids(c.pe).Next(sh.now(), lifetime)
	if !ok {
		sh.release(s)
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
	sh.post(s.pid, startCall{call: c, gen: s.gen, mid: mid})
}

// startCall: an exchange is to make a call.
type startCall struct {
	call *Call
	gen  uint32
	mid  uint16
}

// nameToken gives the call its token: the caller's, or eight random bytes
// (RFC 7252 §5.3.1: not to be guessed).
func (e *endpoint) nameToken(c *Call, s *slot) bool {
	sh := e.sh
	switch {
	case c.req.ZeroToken:
	case c.req.Token.Len() > 0:
		c.token = c.req.Token
	default:
		for {
			c.token = codec.TokenFromUint64(sh.rand.Uint64())
			if sh.byToken[tokenKey{c.pe.ID, c.token}] == nil {
				break
			}
		}
	}
	c.named = tokenKey{c.pe.ID, c.token}
	if sh.byToken[c.named] != nil {
		return false
	}
	sh.byToken[c.named] = s
	return true
}

// onCancel ends a call before its time.
func (e *endpoint) onCancel(m cancelCall) {
	c := m.call
	c.ending = true
	switch {
	case c.ended:
	case c.slot != nil:
		e.sh.post(c.slot.pid, abort{c.slot.gen, m.err})
	default:
		if c.pe != nil && !c.holds && !c.pe.Value.window.Remove(turn{call: c}) {
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
	if c.retarget(err) {
		return
	}
	c.ended = true
	if c.lookup != nil {
		c.lookup.end(context.Canceled)
	}
	sh.cancel(&c.deadline)
	sh.giveBack(c)
	c.node.dropCall(c)
	if err != nil {
		var ce *CodeError
		if !errors.As(err, &ce) {
			err = &RequestError{Method: c.req.Method, URI: c.req.URI, Peer: c.peer, Err: err}
		}
	}
	sh.callback(c, res, err)
	sh.checkDrained()
}

// retarget tries the next address of the host where the network said that this
// one cannot be reached: a name often has one of each family, and the peer
// listens on one only.
func (c *Call) retarget(err error) bool {
	if len(c.others) == 0 || !errors.Is(err, ErrUnreachable) || c.ending {
		return false
	}
	c.sh.giveBack(c)
	c.nextAddress()
	c.sh.post(c.sh.endpoint, c)
	return true
}

// giveBack gives back what a call holds: its exchange and its turn.
func (sh *shard) giveBack(c *Call) {
	if c.slot != nil {
		if sh.byToken[c.named] == c.slot {
			delete(sh.byToken, c.named)
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
			sh.timers.Add(c.expected, timer{sh.endpoint, unexpected{c.pe, c.params.NStart}})
		} else {
			sh.unexpect(c.pe, c.params.NStart)
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
	defer func() {
		if r := recover(); r != nil {
			sh.stats.panics.Add(1)
			sh.node.log.Error("actors: the callback of a request panicked", "uri", c.req.URI, "panic", r)
		}
	}()
	if c.done != nil {
		c.done(res, err)
	}
}
