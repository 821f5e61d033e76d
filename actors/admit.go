package actors

import (
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// admit makes a slot serve a request.
func (e *endpoint) admit(s *slot, in *incoming) {
	sh := e.sh
	sh.serving++
	in.peer.Value.serving++
	sh.peers.Pin(in.peer)
	s.in, in.slot, in.gen = in, s, s.gen
}

// enqueue puts a request among those that its resource is to be given.
func (e *endpoint) enqueue(in *incoming, d *netio.Datagram, route *Route) {
	sh := e.sh
	in.route = route
	in.req = Request{
		Method: in.msg.Code, Options: in.msg.Options, Payload: in.msg.Payload,
		NonConfirmable: in.msg.Type == codec.NON, Token: in.msg.Token,
		Peer: d.Peer, Local: d.Local, Multicast: d.Multicast, route: route, node: sh.node,
	}
	if in.body != nil {
		in.req.Payload = in.body
	}
	if in.stream != nil {
		in.req.Payload, in.req.Body = nil, in.stream
	}
	if route.resource.Observable {
		e.observable(in)
	}
	pl := &route.sites[sh.index]
	if pl.pending == nil {
		pl.pending = sh.takeCalls(route)
		e.touched = append(e.touched, route)
	}
	pl.pending.calls = append(pl.pending.calls, in)
}

// shed refuses a request because a bound is reached. It is not remembered: its
// retransmission may find room.
func (e *endpoint) shed(in *incoming, why string) bool {
	e.sh.stats.rare().shed.Add(1)
	if in.peer != nil {
		e.sh.dedup.Forget(in.key)
		in.key = 0
	}
	return e.answer(in, codec.ServiceUnavailable, why)
}

// refuse answers a request with an error without asking a resource. To refuse a
// duplicate again does no harm, so nothing is remembered: requests that come to
// nothing are not to take the room of those that must not be executed twice.
func (e *endpoint) refuse(in *incoming, code codec.Code, diagnostic string) bool {
	e.sh.stats.rare().refused.Add(1)
	e.sh.dedup.Forget(in.key)
	in.key = 0
	return e.answer(in, code, diagnostic)
}

// answer sends an error. A request to a group gets none (RFC 7252 §8.2).
func (e *endpoint) answer(in *incoming, code codec.Code, diagnostic string) bool {
	sh := e.sh
	if !in.group {
		m := &e.msg
		*m = codec.Message{Type: codec.ACK, Code: code, MessageID: in.msg.MessageID, Token: in.msg.Token, Payload: []byte(diagnostic)}
		if in.unwanted(code) {
			*m = codec.Message{Type: codec.ACK, MessageID: in.msg.MessageID}
			if in.msg.Type == codec.NON {
				return false
			}
		}
		if in.msg.Type == codec.NON {
			if in.peer == nil {
				return false // it takes a message ID, and there is no place for one
			}
			m.Type, m.MessageID = codec.NON, sh.nonMID(in.peer)
		}
		_, _ = sh.send(m, in.dst, "")
	}
	return false
}
