package actors

import (
	"fmt"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// resources is the supervisor of the resource actors of a shard. It spawns each
// when its first request comes there, and decides what becomes of one that
// fails.
type resources struct{ sh *shard }

// A resource that fails more than maxFailures times within failureWindow stops.
const (
	maxFailures   = 3
	failureWindow = time.Minute
)

// Receive implements actor.Actor.
func (r *resources) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *callBatch:
		r.onFirstCalls(ctx, m)
	case *actor.Restarting:
		for _, route := range r.sh.node.router.Load().routes {
			route.sites[r.sh.index].box = nil // its actor is being stopped with this one
		}
	case removed:
		r.onRemoved(ctx, m.route)
	}
}

// onFirstCalls spawns the actor of a route and hands it its first calls.
func (r *resources) onFirstCalls(ctx actor.Context, b *callBatch) {
	route := b.route
	site := &route.sites[r.sh.index]
	if site.gone {
		// It has been removed since these calls were on their way here. Its
		// actor, if it has one, is stopping and would lose them.
		r.refuse(b, &CodeError{Code: codec.NotFound, Diagnostic: "the resource has been removed"})
		return
	}
	if site.box == nil {
		box, err := r.sh.spawn(ctx, roleResource, "r"+strconv.FormatUint(route.seq, 10), route)
		if err != nil {
			r.refuse(b, fmt.Errorf("the resource could not be started: %w", err))
			return
		}
		site.box = box
	}
	r.sh.post(site.box, b)
}

// removedResponse is what the observers of a resource get that is removed.
var removedResponse = &Response{Code: codec.NotFound, Payload: []byte("the resource has been removed")}

// refuse answers calls for which there is no resource.
func (r *resources) refuse(b *callBatch, err error) {
	for i, in := range b.calls {
		b.calls[i] = nil
		if in.view == nil {
			in.sh.stats.rare().refused.Add(1)
		}
		in.unasked, in.err = true, err
		in.sh.post(in.slot.box, in)
	}
	r.sh.putCalls(b)
}

func (r *resources) onRemoved(ctx actor.Context, route *Route) {
	site := &route.sites[r.sh.index]
	site.gone = true
	r.sh.endAll(route, removedResponse)
	if site.box != nil {
		ctx.Poison(site.box.pid) // after what it has still to answer
	}
}

// HandleFailure implements actor.SupervisorStrategy: a resource starts again,
// but for one that keeps failing, which from then on answers 5.03. It keeps its
// actor even then, so that no call that is on its way is lost.
func (r *resources) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	if route := r.routeOf(child); route != nil {
		r.count(route, reason)
	} else {
		r.sh.node.log.Error("actors: a resource failed", "actor", child.Id, "reason", reason)
	}
	sup.RestartChildren(child)
}

func (r *resources) count(route *Route, reason any) {
	n := 1
	if p, ok := reason.(*handlerPanic); ok {
		n = len(p.reasons)
		reason = p.reasons[n-1]
	}
	route.sites[r.sh.index].failure = reason
	now := r.sh.now()
	g := route.gate()
	g.mu.Lock()
	defer g.mu.Unlock()
	var recent []netio.Instant
	for _, t := range g.failures {
		if now.Sub(t) < failureWindow {
			recent = append(recent, t)
		}
	}
	for range min(n, maxFailures+1) {
		recent = append(recent, now)
	}
	g.failures = recent
	if len(recent) > maxFailures && !route.failed.Swap(true) {
		r.sh.node.log.Error("actors: a resource failed too often and is stopped; it answers 5.03 from now on",
			"resource", route.pattern, "failures", len(recent), "within", failureWindow, "reason", reason)
		if w := route.watched.Load(); w != nil {
			w.publish(publication{&Response{Code: codec.ServiceUnavailable, Payload: []byte("the resource has failed")}})
		}
	}
}

func (r *resources) routeOf(pid *actor.PID) *Route {
	for _, route := range r.sh.node.router.Load().routes {
		if p := route.sites[r.sh.index].box; p != nil && p.pid.Id == pid.Id {
			return route
		}
	}
	return nil
}
