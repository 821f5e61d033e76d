package page

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/scenario"
)

// numbers reads a column.
func numbers(t *testing.T, c column) (out []int64) {
	for len(c) > 0 {
		v, n := binary.Uvarint(c)
		require.Positive(t, n)
		out = append(out, int64(v))
		c = c[n:]
	}
	return out
}

const meadow = `version: 1
name: meadow
nodes:
  client:
  s: {count: 30, resources: {/x: {text: x}}}
  plain: {count: 3}
segments:
  air: {nodes: [client, "s*"], radio: RADIO}
run:
  find: {discover: all, from: client, wait: 60s}
compare: [single]
`

// surveyOf returns what a page of a run shows of the radios, and what each had spent
// in the end.
func surveyOf(t *testing.T, text string, limits Limits) (d runData, end map[int]sim.Station) {
	s, err := scenario.Parse("x.yaml", []byte(text))
	require.NoError(t, err)
	c := NewCollector(s, limits)
	end = map[int]sim.Station{}
	rep, err := s.Run(1, scenario.Options{Begin: c.Begin, Event: c.Event, Compared: c.Compared, Progress: c.Progress(nil), End: func(w *sim.World) {
		c.End(w)
		for i := range s.Nodes() {
			if st, ok := w.Station(s.NodeName(i)); ok {
				end[i] = st
			}
		}
	}})
	require.NoError(t, err)
	return c.Run(rep, "").data, end
}

func with(radio string) string { return strings.Replace(meadow, "RADIO", radio, 1) }

// TestSurvey: what is said of each radio is what it has come to.
func TestSurvey(t *testing.T) {
	d, end := surveyOf(t, with("{topology: disk, side: 100m, reach: 40m}"), Limits{})
	r := d.Radio
	require.Len(t, end, 31)
	require.Equal(t, 31, r.Nodes.N)
	require.Equal(t, []segmentData{{Name: "segment/air", ReachMM: 40_000, Links: *newColumns(2)}}, r.Segments)
	times := numbers(t, r.Times)
	samples := len(times)
	require.Equal(t, 31*samples, r.Samples.N)
	require.Greater(t, samples, minSamples)
	require.LessOrEqual(t, samples, maxSamples)
	last := times[0]
	for _, dt := range times[1:] {
		require.Positive(t, dt)
		last += dt
	}
	require.Equal(t, d.EndUS, last)

	node, x, y, idle := numbers(t, r.Nodes.Cols[0]), numbers(t, r.Nodes.Cols[2]), numbers(t, r.Nodes.Cols[3]), numbers(t, r.Nodes.Cols[4])
	var kinds [4][]int64
	for k := range kinds {
		kinds[k] = numbers(t, r.Samples.Cols[k])
	}
	require.Len(t, r.Samples.Cols, 4, "nobody moves")
	energy := int64(0)
	for i, n := range node {
		st := end[int(n)]
		var sums [4]int64
		for k := range kinds {
			for _, v := range kinds[k][i*samples : (i+1)*samples] {
				require.GreaterOrEqual(t, v, int64(0))
				sums[k] += v
			}
		}
		require.Equal(t, [4]int64{st.Energy.SendNJ() / 1000, st.Energy.ReceiveNJ() / 1000, int64(st.Counts.Sent), int64(st.Counts.Spoiled + st.Counts.Failures + st.Counts.Overflows)}, sums)
		require.Equal(t, [3]int64{int64(st.Place.X), int64(st.Place.Y), st.Energy.IdleNJ() / 1000}, [3]int64{x[i], y[i], idle[i]})
		energy += sums[0]
	}
	require.InDelta(t, d.Report.Energy.SendMJ, float64(energy)/1000, 0.031*2)

	var runs []string
	for _, c := range d.Curves {
		runs = append(runs, c.Run)
	}
	require.Equal(t, []string{"", "single"}, runs)
	require.InDelta(t, 30, d.Curves[1].Total, 0)
	require.NotEmpty(t, d.Curves[1].Points)
}

// TestSurveyIsBounded: more samples than there may be are thinned out.
func TestSurveyIsBounded(t *testing.T) {
	d, _ := surveyOf(t, with("{topology: grid, columns: 5}"), Limits{Samples: 31 * 20, Nodes: 25})
	require.Equal(t, 4+5, d.Left.Nodes)
	samples := len(numbers(t, d.Radio.Times))
	require.GreaterOrEqual(t, samples, 12)
	require.LessOrEqual(t, samples, 32)
	require.Equal(t, d.Radio.Nodes.N*samples, d.Radio.Samples.N)
	links := d.Radio.Segments[0].Links
	require.Zero(t, d.Radio.Segments[0].LeftOut)
	require.NotZero(t, links.N)
	a, b := numbers(t, links.Cols[0]), numbers(t, links.Cols[1])
	for i := range a {
		require.Less(t, a[i], b[i])
		require.Less(t, b[i], int64(25))
	}
	d, _ = surveyOf(t, with("{topology: full}"), Limits{Samples: 1})
	require.True(t, d.Radio.Segments[0].Full)
	require.LessOrEqual(t, len(numbers(t, d.Radio.Times)), minSamples)
	_, d = made(t, load(t, "hello"), Limits{})
	require.Nil(t, d.Radio, "there are none")
}

// TestSurveyOfMoving: where somebody moves it is looked again and again, also while
// nobody sends, and the same however often the run is looked at.
func TestSurveyOfMoving(t *testing.T) {
	text := strings.Replace(with("{topology: disk, side: 100m, reach: 40m, speed: 1m/s..2m/s, pause: 0s..5s}"), "compare: [single]", "stop: 300s", 1)
	d, end := surveyOf(t, text, Limits{})
	require.Len(t, d.Radio.Samples.Cols, 6)
	times := numbers(t, d.Radio.Times)
	samples := len(times)
	require.Greater(t, samples, maxSamples/2-10)
	sum := int64(0)
	for _, dt := range times {
		require.LessOrEqual(t, dt, int64(3_000_000))
		sum += dt
	}
	require.Equal(t, d.EndUS, sum)
	require.Greater(t, d.EndUS, int64(290_000_000))
	x, y := numbers(t, d.Radio.Samples.Cols[4]), numbers(t, d.Radio.Samples.Cols[5])
	for i, n := range numbers(t, d.Radio.Nodes.Cols[0]) {
		at := [2]int64{numbers(t, d.Radio.Nodes.Cols[2])[i], numbers(t, d.Radio.Nodes.Cols[3])[i]}
		for k := i * samples; k < (i+1)*samples; k++ {
			at[0], at[1] = at[0]+unzigzag(x[k]), at[1]+unzigzag(y[k])
		}
		require.Equal(t, [2]int64{int64(end[int(n)].Place.X), int64(end[int(n)].Place.Y)}, at)
	}

	// Whoever else looks, whenever.
	s, err := scenario.Parse("x.yaml", []byte(text))
	require.NoError(t, err)
	c := NewCollector(s, Limits{})
	calls := 0
	rep, err := s.Run(1, scenario.Options{Begin: c.Begin, End: c.End, Event: c.Event, Progress: c.Progress(func(scenario.Progress) (time.Duration, error) {
		calls++
		return time.Duration(calls%7) * 33 * time.Millisecond, nil
	})})
	require.NoError(t, err)
	require.Equal(t, d.Radio, c.survey.data())
	bare, err := s.Run(1, scenario.Options{})
	require.NoError(t, err)
	require.Equal(t, bare.TraceHash, rep.TraceHash, "who looks on changes nothing")
}

// TestSleeping: who sleeps spends less, and it is said how long.
func TestSleeping(t *testing.T) {
	d, end := surveyOf(t, with("{topology: star, wake: 125ms}"), Limits{})
	sleep, asleep := numbers(t, d.Radio.Nodes.Cols[5]), numbers(t, d.Radio.Nodes.Cols[6])
	for i, n := range numbers(t, d.Radio.Nodes.Cols[0]) {
		require.Equal(t, end[int(n)].Energy.SleepNJ()/1000, sleep[i])
		require.Greater(t, asleep[i], int64(5_000))
		require.Less(t, asleep[i], int64(10_000))
	}
}

func unzigzag(v int64) int64 { return v>>1 ^ -(v & 1) }
