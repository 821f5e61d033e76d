package radio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Motion says how the stations of a Topology move, and how far they hear each
// other. Lengths are in millimetres.
type Motion struct {
	// Reach is how far stations hear each other, from 1 to 1,000 km.
	Reach int
	// Step is how often it is found anew who hears whom; meanwhile they count as
	// being where they were then. 0 = 1 s; at least 1 ms.
	Step time.Duration
}

// Wander is a random waypoint model (D. Johnson and D. Maltz, "Dynamic Source
// Routing in Ad Hoc Wireless Networks", 1996): a station goes straight to a random
// place of a square, pauses, and goes to the next. A way that is shorter than a
// Step takes one.
type Wander struct {
	Motion
	// Side is that of the square.
	Side int
	// Slowest and Fastest are the limits of the speed, which is drawn for each way,
	// in millimetres a second: from 1 to 1,000,000.
	Slowest, Fastest int
	// Shortest and Longest are the limits of the pause.
	Shortest, Longest time.Duration
}

// Validate reports what is wrong with a Wander, if anything.
func (w Wander) Validate() error {
	switch {
	case w.Side < 1 || w.Side > maxSide:
		return fmt.Errorf("radio: Wander.Side is %d mm; it must be between 1 and %d", w.Side, maxSide)
	case w.Slowest < 1 || w.Fastest < w.Slowest || w.Fastest > 1_000_000:
		return fmt.Errorf("radio: Wander.Slowest is %d and Fastest %d mm/s; they must be between 1 and 1000000, and in order", w.Slowest, w.Fastest)
	case w.Shortest < 0 || w.Longest < w.Shortest || w.Longest > maxTime:
		return fmt.Errorf("radio: Wander.Shortest is %v and Longest %v; they must be between 0 and %v, and in order", w.Shortest, w.Longest, maxTime)
	}
	return w.Motion.Validate()
}

// Validate reports what is wrong with a Motion, if anything.
func (m Motion) Validate() error {
	if m.Reach < 1 || m.Reach > maxSide {
		return fmt.Errorf("radio: Motion.Reach is %d mm; it must be between 1 and %d", m.Reach, maxSide)
	}
	if m.Step != 0 && (m.Step < time.Millisecond || m.Step > time.Hour) {
		return fmt.Errorf("radio: Motion.Step is %v; it must be between 1ms and 1h", m.Step)
	}
	return nil
}

// maxTime is how long a pause is at most, and the last time of a waypoint.
const maxTime = 10_000 * time.Hour

// paths are where stations are.
type paths interface {
	// place returns where a station is at a time, which is not before that of the
	// last call for it.
	place(station int, at time.Duration) Place
}

// leg is a straight way, and the pause after it.
type leg struct {
	from, to             Place
	start, arrive, leave time.Duration
}

func (l *leg) at(t time.Duration) Place {
	if t >= l.arrive {
		return l.to
	}
	part := func(a, b int) int {
		far := b - a
		hi, lo := bits.Mul64(uint64(max(far, -far)), uint64(max(0, t-l.start)))
		q, _ := bits.Div64(hi, lo, uint64(l.arrive-l.start))
		if far < 0 {
			return a - int(q)
		}
		return a + int(q)
	}
	return Place{part(l.from.X, l.to.X), part(l.from.Y, l.to.Y)}
}

// wanderers are the stations of a Wander.
type wanderers struct {
	Wander
	legs []leg
	rand []*rand.Rand
}

// NewWander is a topology whose stations move at random. Nothing says that all are
// connected; Connected says it of the beginning. It is for one Air.
func NewWander(n int, w Wander, r *rand.Rand) (*Topology, error) {
	t, err := empty(n)
	if err == nil {
		err = w.Validate()
	}
	if err != nil {
		return nil, err
	}
	x := &wanderers{Wander: w, legs: make([]leg, n), rand: make([]*rand.Rand, n)}
	if x.Step == 0 {
		x.Step = time.Second
	}
	seed := r.Uint64()
	for i := range n {
		x.rand[i] = rand.New(rand.NewPCG(seed, uint64(i)))
		x.legs[i].to = x.somewhere(i)
	}
	t.travel(x, x.Motion)
	return t, nil
}

func (x *wanderers) somewhere(station int) Place {
	r := x.rand[station]
	return Place{int(r.Int64N(int64(x.Side))), int(r.Int64N(int64(x.Side)))}
}

func (x *wanderers) place(station int, at time.Duration) Place {
	l, r := &x.legs[station], x.rand[station]
	for at >= l.leave {
		next := leg{from: l.to, to: x.somewhere(station), start: l.leave}
		speed := int64(x.Slowest) + r.Int64N(int64(x.Fastest-x.Slowest)+1)
		next.arrive = next.start + max(x.Step, time.Duration(distance(next.from, next.to)*int64(time.Second)/speed))
		next.leave = next.arrive + x.Shortest + time.Duration(r.Int64N(int64(x.Longest-x.Shortest)+1))
		*l = next
	}
	return l.at(at)
}

// distance returns how far apart two places are, rounded down.
func distance(a, b Place) int64 {
	dx, dy := int64(a.X-b.X), int64(a.Y-b.Y)
	sum := dx*dx + dy*dy
	d := int64(math.Sqrt(float64(sum)))
	for d*d > sum {
		d--
	}
	for (d+1)*(d+1) <= sum {
		d++
	}
	return d
}

// waypoints are where stations are at certain times.
type waypoints [][]leg

func (x waypoints) place(station int, at time.Duration) Place {
	legs := x[station]
	for len(legs) > 1 && at >= legs[0].arrive {
		legs = legs[1:]
	}
	x[station] = legs
	return legs[0].at(at)
}

// ParseWaypoints reads a topology of n stations from text: a line "3 1m30s 10 2.5"
// says that 90 seconds after the beginning station 3 is 10 m to the right and
// 2.5 m down. It goes there straight from where it was before; it is at its first
// place from the beginning, and stays at its last. Each station must have a place,
// and its lines be in order of time; "#" begins a comment. Errors say which line.
// It is for one Air.
func ParseWaypoints(r io.Reader, n int, m Motion) (*Topology, error) {
	t, err := empty(n)
	if err == nil {
		err = m.Validate()
	}
	if err != nil {
		return nil, err
	}
	x := make(waypoints, n)
	s := bufio.NewScanner(r)
	for line := 1; s.Scan(); line++ {
		text, _, _ := strings.Cut(s.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		i, at, p, ok := waypoint(words, n)
		if !ok {
			return nil, fmt.Errorf("radio: line %d: want a station from 0 to %d, a time and two lengths in metres, such as \"0 1m30s 10 2.5\", not %q", line, n-1, strings.TrimSpace(text))
		}
		if line > maxEdges {
			return nil, fmt.Errorf("radio: line %d: there are more than %d lines", line, maxEdges)
		}
		legs := x[i]
		if len(legs) == 0 {
			x[i] = []leg{{from: p, to: p, arrive: at}}
			continue
		}
		last := &legs[len(legs)-1]
		if at <= last.arrive {
			return nil, fmt.Errorf("radio: line %d: station %d is at %v already; its lines must be in order of time", line, i, last.arrive)
		}
		x[i] = append(legs, leg{from: last.to, to: p, start: last.arrive, arrive: at})
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("radio: reading waypoints: %w", err)
	}
	for i := range x {
		if len(x[i]) == 0 {
			return nil, fmt.Errorf("%w, which station %d needs", ErrNoPlace, i)
		}
	}
	t.travel(x, m)
	return t, nil
}

// ErrNoPlace: waypoints lack a station.
var ErrNoPlace = errors.New("radio: there is no waypoint")

func waypoint(words []string, n int) (i int, at time.Duration, p Place, ok bool) {
	if len(words) != 4 {
		return 0, 0, p, false
	}
	i, e1 := strconv.Atoi(words[0])
	at, e2 := time.ParseDuration(words[1])
	x, e3 := strconv.ParseFloat(words[2], 64)
	y, e4 := strconv.ParseFloat(words[3], 64)
	ok = e1 == nil && e2 == nil && e3 == nil && e4 == nil && i >= 0 && i < n && at >= 0 && at <= maxTime &&
		x >= 0 && y >= 0 && x <= maxSide/1000 && y <= maxSide/1000
	if !ok {
		return 0, 0, p, false
	}
	return i, at, Place{int(math.Round(x * 1000)), int(math.Round(y * 1000))}, true
}

// travel lets the stations of a topology go on their ways.
func (t *Topology) travel(x paths, m Motion) {
	t.paths, t.reach, t.step = x, m.Reach, m.Step
	if t.step == 0 {
		t.step = time.Second
	}
	t.places = make([]Place, t.n)
	t.steps = -1
	t.move(0)
}

// move lets time go on.
func (t *Topology) move(at time.Duration) {
	n := int64(at / t.step)
	if n <= t.steps {
		return
	}
	t.steps = n
	for i := range t.places {
		t.places[i] = t.paths.place(i, time.Duration(n)*t.step)
	}
	clear(t.toward)
	t.connect()
}

// connect finds out who is within reach of whom. What it found before stays as it
// is: frames in the air are still heard by those who heard them begin.
func (t *Topology) connect() {
	// Cells are no smaller than reach, and no more than there are stations, or so.
	extent, rows := 0, 1
	for _, p := range t.places {
		extent = max(extent, p.X, p.Y)
	}
	for rows*rows < t.n {
		rows++
	}
	size := max(t.reach, extent/rows+1)
	rows = extent/size + 1
	first := make([]int32, rows*rows) // a station in a cell, plus one
	next := make([]int32, t.n)        // another in the same, plus one
	for i, p := range t.places {
		c := &first[p.Y/size*rows+p.X/size]
		next[i], *c = *c, int32(i)+1
	}
	t.near = make([][]int32, t.n)
	all := make([]int32, 0, 16*t.n)
	for i, p := range t.places {
		x, y, begin := p.X/size, p.Y/size, len(all)
		for row := max(0, y-1); row <= min(rows-1, y+1); row++ {
			for column := max(0, x-1); column <= min(rows-1, x+1); column++ {
				for k := first[row*rows+column]; k > 0; k = next[k-1] {
					if int(k-1) != i && near(p, t.places[k-1], t.reach) {
						all = append(all, k-1)
					}
				}
			}
		}
		t.near[i] = all[begin:len(all):len(all)]
		slices.Sort(t.near[i])
	}
}
