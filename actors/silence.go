package actors

import (
	"bytes"

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
	return ok && n.unconcerned(&d)
}

// unconcerned reports whether a discovery is none of the node's business.
func (n *Node) unconcerned(d *protocol.DiscoveryRequest) bool {
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
	if !mayDiscover(m) || !n.plainCore(m) {
		return d, false
	}
	d, err := protocol.ParseDiscovery(m.Options)
	return d, err == nil
}

// mayDiscover reports whether a message looks like a discovery.
func mayDiscover(m *codec.Message) bool {
	return m.Type == codec.NON && m.Code == codec.GET && m.Options.Has(codec.OptionDiscovery)
}

// plainCore reports whether a request is for /.well-known/core as it was made,
// without middleware.
func (n *Node) plainCore(m *codec.Message) bool {
	route := n.router.Load().lookup(m.Options)
	return route != nil && route.resource == &coreResource && route.handlers.Load() == nil
}

// overheard is a datagram to a group as those understand it who doze. There may be
// a hundred thousand of them, so what they all get is read once.
type overheard struct {
	data []byte
	msg  codec.Message
	q    protocol.DiscoveryRequest
	ok   bool // it is a discovery
}

// read reads a datagram, unless it is the one that was read last.
func (o *overheard) read(data []byte) {
	if o.data != nil && bytes.Equal(o.data, data) {
		return
	}
	o.data = append(o.data[:0], data...)
	o.ok = o.msg.Parse(o.data) == nil && mayDiscover(&o.msg)
	if o.ok {
		var err error
		o.q, err = protocol.ParseDiscovery(o.msg.Options)
		o.ok = err == nil
	}
}

// sleepsThrough reports whether a node that dozes need not be roused for what has
// come: it would say nothing. Dozing is for simulators, and so everything here
// happens on one goroutine.
func (sh *shard) sleepsThrough(ds []netio.Datagram) bool {
	n := sh.node
	if !n.asleep || len(ds) != 1 || !ds[0].Multicast || ds[0].Err != nil {
		return false
	}
	o := &sh.spares.overheard
	o.read(ds[0].Data)
	if !o.ok || !n.plainCore(&o.msg) || !n.unconcerned(&o.q) {
		return false
	}
	sh.stats.received.Add(1)
	sh.stats.rare().unsent.Add(1)
	if sh.tapped() {
		bench := sh.workbench
		sh.workbench = &workbench{}
		sh.tap(Received, ds[0].Peer, &o.msg, ds[0].Data, "")
		sh.workbench = bench
	}
	return true
}
