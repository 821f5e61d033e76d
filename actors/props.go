package actors

import (
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
)

// All Props are made here: every actor of a node runs on the dispatcher of its
// shard with our own mailbox, and fails to its parent.

// props makes the Props of an actor of a shard. path is for Env.Tap only.
func (sh *shard) props(path string, producer actor.Producer) *actor.Props {
	return actor.PropsFromProducer(producer,
		actor.WithDispatcher(&sh.loop),
		actor.WithMailbox(func() actor.Mailbox { return newMailbox(sh.mailboxTap(path)) }),
	)
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

func (sh *shard) endpointProps() *actor.Props {
	return sh.props("endpoint", func() actor.Actor { return &endpoint{sh: sh} })
}

func (sh *shard) exchangeProps() *actor.Props {
	return sh.props("exchange", func() actor.Actor { return &exchange{sh: sh} })
}

func (sh *shard) resourcesProps() *actor.Props {
	return sh.props("resources", func() actor.Actor { return &resources{sh: sh} })
}

func (sh *shard) resourceProps(r *Route) *actor.Props {
	return sh.props("resource "+r.pattern, func() actor.Actor { return &resource{sh: sh, route: r, site: &r.sites[sh.index]} })
}

// The node itself and its transport live on the first shard.

func (n *Node) rootProps() *actor.Props {
	return n.shard.props("node", func() actor.Actor { return &nodeActor{node: n} }).
		Configure(actor.WithGuardian(n.env.roots))
}

func (n *Node) transportProps() *actor.Props {
	return n.shard.props("transport", func() actor.Actor { return &transportActor{node: n} })
}
