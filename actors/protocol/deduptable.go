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
	dedup   *Dedup
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
// any answer that fits into a chunk.
const flagBits = 4

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
const firstEntries = 2

// find returns the entry of a key, or nil. The pointer is valid until the next
// insertion or removal.
func (t *dedupTable) find(h uint32, key DedupKey) *dedupEntry {
	e, _ := t.locate(h, key)
	return e
}

// locate returns the entry of a key and its slot, or nil and the slot in which
// the key would lie. Both are valid until the next insertion or removal.
func (t *dedupTable) locate(h uint32, key DedupKey) (e *dedupEntry, slot int) {
	slots, entries := t.slots, t.entries
	if len(slots) == 0 || len(entries) == 0 {
		return nil, 0
	}
	for p := int(h >> t.shift); ; p++ {
		p &= len(slots) - 1
		s := slots[p]
		if s == 0 {
			return nil, p
		}
		if uint32(s>>32) == h {
			if e := &entries[int(uint32(s))&(len(entries)-1)]; e.key == key {
				return e, p
			}
		}
	}
}

// slotOf returns the slot of the entry with a sequence number.
func (t *dedupTable) slotOf(h uint32, seq uint64) int {
	slots, want := t.slots, uint64(h)<<32|uint64(uint32(seq))
	p := int(h>>t.shift) & (len(slots) - 1)
	for slots[p] != want {
		p = (p + 1) & (len(slots) - 1)
	}
	return p
}

// unindex empties a slot and closes the gap: it moves back what lies behind,
// unless that would then lie before the first slot that its search looks at.
func (t *dedupTable) unindex(p int) {
	slots := t.slots
	mask := len(slots) - 1
	for q := (p + 1) & mask; ; q = (q + 1) & mask {
		s := slots[q]
		if s == 0 {
			break
		}
		home := int(uint32(s>>32) >> t.shift)
		if (q-home)&mask >= (q-p)&mask {
			slots[p] = s
			p = q
		}
	}
	slots[p] = 0
}

// remove takes out an entry that is not dead. Its place in the ring is free
// when all that are older are gone.
func (t *dedupTable) remove(e *dedupEntry, slot int) {
	t.unindex(slot)
	e.sizeFlags |= entryDead
	// Places at the young end are free at once: a request that is shed right
	// after it was admitted leaves no trace.
	for t.end != t.first && t.entries[int(t.end-1)&(len(t.entries)-1)].has(entryDead) {
		t.end--
	}
	t.removed()
}

func (t *dedupTable) removed() {
	if t.live--; t.live == 0 {
		t.answers.clear()
	}
}

func (t *dedupTable) oldest() *dedupEntry { return &t.entries[int(t.first)&(len(t.entries)-1)] }

func (t *dedupTable) full() bool { return int(t.end-t.first) == len(t.entries) }

// over reports whether there is an oldest entry and its place can be had.
func (t *dedupTable) over(now netio.Instant) bool {
	if t.first == t.end {
		return false
	}
	e := t.oldest()
	return e.has(entryDead) || now >= e.expire
}

// makeRoom makes room in a full ring without loss, and reports whether it
// could.
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
		slots := len(t.slots)
		entries := make([]dedupEntry, min(max(firstEntries, 2*n), t.max))
		for i := t.first; i != t.end; i++ {
			entries[int(i)&(len(entries)-1)] = t.entries[int(i)&(n-1)]
		}
		t.entries = entries
		// One slot stays empty even while insert has one more in use than there
		// are entries; a search ends there.
		t.slots = make([]uint64, max(2*len(entries), 4))
		t.dedup.memory += t.tables() - n*int(unsafe.Sizeof(dedupEntry{})) - 8*slots
		t.shift = uint8(32 - bits.Len(uint(len(t.slots)-1)))
	default:
		return false
	}
	for i := t.first; i != t.end; i++ {
		e := &t.entries[int(i)&(len(t.entries)-1)]
		if e.has(entryDead) {
			continue
		}
		h := hashKey(&t.dedup.secret, e.key)
		p := int(h >> t.shift)
		for t.slots[p] != 0 {
			p = (p + 1) & (len(t.slots) - 1)
		}
		t.slots[p] = uint64(h)<<32 | uint64(uint32(i))
	}
	return true
}

// holdsAnswer reports whether the answer of an entry that has one is still
// there. Silence always is.
func (t *dedupTable) holdsAnswer(e *dedupEntry) bool { return e.size() == 0 || t.answers.holds(e.pos) }

// tables returns how many bytes there are without those of answers.
func (t *dedupTable) tables() int {
	return 8*len(t.slots) + int(unsafe.Sizeof(dedupEntry{}))*len(t.entries)
}

// claim claims bytes of the ring, and counts those that it takes for that.
func (t *dedupTable) claim(n int, overwrite bool) (pos uint64, ok bool) {
	before := t.answers.taken
	pos, ok = t.answers.claim(n, overwrite)
	t.dedup.memory += t.answers.taken - before
	return pos, ok
}

// sweepLimit is how many expired entries an insertion removes although it does
// not need their places. More than one, so that the tables drain; few, so that
// the first call after a long pause does not pay for all.
const sweepLimit = 3

// insert adds an entry whose key is not in the table and belongs in slot. If
// the ring is full and cannot grow, the oldest entry makes room if it has
// expired or evict says so; else insert does nothing and returns false.
func (d *Dedup) insert(t *dedupTable, now netio.Instant, h uint32, slot int, e dedupEntry, evict bool) bool {
	full := t.full()
	if full && !t.over(now) {
		if t.makeRoom() {
			full = false
			_, slot = t.locate(h, e.key)
		} else if !evict {
			return false
		}
	}
	// The index first: dropOldest may move slots, and then finds this one in
	// its place.
	t.slots[slot] = uint64(h)<<32 | uint64(uint32(t.end))
	if full {
		d.dropOldest(t, now)
	}
	t.entries[int(t.end)&(len(t.entries)-1)] = e
	t.end++
	t.live++
	for n := 0; n < sweepLimit && t.over(now); n++ {
		d.dropOldest(t, now)
	}
	return true
}

// dropOldest takes out the oldest entry and frees its place.
func (d *Dedup) dropOldest(t *dedupTable, now netio.Instant) {
	if e := t.oldest(); !e.has(entryDead) {
		if t == &d.kept {
			d.uncount(e)
		} else if now < e.expire {
			d.evicted++
		}
		t.unindex(t.slotOf(hashKey(&d.secret, e.key), t.first))
		t.removed()
	}
	t.first++
}

// liveIdem returns the entry of a key in the idempotent table and its slot, or
// nil; one that has expired is removed.
func (d *Dedup) liveIdem(now netio.Instant, h uint32, key DedupKey) (*dedupEntry, int) {
	e, slot := d.idem.locate(h, key)
	if e != nil && now >= e.expire {
		d.idem.remove(e, slot)
		return d.idem.locate(h, key)
	}
	return e, slot
}

// liveKept is liveIdem for the kept table.
func (d *Dedup) liveKept(now netio.Instant, h uint32, key DedupKey) (*dedupEntry, int) {
	e, slot := d.kept.locate(h, key)
	if e != nil && now >= e.expire {
		d.removeKept(e, slot)
		return d.kept.locate(h, key)
	}
	return e, slot
}

func (d *Dedup) removeKept(e *dedupEntry, slot int) {
	d.uncount(e)
	d.kept.remove(e, slot)
}

// uncount takes an entry out of the sums over the kept table.
func (d *Dedup) uncount(e *dedupEntry) {
	d.unreserve(e)
	if e.has(entryMoved) {
		d.moved--
	}
}

func (d *Dedup) unreserve(e *dedupEntry) {
	if e.has(entryReserved) {
		e.sizeFlags &^= entryReserved
		d.reserved--
	}
}
