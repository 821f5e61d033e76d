package radio

import "math"

// Place is where a station is, in millimetres from a corner of the area.
type Place struct{ X, Y int }

// pitch is how far apart stations are drawn whose topology knows no lengths.
const pitch = 10_000

// Place returns where a station is. A topology that knows no lengths (Full, Star,
// Grid, Parse) has places that only a drawing needs, 10 m apart or so: a square,
// a circle, the grid; or columns by how many hops it is from station 0. ok is
// false if there is no such station.
func (t *Topology) Place(station int) (p Place, ok bool) {
	if station < 0 || station >= t.n {
		return p, false
	}
	if t.places == nil {
		t.places = t.layout()
	}
	return t.places[station], true
}

// Position returns where a station is now, or was at the last step if it moves; see
// Topology.Place. ok is false if there is no such station.
func (a *Air) Position(station int) (p Place, ok bool) {
	return a.topology().Place(station)
}

// layout makes places of hops: who is as many hops from station 0 is in the same
// column, whose middle is that of all others.
func (t *Topology) layout() []Place {
	column := make([]int, t.n)
	far := 0
	for i := range t.n {
		column[i] = t.hops(i)
		far = max(far, column[i])
	}
	size := make([]int, far+2)
	for i, c := range column {
		if c < 0 { // who has no way is in a column of its own
			column[i] = far + 1
		}
		size[column[i]]++
	}
	tallest := 0
	for _, n := range size {
		tallest = max(tallest, n)
	}
	row := make([]int, len(size))
	places := make([]Place, t.n)
	for i, c := range column {
		places[i] = Place{c * pitch, (tallest-size[c])*pitch/2 + row[c]*pitch}
		row[c]++
	}
	return places
}

// hops returns how many hops it is to station 0, -1 if there is no way.
func (t *Topology) hops(station int) int {
	n := 0
	for next := t.table(0); station != 0; n++ {
		if station = int(next[station]); station < 0 {
			return -1
		}
	}
	return n
}

// rows makes places of rows of so many.
func rows(n, columns int) []Place {
	places := make([]Place, n)
	for i := range places {
		places[i] = Place{i % columns * pitch, i / columns * pitch}
	}
	return places
}

// circle makes places of a circle around station 0.
func circle(n int) []Place {
	places := make([]Place, n)
	radius := max(pitch, float64(n-1)*pitch/(2*math.Pi))
	for i := range places {
		r := radius
		if i == 0 {
			r = 0
		}
		sin, cos := math.Sincos(2 * math.Pi * float64(i-1) / float64(max(1, n-1)))
		places[i] = Place{int(math.Round(radius + r*cos)), int(math.Round(radius + r*sin))}
	}
	return places
}
