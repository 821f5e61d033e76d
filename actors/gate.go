package actors

import (
	"sync"

	"github.com/coap2/coap2/netio"
)

// gate counts a resource's handlers on goroutines, and the calls that wait for
// one of them to return. It belongs to the whole node, while each shard keeps
// its own waiting calls: a turn goes to the call that has waited longest,
// at whichever shard that is. So no call leaves its shard, and a resource that
// is served one after the other is so on all of them.
type gate struct {
	mu      sync.Mutex
	running int // handlers that run, and turns that are on their way to begin one
	waiting []ticket
	// failures are the recent ones of the resource, at all shards.
	failures []netio.Instant
}

// ticket is the right of a shard's longest waiting call to the next turn.
type ticket struct {
	site *site
	box  *mailbox // of its resource actor
}

type admission uint8

const (
	gateRun    admission = iota // the handler may run now
	gateWait                    // the call has a ticket
	gateRefuse                  // too many have
)

// enter asks to run a handler.
func (g *gate) enter(t ticket, concurrency, backlog int) admission {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.running < concurrency:
		g.running++
		return gateRun
	case len(g.waiting) >= backlog:
		return gateRefuse
	}
	g.waiting = append(g.waiting, t)
	return gateWait
}

// busy reports whether a handler runs or waits.
func (g *gate) busy() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running > 0 || len(g.waiting) > 0
}

// leave gives a turn back, and returns the ticket whose turn it is now: its
// actor must be sent yourTurn.
func (g *gate) leave() (next ticket, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pass()
}

func (g *gate) pass() (next ticket, ok bool) {
	if len(g.waiting) == 0 {
		g.running--
		return ticket{}, false
	}
	next = g.waiting[0]
	g.waiting[0] = ticket{}
	g.waiting = g.waiting[1:]
	next.site.turns++
	return next, true
}

// accept takes a turn that has arrived at a site; false if it was taken back
// meanwhile.
func (g *gate) accept(p *site) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.turns == 0 {
		return false
	}
	p.turns--
	return true
}

// withdraw takes back the tickets of a site and the turns that are on their way
// to it, and returns whose turn it is instead.
func (g *gate) withdraw(p *site) (next []ticket) {
	g.mu.Lock()
	defer g.mu.Unlock()
	kept := g.waiting[:0]
	for _, t := range g.waiting {
		if t.site != p {
			kept = append(kept, t)
		}
	}
	clear(g.waiting[len(kept):])
	g.waiting = kept
	for ; p.turns > 0; p.turns-- {
		if t, ok := g.pass(); ok {
			next = append(next, t)
		}
	}
	return next
}
