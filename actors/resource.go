package actors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/codec"
)

// resource is the actor of one route at one shard: it runs the handlers, on the
// shard's goroutine or on others, and fails when one panics, so that its
// supervisor decides what becomes of it. What must survive its restarts is in
// the Route.
type resource struct {
	sh    *shard
	route *Route
	site  *site
	self  *mailbox
	// panics of the message being handled; raised when it is done with, so that
	// no call of a batch is lost to another's panic
	panics []any
}

// handlerPanic is what a resource fails with.
type handlerPanic struct {
	pattern string
	reasons []any
}

func (p *handlerPanic) String() string {
	return fmt.Sprintf("handler of %s panicked: %v", p.pattern, p.reasons[len(p.reasons)-1])
}

const (
	defaultConcurrency = 64
	defaultBacklog     = 256
)

// Receive implements actor.Actor.
func (r *resource) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *callBatch:
		r.onCalls(m)
	case *incoming:
		r.serve(m)
	case yourTurn:
		r.onTurn()
	case handlerPanicked:
		r.panics = append(r.panics, m.reason)
	case *actor.Started:
		r.onStarted()
	case *actor.Stopping:
		r.onStopping()
	}
	if len(r.panics) > 0 {
		p := &handlerPanic{pattern: r.route.pattern, reasons: r.panics}
		r.panics = nil
		panic(p)
	}
}

func (r *resource) onStarted() {
	r.self = r.site.box
	reason := r.site.failure
	r.site.failure = nil
	if reason == nil || r.route.resource.OnRestart == nil || r.route.failed.Load() {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			r.panics = append(r.panics, p)
		}
	}()
	r.route.resource.OnRestart(reason)
}

func (r *resource) onCalls(b *callBatch) {
	for i, in := range b.calls {
		b.calls[i] = nil
		r.serve(in)
	}
	r.sh.putCalls(b)
}

// serve runs the handler of a call, here or on a goroutine, or lets it wait.
func (r *resource) serve(in *incoming) {
	route := r.route
	if in.gen != in.slot.gen { // its exchange has ended meanwhile
		in.asked()
		in.sh.stats.rare().stale.Add(1)
		in.free()
		return
	}
	if route.failed.Load() {
		r.shed(in, "the resource has failed")
		return
	}
	if route.resource.Inline {
		in.asked()
		res, err := r.invoke(r.sh.node.inlineCtx, in)
		r.answer(in, res, err)
		return
	}
	switch route.gate().enter(ticket{r.site, r.self}, or(route.resource.Concurrency, defaultConcurrency), or(route.resource.Backlog, defaultBacklog)) {
	case gateRun:
		in.asked()
		in.sh.armHandler(in, route.resource.Separate)
		r.run(in)
	case gateWait:
		in.asked()
		in.sh.armHandler(in, route.resource.Separate)
		r.site.backlog = append(r.site.backlog, in)
	case gateRefuse:
		r.shed(in, "too many requests wait for this resource")
	}
}

func or(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// armHandler starts the timers of a request whose handler may take long: for
// the empty ACK, and for the moment when the peer has given up.
func (sh *shard) armHandler(in *incoming, separate bool) {
	if in.stream != nil {
		return // its blocks have exchanges of their own
	}
	if in.view != nil {
		sh.armRefresh(in)
		return
	}
	in.detach()
	if in.route != nil && in.route.resource.Stream {
		in.req.Body, in.req.Payload = bytes.NewReader(in.req.Payload), nil
	}
	s := in.slot
	in.ctx = &taskContext{env: sh.env}
	if in.msg.Type == codec.CON {
		if separate {
			sh.post(s.box, answerSeparately{in.gen})
		} else {
			s.first = sh.timers.Add(sh.in(sh.node.separateAfter), timer{box: s.box, exchange: exchangeTimer{in.gen, timerAck}})
		}
		s.second = sh.timers.Add(sh.in(sh.node.exchangeLifetime), timer{box: s.box, exchange: exchangeTimer{in.gen, timerGiveUp}})
		return
	}
	s.second = sh.timers.Add(sh.in(sh.node.nonLifetime), timer{box: s.box, exchange: exchangeTimer{in.gen, timerGiveUp}})
}

// run starts the handler on a goroutine of its own.
func (r *resource) run(in *incoming) {
	self, env, route := r.self, r.sh.env, r.route
	// The exchange may give up and forget the message meanwhile, so what is
	// needed afterwards is taken now.
	exchange, ctx := in.slot.box, in.ctx
	in.begun = true
	env.Runner.Go(func() {
		// Deferred, and with a panic as the presumption, because a handler can
		// also end its goroutine: testing.T.FailNow does.
		panicked := any(errPanic)
		in.err = errPanic
		defer func() {
			env.send(exchange, in)
			if panicked != nil { // before the next turn
				env.send(self, handlerPanicked{panicked})
			}
			if next, ok := route.gate().leave(); ok {
				env.send(next.box, yourTurn{})
			}
			ctx.end(context.Canceled)
		}()
		in.res, panicked, in.err = call(ctx, route, in)
	})
}

// onTurn runs the handler of the call that has waited longest. Where it does not
// need one any more, the turn goes on.
func (r *resource) onTurn() {
	if !r.route.gate().accept(r.site) {
		return
	}
	in := r.site.backlog[0]
	r.site.backlog[0] = nil
	r.site.backlog = r.site.backlog[1:]
	switch {
	case in.gen != in.slot.gen: // its peer has given up
		in.free()
	case r.route.failed.Load():
		r.answer(in, nil, &CodeError{Code: codec.ServiceUnavailable, Diagnostic: "the resource has failed"})
	default:
		r.run(in)
		return
	}
	if next, ok := r.route.gate().leave(); ok {
		r.sh.post(next.box, yourTurn{})
	}
}

// onStopping: the resource has been removed. What waits for a turn here would
// wait for ever, because nobody is left to take it.
func (r *resource) onStopping() {
	waiting := r.site.backlog
	r.site.backlog = nil
	for _, next := range r.route.gate().withdraw(r.site) {
		r.sh.post(next.box, yourTurn{})
	}
	for _, in := range waiting {
		r.answer(in, nil, &CodeError{Code: codec.NotFound, Diagnostic: "the resource has been removed"})
	}
}

// invoke runs a handler here; a panic is remembered for later.
func (r *resource) invoke(ctx context.Context, in *incoming) (*Response, error) {
	res, panicked, err := call(ctx, r.route, in)
	if panicked != nil {
		r.panics = append(r.panics, panicked)
	}
	return res, err
}

// errPanic is the error of a handler that panicked.
var errPanic = errors.New("handler panicked")

// call runs a handler and returns what it panicked with, if it did.
func call(ctx context.Context, route *Route, in *incoming) (res *Response, panicked any, err error) {
	defer func() {
		if p := recover(); p != nil {
			in.sh.stats.rare().panics.Add(1)
			route.node.log.Error("actors: a handler panicked", "resource", route.pattern, "panic", p, "stack", string(debug.Stack()))
			res, panicked, err = nil, p, errPanic
		}
	}()
	if o := in.sh.node.observer; o != nil {
		o.Handles(&in.req, &in.msg)
	}
	res, err = route.handler(in.req.Method)(ctx, &in.req)
	return res, nil, err
}

func (r *resource) answer(in *incoming, res *Response, err error) {
	in.res, in.err = res, err
	in.sh.post(in.slot.box, in)
}

// shed refuses a call because a bound is reached.
func (r *resource) shed(in *incoming, why string) {
	in.unasked = true
	if in.view == nil {
		in.sh.stats.rare().shed.Add(1)
	}
	r.answer(in, nil, &CodeError{Code: codec.ServiceUnavailable, Diagnostic: why})
}

// errorResponse turns a handler's error into a response. Only a CodeError says
// more than 5.00: what is wrong inside is logged, not told to strangers.
func (in *incoming) errorResponse() (codec.Code, codec.Options, []byte) {
	var ce *CodeError
	if !errors.As(in.err, &ce) && !errors.Is(in.err, errPanic) {
		in.sh.node.log.Warn("actors: a handler failed", "method", methodName(in.msg.Code), "path", in.req.Path(), "peer", in.req.Peer, "error", in.err)
	}
	return responseOf(in.err)
}

// takeCalls returns an empty batch of calls for a route.
func (sh *shard) takeCalls(r *Route) *callBatch {
	if n := len(sh.callBatches); n > 0 {
		b := sh.callBatches[n-1]
		sh.callBatches = sh.callBatches[:n-1]
		b.route = r
		return b
	}
	return &callBatch{route: r}
}

func (sh *shard) putCalls(b *callBatch) {
	b.route, b.calls = nil, b.calls[:0]
	if len(sh.callBatches) < maxSpare {
		sh.callBatches = append(sh.callBatches, b)
	}
}
