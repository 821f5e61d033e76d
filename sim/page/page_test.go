package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim/scenario"
)

// made returns the page of a run, and the data in it.
func made(t *testing.T, s *scenario.Scenario, limits Limits) (html string, d runData) {
	t.Helper()
	c := NewCollector(s, limits)
	rep, err := s.Run(1, scenario.Options{Begin: c.Begin, Event: c.Event})
	require.NoError(t, err)
	run := c.Run(rep, "sim replay x")
	var b bytes.Buffer
	require.NoError(t, WriteRun(&b, run))
	return b.String(), run.data
}

func load(t *testing.T, name string, changes ...string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(name, changes...)
	require.NoError(t, err)
	return s
}

// dataOf returns the data element of a page.
func dataOf(t *testing.T, html string) map[string]any {
	t.Helper()
	m := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindStringSubmatch(html)
	require.NotNil(t, m)
	var d map[string]any
	require.NoError(t, json.Unmarshal([]byte(m[1]), &d))
	return d
}

func TestRun(t *testing.T) {
	html, d := made(t, load(t, "hello"), Limits{})
	require.Equal(t, 2, d.Messages.N)
	require.Equal(t, 1, d.Exch.N)
	require.Equal(t, 2, d.Events.N, "asks, answered")
	require.Len(t, d.Grams, 2)
	require.Equal(t, []string{"client"}, d.Groups[0].Names)
	require.Equal(t, []Curve{{Action: "ask", Total: 1, Points: []int64{2000, 1}, n: 1}}, d.Curves)
	require.Contains(t, d.Words, "CON GET /hello")
	require.Equal(t, "hello", dataOf(t, html)["report"].(map[string]any)["scenario"])
	require.Equal(t, "1", dataOf(t, html)["seed"])

	// Always the same.
	again, _ := made(t, load(t, "hello"), Limits{})
	require.Equal(t, html, again)
	// It loads nothing.
	require.NotRegexp(t, `(?i)\b(src|action)=|href="[^#]|url\([^#]|@import|https?://[^w]`, html)
	require.Contains(t, html, "default-src 'none'")
}

// TestExchanges: each message is where it belongs, whatever goes wrong.
func TestExchanges(t *testing.T) {
	_, d := made(t, load(t, "chaos"), Limits{})
	require.Zero(t, d.Left)
	require.Greater(t, d.Exch.N, 300)
	require.Greater(t, d.Messages.N, 1000)
	require.Equal(t, []string{"~liar"}, d.Extra)
	begins := 0
	for _, m := range d.Marks {
		if m.Begins {
			begins++
		}
	}
	require.Equal(t, 16, begins)
	sums := [counts]int64{}
	for _, row := range d.Traffic.Rows {
		for k, v := range row {
			sums[k] += v
		}
	}
	require.Equal(t, [counts]int64{int64(d.Report.Sent), int64(d.Report.Deliveries), int64(d.Report.Lost), int64(d.Report.Bytes)}, sums)
	require.LessOrEqual(t, len(d.Traffic.Rows), maxBuckets)
}

// TestSize: a thousand nodes are a page of less than 5 MB, and so is much more.
func TestSize(t *testing.T) {
	html, d := made(t, load(t, "discovery-1000"), Limits{})
	require.Zero(t, d.Left)
	require.Less(t, len(html), 500_000)
	require.Len(t, d.Groups[1].Names, 1000)
	html, d = made(t, load(t, "load", "link.loss=0", "nodes.client.count=100"), Limits{})
	require.Less(t, len(html), 5_000_000)
	require.Positive(t, d.Left.Datagrams)
}

// TestLimits: what is too much is left out, and counted.
func TestLimits(t *testing.T) {
	html, d := made(t, load(t, "load", "stop=10s"), Limits{Messages: 100, Datagrams: 10, Nodes: 5})
	require.Equal(t, 100, d.Messages.N)
	require.Len(t, d.Grams, 10)
	require.Positive(t, d.Left.Messages)
	require.Positive(t, d.Left.Events)
	require.Equal(t, 16, d.Left.Nodes)
	require.Less(t, len(html), 200_000)
	last := d.Curves[0]
	require.InDelta(t, *d.Report.Actions[0].Results[1].Value, float64(last.Points[len(last.Points)-1]), 0, "all answers are counted")
}

func TestDecode(t *testing.T) {
	for _, m := range []codec.Message{
		{}, {Type: codec.ACK, MessageID: 7}, {Code: codec.GET, Options: codec.Options{codec.URIPath("a"), codec.URIPath(strings.Repeat("b", 200)), codec.Observe(0)}},
		{Code: codec.Content, Token: codec.TokenFromUint64(5), Options: codec.Options{codec.ContentFormat(0), codec.OpaqueOption(2053, bytes.Repeat([]byte{1}, 300))}, Payload: []byte("<b>\x1b")},
		{Type: codec.NON, Code: codec.POST, Options: codec.Options{codec.OpaqueOption(300, nil), codec.OpaqueOption(300, nil)}, Payload: bytes.Repeat([]byte{'x'}, 1000)},
	} {
		data, err := m.Append(nil)
		require.NoError(t, err)
		var w words
		g := decode(data, &w)
		covered := 0
		for i := 0; i < len(g.Fields); i += 3 {
			covered += g.Fields[i]
		}
		require.Equal(t, len(data), covered, "%v", m)
	}
	var w words
	require.Equal(t, "no CoAP", w.List[decode([]byte{1, 2, 3}, &w).Summary])
	decode(nil, &w)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x40, 0, 0, 1})
	f.Add([]byte{0x44, 1, 2, 3, 4, 5, 6, 7, 0xd1, 0x10, 'x', 0xff, 'y'})
	f.Fuzz(func(t *testing.T, data []byte) {
		var w words
		g := decode(data, &w)
		covered := 0
		for i := 0; i < len(g.Fields); i += 3 {
			require.Positive(t, g.Fields[i])
			covered += g.Fields[i]
		}
		require.Equal(t, len(data), covered)
	})
}

func TestHistogram(t *testing.T) {
	h := newHistogram(1)
	for us := range int64(3_000) {
		h.add(us*1000, 0, 1)
	}
	require.Equal(t, int64(8000), h.StepUS)
	require.Len(t, h.Rows, 375)
	for _, row := range h.Rows {
		require.Equal(t, []int64{8}, row)
	}
}

func TestCurve(t *testing.T) {
	var c Curve
	for i := range 100_000 {
		c.add(time.Duration(i/2) * time.Millisecond)
	}
	c.close(1e9)
	require.Less(t, len(c.Points), 2*maxPoints+2)
	require.Equal(t, int64(100_000), c.Points[len(c.Points)-1])
	for i := 2; i < len(c.Points); i += 2 {
		require.Greater(t, c.Points[i], c.Points[i-2])
		require.Greater(t, c.Points[i+1], c.Points[i-1])
	}
}

// TestNothingEnds: nothing of a scenario can end the elements that it is in.
func TestNothingEnds(t *testing.T) {
	s, err := scenario.Parse("x.yaml", []byte("version: 1\nname: \"</title><script>a\"\nabout: \"</script><!-- \\u2028\"\nnodes: {c: , s: {resources: {/x: {text: \"</script>\"}}}}\nrun: {ask: {request: GET /x, from: c, to: s}}\n"))
	require.NoError(t, err)
	html, _ := made(t, s, Limits{})
	require.Equal(t, 2, strings.Count(html, "</script>"))
	require.Equal(t, 1, strings.Count(html, "</title>"))
	require.NotContains(t, html, "<script>a")
	require.NotContains(t, html, "\u2028")
	require.Equal(t, "</script><!-- \u2028", dataOf(t, html)["about"])
}

func TestSweep(t *testing.T) {
	s := Sweep{Scenario: "x"}
	for i := range MaxSeeds + 5 {
		s.Seeds = append(s.Seeds, Seed{Seed: 1<<63 + uint64(i), Passed: true})
	}
	var b bytes.Buffer
	require.NoError(t, WriteSweep(&b, &s))
	d := dataOf(t, b.String())
	require.Len(t, d["seeds"], MaxSeeds)
	require.InDelta(t, 5, d["left_out"], 0)
	require.Equal(t, "9223372036854775808", d["seeds"].([]any)[0].(map[string]any)["seed"])
	require.Less(t, b.Len(), 5_000_000)
	require.Error(t, WriteSweep(broken{}, &s))
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }
