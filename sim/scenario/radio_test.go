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
