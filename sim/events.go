package sim

import (
	"math"
	"time"

	"github.com/coap2/coap2/netio"
)

// event is an entry of the agenda: what happens, and when. It has 24 bytes and no
// pointers, so that a million datagrams under way to the members of a group cost
// 24 MB and nothing that the garbage collector looks at.
type event struct {
	at  netio.Instant
	seq uint64
	// what is the timer that fires, or the packet that arrives at who.
	what ref
	who  hostID
}

// ref is the place of a timer or a packet in its table.
type ref uint32

// hostID is the place of a host in network.hosts.
type hostID uint32

// nobody marks an event as a timer's.
const nobody = hostID(math.MaxUint32)

func (e event) before(o event) bool {
	return e.at < o.at || e.at == o.at && e.seq < o.seq
}

// agenda is what is going to happen, ordered by (time, sequence): a heap in which
// the children of i are 4i+1 to 4i+4. A timer that is stopped stays in it until
// its time, or until half of the heap is such: then they are swept out.
//
// Packets that come after all others that are under way, which is so wherever
// latencies are equal, stand in a queue beside the heap, where their places need
// not be found.
type agenda struct {
	heap   []event
	queue  []event // queue[head:], in order
	head   int
	seq    uint64
	timers table[*timer]
	// stopped is how many entries are those of timers that have been stopped.
	stopped int
}

// add puts an event on the agenda.
func (a *agenda) add(at netio.Instant, what ref, who hostID) {
	a.seq++
	e := event{at, a.seq, what, who}
	if n := len(a.queue); who != nobody && (n == a.head || at >= a.queue[n-1].at) {
		if n == cap(a.queue) && a.head > n/2 {
			a.queue, a.head = a.queue[:copy(a.queue, a.queue[a.head:])], 0
		}
		a.queue = append(a.queue, e)
		return
	}
	a.heap = append(a.heap, event{})
	a.up(len(a.heap)-1, e)
}

// next returns when something happens next; ok is false if nothing will.
func (a *agenda) next() (at netio.Instant, ok bool) {
	e, _, ok := a.first()
	return e.at, ok
}

// first returns the next event, and whether it is in the queue.
func (a *agenda) first() (e event, queued, ok bool) {
	for len(a.heap) > 0 {
		if e = a.heap[0]; e.who != nobody || a.timers.at(e.what).f != nil {
			ok = true
			break
		}
		a.forget(a.pop())
	}
	if a.head < len(a.queue) {
		if q := a.queue[a.head]; !ok || q.before(e) {
			return q, true, true
		}
	}
	return e, false, ok
}

// due takes out the first event if its time has come.
func (a *agenda) due(now netio.Instant) (e event, ok bool) {
	e, queued, ok := a.first()
	switch {
	case !ok || e.at > now:
		return e, false
	case queued:
		a.shift()
	default:
		a.pop()
	}
	return e, true
}

// shift takes out the first of the queue.
func (a *agenda) shift() {
	if a.head++; a.head == len(a.queue) {
		if a.queue, a.head = a.queue[:0], 0; cap(a.queue) > maxIdleAgenda {
			a.queue = nil
		}
	}
}

// setTimer makes a timer fire at a time.
func (a *agenda) setTimer(at netio.Instant, t *timer) {
	t.agenda = a
	a.add(at, a.timers.put(t), nobody)
}

// take returns what a timer that is due calls.
func (a *agenda) take(e event) func() {
	t := a.timers.take(e.what)
	f := t.f
	t.f = nil
	return f
}

func (a *agenda) forget(e event) {
	a.timers.take(e.what)
	a.stopped--
}

// stop notes that a timer has been stopped.
func (a *agenda) stop() {
	const few = 64
	if a.stopped++; a.stopped < few || a.stopped < len(a.heap)/2 {
		return
	}
	kept := a.heap[:0]
	for _, e := range a.heap {
		if e.who == nobody && a.timers.at(e.what).f == nil {
			a.forget(e)
		} else {
			kept = append(kept, e)
		}
	}
	a.heap = kept
	for i := (len(kept) - 2) / 4; i >= 0 && len(kept) > 1; i-- {
		a.down(i, kept[i])
	}
}

// pop takes out the first entry.
func (a *agenda) pop() event {
	first, last := a.heap[0], len(a.heap)-1
	e := a.heap[last]
	a.heap = a.heap[:last]
	if last > 0 {
		a.down(0, e)
	} else if cap(a.heap) > maxIdleAgenda {
		a.heap = nil
	}
	return first
}

// maxIdleAgenda is the capacity that an empty agenda keeps.
const maxIdleAgenda = 1 << 16

// up puts e at i or above.
func (a *agenda) up(i int, e event) {
	h := a.heap
	for i > 0 {
		p := (i - 1) / 4
		if !e.before(h[p]) {
			break
		}
		h[i] = h[p]
		i = p
	}
	h[i] = e
}

// down puts e at i or below.
func (a *agenda) down(i int, e event) {
	h := a.heap
	for {
		c := 4*i + 1
		if c >= len(h) {
			break
		}
		least := c
		for c++; c < min(4*i+5, len(h)); c++ {
			if h[c].before(h[least]) {
				least = c
			}
		}
		if !h[least].before(e) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}

// table gives values numbers.
type table[T any] struct {
	values []T
	free   []ref
}

func (t *table[T]) put(v T) ref {
	if n := len(t.free); n > 0 {
		r := t.free[n-1]
		t.free = t.free[:n-1]
		t.values[r] = v
		return r
	}
	t.values = append(t.values, v)
	return ref(len(t.values) - 1)
}

func (t *table[T]) at(r ref) T { return t.values[r] }

func (t *table[T]) take(r ref) T {
	var none T
	v := t.values[r]
	t.values[r] = none
	t.free = append(t.free, r)
	return v
}

// timer is a netio.Timer of a World.
type timer struct {
	agenda *agenda
	f      func() // nil when it has fired or been stopped
}

// Stop implements netio.Timer.
func (t *timer) Stop() bool {
	if t.f == nil {
		return false
	}
	t.f = nil
	t.agenda.stop()
	return true
}

// after returns the moment that is d from now.
func (w *World) after(d time.Duration) netio.Instant {
	return w.now.Add(min(max(d, 0), time.Duration(math.MaxInt64-w.now)))
}
