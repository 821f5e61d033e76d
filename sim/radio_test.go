package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/radio"
)

func grid(t testing.TB, n, columns int) *radio.Topology {
	x, err := radio.Grid(n, columns)
	require.NoError(t, err)
	return x
}

// TestRadio: a chain of a, b, c and d. A datagram of so many bytes has a frame of
// 20 more, on the air for 32 µs a byte and 6 more; each case says what arrives at
// whom when, in µs, and what becomes of the rest.
func TestRadio(t *testing.T) {
	type send struct {
		at       int
		from, to string
		size     int
	}
	for _, x := range []struct {
		name    string
		forward bool
		acks    bool
		sends   []send
		want    string
		cause   sim.Cause
		lost    int
	}{
		{"a neighbour", false, false, []send{{0, "a", "b", 14}}, "b@1280", 0, 0},
		{"one who is farther", false, false, []send{{0, "a", "c", 14}}, "", sim.LostUnreachable, 1},
		{"a frame at a time, with a gap", false, false, []send{{0, "a", "b", 14}, {0, "a", "b", 14}}, "b@1280 b@3200", 0, 0},
		{"hidden nodes", false, false, []send{{0, "a", "b", 14}, {1000, "c", "b", 14}}, "", sim.LostInCollision, 2},
		{"two fragments: 120 and 28 bytes", false, false, []send{{0, "a", "b", 108}}, "b@5760", 0, 0},
		{"the second of them meets another", false, false, []send{{0, "a", "b", 108}, {5000, "c", "d", 0}}, "d@5832", sim.LostInCollision, 1},
		{"too long", false, false, []send{{0, "a", "b", 1233}}, "", sim.LostByMTU, 1},
		{"to all who hear it: one more byte", false, false, []send{{0, "b", "", 13}}, "a@1280 c@1280", sim.LostUnreachable, 1},
		{"three hops: 46 bytes with the mesh header", true, false, []send{{0, "a", "d", 14}}, "d@4416", 0, 0},
		{"an acknowledgement of 352, 192 later, and then the gap", false, true, []send{{0, "a", "b", 14}, {0, "a", "b", 14}}, "b@1280 b@3744", 0, 0},
		{"the second fragment is sent again after 864", false, true, []send{{0, "a", "b", 108}, {5400, "c", "d", 0}}, "d@6232 b@8256", 0, 0},
		{"each hop is acknowledged", true, true, []send{{0, "a", "d", 14}}, "d@5504", 0, 0},
		{"to oneself", false, false, []send{{0, "a", "a", 14}}, "a@0", 0, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := newCrowd(t, 1, "a", "b", "c", "d", "out")
			require.NoError(t, c.w.Link("", "", sim.Link{}))
			require.NoError(t, c.w.Segment(sim.Segment{Name: "air", Nodes: "a,b,c,d", Radio: &sim.Radio{
				Config: radio.Config{Topology: grid(t, 4, 1), Access: radio.NoAccess, Forward: x.forward, NoAcks: !x.acks}}}))
			var got []string
			for _, name := range []string{"a", "b", "c", "d", "out"} {
				c.peers[name].OnReceive = func(netio.Datagram) { got = append(got, fmt.Sprintf("%s@%d", name, c.w.Elapsed().Microseconds())) }
			}
			for _, s := range x.sends {
				c.w.AfterFunc(time.Duration(s.at)*time.Microsecond, func() {
					to := allNodes
					if s.to != "" {
						to = c.w.Addr(s.to)
					}
					require.NoError(t, c.peers[s.from].Send(to, make([]byte, s.size)))
				})
			}
			c.w.RunFor(time.Second)
			require.Equal(t, x.want, strings.Join(got, " "))
			s := c.w.NetStats()
			require.True(t, s.Balanced())
			require.Zero(t, s.Queued)
			require.Equal(t, x.lost, int(s.Lost[x.cause]))
			require.Equal(t, x.lost, int(s.LostTotal()))
		})
	}
}

// TestRadioEnergy: the account of a World is that of the radio.
func TestRadioEnergy(t *testing.T) {
	c := newCrowd(t, 1, "a", "b", "c", "out")
	air := &sim.Radio{Config: radio.Config{Topology: grid(t, 2, 2), Access: radio.NoAccess},
		Station: func(node string) int { return strings.Index("ba", node) }}
	require.NoError(t, c.w.Segment(sim.Segment{Name: "air", Nodes: "a,b,c", Radio: air}))
	c.send("a", "b", strings.Repeat("x", 14)) // 34 bytes and 6
	c.send("a", "out", "x")
	c.send("out", "a", "x")
	c.send("a", "c", "x") // which is no station
	require.NoError(t, c.peers["out"].Send(allNodes, []byte("x")))
	c.w.RunFor(time.Second)
	require.Len(t, c.texts("b"), 1)
	require.Equal(t, 3, c.lost(sim.LostUnreachable))
	e, ok := c.w.Energy("a")
	require.True(t, ok)
	require.Equal(t, radio.Energy{Sending: 1280 * time.Microsecond, Receiving: 352 * time.Microsecond, Idle: time.Second - 1632*time.Microsecond}, e)
	require.Equal(t, int64(66_816), e.SendNJ()) // 52.2 mW · 1.28 ms
	e, ok = c.w.Energy("b")
	require.True(t, ok)
	require.Equal(t, radio.Energy{Sending: 352 * time.Microsecond, Receiving: 1280 * time.Microsecond, Idle: time.Second - 1632*time.Microsecond}, e)
	require.Equal(t, int64(72_192), e.ReceiveNJ()) // 56.4 mW · 1.28 ms
	p, ok := c.w.Position("a")                     // which is station 1
	require.True(t, ok)
	require.Equal(t, radio.Place{X: 10_000}, p)
	for _, name := range []string{"c", "out", "nobody"} {
		_, ok = c.w.Energy(name)
		require.False(t, ok, name)
		_, ok = c.w.Position(name)
		require.False(t, ok, name)
	}
	require.Equal(t, radio.Energy{Sending: 1632 * time.Microsecond, Receiving: 1632 * time.Microsecond, Idle: 2*time.Second - 3264*time.Microsecond}, c.w.NetStats().Energy)
	require.Equal(t, 1, int(c.w.NetStats().Acks))

	air.Clock = fakeClock{}
	require.ErrorContains(t, c.w.Segment(sim.Segment{Name: "x", Nodes: "a", Radio: air}), "are the World's")
	require.ErrorContains(t, c.w.Segment(sim.Segment{Name: "x", Nodes: "a", Radio: &sim.Radio{}}), "Topology")
	require.ErrorContains(t, c.w.Segment(sim.Segment{Name: "x", Nodes: "a", Radio: air, Bridge: true}), "goes with no")
}

// TestRadioHosts: several hosts can be one station; they hear each other without
// the radio, and others hear them by it.
func TestRadioHosts(t *testing.T) {
	c := newCrowd(t, 1, "a", "b", "a~1")
	require.NoError(t, c.w.Link("", "", sim.Link{}))
	require.NoError(t, c.w.Segment(sim.Segment{Name: "air", Nodes: "*", Radio: &sim.Radio{Config: radio.Config{Topology: grid(t, 2, 2)},
		Station: func(node string) int { return strings.Index("ab", node[:1]) }}}))
	for i, from := range []string{"a", "a~1"} {
		require.NoError(t, c.peers[from].Send(allNodes, []byte("x")))
		c.w.RunFor(time.Second)
		require.Equal(t, i+1, int(c.w.NetStats().Frames))
		require.Len(t, c.texts("b"), 1)
		require.Len(t, c.texts([]string{"a~1", "a"}[i]), 1)
	}
	c.send("b", "a~1", "x")
	c.send("a", "a~1", "x")
	c.w.RunFor(time.Second)
	require.Len(t, c.texts("a~1"), 2)
	require.Equal(t, 3, int(c.w.NetStats().Frames))
}

type fakeClock struct{ netio.Clock }

// TestRadioMesh: nodes of a grid are asked by a flood, and answer over several
// hops; the same seed gives the same trace.
func TestRadioMesh(t *testing.T) {
	run := func(seed uint64) (found int, hash uint64) {
		w, cli := hall(t, seed, 35, sim.Link{})
		defer w.Close()
		require.NoError(t, w.Segment(sim.Segment{Name: "air", Nodes: "*", Radio: &sim.Radio{Config: radio.Config{Topology: grid(t, 36, 6), Forward: true}}}))
		found = len(discoverAll(t, cli, actors.Query{CoAP2: true}))
		w.RunFor(time.Second)
		s := w.NetStats()
		require.True(t, s.Balanced())
		require.Zero(t, s.Queued)
		t.Logf("found %d of 35, %d frames, %d collided, energy %+v", found, s.Frames, s.Collisions, s.Energy)
		return found, w.Hash()
	}
	found, hash := run(1)
	again, same := run(1)
	require.Equal(t, found, again)
	require.Equal(t, hash, same)
	_, other := run(2)
	require.NotEqual(t, hash, other)
	require.Greater(t, found, 20)
}
