package scenario

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/radio"
)

const chain = `version: 1
nodes:
  a:
  b: {resources: {/t: {inline: true}}}
  c: {resources: {/t: {inline: true}}}
link: {latency: 0s}
segments:
  air: {nodes: all, radio: {topology: grid, columns: 1, csma: none}}
run:
  find: {discover: all, strategy: well-known-core, from: a, wait: 20s}
`

// TestEnergyOfScenario: in a chain of three the first finds the others; what that
// costs, by hand.
func TestEnergyOfScenario(t *testing.T) {
	rep := runTest(t, parseTest(t, chain, "segments.air.radio.jitter=0s", "stop=30s"), 1)
	require.InDelta(t, 2, result(t, rep, "find", "responders"), 0)
	// The question passes a, b and c; the answer of b a hop, that of c two. All
	// frames are heard by one, or, if b sends, by two.
	require.InDelta(t, 6, result(t, rep, "find", "frames"), 0)
	e := rep.Energy
	require.Equal(t, "b", e.MostBy)
	require.InDelta(t, result(t, rep, "find", "send_mj"), e.SendMJ, 1e-6)
	require.InDelta(t, result(t, rep, "find", "receive_mj"), e.ReceiveMJ, 1e-6)
	require.Less(t, result(t, rep, "find", "idle_mj"), e.IdleMJ)
	// Three receivers are on for 30 s, but for what they send.
	on := e.ReceiveMJ + e.IdleMJ + e.SendMJ*18.8/17.4
	require.InDelta(t, 3*30*56.4, on, 0.001)

	// Who does not forward does not reach the other.
	rep = runTest(t, parseTest(t, chain, "segments.air.radio.forward=false"), 1)
	require.InDelta(t, 1, result(t, rep, "find", "responders"), 0)
	// By a file: b is at the end.
	name := filepath.Join(t.TempDir(), "edges")
	write(t, filepath.Dir(name), "edges", "0 2\n2 1\n")
	rep = runTest(t, parseTest(t, strings.Replace(chain, "topology: grid, columns: 1", "file: "+name, 1), "segments.air.radio.forward=true"), 1)
	require.InDelta(t, 2, result(t, rep, "find", "responders"), 0)
	require.Equal(t, "c", rep.Energy.MostBy)
	write(t, filepath.Dir(name), "edges", "0 2\n2 x\n")
	_, err := Parse("f.yaml", []byte(strings.Replace(chain, "topology: grid, columns: 1", "file: "+name, 1)))
	require.ErrorContains(t, err, "f.yaml:8: segments.air.radio.file: "+name+": line 2: want two different stations")

	// Too far apart: that is said, and not simulated.
	_, err = parseTest(t, strings.Replace(chain, "grid, columns: 1", "disk, reach: 1m", 1)).Run(1, Options{})
	require.ErrorIs(t, err, radio.ErrParted)
	require.Nil(t, runTest(t, parseTest(t, strings.Replace(chain, "segments:\n  air: {nodes: all, radio: {topology: grid, columns: 1, csma: none}}\n", "", 1)), 1).Energy)
}

// TestAcksOfScenario: without acknowledgements nobody sends again; with them it
// costs more, by hand.
func TestAcksOfScenario(t *testing.T) {
	with := runTest(t, parseTest(t, chain, "segments.air.radio.jitter=0s", "stop=30s"), 1)
	without := runTest(t, parseTest(t, chain, "segments.air.radio.jitter=0s", "stop=30s", "segments.air.radio.acks=false"), 1)
	require.InDelta(t, 6, result(t, without, "find", "frames"), 0)
	require.InDelta(t, 0, result(t, with, "find", "retries"), 0)
	// Three hops are acknowledged, of which b sends one, and two are heard by one,
	// one by two: 352 µs each.
	require.InDelta(t, 3*352*52.2e-6, with.Energy.SendMJ-without.Energy.SendMJ, 1e-6)
	require.InDelta(t, 4*352*56.4e-6, with.Energy.ReceiveMJ-without.Energy.ReceiveMJ, 1e-6)
	require.InDelta(t, 1, with.Energy.Awake, 0)
	require.Zero(t, with.Energy.SleepMJ)
	for _, k := range []string{"retries", "given_up", "sleep_mj"} {
		require.Zero(t, with.value(k), k)
	}
	require.InDelta(t, 1, with.value("awake"), 0)
}

// TestPlacesOfScenario: who goes away is not found, and is again when it is back,
// also if they are awake for less than 2 % of the time.
func TestPlacesOfScenario(t *testing.T) {
	name := filepath.Join(t.TempDir(), "places")
	write(t, filepath.Dir(name), "places", "0 0s 0 0\n1 0s 20 0\n2 0s 40 0\n2 20s 40 0\n2 30s 400 0\n2 60s 400 0\n2 70s 10 10\n")
	text := strings.Replace(chain, "topology: grid, columns: 1", "places: "+name+", reach: 25m", 1)
	text = strings.Replace(text, "wait: 20s}", "wait: 15s, every: 40s, times: 3}", 1)
	s := parseTest(t, text, "stop=2m")
	rep := runTest(t, s, 1)
	require.InDelta(t, 2+1+2, result(t, rep, "find", "responders"), 0)

	text = strings.Replace(text, "csma: none", "wake: 100ms", 1)
	s = parseTest(t, text, "stop=2m")
	rep = runTest(t, s, 1)
	require.InDelta(t, 2+1+2, result(t, rep, "find", "responders"), 0)
	require.Equal(t, rep.TraceHash, runTest(t, s, 1).TraceHash)
	require.Less(t, rep.value("awake"), 0.02)
	require.Greater(t, rep.value("awake"), 0.01)
	// Of 3 · 120 s, what it slept, at 60 µW.
	require.InDelta(t, 360*(1-rep.value("awake"))*0.06, rep.value("sleep_mj"), 0.001)

	write(t, filepath.Dir(name), "places", "0 0s 0 0\n1 0s 20 0\n")
	_, err := parseTest(t, text).Run(1, Options{})
	require.ErrorIs(t, err, radio.ErrNoPlace)
}

// TestMovingScenario: the same seed is the same run, others are others.
func TestMovingScenario(t *testing.T) {
	s, err := Load("wsn-mobile", "compare=~", "nodes.s.count=15", "run.host=~", "stop=17m")
	require.NoError(t, err)
	hashes := map[string]bool{}
	for seed := range uint64(3) {
		rep := runTest(t, s, seed)
		require.Equal(t, rep.TraceHash, runTest(t, s, seed).TraceHash)
		hashes[rep.TraceHash] = true
	}
	require.Len(t, hashes, 3)
}
