package protocol

import (
	"math"
	"strconv"
	"time"

	"github.com/coap2/coap2/netio"
)

// Admission is what Window.Acquire decides.
type Admission uint8

// The decisions of Window.Acquire.
const (
	// Admitted: the interaction may begin; it counts until Release.
	Admitted Admission = iota
	// Queued: it has to wait; Release or Admit will return it.
	Queued
	// Refused: the queue is full.
	Refused
)

// String returns the decision's name.
func (a Admission) String() string {
	switch a {
	case Admitted:
		return "Admitted"
	case Queued:
		return "Queued"
	case Refused:
		return "Refused"
	}
	return "Admission(" + strconv.Itoa(int(a)) + ")"
}

// Window counts the outstanding interactions with one peer and keeps those that
// have to wait, first come, first served (RFC 7252 §4.7). Outstanding are
// confirmable messages that are not yet acknowledged, and requests that have
// had neither acknowledgement nor response and still expect one. The zero value
// is an empty window.
//
// T is what the owner knows an interaction by.
type Window[T comparable] struct {
	queue       []waiter[T] // a ring
	head        int
	waiting     int
	outstanding int
}

// waiter is an item that waits, until fewer than its limit are outstanding.
type waiter[T comparable] struct {
	item  T
	limit int
}

// keepQueue is how long a ring may be to be kept when it has run empty.
const keepQueue = 64

// Acquire asks for a place for item. limit is the NSTART of this interaction,
// less than 1 counts as 1: it begins when fewer than that are outstanding, and
// when none that came before it waits. At most maxQueue items wait.
func (w *Window[T]) Acquire(limit int, maxQueue int, item T) Admission {
	limit = max(limit, 1)
	if Planted == BugWindow {
		limit++
	}
	if Planted == BugNoWindow {
		limit = math.MaxInt
	}
	if w.waiting == 0 && w.outstanding < limit {
		w.outstanding++
		return Admitted
	}
	if w.waiting >= maxQueue {
		return Refused
	}
	if w.waiting == len(w.queue) {
		q := make([]waiter[T], max(4, 2*len(w.queue)))
		n := copy(q, w.queue[w.head:])
		copy(q[n:], w.queue[:w.head])
		w.queue, w.head = q, 0
	}
	w.queue[w.slot(w.waiting)] = waiter[T]{item, limit}
	w.waiting++
	return Queued
}

// slot returns the place in the ring of the i-th item that waits.
func (w *Window[T]) slot(i int) int {
	if i += w.head; i >= len(w.queue) {
		i -= len(w.queue)
	}
	return i
}

// Release ends an outstanding interaction. If ok, next has waited longest and
// is admitted: the caller begins it, and asks Admit for more, as the limits of
// those behind it may be higher.
func (w *Window[T]) Release() (next T, ok bool) {
	if w.outstanding > 0 {
		w.outstanding--
	}
	return w.Admit()
}

// Admit admits what has waited longest, if there is room for it. It is to be
// asked after Remove, which may have taken away what others waited behind, and
// after Release, until it says no.
func (w *Window[T]) Admit() (next T, ok bool) {
	if w.waiting == 0 || w.outstanding >= w.queue[w.head].limit {
		return next, false
	}
	next = w.queue[w.head].item
	w.queue[w.head] = waiter[T]{}
	w.head = w.slot(1)
	w.waiting--
	w.outstanding++
	w.shrink()
	return next, true
}

// Remove takes item out of the queue, and reports whether it was there. Its
// cost is proportional to the length of the queue. An interaction that has been
// admitted is ended by Release.
func (w *Window[T]) Remove(item T) bool {
	for i := range w.waiting {
		if w.queue[w.slot(i)].item != item {
			continue
		}
		for ; i < w.waiting-1; i++ {
			w.queue[w.slot(i)] = w.queue[w.slot(i+1)]
		}
		w.queue[w.slot(i)] = waiter[T]{}
		w.waiting--
		w.shrink()
		return true
	}
	return false
}

// shrink gives up a long ring once it is empty, so that a burst to one peer
// does not hold memory for as long as the peer is known.
func (w *Window[T]) shrink() {
	if w.waiting == 0 && len(w.queue) > keepQueue {
		w.queue, w.head = nil, 0
	}
}

// Outstanding returns the number of interactions that are outstanding.
func (w *Window[T]) Outstanding() int { return w.outstanding }

// Queued returns the number of items that wait.
func (w *Window[T]) Queued() int { return w.waiting }

// Idle reports whether nothing is outstanding and nothing waits.
func (w *Window[T]) Idle() bool { return w.outstanding == 0 && w.waiting == 0 }

// ExpectUntil returns until when a non-confirmable request of so many bytes,
// sent now, counts as outstanding if no response comes: as long as it takes to
// send its bytes at PROBING_RATE, so that the average rate to a peer that does
// not respond stays within it (RFC 7252 §4.7). p has its defaults applied.
func ExpectUntil(now netio.Instant, bytes int, p *Params) netio.Instant {
	d := float64(max(bytes, 0)) / p.ProbingRate * float64(time.Second)
	if !(d < float64(math.MaxInt64-int64(now))) {
		return math.MaxInt64
	}
	return now.Add(time.Duration(d))
}
