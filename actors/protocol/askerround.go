package protocol

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/coap2/coap2/netio"
)

// begin plans a round: whom to ask, and over which time.
func (a *Asker) begin(now netio.Instant, random uint64) {
	binary.BigEndian.PutUint32(a.salt[:], uint32(random))
	bits, window := a.plan()
	known := len(a.table.nodes)
	// The filter may have to be cut: then each part of the nodes is asked by a
	// request of its own, one after the other.
	cut, most := bits, 8*a.cfg.MaxFilter/askerLeastBits
	if a.spread() >= mediumSlow {
		most = min(most, askerPart)
	}
	for cut < askerMaxSlices && known>>cut > most {
		cut++
	}
	a.tops = a.tops[:0]
	if cut > 0 {
		for i := range a.table.nodes {
			a.tops = append(a.tops, uint16(a.table.nodes[i].id.Hash(0, a.salt)>>48))
		}
	}
	a.slices, a.slice = 1<<(cut-bits), 0
	a.bits = cut
	r := askerRound{
		asked: asked{known: known, share: 1 / float64(int(1)<<bits), window: window.Seconds()},
		full:  bits == 0, began: now, first: len(a.of), length: window,
	}
	if a.slices > 1 {
		r.spacing = max(window/time.Duration(a.slices), RoundUnit)
		r.length = r.spacing
		r.window = (r.spacing * time.Duration(a.slices)).Seconds()
	}
	a.rounds = append(a.rounds, r)
}

// plan chooses how many bits of a prefix nodes must have, and the window.
func (a *Asker) plan() (bits uint8, window time.Duration) {
	if len(a.rounds) == 0 {
		if a.cfg.Expect <= 0 {
			if bits, window, ok := a.firstKnown(); ok {
				return bits, window
			}
			return askerFirstBits, askerFirstWindow
		}
		// Some 32 answers first: how many the network takes is not known.
		for bits < askerFirstBits && a.cfg.Expect>>bits > 32 {
			bits++
		}
		return bits, askerFirstWindow
	}
	e := estimateMissing(a.evidence(), len(a.table.nodes))
	most, rate, limit := 4, a.tuning.safe, a.cfg.Rate
	for i := range a.rounds {
		r := &a.rounds[i]
		most, rate = max(most, r.heard), max(rate, r.rate())
		switch {
		case r.heard < askerCounts:
		case r.queued():
			limit = min(max(askerBelow*r.rate(), a.tuning.safe), a.cfg.Rate)
		default:
			limit = min(max(limit, 2*r.rate()), a.cfg.Rate)
		}
	}
	rate = min(rate*a.tuning.faster, limit)
	for bits < MaxRoundBits && e.high/float64(int(1)<<bits) > a.tuning.growth*float64(most) {
		bits++
	}
	for {
		share := 1 / float64(int(1)<<bits)
		w := max(e.crowd*share/a.tuning.load, e.answers*share/limit, e.high*share/rate)
		window = max(time.Duration(w*float64(time.Second)), a.leastWindow())
		if window <= a.cfg.MaxWindow || bits == MaxRoundBits {
			break
		}
		bits++
	}
	if a.spread() >= mediumSlow && e.none >= askerLikely {
		window = max(window, a.lastWindow())
	}
	if a.silent > 1 || a.empty > 0 {
		window = max(window, min(askerWiden*a.rounds[len(a.rounds)-1].span(), askerWidest), askerEmptyWindow)
	}
	return bits, roundUp(min(window, a.cfg.MaxWindow))
}

// request makes the next request of the round.
func (a *Asker) request(now netio.Instant) Ask {
	at := len(a.rounds) - 1
	r := &a.rounds[at]
	ask := Ask{Send: true, Number: len(a.of), First: at == 0}
	ask.Round = Round{Salt: a.salt, Bits: a.bits, Prefix: uint16(a.slice) << (16 - a.bits), Window: r.length}
	ask.Round.Filter = a.filter(&ask.Round)
	a.of = append(a.of, uint16(at))
	a.stats.Requests++
	if a.slice++; a.slice < a.slices {
		a.next = r.began.Add(time.Duration(a.slice) * r.spacing)
	} else {
		a.next = now.Add(r.length + a.grace())
	}
	ask.Next = a.next
	return ask
}

// filter makes the filter of a request: the known instances that it would ask.
func (a *Asker) filter(r *Round) Filter {
	known, mask := 0, r.mask()
	asks := func(i int) bool { return r.Bits == 0 || a.tops[i]&mask == r.Prefix }
	nodes := a.table.nodes
	if r.Bits > 0 {
		nodes = nodes[:len(a.tops)] // those that have come since are heard twice at worst
	}
	for i := range nodes {
		if asks(i) {
			known++
		}
	}
	n := min(FilterSize(known, askerBitsEach), a.cfg.MaxFilter)
	if n == 0 {
		return nil
	}
	if cap(a.buf) < n {
		a.buf = make([]byte, n)
	}
	f := Filter(a.buf[:n])
	clear(f)
	for i := range nodes {
		if asks(i) {
			f.Add(nodes[i].id.Hash(1, r.Salt))
		}
	}
	return f
}

// grace is how long answers may come after the end of a window.
func (a *Asker) grace() time.Duration {
	g := max(a.cfg.Latency, a.cfg.Medium.Latency)
	if a.minimum > 0 {
		g = max(2*a.minimum, a.late+a.late/2, a.cfg.Medium.Latency, askerMinGrace)
	}
	return min(g<<min(a.silent, 8), askerMaxGrace)
}

// review looks back at the round that has ended.
func (a *Asker) review() {
	r := &a.rounds[len(a.rounds)-1]
	switch {
	case r.heard > 0:
		a.empty, a.silent = 0, 0
	case r.full:
		a.empty++
		a.silent++
	default:
		a.silent++
	}
}

// enough reports whether so many rounds have been in vain that nobody is likely to
// have been missed by all of them, by loss, by a filter that takes one for
// another, or by answers that collide: the last one must have been much wider than
// those in which somebody was heard. Rounds before it that were about as wide count
// too if they heard few: whoever is missing has been missed by them as well.
func (a *Asker) enough() bool {
	last := len(a.rounds) - 1
	if a.empty == 0 || a.rounds[last].span() < a.lastWindow() {
		return false
	}
	vain := a.empty
	for i := last - vain; i >= 0 && 2*a.rounds[i].span() >= a.rounds[last].span(); i-- {
		if r := &a.rounds[i]; !r.full || r.heard > askerFew {
			break
		}
		vain++
	}
	if vain < 2 {
		return false
	}
	e := estimateMissing(a.evidence(), len(a.table.nodes))
	need := math.Log(askerDoubt) / math.Log(1-e.reach*(1-askerMistaken))
	return e.none >= askerSure && float64(vain) >= min(need, askerMostEmpty)
}

// lastWindow is how wide the last round must be.
func (a *Asker) lastWindow() time.Duration {
	wide, heard := time.Duration(0), 0
	if a.stats.Nodes == 0 {
		wide = askerNothing
	}
	for i := len(a.rounds) - 1; i >= 0 && heard < 2; i-- {
		if r := &a.rounds[i]; r.full && r.heard > 0 {
			wide = max(wide, r.span())
			heard++
		}
	}
	return min(askerWiden*wide, askerWidest, a.cfg.MaxWindow)
}

// queued reports whether answers came faster than the network takes them: some were
// still coming when no node was answering any more.
func (r *askerRound) queued() bool { return r.heard >= askerCounts && r.tardy*askerTardy > r.heard }

// rate is how many answers a second came while nodes were answering.
func (r *askerRound) rate() float64 {
	if !r.queued() {
		return float64(r.heard) / r.window
	}
	return float64(r.heard-r.tardy) / r.window
}

// span is the time over which the answers to a round are spread.
func (r *askerRound) span() time.Duration { return time.Duration(r.window * float64(time.Second)) }
