package protocol

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/coap2/coap2/netio"
)

// hashKey spreads keys by two folded multiplications with secret factors, so
// that who chooses keys cannot choose slots. The result is never 0; its upper
// bits say where the key lies.
func hashKey(s *[4]uint64, k DedupKey) uint32 {
	hi, lo := bits.Mul64(uint64(k)^s[0], s[1]|1)
	hi, lo = bits.Mul64(hi^lo^s[2], s[3]|1)
	return uint32((hi^lo)>>32) | 1
}

// dedupTable is a ring of entries in the order of their admission, with an
// index by key: open addressing with linear probing, at most half full.
type dedupTable struct {
	// slots: hash of the key, and the low 32 bits of the entry's sequence
	// number; 0 is empty. The hash in the slot makes a miss cost one cache
	// line, and lets slots be moved without a look at their entries.
	slots   []uint64
	entries []dedupEntry // the length is a power of two
	shift   uint8        // hash >> shift is the first slot to look at
	first   uint64       // sequence number of the oldest entry
	end     uint64       // and of the next one
	live    int          // entries that are not dead
	max     int          // bound of len(entries)
	secret  *[4]uint64
	answers byteRing
}

// dedupEntry has 32 bytes: two in a cache line.
type dedupEntry struct {
	key    DedupKey
	expire netio.Instant
	// pos is where in the byte ring the answer (kept: its record) begins.
	// Before there is one it is the end of the ring at the time of admission.
	pos uint64
	// lag is how far pos is from that end: no entry that is younger has an
	// answer before pos - lag.
	lag       uint32
	sizeFlags uint32 // length of the answer << flagBits | flags
}

// flagBits: entry flags; the 28 bits that are left for the length suffice for
// any datagram.
const (
	flagBits     = 4
	maxAnswerLen = 1<<(32-flagBits) - 1
)

const (
	entryDead     = 1 << iota // removed; its place in the ring is not free yet
	entryAnswered             // pos and size are valid
	entryReserved             // counts in Dedup.reserved
	entryMoved                // came by Keep
)

func (e *dedupEntry) has(flag uint32) bool { return e.sizeFlags&flag != 0 }

func (e *dedupEntry) size() int { return int(e.sizeFlags >> flagBits) }

func (e *dedupEntry) setSize(n int) {
	e.sizeFlags = uint32(n)<<flagBits | e.sizeFlags&(1<<flagBits-1)
}

// answerAt says that the answer lies at pos, which is never before the end of
// the ring at the time of admission.
func (e *dedupEntry) answerAt(pos uint64) {
	e.lag = uint32(min(pos-e.mark(), math.MaxUint32))
	e.pos = pos
	e.sizeFlags |= entryAnswered
}

// mark returns the end of the byte ring at the time of admission, or a later
// position if that was more than 4 GiB ago, more than a ring can hold.
func (e *dedupEntry) mark() uint64 { return e.pos - uint64(e.lag) }

// firstEntries is the length of the first ring.
const firstEntries = 4

// find returns the entry of a key, or nil. The pointer is valid until the next
// insert or makeRoom.
func (t *dedupTable) find(h uint32, key DedupKey) *dedupEntry {
	if t.live == 0 {
		return nil
	}
	slots, entries := t.slots, t.entries
	for p := int(h >> t.shift); ; p++ {
		s := slots[p&(len(slots)-1)]
		if uint32(s>>32) == h {
			if e := &entries[int(uint32(s))&(len(entries)-1)]; e.key == key {
				return e
			}
		}
		if s == 0 {
			return nil
		}
	}
}

// insert adds an entry whose key is not in the table; there is room.
func (t *dedupTable) insert(h uint32, e dedupEntry) {
	t.entries[int(t.end)&(len(t.entries)-1)] = e
	t.index(h, uint32(t.end))
	t.end++
	t.live++
}

func (t *dedupTable) index(h, seq uint32) {
	slots := t.slots
	p := int(h >> t.shift)
	for slots[p&(len(slots)-1)] != 0 {
		p++
	}
	slots[p&(len(slots)-1)] = uint64(h)<<32 | uint64(seq)
}

// remove takes an entry that is not dead out of the index.
func (t *dedupTable) remove(h uint32, e *dedupEntry) {
	mask := len(t.slots) - 1
	p := int(h >> t.shift)
	for {
		s := t.slots[p&mask]
		if uint32(s>>32) == h && &t.entries[int(uint32(s))&(len(t.entries)-1)] == e {
			break
		}
		p++
	}
	// Close the gap: move back what lies behind it and does not lie before its
	// first slot then.
	for q := p + 1; ; q++ {
		s := t.slots[q&mask]
		if s == 0 {
			break
		}
		home := int(uint32(s>>32) >> t.shift)
		if (q-home)&mask >= (q-p)&mask {
			t.slots[p&mask] = s
			p = q
		}
	}
	t.slots[p&mask] = 0
	e.sizeFlags |= entryDead
	t.live--
	// Places at the young end are free at once: a request that is shed right
	// after it was admitted leaves no trace.
	for t.end != t.first && t.entries[int(t.end-1)&(len(t.entries)-1)].has(entryDead) {
		t.end--
	}
	if t.live == 0 {
		t.answers.clear()
	}
}

func (t *dedupTable) oldest() *dedupEntry { return &t.entries[int(t.first)&(len(t.entries)-1)] }

func (t *dedupTable) full() bool { return int(t.end-t.first) == len(t.entries) }

// makeRoom makes a place for one more entry in a ring that is full of entries
// that have not expired, and reports whether it could.
func (t *dedupTable) makeRoom() bool {
	switch n := len(t.entries); {
	case n > 0 && t.live <= n/2:
		// At least half of the places are those of dead entries, so this has
		// been paid for by as many removals.
		w := t.first
		for i := t.first; i != t.end; i++ {
			if e := &t.entries[int(i)&(n-1)]; !e.has(entryDead) {
				t.entries[int(w)&(n-1)] = *e
				w++
			}
		}
		t.end = w
		clear(t.slots)
	case n < t.max:
		entries := make([]dedupEntry, min(max(firstEntries, 2*n), t.max))
		for i := t.first; i != t.end; i++ {
			entries[int(i)&(len(entries)-1)] = t.entries[int(i)&(n-1)]
		}
		t.entries = entries
		t.slots = make([]uint64, 2*len(entries))
		t.shift = uint8(32 - bits.Len(uint(len(t.slots)-1)))
	default:
		return false
	}
	for i := t.first; i != t.end; i++ {
		if e := &t.entries[int(i)&(len(t.entries)-1)]; !e.has(entryDead) {
			t.index(hashKey(t.secret, e.key), uint32(i))
		}
	}
	return true
}

func (t *dedupTable) memory() int {
	return 8*len(t.slots) + int(unsafe.Sizeof(dedupEntry{}))*len(t.entries) + len(t.answers.buf)
}

// sweepLimit is how many expired entries one call removes although it does not
// need their places. More than one, so that the tables drain; few, so that the
// first call after a long pause does not pay for all.
const sweepLimit = 4

// room makes a place for one more entry in t, and reports whether it could.
func (d *Dedup) room(t *dedupTable, now netio.Instant) bool {
	for n := 0; n < sweepLimit && d.dropExpired(t, now); n++ {
	}
	return !t.full() || t.makeRoom()
}

// dropExpired frees the place of the oldest entry of t if that is dead or
// expired, and reports whether it did.
func (d *Dedup) dropExpired(t *dedupTable, now netio.Instant) bool {
	if t.first == t.end {
		return false
	}
	e := t.oldest()
	if e.has(entryDead) {
		t.first++
		return true
	}
	if now < e.expire {
		return false
	}
	if t == &d.idem {
		d.dropIdem(hashKey(&d.secret, e.key), e)
	} else {
		d.dropKept(hashKey(&d.secret, e.key), e)
	}
	if t.first != t.end {
		t.first++
	}
	return true
}

// evictOldest frees the place of the oldest entry of the idempotent table,
// which is not empty.
func (d *Dedup) evictOldest(now netio.Instant) {
	t := &d.idem
	e := t.oldest()
	if !e.has(entryDead) {
		if now < e.expire {
			d.evicted++
		}
		d.dropIdem(hashKey(&d.secret, e.key), e)
	}
	if t.first != t.end {
		t.first++
	}
}

func (d *Dedup) dropIdem(h uint32, e *dedupEntry) { d.idem.remove(h, e) }

func (d *Dedup) dropKept(h uint32, e *dedupEntry) {
	d.unreserve(e)
	if e.has(entryMoved) {
		d.moved--
	}
	d.kept.remove(h, e)
}

func (d *Dedup) unreserve(e *dedupEntry) {
	if e.has(entryReserved) {
		e.sizeFlags &^= entryReserved
		d.reserved--
	}
}
