package radio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxStations is how many stations an Air has at most: short addresses are 16
// bits, of which 0x8000 and above are no unicast ones (RFC 4944 §9).
const MaxStations = 1 << 15

// Topology says who hears whom; what one hears the other hears too. Stations have
// the numbers from 0.
type Topology struct {
	n    int
	full bool // near is not needed
	near [][]int32
	// toward are next hops by destination; -1 where there is none.
	toward map[int][]int32
	// places of the stations; nil = there are none yet.
	places []Place
	// paths are where they are in the course of time, nil = they do not move; reach
	// is how far they hear, step how often they are looked for, steps how often
	// they were.
	paths paths
	reach int
	step  time.Duration
	steps int64
}

// Len returns how many stations there are.
func (t *Topology) Len() int { return t.n }

// Full is a topology in which everyone hears everyone.
func Full(n int) (*Topology, error) {
	t, err := empty(n)
	if err != nil {
		return nil, err
	}
	columns := 1
	for columns*columns < n {
		columns++
	}
	t.full, t.places = true, rows(n, columns)
	return t, nil
}

// Star is a topology in which station 0 hears all and all hear it, and no one
// else: the others are hidden from each other.
func Star(n int) (*Topology, error) {
	t, err := empty(n)
	if err != nil {
		return nil, err
	}
	for i := 1; i < n; i++ {
		t.join(0, i)
	}
	t.places = circle(n)
	return t, nil
}

// Grid is a topology of rows of so many columns, in which a station hears those
// above, below, left and right of it.
func Grid(n, columns int) (*Topology, error) {
	t, err := empty(n)
	if err == nil && (columns < 1 || columns > n) {
		err = fmt.Errorf("radio: a grid of %d stations has 1 to %d columns, not %d", n, n, columns)
	}
	if err != nil {
		return nil, err
	}
	for i := range n {
		if (i+1)%columns != 0 && i+1 < n {
			t.join(i, i+1)
		}
		if i+columns < n {
			t.join(i, i+columns)
		}
	}
	t.places = rows(n, columns)
	return t, nil
}

// Disk is a topology of stations at random places of a square, which hear each
// other if they are no farther apart than reach. Both lengths are in millimetres,
// at most maxSide. Nothing says that all are connected; see Connected.
func Disk(n, side, reach int, r *rand.Rand) (*Topology, error) {
	t, err := empty(n)
	if err == nil && (side < 1 || side > maxSide || reach < 1 || reach > maxSide) {
		err = fmt.Errorf("radio: a square of %d mm and a reach of %d mm; both must be from 1 to %d", side, reach, maxSide)
	}
	if err != nil {
		return nil, err
	}
	t.places, t.reach = make([]Place, n), reach
	for i := range t.places {
		t.places[i] = Place{int(r.Int64N(int64(side))), int(r.Int64N(int64(side)))}
	}
	t.connect()
	return t, nil
}

// near reports whether two places are no farther apart than reach.
func near(a, b Place, reach int) bool {
	dx, dy := int64(a.X-b.X), int64(a.Y-b.Y)
	return dx*dx+dy*dy <= int64(reach)*int64(reach)
}

const (
	maxSide  = 1_000_000_000 // a thousand kilometres
	maxEdges = 1 << 24
)

// Parse reads a topology of n stations from text: a line "3 7" says that 3 and 7
// hear each other, "#" begins a comment. Errors say which line.
func Parse(r io.Reader, n int) (*Topology, error) {
	t, err := empty(n)
	if err != nil {
		return nil, err
	}
	s := bufio.NewScanner(r)
	for line := 1; s.Scan(); line++ {
		text, _, _ := strings.Cut(s.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		var pair [2]int
		wrong := len(words) != 2
		for i := range pair {
			if !wrong {
				pair[i], err = strconv.Atoi(words[i])
				wrong = err != nil || pair[i] < 0 || pair[i] >= n
			}
		}
		if wrong || pair[0] == pair[1] {
			return nil, fmt.Errorf("radio: line %d: want two different stations from 0 to %d, such as \"0 1\", not %q", line, n-1, strings.TrimSpace(text))
		}
		if line > maxEdges {
			return nil, fmt.Errorf("radio: line %d: there are more than %d lines", line, maxEdges)
		}
		t.join(pair[0], pair[1])
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("radio: reading a topology: %w", err)
	}
	for i := range t.near {
		slices.Sort(t.near[i])
		t.near[i] = slices.Compact(t.near[i])
	}
	return t, nil
}

func empty(n int) (*Topology, error) {
	if n < 1 || n > MaxStations {
		return nil, fmt.Errorf("radio: %d stations; there must be 1 to %d", n, MaxStations)
	}
	return &Topology{n: n, near: make([][]int32, n), toward: map[int][]int32{}}, nil
}

func (t *Topology) join(a, b int) {
	t.near[a] = append(t.near[a], int32(b))
	t.near[b] = append(t.near[b], int32(a))
}

// around returns who hears a station; nil = all.
func (t *Topology) around(station int) []int32 {
	if t.full {
		return nil
	}
	if list := t.near[station]; list != nil {
		return list
	}
	return []int32{}
}

// Hears reports whether two different stations hear each other.
func (t *Topology) Hears(a, b int) bool {
	return a != b && (t.full || slices.Contains(t.near[a], int32(b)))
}

// Next returns the next station on a shortest way, -1 if there is no way.
func (t *Topology) Next(from, to int) int {
	if t.full {
		return to
	}
	return int(t.table(to)[from])
}

// maxTables is how many next hops are remembered; they are found anew when there
// are more.
const maxTables = 1 << 24

func (t *Topology) table(to int) []int32 {
	if x := t.toward[to]; x != nil {
		return x
	}
	if (len(t.toward)+1)*t.n > maxTables {
		clear(t.toward)
	}
	next := make([]int32, t.n)
	for i := range next {
		next[i] = -1
	}
	next[to] = int32(to)
	queue := []int32{int32(to)}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, i := range t.near[at] {
			if next[i] < 0 {
				next[i] = at
				queue = append(queue, i)
			}
		}
	}
	t.toward[to] = next
	return next
}

// ErrParted: not all stations of a Topology are connected.
var ErrParted = errors.New("radio: not all stations are connected")

// Connected returns nil, or an error that is ErrParted and says who is not
// connected with station 0.
func (t *Topology) Connected() error {
	for i := range t.n {
		if t.Next(i, 0) < 0 {
			return fmt.Errorf("%w: there is no way from %d to 0", ErrParted, i)
		}
	}
	return nil
}
