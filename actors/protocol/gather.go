package protocol

import (
	"strconv"
	"time"

	"github.com/coap2/coap2/netio"
)

// DefaultGatherMax is how many responders a Gather takes that was not told.
const DefaultGatherMax = 1 << 16

// Gathered says what an answer is to a Gather.
type Gathered uint8

// What an answer can be.
const (
	// GatheredNew: the first one of its sender. To be delivered.
	GatheredNew Gathered = iota
	// GatheredAgain: its sender has answered before.
	GatheredAgain
	// GatheredTooMany: there are as many responders as there may be.
	GatheredTooMany
	// GatheredLate: the time is over.
	GatheredLate
)

// String returns the name.
func (g Gathered) String() string {
	switch g {
	case GatheredNew:
		return "GatheredNew"
	case GatheredAgain:
		return "GatheredAgain"
	case GatheredTooMany:
		return "GatheredTooMany"
	case GatheredLate:
		return "GatheredLate"
	}
	return "Gathered(" + strconv.Itoa(int(g)) + ")"
}

// Gather is the client's side of a multicast request (RFC 7252 §8.2): it takes
// every answer with the request's token as it comes, one of each responder, until
// its time is over.
type Gather struct {
	until netio.Instant
	max   int
	seen  map[netio.Peer]struct{} // never ranged over
	stats GatherStats
}

// GatherStats are the counters of a Gather.
type GatherStats struct {
	// Responders is how many have answered.
	Responders int
	// Again, TooMany and Late count the answers that were not delivered.
	Again, TooMany, Late uint64
}

// NewGather begins to gather, until a moment and from at most max responders;
// less than 1 means DefaultGatherMax. A responder costs about 100 bytes.
func NewGather(until netio.Instant, max int) *Gather {
	if max < 1 {
		max = DefaultGatherMax
	}
	return &Gather{until: until, max: max, seen: map[netio.Peer]struct{}{}}
}

// Answer takes in an answer that has come from a peer.
func (g *Gather) Answer(now netio.Instant, from netio.Peer) Gathered {
	if g.Over(now) {
		g.stats.Late++
		return GatheredLate
	}
	if _, ok := g.seen[from]; ok {
		g.stats.Again++
		return GatheredAgain
	}
	if len(g.seen) >= g.max {
		g.stats.TooMany++
		return GatheredTooMany
	}
	g.seen[from] = struct{}{}
	return GatheredNew
}

// Extend moves the end to a later moment: another request of the same discovery
// has been sent.
func (g *Gather) Extend(until netio.Instant) { g.until = max(g.until, until) }

// Deadline returns when the time is over.
func (g *Gather) Deadline() netio.Instant { return g.until }

// Over reports whether the time is over.
func (g *Gather) Over(now netio.Instant) bool { return now >= g.until }

// Stats returns the counters.
func (g *Gather) Stats() GatherStats {
	s := g.stats
	s.Responders = len(g.seen)
	return s
}

// GatherTime is how long answers to a multicast request can come whose
// responders spread them over leisure: that, and the longest time under way
// there and back (RFC 7252 §8.2, §4.8.2). p has its defaults applied.
func GatherTime(p *Params, leisure time.Duration) time.Duration {
	return leisure + 2*p.MaxLatency
}

// GroupLeisure is the time over which answers to a multicast request should be
// spread (RFC 7252 §8.2): size·group/rate, for answers of so many bytes from so
// many nodes and a network that takes so many bytes a second. It is at most a
// day, and 0 where one of them is not above 0.
func GroupLeisure(size, group int, rate float64) time.Duration {
	d := float64(size) * float64(group) / rate * float64(time.Second)
	if !(d > 0) {
		return 0
	}
	return time.Duration(min(d, float64(maxParamDuration)))
}
