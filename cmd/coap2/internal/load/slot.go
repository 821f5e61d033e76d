package load

import (
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

// slot is one of the requests that are outstanding at a time.
type slot struct {
	gen      uint32 // counts its requests; part of the token
	endpoint int32
	next     int32 // of the same endpoint; -1 = none
	mid      uint16
	state    state
	sent     netio.Instant
	tx       protocol.Transmission
	// timer has at most one entry for each slot, due at wake or not there at 0.
	// An answer does not take it away: it is looked at again when it is due, so
	// that a request that is answered at once costs nothing.
	timer protocol.Handle
	wake  netio.Instant
}

// state is what a slot waits for.
type state uint8

const (
	idle     state = iota
	sending        // for an acknowledgement or a response
	waiting        // for a response
	resting        // until it may be used again
	sleeping       // until an endpoint can be renewed
)

func (s *slot) outstanding() bool { return s.state == sending || s.state == waiting }

// rest is how long a slot is not used after an error that comes back at once,
// so that a server that is not there is not asked as fast as it can be.
const rest = 100 * time.Millisecond

// ramp brings slots into use that have not been, some at a time.
func (l *Load) ramp(now netio.Instant, out *outbox) {
	for n := 0; n < burst && l.ramped < len(l.slots) && l.phase < draining; n++ {
		l.slots[l.ramped].next = -1
		l.ramped++
		l.outstanding++
		l.launch(now, int32(l.ramped-1), out)
	}
}

// launch makes the next request in a slot that has none, if there is to be one.
func (l *Load) launch(now netio.Instant, i int32, out *outbox) {
	s := &l.slots[i]
	if l.phase >= draining || l.phase == measuring && l.cfg.Count > 0 && l.launched >= l.cfg.Count {
		s.state = idle
		l.outstanding--
		l.settle()
		return
	}
	at := l.places.pop()
	e := &l.endpoints[at]
	if e.left == 0 {
		if e.first >= 0 {
			l.places.push(at)
			s.state = sleeping
			l.parked = append(l.parked, i)
			return
		}
		l.renew(at)
	}
	l.launched++
	e.mid++
	e.left--
	s.gen++
	s.endpoint, s.mid = at, e.mid
	s.next, e.first = e.first, i
	wake := now.Add(l.cfg.Timeout)
	s.state = waiting
	if !l.cfg.NonConfirmable {
		s.state = sending
		wake = min(wake, s.tx.Start(now, &l.cfg.Params, l.rand.Float64()))
	}
	l.arm(i, wake)
	l.transmit(i, out, false)
}

// transmit sends a slot's request, for the first time or again.
func (l *Load) transmit(i int32, out *outbox, again bool) {
	s := &l.slots[i]
	e := &l.endpoints[s.endpoint]
	if again {
		l.res.Retransmissions++
	} else {
		s.sent = 0 // until stamp knows
	}
	l.room(out)
	out.request(e, e.socket, s.mid, l.token(i, s.gen), stamp{i, s.gen, again})
}

// room makes room in an outbox, with the lock held where that cannot be helped.
func (l *Load) room(out *outbox) {
	if out.full() {
		l.stamp(out)
		out.send()
	}
}

// token makes the token of a request. Nobody else can, who has not seen one.
func (l *Load) token(i int32, gen uint32) uint64 { return l.key ^ (uint64(i)<<32 | uint64(gen)) }

// stamp notes when the requests were sent that are about to be.
func (l *Load) stamp(out *outbox) {
	now := l.clock.Now()
	for _, st := range out.slots[:len(out.grams)] {
		if st.index >= 0 && !st.again {
			l.slots[st.index].sent = now
		}
	}
}

// arm sees to it that a slot is looked at when the time has come.
func (l *Load) arm(i int32, at netio.Instant) {
	s := &l.slots[i]
	if s.wake != 0 {
		if s.wake <= at {
			return
		}
		l.timers.Cancel(s.timer)
	}
	s.wake = at
	s.timer = l.timers.Add(at, i)
}

// due looks at a slot whose entry has come to the head of the queue.
func (l *Load) due(now netio.Instant, i int32, out *outbox) {
	s := &l.slots[i]
	s.wake = 0
	switch s.state {
	case resting:
		l.launch(now, i, out)
	case waiting:
		if giveUp := s.sent.Add(l.cfg.Timeout); now < giveUp {
			l.arm(i, giveUp)
			return
		}
		l.fail(now, i, out, Timeout, "no response within "+l.cfg.Timeout.String())
	case sending:
		giveUp := s.sent.Add(l.cfg.Timeout)
		verdict, next := s.tx.Due(now)
		switch {
		case verdict == protocol.GiveUp || now >= giveUp:
			l.fail(now, i, out, Timeout, "no acknowledgement")
			return
		case verdict == protocol.Resend:
			l.transmit(i, out, true)
		}
		l.arm(i, min(next, giveUp))
	}
}

// first reports whether an error would be the first: only that one is worth the
// words that describe it.
func (l *Load) first() bool { return l.res.FirstError == "" }

// failed counts an error.
func (l *Load) failed(k Kind, why string) {
	l.res.Errors[k]++
	if l.res.FirstError == "" {
		l.res.FirstError = why
	}
}

// fail ends a request with an error, and goes on with the next.
func (l *Load) fail(now netio.Instant, i int32, out *outbox, k Kind, why string) {
	l.failed(k, why)
	l.release(now, i, out)
	switch k {
	case Reset, Unreachable, Refused:
		l.slots[i].state = resting
		l.arm(i, now.Add(rest))
	default:
		l.launch(now, i, out)
	}
}

// release takes a request out of a slot: its endpoint may send again.
func (l *Load) release(now netio.Instant, i int32, out *outbox) {
	s := &l.slots[i]
	l.last = now
	s.tx.Stop()
	s.state = idle
	e := &l.endpoints[s.endpoint]
	for at := &e.first; ; at = &l.slots[*at].next {
		if *at == i {
			*at = s.next
			break
		}
	}
	l.places.push(s.endpoint)
	if e.left == 0 && e.first < 0 && len(l.parked) > 0 {
		parked := l.parked
		l.parked = nil
		for _, p := range parked {
			l.launch(now, p, out)
		}
	}
}
