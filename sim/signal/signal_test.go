package signal

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func values(t *testing.T, text string, every time.Duration, n int) []float64 {
	t.Helper()
	s, err := Parse(text)
	require.NoError(t, err)
	source := s.Start(rand.New(rand.NewPCG(1, 2)))
	var vs []float64
	for i := range n {
		vs = append(vs, source.At(time.Duration(i)*every))
	}
	return vs
}

func TestSignals(t *testing.T) {
	require.Equal(t, []float64{21.5, 21.5}, values(t, "constant 21.5", time.Second, 2))
	require.Equal(t, []float64{-3, -3}, values(t, "-3", time.Second, 2))
	require.Equal(t, []float64{18, 18, 22, 22, 30, 30, 18}, values(t, "steps 10s 18 22 30", 5*time.Second, 7))
	require.InDeltaSlice(t, []float64{20, 25, 20, 15, 20, 25}, values(t, "sine 20 5 1h", 15*time.Minute, 6), 1e-8)

	walk := values(t, "walk 20 0.5 19..21", time.Second, 10_000)
	require.Equal(t, 20.0, walk[0])
	least, most := walk[0], walk[0]
	for i, v := range walk[1:] {
		require.LessOrEqual(t, math.Abs(v-walk[i]), 0.5+1e-9)
		least, most = min(least, v), max(most, v)
	}
	require.True(t, least >= 19 && most <= 21 && least < 19.1 && most > 20.9, "%v..%v", least, most)
	require.Equal(t, walk[:100], values(t, "walk 20 0.5 19..21", time.Minute, 100), "chance is that of the generator alone")

	for _, v := range values(t, "constant 5 noise 0.25", time.Second, 100) {
		require.True(t, v >= 4.75 && v <= 5.25 && v != 5)
	}
}

func TestSine(t *testing.T) {
	for i := range 10_000 {
		part := float64(i) / 10_000
		require.InDelta(t, math.Sin(2*math.Pi*part), sine(part), 1e-9)
	}
}

func TestCSV(t *testing.T) {
	points, err := ReadCSV(strings.NewReader("time,value\n# morning\n0, 18\n90,19.5\n1h,21\n"))
	require.NoError(t, err)
	require.Equal(t, []Point{{0, 18}, {90 * time.Second, 19.5}, {time.Hour, 21}}, points)
	s, err := Parse("csv day.csv")
	require.NoError(t, err)
	require.Equal(t, "day.csv", s.File)
	s.Points = points
	require.NoError(t, s.Validate())
	source := s.Start(nil)
	for at, want := range map[time.Duration]float64{0: 18, 89 * time.Second: 18, 90 * time.Second: 19.5, 5 * time.Hour: 21} {
		require.Equal(t, want, source.At(at))
	}
	for text, want := range map[string]string{
		"":                   "there are no points",
		"time,value\n":       "there are no points",
		"0,1\nx,2\n":         "line 2: want a time",
		"0,1\n# c\n5,warm\n": "line 3: want a number",
		"5,1\n5,2\n":         "line 2: 5s does not come after 5s",
		"0,1\n1,2,3\n":       "line 2",
		"0,1\n-1,2\n":        "line 2: want a time",
		"0,1\n1,NaN\n":       "line 2: want a number",
	} {
		_, err := ReadCSV(strings.NewReader(text))
		require.ErrorContains(t, err, want, "%q", text)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "want a signal",
		"warm":                 `"warm" is no signal`,
		"constant":             "want 1 arguments",
		"constant 1 2":         "want 1 arguments",
		"constant x":           "want a number",
		"constant Inf":         "want a number",
		"sine 20 5":            "want 3 arguments",
		"sine 20 5 0s":         "the period of a sine is 0s",
		"sine 20 5 soon":       "want a time",
		"walk 20":              "want 2 arguments",
		"walk 20 1 30":         "want bounds",
		"walk 20 1 30..40":     "does not fit",
		"walk 20 1 40..10":     "does not fit",
		"walk 0 1 0..0":        "nowhere to walk",
		"walk 20 -1":           "must not be negative",
		"walk 20 1 10..30 x":   "want 3 arguments",
		"steps 10s":            "want a time and values",
		"steps 0s 1":           "must be above 0s",
		"steps 1s 1 x":         "want a number",
		"csv":                  "want the name of a file",
		"csv a b":              "want the name of a file",
		"constant 1 noise -1":  "must not be negative",
		"constant 1 noise x":   "want a number",
		"steps 1s 1 noise Inf": "want a number",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, want, "%q", text)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"constant 21.5", "sine 20 5 24h", "walk 20 0.5 15..30", "steps 10s 18 22 noise 1", "csv x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil || s.Kind == Table {
			return
		}
		source := s.Start(rand.New(rand.NewPCG(1, 2)))
		for _, at := range []time.Duration{0, 1, time.Hour, maxDuration} {
			source.At(at)
		}
	})
}
