package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// exact is the quantile of sorted durations, by definition.
func exact(ds []time.Duration, q float64) time.Duration {
	rank := int(math.Ceil(q * float64(len(ds))))
	return ds[min(max(rank, 1), len(ds))-1]
}

var quantiles = []float64{0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1}

func requireClose(t require.TestingT, want, got time.Duration, q float64) {
	require.LessOrEqual(t, math.Abs(float64(got-want)), 0.005*float64(want), "quantile %v is %v, not %v", q, want, got)
}

func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name string
		draw func() float64 // nanoseconds
	}{
		{"uniform", func() float64 { return r.Float64() * 1e6 }},
		{"exponential", func() float64 { return r.ExpFloat64() * 3e5 }},
		{"over many magnitudes", func() float64 { return math.Exp(r.Float64() * 29) }},
		{"two peaks", func() float64 { return 2e5 + 1e4*r.NormFloat64() + 3e9*float64(r.IntN(100)/99) }},
		{"all the same", func() float64 { return 123456 }},
	} {
		var h Histogram
		var ds []time.Duration
		for range 20000 {
			d := time.Duration(max(tt.draw(), 0))
			ds = append(ds, d)
			h.Add(d)
		}
		slices.Sort(ds)
		for _, q := range quantiles {
			requireClose(t, exact(ds, q), h.Quantile(q), q)
		}
		require.Equal(t, ds[0], h.Min(), tt.name)
		require.Equal(t, ds[len(ds)-1], h.Max(), tt.name)
		require.Equal(t, h.Min(), h.Quantile(0), tt.name)
		require.Equal(t, h.Max(), h.Quantile(1), tt.name)
		sum := 0.0
		for _, d := range ds {
			sum += float64(d)
		}
		require.InDelta(t, sum/float64(len(ds)), float64(h.Mean()), 1, tt.name)
	}
}

// TestMerge: several histograms together are as one, whatever was counted.
func TestMerge(t *testing.T) {
	durations := rapid.SliceOfN(rapid.Map(rapid.Int64Range(0, 1<<maxBits-1), func(v int64) time.Duration { return time.Duration(v) }), 0, 200)
	rapid.Check(t, func(t *rapid.T) {
		a, b := durations.Draw(t, "a"), durations.Draw(t, "b")
		var ha, hb, both Histogram
		for _, d := range a {
			ha.Add(d)
			both.Add(d)
		}
		for _, d := range b {
			hb.Add(d)
			both.Add(d)
		}
		ha.Merge(&hb)
		require.Equal(t, both.counts, ha.counts)
		require.Equal(t, both.Count(), ha.Count())
		require.Equal(t, both.Min(), ha.Min())
		require.Equal(t, both.Max(), ha.Max())
		all := slices.Sorted(slices.Values(append(a, b...)))
		if len(all) == 0 {
			return
		}
		for _, q := range quantiles {
			requireClose(t, exact(all, q), ha.Quantile(q), q)
		}
	})
}

func TestEdges(t *testing.T) {
	var h Histogram
	require.Zero(t, h.Quantile(0.5))
	require.Zero(t, h.Mean())
	require.Zero(t, h.Min())
	h.Merge(&Histogram{})
	require.Zero(t, h.Count())

	h.Add(-time.Second)
	require.Zero(t, h.Max())
	h.Add(math.MaxInt64)
	require.Equal(t, time.Duration(math.MaxInt64), h.Max())
	require.Equal(t, time.Duration(0), h.Quantile(0.5))
	for _, q := range []float64{-1, 2, math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.NotPanics(t, func() { h.Quantile(q) }, q)
	}

	// Every bucket's middle is in the bucket, and buckets are in order.
	for i := range buckets {
		require.Equal(t, i, bucket(middle(i)))
	}
	require.Equal(t, buckets-1, bucket(1<<maxBits-1))
	require.Equal(t, buckets-1, bucket(math.MaxInt64))
}

func BenchmarkAdd(b *testing.B) {
	b.ReportAllocs()
	var h Histogram
	for i := range b.N {
		h.Add(time.Duration(i&0xffff) * 17)
	}
}
