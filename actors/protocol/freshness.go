package protocol

import (
	"math"
	"time"

	"github.com/coap2/coap2/netio"
)

const (
	// maxSequence is the largest value of an Observe option (RFC 7641 §2).
	maxSequence = 1<<24 - 1
	// halfSequence is how far a newer sequence number is ahead at most (§3.4).
	halfSequence = 1 << 23
	// reorderTime is how long a notification can be under way: one that
	// arrives later than this after another one is newer, whatever its number
	// (§3.4).
	reorderTime = 128 * time.Second
)

// Freshness tells newer notifications from those that the network has
// reordered (RFC 7641 §3.4). The zero value has seen none.
type Freshness struct {
	seen bool
	v1   uint32
	t1   netio.Instant
}

// Newer reports whether a notification with that sequence number, which has
// arrived now, is newer than the newest so far, and if so remembers it. The
// first one is. A number of more than 24 bits is taken modulo 2^24.
func (f *Freshness) Newer(now netio.Instant, v2 uint32) bool {
	v2 &= maxSequence
	newer := !f.seen ||
		f.v1 < v2 && v2-f.v1 < halfSequence ||
		f.v1 > v2 && f.v1-v2 > halfSequence ||
		now > f.t1.Add(reorderTime)
	if newer {
		*f = Freshness{true, v2, now}
	}
	return newer
}

// Stale reports whether a notification with that sequence number, which arrives
// now, is not newer than the newest so far, and remembers nothing.
func (f *Freshness) Stale(now netio.Instant, v2 uint32) bool {
	after := *f
	return !after.Newer(now, v2)
}

// Restart forgets what was seen: the response to a new registration is taken
// whatever its number, because a server that has restarted begins anew (RFC
// 7641 §3.4 compares notifications of one registration).
func (f *Freshness) Restart() { *f = Freshness{} }

const (
	// sequenceStep is the least average time between two sequence numbers: at
	// 2^15 in a second a quarter of the numbers pass within reorderTime.
	sequenceStep = time.Second >> 15
	// sequenceBurst is how many may be taken at once after a pause.
	sequenceBurst = 1<<22 - 1<<16
)

// Sequence makes the sequence numbers of the notifications of one resource (RFC
// 7641 §4.4): strictly increasing modulo 2^24, and never half of the circle
// within 128 s, so that a client that compares them by §3.4 is always right.
// The zero value begins at 1; Init chooses another beginning.
type Sequence struct {
	last uint32
	// full is when a burst of sequenceBurst numbers is allowed again.
	full netio.Instant
}

// Init makes the number after start the next one. A server that has lost its
// state begins where it could not have been before, best at random.
func (s *Sequence) Init(start uint32) { *s = Sequence{last: start & maxSequence} }

// Next returns the next number. If numbers have been taken so fast that the
// next one could be mistaken for an older one, ok is false and at is when there
// will be one: the notification waits, and later states replace it. That is at
// more than 32,768 notifications a second for more than two minutes.
func (s *Sequence) Next(now netio.Instant) (v uint32, at netio.Instant, ok bool) {
	const lead = sequenceBurst * sequenceStep
	if at, ok := s.Ready(now); !ok {
		return 0, at, false
	}
	s.full = max(s.full, now)
	if s.full <= math.MaxInt64-netio.Instant(lead) { // not at the end of time
		s.full = s.full.Add(sequenceStep)
	}
	s.last = (s.last + 1) & maxSequence
	return s.last, 0, true
}

// Ready reports whether Next would return a number; if not, at is when.
func (s *Sequence) Ready(now netio.Instant) (at netio.Instant, ok bool) {
	const lead = sequenceBurst * sequenceStep
	if s.full.Sub(now) > lead {
		return s.full.Add(-lead), false
	}
	return 0, true
}

// Last returns the number that was given last.
func (s *Sequence) Last() uint32 { return s.last }
