package actors

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/actors/protocol"
)

// ObserveConfig says how a node tells observers, and how it observes. The zero
// value has the documented defaults.
//
// An observer gets notifications in NON messages, but for the first and then one
// in ConfirmEvery, which are CON: so the node learns that the observer is there,
// and how long the way to it is (RFC 7641 §4.5). NON notifications go to one
// peer no more often than one in a round trip, which the first CON measures; if
// that one had to be repeated the round trip is not known, and NONInterval
// counts until the next. What is published meanwhile replaces what waits, and is
// counted. Where every notification matters, see Resource.Confirmable and
// Resource.Queue.
type ObserveConfig struct {
	// Window is how many CON notifications may be under way to all observers of
	// a shard together that have not had to be repeated; 0 = 256. NSTART bounds
	// those to one peer.
	Window int
	// NONInterval is the least time between NON notifications to a peer whose
	// round-trip time is not known; 0 = 3 s (RFC 7641 §4.5.1). Negative: no
	// limit, however long the round trip, for links of one's own.
	NONInterval time.Duration
	// ConfirmEvery: besides the first, one notification in so many is CON, 1 to
	// 255; 0 = 16. The second comes earlier to some observers than to others, so
	// that not all acknowledge at once.
	ConfirmEvery int
	// ConfirmWithin is after how long an observer is asked by a CON
	// notification whether it is still there, if it has not shown it; 0 = 24 h,
	// which is also the most (RFC 7641 §4.5).
	ConfirmWithin time.Duration
	// Registration says when the node's own observations are renewed, after
	// Max-Age and after failures.
	Registration protocol.RegistrationConfig
}

func (c *ObserveConfig) table(params protocol.Params) protocol.ObserversConfig {
	return protocol.ObserversConfig{
		Window: c.Window, NONInterval: c.NONInterval, ConfirmEvery: c.ConfirmEvery, ConfirmWithin: c.ConfirmWithin, Params: params,
	}
}

func (c *ObserveConfig) validate(l *Limits) error {
	t := c.table(protocol.Params{})
	t.Max, t.MaxPerPeer = l.Observers, l.ObserversPerPeer
	if err := t.Validate(); err != nil {
		return fmt.Errorf("actors: Config.Observe: %w", err)
	}
	if err := c.Registration.Validate(); err != nil {
		return fmt.Errorf("actors: Config.Observe.Registration: %w", err)
	}
	return nil
}

// ObserveStats are the counters of observations.
type ObserveStats struct {
	// Observers and Peers are the present numbers of observers and of the peers
	// that they are at, and Memory what the table of them takes, in bytes.
	Observers, Peers, Memory int
	// Notifications counts those that were sent, Confirmable the CON ones among
	// them, and Retransmitted what was sent again.
	Notifications, Confirmable, Retransmitted uint64
	// Conflated counts states that an observer was not told because a newer one
	// came before, once for each observer, and Dropped those that found no room
	// in a Resource.Queue.
	Conflated, Dropped uint64
	// Cancelled counts observers that rejected a notification, TimedOut those
	// that did not acknowledge, and Refused registrations for which there was no
	// room.
	Cancelled, TimedOut, Refused uint64

	// Subscribers are the observers that have a rule. Samples counts what was
	// evaluated for them, once at each shard, and Unevaluated what was replaced
	// or dropped before; Selected the notifications that rules have chosen, sent,
	// conflated or dropped; and Expired the leases that were not renewed. Undecoded
	// counts what was not of its content format, here and where this node evaluates
	// rules itself as a subscriber: such a sample has no fields.
	Subscribers                             int
	Samples, Unevaluated, Selected, Expired uint64
	Undecoded                               uint64

	// Observations is how many observations the node itself makes at present.
	Observations int
	// Received counts notifications that were delivered, Stale those that newer
	// ones had overtaken, and Registrations the requests that began or renewed
	// an observation.
	Received, Stale, Registrations uint64
}

// observingCounters are the live form of the first half of ObserveStats.
type observingCounters struct {
	observers, peers, memory                         gauge
	notifications, confirmable, retransmitted        gauge
	conflated, dropped, cancelled, timedOut, refused gauge
	subscribers                                      gauge
	samples, unevaluated, selected, expired          gauge
	undecoded                                        gauge
}

// publish makes the counters of the table readable.
func (o *observing) publish(c *observingCounters) {
	t := o.table.Stats()
	c.observers.set(uint64(t.Observers))
	c.peers.set(uint64(t.Peers))
	c.memory.set(uint64(t.Memory))
	c.notifications.set(t.Sent)
	c.confirmable.set(t.Confirmable)
	c.retransmitted.set(t.Retransmitted)
	c.conflated.set(t.Conflated + o.conflated)
	c.dropped.set(t.Dropped + o.dropped)
	c.cancelled.set(t.Cancelled)
	c.timedOut.set(t.TimedOut)
	c.refused.set(t.Refused + o.refused)
	c.subscribers.set(uint64(len(o.byNumber)))
	c.samples.set(o.samples)
	c.unevaluated.set(o.unevaluated)
	c.selected.set(o.selected)
	c.expired.set(o.expired)
	c.undecoded.set(o.undecoded)
}

// add adds the counters of a shard to s; nil adds nothing.
func (c *observingCounters) add(s *ObserveStats) {
	if c == nil {
		return
	}
	s.Observers += int(c.observers.v.Load())
	s.Peers += int(c.peers.v.Load())
	s.Memory += int(c.memory.v.Load())
	s.Subscribers += int(c.subscribers.v.Load())
	for _, x := range []struct {
		sum *uint64
		v   *gauge
	}{
		{&s.Notifications, &c.notifications}, {&s.Confirmable, &c.confirmable}, {&s.Retransmitted, &c.retransmitted},
		{&s.Conflated, &c.conflated}, {&s.Dropped, &c.dropped}, {&s.Cancelled, &c.cancelled},
		{&s.TimedOut, &c.timedOut}, {&s.Refused, &c.refused},
		{&s.Samples, &c.samples}, {&s.Unevaluated, &c.unevaluated}, {&s.Selected, &c.selected}, {&s.Expired, &c.expired},
		{&s.Undecoded, &c.undecoded},
	} {
		*x.sum += x.v.v.Load()
	}
}

// observationCounters are the live form of the second half of ObserveStats.
type observationCounters struct {
	received, stale, registrations, undecoded atomic.Uint64
}

// client returns the counters of own observations; the shard's goroutine alone
// may ask.
func (c *counters) client() *observationCounters {
	o := c.observations.Load()
	if o == nil {
		o = &observationCounters{}
		c.observations.Store(o)
	}
	return o
}

func (c *observationCounters) add(s *ObserveStats) {
	if c == nil {
		return
	}
	s.Received += c.received.Load()
	s.Stale += c.stale.Load()
	s.Registrations += c.registrations.Load()
	s.Undecoded += c.undecoded.Load()
}
