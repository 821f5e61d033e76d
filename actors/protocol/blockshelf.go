package protocol

import (
	"time"

	"github.com/coap2/coap2/netio"
)

// Defaults of ShelfConfig.
const (
	DefaultShelfMax   = 1024
	DefaultShelfBytes = 16 << 20
)

// ShelfConfig bounds a Shelf. A zero field means its default.
type ShelfConfig struct {
	// Max is how many bodies are kept at most. Default 1024.
	Max int
	// Bytes is how many bytes they may have together. Default 16 MiB.
	Bytes int
	// Lifetime is how long a body is kept after its last use. Default
	// EXCHANGE_LIFETIME with the default parameters, 247 s.
	Lifetime time.Duration
}

func (c ShelfConfig) withDefaults() ShelfConfig {
	if c.Max <= 0 {
		c.Max = DefaultShelfMax
	}
	if c.Bytes <= 0 {
		c.Bytes = DefaultShelfBytes
	}
	if c.Lifetime <= 0 {
		c.Lifetime = Params{}.WithDefaults().ExchangeLifetime()
	}
	return c
}

// Shelf keeps the responses that peers fetch block by block, so that all blocks
// are of one representation and a POST is executed once (RFC 7959 §2.4, §2.7).
// When there is no room the one that has been unused for longest goes: its peer
// then gets the resource's present state, or 4.08 where asking again would not
// be safe.
//
// T is what the owner keeps; it should not change any more.
type Shelf[T any] struct {
	cfg    ShelfConfig
	table  map[BlockKey]*shelved[T] // never ranged over
	used   shelved[T]               // the ring of entries; next is the oldest
	shared map[any]*sharedBytes     // by ShelfItem.Shared; never ranged over
	gone   []T                      // to be reported
	bytes  int
	stats  ShelfStats
}

// ShelfItem is something to be kept.
type ShelfItem[T any] struct {
	Value T
	// Bytes is what it counts as.
	Bytes int
	// Shared, where not nil, names the memory that the item is of, by a value
	// that can be a map key: items with equal names are counted once.
	Shared any
	// Report: when it is not kept any more, Gone is to return it.
	Report bool
}

// sharedBytes counts the items that are of the same memory.
type sharedBytes struct{ items, bytes int }

type shelved[T any] struct {
	key        BlockKey
	item       ShelfItem[T]
	at         netio.Instant
	prev, next *shelved[T]
}

// ShelfStats are the counters of a Shelf.
type ShelfStats struct {
	// Len is how many bodies are kept, Bytes how long they are together.
	Len, Bytes int
	// Evicted counts those that had to make room before their time, Refused
	// those that are longer than all may be together.
	Evicted, Refused uint64
}

// NewShelf makes an empty shelf.
func NewShelf[T any](cfg ShelfConfig) *Shelf[T] {
	s := &Shelf[T]{cfg: cfg.withDefaults(), table: map[BlockKey]*shelved[T]{}}
	s.used.prev, s.used.next = &s.used, &s.used
	return s
}

// Put keeps a value, which counts as so many bytes, in place of what the key
// had. It reports whether there is room for it.
func (s *Shelf[T]) Put(now netio.Instant, key BlockKey, value T, bytes int) bool {
	return s.PutItem(now, key, ShelfItem[T]{Value: value, Bytes: bytes})
}

// PutItem is Put for what shares its memory, or has to be cleaned up. What finds
// no room is not reported.
func (s *Shelf[T]) PutItem(now netio.Instant, key BlockKey, item ShelfItem[T]) bool {
	s.Remove(key)
	item.Bytes = max(item.Bytes, 0)
	if item.Bytes > s.cfg.Bytes {
		s.stats.Refused++
		return false
	}
	// In this order what the item shares with others is not counted twice, and
	// it is not among those that make room: it is the youngest, and fits alone.
	e := &shelved[T]{key: key, item: item}
	s.touch(now, e)
	s.table[key] = e
	s.count(&e.item)
	for len(s.table) > s.cfg.Max || s.bytes > s.cfg.Bytes {
		if oldest := s.used.next; !s.expired(now, oldest) {
			s.stats.Evicted++
		}
		s.drop(s.used.next)
	}
	return true
}

func (s *Shelf[T]) count(item *ShelfItem[T]) {
	if item.Shared == nil {
		s.bytes += item.Bytes
		return
	}
	m := s.shared[item.Shared]
	if m == nil {
		m = &sharedBytes{}
		if s.shared == nil {
			s.shared = map[any]*sharedBytes{}
		}
		s.shared[item.Shared] = m
	}
	m.items++
	if more := item.Bytes - m.bytes; more > 0 {
		m.bytes += more
		s.bytes += more
	}
}

func (s *Shelf[T]) uncount(item *ShelfItem[T]) {
	if item.Shared == nil {
		s.bytes -= item.Bytes
		return
	}
	m := s.shared[item.Shared]
	if m.items--; m.items == 0 {
		s.bytes -= m.bytes
		delete(s.shared, item.Shared)
	}
}

// Gone returns, one a call, the values to be reported that are not kept any
// more; ok is false when there are no more.
func (s *Shelf[T]) Gone() (value T, ok bool) {
	if len(s.gone) == 0 {
		return value, false
	}
	value = s.gone[0]
	if s.gone = s.gone[1:]; len(s.gone) == 0 {
		s.gone = nil
	}
	return value, true
}

// Get returns what is kept under a key, which counts as a use.
func (s *Shelf[T]) Get(now netio.Instant, key BlockKey) (value T, ok bool) {
	e := s.table[key]
	if e == nil {
		return value, false
	}
	if s.expired(now, e) {
		s.drop(e)
		return value, false
	}
	e.unlink()
	s.touch(now, e)
	return e.item.Value, true
}

// Remove forgets what is kept under a key.
func (s *Shelf[T]) Remove(key BlockKey) {
	if e := s.table[key]; e != nil {
		s.drop(e)
	}
}

// Deadline returns when Due is to be called next; ok is false if never.
func (s *Shelf[T]) Deadline() (at netio.Instant, ok bool) {
	if s.used.next == &s.used {
		return 0, false
	}
	return s.used.next.at.Add(s.cfg.Lifetime), true
}

// Due forgets what has been unused for too long.
func (s *Shelf[T]) Due(now netio.Instant) {
	for s.used.next != &s.used && s.expired(now, s.used.next) {
		s.drop(s.used.next)
	}
}

// Stats returns the counters.
func (s *Shelf[T]) Stats() ShelfStats {
	st := s.stats
	st.Len, st.Bytes = len(s.table), s.bytes
	return st
}

func (s *Shelf[T]) expired(now netio.Instant, e *shelved[T]) bool {
	return now >= e.at.Add(s.cfg.Lifetime)
}

func (s *Shelf[T]) touch(now netio.Instant, e *shelved[T]) {
	e.at = max(now, s.used.prev.at) // the ring stays in order
	e.prev, e.next = s.used.prev, &s.used
	e.prev.next, e.next.prev = e, e
}

func (e *shelved[T]) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

func (s *Shelf[T]) drop(e *shelved[T]) {
	e.unlink()
	delete(s.table, e.key)
	s.uncount(&e.item)
	if e.item.Report {
		s.gone = append(s.gone, e.item.Value)
	}
}
