package actors

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
)

// nodeActor is the root of a node's supervision tree.
type nodeActor struct {
	node      *Node
	transport *mailbox
	sup       actor.Supervisor
	quiet     int // shards of a stopping node that serve nothing any more
	closing   bool
}

// Receive implements actor.Actor.
func (a *nodeActor) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		a.onStarted(ctx)
	case stopNode:
		a.endObservations()
		if m := a.node.naming; m != nil {
			m.leave()
		}
		a.tellEndpoints(stopNode{})
	case stopNow:
		a.tellEndpoints(stopNow{})
		a.endCalls()
	case quiet:
		a.onQuiet()
	case noCalls:
		a.checkDrained()
	case transportClosed:
		ctx.Stop(ctx.Self())
	case reopen:
		a.onReopen()
	case *actor.Stopped:
		a.node.ended()
	}
}

// onStarted spawns the children: the transport last, so that nothing comes in
// before there is somebody to take it.
func (a *nodeActor) onStarted(ctx actor.Context) {
	n := a.node
	for _, sh := range n.shards {
		name := ""
		if sh.index > 0 {
			name = strconv.Itoa(int(sh.index))
		}
		sh.resources = sh.mustSpawn(ctx, roleResources, resourcesName+name)
		sh.endpoint = sh.mustSpawn(ctx, roleEndpoint, endpointName+name)
	}
	if n.naming != nil {
		n.naming.box = n.shard.mustSpawn(ctx, roleNames, namesName)
	}
	a.transport = n.shard.mustSpawn(ctx, roleTransport, transportName)
	n.socket = a.transport
}

// mustSpawn spawns a child. Its name is new: the node's own is.
func (sh *shard) mustSpawn(ctx actor.Context, r role, name string) (box *mailbox) {
	var err error
	if sh == sh.node.shard {
		box, err = sh.spawn(ctx, r, name, nil)
	} else {
		box, err = sh.spawnFrom(ctx, r, name)
	}
	if err != nil {
		panic(err)
	}
	return box
}

// HandleFailure implements actor.SupervisorStrategy. An endpoint and a
// supervisor of resources start again at once; their state is in the shard. A
// dead socket is opened again after a while.
func (a *nodeActor) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	n := a.node
	f, ok := reason.(*socketFailure)
	if !ok {
		n.shard.stats.rare().panics.Add(1)
		n.log.Error("actors: an actor failed and starts again", "actor", child.Id, "reason", reason)
		sup.RestartChildren(child)
		return
	}
	if a.closing {
		sup.ResumeChildren(child)
		return
	}
	if n.openedAt != 0 && n.env.Clock.Now().Sub(n.openedAt) > backoffForget {
		n.failures = 0
	}
	n.openedAt = 0 // that socket has been judged; the next has to live first
	n.failures++
	a.sup = sup
	delay := backoff(n.failures, n.shard.rand.Float64())
	n.log.Error("actors: the socket died; it will be opened again", "error", f.err, "in", delay)
	n.shard.after(delay, n.box, reopen{})
}

func (a *nodeActor) onReopen() {
	if !a.closing && a.sup != nil {
		a.sup.RestartChildren(a.transport.pid)
	}
}

// rootStrategy supervises the nodes of an Env: one that fails itself is
// stopped, which its Stop and its log tell.
type rootStrategy struct{ env *Env }

// HandleFailure implements actor.SupervisorStrategy.
func (s *rootStrategy) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	s.env.Log.Error("actors: a node failed and is stopped", "node", child.Id, "reason", reason)
	sup.StopChildren(child)
}
