package protocol

import (
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/coap2/coap2/netio"
)

// Defaults and bounds of DedupConfig.
const (
	DefaultDedupEntries     = 1 << 20
	DefaultDedupBytes       = 64 << 20
	DefaultDedupKeptEntries = 1 << 16
	DefaultDedupKeptBytes   = 16 << 20

	maxDedupEntries = 1 << 26
	maxDedupBytes   = 1 << 30
)

// DedupConfig bounds a Dedup. Its tables begin empty and double up to these
// bounds, each of which is rounded down to a power of two.
type DedupConfig struct {
	// Entries is how many idempotent requests are remembered at most, up to
	// 1<<26. Default 1<<20; an entry costs 48 bytes besides its answer.
	Entries int
	// Bytes is the memory for their answers at most, up to 1 GiB. Default
	// 64 MiB.
	Bytes int
	// KeptEntries is how many requests of class Kept are remembered at most,
	// up to 1<<26. Default 1<<16.
	KeptEntries int
	// KeptBytes is the memory for their answers at most, up to 1 GiB. Default
	// 16 MiB. Each answer costs 16 bytes more than its length, rounded up to a
	// multiple of 16.
	KeptBytes int
	// Seed decides in which slots keys lie. It is to be random and secret
	// outside of tests and simulations, or a peer could choose message IDs
	// that collide. 0 is a seed as any other.
	Seed uint64
}

// Validate returns an error that names the first field that is out of its
// range.
func (c DedupConfig) Validate() error {
	for _, f := range [...]struct {
		name       string
		value, max int
	}{
		{"Entries", c.Entries, maxDedupEntries},
		{"Bytes", c.Bytes, maxDedupBytes},
		{"KeptEntries", c.KeptEntries, maxDedupEntries},
		{"KeptBytes", c.KeptBytes, maxDedupBytes},
	} {
		if f.value < 0 || f.value > f.max {
			return fmt.Errorf("protocol: DedupConfig.%s is %d; it must be between 0 (the default) and %d", f.name, f.value, f.max)
		}
	}
	return nil
}

// DedupKey identifies a received message: its sender and its message ID.
type DedupKey uint64

// MakeDedupKey makes the key of a message. peer is a number of 48 bits that
// stands for the sender, such as PeerEntry.ID.
func MakeDedupKey(peer uint64, mid uint16) DedupKey { return DedupKey(peer<<16 | uint64(mid)) }

// DedupClass says how hard a request is to be remembered.
type DedupClass uint8

const (
	// Idempotent: to act twice on the request does no harm, so it may be
	// forgotten early when there are too many (RFC 7252 §4.5 allows it).
	Idempotent DedupClass = iota
	// Kept: the request must not be acted on twice; it is remembered for its
	// whole lifetime, or not admitted at all.
	Kept
)

// Seen is what Dedup.Admit knows of a message.
type Seen uint8

const (
	// New: the message has not been seen, and is remembered from now on.
	New Seen = iota
	// InProgress: a duplicate of a message that has no stored answer, because
	// it is still being worked on or its answer did not fit.
	InProgress
	// Answered: a duplicate; its answer is to be sent again.
	Answered
	// Full: the message has not been seen but cannot be remembered, so it must
	// not be acted on. Class Kept only.
	Full
)

// String returns the name.
func (s Seen) String() string {
	switch s {
	case New:
		return "New"
	case InProgress:
		return "InProgress"
	case Answered:
		return "Answered"
	case Full:
		return "Full"
	}
	return "Seen(" + strconv.Itoa(int(s)) + ")"
}

// DedupStats are the counters of a Dedup. Entries whose lifetime is over are
// counted until their memory is used again.
type DedupStats struct {
	// Entries and Bytes are what is held of class Idempotent, Kept and
	// KeptBytes of class Kept.
	Entries, Bytes, Kept, KeptBytes int
	// Memory is how many bytes are allocated in all.
	Memory int
	// Evicted counts entries of class Idempotent that were forgotten before
	// their lifetime was over.
	Evicted uint64
	// Refused counts messages that were not admitted, entries that could not
	// be kept, and answers that did not fit.
	Refused uint64
	// Hits counts duplicates.
	Hits uint64
}

// Dedup recognises duplicates of received messages and repeats the answers
// that were given to them (RFC 7252 §4.5).
//
// There are two tables, so that a flood of GETs cannot drive out a POST.
// Requests that are idempotent lie in one that overwrites the oldest answers
// when its memory is used up. The others lie in one that forgets nothing early
// and refuses what it cannot hold. The tables hold no pointers, so that the
// garbage collector does not look into them, and no call looks at more than a
// few entries, amortised.
//
// Lifetimes may differ from entry to entry. Each is kept to when the entry is
// looked up, but memory is freed in the order of admission.
type Dedup struct {
	secret   [4]uint64
	moved    int // how many entries of kept have come by Keep
	memory   int // of both tables
	evicted  uint64
	refused  uint64
	hits     uint64
	idem     dedupTable
	kept     dedupTable
	reserve  int // bytes set aside for each admitted entry of kept without answer
	reserved int // how many such entries there are
}

// NewDedup makes an empty Dedup. Values of cfg that Validate would refuse are
// replaced by the nearest that it would not.
func NewDedup(cfg DedupConfig) *Dedup {
	d := &Dedup{}
	d.Init(cfg)
	return d
}

// Init makes d what NewDedup returns. A Dedup must not be copied.
func (d *Dedup) Init(cfg DedupConfig) {
	*d = Dedup{}
	d.idem.max = tableBound(cfg.Entries, DefaultDedupEntries, maxDedupEntries, 1)
	d.idem.answers.max = tableBound(cfg.Bytes, DefaultDedupBytes, maxDedupBytes, recordUnit)
	d.kept.max = tableBound(cfg.KeptEntries, DefaultDedupKeptEntries, maxDedupEntries, 1)
	d.kept.answers.max = tableBound(cfg.KeptBytes, DefaultDedupKeptBytes, maxDedupBytes, recordUnit)
	d.reserve = min(max(d.kept.answers.max/d.kept.max, 2*recordUnit), maxReserve)
	s := cfg.Seed
	for i := range d.secret {
		// SplitMix64: far apart secrets for neighbouring seeds.
		s += 0x9e3779b97f4a7c15
		z := s
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		d.secret[i] = z ^ z>>31
	}
	d.idem.dedup, d.kept.dedup = d, d
}

// tableBound rounds a configured bound down to a power of two.
func tableBound(v, def, most, least int) int {
	if v <= 0 {
		v = def
	}
	v = max(min(v, most), least)
	return 1 << (bits.Len(uint(v)) - 1)
}

// Admit asks whether a message is new, and remembers it for lifetime if it is:
// EXCHANGE_LIFETIME for a confirmable message, NON_LIFETIME for a
// non-confirmable one. The answer that comes with Answered is valid until the
// next call of any method; it is empty if the answer was to say nothing.
func (d *Dedup) Admit(now netio.Instant, key DedupKey, class DedupClass, lifetime time.Duration) (s Seen, answer []byte) {
	if Planted == BugNoDedup {
		return New, nil
	}
	if Planted == BugShortDedup {
		lifetime /= 8
	}
	h := hashKey(&d.secret, key)
	if class == Kept {
		return d.admitKept(now, h, key, lifetime)
	}
	e, slot := d.liveIdem(now, h, key)
	if e != nil {
		switch {
		case !e.has(entryAnswered):
			d.hits++
			return InProgress, nil
		case d.idem.holdsAnswer(e):
			d.hits++
			return Answered, d.idem.answers.at(e.pos, e.size())
		}
		// Its answer has been overwritten.
		d.evicted++
		d.idem.remove(e, slot)
		_, slot = d.idem.locate(h, key)
	} else if d.moved > 0 {
		if e, _ := d.liveKept(now, h, key); e != nil && e.has(entryMoved) {
			return d.repeatKept(e)
		}
	}
	d.insert(&d.idem, now, h, slot, dedupEntry{key: key, expire: expiry(now, lifetime), pos: d.idem.answers.end}, true)
	return New, nil
}

func (d *Dedup) admitKept(now netio.Instant, h uint32, key DedupKey, lifetime time.Duration) (Seen, []byte) {
	if e, _ := d.liveKept(now, h, key); e != nil {
		return d.repeatKept(e)
	}
	if !d.keptSpace(now, 0, 1) || !d.insertKept(now, h, dedupEntry{
		key: key, expire: expiry(now, lifetime), pos: d.kept.answers.end, sizeFlags: entryReserved,
	}) {
		d.refused++
		return Full, nil
	}
	// The peer has used a message ID again too soon: the later request is the
	// one whose answer will come.
	if e, slot := d.idem.locate(h, key); e != nil {
		d.idem.remove(e, slot)
	}
	return New, nil
}

// insertKept adds an entry to the kept table and counts it, if there is a
// place.
func (d *Dedup) insertKept(now netio.Instant, h uint32, e dedupEntry) bool {
	if e.has(entryReserved) {
		d.reserved++
	}
	if e.has(entryMoved) {
		d.moved++
	}
	_, slot := d.kept.locate(h, e.key)
	if !d.insert(&d.kept, now, h, slot, e, false) {
		d.uncount(&e)
		return false
	}
	return true
}

func (d *Dedup) repeatKept(e *dedupEntry) (Seen, []byte) {
	d.hits++
	if !e.has(entryAnswered) {
		return InProgress, nil
	}
	return Answered, d.kept.answers.at(e.pos+recordUnit, e.size())
}

func expiry(now netio.Instant, lifetime time.Duration) netio.Instant {
	if e := now.Add(max(lifetime, 0)); e >= now {
		return e
	}
	return 1<<63 - 1
}

// Answer stores a copy of the answer to an admitted message, in place of an
// earlier one if there is any. An empty answer is one too: silence. It reports
// whether the answer will be repeated; it will not if the message has been
// forgotten or the answer does not fit. In the latter case an entry of class
// Kept stays and keeps what it had, and one of class Idempotent that had
// nothing is forgotten, so that a duplicate is acted on again rather than
// ignored.
func (d *Dedup) Answer(now netio.Instant, key DedupKey, answer []byte) bool {
	h := hashKey(&d.secret, key)
	if e, slot := d.liveIdem(now, h, key); e != nil {
		return d.answerIdem(now, e, slot, answer)
	}
	if e, _ := d.liveKept(now, h, key); e != nil {
		return d.answerKept(now, e, answer)
	}
	return false
}

func (d *Dedup) answerIdem(now netio.Instant, e *dedupEntry, slot int, answer []byte) bool {
	r := &d.idem.answers
	had := e.has(entryAnswered) && d.idem.holdsAnswer(e)
	switch {
	case len(answer) == 0:
		e.sizeFlags |= entryAnswered
	case !had || len(answer) > e.size():
		// No entry that is left has an answer before this.
		r.low = max(r.low, d.idem.oldest().mark())
		pos, ok := d.idem.claim(len(answer), true)
		if !ok {
			d.refused++
			if !had {
				d.evicted++
				d.idem.remove(e, slot)
			}
			return false
		}
		e.answerAt(pos)
	}
	e.setSize(copy(r.at(e.pos, len(answer)), answer))
	// Entries whose answers have just been overwritten go at once: they would
	// only take the places of others.
	for d.idem.first != d.idem.end {
		f := d.idem.oldest()
		if !f.has(entryDead) && (!f.has(entryAnswered) || d.idem.holdsAnswer(f)) {
			break
		}
		d.dropOldest(&d.idem, now)
	}
	return true
}

func (d *Dedup) answerKept(now netio.Instant, e *dedupEntry, answer []byte) bool {
	r := &d.kept.answers
	if e.has(entryAnswered) && roundRecord(len(answer)) <= roundRecord(e.size()) {
		e.setSize(copy(r.at(e.pos+recordUnit, len(answer)), answer))
		return true
	}
	entitled := e.has(entryReserved)
	d.unreserve(e)
	pos, ok := d.claimKept(now, e.key, len(answer), entitled)
	if !ok {
		d.refused++
		return false
	}
	e.answerAt(pos)
	e.setSize(copy(r.at(pos+recordUnit, len(answer)), answer))
	return true
}

// Keep moves an entry of class Idempotent to class Kept: the request is being
// answered separately, or has become a registration, so that acting on it again
// is no longer harmless. Its lifetime and answer stay. It reports whether the
// entry is now of class Kept; it is not if it has been forgotten or if there is
// no room: such entries have at most half of the places, because requests that
// may be repeated are not to drive out those that may not.
func (d *Dedup) Keep(now netio.Instant, key DedupKey) bool {
	h := hashKey(&d.secret, key)
	e, slot := d.liveIdem(now, h, key)
	if e == nil {
		k, _ := d.liveKept(now, h, key)
		return k != nil
	}
	answered := e.has(entryAnswered)
	if answered && !d.idem.holdsAnswer(e) {
		d.evicted++
		d.idem.remove(e, slot)
		return false
	}
	if !d.mayMove(now) {
		d.refused++
		return false
	}
	if k, slot := d.kept.locate(h, key); k != nil {
		d.removeKept(k, slot) // an older request with the same message ID
	}
	m := dedupEntry{key: key, expire: e.expire, pos: d.kept.answers.end, sizeFlags: e.sizeFlags | entryMoved}
	if answered {
		pos, ok := d.claimKept(now, key, e.size(), false)
		if !ok {
			d.refused++
			return false
		}
		copy(d.kept.answers.at(pos+recordUnit, e.size()), d.idem.answers.at(e.pos, e.size()))
		m.answerAt(pos)
	} else {
		if !d.keptSpace(now, 0, 1) {
			d.refused++
			return false
		}
		m.sizeFlags |= entryReserved
	}
	if !d.insertKept(now, h, m) {
		d.refused++ // the record that was claimed is freed as one without an entry
		return false
	}
	d.idem.remove(e, slot)
	return true
}

// mayMove reports whether one more entry may come by Keep.
func (d *Dedup) mayMove(now netio.Instant) bool {
	limit := max(d.kept.max/2, 1)
	for d.moved >= limit && d.kept.over(now) {
		d.dropOldest(&d.kept, now)
	}
	return d.moved < limit
}

// Forget makes the message new again: the request was shed, and a duplicate of
// it deserves another try.
func (d *Dedup) Forget(key DedupKey) {
	h := hashKey(&d.secret, key)
	if e, slot := d.idem.locate(h, key); e != nil {
		d.idem.remove(e, slot)
	}
	if e, slot := d.kept.locate(h, key); e != nil {
		d.removeKept(e, slot)
	}
}

// Taken returns how many bytes of memory the tables have taken, and what became
// of messages that were not remembered for as long as they should: as Stats, for
// less.
func (d *Dedup) Taken() (memory int, evicted, refused uint64) { return d.memory, d.evicted, d.refused }

// Stats returns the counters.
func (d *Dedup) Stats() DedupStats {
	d.reclaim()
	return DedupStats{
		Entries:   d.idem.live,
		Bytes:     d.idem.answers.held(),
		Kept:      d.kept.live,
		KeptBytes: d.kept.answers.held(),
		Memory:    d.memory,
		Evicted:   d.evicted,
		Refused:   d.refused,
		Hits:      d.hits,
	}
}
