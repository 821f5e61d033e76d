package actors

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
)

// All Props are made here. Every actor of a node has our own mailbox, which runs
// it on the run queue of its shard, and fails to its parent.

// role says what an actor is.
type role uint8

const (
	roleNode role = iota
	roleTransport
	roleNames
	roleResources
	roleResource
	roleEndpoint
	roleExchange
)

// The names of actors; those of shards have their numbers behind them.
const (
	transportName = "transport"
	namesName     = "names"
	resourcesName = "resources"
	endpointName  = "endpoint"
	exchangeName  = "x"
)

// nursery is where the actors of a shard begin, and where they begin again: Props
// are the same for all of them, and for all nodes of an Env that run on one
// goroutine.
type nursery struct {
	// box is the mailbox of the actor that is being made.
	box *mailbox
	// child makes an actor with a parent, root that of a node.
	child, root *actor.Props
}

func (n *nursery) props() *actor.Props {
	return actor.PropsFromProducer(
		func() actor.Actor { return n.box.incarnate() },
		actor.WithMailbox(func() actor.Mailbox { return n.box }),
	)
}

// spawn spawns an actor, whose parent runs on the same shard, and returns its
// mailbox. route is that of a resource.
func (sh *shard) spawn(ctx actor.SpawnerContext, r role, name string, route *Route) (*mailbox, error) {
	n := &sh.nursery
	if n.child == nil {
		n.child = n.props()
		n.root = n.props().Configure(actor.WithGuardian(sh.env.roots))
	}
	props := n.child
	if r == roleNode {
		props = n.root
	}
	box := sh.newMailbox(r, route)
	before := n.box
	n.box = box
	pid, err := ctx.SpawnNamed(props, name)
	n.box = before
	if err != nil {
		return nil, err
	}
	box.pid = pid
	return box, nil
}

// spawnFrom spawns an actor whose parent runs on another shard, and so may not
// touch the nursery of this one: it has Props of its own.
func (sh *shard) spawnFrom(ctx actor.SpawnerContext, r role, name string) (*mailbox, error) {
	own := &nursery{box: sh.newMailbox(r, nil)}
	pid, err := ctx.SpawnNamed(own.props(), name)
	if err != nil {
		return nil, err
	}
	own.box.pid = pid
	return own.box, nil
}

func (sh *shard) newMailbox(r role, route *Route) *mailbox {
	box := &mailbox{sh: sh, role: r}
	box.user = box.room[:0]
	if tap := sh.mailboxTap(r, route); tap != nil || route != nil {
		box.rarely = &mailboxExtras{route: route, tap: tap}
	}
	return box
}

// incarnate makes the actor of a mailbox.
func (m *mailbox) incarnate() actor.Actor {
	sh := m.sh
	switch m.role {
	case roleNode:
		return &nodeActor{node: sh.node}
	case roleTransport:
		return &transportActor{node: sh.node}
	case roleNames:
		return namesActor{sh.node.naming}
	case roleResources:
		return &resources{sh: sh}
	case roleResource:
		route := m.rarely.route
		return &resource{sh: sh, route: route, site: &route.sites[sh.index]}
	case roleEndpoint:
		return &endpoint{sh: sh}
	}
	return &exchange{sh: sh}
}

// mailboxTap returns what is told of the messages of an actor, for Env.Tap.
func (sh *shard) mailboxTap(r role, route *Route) func(any) {
	tap := sh.env.Tap
	if tap == nil {
		return nil
	}
	path := ""
	switch r {
	case roleNode:
		path = "node"
	case roleTransport:
		path = transportName
	case roleNames:
		path = namesName
	case roleResources:
		path = resourcesName
	case roleResource:
		path = "resource " + route.pattern
	case roleEndpoint:
		path = endpointName
	case roleExchange:
		path = "exchange"
	}
	if sh.index > 0 {
		path = "shard" + strconv.Itoa(int(sh.index)) + "/" + path
	}
	path = sh.node.id + "/" + path
	return func(msg any) { tap(path, msg) }
}
