package actors

import (
	"fmt"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// resources is the supervisor of the resource actors. It spawns each when its
// first request comes, and decides what becomes of one that fails.
type resources struct {
	node     *Node
	failures map[*Route][]netio.Instant
}

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
		for _, route := range r.node.router.Load().routes {
			route.pid = nil // its actor is being stopped with this one
		}
	case removed:
		r.onRemoved(ctx, m.route)
	}
}

// onFirstCalls spawns the actor of a route and hands it its first calls.
func (r *resources) onFirstCalls(ctx actor.Context, b *callBatch) {
	route := b.route
	if route.gone {
		// It has been removed since these calls were on their way here. Its
		// actor, if it has one, is stopping and would lose them.
		r.refuse(b, &CodeError{Code: codec.NotFound, Diagnostic: "the resource has been removed"})
		return
	}
	if route.pid == nil {
		pid, err := ctx.SpawnNamed(r.node.resourceProps(route), "r"+strconv.FormatUint(route.seq, 10))
		if err != nil {
			r.refuse(b, fmt.Errorf("the resource could not be started: %w", err))
			return
		}
		route.pid = pid
	}
	r.node.shard.post(route.pid, b)
}

// refuse answers calls for which there is no resource.
func (r *resources) refuse(b *callBatch, err error) {
	for i, in := range b.calls {
		b.calls[i] = nil
		in.sh.stats.refused.Add(1)
		in.unasked, in.err = true, err
		in.sh.post(in.slot.pid, in)
	}
	r.node.shard.putCalls(b)
}

func (r *resources) onRemoved(ctx actor.Context, route *Route) {
	delete(r.failures, route)
	route.gone = true
	if route.pid != nil {
		ctx.Poison(route.pid) // after what it has still to answer
	}
}

// HandleFailure implements actor.SupervisorStrategy: a resource starts again,
// but for one that keeps failing, which from then on answers 5.03. It keeps its
// actor even then, so that no call that is on its way is lost.
func (r *resources) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	if route := r.routeOf(child); route != nil {
		r.count(route, reason)
	} else {
		r.node.log.Error("actors: a resource failed", "actor", child.Id, "reason", reason)
	}
	sup.RestartChildren(child)
}

func (r *resources) count(route *Route, reason any) {
	n := 1
	if p, ok := reason.(*handlerPanic); ok {
		n = len(p.reasons)
		route.failure = p.reasons[n-1]
	} else {
		route.failure = reason
	}
	now := r.node.env.Clock.Now()
	if r.failures == nil {
		r.failures = map[*Route][]netio.Instant{}
	}
	recent := r.failures[route][:0:0]
	for _, t := range r.failures[route] {
		if now.Sub(t) < failureWindow {
			recent = append(recent, t)
		}
	}
	for range min(n, maxFailures+1) {
		recent = append(recent, now)
	}
	r.failures[route] = recent
	if len(recent) > maxFailures && !route.failed.Swap(true) {
		r.node.log.Error("actors: a resource failed too often and is stopped; it answers 5.03 from now on",
			"resource", route.pattern, "failures", len(recent), "within", failureWindow, "reason", reason)
	}
}

func (r *resources) routeOf(pid *actor.PID) *Route {
	for _, route := range r.node.router.Load().routes {
		if route.pid != nil && route.pid.Id == pid.Id {
			return route
		}
	}
	return nil
}
