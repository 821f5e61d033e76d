package actors

import (
	"bytes"
	"slices"
	"time"

	"github.com/coap2/coap2/codec"
)

// refreshLater is when a handler is asked again that could not be asked because
// too many requests wait for it.
const refreshLater = time.Second

// receive handles the endpoint's messages about observers.
func (o *observing) receive(msg any) {
	switch m := msg.(type) {
	case published:
		o.onPublished(m.watch)
	case *incoming:
		o.onRefreshed(m)
	case refreshAgain:
		o.refresh(m.view)
	case refreshTimeout:
		o.onRefreshTimeout(m.in)
	case tellHeld:
		o.onTellHeld(m.view)
	case forgetObservers:
		o.forget(m.watch)
	case advanceRules:
		o.onAdvance(m.set)
	case leaseOver:
		o.onLeaseOver(m.sub)
	}
}

// onPublished takes what has been published of a resource to its views.
func (o *observing) onPublished(w *watch) {
	s := &w.sites[o.sh.index]
	ps, lost, passed := w.take(s)
	o.unevaluated += passed
	if w.route.resource.Queue > 0 {
		o.dropped += lost
	} else {
		o.conflated += lost
	}
	for _, p := range ps {
		for i := 0; i < len(s.views); {
			v := s.views[i]
			switch {
			case p.res == nil || !v.takes(p.res):
				o.refresh(v)
			default:
				v.overtaken, v.dirty = true, false
				o.tell(v, p.res)
			}
			if i < len(s.views) && s.views[i] == v { // it has not ended
				i++
			}
		}
	}
	clear(ps)
}

// refresh asks the handler what it would answer to the view's observers now.
func (o *observing) refresh(v *view) {
	if v.running {
		v.dirty = true
		return
	}
	if v.ending {
		return
	}
	sh, route := o.sh, v.watch.route
	v.running, v.dirty, v.overtaken = true, false, false
	v.slot.box = sh.endpoint
	in := &incoming{sh: sh, view: v, slot: &v.slot, gen: v.slot.gen, route: route}
	in.msg = codec.Message{Type: codec.NON, Code: v.method, Options: v.options.Clone(), Payload: slices.Clone(v.payload)}
	in.req = Request{Method: v.method, Options: in.msg.Options, Payload: in.msg.Payload, NonConfirmable: true, route: route, node: sh.node}
	v.in = in
	calls := sh.takeCalls(route)
	calls.calls = append(calls.calls, in)
	if pid := route.sites[sh.index].box; pid != nil {
		sh.post(pid, calls)
	} else {
		sh.post(sh.resources, calls)
	}
}

// armRefresh bounds the time of a handler that is asked for observers.
func (sh *shard) armRefresh(in *incoming) {
	in.ctx = &taskContext{env: sh.env}
	if in.route.resource.Stream {
		in.req.Body, in.req.Payload = bytes.NewReader(in.req.Payload), nil
	}
	in.slot.second = sh.after(sh.node.exchangeLifetime, sh.endpoint, refreshTimeout{in})
}

// onRefreshTimeout gives up a handler that takes longer than any peer would
// wait.
func (o *observing) onRefreshTimeout(in *incoming) {
	v := in.view
	if v.in != in {
		return
	}
	v.slot.second = 0
	in.ctx.end(errPeerGone)
	o.refreshed(v)
	if v.dirty {
		o.refresh(v)
	}
}

// refreshed: no answer of a handler is awaited any more.
func (o *observing) refreshed(v *view) {
	o.sh.cancel(&v.slot.second)
	v.in, v.running = nil, false
	v.slot.gen++
}

// onRefreshed takes what the handler has answered.
func (o *observing) onRefreshed(in *incoming) {
	v := in.view
	if v.in != in {
		return
	}
	o.refreshed(v)
	switch {
	case v.ending:
		return
	case in.unasked && !v.watch.route.failed.Load() && !v.watch.route.removed.Load():
		// Not an answer: too many requests wait for the resource just now.
		o.sh.after(refreshLater, o.sh.endpoint, refreshAgain{v})
		return
	case !v.overtaken: // by something that has been published meanwhile
		o.tell(v, o.answerOf(in))
	}
	if v.dirty {
		o.refresh(v)
	}
}

// answerOf returns what a handler has answered, as observers can be told it.
func (o *observing) answerOf(in *incoming) *Response {
	if in.err == nil && in.res != nil && in.res.Body != nil {
		o.sh.node.log.Error("actors: a handler answered observers with a Response.Body; they need a Payload", "path", in.req.Path())
		return &Response{Code: codec.InternalServerError}
	}
	m := &o.msg
	in.response(m)
	res := &Response{Code: m.Code, Options: m.Options.Clone().Remove(codec.OptionObserve), Payload: slices.Clone(m.Payload)}
	m.Options, m.Payload = nil, nil
	switch {
	case !res.Code.IsSuccess():
	case !notifiable(res.Code):
		o.sh.node.log.Error("actors: a handler answered observers with a code that is no notification's", "path", in.req.Path(), "code", res.Code)
		return &Response{Code: codec.InternalServerError}
	case !in.view.fits(res):
		return otherFormat
	}
	return res
}

// otherFormat ends an observation whose content format there is no more.
var otherFormat = &Response{Code: codec.NotAcceptable, Payload: []byte("the resource has no representation in this format any more")}

// notifiable reports whether observers can be told a response with this code.
func notifiable(c codec.Code) bool { return c == codec.Content || c == codec.Valid }
