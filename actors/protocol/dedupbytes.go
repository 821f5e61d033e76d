package protocol

import (
	"encoding/binary"
	"math/bits"

	"github.com/coap2/coap2/netio"
)

// byteRing holds answers, each in one piece. Positions count all bytes that
// were ever claimed, so that a position never comes again; its place is the
// position modulo the length, a power of two.
//
// A long ring consists of chunks, made when they are first needed, so that
// growing copies no answers and leaves no old ring behind.
type byteRing struct {
	chunks [][]byte // all of one length, or nil
	bits   uint8    // the length of a chunk is 1 << bits
	size   int      // of the ring
	max    int
	taken  int // bytes of all chunks
	// end is the position after the youngest byte.
	end uint64
	// low: what lies before it is no longer needed, so the ring does not grow
	// to save it.
	low uint64
	// floor: what lies before it has been overwritten.
	floor uint64
}

const (
	// firstBytes is the length of the first ring.
	firstBytes = 256
	// chunkBits: a ring that is longer has chunks of this length, and an answer
	// must fit into one. No datagram is as long.
	chunkBits = 20
)

// holds reports whether the bytes at pos are still there.
func (r *byteRing) holds(pos uint64) bool { return pos >= r.floor }

func (r *byteRing) at(pos uint64, n int) []byte {
	if n == 0 {
		return nil
	}
	i := int(pos) & (r.size - 1)
	chunk, o := r.chunks[i>>r.bits], i&(1<<r.bits-1)
	return chunk[o : o+n : o+n]
}

// held returns how many bytes are in use.
func (r *byteRing) held() int { return int(r.end - max(r.low, r.floor)) }

// clear says that nothing in the ring is needed any more.
func (r *byteRing) clear() { r.low = r.end }

// claim finds a place for n bytes. It grows the ring if it must and may, and
// then overwrites the oldest bytes if it may; else ok is false.
func (r *byteRing) claim(n int, overwrite bool) (pos uint64, ok bool) {
	if n > min(r.max, 1<<chunkBits) {
		return 0, false
	}
	for {
		size := uint64(r.size)
		pos = r.end
		if size > 0 {
			chunk := uint64(1) << r.bits
			if off := pos & (chunk - 1); off+uint64(n) > chunk {
				pos += chunk - off // it would not be in one piece
			}
			low := r.low
			if low == r.end {
				low = pos // nothing is held, so what is skipped costs nothing
			}
			if pos+uint64(n)-low <= size {
				r.low = low
				break
			}
		}
		if r.size == r.max {
			if !overwrite {
				return 0, false
			}
			break
		}
		r.grow()
	}
	size := uint64(r.size)
	r.end = pos + uint64(n)
	if r.end > size {
		r.floor = max(r.floor, r.end-size)
	}
	r.low = max(r.low, r.floor)
	if i := int(pos) & (r.size - 1) >> r.bits; r.chunks[i] == nil {
		r.chunks[i] = make([]byte, 1<<r.bits)
		r.taken += 1 << r.bits
	}
	return pos, true
}

// grow doubles the ring. What lay in one piece does so afterwards, because a
// multiple of the new length is one of the old.
func (r *byteRing) grow() {
	if r.size < 1<<chunkBits {
		r.growChunk()
		return
	}
	old := r.chunks
	r.chunks = make([][]byte, 2*len(old))
	first, end := r.floor>>chunkBits, (r.end+1<<chunkBits-1)>>chunkBits
	for c := first; c < end; c++ {
		chunk := old[int(c)&(len(old)-1)]
		if c+uint64(len(old)) < end {
			// The youngest answers lie before the oldest in one chunk.
			chunk = append([]byte(nil), chunk...)
		}
		r.chunks[int(c)&(len(r.chunks)-1)] = chunk
	}
	r.size *= 2
	r.taken = r.memory()
}

// growChunk doubles a ring that is a single chunk.
func (r *byteRing) growChunk() {
	n := r.size
	var old []byte
	if n > 0 {
		old = r.chunks[0]
	}
	r.size = min(max(firstBytes, 2*n), r.max)
	r.bits = uint8(bits.Len(uint(r.size)) - 1)
	r.chunks = [][]byte{make([]byte, r.size)}
	r.taken = r.size
	if old == nil {
		return
	}
	for pos := r.floor; pos < r.end; {
		// Up to the next place where either ring begins anew.
		k := min(n-int(pos)&(n-1), int(r.end-pos))
		copy(r.at(pos, k), old[int(pos)&(n-1):][:k])
		pos += uint64(k)
	}
}

// memory returns how many bytes the ring has taken.
func (r *byteRing) memory() (n int) {
	for _, c := range r.chunks {
		n += len(c)
	}
	return n
}

// Answers of the kept table are records: a header of 16 bytes and the answer,
// rounded up to a multiple of 16. The header holds the key and the length of
// the record, so that the oldest records can be freed when their entries are
// gone or have got other answers. (Answers are given in another order than
// requests come, so entries do not say which record is the oldest.) A header
// with the length 0 fills the ring up to its end as it was then.
const (
	recordUnit = 16
	recordPad  = 1 // in the last 4 bytes of the header: not an answer
	// maxReserve is what is set aside at most for an entry without an answer:
	// answers are rarely longer than a datagram of 1,280 bytes.
	maxReserve = 1280 + recordUnit
)

func roundRecord(n int) int { return (n + recordUnit - 1) &^ (recordUnit - 1) }

// keptSpace reports whether n more bytes of records fit besides what is set
// aside for the entries without answers and for so many more of them.
func (d *Dedup) keptSpace(now netio.Instant, n, more int) bool {
	if d.keptFits(n, more) {
		return true
	}
	for d.kept.over(now) {
		d.dropOldest(&d.kept, now)
	}
	d.reclaim()
	return d.keptFits(n, more)
}

func (d *Dedup) keptFits(n, more int) bool {
	r := &d.kept.answers
	return int(r.end-r.low)+n+(d.reserved+more)*d.reserve <= r.max
}

// claimKept makes a record for an answer of n bytes and returns its position.
// entitled: space had been set aside for it. Other answers, and those that are
// longer than that, get only what is not set aside for others.
func (d *Dedup) claimKept(now netio.Instant, key DedupKey, n int, entitled bool) (pos uint64, ok bool) {
	r := &d.kept.answers
	need := recordUnit + roundRecord(n)
	if !(entitled && need <= d.reserve) && !d.keptSpace(now, need, 0) {
		return 0, false
	}
	if int(r.end-r.low)+need > r.size {
		d.reclaim()
	}
	before := r.end
	pos, ok = d.kept.claim(need, false)
	if !ok {
		return 0, false
	}
	if pos != before && r.low <= before {
		pad := r.at(before, recordUnit)
		binary.LittleEndian.PutUint32(pad[8:], uint32(pos-before))
		binary.LittleEndian.PutUint32(pad[12:], recordPad)
	}
	h := r.at(pos, recordUnit)
	binary.LittleEndian.PutUint64(h, uint64(key))
	binary.LittleEndian.PutUint32(h[8:], uint32(need))
	binary.LittleEndian.PutUint32(h[12:], 0)
	return pos, true
}

// reclaim frees the oldest records that are no longer needed.
func (d *Dedup) reclaim() {
	r := &d.kept.answers
	for r.low < r.end {
		h := r.at(r.low, recordUnit)
		if binary.LittleEndian.Uint32(h[12:]) != recordPad {
			key := DedupKey(binary.LittleEndian.Uint64(h))
			if e, _ := d.kept.locate(hashKey(&d.secret, key), key); e != nil && e.has(entryAnswered) && e.pos == r.low {
				return
			}
		}
		r.low += uint64(binary.LittleEndian.Uint32(h[8:]))
	}
}
