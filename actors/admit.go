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
	pl := &route.sites[sh.index]
	if pl.pending == nil {
		pl.pending = sh.takeCalls(route)
		e.touched = append(e.touched, route)
	}
	pl.pending.calls = append(pl.pending.calls, in)
}
