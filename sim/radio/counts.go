package radio

import "iter"

// Counts are the counters of a station.
type Counts struct {
	// Sent is how many frames it has put on the air.
	Sent uint64
	// Spoiled is how many that were for it it did not get, because it heard
	// another meanwhile, or sent.
	Spoiled uint64
	// Failures is how many it gave up because the air was not free, and Overflows
	// how many found no room in its queue.
	Failures, Overflows uint64
}

// Counts returns what has happened at a station.
func (a *Air) Counts(station int) Counts { return a.stations[station].counts }

// Full reports whether everyone hears everyone, whatever else it is.
func (t *Topology) Full() bool { return t.full }

// Reach returns how far apart two stations are at most that hear each other, in
// millimetres; 0 where that does not depend on their places.
func (t *Topology) Reach() int { return t.reach }

// Moves reports whether stations move.
func (t *Topology) Moves() bool { return t.paths != nil }

// Near returns those who hear a station.
func (t *Topology) Near(station int) iter.Seq[int] {
	return func(yield func(int) bool) {
		if !t.full {
			for _, i := range t.near[station] {
				if !yield(int(i)) {
					return
				}
			}
			return
		}
		for i := range t.n {
			if i != station && !yield(i) {
				return
			}
		}
	}
}
