package scenario

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const village = `version: 1
nodes:
  client:
  s: {count: 20, resources: {/temp: {inline: true}, /hum: {inline: true, count: 5}}}
run:
  everyone: {discover: all, from: client, strategy: well-known-core}
  hum: {discover: "has /hum", from: client, strategy: well-known-core, at: 20s}
  host: {discover: name s7, from: client, strategy: well-known-core, at: 40s}
`

// TestVersus: the strategies that are compared run with the same seed, and
// expectations speak of them.
func TestVersus(t *testing.T) {
	s := parseTest(t, village+`
compare: [mdns, mdns-hashicorp]
expect:
  - everyone.coverage == 100%
  - everyone.coverage of mdns == everyone.coverage
  - hum.responses of mdns == 5
  - hum.responses of mdns-hashicorp == 20
  - hum.precision of mdns-hashicorp == 25%
  - host.responses <= 100% * host.responses of mdns-hashicorp
  - host.responses of mdns == 1
  - everyone.t50_ms of mdns < 1s
  - everyone.t99_ms of mdns <= everyone.t99_ms
  - everyone.recall_1s of mdns == 1
  - responses of mdns == 26
  - everyone.collisions of mdns == 0
  - everyone.drops of mdns == 0
`)
	require.Equal(t, []string{"mdns", "mdns-hashicorp"}, s.Strategies())
	rep := runTest(t, s, 4)
	for _, x := range rep.Expectations {
		require.True(t, x.OK, "%s: %v, %v", x.Expression, *x.Left, *x.Right)
	}
	require.True(t, rep.Passed, rep.Violations)
	require.Equal(t, rep.TraceHash, runTest(t, parseTest(t, village), 4).TraceHash, "the others change nothing")
	require.Len(t, rep.Rivals, 2)
	require.Equal(t, "mdns", rep.Rivals[0].Strategy)
	require.Equal(t, "mdns-hashicorp", rep.Rivals[1].Action("hum").Strategy)
	require.Nil(t, rep.Rivals[1].Action("nothing"))
	again := runTest(t, s, 4)
	first, err := json.Marshal(rep)
	require.NoError(t, err)
	second, err := json.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))
	require.Contains(t, string(first), `"compared":[{"strategy":"mdns","actions":[{"name":"everyone","verb":"discover","strategy":"mdns",`)
}

// TestTraffic: what is sent meanwhile is counted, of those who ask and of all
// others.
func TestTraffic(t *testing.T) {
	rep := runTest(t, parseTest(t, village), 1)
	require.InDelta(t, 1, result(t, rep, "everyone", "queries"), 0)
	require.InDelta(t, 20, result(t, rep, "everyone", "responses"), 0)
	require.InDelta(t, 21, result(t, rep, "everyone", "messages"), 0)
	// A header, a token of four bytes, 12 and 5 bytes of path.
	require.InDelta(t, 28+4+4+12+5, result(t, rep, "everyone", "query_bytes"), 0)
	require.InDelta(t, 5, result(t, rep, "hum", "responses"), 0)
	require.Greater(t, result(t, rep, "everyone", "response_bytes"), 20*(28.0+4+4+2+1+7))

	// Two who discover at a time: everything is counted once.
	rep = runTest(t, parseTest(t, strings.Replace(village, "client:", "client: {count: 2}", 1)), 1)
	require.InDelta(t, 2, result(t, rep, "everyone", "queries"), 0)
	require.InDelta(t, 40, result(t, rep, "everyone", "responses"), 0)
	require.InDelta(t, 40, result(t, rep, "everyone", "expected"), 0)

	// It ends before its time.
	rep = runTest(t, parseTest(t, village+"stop: 5s\n", "run.hum=~", "run.host=~"), 1)
	require.InDelta(t, 1, result(t, rep, "everyone", "queries"), 0)

	// What has no room, and what collides.
	rep = runTest(t, parseTest(t, village+"segments: {air: {nodes: all, medium: {bandwidth: 1kbit/s}}}\n"), 1)
	require.Greater(t, result(t, rep, "everyone", "collisions"), 5.0)
	rep = runTest(t, parseTest(t, village, "nodes.client.receive_datagrams=1", "nodes.client.receive_time=5s"), 1)
	require.Greater(t, result(t, rep, "everyone", "drops"), 5.0)
}

// TestPlain: nodes that know nothing of CoAP 2 answer as libcoap does, to a filter
// without a match with an empty 2.05.
func TestPlain(t *testing.T) {
	s := parseTest(t, `version: 1
nodes:
  client:
  s: {count: 40, plain: 50%, params: {leisure: 2s}, resources: {/temp: {inline: true, attributes: {rt: temperature}}, /hum: {inline: true, count: 1, attributes: {rt: humidity}}}}
run:
  everyone: {discover: all, from: client, strategy: well-known-core}
  some: {discover: rt=hum*, from: client, strategy: well-known-core, at: 20s}
  none: {discover: rt=nothing, from: client, strategy: well-known-core, at: 40s}
  two: {discover: rt=temperature&href=/temp, from: client, strategy: well-known-core, at: 60s}
  ask: {request: GET /temp, from: client, to: s, at: 80s}
  lost: {request: GET /nowhere, from: client, to: s, at: 90s}
  put: {request: PUT /temp, from: client, to: s, at: 100s}
faults:
  crash: {at: 105s, crash: s}
expect:
  - everyone.coverage == 100%
  - everyone.max_ms <= 2002ms
  - some.coverage == 100%
  - none.responses == 20
  - two.responses == 40
  - ask.answered == 100%
  - lost.refused == 40
  - put.refused == 20
`)
	rep := runTest(t, s, 1)
	for _, x := range rep.Expectations {
		require.True(t, x.OK, "%s: %v, %v", x.Expression, *x.Left, *x.Right)
	}
	require.Empty(t, rep.Violations)
	_, err := Parse("f.yaml", []byte("version: 1\nnodes: {s: {plain: 1}}\n"))
	require.EqualError(t, err, "f.yaml:2: nodes.s.plain: it is one node; plain is for groups of several")
}
