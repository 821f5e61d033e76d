package protocol

import (
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Notice is a notification that may leave now.
type Notice struct {
	ID    ObserverID
	Topic TopicID
	Peer  uint64
	Token codec.Token
	// Value is what Put was given.
	Value uint64
	// Version is the version to send. In a topic with a queue, which decides
	// whether it is kept, it is one of the latest ones.
	Version uint32
	// Confirmable: the notification needs a place in its peer's Window, unless
	// Granted says that it has one.
	Confirmable, Granted bool
	// Attempt is 1, or for a retransmission more: then MID is the message ID of
	// the attempt before, and it is used again unless Fresh says that the
	// content is another now (RFC 7641 §4.5.2).
	Attempt int
	MID     uint16
	Fresh   bool
	// Refresh: the version has been sent before. Its Observe option has to be
	// a new number all the same (RFC 7641 §4.4).
	Refresh bool
	// Final: the observer is removed afterwards. The notification is an error
	// response, without Observe option (RFC 7641 §4.2).
	Final bool
}

// Publish says that a topic has a new version and returns its number: one more
// than the last, modulo 2^32.
func (o *Observers) Publish(id TopicID) uint32 {
	t := o.topicAt(id)
	if t == nil {
		return 0
	}
	t.version++
	if !t.walking && t.count > 0 {
		o.activate(uint32(id))
	}
	return t.version
}

// Select says that an observer of a selective topic is to get a new version,
// and returns its number: one more than that observer's last, modulo 2^32. The
// version that Put counts as sent is 1. ok is false if there is no such
// observer, or its topic is ending.
func (o *Observers) Select(id ObserverID) (version uint32, ok bool) {
	ref, e := o.find(id)
	if ref == 0 || !o.topics[e.topic-1].selective || o.topics[e.topic-1].final {
		return 0, false
	}
	e.want++
	o.wake(ref, e)
	return e.want, true
}

// Progress returns the version that an observer was sent last, and whether that
// has arrived as far as the node can know: it is not under way.
func (o *Observers) Progress(id ObserverID) (sent uint32, settled bool) {
	_, e := o.find(id)
	if e == nil {
		return 0, false
	}
	return e.sent, !e.tx.Active()
}

// Renew says that an observer has shown that it is there: its next confirmation
// is due as if it had registered now. What is under way to it goes on.
func (o *Observers) Renew(now netio.Instant, id ObserverID) bool {
	ref, e := o.find(id)
	if ref == 0 {
		return false
	}
	o.unlink(&o.age, listAge, ref)
	o.confirmed(now, ref, e)
	return true
}

// latest returns the last version that is for an observer.
func (t *topic) latest(e *observer) uint32 {
	if t.selective {
		return e.want
	}
	return t.version
}

// Version returns the latest version of a topic.
func (o *Observers) Version(id TopicID) uint32 {
	if t := o.topicAt(id); t != nil {
		return t.version
	}
	return 0
}

// Oldest returns the oldest version that may still be handed out: the caller
// needs not keep earlier ones.
func (o *Observers) Oldest(id TopicID) uint32 {
	t := o.topicAt(id)
	if t == nil {
		return 0
	}
	return t.version - max(t.queue, 1) + 1
}

// End publishes the last version of a topic: the resource is gone, and the
// version is the error that says so (RFC 7641 §4.2). Each observer gets it in a
// confirmable message and is removed when it has acknowledged. Nobody can
// register any more; when Len is 0, DropTopic removes the topic.
func (o *Observers) End(id TopicID) uint32 {
	t := o.topicAt(id)
	if t == nil {
		return 0
	}
	t.final = true
	if t.selective {
		t.version++
		for ref := t.members.first; ref != 0; ref = o.at(ref).links[listTopic].next {
			e := o.at(ref)
			e.want++
			o.wake(ref, e)
		}
		return t.version
	}
	return o.Publish(id)
}

// Mark has the latest version of its topic sent to one observer, although it
// may have got it.
func (o *Observers) Mark(id ObserverID) bool { return o.mark(id, flagForce) }

// Finish ends one observation with an error, such as the 4.06 for an observer
// whose content format there is no more (RFC 7641 §4.2): the Notice says Final.
func (o *Observers) Finish(id ObserverID) bool { return o.mark(id, flagForce|flagFinish) }

func (o *Observers) mark(id ObserverID, flags uint16) bool {
	ref, e := o.find(id)
	if ref == 0 {
		return false
	}
	e.flags |= flags
	o.wake(ref, e)
	return true
}

// wake queues an entry that has something to send and may.
func (o *Observers) wake(ref uint32, e *observer) {
	if e.state == stateIdle && !e.tx.Active() && o.wants(e) {
		o.move(ref, e, stateReady)
	}
}

// wants reports whether there is something that the observer has not got.
func (o *Observers) wants(e *observer) bool {
	return e.flags&flagForce != 0 || e.sent != o.topics[e.topic-1].latest(e)
}

// Pending reports whether Next may have something now.
func (o *Observers) Pending() bool {
	return o.active.first != 0 || o.ready.first != 0 || o.conWait.first != 0 && o.fast < o.cfg.Window
}

// Next returns a notification that may leave now; the caller answers with Sent,
// Hold or Skip before it asks again. ok is false if there is none, or if many
// members of topics had nothing to send: Pending tells which.
func (o *Observers) Next(now netio.Instant) (n Notice, ok bool) {
	if o.out != 0 {
		o.Skip(o.id(o.out, o.at(o.out)))
	}
	for steps := maxStepsPerNext; steps > 0; steps-- {
		ref := uint32(0)
		for range 3 {
			if o.rotate++; o.rotate > 2 {
				o.rotate = 0
			}
			switch {
			case o.rotate == 0:
				ref = o.step(&steps)
			case o.rotate == 1 && o.fast < o.cfg.Window:
				ref = o.conWait.first
			case o.rotate == 2:
				ref = o.ready.first
			}
			if ref != 0 {
				break
			}
		}
		if ref == 0 {
			return Notice{}, false
		}
		e := o.at(ref)
		if o.admit(now, ref, e) {
			return o.handOut(now, ref, e), true
		}
	}
	return Notice{}, false
}

// step goes on with the walk of a topic until a member has something to send.
func (o *Observers) step(steps *int) uint32 {
	for ; *steps > 0 && o.active.first != 0; *steps-- {
		ref := o.active.first
		t := &o.topics[ref-1]
		if t.cursor == 0 {
			t.cursor = t.members.first
		}
		if t.cursor == 0 || o.at(t.cursor).seen == t.version {
			o.deactivate(ref)
			o.walked = 0
			continue
		}
		if o.walked++; o.walked >= membersPerTurn {
			o.walked = 0
			o.deactivate(ref)
			o.activate(ref)
		}
		member := t.cursor
		e := o.at(member)
		e.seen = t.version
		t.cursor = e.links[listTopic].next
		if o.wants(e) && !e.tx.Active() && (e.state == stateIdle || e.state == stateReady) {
			return member
		}
	}
	return 0
}

// activate lets a topic's walk go on, after those of the others.
func (o *Observers) activate(ref uint32) {
	t := &o.topics[ref-1]
	t.walking = true
	t.link = link{prev: o.active.last}
	if o.active.last != 0 {
		o.topics[o.active.last-1].link.next = ref
	} else {
		o.active.first = ref
	}
	o.active.last = ref
}

func (o *Observers) deactivate(ref uint32) {
	t := &o.topics[ref-1]
	if !t.walking {
		return
	}
	t.walking = false
	if t.link.prev != 0 {
		o.topics[t.link.prev-1].link.next = t.link.next
	} else {
		o.active.first = t.link.next
	}
	if t.link.next != 0 {
		o.topics[t.link.next-1].link.prev = t.link.prev
	} else {
		o.active.last = t.link.prev
	}
}

// confirmable reports whether the next notification has to be (wire.md, "QoS";
// RFC 7641 §4.5).
func (o *Observers) confirmable(now netio.Instant, e *observer) bool {
	return e.flags&(flagCON|flagConfirm|flagFinish|flagGranted|flagResend) != 0 || o.topics[e.topic-1].final ||
		e.since == 0 || int(e.since) >= o.cfg.ConfirmEvery || now >= e.confirmBy
}

// admit reports whether an entry may send now, and queues it otherwise.
func (o *Observers) admit(now netio.Instant, ref uint32, e *observer) bool {
	if e.flags&(flagResend|flagGranted) != 0 {
		return true
	}
	if o.confirmable(now, e) {
		mayPass := e.state == stateConWait || o.conWait.first == 0
		if o.fast < o.cfg.Window && mayPass {
			return true
		}
		o.move(ref, e, stateConWait)
		return false
	}
	p := &o.peers[e.peer-1]
	if now >= p.nonFree {
		return true
	}
	released := e.flags&flagReleased != 0
	e.flags &^= flagReleased
	o.move(ref, e, statePeerWait)
	if released { // another was faster; it stays the first
		o.unlink(&p.waiting, listQueue, ref)
		o.pushFront(&p.waiting, listQueue, ref)
	}
	o.pace(e.peer)
	return false
}

// pace sees to it that the first one that waits for a peer's pause is woken.
func (o *Observers) pace(pref uint32) {
	if p := &o.peers[pref-1]; p.timer == 0 && p.waiting.first != 0 {
		p.timer = o.timers.Add(p.nonFree, observeTimer{paceTimer, pref})
	}
}

func (o *Observers) handOut(now netio.Instant, ref uint32, e *observer) Notice {
	t := &o.topics[e.topic-1]
	n := Notice{
		ID: o.id(ref, e), Topic: o.topicID(e.topic), Peer: o.peers[e.peer-1].id, Token: o.token(e), Value: e.value,
		Version: o.target(t, e), Confirmable: o.confirmable(now, e), Granted: e.flags&flagGranted != 0, Attempt: 1,
	}
	unsaid := e.flags&(flagFinish|flagForce) == flagFinish|flagForce // the end of this observation
	if e.flags&flagResend != 0 {
		// In a topic with a queue the one that is lost is repeated; otherwise the
		// attempts go on with the latest state.
		if t.queue > 0 && !t.behind(e, e.sent) && !unsaid {
			n.Version = e.sent
		}
		n.Attempt, n.MID, n.Granted = e.tx.Attempts(), e.mid, true
		n.Fresh = n.Version != e.sent || unsaid
	}
	n.Refresh = n.Version == e.sent && n.Attempt == 1
	n.Final = t.final && n.Version == t.latest(e) || e.flags&flagFinish != 0
	o.move(ref, e, stateOut)
	o.out, o.outVersion, o.outCON = ref, n.Version, n.Confirmable
	return n
}

// behind reports whether a version has fallen out of the queue.
func (t *topic) behind(e *observer, version uint32) bool {
	return int32(version-(t.latest(e)-t.queue+1)) < 0
}

// target returns the version that an observer gets next.
func (o *Observers) target(t *topic, e *observer) uint32 {
	switch {
	case t.queue == 0 || e.sent == t.latest(e) || e.flags&flagFinish != 0:
		return t.latest(e)
	case t.behind(e, e.sent+1):
		return t.latest(e) - t.queue + 1
	}
	return e.sent + 1
}

// Hold says that the notification has to wait for a place in its peer's Window.
// The observer rests until Resume.
func (o *Observers) Hold(id ObserverID) {
	if ref, e := o.find(id); ref != 0 && e.state == stateOut {
		o.out = 0
		e.state = stateHeld
	}
}

// Resume says that an observer that was held has a place in its peer's Window;
// Next will hand it out. It reports whether there is still something to send;
// if not, the place is free.
func (o *Observers) Resume(id ObserverID) bool {
	ref, e := o.find(id)
	if ref == 0 || e.state != stateHeld {
		return false
	}
	if e.state = stateIdle; !o.wants(e) {
		return false
	}
	e.flags |= flagGranted
	o.move(ref, e, stateReady)
	return true
}

// Skip says that what Next returned cannot be sent, and leaves that version out
// for this observer. A place in the peer's Window that it had is free.
func (o *Observers) Skip(id ObserverID) {
	ref, e := o.find(id)
	if ref == 0 || e.state != stateOut {
		return
	}
	o.out = 0
	if e.flags&flagResend == 0 {
		e.sent = o.outVersion
		e.flags &^= flagForce | flagConfirm | flagGranted | flagReleased
	}
	e.flags &^= flagResend
	e.state = stateIdle
	o.wake(ref, e)
}

// Sent says that what Next returned has left with that message ID. r is a
// random number in [0,1) for the first timeout of a confirmable one.
func (o *Observers) Sent(now netio.Instant, id ObserverID, mid uint16, r float64) {
	ref, e := o.find(id)
	if ref == 0 || e.state != stateOut {
		return
	}
	o.out = 0
	e.state = stateIdle
	t := &o.topics[e.topic-1]
	if skipped := o.outVersion - e.sent; skipped > 1 {
		if t.queue > 0 {
			o.stats.Dropped += uint64(skipped - 1)
		} else {
			o.stats.Conflated += uint64(skipped - 1)
		}
	}
	resend := e.flags&flagResend != 0
	// What has been asked for has been said, unless this was an older version
	// once more.
	if !resend || o.outVersion != e.sent || e.flags&flagFinish != 0 {
		e.flags &^= flagForce | flagConfirm
	}
	e.flags &^= flagResend | flagGranted | flagReleased
	e.sent = o.outVersion
	o.rename(ref, e, mid)
	p := &o.peers[e.peer-1]
	switch {
	case resend:
		o.stats.Retransmitted++
	case o.outCON:
		o.stats.Sent++
		o.stats.Confirmable++
		at := e.tx.Start(now, &o.cfg.Params, r)
		e.timer = o.timers.Add(at, observeTimer{conTimer, ref})
		o.inFlight++
		o.fast++
		e.flags |= flagFast
		if e.since == 0 {
			// From the first on each has its own turn, so that not all are to
			// acknowledge at once.
			e.since = uint8((ref - 1) % uint32(o.cfg.ConfirmEvery))
		} else {
			e.since = 0
		}
		e.since++
	default:
		o.stats.Sent++
		e.since++
		p.nonFree = now.Add(o.gap(p))
		o.pace(e.peer)
		o.wake(ref, e) // a queue may hold more
	}
}

// gap returns the least time between two non-confirmable notifications.
func (o *Observers) gap(p *observingPeer) time.Duration {
	switch {
	case o.cfg.NONInterval < 0:
		return 0
	case p.rtt == 0:
		return o.cfg.NONInterval
	}
	return time.Duration(p.rtt) * time.Microsecond
}

// rename notes the message ID by which a reset will name the notification.
func (o *Observers) rename(ref uint32, e *observer, mid uint16) {
	if e.flags&flagMID != 0 && e.mid == mid {
		return
	}
	o.forgetMID(ref, e)
	if other := o.byMIDOf(e.peer, mid); other != 0 {
		o.forgetMID(other, o.at(other)) // sent so long ago that its ID is used again
	}
	e.mid = mid
	e.flags |= flagMID
	o.byMID.insert(o.hashMID(e.peer, mid), ref)
}

func (o *Observers) byMIDOf(pref uint32, mid uint16) uint32 {
	return o.byMID.find(o.hashMID(pref, mid), func(ref uint32) bool {
		e := o.at(ref)
		return e.peer == pref && e.mid == mid
	})
}
