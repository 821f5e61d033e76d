package sim_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// TestMedium: 1,000 bytes a second, frames of 10 bytes and the payload; each
// case says who sends how much when, in milliseconds, and what a listener gets.
func TestMedium(t *testing.T) {
	type send struct {
		at   int
		from string
		size int
	}
	for _, x := range []struct {
		name       string
		sends      []send
		want       string // from@ms of what arrives at the listener
		collisions int
	}{
		{"alone", []send{{0, "a", 90}}, "a@100", 0},
		{"one after the other, to the nanosecond", []send{{0, "a", 90}, {100, "b", 40}}, "a@100 b@150", 0},
		{"overlap at the end", []send{{0, "a", 90}, {99, "b", 40}}, "", 2},
		{"overlap at the beginning", []send{{10, "a", 90}, {0, "b", 1}}, "", 2},
		{"within", []send{{0, "a", 90}, {40, "b", 0}}, "", 2},
		{"a chain: the outer two do not meet", []send{{0, "a", 90}, {90, "b", 90}, {180, "c", 90}}, "", 3},
		{"a collision and then one alone", []send{{0, "a", 90}, {50, "b", 90}, {150, "c", 90}}, "c@250", 2},
		{"a node waits for itself", []send{{0, "a", 90}, {0, "a", 40}, {0, "a", 0}}, "a@100 a@150 a@160", 0},
		{"what waits collides when its turn comes", []send{{0, "a", 90}, {0, "a", 40}, {120, "b", 0}}, "a@100", 2},
		{"the listener cannot hear while it sends", []send{{0, "a", 90}, {30, "x", 10}}, "", 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCrowd(t, 1, "x", "a", "b", "c")
			require.NoError(t, c.w.Link("", "", sim.Link{}))
			require.NoError(t, c.w.Segment(sim.Segment{Name: "air", Nodes: "*", Medium: sim.Medium{Bandwidth: 1000, Overhead: 10}}))
			for _, s := range x.sends {
				c.w.AfterFunc(time.Duration(s.at)*time.Millisecond, func() { c.send(s.from, "x", strings.Repeat(s.from, s.size)) })
			}
			var got []string
			c.peers["x"].OnReceive = func(d netio.Datagram) {
				for _, name := range []string{"a", "b", "c"} {
					if d.Peer.Addr == c.w.Addr(name) {
						got = append(got, fmt.Sprintf("%s@%d", name, c.w.Elapsed()/time.Millisecond))
					}
				}
			}
			c.w.RunFor(time.Second)
			require.Equal(t, x.want, strings.Join(got, " "))
			s := c.w.NetStats()
			require.True(t, s.Balanced())
			require.Zero(t, s.Queued)
			require.Equal(t, x.collisions, int(s.Collisions))
			require.Equal(t, x.collisions, int(s.Lost[sim.LostInCollision]))
			require.Equal(t, len(x.sends), int(s.Frames))
		})
	}
}

// TestMediumGroups: a datagram to a group is one frame, and lost for all of its
// members at once, or for none; what comes from another segment is sent by the
// router, once.
func TestMediumGroups(t *testing.T) {
	c := newCrowd(t, 1, "out", "a", "b", "c")
	require.NoError(t, c.w.Link("", "", sim.Link{}))
	require.NoError(t, c.w.Segment(sim.Segment{Name: "air", Nodes: "a,b,c", Medium: sim.Medium{Bandwidth: 1000, Queue: 200}}))
	x := strings.Repeat("x", 72) // with its headers 100 ms
	require.NoError(t, c.peers["a"].Send(allNodes, []byte(x)))
	c.w.RunFor(time.Second)
	require.Len(t, c.texts("b"), 1)
	require.Len(t, c.texts("c"), 1)
	require.Equal(t, 1, int(c.w.NetStats().Frames))
	require.Len(t, c.texts("out"), 1)

	require.NoError(t, c.peers["out"].Send(allNodes, []byte(x)))
	c.w.RunFor(time.Second)
	require.Equal(t, 2, int(c.w.NetStats().Frames))
	require.Equal(t, 1100*time.Millisecond, c.got["b"][0].at)
	for _, n := range []string{"a", "b", "c"} {
		require.Len(t, c.texts(n), 1)
	}

	require.NoError(t, c.peers["out"].Send(allNodes, []byte(x)))
	c.send("a", "out", x)
	c.w.RunFor(time.Second)
	require.Empty(t, c.texts("out"))
	require.Empty(t, c.texts("b"))
	require.Equal(t, 4, c.lost(sim.LostInCollision), "one of a, three of the router")
	require.Equal(t, 2, int(c.w.NetStats().Collisions))

	c.send("a", "b", x, x, x) // the third finds the queue full
	c.w.RunFor(time.Second)
	require.Len(t, c.texts("b"), 2)
	require.Equal(t, 1, c.lost(sim.LostInQueue))
	require.NoError(t, c.w.Segment(sim.Segment{Name: "air", Nodes: "a,b,c", Bridge: true, Rate: sim.Rate{Bandwidth: 1000}}))
	require.Equal(t, "a b c", c.reached("out", "224.0.0.251:5683"), "a bridge stops nothing")
	require.Equal(t, "out b c", c.reached("a", "224.0.0.251:5683"))
	require.ErrorContains(t, c.w.Segment(sim.Segment{Name: "y", Nodes: "a", Bridge: true, Border: sim.SiteLocal}), "no Border")
	require.ErrorContains(t, c.w.Segment(sim.Segment{Name: "y", Nodes: "a", Medium: sim.Medium{Overhead: 1}}), "Medium.Bandwidth is 0")
	require.ErrorContains(t, c.w.Segment(sim.Segment{Name: "y", Nodes: "a", Medium: sim.Medium{Bandwidth: -1}}), "Medium")
	require.ErrorContains(t, c.w.Segment(sim.Segment{Name: "y", Nodes: "a", Medium: sim.Medium{Bandwidth: 1, Overhead: -1}}), "Medium.Overhead is -1")
}

// TestMediumIsAloha: at a load G, a share e^(-2G) of the frames gets through
// (Abramson): of 20,000 sent at random times as of a thousand nodes that answer
// within 5 s on 250 kbit/s, a third.
func TestMediumIsAloha(t *testing.T) {
	const frames, tau = 20_000, 2752 * time.Microsecond // 86 bytes
	for _, load := range []float64{0.05, 0.2, 0.5, 0.55, 1} {
		c := newCrowd(t, 1, "x")
		require.NoError(t, c.w.Segment(sim.Segment{Name: "air", Nodes: "*", Medium: sim.Medium{Bandwidth: 31_250, Overhead: 26}}))
		for i := range 100 {
			c.add(fmt.Sprint("n", i))
		}
		data := make([]byte, 60)
		r := rand.New(rand.NewPCG(7, 7))
		within := float64(frames) * float64(tau) / load
		for range frames {
			from := c.peers[fmt.Sprint("n", r.IntN(100))]
			c.w.AfterFunc(time.Duration(r.Float64()*within), func() { _ = from.Send(c.w.Addr("x"), data) })
		}
		c.w.RunFor(time.Duration(within) + time.Minute)
		s := c.w.NetStats()
		require.True(t, s.Balanced())
		require.Equal(t, frames, int(s.Frames))
		require.InDelta(t, math.Exp(-2*load), float64(s.Delivered)/frames, 0.02, "G = %v", load)
	}
}
