package radio_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/radio"
)

// TestCounts: what happens at each station is what happens at all.
func TestCounts(t *testing.T) {
	// Station 1 hears both, who do not hear each other.
	a, c := newAir(t, radio.Config{Topology: chain(t, 3), Access: radio.NoAccess, NoAcks: true})
	for from := range 3 {
		if from != 1 {
			a.Send(&radio.Datagram{Header: unicast(from, 1), Heard: func(int) {}, Done: func(radio.Loss) {}})
		}
	}
	c.run(1e9)
	require.Equal(t, radio.Counts{Sent: 1}, a.Counts(0))
	require.Equal(t, radio.Counts{Spoiled: 2}, a.Counts(1))

	// Too many at once.
	x, err := radio.Star(8)
	require.NoError(t, err)
	a, c = newAir(t, radio.Config{Topology: x, Queue: 4, MaxBackoffs: 1, NoAcks: true})
	for i := range 7 * 20 {
		a.Send(&radio.Datagram{Header: unicast(1+i%7, 0), Size: 50, Heard: func(int) {}, Done: func(radio.Loss) {}})
		a.Send(&radio.Datagram{Header: unicast(0, 1+i%7), Size: 50, Heard: func(int) {}, Done: func(radio.Loss) {}})
	}
	c.run(100e9)
	var sum radio.Counts
	for i := range 8 {
		n := a.Counts(i)
		sum.Sent, sum.Spoiled, sum.Failures, sum.Overflows = sum.Sent+n.Sent, sum.Spoiled+n.Spoiled, sum.Failures+n.Failures, sum.Overflows+n.Overflows
	}
	s := a.Stats()
	require.Equal(t, radio.Counts{Sent: s.Frames, Spoiled: s.Collisions, Failures: s.Failures, Overflows: s.Overflows}, sum, "each frame is for one")
	require.Positive(t, s.Collisions)
	require.Positive(t, s.Failures)
	require.Positive(t, s.Overflows)
}

// TestNear: who hears whom, by each kind of topology.
func TestNear(t *testing.T) {
	for i := range 4 {
		for _, x := range []*radio.Topology{chain(t, 4), full(t, 4)} {
			var near []int
			for k := range x.Near(i) {
				near = append(near, k)
			}
			for k := range 4 {
				require.Equal(t, x.Hears(i, k), slices.Contains(near, k))
			}
			for range x.Near(i) {
				break
			}
		}
	}
	require.True(t, full(t, 2).Full())
	require.False(t, chain(t, 2).Full())
	require.Zero(t, chain(t, 2).Reach())
}
