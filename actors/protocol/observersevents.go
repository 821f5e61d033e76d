package protocol

import (
	"time"

	"github.com/coap2/coap2/netio"
)

// Ack says that a peer has acknowledged the message with that ID. ok is false if
// it is no confirmable notification that is under way. Otherwise its place in
// the peer's Window is free; if it was the observer's last one, gone is true and
// g says, Placed included, what is left of it.
func (o *Observers) Ack(now netio.Instant, peer uint64, mid uint16) (g Gone, gone, ok bool) {
	ref := o.named(peer, mid)
	if ref == 0 || !o.at(ref).tx.Active() {
		return Gone{}, false, false
	}
	e := o.at(ref)
	if e.tx.Attempts() == 1 {
		// Of a repeated message nobody knows which copy was acknowledged.
		o.peers[e.peer-1].measured(now.Sub(e.tx.deadline.Add(-e.tx.timeout)))
	}
	if e.flags&flagFinish != 0 && e.flags&flagForce == 0 || o.topics[e.topic-1].final && !o.wants(e) {
		return o.remove(ref, GoneFinished), true, true
	}
	o.endTransmission(e)
	o.move(ref, e, stateIdle)
	o.unlink(&o.age, listAge, ref)
	o.confirmed(now, ref, e)
	o.wake(ref, e)
	return Gone{}, false, true
}

// measured takes in a round-trip time, smoothed as in RFC 6298 §2.
func (p *observingPeer) measured(rtt time.Duration) {
	us := uint32(min(max(rtt.Microseconds(), 1), int64(maxParamDuration/time.Microsecond)>>8))
	if p.rtt == 0 {
		p.rtt = us
	} else {
		p.rtt = max((7*p.rtt+us)/8, 1)
	}
}

// Reset says that a peer has rejected the message with that ID: a notification,
// of either type, is not wanted any more (RFC 7641 §3.6, §4.2). ok is false if it
// is the last one of no observer.
func (o *Observers) Reset(peer uint64, mid uint16) (g Gone, ok bool) {
	ref := o.named(peer, mid)
	if ref == 0 {
		return Gone{}, false
	}
	o.stats.Cancelled++
	return o.remove(ref, GoneCancelled), true
}

func (o *Observers) named(peer uint64, mid uint16) uint32 {
	pref := o.peerOf(peer)
	if pref == 0 {
		return 0
	}
	return o.byMIDOf(pref, mid)
}

// Outstanding reports whether a confirmable notification with that message ID
// is under way to a peer.
func (o *Observers) Outstanding(peer uint64, mid uint16) bool {
	ref := o.named(peer, mid)
	return ref != 0 && o.at(ref).tx.Active()
}

// confirmed notes that an observer, which is not in the age list, is alive.
func (o *Observers) confirmed(now netio.Instant, ref uint32, e *observer) {
	e.confirmBy = now.Add(o.cfg.ConfirmWithin)
	if o.age.last != 0 { // the list stays in order even if now does not
		e.confirmBy = max(e.confirmBy, o.at(o.age.last).confirmBy)
	}
	o.pushBack(&o.age, listAge, ref)
	if o.ageAt == 0 {
		o.ageAt = o.timers.Add(e.confirmBy, observeTimer{kind: ageTimer})
	}
}

// Deadline returns when Due is to be called next; ok is false if never.
func (o *Observers) Deadline() (at netio.Instant, ok bool) { return o.timers.Next() }

// Due does what is due: afterwards Next has the retransmissions and what has
// waited for a pause to end. It stops at each observer that has not
// acknowledged, and returns it; the caller goes on until ok is false.
func (o *Observers) Due(now netio.Instant) (g Gone, ok bool) {
	for {
		d, any := o.timers.Pop(now)
		if !any {
			return Gone{}, false
		}
		switch d.kind {
		case ageTimer:
			o.onAge(now)
		case paceTimer:
			o.onPace(now, d.ref)
		case conTimer:
			e := o.at(d.ref)
			e.timer = 0
			v, next := e.tx.Due(now)
			if v == GiveUp {
				o.inFlight--
				o.stats.TimedOut++
				g := o.remove(d.ref, GoneTimeout)
				g.Placed = true
				return g, true
			}
			e.timer = o.timers.Add(next, observeTimer{conTimer, d.ref})
			if v == Resend {
				o.slow(e)
				e.flags |= flagResend
				o.move(d.ref, e, stateReady)
			}
		}
	}
}

// onPace lets the first one that has waited for a peer's pause go.
func (o *Observers) onPace(now netio.Instant, pref uint32) {
	p := &o.peers[pref-1]
	p.timer = 0
	ref := p.waiting.first
	if ref == 0 {
		return
	}
	if now >= p.nonFree { // no other has been sent meanwhile
		e := o.at(ref)
		e.flags |= flagReleased
		o.move(ref, e, stateReady)
		// The next one is given a time at once, as the first may turn out to be
		// confirmable, or go.
		p.nonFree = max(p.nonFree, now)
		if p.waiting.first != 0 {
			p.timer = o.timers.Add(now.Add(o.gap(p)), observeTimer{paceTimer, pref})
		}
		return
	}
	o.pace(pref)
}

// onAge has those asked that have not shown for long that they are alive.
func (o *Observers) onAge(now netio.Instant) {
	o.ageAt = 0
	for o.age.first != 0 {
		ref := o.age.first
		e := o.at(ref)
		if e.confirmBy > now {
			break
		}
		if !e.tx.Active() {
			e.flags |= flagForce | flagConfirm
			o.wake(ref, e)
		}
		o.unlink(&o.age, listAge, ref)
		o.confirmed(now, ref, e)
	}
	if o.ageAt == 0 && o.age.first != 0 {
		o.ageAt = o.timers.Add(o.at(o.age.first).confirmBy, observeTimer{kind: ageTimer})
	}
}
