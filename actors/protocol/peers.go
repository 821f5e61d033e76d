package protocol

import (
	"errors"
	"fmt"
	"time"

	"github.com/coap2/coap2/netio"
)

// ErrPeersFull is wrapped by the error of Peers.Get when no peer can be added,
// because all that are known are pinned.
var ErrPeersFull = errors.New("protocol: peer table is full")

// DefaultMaxPeers is the size of a Peers that was not given one.
const DefaultMaxPeers = 1 << 16

// Peers is a bounded table of what is known of each peer. When it is full the
// peer that has been unused for longest makes room, unless it is pinned: peers
// with exchanges under way stay. All methods take constant time.
type Peers[T any] struct {
	max int
	// few has the entries while they are not more than fewPeers, which is so at
	// most nodes of a large network; then table has them, which is never ranged
	// over.
	few     []*PeerEntry[T]
	table   map[netio.Peer]*PeerEntry[T]
	oldest  *PeerEntry[T] // of the unpinned entries, linked by next
	newest  *PeerEntry[T]
	dropped *PeerEntry[T] // what the last Get or Expire has dropped, by next
	last    *PeerEntry[T] // the last of these
	now     netio.Instant // the latest moment that has been told
	id      uint64
	pinned  int
	evicted uint64
}

// PeerEntry is what a Peers knows of one peer. Only Value is for its user to
// change.
type PeerEntry[T any] struct {
	Peer netio.Peer
	// ID is a number of 48 bits that no other entry of the table ever has had:
	// a peer that was forgotten and comes back gets another.
	ID uint64
	// Value is the user's; it begins as the zero value.
	Value T

	prev, next *PeerEntry[T]
	used       netio.Instant
	pins       int32
	gone       bool
}

// fewPeers is up to how many entries are found by looking at each.
const fewPeers = 4

// PeersStats are the counters of a Peers.
type PeersStats struct {
	// Len is the number of peers that are known.
	Len int
	// Pinned is how many of them cannot be evicted now.
	Pinned int
	// Evicted counts those that had to make room for others; those that
	// Expire dropped are not among them.
	Evicted uint64
}

// NewPeers makes an empty table for at most max peers; less than 1 means
// DefaultMaxPeers.
func NewPeers[T any](max int) *Peers[T] {
	p := &Peers[T]{}
	p.Init(max)
	return p
}

// Init makes p what NewPeers returns.
func (p *Peers[T]) Init(max int) {
	if max < 1 {
		max = DefaultMaxPeers
	}
	*p = Peers[T]{max: max}
}

// Get returns the entry of a peer, which counts as used now; it makes one if
// there is none, which made reports. If the table is full, the peer that has
// been unused for longest is evicted and can be asked for with Dropped; if all
// are pinned, the error wraps ErrPeersFull.
//
// The entry is valid until the next Get or Expire, or while it is pinned.
func (p *Peers[T]) Get(now netio.Instant, peer netio.Peer) (e *PeerEntry[T], made bool, err error) {
	p.dropped, p.last = nil, nil
	p.now = max(p.now, now)
	if e = p.Find(peer); e != nil {
		e.used = p.now
		if e.pins == 0 && e != p.newest {
			p.unlink(e)
			p.link(e)
		}
		return e, false, nil
	}
	if p.Len() >= p.max {
		if p.oldest == nil {
			return nil, false, fmt.Errorf("%w: all %d peers have something under way; raise the limit or try later", ErrPeersFull, p.max)
		}
		p.drop(p.oldest)
		p.evicted++
	}
	p.id++
	e = &PeerEntry[T]{Peer: peer, ID: p.id & (1<<48 - 1), used: p.now}
	p.add(e)
	p.link(e)
	return e, true, nil
}

// Find returns the entry of a peer, or nil; it does not count as a use.
func (p *Peers[T]) Find(peer netio.Peer) *PeerEntry[T] {
	if p.table != nil {
		return p.table[peer]
	}
	for _, e := range p.few {
		if e.Peer == peer {
			return e
		}
	}
	return nil
}

// add puts an entry among those that Find finds.
func (p *Peers[T]) add(e *PeerEntry[T]) {
	if p.table == nil {
		if len(p.few) < fewPeers {
			p.few = append(p.few, e)
			return
		}
		p.table = make(map[netio.Peer]*PeerEntry[T], 2*fewPeers)
		for _, f := range p.few {
			p.table[f.Peer] = f
		}
		p.few = nil
	}
	p.table[e.Peer] = e
}

// remove takes an entry away from those that Find finds.
func (p *Peers[T]) remove(e *PeerEntry[T]) {
	delete(p.table, e.Peer)
	for i, f := range p.few {
		if f == e {
			last := len(p.few) - 1
			p.few[i], p.few[last] = p.few[last], nil
			p.few = p.few[:last]
			return
		}
	}
}

// Pin keeps the entry in the table until Unpin has been called as often. An
// entry that has been dropped cannot be pinned any more: that does nothing.
func (p *Peers[T]) Pin(e *PeerEntry[T]) {
	if e.gone {
		return
	}
	if e.pins == 0 {
		p.unlink(e)
		p.pinned++
	}
	e.pins++
}

// Unpin takes back one Pin. The entry counts as used until the latest moment
// that the table has been told. Without a Pin it does nothing.
func (p *Peers[T]) Unpin(e *PeerEntry[T]) {
	if e.pins == 0 {
		return
	}
	if e.pins--; e.pins == 0 {
		p.pinned--
		e.used = p.now
		p.link(e)
	}
}

// Expire drops at most n unpinned peers that have been unused for longer than
// maxIdle, and returns how many it has dropped; they can be asked for with
// Dropped.
func (p *Peers[T]) Expire(now netio.Instant, maxIdle time.Duration, n int) int {
	p.dropped, p.last = nil, nil
	p.now = max(p.now, now)
	count := 0
	for count < n && p.oldest != nil && p.now.Sub(p.oldest.used) > maxIdle {
		p.drop(p.oldest)
		count++
	}
	return count
}

// Dropped returns, one a call, the entries that the last Get or Expire has
// dropped, so that what hangs on their values can be ended; ok is false when
// there are no more. Entries that were not asked for are forgotten by the next
// Get or Expire.
func (p *Peers[T]) Dropped() (e *PeerEntry[T], ok bool) {
	if e = p.dropped; e == nil {
		return nil, false
	}
	p.dropped, e.next = e.next, nil
	return e, true
}

// Len returns the number of peers that are known.
func (p *Peers[T]) Len() int { return len(p.table) + len(p.few) }

// Stats returns the counters.
func (p *Peers[T]) Stats() PeersStats {
	return PeersStats{Len: p.Len(), Pinned: p.pinned, Evicted: p.evicted}
}

// link makes e the most recently used of the idle entries.
func (p *Peers[T]) link(e *PeerEntry[T]) {
	e.prev, e.next = p.newest, nil
	if p.newest != nil {
		p.newest.next = e
	} else {
		p.oldest = e
	}
	p.newest = e
}

func (p *Peers[T]) unlink(e *PeerEntry[T]) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		p.oldest = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		p.newest = e.prev
	}
	e.prev, e.next = nil, nil
}

func (p *Peers[T]) drop(e *PeerEntry[T]) {
	p.unlink(e)
	e.gone = true
	p.remove(e)
	if p.dropped == nil {
		p.dropped = e
	} else {
		p.last.next = e
	}
	p.last = e
}
