package mdns

import (
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// Querier asks, and collects who answers. What it knows it keeps from one Browse
// to the next, as a cache does.
type Querier struct {
	// OnFound, where set, is called with the name of an instance, or a host, in
	// every answer: more than once if it comes again.
	OnFound func(name string)

	clock   Clock
	peer    *sim.Peer
	profile *Profile
	ear     Ear
	cache   map[Question]*answers
	open    *browse // nil: it does not listen
}

// answers are those to one question, in the order in which they came.
type answers struct {
	names []string
	has   map[string]bool
}

type browse struct {
	q      Question
	found  *answers
	timers []netio.Timer
	pause  time.Duration
}

// NewQuerier lets a peer ask. The Profile is shared, and must not change.
func NewQuerier(c Clock, p *sim.Peer, profile *Profile) *Querier {
	q := &Querier{clock: c, peer: p, profile: profile, cache: map[Question]*answers{}}
	p.OnReceive = q.receive
	return q
}

// Browse begins to look for something, and ends what was looked for before. What
// the cache knows is found at once. A profile that is not Selective asks for
// everything. stop ends it.
func (q *Querier) Browse(what Question) (stop func()) {
	if !q.profile.Selective {
		what = Question{}
	}
	q.end(q.open)
	b := &browse{q: what, found: q.cache[what], pause: time.Second}
	if b.found == nil || !q.profile.KnownAnswers {
		b.found = &answers{has: map[string]bool{}}
		q.cache[what] = b.found
	}
	q.open = b
	if q.OnFound != nil {
		for _, name := range b.found.names {
			q.OnFound(name)
		}
	}
	q.later(b, q.profile.Defer, func() { q.ask(b) })
	if q.profile.Repeat {
		q.later(b, b.pause, func() { q.again(b) })
	}
	if q.profile.Timeout > 0 {
		q.later(b, q.profile.Timeout, func() { q.end(b) })
	}
	return func() { q.end(b) }
}

func (q *Querier) later(b *browse, d time.Duration, f func()) {
	if d == 0 {
		f()
		return
	}
	b.timers = append(b.timers, q.clock.AfterFunc(d, f))
}

func (q *Querier) end(b *browse) {
	if b == nil || q.open != b {
		return
	}
	q.open = nil
	for _, t := range b.timers {
		t.Stop()
	}
}

// again asks again, after twice the time.
func (q *Querier) again(b *browse) {
	b.timers = b.timers[:0]
	q.later(b, q.profile.Defer, func() { q.ask(b) })
	b.pause = min(2*b.pause, time.Hour)
	q.later(b, b.pause, func() { q.again(b) })
}

// ask sends the question, with all that is known.
func (q *Querier) ask(b *browse) {
	var known []string
	if q.profile.KnownAnswers && b.q.Host == "" {
		known = b.found.names
	}
	for first := true; first || len(known) > 0; first = false {
		msg, done, err := question(q.profile, &b.q, first, known)
		if err != nil {
			return // nobody has such a name
		}
		known = known[done:]
		_ = q.peer.Send(Group(), msg) // what is lost is sent again
		if !first && done == 0 {
			return
		}
	}
}

func (q *Querier) receive(d netio.Datagram) {
	if d.Err != nil || q.open == nil {
		return
	}
	h, err := q.ear.parse(d.Data)
	if err != nil || !h.response {
		return
	}
	b := q.open
	for _, name := range h.instances {
		if !b.found.has[name] {
			b.found.has[name] = true
			b.found.names = append(b.found.names, name)
		}
		if q.OnFound != nil {
			q.OnFound(name)
		}
	}
	if b.q.Host != "" && b.found.has[b.q.Host] {
		q.end(b) // there is one host of a name
	}
}
