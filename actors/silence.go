package actors

import (
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// silenced reports whether a message is a discovery that is none of the node's
// business: of another name, of another part of all nodes, by one that knows it
// already, or of what it has not.
// Where thousands of nodes hear each request and nearly all have nothing to say,
// that must cost them little: no peer is remembered, and no resource asked.
func (n *Node) silenced(m *codec.Message) bool {
	d, ok := n.discovers(m)
	if !ok {
		return false
	}
	me := n.presence()
	if !d.Concerns(me.name, me.id) {
		return true
	}
	_, found := d.Select(n.links())
	return !found
}

// discovers reads a discovery that was sent to a group; ok is false if the message is
// none, or middleware wants to see it.
func (n *Node) discovers(m *codec.Message) (d protocol.DiscoveryRequest, ok bool) {
	if m.Type != codec.NON || m.Code != codec.GET || !m.Options.Has(codec.OptionDiscovery) {
		return d, false
	}
	route := n.router.Load().lookup(m.Options)
	if route == nil || route.resource != &coreResource || route.handlers.Load() != nil {
		return d, false
	}
	d, err := protocol.ParseDiscovery(m.Options)
	return d, err == nil
}

// sleepsThrough reports whether a node that dozes need not be roused for what has
// come: it would say nothing. Dozing is for simulators, and so everything here
// happens on one goroutine.
func (sh *shard) sleepsThrough(ds []netio.Datagram) bool {
	n := sh.node
	if !n.asleep || len(ds) != 1 || !ds[0].Multicast || ds[0].Err != nil {
		return false
	}
	var m codec.Message
	if m.Parse(ds[0].Data) != nil {
		return false
	}
	if !n.silenced(&m) {
		return false
	}
	sh.stats.received.Add(1)
	sh.stats.rare().unsent.Add(1)
	if sh.tapped() {
		bench := sh.workbench
		sh.workbench = &workbench{}
		sh.tap(Received, ds[0].Peer, &m, ds[0].Data, "")
		sh.workbench = bench
	}
	return true
}
