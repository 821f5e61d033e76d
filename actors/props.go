package actors

import "github.com/asynkron/protoactor-go/actor"

// All Props are made here: every actor of a node runs on the node's dispatcher
// with our own mailbox, and fails to its parent.

// props makes the Props of an actor of node n. path is for Env.Tap only.
func (n *Node) props(path string, producer actor.Producer) *actor.Props {
	return actor.PropsFromProducer(producer,
		actor.WithDispatcher(&n.loop),
		actor.WithMailbox(func() actor.Mailbox { return newMailbox(n.mailboxTap(path)) }),
	)
}

func (n *Node) mailboxTap(path string) func(any) {
	tap := n.env.Tap
	if tap == nil {
		return nil
	}
	path = n.id + "/" + path
	return func(msg any) { tap(path, msg) }
}

func (n *Node) rootProps() *actor.Props {
	return n.props("node", func() actor.Actor { return &nodeActor{node: n} }).
		Configure(actor.WithGuardian(n.env.roots))
}

func (n *Node) endpointProps() *actor.Props {
	return n.props("endpoint", func() actor.Actor { return &endpoint{sh: n.shard} })
}

func (n *Node) exchangeProps() *actor.Props {
	return n.props("exchange", func() actor.Actor { return &exchange{sh: n.shard} })
}

func (n *Node) resourcesProps() *actor.Props {
	return n.props("resources", func() actor.Actor { return &resources{node: n} })
}

func (n *Node) resourceProps(r *Route) *actor.Props {
	return n.props("resource "+r.pattern, func() actor.Actor { return &resource{node: n, route: r} })
}

func (n *Node) transportProps() *actor.Props {
	return n.props("transport", func() actor.Actor { return &transportActor{node: n} })
}
