package protocol

import (
	"strconv"
	"unsafe"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// AddTopic makes a topic: a resource that can be observed. With a queue above
// 0, up to 65536, that many of its latest versions are kept for each observer
// and sent one after the other; what is older is dropped and counted. With 0
// only the latest version counts.
func (o *Observers) AddTopic(queue int) TopicID {
	var ref uint32
	if n := len(o.freeTop); n > 0 {
		ref = o.freeTop[n-1]
		o.freeTop = o.freeTop[:n-1]
	} else {
		o.topics = append(o.topics, topic{})
		ref = uint32(len(o.topics))
	}
	t := &o.topics[ref-1]
	*t = topic{gen: t.gen + 1, version: 1, queue: uint32(min(max(queue, 0), maxQueuedVersions)), live: true}
	return o.topicID(ref)
}

// AddSelective makes a topic whose observers are not told all the same: Select
// says who gets what, and numbers the versions of each observer on their own.
// queue is as in AddTopic.
func (o *Observers) AddSelective(queue int) TopicID {
	id := o.AddTopic(queue)
	o.topics[uint32(id)-1].selective = true
	return id
}

// DropTopic removes a topic with all its observers, of whom it returns one a
// call; the caller goes on until ok is false, and then the topic is no more.
// Nobody is told: for a resource that ends there is End.
func (o *Observers) DropTopic(id TopicID) (g Gone, ok bool) {
	t := o.topicAt(id)
	if t == nil {
		return Gone{}, false
	}
	t.final = true
	if t.members.first != 0 {
		return o.remove(t.members.first, GoneDropped), true
	}
	o.deactivate(uint32(id))
	t.live = false
	o.freeTop = append(o.freeTop, uint32(id))
	return Gone{}, false
}

// Gone is what is left of an observer that has been removed.
type Gone struct {
	ID    ObserverID
	Topic TopicID
	Peer  uint64
	Token codec.Token
	Value uint64
	// Placed: it held a place in its peer's Window, which is to be released. MID
	// is the message ID of its last notification.
	Placed bool
	MID    uint16
	Reason GoneReason
}

// GoneReason says why an observer was removed.
type GoneReason uint8

// The reasons. GoneRemoved is that of Remove and RemovePeer.
const (
	GoneRemoved   GoneReason = iota
	GoneReplaced             // the peer has registered again with its token
	GoneCancelled            // a reset came (RFC 7641 §3.6, §4.2)
	GoneTimeout              // no acknowledgement came (RFC 7641 §4.5)
	GoneFinished             // it has got its last notification
	GoneDropped              // its topic is no more
)

// String returns the reason in a word.
func (r GoneReason) String() string {
	switch r {
	case GoneRemoved:
		return "removed"
	case GoneReplaced:
		return "replaced"
	case GoneCancelled:
		return "cancelled"
	case GoneTimeout:
		return "timeout"
	case GoneFinished:
		return "finished"
	case GoneDropped:
		return "dropped"
	}
	return "GoneReason(" + strconv.Itoa(int(r)) + ")"
}

// Put registers an observer: a peer, named by a number such as PeerEntry.ID,
// and the token of its request (RFC 7641 §4.1). The response to the request
// carries the topic's latest version, which therefore is not sent again. value
// is the caller's; con says that all its notifications are to be confirmable
// (QoS 1).
//
// An observer with the same peer and token is replaced, and old says what has
// become of it: on the same topic it keeps its place in the order and its ID.
func (o *Observers) Put(now netio.Instant, id TopicID, peer uint64, token codec.Token, value uint64, con bool) (oid ObserverID, r PutResult, old Gone) {
	t := o.topicAt(id)
	if t == nil || t.final {
		o.stats.Refused++
		return 0, ObserverRefused, Gone{}
	}
	ref := o.lookup(peer, token)
	if ref != 0 && o.at(ref).topic != uint32(id) {
		old = o.remove(ref, GoneReplaced)
		r, ref = ObserverReplaced, 0
	}
	if ref == 0 {
		if ref = o.add(uint32(id), peer, token); ref == 0 {
			o.stats.Refused++
			return 0, ObserverRefused, old
		}
	} else {
		old, r = o.quiet(ref, GoneReplaced), ObserverReplaced
		o.unlink(&o.age, listAge, ref)
	}
	e := o.at(ref)
	e.value, e.flags, e.since = value, e.flags&flagMID, 0
	if con {
		e.flags |= flagCON
	}
	e.sent, e.seen, e.want = t.version, t.version-1, t.version
	o.confirmed(now, ref, e)
	return o.id(ref, e), r, old
}

// add makes an entry, or returns 0 if there is no room.
func (o *Observers) add(topicRef uint32, peer uint64, token codec.Token) uint32 {
	if o.count >= o.cfg.Max {
		return 0
	}
	pref := o.peerOf(peer)
	if pref == 0 {
		if o.watchers >= o.cfg.MaxPeers {
			return 0
		}
		if n := len(o.freePeer); n > 0 {
			pref = o.freePeer[n-1]
			o.freePeer = o.freePeer[:n-1]
		} else {
			o.peers = append(o.peers, observingPeer{})
			pref = uint32(len(o.peers))
		}
		o.peers[pref-1] = observingPeer{id: peer}
		o.byPeer.insert(o.hashPeer(peer), pref)
		o.watchers++
	}
	p := &o.peers[pref-1]
	if int(p.count) >= o.cfg.MaxPerPeer {
		return 0
	}
	ref := o.free
	if ref != 0 {
		o.free = o.at(ref).links[listTopic].next
	} else {
		if o.used%observersPerPage == 0 {
			o.pages = append(o.pages, new([observersPerPage]observer))
		}
		o.used++
		ref = o.used
	}
	e := o.at(ref)
	*e = observer{gen: e.gen + 1, topic: topicRef, peer: pref}
	e.tokenLen = uint8(token.Len())
	token.AppendTo(e.token[:0])
	p.count++
	o.pushBack(&p.members, listPeer, ref)
	t := &o.topics[topicRef-1]
	t.count++
	o.pushBack(&t.members, listTopic, ref)
	o.byToken.insert(o.hashToken(pref, e.token, e.tokenLen), ref)
	o.count++
	return ref
}

// peerOf returns the reference of a peer that has observers, or 0.
func (o *Observers) peerOf(id uint64) uint32 {
	return o.byPeer.find(o.hashPeer(id), func(ref uint32) bool { return o.peers[ref-1].id == id })
}

// lookup returns the entry of a peer and token, or 0.
func (o *Observers) lookup(peer uint64, token codec.Token) uint32 {
	pref := o.peerOf(peer)
	if pref == 0 {
		return 0
	}
	var b [codec.MaxTokenLen]byte
	n := uint8(token.Len())
	token.AppendTo(b[:0])
	return o.byToken.find(o.hashToken(pref, b, n), func(ref uint32) bool {
		e := o.at(ref)
		return e.peer == pref && e.tokenLen == n && e.token == b
	})
}

// Find returns the observer of a peer and token.
func (o *Observers) Find(peer uint64, token codec.Token) (ObserverID, bool) {
	ref := o.lookup(peer, token)
	if ref == 0 {
		return 0, false
	}
	return o.id(ref, o.at(ref)), true
}

// TopicOf returns the topic of an observer.
func (o *Observers) TopicOf(id ObserverID) (t TopicID, ok bool) {
	_, e := o.find(id)
	if e == nil {
		return 0, false
	}
	return o.topicID(e.topic), true
}

// Count returns how many observers there are in all.
func (o *Observers) Count() int { return o.count }

// Value returns what Put was given for an observer.
func (o *Observers) Value(id ObserverID) (value uint64, ok bool) {
	_, e := o.find(id)
	if e == nil {
		return 0, false
	}
	return e.value, true
}

// SetValue replaces what Put was given for an observer.
func (o *Observers) SetValue(id ObserverID, value uint64) bool {
	_, e := o.find(id)
	if e == nil {
		return false
	}
	e.value = value
	return true
}

// Len returns how many observers a topic has.
func (o *Observers) Len(id TopicID) int {
	if t := o.topicAt(id); t != nil {
		return int(t.count)
	}
	return 0
}

// Remove removes an observer: its peer has deregistered (RFC 7641 §3.6).
func (o *Observers) Remove(id ObserverID) (g Gone, ok bool) {
	ref, _ := o.find(id)
	if ref == 0 {
		return Gone{}, false
	}
	return o.remove(ref, GoneRemoved), true
}

// RemovePeer removes the observers of a peer that is gone, one a call; the
// caller goes on until ok is false.
func (o *Observers) RemovePeer(peer uint64) (g Gone, ok bool) {
	pref := o.peerOf(peer)
	if pref == 0 {
		return Gone{}, false
	}
	return o.remove(o.peers[pref-1].members.first, GoneRemoved), true
}

func (o *Observers) token(e *observer) codec.Token {
	t, _ := codec.MakeToken(e.token[:e.tokenLen])
	return t
}

// quiet ends everything that is under way to an entry, and says what the entry
// was.
func (o *Observers) quiet(ref uint32, why GoneReason) Gone {
	e := o.at(ref)
	g := Gone{
		ID: o.id(ref, e), Topic: o.topicID(e.topic), Peer: o.peers[e.peer-1].id, Token: o.token(e), Value: e.value,
		Placed: e.tx.Active() || e.flags&flagGranted != 0, MID: e.mid, Reason: why,
	}
	o.endTransmission(e)
	e.flags &^= flagGranted
	o.move(ref, e, stateIdle)
	if o.out == ref {
		o.out = 0
	}
	return g
}

// endTransmission stops waiting for an acknowledgement.
func (o *Observers) endTransmission(e *observer) {
	if e.tx.Active() {
		e.tx.Stop()
		o.inFlight--
	}
	if e.timer != 0 {
		o.timers.Cancel(e.timer)
		e.timer = 0
	}
	o.slow(e)
	e.flags &^= flagResend
}

// slow takes an entry out of the window.
func (o *Observers) slow(e *observer) {
	if e.flags&flagFast != 0 {
		e.flags &^= flagFast
		o.fast--
	}
}

func (o *Observers) forgetMID(ref uint32, e *observer) {
	if e.flags&flagMID != 0 {
		o.byMID.remove(o.hashMID(e.peer, e.mid), ref)
		e.flags &^= flagMID
	}
}

func (o *Observers) remove(ref uint32, why GoneReason) Gone {
	g := o.quiet(ref, why)
	e := o.at(ref)
	o.forgetMID(ref, e)
	o.byToken.remove(o.hashToken(e.peer, e.token, e.tokenLen), ref)
	o.unlink(&o.age, listAge, ref)
	if o.age.first == 0 && o.ageAt != 0 {
		o.timers.Cancel(o.ageAt)
		o.ageAt = 0
	}
	t := &o.topics[e.topic-1]
	if t.cursor == ref {
		t.cursor = e.links[listTopic].next // 0: the first again
	}
	o.unlink(&t.members, listTopic, ref)
	t.count--
	p := &o.peers[e.peer-1]
	o.unlink(&p.members, listPeer, ref)
	if p.count--; p.count == 0 {
		if p.timer != 0 {
			o.timers.Cancel(p.timer)
			p.timer = 0
		}
		o.byPeer.remove(o.hashPeer(p.id), e.peer)
		o.freePeer = append(o.freePeer, e.peer)
		o.watchers--
	}
	e.topic = 0
	e.links[listTopic].next = o.free
	o.free = ref
	o.count--
	return g
}

// Stats returns the counters.
func (o *Observers) Stats() ObserversStats {
	s := o.stats
	s.Observers, s.Topics, s.Peers = o.count, len(o.topics)-len(o.freeTop), o.watchers
	s.Outstanding = o.inFlight
	s.Memory = len(o.pages)*(observersPerPage*int(unsafe.Sizeof(observer{}))+8) +
		cap(o.topics)*int(unsafe.Sizeof(topic{})) + cap(o.peers)*int(unsafe.Sizeof(observingPeer{})) +
		4*(cap(o.freeTop)+cap(o.freePeer)+cap(o.byToken.slots)+cap(o.byMID.slots)+cap(o.byPeer.slots)) + o.timers.memory()
	return s
}
