package actors

import (
	"github.com/coap2/coap2/actors/protocol"
)

// Doze gives back the actors of a node that has nothing to do, and what they
// work with; they are there again with the next datagram or call. What a node
// knows is not in its actors, so nothing is lost: it remembers its peers and
// their duplicates, and sends the answers that wait for their time. It reports
// whether the node dozes now.
//
// It is for simulators of very many nodes: it must not be called while anything
// else uses the node, nor in its handlers and callbacks.
func (n *Node) Doze() bool {
	if n.asleep {
		return true
	}
	sh := n.shard
	if len(n.shards) > 1 || !sh.loop.enter() {
		return false
	}
	defer sh.loop.leave()
	if !n.Idle() {
		return false
	}
	registry := n.env.System.ProcessRegistry
	forget := func(box *mailbox) {
		if box != nil {
			registry.Remove(box.pid)
			box.die()
		}
	}
	for _, s := range sh.slots {
		// The next have their names.
		sh.firstGen = max(sh.firstGen, s.gen+1)
		forget(s.box)
	}
	for _, r := range n.router.Load().routes {
		forget(r.sites[0].box)
		r.sites[0] = site{}
	}
	for _, box := range [...]*mailbox{sh.endpoint, sh.resources, n.socket, n.box} {
		forget(box)
	}
	n.box, n.socket, n.adopt, n.asleep = nil, nil, true, true
	sh.endpoint, sh.resources = nil, nil
	sh.workbench = nil
	if sh.timers.Len() == 0 {
		sh.timers = protocol.Deadlines[timer]{}
	}
	sh.loop.forget()
	return true
}

// Idle reports whether a node has nothing under way: it serves no request and
// makes none, and its socket is open. It may have answers that wait for their
// leisure. As Doze, it is for simulators.
func (n *Node) Idle() bool {
	if n.asleep {
		return true
	}
	if n.naming != nil { // it listens to others
		return false
	}
	n.mu.Lock()
	busy := n.stopped || n.calls != nil || n.watching != nil
	n.mu.Unlock()
	if busy || len(n.groupCalls()) > 0 || n.box == nil || n.transport.Load() == nil {
		return false
	}
	for _, sh := range n.shards {
		if len(sh.free) < len(sh.slots) || sh.out != nil && len(sh.out.grams) > 0 || sh.serving > 0 || sh.waiting.Load() > 0 || sh.observed() || sh.loop.queued() > 0 {
			return false
		}
	}
	for _, r := range n.router.Load().routes {
		if g := r.gated.Load(); g != nil && g.busy() {
			return false
		}
	}
	return true
}

// rouse spawns the actors of a node that dozes.
func (n *Node) rouse() {
	if !n.asleep {
		return
	}
	n.asleep = false
	if n.shard.workbench == nil {
		n.shard.workbench = &workbench{}
	}
	if err := n.spawn(); err != nil { // the names were given back
		n.log.Error("actors: a node could not be roused", "error", err)
	}
}

// settle handles what needs no actor when its time has come, so that a node that
// waits for it may doze. It reports whether it did.
func (sh *shard) settle(msg any) bool {
	switch m := msg.(type) {
	case *sendDelayed:
		sh.onSendDelayed(m)
	case blockTimer:
		sh.blockwise.onTimer()
	case unkeep:
		sh.onUnkeep(m.peer)
	case unexpected:
		sh.unexpect(m.peer)
		sh.peers.Unpin(m.peer)
	default:
		return false
	}
	return true
}
