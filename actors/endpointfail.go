package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/codec"
)

// What becomes of the exchanges of an endpoint when one of them, or the endpoint
// itself, fails.

// HandleFailure implements actor.SupervisorStrategy for the exchanges: the peer
// gets 5.00 or the caller an error, and a new exchange takes the place.
func (e *endpoint) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	sh := e.sh
	sh.stats.rare().panics.Add(1)
	sh.node.log.Error("actors: an exchange failed", "exchange", child.Id, "reason", reason)
	if s := sh.slotOf(child); s != nil {
		sh.failSlot(s, fmt.Errorf("internal error: %v", reason))
	}
	sup.RestartChildren(child)
}

// failSlot ends whatever a slot is doing.
func (sh *shard) failSlot(s *slot, err error) {
	switch {
	case s.call != nil:
		sh.finish(s.call, nil, err)
	case s.in != nil:
		in := s.in
		if in.ctx != nil {
			in.ctx.end(errPeerGone)
		}
		if in.stream != nil { // its blocks have exchanges of their own
			sh.served(s)
			return
		}
		m := codec.Message{Type: codec.NON, Code: codec.InternalServerError, Token: in.msg.Token}
		if in.msg.Type == codec.CON && !in.acked {
			m.Type, m.MessageID = codec.ACK, in.msg.MessageID
		} else {
			m.MessageID = sh.nonMID(in.peer)
		}
		if data, e := sh.send(&m, in.dst, ""); e == nil && m.Type == codec.ACK {
			sh.dedup.Answer(sh.now(), in.key, data)
		}
		sh.served(s)
	}
}

// onRestarting: the endpoint itself failed; its exchanges are being stopped.
func (e *endpoint) onRestarting() {
	for _, s := range e.sh.slots {
		if s.call != nil || s.in != nil {
			e.sh.failSlot(s, fmt.Errorf("internal error: the endpoint restarted"))
		}
		// The new exchanges have the old ones' names, and handlers of old
		// requests will still answer to them.
		e.sh.firstGen = max(e.sh.firstGen, s.gen+1)
	}
	e.sh.slots, e.sh.free = nil, nil
	for _, r := range e.touched {
		r.sites[e.sh.index].pending = nil
	}
}
