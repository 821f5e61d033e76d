package protocol

import (
	"unsafe"

	"github.com/coap2/coap2/netio"
)

// Handle names an entry of a Deadlines. 0 names none, and a handle whose entry
// has been popped or cancelled names none ever again.
type Handle uint64

// Deadlines is a queue of values by the time at which each is due; values of
// equal time come in the order in which they were added. The zero value is an
// empty queue. Add, Cancel and Pop cost logarithmic time, and nothing is
// allocated once the queue has been as long as it gets.
type Deadlines[T any] struct {
	heap  []deadline // 4-ary: the children of i are 4i+1 to 4i+4
	slots []deadlineSlot[T]
	free  int32 // first free slot + 1; its at is the next one's
	seq   uint64
}

type deadline struct {
	at   netio.Instant
	seq  uint64
	slot int32
}

func (d deadline) before(e deadline) bool {
	return d.at < e.at || d.at == e.at && d.seq < e.seq
}

type deadlineSlot[T any] struct {
	value T
	at    int32  // index in the heap; in a free slot: the next free slot + 1
	gen   uint32 // counts the uses of the slot; odd while it is in use
}

// Add puts v in the queue, due at the given time.
func (d *Deadlines[T]) Add(at netio.Instant, v T) Handle {
	s := d.free - 1
	if s < 0 {
		s = int32(len(d.slots))
		d.slots = append(d.slots, deadlineSlot[T]{})
	} else {
		d.free = d.slots[s].at
	}
	d.seq++
	d.heap = append(d.heap, deadline{})
	slot := &d.slots[s]
	slot.value = v
	slot.gen++
	d.up(len(d.heap)-1, deadline{at: at, seq: d.seq, slot: s})
	return Handle(slot.gen)<<32 | Handle(s+1)
}

// Cancel takes an entry out of the queue and returns its value; ok is false if
// the handle names none.
func (d *Deadlines[T]) Cancel(h Handle) (v T, ok bool) {
	s, ok := d.find(h)
	if !ok {
		return v, false
	}
	return d.remove(int(d.slots[s].at)), true
}

// When returns when an entry is due; ok is false if the handle names none.
func (d *Deadlines[T]) When(h Handle) (at netio.Instant, ok bool) {
	s, ok := d.find(h)
	if !ok {
		return 0, false
	}
	return d.heap[d.slots[s].at].at, true
}

// find returns the slot of an entry.
func (d *Deadlines[T]) find(h Handle) (s int64, ok bool) {
	s = int64(h&(1<<32-1)) - 1
	ok = s >= 0 && s < int64(len(d.slots)) && d.slots[s].gen == uint32(h>>32) && d.slots[s].gen&1 == 1
	return s, ok
}

// Next returns when the first entry is due; ok is false if there is none.
func (d *Deadlines[T]) Next() (at netio.Instant, ok bool) {
	if len(d.heap) == 0 {
		return 0, false
	}
	return d.heap[0].at, true
}

// Pop takes out the first entry if it is due, and returns its value. The caller
// goes on until ok is false.
func (d *Deadlines[T]) Pop(now netio.Instant) (v T, ok bool) {
	if len(d.heap) == 0 || d.heap[0].at > now {
		return v, false
	}
	return d.remove(0), true
}

// Len returns the number of entries.
func (d *Deadlines[T]) Len() int { return len(d.heap) }

func (d *Deadlines[T]) remove(i int) T {
	s := d.heap[i].slot
	slot := &d.slots[s]
	v := slot.value
	var zero T
	slot.value = zero
	slot.gen++
	slot.at = d.free
	d.free = s + 1
	last := len(d.heap) - 1
	e := d.heap[last]
	d.heap = d.heap[:last]
	if i < last {
		if i > 0 && e.before(d.heap[(i-1)/4]) {
			d.up(i, e)
		} else {
			d.down(i, e)
		}
	}
	return v
}

// up puts e at i or above.
func (d *Deadlines[T]) up(i int, e deadline) {
	for i > 0 {
		p := (i - 1) / 4
		if !e.before(d.heap[p]) {
			break
		}
		d.put(i, d.heap[p])
		i = p
	}
	d.put(i, e)
}

// down puts e at i or below.
func (d *Deadlines[T]) down(i int, e deadline) {
	for {
		c := 4*i + 1
		if c >= len(d.heap) {
			break
		}
		least := c
		for c++; c < min(4*i+5, len(d.heap)); c++ {
			if d.heap[c].before(d.heap[least]) {
				least = c
			}
		}
		if !d.heap[least].before(e) {
			break
		}
		d.put(i, d.heap[least])
		i = least
	}
	d.put(i, e)
}

func (d *Deadlines[T]) put(i int, e deadline) {
	d.heap[i] = e
	d.slots[e.slot].at = int32(i)
}

// memory returns how many bytes are allocated.
func (d *Deadlines[T]) memory() int {
	var slot deadlineSlot[T]
	return cap(d.heap)*int(unsafe.Sizeof(deadline{})) + cap(d.slots)*int(unsafe.Sizeof(slot))
}
