package protocol

import (
	"fmt"
	"strconv"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Defaults and bounds of ObserversConfig.
const (
	DefaultObservers        = 1 << 17
	DefaultObserversPerPeer = 1024
	DefaultObserveWindow    = 256
	DefaultNONInterval      = 3 * time.Second // RFC 7641 §4.5.1
	DefaultConfirmEvery     = 16
	DefaultConfirmWithin    = 24 * time.Hour // RFC 7641 §4.5

	maxObservers      = 1<<20 - 1
	maxQueuedVersions = 1 << 16
	observersPerPage  = 256
	maxStepsPerNext   = 1024 // how many members one Next looks at
	membersPerTurn    = 64   // how many until another topic has its turn
)

// What an observeTimer is for.
const (
	ageTimer  = iota // the observer that was confirmed longest ago
	conTimer         // the timeout of an entry
	paceTimer        // the end of a peer's pause
)

// ObserversConfig bounds an Observers and says how it notifies. The zero value
// has the documented defaults.
type ObserversConfig struct {
	// Max is how many observers there may be in all, up to 1<<20 - 1. Default
	// 1<<17; an observer costs about 200 bytes.
	Max int
	// MaxPerPeer is how many of them one peer may have. Default 1024.
	MaxPerPeer int
	// MaxPeers is how many peers may have observers. Default Max.
	MaxPeers int
	// Window is how many confirmable notifications may be under way whose
	// first timeout has not passed: what the network and the node can take at
	// once. Those that had to be retransmitted do not count, so that dead
	// observers cannot block the others. Default 256.
	Window int
	// NONInterval is the least time between non-confirmable notifications to
	// one peer whose round-trip time is not known; where it is known, that is
	// the least time (RFC 7641 §4.5.1). Default 3 s; negative: no limit, for
	// links of one's own.
	NONInterval time.Duration
	// ConfirmEvery says which notifications of an observer that gets
	// non-confirmable ones are confirmable all the same: the first, and then
	// one in so many; the second comes earlier for some than for others, so
	// that not all are to acknowledge at once. Default 16; 1 means all.
	ConfirmEvery int
	// ConfirmWithin is the longest time without a confirmation that an observer
	// is alive: after it a confirmable notification is sent even if nothing has
	// changed (RFC 7641 §4.5). Default 24 h.
	ConfirmWithin time.Duration
	// Params are the transmission parameters of confirmable notifications.
	Params Params
	// Seed decides where keys lie. It is to be random and secret outside of
	// tests and simulations, because peers choose tokens. 0 is a seed as any
	// other.
	Seed uint64
}

// Validate returns an error that names the first field that is out of its
// range.
func (c ObserversConfig) Validate() error {
	for _, f := range [...]struct {
		name       string
		value, max int
	}{
		{"Max", c.Max, maxObservers},
		{"MaxPerPeer", c.MaxPerPeer, maxObservers},
		{"MaxPeers", c.MaxPeers, maxObservers},
		{"Window", c.Window, maxObservers},
		{"ConfirmEvery", c.ConfirmEvery, 255},
	} {
		if f.value < 0 || f.value > f.max {
			return fmt.Errorf("protocol: %s is %d; it must be between 1 and %d, or 0 for the default", f.name, f.value, f.max)
		}
	}
	if c.NONInterval > maxParamDuration {
		return fmt.Errorf("protocol: NONInterval is %v; it must be at most %v", c.NONInterval, maxParamDuration)
	}
	if c.ConfirmWithin < 0 || c.ConfirmWithin > DefaultConfirmWithin {
		return fmt.Errorf("protocol: ConfirmWithin is %v; it must be between 0 (the default) and %v (RFC 7641 §4.5)", c.ConfirmWithin, DefaultConfirmWithin)
	}
	return c.Params.Validate()
}

func (c ObserversConfig) withDefaults() ObserversConfig {
	positive := func(v *int, def, max int) {
		if *v <= 0 {
			*v = def
		}
		*v = min(*v, max)
	}
	positive(&c.Max, DefaultObservers, maxObservers)
	positive(&c.MaxPerPeer, DefaultObserversPerPeer, maxObservers)
	positive(&c.MaxPeers, c.Max, maxObservers)
	positive(&c.Window, DefaultObserveWindow, maxObservers)
	positive(&c.ConfirmEvery, DefaultConfirmEvery, 255)
	if c.NONInterval == 0 {
		c.NONInterval = DefaultNONInterval
	}
	if c.ConfirmWithin <= 0 {
		c.ConfirmWithin = DefaultConfirmWithin
	}
	c.Params = c.Params.WithDefaults()
	return c
}

// ObserverID names an observer. An ID is never used again: that of one which
// is gone names none. 0 names none.
type ObserverID uint64

// Index returns a number that no other observer has at the same time: it is
// below the largest number of observers that there has been, so that what the
// caller knows of each fits in a slice.
func (id ObserverID) Index() int { return int(uint32(id)) - 1 }

// TopicID names a topic. 0 names none, and so does the ID of one that has been
// dropped.
type TopicID uint64

// Observers is a server's table of observers (RFC 7641 §4), those of all its
// resources, each of which is a topic: who observes, what each has been sent
// and when it may be sent more. What it says is not here: a topic has versions,
// numbers that Publish gives out, and who encodes a version keeps it.
//
// A loop of Next and Sent hands out the notifications that may leave now, in
// the order of registration and as many at a time as the caller likes. A
// version that could not be sent before the next one came is replaced by it
// (conflation), unless the topic has a queue.
//
//	v := o.Publish(topic)            // the resource has changed
//	for n, ok := o.Next(now); ok; n, ok = o.Next(now) {
//		// n.Confirmable: take a place in the peer's Window; if there is
//		// none yet, o.Hold(n.ID), and o.Resume(n.ID) when there is one.
//		// Patch n.Token and a message ID into version n.Version, send it.
//		o.Sent(now, n.ID, mid, rand)
//	}
//
// An acknowledgement, reset or timeout goes to Ack, Reset and Due. All calls
// take constant time (those that start or stop a timer logarithmic), and none
// allocates once the table has been as large as it gets. Entries hold no
// pointers.
type Observers struct {
	cfg    ObserversConfig
	secret [2]uint64

	pages    []*[observersPerPage]observer
	used     uint32 // entries that have been in use ever
	free     uint32 // the first free entry, by links[ring].next
	count    int
	topics   []topic
	freeTop  []uint32
	peers    []observingPeer
	freePeer []uint32
	watchers int // peers that are in use

	byToken, byMID, byPeer index

	active  list // topics with a walk under way
	walked  int
	rotate  uint8
	conWait list // confirmable, waiting for room in the window
	ready   list // may be sent
	age     list // all, by confirmBy

	out        uint32 // the entry that Next has handed out, and what it is sent
	outVersion uint32
	outCON     bool

	fast     int // confirmable ones under way that count in the window
	inFlight int
	timers   Deadlines[observeTimer]
	ageAt    Handle
	stats    ObserversStats
}

// observeTimer says what is due, and to which entry or peer.
type observeTimer struct {
	kind uint8
	ref  uint32
}

// observer is one entry. Entries are named by references: index + 1.
type observer struct {
	token     [codec.MaxTokenLen]byte
	value     uint64
	tx        Transmission
	confirmBy netio.Instant
	timer     Handle
	links     [lists]link
	gen       uint32
	topic     uint32
	peer      uint32
	sent      uint32 // version that was sent last
	seen      uint32 // version whose walk has passed here
	want      uint32 // in a selective topic: the last version that is for it
	mid       uint16 // of the last notification
	flags     uint16
	tokenLen  uint8
	state     observerState
	since     uint8 // notifications since the last confirmable one, it included
}

const (
	flagCON      = 1 << iota // all notifications are confirmable
	flagMID                  // mid is in the index
	flagFast                 // counts in the window
	flagGranted              // holds a place in its peer's Window, not used yet
	flagResend               // a retransmission is due
	flagForce                // to be sent although nothing has changed
	flagConfirm              // and confirmable
	flagFinish               // the next one is the last
	flagReleased             // has waited for its peer's pause to end
)

// observerState says which queue an entry is in.
type observerState uint8

const (
	stateIdle     observerState = iota
	stateReady                  // in ready
	stateConWait                // in conWait
	statePeerWait               // in its peer's queue
	stateHeld                   // waits for Resume
	stateOut                    // handed out by Next
)

// topic is one resource. Its members are in the order of registration, and a
// walk goes round them as in a ring.
type topic struct {
	members list
	link    link // in active
	cursor  uint32
	version uint32
	gen     uint32
	count   uint32
	queue   uint32 // versions that are kept; 0: the latest only
	walking bool
	final   bool
	live    bool
	// selective: each member has versions of its own; nobody walks round.
	selective bool
}

type observingPeer struct {
	id      uint64
	members list
	waiting list
	nonFree netio.Instant // when the next non-confirmable one may leave
	timer   Handle
	rtt     uint32 // smoothed, in microseconds; 0: not known
	count   uint32
}

// NewObservers makes an empty table. Values of cfg that Validate would refuse
// are replaced by the nearest that it would not.
func NewObservers(cfg ObserversConfig) *Observers {
	o := &Observers{cfg: cfg.withDefaults(), secret: spread(cfg.Seed)}
	o.byToken.hash = func(ref uint32) uint32 {
		e := o.at(ref)
		return o.hashToken(e.peer, e.token, e.tokenLen)
	}
	o.byMID.hash = func(ref uint32) uint32 { e := o.at(ref); return o.hashMID(e.peer, e.mid) }
	o.byPeer.hash = func(ref uint32) uint32 { return o.hashPeer(o.peers[ref-1].id) }
	return o
}

func (o *Observers) at(ref uint32) *observer {
	ref--
	return &o.pages[ref/observersPerPage][ref%observersPerPage]
}

// find returns the entry with an ID, or 0 and nil.
func (o *Observers) find(id ObserverID) (ref uint32, e *observer) {
	ref = uint32(id)
	if ref == 0 || ref > o.used {
		return 0, nil
	}
	if e = o.at(ref); e.gen != uint32(id>>32) || e.topic == 0 {
		return 0, nil
	}
	return ref, e
}

func (o *Observers) id(ref uint32, e *observer) ObserverID {
	return ObserverID(e.gen)<<32 | ObserverID(ref)
}

func (o *Observers) topicAt(id TopicID) *topic {
	ref := uint32(id)
	if ref == 0 || int(ref) > len(o.topics) {
		return nil
	}
	if t := &o.topics[ref-1]; t.live && t.gen == uint32(id>>32) {
		return t
	}
	return nil
}

func (o *Observers) topicID(ref uint32) TopicID {
	return TopicID(o.topics[ref-1].gen)<<32 | TopicID(ref)
}

// ObserversStats are the counters of an Observers.
type ObserversStats struct {
	// Observers, Topics and Peers are how many there are.
	Observers, Topics, Peers int
	// Outstanding is how many confirmable notifications await their
	// acknowledgement.
	Outstanding int
	// Memory is how many bytes are allocated in all.
	Memory int
	// Sent counts notifications, Confirmable those that were confirmable, both
	// without the Retransmitted.
	Sent, Confirmable, Retransmitted uint64
	// Conflated counts versions that were replaced by later ones before they
	// could be sent; Dropped those that fell out of a topic's queue.
	Conflated, Dropped uint64
	// Cancelled counts observers that a reset removed, TimedOut those that did
	// not acknowledge.
	Cancelled, TimedOut uint64
	// Refused counts registrations for which there was no room.
	Refused uint64
}

// PutResult says what became of a registration.
type PutResult uint8

// The results of Observers.Put.
const (
	// ObserverAdded: a new observer.
	ObserverAdded PutResult = iota
	// ObserverReplaced: the peer had registered with that token before; what
	// was under way to it has ended (RFC 7641 §4.1).
	ObserverReplaced
	// ObserverRefused: there is no room, or the topic is ending. The request
	// is answered as if the resource could not be observed (RFC 7641 §4.1).
	ObserverRefused
)

// String returns the result's name.
func (r PutResult) String() string {
	switch r {
	case ObserverAdded:
		return "ObserverAdded"
	case ObserverReplaced:
		return "ObserverReplaced"
	case ObserverRefused:
		return "ObserverRefused"
	}
	return "PutResult(" + strconv.Itoa(int(r)) + ")"
}
