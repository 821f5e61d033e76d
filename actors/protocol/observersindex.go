package protocol

import (
	"math/bits"

	"github.com/coap2/coap2/codec"
)

// index finds references by hash: open addressing with linear probing, at most
// two thirds full, four bytes a slot. Removal moves back what would not be found
// otherwise, so there are no tombstones and the index never has to be rebuilt
// for them.
type index struct {
	// slots: 12 bits of the hash, which make a look at another's entry rare,
	// and 20 bits of reference; 0 is empty.
	slots []uint32
	used  int
	shift uint8
	hash  func(ref uint32) uint32 // of what is in the index
}

const (
	refBits = 20
	refMask = 1<<refBits - 1
)

func slotOf(h, ref uint32) uint32 { return h<<refBits | ref }

// find returns the reference for which is says so, of those with that hash, or
// 0.
func (x *index) find(h uint32, is func(ref uint32) bool) uint32 {
	if x.used == 0 {
		return 0
	}
	mask := uint32(len(x.slots) - 1)
	for p := h >> x.shift; ; p++ {
		s := x.slots[p&mask]
		if s == 0 {
			return 0
		}
		if s>>refBits == h&(1<<(32-refBits)-1) && is(s&refMask) {
			return s & refMask
		}
	}
}

func (x *index) insert(h, ref uint32) {
	if 3*(x.used+1) > 2*len(x.slots) {
		x.grow()
	}
	x.put(h, ref)
	x.used++
}

func (x *index) put(h, ref uint32) {
	mask := uint32(len(x.slots) - 1)
	p := h >> x.shift
	for x.slots[p&mask] != 0 {
		p++
	}
	x.slots[p&mask] = slotOf(h, ref)
}

func (x *index) grow() {
	old := x.slots
	n := max(16, 2*len(old))
	x.slots = make([]uint32, n)
	x.shift = uint8(32 - bits.TrailingZeros(uint(n)))
	for _, s := range old {
		if s != 0 {
			x.put(x.hash(s&refMask), s&refMask)
		}
	}
}

// remove takes out a reference that is in the index under that hash.
func (x *index) remove(h, ref uint32) {
	mask := uint32(len(x.slots) - 1)
	p := (h >> x.shift) & mask
	for x.slots[p] != slotOf(h, ref) {
		p = (p + 1) & mask
	}
	for q := p; ; {
		q = (q + 1) & mask
		s := x.slots[q]
		if s == 0 {
			break
		}
		// s may move to p unless its home lies between them.
		home := (x.hash(s&refMask) >> x.shift) & mask
		if (q-home)&mask >= (q-p)&mask {
			x.slots[p] = s
			p = q
		}
	}
	x.slots[p] = 0
	x.used--
}

// spread makes two secret factors of a seed.
func spread(seed uint64) [2]uint64 {
	var s [2]uint64
	for i := range s {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		s[i] = z ^ z>>31
	}
	return s
}

func (o *Observers) mix(a, b uint64) uint32 {
	hi, lo := bits.Mul64(a^o.secret[0], o.secret[1]|1)
	hi, lo = bits.Mul64(hi^lo^b, o.secret[0]|1)
	return uint32((hi ^ lo) >> 32)
}

func (o *Observers) hashToken(peer uint32, token [codec.MaxTokenLen]byte, n uint8) uint32 {
	var v uint64
	for i, b := range token {
		v |= uint64(b) << (8 * i)
	}
	return o.mix(v, uint64(peer)<<8|uint64(n))
}

func (o *Observers) hashMID(peer uint32, mid uint16) uint32 {
	return o.mix(uint64(peer)<<16|uint64(mid), 1)
}

func (o *Observers) hashPeer(id uint64) uint32 { return o.mix(id, 2) }

// The lists that an entry can be in.
const (
	listTopic = iota // the members of its topic; free entries
	listPeer         // the observers of its peer
	listQueue        // what its state says
	listAge          // all entries
	lists
)

// link is a place in a list, by references; 0 is none.
type link struct{ prev, next uint32 }

type list struct{ first, last uint32 }

func (o *Observers) pushBack(l *list, kind int, ref uint32) {
	k := &o.at(ref).links[kind]
	k.prev, k.next = l.last, 0
	if l.last != 0 {
		o.at(l.last).links[kind].next = ref
	} else {
		l.first = ref
	}
	l.last = ref
}

func (o *Observers) pushFront(l *list, kind int, ref uint32) {
	k := &o.at(ref).links[kind]
	k.prev, k.next = 0, l.first
	if l.first != 0 {
		o.at(l.first).links[kind].prev = ref
	} else {
		l.last = ref
	}
	l.first = ref
}

func (o *Observers) unlink(l *list, kind int, ref uint32) {
	k := &o.at(ref).links[kind]
	if k.prev != 0 {
		o.at(k.prev).links[kind].next = k.next
	} else {
		l.first = k.next
	}
	if k.next != 0 {
		o.at(k.next).links[kind].prev = k.prev
	} else {
		l.last = k.prev
	}
	*k = link{}
}

// queue returns the list that a state stands for, or nil.
func (o *Observers) queue(e *observer) *list {
	switch e.state {
	case stateReady:
		return &o.ready
	case stateConWait:
		return &o.conWait
	case statePeerWait:
		return &o.peers[e.peer-1].waiting
	}
	return nil
}

// move puts an entry into the queue of another state, at its end.
func (o *Observers) move(ref uint32, e *observer, to observerState) {
	if l := o.queue(e); l != nil {
		o.unlink(l, listQueue, ref)
	}
	e.state = to
	if l := o.queue(e); l != nil {
		o.pushBack(l, listQueue, ref)
	}
}
