package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// WarmSteps is how many steps Node.Warm has.
const WarmSteps = 7

// Warm reads, step by step, what a node is going to need for a datagram that has
// arrived for it, and returns a number that says nothing. What a node knows is in
// many places, and where the next is stands in the one before: a simulator
// that takes a dozen nodes through a step before it takes them through the next
// lets the processor fetch the memory of all of them at the same time. With more
// nodes than its caches hold, that is much of what a delivery costs. It is for
// simulators, as Doze is, and changes nothing.
func (n *Node) Warm(step int, d *netio.Datagram) int {
	sh := &n.home
	if n.asleep || sh.endpoint == nil || sh.workbench == nil {
		return 0
	}
	request := len(d.Data) >= codec.HeaderLen && codec.Code(d.Data[1]).IsRequest()
	if step > 1 && request && n.lastRoute() == nil {
		return 0
	}
	var s *slot // the one that will be used, of a node with little to do
	if step > 1 && len(sh.slots) > 0 {
		s = sh.slots[0]
	}
	v := 0
	switch step {
	case 0:
		if n.observer != nil && n.calls != nil && sh.out == nil {
			v++
		}
		if request {
			v += sh.dedup.Warm(0)
		}
		return v + int(sh.armed) + len(sh.loop.queue) + int(sh.stats.received.Load()+sh.stats.peers.v.Load()) + sh.timers.Len() + sh.peers.Warm(0) + n.shardLimit.Peers
	case 1:
		if t := n.transport.Load(); t != nil && *t != nil && len(sh.slots) > 0 && sh.slots[0] != nil && cap(sh.loop.queue) > 0 && sh.loop.queue[:1][0].box != nil {
			v++
		}
		if request {
			v += sh.dedup.Warm(1)
			if n.lastRoute() != nil {
				v++
			}
		} else if t := n.lastTarget.Load(); t != nil {
			v += len(t.text) + len(t.options) + int(t.dest.Port())
		}
		return v + sh.endpoint.warm() + sh.timers.Warm() + sh.peers.Warm(1) + sh.unacked.n
	case 2:
		v = sh.endpoint.warmContext()
		if s != nil {
			v += s.index + s.unacked
		}
		if request {
			v += n.lastRoute().warm()
		}
		if pe := sh.peers.Find(d.Peer); pe != nil {
			v += int(pe.ID) + pe.Value.serving + sh.peers.WarmEntry(pe)
			if request && len(d.Data) >= codec.HeaderLen {
				v += sh.dedup.WarmKey(protocol.MakeDedupKey(pe.ID, uint16(d.Data[2])<<8|uint16(d.Data[3])))
			}
		}
		return v
	case 3:
		v = sh.endpoint.warmActor()
		if s != nil {
			v += s.box.warm()
		}
		if request {
			r := n.lastRoute()
			if len(r.segments) > 0 {
				v += len(r.segments[0])
			}
			return v + r.sites[0].turns
		}
		if s != nil && s.call != nil {
			v += s.call.warm()
		}
		return v
	}
	if s == nil {
		return 0
	}
	var box *mailbox
	if request {
		box = n.lastRoute().sites[0].box
	}
	switch step {
	case 4:
		v = s.box.warmContext()
		if box != nil {
			v += box.warm()
		}
	case 5:
		v = s.box.warmActor()
		if box != nil {
			v += box.warmContext()
		}
	case 6:
		if box != nil {
			v = box.warmActor()
		}
	}
	return v
}

// lastRoute returns the route that was added last; nil if there is none.
func (n *Node) lastRoute() *Route {
	r := n.router.Load()
	if r == nil || len(r.routes) == 0 {
		return nil
	}
	return r.routes[len(r.routes)-1]
}

func (m *mailbox) warm() int {
	if m.invoker == nil || cap(m.cur) > 0 {
		return 1
	}
	return int(m.pos)
}

func (m *mailbox) warmContext() int {
	if c, ok := m.invoker.(actor.Context); ok && c.Message() == nil && c.Self() != nil {
		return 1
	}
	return 0
}

func (m *mailbox) warmActor() int {
	if c, ok := m.invoker.(actor.Context); ok {
		switch a := c.Actor().(type) {
		case *endpoint:
			return len(a.touched)
		case *exchange:
			return int(a.gen) + len(a.buf) + int(a.dst.ifi) + len(a.msg.Payload)
		case *resource:
			return len(a.panics)
		}
	}
	return 0
}

func (c *Call) warm() int {
	if c.done == nil || c.slot == nil {
		return 1
	}
	return int(c.deadline) + len(c.data) + int(c.room[0])
}

func (r *Route) warm() int {
	if r.removed.Load() {
		return 1
	}
	return int(r.seq) + len(r.segments)
}
