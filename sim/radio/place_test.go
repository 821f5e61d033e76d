package radio_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/radio"
)

func places(t *testing.T, x *radio.Topology, err error) []radio.Place {
	require.NoError(t, err)
	list := make([]radio.Place, x.Len())
	for i := range list {
		p, ok := x.Place(i)
		require.True(t, ok)
		list[i] = p
	}
	for _, i := range []int{-1, x.Len()} {
		_, ok := x.Place(i)
		require.False(t, ok)
	}
	return list
}

// TestPlaces: every topology has places: of rows, a circle, hops, or its own.
func TestPlaces(t *testing.T) {
	const m = 1000
	x, err := radio.Full(5)
	require.Equal(t, []radio.Place{{0, 0}, {10 * m, 0}, {20 * m, 0}, {0, 10 * m}, {10 * m, 10 * m}}, places(t, x, err))
	x, err = radio.Grid(4, 2)
	require.Equal(t, []radio.Place{{0, 0}, {10 * m, 0}, {0, 10 * m}, {10 * m, 10 * m}}, places(t, x, err))
	x, err = radio.Star(5)
	require.Equal(t, []radio.Place{{10 * m, 10 * m}, {20 * m, 10 * m}, {10 * m, 20 * m}, {0, 10 * m}, {10 * m, 0}}, places(t, x, err))
	x, err = radio.Star(1)
	require.Len(t, places(t, x, err), 1)
	x, err = radio.Parse(strings.NewReader("0 1\n0 2\n2 3\n"), 5) // and 4, to which there is no way
	require.Equal(t, []radio.Place{{0, 5 * m}, {10 * m, 0}, {10 * m, 10 * m}, {20 * m, 5 * m}, {30 * m, 5 * m}}, places(t, x, err))
	// By a grid of cells who hears whom is as it is pair by pair.
	for i, c := range []struct{ n, side, reach int }{{50, 100 * m, 30 * m}, {1, 1, 1}, {9, 1, 1}, {30, 1_000_000 * m, 1}, {30, 1_000_000 * m, 400_000 * m}, {40, m, 1_000_000 * m}, {70, 100 * m, 3 * m}, {5, 10 * m, 4 * m}} {
		x, err = radio.Disk(c.n, c.side, c.reach, rand.New(rand.NewPCG(1, uint64(i))))
		at := places(t, x, err)
		for i, a := range at {
			for k, b := range at[:i] {
				dx, dy := int64(a.X-b.X), int64(a.Y-b.Y)
				require.Equal(t, dx*dx+dy*dy <= int64(c.reach)*int64(c.reach), x.Hears(i, k), c)
			}
		}
	}
}
