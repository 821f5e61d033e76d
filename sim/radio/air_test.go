package radio_test

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim/radio"
)

// hand is a clock that goes on when it is told to.
type hand struct {
	now  netio.Instant
	list []*alarm
	n    int
}

type alarm struct {
	at netio.Instant
	n  int
	f  func()
}

func (c *hand) Now() netio.Instant           { return c.now }
func (c *hand) Wall(netio.Instant) time.Time { return time.Time{} }
func (c *hand) Len() int                     { return len(c.list) }
func (c *hand) Swap(i, k int)                { c.list[i], c.list[k] = c.list[k], c.list[i] }
func (c *hand) Push(x any)                   { c.list = append(c.list, x.(*alarm)) }
func (c *hand) Less(i, k int) bool {
	a, b := c.list[i], c.list[k]
	return a.at < b.at || a.at == b.at && a.n < b.n
}

func (c *hand) Pop() any {
	x := c.list[len(c.list)-1]
	c.list = c.list[:len(c.list)-1]
	return x
}

func (c *hand) AfterFunc(d time.Duration, f func()) netio.Timer {
	c.n++
	heap.Push(c, &alarm{c.now.Add(d), c.n, f})
	return nil
}

func (c *hand) run(until netio.Instant) {
	for len(c.list) > 0 && c.list[0].at <= until {
		x := heap.Pop(c).(*alarm)
		c.now = x.at
		x.f()
	}
	c.now = until
}

// chain is a topology in which each hears its neighbours.
func chain(t *testing.T, n int) *radio.Topology {
	x, err := radio.Grid(n, 1)
	require.NoError(t, err)
	return x
}

func full(t *testing.T, n int) *radio.Topology {
	x, err := radio.Full(n)
	require.NoError(t, err)
	return x
}

func newAir(t *testing.T, cfg radio.Config) (*radio.Air, *hand) {
	c := &hand{}
	cfg.Clock = c
	a, err := radio.New(cfg)
	require.NoError(t, err)
	return a, c
}

// unicast has the header of link-local unicast, 9 bytes; frames have 20 more than
// the payload, and 26 with a mesh header.
func unicast(from, to int) radio.Header {
	return radio.Header{From: from, To: to, Source: 5683, Dest: 5683, HopLimit: 64}
}

const µs = time.Microsecond

// TestCollisions: frames of 20 bytes and the payload; with 6 more they take 32 µs
// a byte. Each case says who sends how much to whom when, in µs, and who gets
// what when. Nobody listens.
func TestCollisions(t *testing.T) {
	type send struct{ at, from, to, size int }
	for _, x := range []struct {
		name       string
		topology   *radio.Topology
		sends      []send
		want       string
		collisions int
	}{
		{"alone", full(t, 3), []send{{0, 0, 1, 0}}, "1@832", 0},
		{"one after the other", full(t, 3), []send{{0, 0, 1, 0}, {832, 2, 1, 6}}, "1@832 1@1856", 0},
		{"overlap", full(t, 4), []send{{0, 0, 1, 0}, {831, 2, 3, 0}}, "", 2},
		{"three at once", full(t, 4), []send{{0, 0, 3, 0}, {100, 1, 3, 0}, {900, 2, 3, 0}}, "", 3},
		{"hidden nodes: 0 and 2 do not hear each other", chain(t, 3), []send{{0, 0, 1, 0}, {400, 2, 1, 0}}, "", 2},
		{"exposed nodes: 1 and 2 hear each other, 0 and 3 only one", chain(t, 4), []send{{0, 1, 0, 0}, {400, 2, 3, 0}}, "0@832 3@1232", 0},
		{"only one receiver hears both", chain(t, 5), []send{{0, 0, 1, 0}, {400, 2, 3, 0}}, "3@1232", 1},
		{"who sends does not hear", full(t, 3), []send{{0, 0, 1, 0}, {400, 1, 0, 0}}, "", 2},
		{"a station waits for itself, and a gap", full(t, 2), []send{{0, 0, 1, 0}, {0, 0, 1, 0}}, "1@832 1@2304", 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			a, c := newAir(t, radio.Config{Topology: x.topology, Access: radio.NoAccess, NoAcks: true})
			var got []string
			over := 0
			for _, s := range x.sends {
				c.AfterFunc(time.Duration(s.at)*µs, func() {
					a.Send(&radio.Datagram{Header: unicast(s.from, s.to), Size: s.size, Done: func(radio.Loss) { over++ },
						Heard: func(i int) { got = append(got, fmt.Sprintf("%d@%d", i, c.now.Sub(0)/µs)) }})
				})
			}
			c.run(netio.Instant(time.Second))
			require.Equal(t, x.want, strings.Join(got, " "))
			require.Equal(t, x.collisions, int(a.Stats().Collisions))
			require.Equal(t, len(x.sends), int(a.Stats().Frames))
			require.Equal(t, len(x.sends), over)
		})
	}
}

// TestUnslotted: a station listens for 128 µs and begins 192 µs later; if the air
// is not free it waits again, five times in all.
func TestUnslotted(t *testing.T) {
	a, c := newAir(t, radio.Config{Topology: full(t, 3), MinBE: -1, MaxBE: -1, NoAcks: true})
	var got []netio.Instant
	var lost []radio.Loss
	send := func(from, to, size int) {
		a.Send(&radio.Datagram{Header: unicast(from, to), Size: size, Done: func(l radio.Loss) { lost = append(lost, l) },
			Heard: func(int) { got = append(got, c.now) }})
	}
	send(0, 1, 0) // on the air from 320 to 1152
	c.run(netio.Instant(600 * µs))
	send(2, 1, 0) // listens at 600, 728, 856, 984 and 1112: in vain
	c.run(netio.Instant(5 * time.Millisecond))
	require.Equal(t, []netio.Instant{netio.Instant(1152 * µs)}, got)
	require.Equal(t, []radio.Loss{0, radio.Busy}, lost)
	require.Equal(t, radio.Stats{Frames: 1, Assessments: 6, Busy: 5, Failures: 1}, a.Stats())

	// 191 µs later it listens before the other has begun, and hears nothing.
	got, lost = nil, nil
	send(0, 1, 0)
	c.run(c.now.Add(191 * µs))
	send(2, 1, 0)
	c.run(c.now.Add(time.Second))
	require.Empty(t, got)
	require.Equal(t, []radio.Loss{radio.Collided, radio.Collided}, lost)

	// Backoffs are 0 to 7 units of 320 µs at first.
	a, c = newAir(t, radio.Config{Topology: full(t, 2), Seed: 3, NoAcks: true})
	begin := map[time.Duration]int{}
	for range 800 {
		from := c.now
		send(0, 1, 0)
		c.run(from.Add(time.Second))
		begin[got[len(got)-1].Sub(from)-(832+320)*µs]++
	}
	require.Len(t, begin, 8)
	for k := range 8 {
		require.InDelta(t, 100, begin[time.Duration(k)*radio.Backoff], 40)
	}
}

// TestEnergy: in a chain of three, frames of 832 µs and 1,024 µs, by hand.
func TestEnergy(t *testing.T) {
	a, c := newAir(t, radio.Config{Topology: chain(t, 4), Access: radio.NoAccess, NoAcks: true})
	send := func(at, from, to, size int) {
		c.AfterFunc(time.Duration(at)*µs, func() {
			a.Send(&radio.Datagram{Header: unicast(from, to), Size: size, Done: func(radio.Loss) {}, Heard: func(int) {}})
		})
	}
	send(0, 0, 1, 0)    // 0-832: 1 hears
	send(400, 2, 3, 6)  // 400-1424: 1 hears on until 1424, 3 hears
	send(2000, 1, 2, 0) // 2000-2832: 0 and 2 hear; for 0 it is not
	send(2100, 0, 1, 6) // 2100-3124: 0 no longer hears; 1 hears from 2832 on
	c.run(netio.Instant(4 * time.Millisecond))
	want := []radio.Energy{
		{Sending: (832 + 1024) * µs, Receiving: 100 * µs},
		{Sending: 832 * µs, Receiving: (1424 + 292) * µs},
		{Sending: 1024 * µs, Receiving: 832 * µs},
		{Receiving: 1024 * µs},
	}
	var sum radio.Energy
	for i, w := range want {
		w.Idle = 4*time.Millisecond - w.Sending - w.Receiving
		require.Equal(t, w, a.Energy(i), i)
		sum = radio.Energy{Sending: sum.Sending + w.Sending, Receiving: sum.Receiving + w.Receiving, Idle: sum.Idle + w.Idle}
	}
	require.Equal(t, sum, a.TotalEnergy())
	// 17.4 mA · 3 V · 832 µs = 43.4304 µJ; 18.8 mA · 3 V · 1,716 µs = 96.7824 µJ.
	require.Equal(t, 43_430, int(a.Energy(1).SendNJ()))
	require.Equal(t, 96_782, int(a.Energy(1).ReceiveNJ()))
	require.Equal(t, int64(4000-832-1716)*56_400/1000, a.Energy(1).IdleNJ())
}

// TestForward: a flood reaches all, each sends once; unicast takes the shortest
// way; a datagram in fragments is lost with one of them.
func TestForward(t *testing.T) {
	grid, err := radio.Grid(25, 5)
	require.NoError(t, err)
	a, c := newAir(t, radio.Config{Topology: grid, Forward: true, Jitter: time.Second})
	heard := map[int]int{}
	flood := radio.Header{From: 12, To: radio.Everyone, Source: 5683, Dest: 5683, HopLimit: 64}
	for _, size := range []int{10, 200} {
		clear(heard)
		before := a.Stats().Frames
		over := false
		a.Send(&radio.Datagram{Header: flood, Size: size, Heard: func(i int) { heard[i]++ }, Done: func(radio.Loss) { over = true }})
		c.run(c.now.Add(time.Minute))
		require.True(t, over)
		require.Equal(t, 0, heard[12])
		require.Len(t, heard, 24)
		for i, n := range heard {
			require.Equal(t, 1, n, i)
		}
		require.Equal(t, 25*(1+size/100), int(a.Stats().Frames-before))
	}
	before := a.Stats().Frames
	var at []int
	a.Send(&radio.Datagram{Header: unicast(0, 24), Size: 10, Heard: func(i int) { at = append(at, i) }, Done: func(l radio.Loss) { require.Zero(t, l) }})
	c.run(c.now.Add(time.Minute))
	require.Equal(t, []int{24}, at)
	require.Equal(t, 8, int(a.Stats().Frames-before))

	// Of three fragments the second meets a frame of a hidden node.
	a, c = newAir(t, radio.Config{Topology: chain(t, 3), Access: radio.NoAccess, NoAcks: true})
	var lost radio.Loss
	a.Send(&radio.Datagram{Header: unicast(0, 1), Size: 201, Heard: func(int) { t.Error("heard") }, Done: func(l radio.Loss) { lost = l }})
	c.AfterFunc(5*time.Millisecond, func() {
		a.Send(&radio.Datagram{Header: unicast(2, 1), Heard: func(int) {}, Done: func(radio.Loss) {}})
	})
	c.run(netio.Instant(time.Minute))
	require.Equal(t, radio.Collided, lost)
	require.Equal(t, 4, int(a.Stats().Frames))
}

// TestReassemblyTimeout: fragments that come more than a minute apart are not one
// datagram; each is sent on half an hour later or so.
func TestReassemblyTimeout(t *testing.T) {
	within := 0
	for seed := range uint64(40) {
		a, c := newAir(t, radio.Config{Topology: chain(t, 3), Forward: true, Jitter: 5 * time.Minute, Seed: seed, Sniff: nil})
		var first, last netio.Instant
		a2, c2 := newAir(t, radio.Config{Topology: chain(t, 3), Forward: true, Jitter: 5 * time.Minute, Seed: seed, Sniff: func(f *radio.Frame) {
			if f.Station == 1 {
				first, last = last, f.At
			}
		}})
		heard := func(a *radio.Air, c *hand) (n int) {
			a.Send(&radio.Datagram{Header: radio.Header{To: radio.Everyone, Source: 5683, Dest: 5683, HopLimit: 64}, Size: 150, Heard: func(i int) { n += i }, Done: func(radio.Loss) {}})
			c.run(netio.Instant(time.Hour))
			return n
		}
		got := heard(a, c)
		require.Equal(t, got, heard(a2, c2), "who listens in changes nothing")
		switch gap := last.Sub(first); {
		case gap < 59*time.Second:
			require.Equal(t, 1+2, got)
			within++
		case gap > 61*time.Second:
			require.Equal(t, 1, got)
		}
	}
	require.True(t, within > 0 && within < 40, within)
}

func TestRefused(t *testing.T) {
	a, c := newAir(t, radio.Config{Topology: chain(t, 3), Queue: 1})
	var lost []radio.Loss
	for _, d := range []radio.Datagram{{Header: unicast(0, 2)}, {Header: unicast(0, 1), Size: 1233}, {Header: unicast(0, 1)}, {Header: unicast(0, 1)}} {
		d.Heard, d.Done = func(int) {}, func(l radio.Loss) { lost = append(lost, l) }
		a.Send(&d)
	}
	c.run(netio.Instant(time.Second))
	require.Equal(t, []radio.Loss{radio.Unreachable, radio.Oversize, radio.Overflow, 0}, lost)
	for want, cfg := range map[string]radio.Config{
		"Topology and Clock": {},
		"MinBE is 9":         {MinBE: 9},
		"MinBE is 5 and":     {MinBE: 5, MaxBE: 4},
		"MaxBackoffs is 6":   {MaxBackoffs: 6},
		"Queue is -1":        {Queue: -1},
		"Access is 2":        {Access: 2},
		"Jitter is -1ns":     {Jitter: -1},
	} {
		if want != "Topology and Clock" {
			cfg.Topology, cfg.Clock = full(t, 1), &hand{}
		}
		_, err := radio.New(cfg)
		require.ErrorContains(t, err, want)
	}
}

// TestThroughput: what passes of an offered load G, in frames of the longest sort,
// is that of non-persistent CSMA, S = G·e^(-aG) / (G(1+2a) + e^(-aG)): Kleinrock
// and Tobagi, "Packet Switching in Radio Channels: Part I", IEEE Transactions on
// Communications 23 (12), 1975. Their a, by how much later others hear that a
// station has begun, is here the turnaround: who listens in those 192 µs hears
// nothing. G counts every time that a station listens.
func TestThroughput(t *testing.T) {
	const stations, size = 1000, 107 // a frame of 127 bytes
	tau := float64(radio.AirTime(127))
	for _, x := range []struct {
		name string
		cfg  radio.Config
	}{
		{"listens once", radio.Config{MinBE: -1, MaxBE: -1, MaxBackoffs: -1, NoAcks: true}},
		{"802.15.4", radio.Config{NoAcks: true}},
	} {
		for _, load := range []float64{0.1, 0.3, 0.5, 1, 2, 3, 5, 10} {
			x.cfg.Topology = full(t, stations)
			a, c := newAir(t, x.cfg)
			r := rand.New(rand.NewPCG(1, 2))
			heard := 0
			end := netio.Instant(4000 * tau)
			var arrive func()
			arrive = func() {
				h := unicast(r.IntN(stations), 0)
				if h.To = (h.From + 1 + r.IntN(stations-1)) % stations; c.now < end {
					a.Send(&radio.Datagram{Header: h, Size: size, Heard: func(int) { heard++ }, Done: func(radio.Loss) {}})
					c.AfterFunc(time.Duration(r.ExpFloat64()*tau/load), arrive)
				}
			}
			arrive()
			c.run(end)
			g := float64(a.Stats().Assessments) * tau / float64(end)
			s := float64(heard) * tau / float64(end)
			d := float64(radio.Turnaround) / tau
			want := g * math.Exp(-d*g) / (g*(1+2*d) + math.Exp(-d*g))
			t.Logf("%s: load %.1f: G %.3f: S %.4f, the curve %.4f (%+.1f%%)", x.name, load, g, s, want, 100*(s/want-1))
			require.InEpsilon(t, want, s, 0.10, "G = %.2f", g)
		}
	}
}
