package actors

import (
	"sync/atomic"

	"github.com/coap2/coap2/actors/protocol"
)

// Stats are a node's counters since it started. What is dropped is counted
// here; nothing disappears in silence. When nothing is under way,
//
//	Received = Requests + Blocks + Refused + Shed + Duplicates + Responses +
//	           Acknowledgements + Pings + Unreachable +
//	           all of Dropped except "overload"
type Stats struct {
	// Received and Sent count datagrams. What the network says it could not
	// deliver is received, too.
	Received, Sent uint64
	// Requests counts requests for which a handler was called or is to be;
	// Responses those that a client got.
	Requests, Responses uint64
	// Blocks counts requests of block-wise transfers (RFC 7959) that needed no
	// handler: those that bring a block of a payload but the last, and those that
	// ask for a later block of a response that is kept.
	Blocks uint64
	// Refused counts requests answered with an error that asks no handler:
	// 4.00 for a bad Hop-Limit, 4.02, 4.04, 4.05 and 5.05.
	Refused uint64
	// Acknowledgements counts empty messages, ACK or RST, that answered a
	// message of this node; Pings those that asked whether it is there.
	Acknowledgements, Pings uint64
	// Duplicates counts messages recognised as repeats (RFC 7252 §4.5).
	Duplicates uint64
	// Retransmissions counts CON messages sent again.
	Retransmissions uint64
	// Dropped counts received messages that were ignored or rejected, by why:
	// the strings of protocol.Reason, "unmatched" for answers nobody waits for
	// and what was sent to a group that it does not concern, and "overload" for
	// datagrams that came faster than the node could handle, which are not in
	// Received.
	Dropped map[string]uint64
	// Shed counts requests refused with 5.03 because a bound was reached or the
	// resource has failed, and responses that were not accepted because no
	// duplicate of them could have been recognised.
	Shed uint64
	// Unsent counts answers of handlers that were not sent: errors to a group
	// (RFC 7252 §8.2), where too many answers wait already, and where the request
	// wanted none (RFC 7967).
	Unsent uint64
	// Unacknowledged counts separate responses that were given up because the
	// peer acknowledged none of their transmissions, Abandoned those that were
	// given up earlier to make room: see Limits.Exchanges.
	Unacknowledged, Abandoned uint64
	// SendErrors counts datagrams that the system refused, SendDown those that
	// were lost because the socket was down.
	SendErrors, SendDown uint64
	// SystemDrops counts datagrams that came and never reached the node because
	// a socket's buffer was full; 0 where the transport does not tell (see
	// netio.DropCounter). They are not in Received.
	SystemDrops uint64
	// Unreachable counts ICMP errors.
	Unreachable uint64
	// MessageIDsReused counts answers that were given a message ID whose
	// lifetime (EXCHANGE_LIFETIME, NON_LIFETIME) was not over, because all
	// 61,440 were in use.
	MessageIDsReused uint64
	// Panics counts handlers and actors that panicked; Restarts sockets that
	// were opened again.
	Panics, Restarts uint64
	// Stale counts handlers that answered after the peer had given up.
	Stale uint64
	// ServingBytes is the present length of the requests that handlers on
	// goroutines have or wait for: see Limits.ServingBytes.
	ServingBytes int
	// Peers and Exchanges are the present numbers; PeersPinned are those of the
	// peers that cannot be forgotten now, and PeersEvicted counts those that
	// made room for others.
	Peers, Exchanges, PeersPinned int
	PeersEvicted                  uint64
	// Observe are the counters of observations, given and made.
	Observe ObserveStats
	// Gather are the counters of requests to groups.
	Gather GatherStats
	// Remembered is the memory for duplicates in bytes, of requests and their
	// answers. Forgotten counts idempotent requests that left it before their
	// time, NotRemembered what found no room in it.
	Remembered               int
	Forgotten, NotRemembered uint64
}

// counters are the live form of Stats; any goroutine may read them.
type counters struct {
	received, sent, requests, responses, duplicates, acknowledgements atomic.Uint64
	exchanges, servingBytes                                           atomic.Int64
	peers, pinned, remembered                                         gauge
	// most nodes of a large network never count these
	rarely atomic.Pointer[rareCounters]
	// nil unless the shard is observed, or observes
	observing    atomic.Pointer[observingCounters]
	observations atomic.Pointer[observationCounters]
	gathers      atomic.Pointer[gatherCounters] // nil until a group answers
}

type rareCounters struct {
	retransmissions, blocks, refused, pings, unsent, unacknowledged, abandoned atomic.Uint64
	shed, sendErrors, sendDown, unreachable, midReused                         atomic.Uint64
	panics, restarts, stale, unmatched, overload                               atomic.Uint64
	evicted, forgotten, notRemembered                                          gauge
	dropped                                                                    [protocol.Reasons]atomic.Uint64
}

// rare returns the counters that are made when one of them is needed.
func (c *counters) rare() *rareCounters {
	r := c.rarely.Load()
	if r == nil {
		c.rarely.CompareAndSwap(nil, &rareCounters{})
		r = c.rarely.Load()
	}
	return r
}

// gauge is a number that one goroutine writes, often the same.
type gauge struct{ v atomic.Uint64 }

// set costs a plain read where the number has not changed.
func (g *gauge) set(v uint64) {
	if g.v.Load() != v {
		g.v.Store(v)
	}
}

// publish makes the counters of the shard's tables readable.
func (sh *shard) publish() {
	p := sh.peers.Stats()
	memory, evicted, refused := sh.dedup.Taken()
	c := &sh.stats
	c.pinned.set(uint64(p.Pinned))
	c.remembered.set(uint64(memory))
	if sh.obs != nil {
		sh.obs.publish(c.observing.Load())
	}
	if p.Evicted|evicted|refused == 0 {
		return
	}
	r := c.rare()
	r.evicted.set(p.Evicted)
	r.forgotten.set(evicted)
	r.notRemembered.set(refused)
}

// add adds the counters of a shard to s.
func (c *counters) add(s *Stats) {
	s.Received += c.received.Load()
	s.Sent += c.sent.Load()
	s.Requests += c.requests.Load()
	s.Responses += c.responses.Load()
	s.Duplicates += c.duplicates.Load()
	s.Acknowledgements += c.acknowledgements.Load()
	s.Exchanges += int(c.exchanges.Load())
	s.ServingBytes += int(c.servingBytes.Load())
	s.Peers += int(c.peers.v.Load())
	s.PeersPinned += int(c.pinned.v.Load())
	s.Remembered += int(c.remembered.v.Load())
	c.observing.Load().add(&s.Observe)
	c.observations.Load().add(&s.Observe)
	c.gathers.Load().add(&s.Gather)
	if r := c.rarely.Load(); r != nil {
		r.add(s)
	}
}

func (c *rareCounters) add(s *Stats) {
	for _, x := range []struct {
		sum *uint64
		v   *atomic.Uint64
	}{
		{&s.Blocks, &c.blocks}, {&s.Refused, &c.refused}, {&s.Pings, &c.pings}, {&s.Unsent, &c.unsent},
		{&s.Unacknowledged, &c.unacknowledged}, {&s.Abandoned, &c.abandoned},
		{&s.Retransmissions, &c.retransmissions}, {&s.Shed, &c.shed}, {&s.SendErrors, &c.sendErrors},
		{&s.SendDown, &c.sendDown}, {&s.Unreachable, &c.unreachable}, {&s.MessageIDsReused, &c.midReused},
		{&s.Panics, &c.panics}, {&s.Restarts, &c.restarts}, {&s.Stale, &c.stale},
		{&s.PeersEvicted, &c.evicted.v}, {&s.Forgotten, &c.forgotten.v}, {&s.NotRemembered, &c.notRemembered.v},
	} {
		*x.sum += x.v.Load()
	}
	for i := range c.dropped {
		if n := c.dropped[i].Load(); n > 0 {
			s.Dropped[protocol.Reason(i).String()] += n
		}
	}
	if n := c.unmatched.Load(); n > 0 {
		s.Dropped["unmatched"] += n
	}
	if n := c.overload.Load(); n > 0 {
		s.Dropped["overload"] += n
	}
}
