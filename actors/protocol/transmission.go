package protocol

import (
	"math"
	"strconv"
	"time"

	"github.com/coap2/coap2/netio"
)

// Verdict is what Transmission.Due tells the sender to do.
type Verdict uint8

// The verdicts of Transmission.Due.
const (
	// Wait: nothing is due yet.
	Wait Verdict = iota
	// Resend: transmit the message again, with the same message ID.
	Resend
	// GiveUp: no acknowledgement came; the transmission has failed.
	GiveUp
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Wait:
		return "Wait"
	case Resend:
		return "Resend"
	case GiveUp:
		return "GiveUp"
	}
	return "Verdict(" + strconv.Itoa(int(v)) + ")"
}

// Transmission is the retransmission of one confirmable message (RFC 7252
// §4.2). The zero value is idle.
//
// A timeout runs from the moment at which the timer before it was served, as
// the RFC has it: the timer is started anew when it fires. A late call delays
// what follows it, and two copies never leave closer together than the
// doubled timeout says. There is one bound: a copy that would leave more than
// AckTimeout after MAX_TRANSMIT_SPAN is not sent, because the receiver may have
// forgotten the message ID when it arrives and would act twice. Then Due says
// GiveUp. Only a sender that was held up for seconds meets this bound.
type Transmission struct {
	deadline netio.Instant
	last     netio.Instant // no copy leaves after it
	timeout  time.Duration // the one that is running; it ends at deadline
	left     uint8         // retransmissions that remain
	attempts uint8
}

// Start begins a transmission: the caller sends the message now, and calls Due
// at the deadline. p has its defaults applied; r is a random number in [0,1)
// that spreads the first timeout between AckTimeout and AckTimeout ·
// AckRandomFactor.
func (t *Transmission) Start(now netio.Instant, p *Params, r float64) (deadline netio.Instant) {
	if !(r >= 0) {
		r = 0
	}
	timeout := p.AckTimeout + time.Duration(min(r, 1)*(p.AckRandomFactor-1)*float64(p.AckTimeout))
	// As Params.Retransmits and MaxTransmitSpan, which would copy p each time.
	left := p.MaxRetransmit
	if left == 0 {
		left = DefaultMaxRetransmit
	}
	left = min(max(left, 0), maxRetransmitLimit)
	if Planted == BugExtraCopy {
		left++
	}
	span := time.Duration(float64(int(1)<<left-1) * p.AckRandomFactor * float64(p.AckTimeout))
	*t = Transmission{
		deadline: now.Add(timeout),
		last:     now.Add(span + p.AckTimeout),
		timeout:  timeout,
		left:     uint8(left),
		attempts: 1,
	}
	return t.deadline
}

// Due says what to do now, and when to call next. A call that comes too early,
// such as one of a timer that has been overtaken, gets Wait and the deadline as
// it was. After Resend the deadline is now plus the doubled timeout; after the
// last retransmission that timeout is still waited for, and then comes GiveUp.
// GiveUp ends the transmission. An idle Transmission gets Wait and 0.
func (t *Transmission) Due(now netio.Instant) (v Verdict, deadline netio.Instant) {
	if t.deadline == 0 || now < t.deadline {
		return Wait, t.deadline
	}
	if t.left == 0 || now > t.last {
		t.Stop()
		return GiveUp, 0
	}
	t.left--
	t.attempts++
	if t.timeout <= math.MaxInt64/2 && Planted != BugBackOff {
		t.timeout *= 2
	}
	t.deadline = now.Add(t.timeout)
	return Resend, t.deadline
}

// Stop ends the transmission: an acknowledgement or reset has come, or the
// caller has lost interest. Attempts can still be read.
func (t *Transmission) Stop() { t.deadline = 0 }

// Active reports whether the transmission still waits for its
// acknowledgement.
func (t *Transmission) Active() bool { return t.deadline != 0 }

// Attempts returns how often the message has been sent, the first time
// included; 0 before Start.
func (t *Transmission) Attempts() int { return int(t.attempts) }
