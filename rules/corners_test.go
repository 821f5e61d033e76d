package rules

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCorners compares the set with a list, while it grows and shrinks.
func TestCorners(t *testing.T) {
	for kind := range 9 {
		mode, extra := cornerMode(kind%3), kind/3
		if mode == cornerLine && extra > 0 {
			continue
		}
		for _, spread := range []int{3, 50, 1 << 20} {
			for _, rising := range []bool{false, true} {
				rng := rand.New(rand.NewPCG(uint64(mode), uint64(spread)))
				c := corners{mode: mode, extra: extra}
				var list []corner
				number := func() float64 { return float64(rng.IntN(spread)) }
				step := func(grow bool) {
					if grow || len(list) == 0 {
						k := corner{p: number(), s: number(), id: ID(rng.Uint32N(1 << 30))}
						if extra > 0 {
							k.t = number()
						}
						if extra > 1 {
							k.u = number()
						}
						if rising {
							k.p = float64(len(list))
						}
						if mode == cornerLine {
							k.s = 0
						}
						list = append(list, k)
						c.insert(k)
						return
					}
					i := rng.IntN(len(list))
					require.True(t, c.remove(list[i]))
					require.False(t, c.remove(list[i]))
					list[i] = list[len(list)-1]
					list = list[:len(list)-1]
				}
				check := func() {
					require.Equal(t, len(list), c.n)
					x, y, z, w := number(), number(), number(), number()
					if rising {
						x = float64(rng.IntN(len(list) + 1))
					}
					var want []ID
					for _, k := range list {
						if in := k.p <= x && k.s <= y && (extra < 1 || k.t <= z) && (extra < 2 || k.u <= w); mode == cornerLine && k.p <= x || mode == cornerPlane && in || mode == cornerPoint && in && k.p == x {
							want = append(want, k.id)
						}
					}
					got := c.match(&[4]float64{x, y, z, w}, nil)
					slices.Sort(want)
					slices.Sort(got)
					require.Equal(t, want, got)
					for i, l := range c.leaves {
						require.NotEmpty(t, l.id)
						requireMarks(t, &c, l)
						for _, k := range c.all(l) {
							require.True(t, c.lowest(i).compare(k) <= 0)
							require.True(t, i+1 == len(c.leaves) || k.compare(c.lowest(i+1)) < 0)
						}
					}
				}
				for _, phase := range []struct{ steps, grow int }{{1500, 100}, {800, 50}, {1500, 10}, {1000, 80}, {2500, 0}} {
					for i := range phase.steps {
						step(rng.IntN(100) < phase.grow)
						if i%499 == 0 {
							check()
						}
					}
					check()
				}
			}
		}
	}
}

func requireMarks(t *testing.T, c *corners, l *leaf) {
	t.Helper()
	s := c.sorted(l)
	for i, m := range l.marks {
		want := uint64(noMark)
		if end := (i+1)*apart - 1; end < len(s) {
			want = ordered(s[end])
		}
		require.Equal(t, want, m, "mark %d of %d corners", i, len(s))
	}
}

func TestOrdered(t *testing.T) {
	in := []float64{math.Inf(-1), -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1, 2, math.MaxFloat64, math.Inf(1)}
	for i, x := range in[1:] {
		require.Less(t, ordered(in[i]), ordered(x))
	}
	require.Less(t, ordered(math.Inf(1)), uint64(noMark))
}

// TestCornersOnALineKeepPlaces: what is taken out of a leaf leaves a gap, which
// the next one nearby takes.
func TestCornersOnALineKeepPlaces(t *testing.T) {
	c := corners{mode: cornerLine}
	const n = leafSize - 6
	for i := range n {
		c.insert(corner{p: float64(2 * i), id: ID(i)})
	}
	l := c.leaves[0]
	all := func() []ID {
		requireMarks(t, &c, l)
		return c.match(&[4]float64{1e9}, nil)
	}
	for _, i := range []int{0, 63, 64, 200, n - 1} {
		require.True(t, c.remove(corner{p: float64(2 * i), id: ID(i)}))
		require.False(t, c.remove(corner{p: float64(2 * i), id: ID(i)}), "it is gone")
	}
	require.Len(t, l.id, n)
	require.Len(t, all(), n-5)
	c.insert(corner{p: 127, id: 1000}) // into the place of 64
	require.Equal(t, ID(1000), l.id[64])
	c.insert(corner{p: 400, id: 200}) // again
	require.Equal(t, ID(200), l.id[200])
	require.Equal(t, 3, l.nGone)
	require.Equal(t, []ID{62, 1000, 65}, all()[61:64])
	for i := 66; l.nGone > 0; i++ { // more than may be gone
		require.Less(t, i, 66+mostGone)
		require.True(t, c.remove(corner{p: float64(2 * i), id: ID(i)}))
	}
	require.Len(t, l.id, n-3-(mostGone+1-3))
	require.Equal(t, all(), l.id)

	// One more between two in a leaf with gaps: those behind it keep theirs.
	require.True(t, c.remove(corner{p: 2 * 130, id: 130}))
	require.True(t, c.remove(corner{p: 2 * 240, id: 240}))
	c.insert(corner{p: 3, id: 2000})
	require.Equal(t, 2, l.nGone)
	require.Equal(t, c.n, len(all()))
	require.NotContains(t, all(), ID(130))
	require.NotContains(t, all(), ID(240))
}
