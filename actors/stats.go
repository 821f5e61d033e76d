package actors

import (
	"sync/atomic"

	"github.com/coap2/coap2/actors/protocol"
)

// Stats are a node's counters since it started. What is dropped is counted
// here; nothing disappears in silence.
type Stats struct {
	// Received and Sent count datagrams.
	Received, Sent uint64
	// Requests counts requests handed to resources; Responses those that a
	// client got.
	Requests, Responses uint64
	// Duplicates counts messages recognised as repeats (RFC 7252 §4.5).
	Duplicates uint64
	// Retransmissions counts CON messages sent again.
	Retransmissions uint64
	// Dropped counts received messages that were ignored, by why: the strings
	// of protocol.Reason, "unmatched" for answers nobody waits for, and
	// "overload" for datagrams that came faster than the node could handle.
	Dropped map[string]uint64
	// Shed counts requests refused with 5.03 because a bound was reached.
	Shed uint64
	// SendErrors counts datagrams that the system refused, SendDown those that
	// were lost because the socket was down.
	SendErrors, SendDown uint64
	// Unreachable counts ICMP errors.
	Unreachable uint64
	// MessageIDsReused counts answers that were given a message ID whose
	// lifetime (EXCHANGE_LIFETIME, NON_LIFETIME) was not over, because all
	// 65,536 were in use.
	MessageIDsReused uint64
	// Panics counts handlers and actors that panicked; Restarts sockets that
	// were opened again.
	Panics, Restarts uint64
	// Stale counts handlers that answered after the peer had given up.
	Stale uint64
	// Peers and Exchanges are the present numbers.
	Peers, Exchanges int
}

// counters are the live form of Stats; any goroutine may read them.
type counters struct {
	received, sent, requests, responses, duplicates, retransmissions atomic.Uint64
	shed, sendErrors, sendDown, unreachable, midReused               atomic.Uint64
	panics, restarts, stale, unmatched, overload                     atomic.Uint64
	peers, exchanges                                                 atomic.Int64
	dropped                                                          [protocol.Reasons]atomic.Uint64
}

func (c *counters) read() Stats {
	s := Stats{
		Received: c.received.Load(), Sent: c.sent.Load(),
		Requests: c.requests.Load(), Responses: c.responses.Load(),
		Duplicates: c.duplicates.Load(), Retransmissions: c.retransmissions.Load(),
		Dropped: map[string]uint64{}, Shed: c.shed.Load(),
		SendErrors: c.sendErrors.Load(), SendDown: c.sendDown.Load(), Unreachable: c.unreachable.Load(),
		MessageIDsReused: c.midReused.Load(), Panics: c.panics.Load(), Restarts: c.restarts.Load(), Stale: c.stale.Load(),
		Peers: int(c.peers.Load()), Exchanges: int(c.exchanges.Load()),
	}
	for i := range c.dropped {
		if n := c.dropped[i].Load(); n > 0 {
			s.Dropped[protocol.Reason(i).String()] = n
		}
	}
	if n := c.unmatched.Load(); n > 0 {
		s.Dropped["unmatched"] = n
	}
	if n := c.overload.Load(); n > 0 {
		s.Dropped["overload"] = n
	}
	return s
}
