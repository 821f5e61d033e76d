package actors

import (
	"strconv"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// All Props are made here: every actor of a node runs on the dispatcher of its
// shard with our own mailbox, and fails to its parent.

// props makes the Props of an actor of a shard. path is for Env.Tap only.
func (sh *shard) props(path string, producer actor.Producer) *actor.Props {
	return actor.PropsFromProducer(producer,
		actor.WithDispatcher(&sh.loop),
		actor.WithMailbox(func() actor.Mailbox {
			sh.born = &mailbox{loop: &sh.loop, tap: sh.mailboxTap(path)}
			return sh.born
		}),
	)
}

// spawn spawns an actor and returns its mailbox.
func (sh *shard) spawn(ctx actor.SpawnerContext, p *actor.Props, name string) (*mailbox, error) {
	pid, err := ctx.SpawnNamed(p, name)
	if err != nil {
		return nil, err
	}
	box := sh.born
	sh.born, box.pid = nil, pid
	return box, nil
}

// cell is an actor that finds out what it is when it hears its name: so one Props
// serves all actors of a shard but the root, which has a guardian, and the
// resources.
type cell struct {
	sh    *shard
	actor actor.Actor
}

// Receive implements actor.Actor.
func (c *cell) Receive(ctx actor.Context) {
	if c.actor == nil {
		c.actor = c.sh.incarnate(ctx.Self().Id)
	}
	c.actor.Receive(ctx)
}

// HandleFailure implements actor.SupervisorStrategy.
func (c *cell) HandleFailure(system *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, message any) {
	// Only supervisors have children that can fail.
	c.actor.(actor.SupervisorStrategy).HandleFailure(system, sup, child, rs, reason, message)
}

// incarnate makes the actor of a name.
func (sh *shard) incarnate(id string) actor.Actor {
	switch name := id[strings.LastIndexByte(id, '/')+1:]; {
	case name == namesName:
		return namesActor{sh.node.naming}
	case name == transportName:
		return &transportActor{node: sh.node}
	case strings.HasPrefix(name, resourcesName):
		return &resources{sh: sh}
	case strings.HasPrefix(name, endpointName):
		return &endpoint{sh: sh}
	}
	return &exchange{sh: sh}
}

// The names of actors; those of shards have their numbers behind them.
const (
	transportName = "transport"
	namesName     = "names"
	resourcesName = "resources"
	endpointName  = "endpoint"
	exchangeName  = "x"
)

// cellProps returns the Props of an actor of the shard, which are the same for
// all of them unless somebody wants to know who gets messages.
func (sh *shard) cellProps(path string) *actor.Props {
	if sh.cells == nil || sh.env.Tap != nil {
		sh.cells = sh.props(path, func() actor.Actor { return &cell{sh: sh} })
	}
	return sh.cells
}

func (sh *shard) mailboxTap(path string) func(any) {
	tap := sh.env.Tap
	if tap == nil {
		return nil
	}
	if sh.index > 0 {
		path = "shard" + strconv.Itoa(sh.index) + "/" + path
	}
	path = sh.node.id + "/" + path
	return func(msg any) { tap(path, msg) }
}

func (sh *shard) resourceProps(r *Route) *actor.Props {
	return sh.props("resource "+r.pattern, func() actor.Actor { return &resource{sh: sh, route: r, site: &r.sites[sh.index]} })
}

func (n *Node) rootProps() *actor.Props {
	return n.shard.props("node", func() actor.Actor { return &nodeActor{node: n} }).
		Configure(actor.WithGuardian(n.env.roots))
}
