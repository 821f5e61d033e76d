package actors

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Gather makes a request to a group and yields every answer as it comes, with
// who sent it in Response.Peer (RFC 7252 §8):
//
//	for res, err := range node.Gather(ctx, actors.Request{URI: "coap://224.0.1.187/temp"}) { … }
//
// The host of the URI is a multicast address, of IPv6 with the interface as zone
// where it matters, or a name of one. The request is sent once, in a NON message
// whatever Request.NonConfirmable says: nothing tells a node that did not get it
// from one that has nothing to say, and most keep errors to themselves. Who has
// to hear from all asks again.
//
// It ends after Request.Timeout, or without one when no answer can come any more
// (leisure and twice MAX_LATENCY, 205 s with default parameters); with the
// context, whose error it yields last; or by break. Each node answers once. An
// answer that is no success is yielded together with a *CodeError; the loop may
// go on. One that is the first block of a longer response is completed by unicast
// requests to the node (RFC 7959 §2.8), a few nodes at a time, and yielded when it
// is complete; if that fails, a *RequestError says of which Peer. These are
// waited for when the time is over. An error of which neither is true is the
// last, and says that nothing could be sent.
//
// At most 1,024 answers wait for the loop, and at most 65,536 nodes are heard;
// what is lost by that is counted in Stats.Gather.
//
// Of the request count Method (GET or FETCH, as a rule), URI, Options, Payload,
// which must fit into one block, Timeout, Params, BlockSize and MaxBody.
func (n *Node) Gather(ctx context.Context, req Request) iter.Seq2[*Response, error] {
	return func(yield func(*Response, error) bool) {
		if req.Method == 0 {
			req.Method = codec.GET
		}
		if t := taskOf(ctx); t != nil && t.inline {
			yield(nil, ErrInline)
			return
		}
		q := &gathering{node: n, req: req}
		err := q.begin(ctx)
		if err != nil {
			yield(nil, &RequestError{Method: req.Method, URI: req.URI, Err: err})
			return
		}
		defer q.leave()
		for {
			a, ok := q.take(ctx)
			if !ok || !yield(a.res, a.err) || a.last {
				return
			}
		}
	}
}

const (
	// maxGathered is how many answers wait for the loop of a Gather.
	maxGathered = 1024
	// maxRests is how many answers are being completed, or are complete and wait
	// for the loop: their length is others' choice.
	maxRests = 8
)

// GatherStats are the counters of Node.Gather.
type GatherStats struct {
	// Answers counts answers that were taken in; Repeated those of a node that
	// had answered before; Dropped those for which there was no room.
	Answers, Repeated, Dropped uint64
}

// gatherCounters are the live form of GatherStats.
type gatherCounters struct{ answers, repeated, dropped atomic.Uint64 }

// gather returns the counters of Gather; the shard's goroutine alone may ask.
func (c *counters) gather() *gatherCounters {
	g := c.gathers.Load()
	if g == nil {
		g = &gatherCounters{}
		c.gathers.Store(g)
	}
	return g
}

func (c *gatherCounters) add(s *GatherStats) {
	if c == nil {
		return
	}
	s.Answers += c.answers.Load()
	s.Repeated += c.repeated.Load()
	s.Dropped += c.dropped.Load()
}

// gathering is one Gather: the hook of its call.
type gathering struct {
	node *Node
	req  Request
	dst  netip.AddrPort
	uri  codec.URI
	call *groupCall
	seen *protocol.Gather // the node's goroutine only

	mu      sync.Mutex
	answers []gathered  // for the loop
	firsts  []*Response // blocks that wait to be completed
	rests   []*rest
	bodies  int  // being completed, or complete and in answers
	over    bool // no further answer will come
	left    bool // the loop has ended
	signal  Signal
}

type gathered struct {
	res  *Response
	err  error
	body bool // counts in bodies
	last bool
}

// begin finds the group and calls it.
func (q *gathering) begin(ctx context.Context) error {
	n, req := q.node, &q.req
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if err := req.Params.Validate(); err != nil {
		return err
	}
	switch {
	case !req.Method.IsRequest():
		return fmt.Errorf("code %v is no method", req.Method)
	case req.Body != nil || len(req.Payload) > n.shard.blockSize():
		return fmt.Errorf("the payload of a request to a group must fit into a block of %d bytes (RFC 7959 §2.8)", n.shard.blockSize())
	}
	if err := checkBlockSize(req.BlockSize); err != nil {
		return err
	}
	req.Options, req.Payload = req.Options.Clone(), slices.Clone(req.Payload)
	req.To, req.From, req.Progress = nil, 0, nil
	var err error
	if q.uri, err = codec.ParseURI(req.URI); err != nil {
		return err
	}
	var literal bool
	if q.dst, literal = q.uri.Addr(); !literal {
		where, err := n.resolve(ctx, q.uri, false)
		if err != nil {
			return err
		}
		q.dst = where.addrs[0]
	}
	if q.uri.Scheme != "coap" {
		return fmt.Errorf("a request to a group has no transport for the scheme %q", q.uri.Scheme)
	}
	if !q.dst.Addr().IsMulticast() {
		return fmt.Errorf("%v is no group; use Node.Do", q.dst.Addr())
	}
	q.call, err = n.callGroup(q)
	return err
}

// begun implements groupHook.
func (q *gathering) begun(g *groupCall) {
	params := protocol.Merge(q.node.params, q.req.Params)
	d := q.req.Timeout
	if d <= 0 {
		d = protocol.GatherTime(&params, params.DefaultLeisure)
	}
	q.seen = protocol.NewGather(q.node.shard.in(d), 0)
	m := codec.Message{Code: q.req.Method, Payload: q.req.Payload}
	m.Options = q.uri.AppendOptions(nil, q.dst).Add(q.req.Options...)
	if s := q.req.BlockSize; s != 0 && !m.Options.Has(codec.OptionBlock2) {
		m.Options = m.Options.Add(codec.Block2(codec.Block{SZX: blockSZX(s, 1<<16)}))
	}
	if _, err := g.send(&m, to{peer: netio.Peer{Addr: q.dst}}); err != nil {
		g.end(err)
		return
	}
	g.wake(q.seen.Deadline())
}

// unsent implements groupHook.
func (q *gathering) unsent(g *groupCall, _ int, _ netio.Peer, err error) { g.end(err) }

// due implements groupHook.
func (q *gathering) due(g *groupCall) { g.end(nil) }

// ended implements groupHook.
func (q *gathering) ended(_ *groupCall, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.answers = append(q.answers, gathered{last: true, err: &RequestError{Method: q.req.Method, URI: q.req.URI, Peer: netio.Peer{Addr: q.dst}, Err: err}})
	}
	q.over = true
	q.tell()
}

// answered implements groupHook.
func (q *gathering) answered(g *groupCall, a *groupAnswer) {
	c := q.node.shard.stats.gather()
	switch q.seen.Answer(g.now(), a.from.peer) {
	case protocol.GatheredAgain:
		c.repeated.Add(1)
		return
	case protocol.GatheredTooMany:
		c.dropped.Add(1)
		return
	case protocol.GatheredLate: // its timer comes in this turn
		c.dropped.Add(1)
		return
	}
	m := a.message
	res := &Response{Code: m.Code, Options: m.Options.Clone(), Payload: slices.Clone(m.Payload), Peer: a.from.peer, Separate: true}
	res.Size = int64(len(res.Payload))
	if !q.put(res) {
		c.dropped.Add(1)
		return
	}
	c.answers.Add(1)
	q.completeNext()
}

// put takes in an answer if there is room for it.
func (q *gathering) put(res *Response) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case len(q.answers)+len(q.firsts) >= maxGathered:
		return false
	case res.badBlock() != nil:
		q.answers = append(q.answers, gathered{err: &RequestError{Method: q.req.Method, URI: q.req.URI, Peer: res.Peer, Err: res.badBlock()}})
		q.tell()
	case res.incomplete():
		q.firsts = append(q.firsts, res)
	default:
		q.answers = append(q.answers, answerOf(res))
		q.tell()
	}
	return true
}

func answerOf(res *Response) gathered {
	if res.Code.IsSuccess() {
		return gathered{res: res}
	}
	return gathered{res: res, err: codeError(res)}
}

// rest is the completion of an answer.
type rest struct{ call *Call }

// completeNext begins to fetch what is missing of the answers that are first
// blocks, of as many as may be.
func (q *gathering) completeNext() {
	for {
		q.mu.Lock()
		if len(q.firsts) == 0 || q.bodies >= maxRests || q.left {
			q.mu.Unlock()
			return
		}
		first, r := q.firsts[0], &rest{}
		q.firsts[0], q.firsts = nil, q.firsts[1:]
		q.bodies++
		q.rests = append(q.rests, r)
		q.mu.Unlock()
		req := q.req
		req.NonConfirmable, req.Timeout, req.Token, req.ZeroToken = false, 0, codec.Token{}, false
		// Of a node that has ended this calls back before it returns.
		c := q.node.goRest(req, first, func(res *Response, err error) { q.completed(r, res, err) })
		q.mu.Lock()
		r.call = c
		left := q.left
		q.mu.Unlock()
		if left {
			c.Cancel()
		}
	}
}

// completed is told of an answer that is whole now, or will not be.
func (q *gathering) completed(r *rest, res *Response, err error) {
	q.mu.Lock()
	if i := slices.Index(q.rests, r); i >= 0 {
		q.rests = slices.Delete(q.rests, i, i+1)
	}
	a := gathered{body: true, err: err}
	if err == nil {
		a.res = res
	}
	q.answers = append(q.answers, a)
	q.tell()
	q.mu.Unlock()
}

// tell wakes the loop. q.mu is held.
func (q *gathering) tell() {
	if q.signal != nil {
		q.signal.Set()
		q.signal = nil
	}
}

// take waits for what is next; ok is false when there is nothing more.
func (q *gathering) take(ctx context.Context) (a gathered, ok bool) {
	for {
		q.mu.Lock()
		if len(q.answers) > 0 {
			a, q.answers[0] = q.answers[0], gathered{}
			q.answers = q.answers[1:]
			if a.body {
				q.bodies--
			}
			q.mu.Unlock()
			q.completeNext()
			return a, true
		}
		if q.over && q.bodies == 0 && len(q.firsts) == 0 {
			q.mu.Unlock()
			return gathered{}, false
		}
		s := q.node.env.Runner.NewSignal()
		q.signal = s
		q.mu.Unlock()
		if s.Wait(ctx) != nil {
			return gathered{err: &RequestError{Method: q.req.Method, URI: q.req.URI, Err: context.Cause(ctx)}, last: true}, true
		}
	}
}

// leave ends everything when the loop has ended.
func (q *gathering) leave() {
	q.call.cancel(nil)
	q.mu.Lock()
	q.left = true
	var calls []*Call
	for _, r := range q.rests {
		if r.call != nil {
			calls = append(calls, r.call)
		}
	}
	q.mu.Unlock()
	for _, c := range calls {
		c.Cancel()
	}
}
