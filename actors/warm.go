package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// WarmSteps is how many steps Node.Warm has.
const WarmSteps = 8

// Warm reads, step by step, what a node is going to need for a datagram that has
// arrived for it, and returns a number that says nothing. What a node knows is in
// dozens of places, and where the next is stands in the one before: a simulator
// that takes a dozen nodes through a step before it takes them through the next
// lets the processor fetch the memory of all of them at the same time. With more
// nodes than its caches hold, that is much of what a delivery costs. It is for
// simulators, as Doze is, and changes nothing.
func (n *Node) Warm(step int, d *netio.Datagram) int {
	sh := n.shard
	if n.asleep || sh.endpoint == nil && step > 1 {
		return 0
	}
	v := 0
	switch step {
	case 0:
		if n.transport.Load() != nil && n.router.Load() != nil && n.lastTarget.Load() != nil && n.calls != nil {
			v++
		}
		return v + len(n.id) + n.watched
	case 1:
		if sh.endpoint != nil && sh.workbench != nil && sh.dedup != nil && sh.peers != nil {
			v++
		}
		return v + sh.index + sh.serving + int(sh.armed) + len(sh.loop.queue) + int(sh.stats.received.Load()+sh.stats.peers.v.Load()) + len(n.router.Load().routes)
	case 2:
		return sh.endpoint.warm(0) + len(sh.slots) + sh.dedup.Warm(0) + sh.peers.Warm(0) + sh.timers.Warm() + n.router.Load().warm(0)
	case 3:
		v = sh.endpoint.warm(1) + sh.dedup.Warm(1) + sh.peers.Warm(1) + n.router.Load().warm(1)
		if len(sh.slots) > 0 {
			v += sh.slots[0].index + sh.slots[0].unacked
		}
		return v
	}
	v = sh.endpoint.warm(step-2) + n.router.Load().warm(step-2)
	if len(sh.slots) > 0 {
		s := sh.slots[0]
		v += s.box.warm(step - 4)
		if c := s.call; c != nil {
			v += c.warm(step - 4)
		}
	}
	if step == 4 && len(d.Data) >= codec.HeaderLen && codec.Code(d.Data[1]).IsRequest() {
		if pe := sh.peers.Find(d.Peer); pe != nil {
			v += sh.dedup.WarmKey(protocol.MakeDedupKey(pe.ID, uint16(d.Data[2])<<8|uint16(d.Data[3])))
		}
	}
	return v
}

// warm reads a mailbox, then the context of its actor, then the actor.
func (m *mailbox) warm(step int) int {
	switch step {
	case 0:
		if m.scheduled || m.dead {
			return 1
		}
		return int(m.pos) + cap(m.cur)
	case 1:
		v := 0
		if cap(m.cur) > 0 && m.cur[:1][0] != nil || cap(m.user) > 0 && m.user[:1][0] != nil {
			v++
		}
		if c, ok := m.invoker.(actor.Context); ok && c.Self() != nil {
			v++
		}
		return v
	case 2, 3:
		if c, ok := m.invoker.(actor.Context); ok {
			switch a := c.Actor().(type) {
			case *endpoint:
				return len(a.touched) + len(a.msg.Payload)
			case *exchange:
				return int(a.gen) + len(a.buf) + len(a.msg.Payload) + len(a.opts) + int(a.mid)
			case *resource:
				return len(a.panics)
			}
		}
	}
	return 0
}

func (c *Call) warm(step int) int {
	if step == 0 {
		if c.done == nil {
			return 1
		}
		return int(c.deadline) + len(c.req.URI) + int(c.until) + int(c.room[0])
	}
	if step == 1 && c.pe != nil {
		return int(c.pe.ID)
	}
	return 0
}

// warm reads the route that was added last.
func (r *router) warm(step int) int {
	route := r.routes[len(r.routes)-1]
	switch step {
	case 0:
		return int(route.seq)
	case 1:
		v := 0
		if len(route.segments) > 0 {
			v += len(route.segments[0])
		}
		if route.resource.Inline {
			v++
		}
		return v + route.sites[0].turns
	}
	if box := route.sites[0].box; box != nil {
		return box.warm(step - 2)
	}
	return 0
}
