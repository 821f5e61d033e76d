package protocol

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWindowNStart(t *testing.T) {
	var w Window[string]
	require.True(t, w.Idle())
	require.Equal(t, Admitted, w.Acquire(1, 2, "a"))
	require.Equal(t, Queued, w.Acquire(1, 2, "b"))
	require.Equal(t, Queued, w.Acquire(1, 2, "c"))
	require.Equal(t, Refused, w.Acquire(1, 2, "d"))
	require.Equal(t, 1, w.Outstanding())
	require.Equal(t, 2, w.Queued())
	require.False(t, w.Idle())

	next, ok := w.Release()
	require.True(t, ok)
	require.Equal(t, "b", next)
	require.Equal(t, 1, w.Outstanding())
	require.True(t, w.Remove("c"))
	require.False(t, w.Remove("c"))
	_, ok = w.Release()
	require.False(t, ok)
	require.True(t, w.Idle())
	_, ok = w.Release() // one too many does no harm
	require.False(t, ok)
	require.True(t, w.Idle())
}

// Each interaction has a limit of its own, and none overtakes another.
func TestWindowLimitsOfTheirOwn(t *testing.T) {
	var w Window[int]
	require.Equal(t, Admitted, w.Acquire(0, 9, 0), "a limit below 1 counts as 1")
	for i, limit := range []int{2, 4, 1, 3, 3} {
		if want := []Admission{Admitted, Admitted, Queued, Queued, Queued}[i]; want == Admitted {
			require.Equal(t, want, w.Acquire(limit, 9, i+1))
		} else {
			require.Equal(t, want, w.Acquire(limit, 9, i+1), "not before 3, which waits for all others")
		}
	}
	for range 2 {
		_, ok := w.Release()
		require.False(t, ok)
	}
	next, ok := w.Release()
	require.True(t, ok)
	require.Equal(t, 3, next)
	for _, want := range []int{4, 5} { // they may go beside it
		next, ok = w.Admit()
		require.True(t, ok)
		require.Equal(t, want, next)
	}
	_, ok = w.Admit()
	require.False(t, ok)

	require.Equal(t, Queued, w.Acquire(1, 9, 6))
	require.Equal(t, Queued, w.Acquire(4, 9, 7))
	_, ok = w.Admit()
	require.False(t, ok)
	require.True(t, w.Remove(6))
	next, ok = w.Admit()
	require.True(t, ok)
	require.Equal(t, 7, next)
	require.Equal(t, Refused, w.Acquire(1, 0, 8))
}

func TestWindowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Window[int]
		var queue [][2]int // item, limit
		outstanding, item := 0, 0
		limit := func() int { return rapid.IntRange(1, 4).Draw(t, "limit") }
		checkNext := func(next int, ok bool) {
			want := len(queue) > 0 && outstanding < queue[0][1]
			require.Equal(t, want, ok)
			if ok {
				require.Equal(t, queue[0][0], next)
				queue = queue[1:]
				outstanding++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				l, q := limit(), rapid.IntRange(0, 100).Draw(t, "maxQueue")
				item++
				want := Refused
				if len(queue) == 0 && outstanding < l {
					want = Admitted
					outstanding++
				} else if len(queue) < q {
					want = Queued
					queue = append(queue, [2]int{item, l})
				}
				require.Equal(t, want, w.Acquire(l, q, item))
			},
			"release": func(t *rapid.T) {
				outstanding = max(outstanding-1, 0)
				checkNext(w.Release())
			},
			"admit": func(t *rapid.T) {
				checkNext(w.Admit())
			},
			"remove": func(t *rapid.T) {
				v := rapid.IntRange(0, item).Draw(t, "item")
				found := false
				for i := range queue {
					if queue[i][0] == v {
						queue = slices.Delete(queue, i, i+1)
						found = true
						break
					}
				}
				require.Equal(t, found, w.Remove(v))
			},
			"": func(t *rapid.T) {
				require.Equal(t, outstanding, w.Outstanding())
				require.Equal(t, len(queue), w.Queued())
				require.Equal(t, outstanding == 0 && len(queue) == 0, w.Idle())
			},
		})
	})
}

// A burst leaves no long queue behind.
func TestWindowShrinks(t *testing.T) {
	var w Window[int]
	w.Acquire(1, 1000, 0)
	for i := range 500 {
		require.Equal(t, Queued, w.Acquire(1, 1000, i))
	}
	for i := range 500 {
		next, ok := w.Release()
		require.True(t, ok)
		require.Equal(t, i, next)
	}
	require.Empty(t, w.queue)
}

// RFC 7252 §4.7: on average not more than PROBING_RATE to a peer that does not
// respond.
func TestExpectUntil(t *testing.T) {
	for _, c := range []struct {
		bytes int
		rate  float64
		want  netio.Instant
	}{
		{60, 0, t0.Add(time.Minute)},
		{60, 1000, t0.Add(60 * time.Millisecond)},
		{0, 1, t0},
		{-1, 1, t0},
		{1, 1e-300, math.MaxInt64},
	} {
		p := Params{ProbingRate: c.rate}.WithDefaults()
		require.Equal(t, c.want, ExpectUntil(t0, c.bytes, &p))
	}
	require.Equal(t, netio.Instant(math.MaxInt64), ExpectUntil(t0, 0, &Params{}))
}

func BenchmarkWindow(b *testing.B) {
	var w Window[uint32]
	w.Acquire(1, 16, 0)
	b.ReportAllocs()
	for b.Loop() {
		w.Acquire(1, 16, 1)
		w.Acquire(1, 16, 2)
		w.Release()
		w.Release()
	}
}
