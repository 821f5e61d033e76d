package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const watching = `
version: 1
nodes:
  server: {resources: {/s: {state: 200B, max_age: 5s, echo: true}}}
  c: {count: 3}
run:
  watch: {observe: /s, from: c, to: server, for: 60s}
  change: {at: 10s, every: 5s, times: 5, change: /s, from: server}
  carry: {transfer: [GET /s, PUT /s], from: c, to: server, rate: 1/s, for: 50s, size: 2KiB}
stop: 10m
`

// TestObserveAndTransfer: what is told and carried is counted, and so is what is
// not as it should be.
func TestObserveAndTransfer(t *testing.T) {
	rep := runTest(t, parseTest(t, watching), 1)
	require.Empty(t, rep.Violations)
	require.EqualValues(t, 3, result(t, rep, "watch", "answers"))
	require.GreaterOrEqual(t, result(t, rep, "watch", "states"), 18.0, "and those that come again when a registration is renewed")
	require.EqualValues(t, 150, result(t, rep, "carry", "answers"))
	for _, name := range []string{"wrong", "behind", "open"} {
		require.Zero(t, result(t, rep, "watch", name), name)
	}
	require.Zero(t, result(t, rep, "carry", "wrong"))

	// Who cannot be reached in the end does not know the last state.
	rep = runTest(t, parseTest(t, watching, "faults.split={at: 22s, partition: \"c[0-1]\"}"), 1)
	require.EqualValues(t, 2, result(t, rep, "watch", "behind"))
	require.Zero(t, result(t, rep, "watch", "wrong"))

	// Damage that no checksum notices.
	rep = runTest(t, parseTest(t, watching, "link.corrupt=20%"), 1)
	require.Positive(t, result(t, rep, "carry", "wrong"))
	require.Positive(t, result(t, rep, "watch", "wrong"))

	// A node that has crashed observes again.
	rep = runTest(t, parseTest(t, watching, "faults.crash={at: 12s, for: 5s, crash: all}"), 1)
	require.Zero(t, result(t, rep, "watch", "behind"))
	require.EqualValues(t, 6, result(t, rep, "watch", "requests"))
}

// TestBodies: they tell whether they are whole.
func TestBodies(t *testing.T) {
	for _, size := range []int{0, 8, 9, 15, 16, 100} {
		b := bodyOf(77, size)
		require.Len(t, b, max(size, numberLen))
		n, ok := numberOf(b)
		require.True(t, ok)
		require.EqualValues(t, 77, n)
		for i := range b {
			b[i] ^= 1
			m, ok := numberOf(b)
			require.True(t, !ok || m != 77)
			b[i] ^= 1
		}
	}
	_, ok := numberOf(make([]byte, 7))
	require.False(t, ok)
	whole := bodyOf(5, 64)
	_, ok = numberOf(append(whole[:16:16], whole[32:]...))
	require.False(t, ok, "a block is missing")
}

// TestBadStates: mistakes in files.
func TestBadStates(t *testing.T) {
	for change, want := range map[string]string{
		"run.watch.observe=/none":                  `nobody has a resource "/none" with a state`,
		"run.watch.for=0s":                         "it says how long is observed",
		"run.change.change=/x":                     `nobody has a resource "/x" with a state`,
		"run.carry.transfer=GET /x":                "nobody has a resource /x with a state",
		"run.carry.transfer=POST /x":               "nobody has a resource /x with echo",
		"nodes.server.resources./s.text=hi":        "text and size say what it answers",
		"nodes.c.resources={/x: {max_age: 3s}}":    "it is for a state",
		"nodes.server.resources./s.inline=perhaps": "inline",
	} {
		_, err := Parse("f.yaml", []byte(watching), change)
		require.ErrorContains(t, err, want, change)
	}
}
