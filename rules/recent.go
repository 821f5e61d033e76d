package rules

import (
	"sort"
	"time"
)

// recent is, for one direction of an axis, what subscriptions that sleep until
// the end of their pmin may want: of the samples that came meanwhile the latest
// that is at least their bound. A sample is forgotten when a later one reaches
// as far: what is left rises into the past.
type recent []reached

type reached struct {
	x float64
	s *snapshot
}

func (r *recent) push(x float64, s *snapshot) {
	n := len(*r)
	for n > 0 && (*r)[n-1].x <= x {
		n--
		(*r)[n] = reached{}
	}
	*r = append((*r)[:n], reached{x, s})
}

// latest is the latest sample after seq that is at least the bound, or nil.
func (r recent) latest(bound float64, seq uint64) *snapshot {
	n := sort.Search(len(r), func(i int) bool { return r[i].x < bound })
	if n == 0 || r[n-1].s.seq <= seq {
		return nil
	}
	return r[n-1].s
}

// timers is a heap of the times at which subscriptions have something to do,
// one for each.
type timers []timer

type timer struct {
	at time.Duration
	id ID
}

func (t timer) before(o timer) bool { return t.at < o.at || t.at == o.at && t.id < o.id }

// set puts the timer of a subscription at a time, unless it goes off earlier
// anyway: it is looked at then.
func (x *Index) set(e *ext, at time.Duration) {
	if e.timer == 0 {
		x.timers = append(x.timers, timer{at, e.id})
		x.rise(len(x.timers)-1, timer{at, e.id})
	} else if i := int(e.timer) - 1; at < x.timers[i].at {
		x.rise(i, timer{at, e.id})
	}
}

func (x *Index) put(i int, t timer) {
	x.timers[i] = t
	x.exts[t.id].timer = uint32(i + 1)
}

func (x *Index) rise(i int, t timer) {
	for i > 0 {
		up := (i - 1) / 4
		if !t.before(x.timers[up]) {
			break
		}
		x.put(i, x.timers[up])
		i = up
	}
	x.put(i, t)
}

func (x *Index) sink(i int, t timer) {
	for {
		first := 4*i + 1
		if first >= len(x.timers) {
			break
		}
		least := first
		for j := first + 1; j < min(first+4, len(x.timers)); j++ {
			if x.timers[j].before(x.timers[least]) {
				least = j
			}
		}
		if !x.timers[least].before(t) {
			break
		}
		x.put(i, x.timers[least])
		i = least
	}
	x.put(i, t)
}

// unset takes the timer of a subscription away.
func (x *Index) unset(e *ext) {
	if e.timer == 0 {
		return
	}
	i := int(e.timer) - 1
	e.timer = 0
	last := x.timers[len(x.timers)-1]
	x.timers = x.timers[:len(x.timers)-1]
	if i == len(x.timers) {
		return
	}
	x.rise(i, last)
	x.sink(int(x.exts[last.id].timer)-1, last)
}
