package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDiff(t *testing.T) {
	require.Equal(t, ran{0, "the runs are the same\n", ""}, run("diff", "chaos", "--ids"))
	require.Equal(t, ran{0, "the runs are the same, but maybe for message IDs and tokens\n", ""}, run("diff", "hello", "--seed2", "2"))

	r := run("diff", "hello", "--set2", "link.latency=3ms", "--context", "1")
	require.Equal(t, 1, r.code, r.err)
	require.Equal(t, strings.TrimPrefix(`
the runs part in event 2
  before    0.000000 client → server CON [MID] GET token=TOKEN Uri-Path:hello
A: hello, seed 1
  here      0.001000 client → server CON [MID] GET delivered
            0.001000 server: handles GET /hello
B: hello, seed 1
  here      0.003000 client → server CON [MID] GET delivered
            0.003000 server: handles GET /hello
  again A   sim replay hello --seed 1
  again B   sim replay hello --seed 1 --set link.latency=3ms
`, "\n"), steady(r.out))

	// Recorded traces, of which one may go on after the other.
	dir := t.TempDir()
	long, short := filepath.Join(dir, "long"), filepath.Join(dir, "short")
	require.Equal(t, 0, run("replay", "hello", "--out", long).code)
	require.Equal(t, 1, run("replay", "hello", "--until", "1500us", "--out", short).code)
	require.Equal(t, 0, run("diff", long, "hello", "--ids").code)
	r = run("diff", long, short)
	require.Equal(t, 1, r.code, r.err)
	require.Contains(t, r.out, "B: "+short+"\n  here      (nothing: it has ended)\n")
	r = run("diff", short, long, "--json")
	require.Equal(t, 1, r.code)
	var rep diffReport
	require.NoError(t, json.Unmarshal([]byte(r.out), &rep))
	require.Empty(t, rep.First)
	require.Equal(t, 5, rep.Event)
	require.Len(t, rep.Context, 3)

	require.Equal(t, 2, run("diff", "hello", "nowhere").code)
	require.Equal(t, 2, run("diff", "hello", "hello", "hello").code)
	require.Equal(t, 2, run("diff", "hello", "--context", "-1").code)
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	require.Equal(t, ran{130, "", "sim: interrupted\n"}, runContext(ctx, "diff", "load"))
}
