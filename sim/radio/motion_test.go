package radio_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim/radio"
)

func waypoints(t *testing.T, n int, text string) *radio.Topology {
	x, err := radio.ParseWaypoints(strings.NewReader(text), n, radio.Motion{Reach: 10_000})
	require.NoError(t, err)
	return x
}

func position(t *testing.T, a *radio.Air, station int) radio.Place {
	p, ok := a.Position(station)
	require.True(t, ok)
	return p
}

// TestWaypoints: stations go straight from place to place, and stay at the last;
// they are looked for once a second.
func TestWaypoints(t *testing.T) {
	a, c := newAir(t, radio.Config{Topology: waypoints(t, 2, `
		0 0s 0 0        # stays
		1 10s 4 100     # is there from the beginning
		1 20s 24 50
		1 1m 0 50.5`)})
	for _, x := range []struct {
		at   time.Duration
		want radio.Place
	}{
		{0, radio.Place{X: 4000, Y: 100_000}}, {10 * time.Second, radio.Place{X: 4000, Y: 100_000}},
		{11 * time.Second, radio.Place{X: 6000, Y: 95_000}}, {11*time.Second + 999*ms, radio.Place{X: 6000, Y: 95_000}},
		{20 * time.Second, radio.Place{X: 24_000, Y: 50_000}}, {50 * time.Second, radio.Place{X: 6000, Y: 50_375}},
		{time.Minute, radio.Place{Y: 50_500}}, {time.Hour, radio.Place{Y: 50_500}},
	} {
		c.run(netio.Instant(x.at))
		require.Equal(t, x.want, position(t, a, 1), x.at)
		require.Equal(t, radio.Place{}, position(t, a, 0))
	}
}

// TestMoving: who hears whom, and which way a datagram goes, follows from where
// the stations are when it is sent.
func TestMoving(t *testing.T) {
	// 0 and 3 are 30 m apart; 1 and 2 between them. 1 leaves at 10 s.
	text := "0 0s 0 0\n1 10s 10 0\n1 11s 10 100\n2 0s 20 0\n3 0s 30 0\n"
	a, c := newAir(t, radio.Config{Topology: waypoints(t, 4, text), Access: radio.NoAccess, Forward: true})
	heard, over := post(a, c, posting{0, 0, 3, 14}) // 1472 µs a hop, 544 for its acknowledgement
	require.Equal(t, "3@5504", heard)
	require.Equal(t, "0@6048", over)
	require.True(t, a.Reaches(0, 3))
	c.run(netio.Instant(12 * time.Second))
	require.False(t, a.Reaches(0, 3))
	_, over = post(a, c, posting{0, 0, 3, 14})
	require.Equal(t, fmt.Sprintf("%d@12000000", radio.Unreachable), over)

	// A frame is heard to its end by those who heard it begin; who is gone when it
	// is sent again does not acknowledge it, and nobody was in its way.
	a, c = newAir(t, radio.Config{Topology: waypoints(t, 4, text), Access: radio.NoAccess})
	c.run(netio.Instant(11*time.Second - 500*µs))
	heard, over = post(a, c, posting{0, 0, 1, 0})
	require.Equal(t, "1@11000332", heard) // at 10 s it was there
	require.Equal(t, "0@11006284", over)  // its acknowledgement goes nowhere; four frames, and 864 µs after each
	require.Equal(t, radio.Stats{Frames: 4, Acks: 1, Retries: 3, GivenUp: 1}, a.Stats())
	_, over = post(a, c, posting{0, 2, 1, 0})
	require.Contains(t, over, fmt.Sprintf("%d@", radio.Unreachable))

	// 2 goes from beyond 3 to beyond 1, and a datagram that has waited for another
	// follows it: 1024 µs a hop, after 832 + 544 + 640.
	a, c = newAir(t, radio.Config{Topology: waypoints(t, 4, "0 0s 0 0\n1 0s 8 0\n2 10s 0 16\n2 10.5s 16 0\n3 0s 0 8\n"), Access: radio.NoAccess, Forward: true})
	c.run(netio.Instant(11*time.Second - 100*µs))
	heard, over = post(a, c, posting{0, 0, 1, 0}, posting{1, 0, 2, 0})
	require.Equal(t, "1@11000732 2@11004508", heard)
	require.Equal(t, "0@11001276 0@11005052", over)
}

// TestWander: stations stay in their square and go no faster than they may; who
// hears whom is as the distances say; it is the same however often somebody asks.
func TestWander(t *testing.T) {
	const n, m = 60, 1000
	w := radio.Wander{Motion: radio.Motion{Reach: 30 * m}, Side: 100 * m, Slowest: m, Fastest: 2 * m, Longest: 10 * time.Second}
	start := func(seed uint64) (*radio.Air, *radio.Topology, *hand) {
		x, err := radio.NewWander(n, w, rand.New(rand.NewPCG(seed, 0)))
		require.NoError(t, err)
		a, c := newAir(t, radio.Config{Topology: x})
		return a, x, c
	}
	a, x, c := start(1)
	var last [n]radio.Place
	pauses, moved := 0, 0
	for s := range 300 {
		c.run(netio.Instant(s) * netio.Instant(time.Second))
		for i := range n {
			p := position(t, a, i)
			require.True(t, p.X >= 0 && p.X < w.Side && p.Y >= 0 && p.Y < w.Side)
			if s > 0 {
				dx, dy := int64(p.X-last[i].X), int64(p.Y-last[i].Y)
				require.LessOrEqual(t, dx*dx+dy*dy, int64(2*m+2)*(2*m+2))
				if p == last[i] {
					pauses++
				} else {
					moved++
				}
			}
			last[i] = p
		}
		for i := range n {
			for k := range i {
				dx, dy := int64(last[i].X-last[k].X), int64(last[i].Y-last[k].Y)
				require.Equal(t, dx*dx+dy*dy <= 900*m*m, x.Hears(i, k))
			}
		}
	}
	// Of a way of 52 m at 1 to 2 m/s, and a pause of 5 s, moving is 88 %.
	require.InDelta(t, 0.88, float64(moved)/float64(moved+pauses), 0.03)

	b, _, d := start(1)
	d.run(c.now)
	o, _, e := start(2)
	e.run(c.now)
	same := 0
	for i := range n {
		require.Equal(t, position(t, a, i), position(t, b, i))
		if position(t, a, i) == position(t, o, i) {
			same++
		}
	}
	require.Less(t, same, n/2)
}

func TestMotionRefused(t *testing.T) {
	ok := radio.Wander{Motion: radio.Motion{Reach: 1}, Side: 1, Slowest: 1, Fastest: 1}
	for want, change := range map[string]func(w *radio.Wander){
		"Reach is 0":              func(w *radio.Wander) { w.Reach = 0 },
		"Step is 1µs":             func(w *radio.Wander) { w.Step = µs },
		"Side is 0":               func(w *radio.Wander) { w.Side = 0 },
		"Slowest is 0":            func(w *radio.Wander) { w.Slowest = 0 },
		"Slowest is 1":            func(w *radio.Wander) { w.Fastest = 0 },
		"Fastest 1000001":         func(w *radio.Wander) { w.Fastest = 1_000_001 },
		"Shortest is 1ns and Lon": func(w *radio.Wander) { w.Shortest = 1 },
	} {
		w := ok
		change(&w)
		_, err := radio.NewWander(3, w, rand.New(rand.NewPCG(1, 1)))
		require.ErrorContains(t, err, want)
	}
	_, err := radio.NewWander(0, ok, rand.New(rand.NewPCG(1, 1)))
	require.ErrorContains(t, err, "0 stations")
	// All in one place, and never at rest: a way takes a step.
	x, err := radio.NewWander(3, ok, rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, err)
	a, c := newAir(t, radio.Config{Topology: x})
	c.run(netio.Instant(time.Hour))
	require.Equal(t, radio.Place{}, position(t, a, 2))

	for text, want := range map[string]string{
		"0 0s 0 0":                  "no waypoint, which station 1 needs",
		"0 0s 0 0\n0 0s 1 1":        "line 2: station 0 is at 0s already",
		"2 0s 0 0":                  "line 1: want a station from 0 to 1",
		"0 0s 0":                    "not \"0 0s 0\"",
		"0 0 x 0":                   "line 1",
		"\n0 1 0 0":                 "line 2",
		"0 -1s 0 0":                 "line 1",
		"0 0s NaN 0":                "line 1",
		"0 0s -1 0":                 "line 1",
		"0 0s 0 1000001":            "line 1",
		strings.Repeat("x", 70_000): "reading waypoints",
	} {
		_, err := radio.ParseWaypoints(strings.NewReader(text), 2, radio.Motion{Reach: 1})
		require.ErrorContains(t, err, want)
	}
	_, err = radio.ParseWaypoints(strings.NewReader(""), 2, radio.Motion{})
	require.ErrorContains(t, err, "Reach is 0")
	_, err = radio.ParseWaypoints(strings.NewReader(""), 0, radio.Motion{Reach: 1})
	require.ErrorContains(t, err, "0 stations")
	_, err = radio.ParseWaypoints(strings.NewReader(""), 2, radio.Motion{Reach: 1})
	require.ErrorIs(t, err, radio.ErrNoPlace)
}

// FuzzWaypoints: whatever a file says, it is refused, or stations are where
// they can be.
func FuzzWaypoints(f *testing.F) {
	f.Add("0 0s 0 0\n1 0s 10 0\n1 10s 20 7.5 # there\n1 1h 0 1000000\n", int64(time.Minute))
	f.Add("0 9999h 0 0\n0 10000h 1e6 1e6\n1 1ns 0 0", int64(1e18))
	f.Add("0 0s 0 1e999", int64(0))
	f.Fuzz(func(t *testing.T, text string, at int64) {
		x, err := radio.ParseWaypoints(strings.NewReader(text), 2, radio.Motion{Reach: 10_000})
		if err != nil {
			return
		}
		c := &hand{}
		a, err := radio.New(radio.Config{Topology: x, Clock: c})
		require.NoError(t, err)
		for _, c.now = range []netio.Instant{netio.Instant(max(0, at) / 3), netio.Instant(max(0, at))} {
			for i := range 2 {
				p := position(t, a, i)
				require.True(t, p.X >= 0 && p.Y >= 0 && p.X <= 1_000_000_000 && p.Y <= 1_000_000_000)
			}
		}
	})
}

// BenchmarkMove is a step of a thousand stations, of which each hears ten.
func BenchmarkMove(b *testing.B) {
	x, err := radio.NewWander(1000, radio.Wander{Motion: radio.Motion{Reach: 56_000}, Side: 1_000_000, Slowest: 1000, Fastest: 2000}, rand.New(rand.NewPCG(1, 1)))
	require.NoError(b, err)
	c := &hand{}
	a, err := radio.New(radio.Config{Topology: x, Clock: c})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		c.now = c.now.Add(time.Second)
		a.Position(0)
	}
}
