package scenario

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/scenarios"
)

func parseTest(t *testing.T, text string, changes ...string) *Scenario {
	t.Helper()
	s, err := Parse("f.yaml", []byte(text), changes...)
	require.NoError(t, err)
	return s
}

func runTest(t *testing.T, s *Scenario, seed uint64) *Report {
	t.Helper()
	rep, err := s.Run(seed, Options{})
	require.NoError(t, err)
	return rep
}

// result returns a result of an action.
func result(t *testing.T, rep *Report, action, name string) float64 {
	t.Helper()
	for i := range rep.Actions {
		if rep.Actions[i].Name == action {
			v, ok := rep.Actions[i].Value(name)
			require.True(t, ok, "%s.%s has no value", action, name)
			return v
		}
	}
	require.Fail(t, "there is no such action", action)
	return 0
}

// TestSameSeedSameTrace: whatever else the machine does.
func TestSameSeedSameTrace(t *testing.T) {
	for name, set := range map[string][]string{"hello": nil, "discovery-1000": {"nodes.s.count=50"}, "load": {"stop=10s"}, "chaos": nil} {
		s, err := Load(name, set...)
		require.NoError(t, err)
		want := runTest(t, s, 5).TraceHash
		times := 10
		if raced || testing.Short() {
			times = 2
		}
		for range times {
			require.Equal(t, want, runTest(t, s, 5).TraceHash, name)
		}
		before := runtime.GOMAXPROCS(1)
		one := runTest(t, s, 5).TraceHash
		runtime.GOMAXPROCS(before)
		require.Equal(t, want, one, name)
		require.NotEqual(t, want, runTest(t, s, 6).TraceHash, name)

		// Nor does it matter whether somebody looks on.
		slices := 0
		rep, err := s.Run(5, Options{Trace: &bytes.Buffer{}, Event: func(Event) {}, Slice: time.Millisecond, Progress: func(p Progress) (time.Duration, error) {
			slices++
			return 50 * time.Millisecond, nil
		}})
		require.NoError(t, err)
		require.Equal(t, want, rep.TraceHash, name)
		require.Positive(t, slices)
	}
}

// TestCompare: the first event that differs is named.
func TestCompare(t *testing.T) {
	s, err := Load("load", "stop=6s", "expect=~")
	require.NoError(t, err)
	spool := func() *os.File {
		f, err := os.Create(filepath.Join(t.TempDir(), "spool"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	rep, err := s.Compare(1, Options{}, spool())
	require.NoError(t, err)
	require.Equal(t, runTest(t, s, 1).TraceHash, rep.TraceHash)

	// Something that the seed does not decide reaches the trace.
	runs := 0
	leak := func(at time.Duration, words ...string) Options {
		runs = 0
		return Options{Begin: func(w *sim.World) {
			word := words[runs]
			runs++
			if word != "" {
				w.AfterFunc(at, func() { w.Notef("server", "it is %s", word) })
			}
		}}
	}
	var d *sim.Divergence
	_, err = s.Compare(1, leak(2*time.Second, "four", "five"), spool())
	require.ErrorAs(t, err, &d)
	require.Equal(t, "2.000000 server: it is four", d.First)
	require.Equal(t, "2.000000 server: it is five", d.Second)
	require.Greater(t, d.Event, 100)
	require.ErrorContains(t, err, "the traces differ first in event ")
	require.NotEmpty(t, d.Before)

	_, err = s.Compare(1, leak(2*time.Second, "four", ""), spool())
	require.ErrorAs(t, err, &d)
	require.Equal(t, "2.000000 server: it is four", d.First)
	require.NotEmpty(t, d.Second, "what came instead")

	// One that goes on after the other has ended.
	s, err = Load("hello", "stop=1s")
	require.NoError(t, err)
	for _, words := range [][]string{{"late", ""}, {"", "late"}} {
		_, err = s.Compare(1, leak(time.Second, words...), spool())
		require.ErrorAs(t, err, &d)
		require.Equal(t, 6, d.Event)
		require.Equal(t, "1.000000 server: it is late", d.First+d.Second)
		require.ErrorContains(t, err, "nothing")
	}
}

func TestSelectors(t *testing.T) {
	s := parseTest(t, "version: 1\nnodes: {c: , s: {count: 100}, lamp: {host: \"lamp-[5-8]\"}}\n")
	p := &s.nodes
	names := func(text string, seed uint64) string {
		sel, err := p.selector(text)
		require.NoError(t, err, text)
		m := sel.resolve(func() *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) })
		var words []string
		m.each(func(i int) {
			words = append(words, p.name(i))
			require.True(t, m.has(i))
			require.Equal(t, i, m.at(len(words)-1))
			require.Equal(t, i, p.index(p.name(i)))
		})
		require.Len(t, words, m.len())
		require.LessOrEqual(t, m.len(), sel.most())
		return strings.Join(words, " ")
	}
	require.Equal(t, "c", names("c", 1))
	require.Equal(t, "s8 s9 s10", names("s[8-10]", 1))
	require.Equal(t, "s98 s99", names("s[98-500]", 1))
	require.Equal(t, "c s3 s7", names(" s7,c, s3,s7", 1))
	require.Equal(t, "s1 s10 s11 s12 s13 s14 s15 s16 s17 s18 s19", names("s1*", 1))
	require.Equal(t, "lamp-5 lamp-6 lamp-7 lamp-8", names("lamp", 1))
	require.Equal(t, "lamp-6 lamp-7", names("lamp-[6-7]", 1))
	require.Len(t, strings.Fields(names("all", 1)), 105)
	require.Len(t, strings.Fields(names("5%", 1)), 6, "rounded up")
	require.Len(t, strings.Fields(names("5% of s", 1)), 5)
	require.Len(t, strings.Fields(names("100% of s", 1)), 100)
	require.Len(t, strings.Fields(names("0.1% of s[0-9]", 1)), 1)
	require.Len(t, strings.Fields(names("3 of lamp, c", 1)), 4)
	require.Equal(t, names("5%", 1), names("5%", 1))
	require.NotEqual(t, names("5%", 1), names("5%", 2))
	require.Equal(t, -1, p.index("s100"))
	require.Equal(t, -1, p.index("s01"))
	require.Equal(t, -1, p.index("lamp-4"))
}

// TestShares: how many nodes have a resource, and that these are found.
func TestShares(t *testing.T) {
	s := parseTest(t, `
version: 1
nodes:
  client:
  s:
    count: 400
    params: {leisure: 100ms}
    resources:
      /all: {attributes: {rt: "a everywhere"}}
      /some: {share: 25%, attributes: {rt: b}}
      /few: {count: 7, attributes: {rt: c}}
      /secret: {hidden: true, attributes: {rt: d}}
run:
  everyone: {discover: all, from: client}
  a: {discover: rt=everywhere, from: client}
  b: {discover: rt=b, from: client}
  c: {discover: rt=c, from: client, every: 20s, times: 2}
  d: {discover: rt=d, from: client}
`)
	rep := runTest(t, s, 1)
	require.InDelta(t, 400, result(t, rep, "everyone", "responders"), 0)
	require.InDelta(t, 400, result(t, rep, "a", "responders"), 0)
	require.InDelta(t, 100, result(t, rep, "b", "responders"), 25)
	require.InDelta(t, result(t, rep, "b", "expected"), result(t, rep, "b", "responders"), 0)
	require.InDelta(t, 14, result(t, rep, "c", "responders"), 0)
	require.InDelta(t, 2, result(t, rep, "c", "requests"), 0)
	require.InDelta(t, 1, result(t, rep, "c", "coverage"), 0)
	require.InDelta(t, 0, result(t, rep, "d", "responders"), 0)
	require.NotEqual(t, result(t, rep, "b", "responders"), result(t, runTest(t, s, 2), "b", "responders"))
}

const pair = "version: 1\nstop: 60s\nnodes:\n  a: {resources: {/x: {}}}\n  b: {resources: {/x: {}}}\nrun:\n" +
	"  there: {request: GET /x, from: a, to: b, every: 1s, times: 30, non: true, timeout: 900ms}\n" +
	"  back: {at: 10ms, request: GET /x, from: b, to: a, every: 1s, times: 30, non: true, timeout: 900ms}\n"

// TestFaults: each does what it says, for as long as it says.
func TestFaults(t *testing.T) {
	answers := func(fault string) (there, back float64) {
		rep := runTest(t, parseTest(t, pair+"faults: {f: {"+fault+"}}\n", "nodes.a.params.probing_rate=1000", "nodes.b.params.probing_rate=1000"), 1)
		require.Empty(t, rep.Violations)
		return result(t, rep, "there", "answers"), result(t, rep, "back", "answers")
	}
	for _, tt := range []struct {
		fault       string
		there, back float64
	}{
		{"at: 9500ms, for: 5s, crash: a", 25, 25},
		{"at: 9500ms, crash: b", 10, 10},
		{"at: 5s, every: 10s, times: 3, for: 2500ms, crash: b", 21, 21},
		{"at: 9500ms, for: 5s, partition: a", 25, 25},
		{"at: 9500ms, partition: a", 10, 10},
		{"at: 9500ms, every: 10s, times: 2, for: 3s, partition: a", 24, 24},
		{"at: 9500ms, for: 5s, partition: a, against: b", 25, 25},
		{"at: 9500ms, for: 5s, partition: a, way: in", 25, 25},
		{"at: 9500ms, for: 5s, partition: a, way: out", 25, 25},
		{"at: 9500ms, for: 5s, disturb: a, loss: 100%", 25, 25},
		{"at: 9500ms, for: 5s, disturb: b, delay: 2s", 25, 25},
		{"at: 9500ms, for: 5s, disturb: a, duplicate: 100%", 30, 30},
	} {
		there, back := answers(tt.fault)
		require.InDelta(t, tt.there, there, 0, tt.fault)
		require.InDelta(t, tt.back, back, 0, tt.fault)
	}
	there, _ := answers("at: 9500ms, for: 5s, disturb: a, corrupt: 100%")
	require.Less(t, there, 30.0)

	// What a partition means is seen in the network: which way nothing passes.
	for w, want := range map[string][2]bool{"both": {false, false}, "in": {true, false}, "out": {false, true}} {
		s := parseTest(t, pair+"faults: {f: {partition: a, way: "+w+"}}\n")
		var out, in bool
		_, err := s.Run(1, Options{Begin: func(w *sim.World) {
			w.Watch(func(x *sim.Transit) {
				if x.Kind == sim.TransitDelivered {
					out = out || x.From == "a"
					in = in || x.From == "b"
				}
			})
		}})
		require.NoError(t, err)
		require.Equal(t, want, [2]bool{out, in}, w)
	}
}

// TestLinks: what is different between some nodes, in one direction.
func TestLinks(t *testing.T) {
	s := parseTest(t, pair+"link: {latency: 10ms}\nlinks: {slow: {from: a, to: b, latency: 200ms}, lossy: {from: b, loss: 100%, to: a}}\n", "links.lossy=~")
	rep := runTest(t, s, 1)
	require.InDelta(t, 210, result(t, rep, "there", "p50_ms"), 0.01)
	require.InDelta(t, 210, result(t, rep, "back", "max_ms"), 0.01)
	rep = runTest(t, parseTest(t, pair+"links: {lossy: {from: b, loss: 100%, to: a}}\n"), 1)
	require.InDelta(t, 0, result(t, rep, "there", "answers"), 0)
	require.InDelta(t, 30, result(t, rep, "there", "timeouts"), 0)
}

// TestLoads: how much is asked, and of whom.
func TestLoads(t *testing.T) {
	s := parseTest(t, `
version: 1
nodes:
  c: {count: 3, params: {nstart: 8}}
  s: {count: 4, resources: {/x: {inline: true}, /slow: {delay: 100ms}, /no: {fail: true}, /wild: {panic: 50%}}}
link: {latency: 10ms}
run:
  rate: {load: GET /x, from: c, to: s, rate: 10/s, for: 10s}
  count: {load: GET /x, from: c, to: s, rate: 10/s, count: 7}
  closed: {at: 20s, load: GET /slow, from: c, to: s, outstanding: 2, for: 6s}
  fails: {at: 30s, load: [POST /no, GET /missing], from: c, to: s, count: 10}
  wild: {at: 60s, request: GET /wild, from: c0, to: s}
  cancelled: {at: 90s, load: GET /slow, from: c, to: s, count: 5, cancel: true}
`, "nodes.s.resources./slow.delay=1500ms", "nodes.s.separate_after=10s")
	rep := runTest(t, s, 1)
	require.InDelta(t, 300, result(t, rep, "rate", "requests"), 3)
	require.InDelta(t, 21, result(t, rep, "count", "requests"), 0)
	require.InDelta(t, 24, result(t, rep, "closed", "requests"), 0, "3 nodes, 2 at a time, 1.52 s each, begun within 6 s")
	require.InDelta(t, 30, result(t, rep, "fails", "refused"), 0)
	require.InDelta(t, 30, result(t, rep, "fails", "errors"), 0)
	require.InDelta(t, 4, result(t, rep, "wild", "answers")+result(t, rep, "wild", "refused"), 0)
	require.InDelta(t, 15, result(t, rep, "cancelled", "cancelled"), 0)
	require.InDelta(t, 20, result(t, rep, "rate", "p50_ms"), 0.01)
	for _, a := range rep.Actions {
		open, ok := a.Value("open")
		require.True(t, ok)
		require.Zero(t, open, a.Name)
	}
	require.Empty(t, rep.Violations)
}

// TestNoLatency: a load on a network without latency does not stand still.
func TestNoLatency(t *testing.T) {
	s := parseTest(t, "version: 1\nstop: 2s\nnodes: {a: , b: {resources: {/x: {inline: true}}}}\nlink: {latency: 0s}\nrun: {l: {load: GET /x, from: a, to: b, for: 1s}}\n")
	rep := runTest(t, s, 1)
	require.InDelta(t, 1000, result(t, rep, "l", "answers"), 0)
}

// TestPanicInTheWorld: what breaks a run is reported, not thrown.
func TestPanicInTheWorld(t *testing.T) {
	s, err := Load("hello")
	require.NoError(t, err)
	rep, err := s.Run(1, Options{Begin: func(w *sim.World) { w.AfterFunc(time.Millisecond, func() { panic("so it is") }) }})
	require.NoError(t, err)
	require.False(t, rep.Passed)
	require.Len(t, rep.Violations, 1)
	require.True(t, strings.HasPrefix(rep.Violations[0], "panic: so it is\n"), rep.Violations[0])
}

// TestReportIsJSON: and what it says can be read back.
func TestReportIsJSON(t *testing.T) {
	s, err := Load("hello", "run.ask.to=client")
	require.NoError(t, err)
	b, err := json.Marshal(runTest(t, s, 1))
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(b, &m))
	for _, k := range []string{"trace_hash", "seed", "nodes", "virtual_ms", "wall_ms", "deliveries", "bytes", "expectations"} {
		require.Contains(t, m, k)
	}
}

// smaller makes those of the shipped scenarios small that would take long.
var smaller = map[string][]string{
	"discovery-1000":      {"nodes.s.count=200"},
	"discover-host":       {"nodes.s.count=299", "nodes.client.count=100", "run.find.times=5"},
	"discover-host-mixed": {"nodes.s.count=199", "nodes.client.count=50", "run.find.times=2"},
	"discover-resource":   {"nodes.s.count=200", "nodes.s.resources./hum.count=20"},
	"discover-medium":     {"nodes.s.count=200"},
	"discover-ethernet":   {"nodes.s.count=500"},
	"discover-100k":       {"nodes.s.count=2970", "nodes.late.count=30"},
	"pubsub":              {"nodes.a.count=1", "nodes.b.count=1", "nodes.c.count=1"},
}

// TestSweeps: the shipped scenarios hold for more seeds than their own.
func TestSweeps(t *testing.T) {
	seeds := uint64(20)
	if raced || testing.Short() {
		seeds = 3
	}
	for _, name := range scenarios.Names() {
		set := smaller[name]
		s, err := Load(name, set...)
		require.NoError(t, err)
		require.NotEmpty(t, s.About(), name)
		few := seeds
		if strings.HasPrefix(name, "discover-") || len(s.Strategies()) > 0 {
			few = max(seeds/10, 1) // they are still the largest
		}
		for seed := range few {
			rep := runTest(t, s, seed)
			require.True(t, rep.Passed, "%s, seed %d: %+v %v", name, seed, rep.Expectations, rep.Violations)
		}
	}
}
