package actors

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Observation is an observation of a resource by this node; see Node.Observe.
type Observation struct {
	node  *Node
	req   Request // with its token
	uri   codec.URI
	done  func(*Notification, error)
	sh    atomic.Pointer[shard] // whose goroutine has it; only that passes it on
	ended atomic.Bool           // done has been told

	canceled atomic.Bool

	// The rest belongs to the goroutine of its shard.
	reg     *protocol.Registration
	dest    netip.AddrPort   // of the server
	others  []netip.AddrPort // further addresses of the host's name
	named   bool             // they are what the network says of it
	literal bool             // the host is an address
	pe      *peerEntry       // of dest, once the observation is known there
	call    *Call            // the registration under way
	lookup  *taskContext     // of the search for the host's addresses
	timer   protocol.Handle
	known   bool      // the server has registered us once
	asked   bool      // the server may have registered us
	lost    bool      // the last request failed: the name may have another address now
	closing error     // it ends when the call under way has
	filter  *filter   // nil without a rule
	stored  *Response // the representation whose ETag was in the last request
	last    *Response // the last that was delivered, if it has an ETag
	rest    *Call     // fetches the rest of
	restOf  *Notification

	prev, next *Observation // the node's list
	listed     bool
}

// Messages about an observation.
type (
	observationBegins   struct{ o *Observation }
	observationResolved struct {
		o     *Observation
		where hostPlace
		err   error
	}
	observationAnswered struct {
		o   *Observation
		res *Response
		err error
	}
	observationDue   struct{ o *Observation }
	observationRenew struct{ o *Observation }
	observationEnds  struct {
		o   *Observation
		err error
	}
)

// Observe observes a resource (RFC 7641) and returns at once. done is called with
// each state, the present one first, on the node's goroutine, which it must not
// block. When the observation has ended it is called a last time, with an error:
//
//   - the first request failed: a *RequestError, as from Go;
//   - the server has ended it, or refused it, by an error response: a
//     *CodeError (but for 4.29 and 5.03: these ask to come again later);
//   - ErrNotObservable, with the representation as the notification;
//   - ErrCanceled after Cancel, ErrStopped with the end of the node.
//
// Everything else is bridged: states that the network has reordered are put
// right (RFC 7641 §3.4), so that the last one that is told is the newest. If
// there was none for Max-Age and a random while (5 to 15 s), the registration is
// renewed, with the ETag of the last state if it had one; if it was that state
// that is still valid, done is not called again. A renewal that fails, because
// the server is starting again or the network is gone, is repeated, with pauses
// that grow to 5 minutes; see ObserveConfig.Registration.
//
// A state that is longer than a block is told when all of it has been fetched
// (RFC 7959 §2.6); if a newer one comes before, that is told instead.
//
// req is a GET, or a FETCH; its Options and Payload are copied. A
// NonConfirmable one is sent as NON. Its Timeout and Params are those of each
// registration. Body, To, From and Progress are not used.
func (n *Node) Observe(req Request, done func(*Notification, error)) *Observation {
	return n.observe(req, nil, nil, done)
}

// observe observes with a filter, nil without a rule. wrong is what is wrong
// with what was asked for.
func (n *Node) observe(req Request, f *filter, wrong error, done func(*Notification, error)) *Observation {
	if req.Method == 0 {
		req.Method = codec.GET
	}
	n.rouse()
	req.Options = req.Options.Clone().Remove(codec.OptionObserve)
	req.Payload = slices.Clone(req.Payload)
	req.Body, req.To, req.From, req.FromETag, req.Progress = nil, nil, 0, nil, nil
	o := &Observation{node: n, req: req, done: done, filter: f, reg: protocol.NewRegistration(n.registration)}
	o.sh.Store(n.shard)
	if n.shard.endpoint == nil { // from Config.Setup
		o.finish(nil, o.failure(errNotStarted))
		return o
	}
	err := wrong
	if err == nil && req.Method != codec.GET && req.Method != codec.FETCH {
		err = fmt.Errorf("a %s cannot observe; use GET or FETCH", methodName(req.Method))
	}
	if err == nil {
		err = checkBlockSize(req.BlockSize)
	}
	if err == nil {
		o.uri, err = codec.ParseURI(req.URI)
	}
	if err == nil {
		o.dest, o.literal = o.uri.Addr()
		if o.literal {
			o.sh.Store(n.shardOf(netio.Peer{Addr: o.dest}))
		}
	}
	if err == nil && !n.addObservation(o) {
		err = ErrStopped
	}
	if err != nil {
		n.soon(func() { o.finish(nil, o.failure(err)) })
	}
	return o
}

// Cancel ends the observation. The server is told at once, by a request with
// Observe 1 (RFC 7641 §3.6), because one whose resource rarely changes would
// otherwise remember it for long; should that request be lost, a later
// notification is rejected, which tells it too. Cancel returns at once; done is
// still called, with ErrCanceled, unless the observation has ended.
func (o *Observation) Cancel() {
	if o.node.shard.endpoint != nil && !o.ended.Load() && o.canceled.CompareAndSwap(false, true) {
		o.post(observationEnds{o, ErrCanceled})
	}
}

// Renew registers again soon: there are signs that the server, or the network,
// is not the one any more that it was.
func (o *Observation) Renew() {
	if o.node.shard.endpoint != nil && !o.ended.Load() {
		o.post(observationRenew{o})
	}
}

// post sends a message to the endpoint that has the observation.
func (o *Observation) post(msg any) {
	sh := o.sh.Load()
	sh.post(sh.endpoint, msg)
}

// moved passes a message on if the observation is at another shard by now.
func (o *Observation) moved(sh *shard, msg any) bool {
	at := o.sh.Load()
	if at != sh {
		at.post(at.endpoint, msg)
	}
	return at != sh
}

// failure says which request of whom has failed.
func (o *Observation) failure(err error) error {
	var ce *CodeError
	var re *RequestError
	if errors.As(err, &ce) || errors.As(err, &re) {
		return err
	}
	return &RequestError{Method: o.req.Method, URI: o.req.URI, Peer: netio.Peer{Addr: o.dest}, Err: err}
}

// finish tells the end, once.
func (o *Observation) finish(n *Notification, err error) {
	if o.ended.Swap(true) {
		return
	}
	o.tell(n, err)
	o.node.dropObservation(o)
}

// tell calls the callback. Its panic is the application's.
func (o *Observation) tell(n *Notification, err error) {
	defer func() {
		if r := recover(); r != nil {
			o.node.shard.stats.rare().panics.Add(1)
			o.node.log.Error("actors: the callback of an observation panicked", "uri", o.req.URI, "panic", r)
		}
	}()
	if o.done != nil {
		o.done(n, err)
	}
}

// onObservation handles the messages about observations.
func (sh *shard) onObservation(msg any) {
	switch m := msg.(type) {
	case observationBegins:
		sh.beginObservation(m.o)
	case observationResolved:
		sh.onObservationResolved(m)
	case observationAnswered:
		if !m.o.moved(sh, m) {
			sh.onObservationAnswered(m)
		}
	case observationRest:
		if !m.o.moved(sh, m) {
			sh.onObservationRest(m)
		}
	case observationDue:
		sh.onObservationDue(m.o)
	case observationRenew:
		if o := m.o; !o.moved(sh, m) && !o.ended.Load() {
			sh.armObservation(o, o.reg.Renew(sh.now(), renewWithin, sh.rand.Float64()))
		}
	case observationTick:
		sh.onTick(m.o)
	case observationEnds:
		if !m.o.moved(sh, m) {
			sh.endObservation(m.o, nil, m.err)
		}
	}
}

// renewWithin is the time in which observations are renewed when the network
// has changed, each at a random moment.
const renewWithin = 2 * time.Second

// beginObservation makes the first request, or goes on at the server's shard.
func (sh *shard) beginObservation(o *Observation) {
	switch {
	case o.ended.Load():
	case sh.stopping:
		sh.endObservation(o, nil, ErrStopped)
	case !o.dest.IsValid():
		sh.resolveObservation(o)
	default:
		sh.registerObservation(o)
	}
}

// resolveObservation looks the server's name up.
func (sh *shard) resolveObservation(o *Observation) {
	o.lookup = &taskContext{env: sh.env}
	ctx := o.lookup
	sh.env.Runner.Go(func() {
		defer ctx.end(context.Canceled)
		where, err := sh.node.resolve(ctx, o.uri, false)
		sh.post(sh.endpoint, observationResolved{o, where, err})
	})
}

func (sh *shard) onObservationResolved(m observationResolved) {
	o := m.o
	if o.ended.Load() || o.lookup == nil {
		return
	}
	o.lookup = nil
	if m.err != nil {
		sh.onObservationAnswered(observationAnswered{o, nil, m.err})
		return
	}
	o.others, o.named = m.where.addrs, m.where.named
	o.nextAddress()
	sh.registerObservation(o)
}

func (o *Observation) nextAddress() {
	o.dest = o.others[0]
	o.others = o.others[1:]
}

// registerObservation sends a registration (RFC 7641 §3.1): the first, or one
// with the same token that renews it (§3.3.1).
func (sh *shard) registerObservation(o *Observation) {
	peer := netio.Peer{Addr: o.dest}
	if o.pe != nil && o.pe.Peer != peer {
		sh.forgetObservation(o)
	}
	if at := sh.node.shardOf(peer); at != sh {
		sh.cancel(&o.timer)
		o.sh.Store(at)
		at.post(at.endpoint, observationBegins{o})
		return
	}
	if o.pe == nil && !sh.knowObservation(o, peer) {
		sh.onObservationAnswered(observationAnswered{o, nil, ErrBusy})
		return
	}
	req := o.request(0)
	o.stored = nil
	if o.last != nil && !req.Options.Has(codec.OptionETag) {
		tag, _ := o.last.Options.Get(codec.OptionETag)
		req.Options = req.Options.Add(codec.ETag(tag))
		o.stored = o.last
	}
	if f := o.filter; f != nil && f.number != 0 && sh.node.identify != nil {
		req.Options = req.Options.Set(codec.UintOption(codec.OptionNotification, uint64(f.number)))
	}
	o.asked = true
	sh.stats.client().registrations.Add(1)
	req.observation = o
	o.call = sh.node.start(req, nil)
}

// request returns the request that registers (0) or deregisters (1). The size of
// blocks that it wants, it says itself; the blocks are fetched later, by requests
// that have other tokens and no Observe (RFC 7959 §2.6).
func (o *Observation) request(observe uint32) Request {
	req := o.req
	req.dest = o.dest
	req.Options = slices.Clone(req.Options).Add(codec.Observe(observe))
	if len(req.Payload) <= o.node.shard.blockSize() {
		if s := req.BlockSize; s != 0 && !req.Options.Has(codec.OptionBlock2) {
			req.Options = req.Options.Add(codec.Block2(codec.Block{SZX: blockSZX(s, 1<<16)}))
		}
		req.BlockSize, req.MaxBody = 0, 0
	}
	return req
}

// knowObservation makes messages with the observation's token find it. The
// first time it chooses the token: eight random bytes, unless the caller has.
func (sh *shard) knowObservation(o *Observation, peer netio.Peer) bool {
	pe := sh.lookupPeer(sh.now(), peer)
	if pe == nil {
		return false
	}
	for o.req.Token.Len() == 0 {
		t := codec.TokenFromUint64(sh.rand.Uint64())
		if key := (tokenKey{pe.ID, t}); sh.slotByToken(key) == nil && sh.observations[key] == nil {
			o.req.Token = t
		}
	}
	if sh.observations == nil {
		sh.observations = map[tokenKey]*Observation{}
	}
	sh.observations[tokenKey{pe.ID, o.req.Token}] = o
	sh.peers.Pin(pe)
	o.pe = pe
	return true
}

// forgetObservation undoes knowObservation.
func (sh *shard) forgetObservation(o *Observation) {
	if o.pe == nil {
		return
	}
	if key := (tokenKey{o.pe.ID, o.req.Token}); sh.observations[key] == o {
		delete(sh.observations, key)
	}
	sh.peers.Unpin(o.pe)
	o.pe = nil
}
