package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/scenario"
	"github.com/coap2/coap2/sim/scenarios"
)

// ran is what a run of the command left.
type ran struct {
	code     int
	out, err string
}

func run(args ...string) ran { return runContext(context.Background(), args...) }

func runContext(ctx context.Context, args ...string) ran {
	var out, errs bytes.Buffer
	code := newApp(strings.NewReader(""), &out, &errs).execute(ctx, args)
	return ran{code, out.String(), errs.String()}
}

// file writes a scenario.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// failing is a scenario whose seeds fail or not.
const failing = `version: 1
nodes:
  client:
  s: {count: 4, resources: {/x: {inline: true}}}
link: {loss: 30%}
run:
  ask: {request: GET /x, from: client, to: s, non: true}
expect:
  - ask.answers == 4
  - ask.p50_ms < 5ms
`

// steady replaces what is different each time, or whenever a node takes one more
// random number.
func steady(s string) string {
	for _, r := range []struct{ from, to string }{
		{`[0-9.]+ s of virtual time in [0-9.]+ m?s(; [0-9,]+ deliveries/s)?`, "…"},
		{`(trace     )[0-9a-f]{16}`, "${1}HASH"},
		{`\[0x[0-9a-f]{4}\]`, "[MID]"},
		{`token=[0-9a-f]{16}`, "token=TOKEN"},
	} {
		s = regexp.MustCompile(r.from).ReplaceAllString(s, r.to)
	}
	return s
}

// hashOf returns the hash of a run.
func hashOf(t *testing.T, r ran) string {
	t.Helper()
	m := regexp.MustCompile(`trace     ([0-9a-f]{16})\b`).FindStringSubmatch(r.out + r.err)
	require.NotNil(t, m, r.out)
	return m[1]
}

func TestRun(t *testing.T) {
	r := run("run", "hello")
	require.Equal(t, 0, r.code, r.err)
	require.Empty(t, r.err)
	require.Equal(t, strings.TrimPrefix(`
hello, seed 1: passed
  time      …
  network   2 nodes; 2 datagrams delivered (43 bytes), 0 lost
  actions        requests  answers  errors      p50      p90      p99      max
            ask         1        1       0  2.00 ms  2.00 ms  2.00 ms  2.00 ms
  expected
    ok    ask.answers == 1   (1 against 1)
    ok    ask.errors == 0   (0 against 0)
  trace     HASH
  again     sim replay hello --seed 1
`, "\n"), steady(r.out))

	r = run("run", "hello", "--seed", "7", "--set", "link.latency=20ms", "--until", "5ms")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, "hello, seed 7: FAILED\n")
	require.Contains(t, r.out, "    FAIL  ask.answers == 1   (0 against 1)\n")
	require.Contains(t, r.out, "  again     sim replay hello --seed 7 --set link.latency=20ms --until 5ms\n")
}

// TestJSON: what machines read.
func TestJSON(t *testing.T) {
	parse := func(r ran) (m map[string]any) {
		require.NoError(t, json.Unmarshal([]byte(r.out), &m), r.out)
		return m
	}
	r := run("run", "hello", "--json")
	require.Equal(t, 0, r.code, r.err)
	m := parse(r)
	require.Regexp(t, "^[0-9a-f]{16}$", m["trace_hash"])
	require.InDelta(t, 1, m["seed"], 0)
	require.InDelta(t, 2, m["nodes"], 0)
	require.InDelta(t, 2, m["deliveries"], 0)
	require.InDelta(t, 43, m["bytes"], 0)
	require.Positive(t, m["virtual_ms"])
	require.Positive(t, m["wall_ms"])
	require.Equal(t, true, m["passed"])
	require.Equal(t, "sim replay hello --seed 1", m["replay"])
	require.Equal(t, []any{
		map[string]any{"expression": "ask.answers == 1", "ok": true, "left": 1.0, "right": 1.0, "line": 18.0},
		map[string]any{"expression": "ask.errors == 0", "ok": true, "left": 0.0, "right": 0.0, "line": 19.0},
	}, m["expectations"])
	require.Empty(t, m["violations"])
	action := m["actions"].([]any)[0].(map[string]any)
	require.Equal(t, "ask", action["name"])
	require.InDelta(t, 2, action["p50_ms"], 0)

	// What has no value is null.
	m = parse(run("run", "hello", "--json", "--until", "1ms"))
	require.Equal(t, false, m["passed"])
	require.Nil(t, m["actions"].([]any)[0].(map[string]any)["p50_ms"])

	m = parse(run("check", "hello", "--json"))
	require.Equal(t, []any{"ask"}, m["actions"])

	r = run("sweep", file(t, failing), "--seeds", "1..20", "--json")
	require.Equal(t, 1, r.code)
	m = parse(r)
	require.InDelta(t, 20, m["seeds"], 0)
	require.Positive(t, m["failed"])
	require.InDelta(t, 20, m["passed"].(float64)+m["failed"].(float64), 0)
	require.Len(t, m["failures"], int(m["failed"].(float64)))
}

// TestSweep: every seed by itself, how many run at a time changes nothing.
func TestSweep(t *testing.T) {
	path := file(t, failing)
	one, two := filepath.Join(t.TempDir(), "1"), filepath.Join(t.TempDir(), "2")
	a := run("sweep", path, "--seeds", "1..30", "-j", "1", "--jsonl", one)
	b := run("sweep", path, "--seeds", "1..30", "-j", "2", "--jsonl", two)
	require.Equal(t, 1, a.code)
	require.Equal(t, a, b)
	require.Regexp(t, `\n30 seeds, [1-9]\d* passed, [1-9]\d* failed\n$`, a.out)
	require.Equal(t, hashes(t, one), hashes(t, two))
	require.Len(t, hashes(t, one), 30)

	// Each failure says why, and how to see it; and that is what happens.
	m := regexp.MustCompile(`(?m)^seed (\d+) failed: (.*)\n  again: (sim replay .*)$`).FindStringSubmatch(a.out)
	require.NotNil(t, m, a.out)
	require.Regexp(t, `ask\.answers == 4 \(\d against 4\)`, m[2])
	again := strings.Fields(m[3])[1:]
	r := run(again...)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, "client → s0 NON [")
	require.Contains(t, r.err, "seed "+m[1]+": FAILED")

	require.Equal(t, ran{0, "5 seeds, 5 passed, 0 failed\n", ""}, run("sweep", "hello", "--seeds", "1..5"))
	require.Equal(t, ran{0, "5 seeds, 5 passed, 0 failed\n", ""}, run("run", "hello", "--seeds", "1..5", "-j", "2"))
	require.Equal(t, ran{0, "1 seeds, 1 passed, 0 failed\n", ""}, run("sweep", "hello", "--seeds", "3", "--check-determinism"))
	require.Equal(t, "3 seeds, 3 passed, 0 failed\n", run("sweep", "hello", "--seeds", "1..3", "--jsonl", "-").err)
}

// hashes returns the trace hashes in a file of reports.
func hashes(t *testing.T, path string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range bytes.Lines(b) {
		var r struct {
			Seed uint64
			Hash string `json:"trace_hash"`
		}
		require.NoError(t, json.Unmarshal(line, &r))
		require.Equal(t, uint64(len(all)+1), r.Seed)
		all = append(all, r.Hash)
	}
	return all
}

func TestReplay(t *testing.T) {
	hash := hashOf(t, run("run", "hello"))
	r := run("replay", "hello", "--hash", hash)
	require.Equal(t, 0, r.code, r.err)
	require.Equal(t, 5, strings.Count(r.out, "\n"))
	require.True(t, strings.HasPrefix(r.out, "    0.000000 client → server CON ["), r.out)
	require.Contains(t, r.err, "hello, seed 1: passed\n")

	r = run("replay", "hello", "--hash", "0123456789abcdef")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "sim: the trace is another: its hash is "+hash+", not 0123456789abcdef\n")

	out := filepath.Join(t.TempDir(), "trace")
	r = run("replay", "hello", "--out", out)
	require.Empty(t, r.out)
	b, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, 5, bytes.Count(b, []byte{'\n'}))
}

// TestFiles: what happens as JSON lines and as packets; all or nothing.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	lines, packets := filepath.Join(dir, "x.jsonl"), filepath.Join(dir, "x.pcapng")
	r := run("run", "hello", "--jsonl", lines, "--pcapng", packets, "--check-determinism")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, steady(r.out), "  trace     HASH, of two runs\n")
	b, err := os.ReadFile(lines)
	require.NoError(t, err)
	require.Equal(t, strings.TrimPrefix(`
{"t_ms":0,"name":"ask","event":"asks","from":"client","to":"server"}
{"t_ms":0,"event":"sent","from":"client","to":"server","source":"10.0.0.1:5683","dest":"10.0.0.2:5683","bytes":18,"message":"CON [MID] GET token=TOKEN Uri-Path:hello"}
{"t_ms":1,"event":"delivered","from":"client","to":"server","source":"10.0.0.1:5683","dest":"10.0.0.2:5683","bytes":18,"message":"CON [MID] GET token=TOKEN Uri-Path:hello"}
{"t_ms":1,"event":"sent","from":"server","to":"client","source":"10.0.0.2:5683","dest":"10.0.0.1:5683","bytes":25,"message":"ACK [MID] 2.05 Content token=TOKEN Content-Format:0(text/plain;charset=utf-8) 11 bytes \"hello world\""}
{"t_ms":2,"event":"delivered","from":"server","to":"client","source":"10.0.0.2:5683","dest":"10.0.0.1:5683","bytes":25,"message":"ACK [MID] 2.05 Content token=TOKEN Content-Format:0(text/plain;charset=utf-8) 11 bytes \"hello world\""}
{"t_ms":2,"name":"ask","event":"answered","from":"client","to":"server","detail":"2.05 Content"}
`, "\n"), steady(string(b)))
	b, err = os.ReadFile(packets)
	require.NoError(t, err)
	require.Equal(t, []byte{0x0a, 0x0d, 0x0d, 0x0a}, b[:4], "a pcapng begins with a section header")

	r = run("run", "hello", "--jsonl", "-")
	require.Equal(t, 6, strings.Count(r.out, "\n"))
	require.Contains(t, r.err, "hello, seed 1: passed\n")

	// Nothing is begun where an output cannot be written.
	r = run("run", "hello", "--jsonl", filepath.Join(dir, "y.jsonl"), "--pcapng", filepath.Join(dir, "no", "y"))
	require.Equal(t, ran{2, "", "sim: --pcapng: " + filepath.Join(dir, "no", "y") + ": no such file or directory\n"}, r)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
}

// TestInterrupted: an interrupted run leaves no files behind.
func TestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	dir := t.TempDir()
	require.Equal(t, ran{130, "", "sim: interrupted\n"}, runContext(ctx, "run", "load", "--jsonl", filepath.Join(dir, "x")))
	require.Equal(t, 130, runContext(ctx, "replay", "load").code)
	require.Equal(t, ran{130, "0 seeds, 0 passed, 0 failed\n", "sim: interrupted\n"}, runContext(ctx, "sweep", "load"))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestProgressLine(t *testing.T) {
	before := scenario.Progress{Elapsed: 5 * time.Second, Deliveries: 1000}
	p := scenario.Progress{Elapsed: 10 * time.Second, Stop: 40 * time.Second, Deliveries: 3000, Answers: 1}
	require.Equal(t, "10s virtual of 40s, 10,000 deliveries/s, 1 answer, 3.0 s left", progressLine(p, before, time.Second, 200*time.Millisecond))
	p.Stop = 0
	require.Equal(t, "10s virtual, 10,000 deliveries/s, 1 answer", progressLine(p, before, time.Second, 200*time.Millisecond))

	// It is where somebody looks on, and gone in the end.
	var out, errs bytes.Buffer
	a := newApp(nil, &out, &errs)
	a.Watched = true
	w := a.newWatch(context.Background(), 0)
	w.told = w.start.Add(-time.Second)
	_, err := w.progress(p)
	require.NoError(t, err)
	w.done()
	require.Regexp(t, "^\r\x1b\\[K10s virtual, .*\r\x1b\\[K$", errs.String())
	require.Empty(t, out.String())
}

func TestSpeed(t *testing.T) {
	r := run("run", "hello", "--until", "40ms", "--speed", "2x", "--json")
	require.Equal(t, 0, r.code, r.err)
	var rep struct {
		Wall float64 `json:"wall_ms"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &rep))
	require.GreaterOrEqual(t, rep.Wall, 20.0)
}

// TestShipped: all scenarios that are shipped are well, and so is what they
// expect; each says what it is for.
func TestShipped(t *testing.T) {
	for _, name := range scenarios.Names() {
		r := run("check", name, "--json")
		require.Equal(t, 0, r.code, r.err)
		require.Contains(t, r.out, `"about":"`)
		r = run(lighter("run " + name)...)
		require.Equal(t, 0, r.code, r.out+r.err)
		require.Equal(t, 0, run("check", "../../sim/scenarios/"+name+".yaml").code)
		require.Equal(t, 0, run("check", name+".yaml").code, "the name of the file will do")
	}
}
