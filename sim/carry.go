package sim

import (
	"fmt"
	"math"
	"net/netip"

	"github.com/coap2/coap2/netio"
)

// defaultHopLimit is that of an Interface that does not say otherwise.
const defaultHopLimit = 64

// groupDraws takes the place of the generation of a flow for what goes to groups
// without one.
const groupDraws = math.MaxUint64

// carriage brings a datagram to one receiver or to many, who share its bytes.
type carriage struct {
	w    *World
	from *host
	// sender is the address of the node, src and dst those in the datagram, local
	// the one at which it is received.
	sender, src, dst, local netip.AddrPort
	data                    []byte
	multicast               bool
	scope                   Scope  // of the group
	seq                     uint64 // of what is sent to groups, by anyone
	nth                     uint64 // of what from has sent to groups
	class                   uint32 // of the sender
	leaves                  netio.Instant
	left                    bool // the sender's queue had room
	// sends is the frame on the Medium of the sender, passes the one in which it
	// comes to the receiver that is its turn; nil: there is no Medium.
	sends, passes *frame
	// A datagram to a group comes from outside for those who are not behind nat
	// as well, and is another one for them.
	nat     *natRule
	outside netip.AddrPort
	// packets are the datagram as it was sent, once it has receivers: one for
	// each address that it comes from, and each Medium.
	packets []*packet
	room    [2]*packet // of packets
	// ether is the Radio of the sender, nil without; station is what he is there,
	// hears the receiver that is its turn, cast the copies that it is to bring.
	ether          *ether
	station, hears int
	cast           []aired
}

// takeCarriage returns a carriage, whatever is in it; there are as many as
// datagrams are sent while others are.
func (n *network) takeCarriage() *carriage {
	if k := len(n.carriages); k > 0 {
		c := n.carriages[k-1]
		n.carriages = n.carriages[:k-1]
		return c
	}
	return &carriage{}
}

// putCarriage gives back what takeCarriage has returned.
func (n *network) putCarriage(c *carriage) {
	c.data, c.packets, c.cast = nil, nil, nil
	n.carriages = append(n.carriages, c)
}

// begin counts the datagram and lets it leave its node.
func (c *carriage) begin() {
	w := c.w
	w.stats.Sent++
	w.stats.SentBytes += uint64(len(c.data))
	c.from.sent++
	c.from.sentBytes += uint64(len(c.data))
	c.class = w.classOf(c.from.id)
	if c.multicast {
		w.groupSent++
		c.from.groupSent++
		c.seq, c.nth = w.groupSent, c.from.groupSent
		c.scope = ScopeOf(c.dst.Addr())
	}
	c.leaves, c.left = w.now, true
	if i := w.iface(c.class); i.Bandwidth > 0 {
		if c.from.uplink == nil {
			c.from.uplink = &bottleneck{}
		}
		c.leaves, c.left = c.from.uplink.pass(i.Rate, w.now, c.size(), 0)
	}
	if c.ether = w.classes[c.class-1].ether(); c.ether != nil {
		c.station, c.hears = c.ether.station(w, c.from.id), noStation
	}
	if s := w.classes[c.class-1].segment; c.left && s != nil && s.air != nil {
		if c.from.radio == nil {
			c.from.radio = &bottleneck{}
		}
		if c.sends, c.left = s.air.air.send(w, c.from.radio, c.leaves, c, 0, nil); c.left {
			c.leaves = c.sends.end
		}
	}
}

// header returns the length of the IP header.
func (c *carriage) header() int {
	if c.dst.Addr().Is4() {
		return 20
	}
	return 40
}

// size returns the length of the IP packet.
func (c *carriage) size() int { return c.header() + udpHeader + len(c.data) }

const udpHeader = 8

// fragments returns in how many fragments the datagram goes through an MTU, and
// how many bytes they have together.
func (c *carriage) fragments(mtu int) (n, size int) {
	size = c.size()
	if mtu == 0 || size <= mtu {
		return 1, size
	}
	header := c.header()
	if header == 40 {
		header += 8 // the Fragment header, RFC 8200 §4.5
	}
	room := (mtu - header) &^ 7
	body := udpHeader + len(c.data)
	n = (body + room - 1) / room
	return n, body + n*header
}

// hopLimit returns how many hops the datagram has when it is sent.
func (c *carriage) hopLimit() int {
	i := c.w.iface(c.class)
	limit := i.HopLimit
	if c.multicast {
		limit = i.GroupHopLimit
	}
	if limit == 0 {
		return defaultHopLimit
	}
	return limit
}

// carry decides on what becomes of the datagram on its way to a host, and lets
// it go.
func (c *carriage) carry(id hostID) {
	w := c.w
	if !w.fresh { // what has just been called has told the network something new
		c.class = w.classOf(c.from.id)
	}
	class := w.classOf(id)
	src := c.src
	if c.nat != nil && c.nat != w.classes[class-1].nat {
		src = c.outside
	}
	way := w.wayOf(c.class, class)
	if c.multicast && way.hops > 0 && way.border >= c.scope {
		return // there it is another group
	}
	if !c.tune(w.classes[class-1].ether(), id) {
		if !c.multicast {
			w.stats.Copies++
			c.lose(w.nameOfID(id), nil, LostUnreachable)
		}
		return
	}
	w.stats.Copies++
	link := way.link
	var f *flow
	if link.stateful() || link.random() && !c.multicast {
		f = w.flows.of(c.from.id, id)
	}
	at, n, cause := c.travel(way, f)
	if cause != NotLost {
		c.lose(w.nameOfID(id), nil, cause)
		if cause == LostByMTU && link.Oversize == TooBig {
			f.narrow = true
			err := fmt.Errorf("sim: a packet of %d bytes is too big for the way to %v, which carries %d: %w", c.size(), c.dst, link.MTU, netio.ErrTransient)
			c.news(id, later(w.now, 2*int64(link.Latency)), err)
		}
		return
	}
	r := w.draws.r
	if link.random() {
		generation, nth := uint64(groupDraws), c.nth
		if f != nil {
			f.count++
			generation, nth = f.generation, f.count
		}
		r = w.draws.of(c.from.key, w.keyOf(id), generation, nth)
	}
	v := link.chance(r, f, n, len(c.data))
	if v.Drop {
		cause = LostOnLink
	}
	if len(w.faults) > 0 {
		w.judge(&v, &Packet{At: w.now, From: c.from.name, To: w.nameOfID(id), Source: src, Dest: c.dst, Data: c.data, Multicast: c.multicast},
			w.classes[c.class-1], w.classes[class-1])
	}
	if v.Drop || v.Unreachable != nil {
		if cause == NotLost {
			cause = LostByFault
		}
		c.lose(w.nameOfID(id), &v, cause)
		if v.Unreachable != nil {
			c.news(id, later(w.now, 2*int64(link.delay(r, 1, v.Delay))), v.Unreachable)
		}
		return
	}
	if !c.multicast || !v.passes() {
		w.trace.send(w, c.from, w.nameOfID(id), c.data, &v, "")
	}
	p := (*packet)(nil)
	if v.Edit != nil {
		data := v.Edit(append([]byte(nil), c.data...))
		p = c.make(src, data[:min(len(data), maxPayload)])
	} else {
		p = c.shared(src)
	}
	w.stats.Duplicated += uint64(v.Copies)
	for i := range 1 + v.Copies {
		arrives := later(at, int64(link.delay(r, n, v.Delay)))
		if link.InOrder && i == 0 && v.Delay == 0 {
			arrives = max(arrives, f.last)
			f.last = arrives
		}
		w.stats.Queued++
		if c.ether != nil {
			c.put(p, id, arrives.Sub(at))
			continue
		}
		w.arriveAt(arrives, p, id)
	}
}

// travel brings the datagram through routers and queues. It returns when it has
// passed them, in how many fragments, or why it has not.
func (c *carriage) travel(x *way, f *flow) (at netio.Instant, fragments int, cause Cause) {
	switch {
	case !c.left:
		return 0, 0, LostInQueue
	case x.hops > 0 && c.dst.Addr().IsLinkLocalUnicast():
		return 0, 0, LostUnreachable
	case x.hops >= c.hopLimit():
		return 0, 0, LostByHopLimit
	case x.cut:
		return 0, 0, LostByPartition
	}
	fragments, size := c.fragments(x.link.MTU)
	if fragments > 1 && x.link.Oversize != Fragment && (f == nil || !f.narrow) {
		return 0, 0, LostByMTU
	}
	at, ok := c.leaves, true
	c.passes = c.sends
	for _, g := range x.gates {
		if g.air != nil {
			if c.passes, ok = g.air.send(c.w, &g.air.router, at, c, c.seq, c.passes); !ok {
				return 0, 0, LostInQueue
			}
			at = c.passes.end
			continue
		}
		if at, ok = g.pass(g.Rate, at, size, c.seq); !ok {
			return 0, 0, LostInQueue
		}
	}
	if x.link.Bandwidth > 0 {
		if at, ok = f.queue.pass(x.link.Rate, at, size, 0); !ok {
			return 0, 0, LostInQueue
		}
	}
	return at, fragments, NotLost
}

// lose counts a copy that is lost. v is what chance and faults say, or nil if it
// did not come to that.
func (c *carriage) lose(to string, v *Verdict, cause Cause) {
	w := c.w
	w.stats.Lost[cause]++
	why := ""
	if v == nil {
		why = cause.text()
	}
	w.trace.send(w, c.from, to, c.data, v, why)
	c.tell(to, cause)
}

// sent tells that the datagram is sent.
func (c *carriage) sent(to string) { c.tell(to, NotLost) }

// tell tells those who watch that the datagram is sent, or that a copy is lost.
func (c *carriage) tell(to string, cause Cause) {
	if len(c.w.watchers) == 0 {
		return
	}
	t := Transit{Kind: TransitSent, Sent: c.w.now, From: c.from.name, To: to, Source: c.src, Dest: c.dst,
		HopLimit: c.hopLimit(), Multicast: c.multicast, Cause: cause, Data: c.data}
	if cause != NotLost {
		t.Kind = TransitLost
	}
	c.w.tellWatchers(&t)
}

// news tells the sender that the datagram has not arrived at a host.
func (c *carriage) news(id hostID, at netio.Instant, err error) {
	p := c.w.newPacket(id, c.data[:min(len(c.data), maxQuoted)])
	p.datagram.Peer.Addr, p.datagram.Local, p.datagram.Err = c.dst, c.sender, err
	c.w.arriveAt(at, p, c.from.id)
}

// shared returns the packet that all receivers share who get the datagram as it
// was sent, from a source address, in one frame if there are any.
func (c *carriage) shared(src netip.AddrPort) *packet {
	for _, p := range c.packets {
		if p.datagram.Peer.Addr == src && p.frame == c.passes {
			return p
		}
	}
	if c.packets == nil {
		c.packets = c.room[:0]
	}
	p := c.make(src, c.data)
	p.under++ // until done
	c.packets = append(c.packets, p)
	return p
}

func (c *carriage) make(src netip.AddrPort, data []byte) *packet {
	p := c.w.newPacket(c.from.id, data)
	p.frame = c.passes
	p.sent = c.w.now
	d := &p.datagram
	d.Peer.Addr, d.Local, d.Multicast, d.Interface = src, c.local, c.multicast, 1
	return p
}

// done says that there are no more receivers.
func (c *carriage) done() {
	if c.ether != nil && c.left && c.station >= 0 && (c.multicast || c.hears >= 0) {
		c.transmit()
	}
	for _, p := range c.packets {
		c.w.release(p)
	}
}

// tellWatchers tells those who watch the network what happens.
func (w *World) tellWatchers(t *Transit) {
	if w.trace.closed {
		return
	}
	t.At = w.now
	for _, x := range w.watchers {
		x.f(t)
	}
}
