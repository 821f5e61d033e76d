package sim

import (
	"math"
	"math/bits"
	"math/rand/v2"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim/dist"
)

// flow is what the network remembers of the datagrams from one node to another.
type flow struct {
	// generation in which it was made: one that is made anew, having been
	// forgotten, must not have the same chance again
	generation uint64
	count      uint64 // of datagrams
	path       dist.Path
	queue      bottleneck
	last       netio.Instant // when the latest of them arrives
	// narrow: the sender knows that its packets are too big.
	narrow bool
}

// flows are the flows between nodes, made when the first datagram goes and
// something must be remembered of it. There are no more than maxFlows in either of
// two generations; a flow of which nothing was heard while a whole generation
// of others came is forgotten, and begins anew.
type flows struct {
	young, old map[uint64]*flow
	generation uint64
	limit      int // 0 = maxFlows
}

const maxFlows = 1 << 20

func (f *flows) of(from, to hostID) *flow {
	key := uint64(from)<<32 | uint64(to)
	if x := f.young[key]; x != nil {
		return x
	}
	if f.young == nil {
		f.young = map[uint64]*flow{}
	}
	limit := f.limit
	if limit == 0 {
		limit = maxFlows
	}
	if len(f.young) >= limit {
		f.young, f.old = map[uint64]*flow{}, f.young
		f.generation++
	}
	x := f.old[key]
	if x == nil {
		x = &flow{generation: f.generation}
	}
	f.young[key] = x
	return x
}

// draws is the randomness of the network. Each datagram from one node to another
// has its own, which depends on nothing but the seed, the names of the two, and
// the how-manieth it is.
type draws struct {
	key uint64 // of the World
	pcg rand.PCG
	r   *rand.Rand
}

func (d *draws) init(key uint64) {
	d.key = key
	d.r = rand.New(&d.pcg)
}

// of returns the randomness of a datagram; it is good until the next call.
func (d *draws) of(from, to, generation, count uint64) *rand.Rand {
	h := d.key
	for _, x := range [...]uint64{from, to, generation, count} {
		h = mix64(bits.RotateLeft64(h, 23) ^ mix64(x+0x9e3779b97f4a7c15))
	}
	d.pcg.Seed(h, mix64(h+0x9e3779b97f4a7c15))
	return d.r
}

// mix64 is a bijection in which every bit of x decides over all (the finalizer of
// Stafford's variant 13, as in splitmix64).
func mix64(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hashName adds text to a number that stands for a name (FNV-1a).
func hashName[T string | []byte](h uint64, s T) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// hashSeed is what hashName begins with.
const hashSeed = 14695981039346656037

// bottleneck is a queue before something that passes so many bytes a second.
type bottleneck struct {
	until netio.Instant // when the last byte will have passed
	// Of the datagram to a group that came last: it passes once, for all members.
	seq uint64
	out netio.Instant
	ok  bool
}

// gate is a bottleneck with its rate.
type gate struct {
	Rate
	bottleneck
	air *air // of a segment that a datagram comes to; nil: it is a router's bottleneck
}

// pass lets a packet pass that comes at a time, and returns when it has passed;
// ok is false if there is no room in the queue. seq is the number of a datagram
// to a group, or 0.
func (b *bottleneck) pass(r Rate, at netio.Instant, size int, seq uint64) (out netio.Instant, ok bool) {
	if r.Bandwidth == 0 {
		return at, true
	}
	if seq != 0 && b.seq == seq {
		return b.out, b.ok
	}
	queue := r.Queue
	if queue == 0 {
		queue = 1 << 16
	}
	const second = int64(1e9)
	ok = true
	if wait := b.until.Sub(at); wait > 0 {
		room := int64(queue-size) * second / int64(r.Bandwidth) // ns; what is below 0 is no room
		ok = queue >= size && int64(wait) <= room
	} else {
		b.until = at
	}
	if ok {
		b.until = later(b.until, int64(size)*second/int64(r.Bandwidth))
		out = b.until
	}
	b.seq, b.out, b.ok = seq, out, ok
	return out, ok
}

// later returns the moment ns after t, which is never beyond the end of time.
func later(t netio.Instant, ns int64) netio.Instant {
	return t + netio.Instant(min(ns, math.MaxInt64-int64(t)))
}
