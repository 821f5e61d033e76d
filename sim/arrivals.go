package sim

import (
	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/netio"
)

// packet is a datagram under way. What is sent to a group is one packet for all
// members: who gets it and when is said by the events.
type packet struct {
	from hostID
	// datagram is what is received.
	datagram netio.Datagram
	buf      []byte
	// frame is the one in which it passes a Medium; nil: it passes none.
	frame *frame
	sent  netio.Instant
	// copies that have not arrived yet
	under int32
	place ref
}

// newPacket makes a packet with a copy of data that has not been sent to
// anybody.
func (n *network) newPacket(from hostID, data []byte) *packet {
	var p *packet
	if k := len(n.spares); k > 0 {
		p = n.spares[k-1]
		n.spares = n.spares[:k-1]
	} else {
		p = &packet{}
	}
	p.from = from
	p.buf = append(p.buf[:0], data...)
	p.datagram.Data = p.buf
	p.place = n.packets.put(p)
	return p
}

// arriveAt lets a copy of a packet arrive at a host.
func (w *World) arriveAt(at netio.Instant, p *packet, to hostID) {
	p.under++
	w.agenda.add(at, p.place, to)
}

// release ends the use of a copy of a packet; release of one that was never sent
// is right, too.
func (n *network) release(p *packet) {
	if p.under--; p.under > 0 {
		return
	}
	n.packets.take(p.place)
	if len(n.spares) < 1024 {
		*p = packet{buf: p.buf[:0]}
		n.spares = append(n.spares, p)
	}
}

// arrivals are the packets that arrive at one moment.
type arrivals struct {
	list []arrival
	// last is the place of the last of them at each host, + 1.
	last  []uint32
	inbox []netio.Datagram // scratch
	// warmed is what warm returns, so that it is not found to do nothing.
	warmed int
}

// arrival is a packet that arrives. Those that arrive at the same host are
// chained, in order.
type arrival struct {
	packet *packet
	to     hostID
	next   uint32 // + 1
	first  bool
}

// arrive takes a packet that has arrived at a host.
func (w *World) arrive(e event) {
	p := w.packets.at(e.what)
	if p.frame.lost() {
		w.dropped(e.who, p, LostInCollision)
		w.release(p)
		return
	}
	if w.admit(e.who, p) {
		w.enlist(e.who, p)
	}
}

// enlist notes that a host takes a packet at this moment.
func (w *World) enlist(id hostID, p *packet) {
	a := &w.arrivals
	for len(a.last) < len(w.hosts) {
		a.last = append(a.last, make([]uint32, len(w.hosts)-len(a.last))...)
	}
	a.list = append(a.list, arrival{packet: p, to: id})
	n := uint32(len(a.list))
	if last := a.last[id]; last > 0 {
		a.list[last-1].next = n
	} else {
		a.list[n-1].first = true
	}
	a.last[id] = n
}

// deliver hands out what has arrived: what comes to one host at the same moment
// is one batch.
func (w *World) deliver() {
	a := &w.arrivals
	warm := 0
	for i := range a.list {
		if i == warm && len(a.list) > warmAtOnce && w.live == nil {
			warm = min(i+warmAtOnce, len(a.list))
			w.warm(a.list[i:warm])
		}
		if a.list[i].first {
			w.deliverTo(uint32(i))
		}
	}
	clear(a.list)
	clear(a.inbox[:cap(a.inbox)])
	if cap(a.list) > maxIdleAgenda {
		a.list = nil
	}
	a.list, a.inbox = a.list[:0], a.inbox[:0]
}

// warmAtOnce is for how many arrivals warm is done at once; 16 gives 5 % less.
const warmAtOnce = 32

// warm has the memory fetched that is needed to deliver to some hosts. A node
// has dozens of places, each of which leads to others; to go there for all hosts
// at once takes little longer than for one.
func (w *World) warm(list []arrival) {
	v := 0
	for i := range list {
		p := list[i].packet
		v += int(p.from) + p.datagram.Interface + int(p.under)
		if h := w.hosts[list[i].to]; h != nil {
			v += int(h.id) + int(h.key) + h.starts
			if h.awake && h.firstSock.closed {
				v++
			}
		}
	}
	for step := range 1 + actors.WarmSteps {
		for i := range list {
			h := w.hosts[list[i].to]
			if h == nil || h.node == nil {
				continue
			}
			if step == 0 {
				v += int(h.name[0])
				if from := w.hosts[list[i].packet.from]; from != nil { // it may have been handed out already
					v += len(from.name)
				}
				if data := list[i].packet.buf; len(data) > 0 {
					v += int(data[0])
				}
				continue
			}
			v += h.node.Warm(step-1, &list[i].packet.datagram)
		}
	}
	w.warmed = v
}

// deliverTo hands out the chain that begins with an arrival.
func (w *World) deliverTo(first uint32) {
	a := &w.arrivals
	id := a.list[first].to
	a.last[id] = 0
	h, err := w.wake(id)
	if err != nil {
		w.trace.text(w, traceNote, h.name, err.Error())
	}
	s, lost := h.sock, NotLost
	if !w.isOpen(id) {
		lost = LostAtClosed
	}
	a.inbox = a.inbox[:0]
	for i := first + 1; i > 0; i = a.list[i-1].next {
		p := a.list[i-1].packet
		w.trace.arrive(w, id, p, lost.text())
		w.count(id, p, lost)
		a.inbox = append(a.inbox, p.datagram)
	}
	if lost == NotLost {
		w.used(h)
		s.receiver.Datagrams(a.inbox)
	}
	// Now, so that what is sent next takes a place that the cache still has.
	for i := first + 1; i > 0; i = a.list[i-1].next {
		w.release(a.list[i-1].packet)
	}
}
