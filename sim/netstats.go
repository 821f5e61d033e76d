package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim/radio"
)

// Cause says why a datagram did not arrive.
type Cause uint8

// The causes of loss.
const (
	// NotLost: it was not lost.
	NotLost Cause = iota
	// LostOnLink: by chance (Link.Loss, Link.Bursts).
	LostOnLink
	// LostByFault: a Fault drops it or says that it is unreachable.
	LostByFault
	// LostInQueue: a queue had no room (Rate).
	LostInQueue
	// LostInBuffer: the receive buffer had no room (Interface.Buffer).
	LostInBuffer
	// LostByMTU: it was too large for the link (Link.MTU, Oversize).
	LostByMTU
	// LostByPartition: a Partition is in between.
	LostByPartition
	// LostUnreachable: nobody has the address, or no longer.
	LostUnreachable
	// LostByHopLimit: its hop limit came to its end.
	LostByHopLimit
	// LostAtClosed: the socket of the receiver is closed.
	LostAtClosed
	// LostInCollision: it met another on a Medium.
	LostInCollision
	// LostByBusyAir: the air of a Radio was never free.
	LostByBusyAir
	// Causes is how many there are.
	Causes
)

var causes = [Causes]string{"", "loss", "fault", "queue", "buffer", "mtu", "partition", "unreachable", "hop limit", "closed", "collision", "busy air"}

// String returns a word: "loss", "fault", "queue", "buffer", "mtu", "partition",
// "unreachable", "hop limit", "closed", "collision", "busy air".
func (c Cause) String() string {
	if c < Causes {
		return causes[c]
	}
	return fmt.Sprintf("Cause(%d)", uint8(c))
}

// text says it in the trace.
func (c Cause) text() string {
	switch c {
	case LostInQueue:
		return "the queue is full"
	case LostInBuffer:
		return "the receive buffer is full"
	case LostByMTU:
		return "too large"
	case LostUnreachable:
		return "nobody is there"
	case LostAtClosed:
		return "the socket is closed"
	}
	return c.String()
}

// NetStats are the counters of the network since the World began. At any moment
//
//	Copies + Duplicated = Delivered + the sum of Lost + Queued
//
// The network's own news of datagrams that did not arrive (Verdict.Unreachable,
// TooBig) are not in it.
type NetStats struct {
	// Sent is how many datagrams were sent; one that was sent to a group counts
	// once.
	Sent uint64
	// SentBytes is how much payload they had.
	SentBytes uint64
	// Copies is to how many receivers they were sent: one for a unicast
	// datagram, as many as the group has members in its scope for the others.
	Copies uint64
	// Duplicated is how many more copies the network has made.
	Duplicated uint64
	// Delivered is how many copies were handed to their receivers.
	Delivered uint64
	// DeliveredBytes is how much payload they had.
	DeliveredBytes uint64
	// Lost is how many copies did not arrive, by Cause.
	Lost [Causes]uint64
	// Frames is how many frames were sent on a Medium or Radio, and Collisions
	// how many of them met others; each may carry a datagram to many receivers.
	// Those of a Radio are without acknowledgements.
	Frames, Collisions uint64
	// Acks is how many acknowledgements were sent on Radios, Retries how often a
	// frame was sent again for want of one, GivenUp how many frames never got one.
	Acks, Retries, GivenUp uint64
	// Energy is what the Radios of all nodes together have spent their time on.
	Energy radio.Energy
	// Queued is how many copies are under way or wait in a queue or buffer.
	Queued uint64
}

// LostTotal returns the sum of Lost.
func (s *NetStats) LostTotal() uint64 {
	sum := uint64(0)
	for _, n := range s.Lost {
		sum += n
	}
	return sum
}

// Balanced reports whether the counters add up.
func (s *NetStats) Balanced() bool {
	return s.Copies+s.Duplicated == s.Delivered+s.LostTotal()+s.Queued
}

// NetStats returns the counters of the network.
func (w *World) NetStats() NetStats {
	defer w.hold()()
	s := w.stats
	w.addRadio(&s)
	return s
}

// SentBy returns how many datagrams a node or peer has sent, one to a group once,
// and how much payload they had; nothing if there is none of that name.
func (w *World) SentBy(name string) (datagrams, bytes uint64) {
	defer w.hold()()
	if id, ok := w.idOf(name); ok && w.hosts[id] != nil {
		return w.hosts[id].sent, w.hosts[id].sentBytes
	}
	return 0, 0
}

// TransitKind is what happens to a datagram in the network.
type TransitKind uint8

// What happens to datagrams.
const (
	// TransitSent: a node sends it; to a group, once.
	TransitSent TransitKind = iota + 1
	// TransitDelivered: a copy is handed to its receiver.
	TransitDelivered
	// TransitLost: a copy is lost.
	TransitLost
)

// Transit is something that happens to a datagram in the network.
type Transit struct {
	At   netio.Instant
	Kind TransitKind
	// Sent is when its node has sent it.
	Sent netio.Instant
	// From and To are the names of the nodes; To is "" in what is sent to a group
	// or to an address that nobody has.
	From, To string
	// Source and Dest are the addresses in the datagram at this place.
	Source, Dest netip.AddrPort
	// HopLimit is what is left of it.
	HopLimit int
	// Multicast: Dest is a group's.
	Multicast bool
	// Cause says why it is lost; NotLost unless it is.
	Cause Cause
	// Data is the payload, valid during the call and not to be changed.
	Data []byte
}

// Time returns when it happens as calendar time: every World begins with the year
// 2000.
func (t *Transit) Time() time.Time { return clock{}.Wall(t.At) }

// Watch calls f with everything that happens to datagrams in the network, in
// order, until the function that it returns is called. Package pcap writes it to
// a file.
func (w *World) Watch(f func(*Transit)) (stop func()) {
	defer w.hold()()
	x := &watcher{f}
	w.watchers = append(w.watchers, x)
	return func() {
		defer w.hold()()
		for i := range w.watchers {
			if w.watchers[i] == x {
				w.watchers = append(w.watchers[:i:i], w.watchers[i+1:]...)
				return
			}
		}
	}
}

type watcher struct{ f func(*Transit) }
