package sim

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFlowsAreBounded: a flow is kept while it is used, and forgotten after a
// whole generation of others; then it has another chance.
func TestFlowsAreBounded(t *testing.T) {
	f := flows{limit: 1 << 12}
	used, idle := f.of(0, 1), f.of(0, 2)
	for i := range 3 * f.limit {
		f.of(1, hostID(i))
		if i%100 == 0 {
			require.Same(t, used, f.of(0, 1))
		}
	}
	require.LessOrEqual(t, len(f.young)+len(f.old), 2*f.limit)
	again := f.of(0, 2)
	require.NotSame(t, idle, again)
	require.NotEqual(t, idle.generation, again.generation)
}

// TestDraws: the first numbers of datagrams are uniform and have nothing to do
// with each other, whichever of from, to and count is next (chi-square over
// cells of two successive datagrams).
func TestDraws(t *testing.T) {
	const n, cells = 1 << 16, 16
	var d draws
	d.init(1)
	for name, next := range map[string]func(i uint64) float64{
		"from":       func(i uint64) float64 { return d.of(i, 7, 0, 1).Float64() },
		"to":         func(i uint64) float64 { return d.of(7, i, 0, 1).Float64() },
		"generation": func(i uint64) float64 { return d.of(7, 8, i, 1).Float64() },
		"count":      func(i uint64) float64 { return d.of(7, 8, 0, i).Float64() },
		"name": func(i uint64) float64 {
			return d.of(hashName(hashSeed, []byte{byte(i >> 8), byte(i)}), 8, 0, i>>16).Float64()
		},
	} {
		var count [cells][cells]float64
		last := next(0)
		for i := range uint64(n) {
			x := next(i + 1)
			count[int(last*cells)][int(x*cells)]++
			last = x
		}
		chi, expected := 0.0, float64(n)/(cells*cells)
		for _, row := range count {
			for _, c := range row {
				chi += (c - expected) * (c - expected) / expected
			}
		}
		free := float64(cells*cells - 1)
		require.InDelta(t, free, chi, 3.3*math.Sqrt(2*free), "%s", name)
	}
}
