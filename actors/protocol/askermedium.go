package protocol

import (
	"encoding/binary"
	"time"

	"github.com/coap2/coap2/netio"
)

const (
	// mediumSlow: a network that spreads answers over so long is slow, and a
	// question to all, which may be sent on hop by hop, is dear there.
	mediumSlow   = 50 * time.Millisecond
	mediumForget = 8 // of what is no longer seen, one part of so many with each discovery
	mediumMost   = 2 * time.Second
	askerSpread  = 6               // a window is so many times as long as the network spreads answers
	askerLikely  = 0.5             // that nobody is missing: a slow network is asked for the last time
	askerFew     = 16              // answers to a round that is nearly in vain
	askerPart    = 128             // nodes that a filter has in a slow network: of many fragments one gets lost
	askerKnown   = 4 * time.Second // the longest first window where it is known who is there
	hostSpread   = 2               // the same for a host
	hostLost     = 0.1
	hostAtOnce   = 3                      // questions for a host are answered at once where nothing is known,
	hostWindow   = 250 * time.Millisecond // and further ones over such a time
)

// Medium is what discoveries have learned of the network, for those that follow. It
// is no more than a guess: who has moved to another network pays with a round or two.
// The zero value says nothing.
type Medium struct {
	// Latency is how long answers have been under way, there and back.
	Latency time.Duration
	// Spread is how much longer the latest were under way than the quickest,
	// because of ways of several hops, or of a medium that was not free.
	Spread time.Duration
	// Nodes is how many answered the last discovery of everyone, and Rate how many
	// answers a second came in the best of its rounds.
	Nodes int
	Rate  float64
	// Lost is about which share of the questions for a host that were to be answered
	// at once had to be asked again.
	Lost float64
}

// Learned returns what is known of the network after the discovery, if before it was
// that.
func (a *Asker) Learned(m Medium) Medium {
	m.Latency -= m.Latency / mediumForget
	m = m.heard(a.slowest())
	if a.cfg.Query.Kind == ByName { // one answer says nothing of others
		if a.stats.Nodes > 0 {
			m = m.askedHost(a.rounds[0].length == 0, len(a.rounds) > 1)
		}
		return m
	}
	m.Spread -= m.Spread / mediumForget
	m.Spread = max(m.Spread, min(a.slowest()-a.minimum, mediumMost))
	if a.cfg.Query.Kind != Everyone || !a.done {
		return m
	}
	rate := 0.0
	for i := range a.rounds {
		r := &a.rounds[i]
		rate = max(rate, float64(r.heard)/(r.span()+r.late).Seconds())
	}
	if rate > 0 {
		m.Nodes, m.Rate = len(a.table.nodes), rate
	}
	return m
}

// heard takes in for how long an answer was under way.
func (m Medium) heard(delay time.Duration) Medium {
	m.Latency = max(m.Latency, min(delay, mediumMost))
	return m
}

// HeardHost returns what is known of the network after an answer to a question for a
// host, if before it was m: the answer came so long after the question, whose window is
// window, that of the first one first, and so many others had been asked before it.
func (m Medium) HeardHost(delay, window, first time.Duration, before int) Medium {
	m.Latency -= m.Latency / mediumForget
	return m.heard(delay-window).askedHost(first == 0, before > 0)
}

// askedHost takes in whether a host had to be asked for again, and was first asked to
// answer at once.
func (m Medium) askedHost(atOnce, again bool) Medium {
	switch {
	case atOnce && again:
		m.Lost += (1 - m.Lost) / 4
	case atOnce:
		m.Lost -= m.Lost / mediumForget
	case !again:
		m.Lost -= m.Lost / (2 * mediumForget) // it may do well without by now
	}
	return m
}

// HostTry plans a question for a host, the try-th from 0: over which time an answer
// may be spread, 0 = it is to be given at once, and when to ask again. pause is for
// how long to wait for an answer that is given at once, if nothing is known.
//
// Where a question is flooded, an answer that is given at once meets it on the way, and
// may be lost: then it is to be given later, at the first try if many had to be asked
// again.
func (m Medium) HostTry(try int, pause time.Duration) (window, next time.Duration) {
	switch {
	case m.Spread >= mediumSlow && (try > 0 || m.Lost >= hostLost):
		window = hostSpread * m.Spread
	case try > 0 && m.Latency >= mediumSlow:
		window = hostSpread * m.Latency
	case try >= hostAtOnce:
		return hostWindow, pause
	}
	window = min(window, mediumMost) / RoundUnit * RoundUnit
	return window, max(pause, min(m.Latency, mediumMost)) + window
}

// tickHost asks for a host.
func (a *Asker) tickHost(now netio.Instant, random uint64) Ask {
	tries := len(a.rounds)
	if a.settled != 0 || tries >= a.cfg.Tries {
		a.done = true
		return Ask{Done: true}
	}
	window, next := a.cfg.Medium.HostTry(tries, askerRetry<<min(tries, 8))
	a.rounds = append(a.rounds, askerRound{began: now, first: tries, full: true, length: window})
	a.of = append(a.of, uint16(tries))
	a.stats.Requests++
	a.next = now.Add(next)
	ask := Ask{Send: true, Number: tries, Bare: window == 0, First: tries == 0, Next: a.next}
	if window > 0 {
		ask.Round.Window = window
		binary.BigEndian.PutUint32(ask.Round.Salt[:], uint32(random))
	}
	return ask
}

// firstKnown plans the first round where discoveries before have found so many that
// there need be no sample, which would be a flood for nothing. ok is false where the
// network is not known, or quick.
func (a *Asker) firstKnown() (bits uint8, window time.Duration, ok bool) {
	m := &a.cfg.Medium
	if m.Nodes <= 0 || !(m.Rate > 0) || m.Spread < mediumSlow {
		return 0, 0, false
	}
	seconds := float64(m.Nodes) / m.Rate
	for seconds > askerKnown.Seconds() && bits < MaxRoundBits {
		bits++
		seconds /= 2
	}
	seconds = min(seconds, a.cfg.MaxWindow.Seconds())
	window = max(time.Duration(seconds*float64(time.Second)), a.leastWindow(), askerFirstWindow)
	return bits, roundUp(min(window, a.cfg.MaxWindow)), true
}

// spread is how much longer the latest answers are under way than the quickest. Of a
// quick network only this discovery's own count: there are quicker ones.
func (a *Asker) spread() (s time.Duration) {
	if a.cfg.Medium.Spread >= mediumSlow {
		s = a.cfg.Medium.Spread
	}
	return max(s, a.slowest()-a.minimum)
}

// slowest is for how long the latest answer was under way, but for those from a queue:
// they say how many were before them.
func (a *Asker) slowest() (d time.Duration) {
	for i := range a.rounds {
		if r := &a.rounds[i]; !r.queued() {
			d = max(d, r.late)
		}
	}
	return d
}

// leastWindow is that of a round in a network that itself spreads answers: in less
// time they are in each other's way, and in that of the question.
func (a *Asker) leastWindow() time.Duration {
	return max(min(askerSpread*a.spread(), askerWidest), askerMinWindow)
}

func roundUp(window time.Duration) time.Duration {
	return (window + RoundUnit - 1) / RoundUnit * RoundUnit
}
