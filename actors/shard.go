package actors

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// maxDatagram is the most that a UDP datagram over IPv4 holds.
const maxDatagram = 65507

// shard is the plain state that a goroutine of a node keeps for its part of the
// peers, all of them by default: the machines of the message layer, the pool of
// exchanges, and what waits to be sent. Its endpoint and its exchanges are
// actors that share it; as all of them run on that goroutine it needs no lock,
// and as it is no actor it outlives their restarts.
type shard struct {
	node   *Node
	env    *Env
	loop   loop
	params *protocol.Params
	limits *Limits // the shard's part

	endpoint   *mailbox
	*workbench // nil while the node dozes and no timer fires
	*spares
	out  *writer        // nil while there is nothing to send
	obs  *observing     // nil until somebody observes
	echo *protocol.Echo // of a node that is Public
	rand *rand.Rand
	// armed is when the clock's timer will fire; 0 = none.
	armed   netio.Instant
	serving int          // slots that serve a request
	waiting atomic.Int64 // cost of the batches that the endpoint has not seen

	index    int32
	stopping bool
	told     bool  // the node, that nothing is being served any more
	szx      uint8 // size exponent of the blocks that are preferred

	stats  counters
	timers protocol.Deadlines[timer]
	peers  protocol.Peers[peerState]
	dedup  protocol.Dedup

	resources    *mailbox
	observations map[tokenKey]*Observation // the node's own
	blockwise    *blocks                   // nil until it is needed
	clockTimer   netio.Timer
	midSecret    [2]uint64
	servingBytes int // of requests for handlers on goroutines
	keeping      int // peers with keepUntil
	delayed      int // multicast answers that wait for their leisure
	delayedBytes int
	firstGen     uint32 // of new slots: above all of those before a restart
}

// workbench is what a shard works with, and can do without while the node dozes.
type workbench struct {
	slots []*slot
	free  []*slot
	// nil while there are few slots, which are looked at one by one then
	byToken map[tokenKey]*slot
	byMID   map[protocol.DedupKey]*slot // own messages that await ACK or RST
	unacked slotList                    // exchanges with a separate response that is not acknowledged
}

// peerState is what a shard remembers of one peer.
type peerState struct {
	mids      protocol.MessageIDs
	started   bool // mids is
	window    protocol.Window[turn]
	serving   int
	keepUntil netio.Instant // it is pinned for the duplicates that are kept
	guard     *guard        // where the node limits its peers
}

type peerEntry = protocol.PeerEntry[peerState]

// turn is what waits in a peer's window: a call to launch, an exchange whose
// separate response is ready, or a notification.
type turn struct {
	call     *Call
	slot     *slot
	gen      uint32
	observer protocol.ObserverID
}

// tokenKey finds the call that a response is for: tokens belong to a pair of
// endpoints (RFC 7252 §5.3.1).
type tokenKey struct {
	peer  uint64 // peerEntry.ID
	token codec.Token
}

// slot is an exchange's place in the pool. The generation tells a message meant
// for an earlier use from one for the present.
type slot struct {
	index int
	box   *mailbox // of its actor
	gen   uint32
	in    *incoming // the request it serves, or
	call  *Call     // the call it makes
	mid   protocol.DedupKey
	named *peerEntry // whose message ID mid is, while ACK or RST are awaited for it
	heard bool       // an answer to that message has come
	// tokened: responses with the token of its call are for it
	tokened bool
	since   netio.Instant // its present use
	// outstanding: its separate response counts in this peer's window, from the
	// moment at which it is given its turn
	outstanding *peerEntry
	// its place in shard.unacked
	older, newer *slot
	inList       bool
	unacked      int // length of the response, while it is there
	// its timers: for the next step, and for the end
	first, second protocol.Handle
}

// timer is a message that will be posted when its time has come.
type timer struct {
	box *mailbox
	msg any
	// of an exchange, which has no msg: that would be an allocation for each
	// timer, and few of them ever fire
	exchange exchangeTimer
}

func (sh *shard) init(n *Node, index int) {
	suffix := ""
	if index > 0 {
		suffix = strconv.Itoa(index)
	}
	sh.node, sh.index, sh.env, sh.params, sh.limits = n, int32(index), n.env, &n.params, &n.shardLimit
	sh.rand = n.env.Rand(n.id, "shard"+suffix)
	sh.loop.idle = sh.idle
	sh.workbench, sh.spares = &workbench{}, n.env.spares
	if !n.env.Serial {
		sh.spares = &spares{}
	}
	secret := n.env.Rand(n.id, "message IDs"+suffix)
	sh.midSecret = [2]uint64{secret.Uint64(), secret.Uint64()}
	if n.public {
		var secret [16]byte
		for i := range secret {
			secret[i] = byte(sh.rand.Uint32())
		}
		sh.echo = protocol.NewEcho(secret[:], 0)
	}
	sh.dedup.Init(sh.limits.dedup(sh.rand.Uint64()))
	sh.peers.Init(sh.limits.Peers)
}

func (sh *shard) now() netio.Instant { return sh.env.Clock.Now() }

// post sends a message to an actor of this node, or of another.
func (sh *shard) post(to *mailbox, msg any) { sh.env.send(to, msg) }

// idle runs when nothing is left to do: it sends what waits and sees to the
// timer.
func (sh *shard) idle() {
	if sh.obs != nil {
		sh.loop.again = sh.obs.pump()
	}
	sh.publish() // before anybody can have the answers
	sh.flush()
	if sh.node.asleep && sh.workbench != nil {
		sh.workbench = nil
		sh.loop.forget()
	}
	next, ok := sh.nextDue()
	if !ok && sh.obs != nil && sh.armed > 1 {
		// It was for an observer, who is gone: a day is too long to wait for
		// nothing.
		sh.clockTimer.Stop()
		sh.armed = 0
	}
	if !ok || sh.armed != 0 && sh.armed <= next {
		return
	}
	if sh.clockTimer != nil {
		sh.clockTimer.Stop()
	}
	sh.armed = next
	sh.clockTimer = sh.env.Clock.AfterFunc(next.Sub(sh.now()), func() { sh.loop.Schedule(sh.fire) })
}

// disarm ends the timer for good.
func (sh *shard) disarm() {
	if sh.clockTimer != nil {
		sh.clockTimer.Stop()
	}
	sh.armed = 1 // nothing is armed any more
}

// fire posts what is due.
func (sh *shard) fire() {
	now := sh.now()
	sh.armed = 0
	if sh.workbench == nil {
		sh.workbench = &workbench{}
	}
	if sh.obs != nil {
		sh.obs.due(now)
	}
	for {
		t, ok := sh.timers.Pop(now)
		if !ok {
			return
		}
		switch {
		case t.msg == nil:
			sh.post(t.box, t.exchange)
		case !sh.settle(t.msg):
			sh.post(t.box, t.msg)
		}
	}
}

func (sh *shard) after(d time.Duration, to *mailbox, msg any) protocol.Handle {
	return sh.timers.Add(sh.in(d), timer{box: to, msg: msg})
}

// in returns the moment after d.
func (sh *shard) in(d time.Duration) netio.Instant {
	now := sh.now()
	at := now.Add(d)
	if d > 0 && at < now {
		return math.MaxInt64 // later than the clock can tell
	}
	return at
}

func (sh *shard) cancel(h *protocol.Handle) {
	if *h != 0 {
		sh.timers.Cancel(*h)
		*h = 0
	}
}

// acquire takes an exchange from the pool, or makes one; nil if the bound is
// reached. Only the endpoint may call it: exchanges are its children.
func (sh *shard) acquire(ctx actor.Context) *slot {
	if n := len(sh.free); n > 0 {
		s := sh.free[n-1]
		sh.free = sh.free[:n-1]
		s.since = sh.now()
		sh.stats.exchanges.Add(1)
		return s
	}
	if len(sh.slots) >= sh.limits.Exchanges {
		return nil
	}
	s := &slot{index: len(sh.slots), gen: sh.firstGen, since: sh.now()}
	box, err := sh.spawn(ctx, roleExchange, exchangeName+strconv.Itoa(s.index), nil)
	if err != nil {
		sh.node.log.Error("actors: no exchange could be made", "error", err)
		return nil
	}
	s.box = box
	if sh.slots = append(sh.slots, s); len(sh.slots) > fewSlots && sh.byMID == nil {
		sh.indexSlots()
	}
	sh.stats.exchanges.Add(1)
	return s
}

// release puts a slot back. What is still under way to it becomes stale.
func (sh *shard) release(s *slot) {
	sh.cancel(&s.first)
	sh.cancel(&s.second)
	sh.unacked.remove(s)
	sh.unname(s)
	sh.unoutstand(s)
	s.in, s.call, s.tokened = nil, nil, false
	s.gen++
	sh.free = append(sh.free, s)
	sh.stats.exchanges.Add(-1)
}

// name makes ACK and RST for the message ID of a peer find the slot.
func (sh *shard) name(s *slot, pe *peerEntry, mid uint16) {
	sh.unname(s)
	s.mid, s.named, s.heard = protocol.MakeDedupKey(pe.ID, mid), pe, false
	if sh.byMID != nil {
		sh.byMID[s.mid] = s
	}
}

func (sh *shard) unname(s *slot) {
	if pe := s.named; pe != nil {
		if sh.byMID[s.mid] == s {
			delete(sh.byMID, s.mid)
		}
		s.named = nil
		if o := sh.node.observer; o != nil {
			o.Settled(pe.Peer, uint16(s.mid), s.heard)
		}
	}
}

// observe tells of a CON message that is about to be sent.
func (sh *shard) observe(peer netio.Peer, mid uint16, p *protocol.Params) {
	if o := sh.node.observer; o != nil {
		o.Transmits(peer, mid, p)
	}
}

// slotOf finds the slot of an exchange by its name.
func (sh *shard) slotOf(pid *actor.PID) *slot {
	for i := len(pid.Id) - 1; i >= 0; i-- {
		if pid.Id[i] == 'x' {
			if n, err := strconv.Atoi(pid.Id[i+1:]); err == nil && n < len(sh.slots) {
				return sh.slots[n]
			}
			break
		}
	}
	return nil
}

// mids returns the message IDs towards a peer.
func (sh *shard) mids(pe *peerEntry) *protocol.MessageIDs {
	if !pe.Value.started {
		pe.Value.started = true
		pe.Value.mids.Init(sh.firstMID(pe.Peer))
	}
	return &pe.Value.mids
}

// nonMID returns a message ID for a NON message, which is sent even where all
// are in use: a lost answer would be certain, a mistaken duplicate is not.
func (sh *shard) nonMID(pe *peerEntry) uint16 {
	now := sh.now()
	id, _, ok := sh.mids(pe).Next(now, sh.params.NonLifetime())
	if !ok {
		sh.stats.rare().midReused.Add(1)
		id = sh.mids(pe).Force(now)
	}
	return id
}

// keep pins a peer for as long as duplicates of what it sent are kept.
func (sh *shard) keep(pe *peerEntry, until netio.Instant) {
	if pe.Value.keepUntil == 0 {
		sh.keeping++
		sh.peers.Pin(pe)
		sh.timers.Add(until, timer{box: nil, msg: unkeep{pe}})
	}
	pe.Value.keepUntil = max(pe.Value.keepUntil, until)
}

func (sh *shard) onUnkeep(pe *peerEntry) {
	if sh.now() < pe.Value.keepUntil {
		sh.timers.Add(pe.Value.keepUntil, timer{box: nil, msg: unkeep{pe}})
		return
	}
	pe.Value.keepUntil = 0
	sh.keeping--
	sh.peers.Unpin(pe)
}

// checkQuiet tells the node when a stopping shard serves nothing any more. All
// its answers have left then: the node may be about to close the socket.
func (sh *shard) checkQuiet() {
	if sh.stopping && sh.serving == 0 && !sh.told {
		sh.told = true
		sh.flush()
		sh.post(sh.node.box, quiet{})
	}
}

// send encodes m and queues it. What cannot be encoded is logged: it is a
// handler's doing, or ours.
func (sh *shard) send(m *codec.Message, dst to, note string) ([]byte, error) {
	if err := fitsDatagram(m); err != nil {
		sh.node.log.Error("actors: a message could not be sent", "peer", dst.peer, "error", err)
		return nil, err
	}
	data, err := sh.writer().encode(m, dst)
	if err != nil {
		sh.node.log.Error("actors: a message could not be encoded", "peer", dst.peer, "error", err)
		return nil, err
	}
	sh.tap(Sent, dst.peer, m, data, note)
	return data, nil
}

func fitsDatagram(m *codec.Message) error {
	if n := m.EncodedLen(); n > maxDatagram {
		return fmt.Errorf("a message of %d bytes does not fit into a datagram", n)
	}
	return nil
}

// appendDatagram encodes a message that is kept for retransmissions.
func appendDatagram(dst []byte, m *codec.Message) ([]byte, error) {
	if err := fitsDatagram(m); err != nil {
		return dst, err
	}
	return m.Append(dst)
}

// resend queues bytes that were encoded before.
func (sh *shard) resend(data []byte, dst to, note string) {
	sh.writer().copyOut(data, dst)
	if sh.tapped() {
		m := &sh.resent
		if m.Parse(data) == nil {
			sh.tap(Sent, dst.peer, m, data, note)
		}
		clear(m.Options)
		*m = codec.Message{Options: m.Options[:0]}
	}
}

// sendEmpty sends an ACK or RST, or a ping.
func (sh *shard) sendEmpty(t codec.Type, mid uint16, dst to) {
	if protocol.Planted == protocol.BugNoReset && t == codec.RST {
		return
	}
	m := codec.Message{Type: t, MessageID: mid}
	_, _ = sh.send(&m, dst, "")
}
