package sim

import "github.com/coap2/coap2/netio"

// nic is the receive buffer of a node whose Interface bounds it.
type nic struct {
	// At moment so many datagrams and bytes have come, if it has no Service.
	moment       netio.Instant
	count, bytes int
	// waiting are those that wait for their turn, bytes of which is above; the
	// node is busy until then.
	waiting []*packet
	busy    netio.Instant
	timer   netio.Timer // nil when nothing waits
}

// fits reports whether one more datagram has room besides count others.
func (b *nic) fits(i *Interface, count, size int) bool {
	return (i.Buffer == 0 || count < i.Buffer) && (i.BufferBytes == 0 || b.bytes+size <= i.BufferBytes)
}

// admit brings a datagram that has arrived into the receive buffer of its node.
// It reports whether the node takes it now: otherwise it waits or is lost.
func (w *World) admit(id hostID, p *packet) bool {
	i := w.iface(w.classOf(id))
	if i.Buffer == 0 && i.BufferBytes == 0 && i.Service == 0 || p.datagram.Err != nil || !w.isOpen(id) {
		return true
	}
	b := w.nics[id]
	if b == nil {
		b = &nic{}
		w.nics[id] = b
	}
	size := len(p.datagram.Data)
	if i.Service == 0 && len(b.waiting) == 0 {
		if b.moment != w.now {
			b.moment, b.count, b.bytes = w.now, 0, 0
		}
		if !b.fits(i, b.count, size) {
			w.overflow(id, p)
			return false
		}
		b.count++
		b.bytes += size
		return true
	}
	if b.timer == nil && b.busy <= w.now {
		b.busy = w.after(i.Service)
		b.bytes = 0
		return true
	}
	if !b.fits(i, len(b.waiting), size) {
		w.overflow(id, p)
		return false
	}
	b.waiting = append(b.waiting, p)
	b.bytes += size
	if b.timer == nil {
		b.timer = clock{w}.AfterFunc(b.busy.Sub(w.now), func() { w.serve(id, b) })
	}
	return false
}

// serve lets a node take what has waited longest.
func (w *World) serve(id hostID, b *nic) {
	p := b.waiting[0]
	b.waiting[0] = nil
	if b.waiting = b.waiting[1:]; len(b.waiting) == 0 {
		b.waiting = nil
	}
	b.bytes -= len(p.datagram.Data)
	b.busy = w.after(w.iface(w.classOf(id)).Service)
	b.timer = nil
	if len(b.waiting) > 0 {
		b.timer = clock{w}.AfterFunc(b.busy.Sub(w.now), func() { w.serve(id, b) })
	}
	w.enlist(id, p)
}

// overflow loses a datagram for which there is no room.
func (w *World) overflow(id hostID, p *packet) {
	w.dropped(id, p, LostInBuffer)
	w.release(p)
}

// flush loses what waits in the receive buffer of a node: its socket is closed.
func (w *World) flush(id hostID) {
	b := w.nics[id]
	if b == nil {
		return
	}
	if b.timer != nil {
		b.timer.Stop()
	}
	for _, p := range b.waiting {
		w.dropped(id, p, LostAtClosed)
		w.release(p)
	}
	delete(w.nics, id)
}

// dropped counts a datagram that came to its receiver and is lost there.
func (w *World) dropped(id hostID, p *packet, cause Cause) {
	w.trace.arrive(w, id, p, cause.text())
	w.count(id, p, cause)
}

// count counts a datagram that has come to its end, good or bad.
func (w *World) count(id hostID, p *packet, cause Cause) {
	d := &p.datagram
	if d.Err != nil {
		return
	}
	s := &w.stats
	s.Queued--
	kind := TransitLost
	if cause == NotLost {
		kind = TransitDelivered
		s.Delivered++
		s.DeliveredBytes += uint64(len(d.Data))
	} else {
		s.Lost[cause]++
	}
	if len(w.watchers) > 0 {
		t := Transit{Kind: kind, Cause: cause, Sent: p.sent} // here: it is made on the heap
		t.From, t.To, t.Source, t.Dest, t.Data, t.Multicast = w.nameOfID(p.from), w.nameOfID(id), d.Peer.Addr, d.Local, d.Data, d.Multicast
		c := carriage{w: w, class: w.classOf(p.from), multicast: d.Multicast}
		t.HopLimit = max(1, c.hopLimit()-w.wayOf(c.class, w.classOf(id)).hops)
		w.tellWatchers(&t)
	}
}
