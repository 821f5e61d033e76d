package dist_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/sim/dist"
)

const ms = time.Millisecond

// phi is the distribution function of the standard normal distribution.
func phi(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// kolmogorov returns the Kolmogorov–Smirnov statistic of draws against a
// distribution function, times the root of their number. Above 1.63 it is one in
// a hundred that the draws are of that distribution.
func kolmogorov(draws []time.Duration, cdf func(d time.Duration) float64) float64 {
	slices.Sort(draws)
	n, worst := float64(len(draws)), 0.0
	for i, d := range draws {
		p := cdf(d)
		worst = max(worst, p-float64(i)/n, float64(i+1)/n-p)
	}
	return worst * math.Sqrt(n)
}

const draws = 50_000

func sample(t dist.Time, seed uint64) []time.Duration {
	r := rand.New(rand.NewPCG(seed, 0))
	ds := make([]time.Duration, draws)
	for i := range ds {
		ds[i] = dist.Sample(t, r)
	}
	return ds
}

// TestFit: draws are of the distributions that they are said to be of, for which
// the functions come from elsewhere: package math.
func TestFit(t *testing.T) {
	measured, err := dist.Quantiles(dist.Point{P: 0, D: 5 * ms}, dist.Point{P: 0.5, D: 10 * ms}, dist.Point{P: 0.9, D: 30 * ms}, dist.Point{P: 1, D: time.Second})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		of  dist.Time
		cdf func(ms float64) float64
	}{
		"uniform":   {dist.Uniform{Min: 10 * ms, Max: 30 * ms}, func(x float64) float64 { return (x - 10) / 20 }},
		"normal":    {dist.Normal{Mean: 50 * ms, StdDev: 5 * ms}, func(x float64) float64 { return phi((x - 50) / 5) }},
		"truncated": {dist.Normal{Mean: 5 * ms, StdDev: 10 * ms}, func(x float64) float64 { return (phi((x-5)/10) - phi(-0.5)) / (1 - phi(-0.5)) }},
		"half":      {dist.Normal{StdDev: 10 * ms}, func(x float64) float64 { return 2*phi(x/10) - 1 }},
		"lognormal": {dist.LogNormal{Median: 20 * ms, Sigma: 0.5}, func(x float64) float64 { return phi(math.Log(x/20) / 0.5) }},
		"heavy":     {dist.LogNormal{Median: 20 * ms, Sigma: 2}, func(x float64) float64 { return phi(math.Log(x/20) / 2) }},
		"measured": {measured, func(x float64) float64 {
			switch {
			case x < 10:
				return (x - 5) / 5 * 0.5
			case x < 30:
				return 0.5 + (x-10)/20*0.4
			}
			return 0.9 + (x-30)/970*0.1
		}},
	} {
		require.NoError(t, c.of.Validate())
		d := kolmogorov(sample(c.of, 1), func(d time.Duration) float64 { return c.cdf(float64(d) / float64(ms)) })
		require.Less(t, d, 1.63, "%s: Kolmogorov–Smirnov", name)
		off := kolmogorov(sample(c.of, 1), func(d time.Duration) float64 { return c.cdf(float64(d) / float64(ms) * 1.1) })
		require.Greater(t, off, 1.63, "%s: the test must see ten per cent", name)
	}
	for _, d := range sample(dist.Constant(7*ms), 1) {
		require.Equal(t, 7*ms, d)
	}
}

// TestSamples: a distribution that was made of draws is that of the draws.
func TestSamples(t *testing.T) {
	e, err := dist.Samples(sample(dist.LogNormal{Median: 20 * ms, Sigma: 0.5}, 1)...)
	require.NoError(t, err)
	again := kolmogorov(sample(e, 2), func(d time.Duration) float64 { return phi(math.Log(float64(d)/float64(20*ms)) / 0.5) })
	require.Less(t, again, 1.63*math.Sqrt2)
	one, err := dist.Samples(3 * ms)
	require.NoError(t, err)
	require.Equal(t, 3*ms, one.Quantile(0.3))
	three, err := dist.Samples(30*ms, 10*ms, 20*ms)
	require.NoError(t, err)
	require.Equal(t, 15*ms, three.Quantile(0.25))
	require.Equal(t, 10*ms, three.Quantile(-1))
	require.Equal(t, 30*ms, three.Quantile(2))
	require.Equal(t, 10*ms, three.Quantile(math.NaN()))

	for _, p := range []float64{0, 0.5, 1} {
		require.Equal(t, 20*ms, dist.LogNormal{Median: 20 * ms}.Quantile(p))
		require.Equal(t, 20*ms, dist.Normal{Mean: 20 * ms}.Quantile(p))
		require.Zero(t, dist.LogNormal{Sigma: 1}.Quantile(p))
	}
}

// TestMoments: mean and standard deviation are what the parameters say.
func TestMoments(t *testing.T) {
	moments := func(ds []time.Duration) (mean, sd float64) {
		for _, d := range ds {
			mean += float64(d) / float64(ms) / draws
		}
		for _, d := range ds {
			sd += math.Pow(float64(d)/float64(ms)-mean, 2) / draws
		}
		return mean, math.Sqrt(sd)
	}
	mean, sd := moments(sample(dist.Normal{Mean: 50 * ms, StdDev: 5 * ms}, 3))
	require.InDelta(t, 50, mean, 0.1)
	require.InDelta(t, 5, sd, 0.1)
	mean, _ = moments(sample(dist.LogNormal{Median: 20 * ms, Sigma: 0.5}, 3))
	require.InDelta(t, 20*math.Exp(0.125), mean, 0.2)
}

// TestQuantilesAscend: quantiles never descend, and stay in their bounds.
func TestQuantilesAscend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := func(label string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(dist.Max)).Draw(t, label))
		}
		a, b := drawn("a"), drawn("b")
		d := rapid.SampledFrom([]dist.Time{
			dist.Constant(a), dist.Uniform{Min: min(a, b), Max: max(a, b)}, dist.Normal{Mean: a, StdDev: b},
			dist.LogNormal{Median: a, Sigma: rapid.Float64Range(0, 5).Draw(t, "sigma")},
		}).Draw(t, "distribution")
		require.NoError(t, d.Validate())
		p, q := rapid.Float64Range(0, 1).Draw(t, "p"), rapid.Float64Range(0, 1).Draw(t, "q")
		low, high := d.Quantile(min(p, q)), d.Quantile(max(p, q))
		require.LessOrEqual(t, low, high)
		require.GreaterOrEqual(t, low, time.Duration(0))
		require.LessOrEqual(t, high, dist.Max)
		again, err := dist.Parse(d.String())
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}

// TestGilbertElliott: as many are lost as the formula says, and the runs of
// losses have the lengths of a geometric distribution.
func TestGilbertElliott(t *testing.T) {
	const n = 200_000
	for _, g := range []dist.GilbertElliott{
		{P: 0.05, R: 0.4}, {P: 0.01, R: 0.2, H: 0.3}, {P: 0.1, R: 0.5, H: 0.5, K: 0.98}, {P: 1, R: 1}, {P: 0, R: 1}, {P: 0.3, R: 0.7},
	} {
		require.NoError(t, g.Validate())
		var path dist.Path
		r := rand.New(rand.NewPCG(1, 1))
		lost, runs, run := 0, map[int]int{}, 0
		for range n {
			if g.Lost(&path, r) {
				lost++
				run++
			} else if run > 0 {
				runs[run]++
				run = 0
			}
		}
		require.InDelta(t, g.Mean(), float64(lost)/n, 0.005, "%+v", g)
		if g.H != 0 || g.K != 0 || lost == 0 {
			continue
		}
		// Run lengths by chi-square: P(length = k) = R·(1-R)^(k-1).
		total, chi, cells, rest, left := 0, 0.0, 0, 0, 1.0
		for _, c := range runs {
			total += c
		}
		rest = total
		for k := 1; ; k++ {
			p := g.R * math.Pow(1-g.R, float64(k-1))
			if float64(total)*(left-p) < 10 {
				break
			}
			chi += math.Pow(float64(runs[k])-p*float64(total), 2) / (p * float64(total))
			rest, left, cells = rest-runs[k], left-p, cells+1
		}
		chi += math.Pow(float64(rest)-left*float64(total), 2) / (left * float64(total))
		// Beyond mean + 3 standard deviations is about one in a hundred or less.
		require.Less(t, chi, float64(cells)+3*math.Sqrt(2*float64(cells))+1, "%+v: runs of losses %v", g, runs)
		require.InDelta(t, 1/g.R, float64(lost)/float64(total), 0.05, "%+v: mean length of a run", g)
	}
}

// TestPathBegins: a path begins as it is in the long run.
func TestPathBegins(t *testing.T) {
	g := dist.GilbertElliott{P: 0.1, R: 0.3}
	r, lost := rand.New(rand.NewPCG(2, 2)), 0
	for range 20_000 {
		var path dist.Path
		if g.Lost(&path, r) {
			lost++
		}
	}
	require.InDelta(t, 0.25, float64(lost)/20_000, 0.01)
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		v    interface{ Validate() error }
		want string
	}{
		{dist.Constant(-1), "Constant is -1ns"},
		{dist.Constant(dist.Max + 1), "between 0 and 1000h"},
		{dist.Uniform{Min: -1}, "Uniform.Min"},
		{dist.Uniform{Max: -1}, "Uniform.Max"},
		{dist.Uniform{Min: 2, Max: 1}, "below Min"},
		{dist.Normal{Mean: -1}, "Normal.Mean"},
		{dist.Normal{StdDev: -1}, "Normal.StdDev"},
		{dist.LogNormal{Sigma: math.NaN()}, "Sigma is NaN"},
		{dist.LogNormal{Median: -1}, "LogNormal.Median"},
		{dist.LogNormal{Sigma: 6}, "between 0 and 5"},
		{dist.GilbertElliott{P: 2}, "GilbertElliott.P is 2"},
		{dist.GilbertElliott{R: math.NaN()}, "GilbertElliott.R is NaN"},
		{dist.GilbertElliott{P: 1, K: -1}, "GilbertElliott.K"},
		{dist.GilbertElliott{}, "P and R are both 0"},
		{&dist.Empirical{}, "at least one sample"},
	} {
		require.ErrorContains(t, c.v.Validate(), c.want)
	}
	for _, c := range []struct {
		points []dist.Point
		want   string
	}{
		{nil, "at least one"}, {[]dist.Point{{0, 1}}, "at least two"}, {[]dist.Point{{0, 1}, {0, 2}}, "does not ascend"},
		{[]dist.Point{{0, 2}, {1, 1}}, "does not ascend"}, {[]dist.Point{{-1, 2}, {1, 1}}, "share is -1"}, {[]dist.Point{{0, -2}, {1, 1}}, "quantile 1 is -2ns"},
	} {
		_, err := dist.Quantiles(c.points...)
		require.ErrorContains(t, err, c.want)
	}
	for s, want := range map[string]string{
		"": "is no time", "20": "is no time", "normal:1ms": "two values", "normal:x,1ms": "is no time", "normal:1ms,x": "is no time",
		"pareto:1ms,2ms": "no distribution", "lognormal:1ms,x": "sigma", "lognormal:1ms,9": "Sigma", "uniform:2ms,1ms": "below Min", "-1s": "Constant",
	} {
		_, err := dist.Parse(s)
		require.ErrorContains(t, err, want, s)
	}
	for s, want := range map[string]string{"": "two to four", "0.1": "two to four", "1,2,3,4,5": "two to four", "x,1": "no probability", "2,1": "GilbertElliott.P", "0,0": "both 0"} {
		_, err := dist.ParseGilbertElliott(s)
		require.ErrorContains(t, err, want, s)
	}
	g, err := dist.ParseGilbertElliott("0.1,0.2,0.3,0.4")
	require.NoError(t, err)
	require.Equal(t, dist.GilbertElliott{P: 0.1, R: 0.2, H: 0.3, K: 0.4}, g)
}

func TestRead(t *testing.T) {
	e, err := dist.Read(strings.NewReader("# a path\n0 10ms\n\n0.5 20ms # half\n1 100ms\n"))
	require.NoError(t, err)
	require.Equal(t, 15*ms, e.Quantile(0.25))
	require.Equal(t, "empirical, 3 points", e.String())
	e, err = dist.Read(strings.NewReader("30ms\n10ms\n20ms"))
	require.NoError(t, err)
	require.Equal(t, 15*ms, e.Quantile(0.25))
	for text, want := range map[string]string{
		"":                              "at least one sample",
		"10ms\nfast":                    "line 2: \"fast\" is no time",
		"0.5 10ms\n10ms":                "line 2: samples and quantiles cannot be mixed",
		"2 10ms":                        "line 1: \"2\" is no share",
		"a b 10ms":                      "line 1: want a time",
		"-1ms":                          "line 1",
		"0.5 10ms":                      "at least two quantiles",
		strings.Repeat("x", 100_000):    "reading a table",
		strings.Repeat("1s\n", 1<<20+1): "line 1048577: a table has at most",
	} {
		_, err := dist.Read(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("0 10ms\n1 20ms\n", 0.5)
	f.Add("10ms\n20ms # x\n", 0.1)
	f.Fuzz(func(t *testing.T, text string, p float64) {
		if e, err := dist.Read(strings.NewReader(text)); err == nil {
			d := e.Quantile(p)
			require.True(t, d >= 0 && d <= dist.Max)
		}
		if d, err := dist.Parse(text); err == nil {
			v := d.Quantile(p)
			require.True(t, v >= 0 && v <= dist.Max)
		}
	})
}

func BenchmarkSample(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, d := range []dist.Time{dist.Uniform{Max: time.Second}, dist.Normal{Mean: time.Second, StdDev: 100 * ms}, dist.LogNormal{Median: time.Second, Sigma: 0.5}} {
		b.Run(d.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dist.Sample(d, r)
			}
		})
	}
}
