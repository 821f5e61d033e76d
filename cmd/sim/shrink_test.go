package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShrink(t *testing.T) {
	out := filepath.Join(t.TempDir(), "small.yaml")
	args := []string{"shrink", file(t, failing), "--seed", "2", "--out", out}
	r := run(args...)
	require.Equal(t, 0, r.code, r.err)
	require.Empty(t, r.out)
	require.Regexp(t, `^test: from 5 nodes, 0 faults, 1 action to \d nodes, 0 faults, 1 action.*, in \d+ runs and .*\n  it fails with seed \d+: ask.answers == 4\n  again: sim replay .*small.yaml\n$`, r.err)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, 1, run("run", out).code)

	r = run(append(args, "--json")...)
	require.Equal(t, 0, r.code, r.err)
	var rep shrinkReport
	require.NoError(t, json.Unmarshal([]byte(r.out), &rep))
	require.True(t, rep.Complete)
	require.Equal(t, 5, rep.From.Nodes)
	again, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, text, again)

	require.Equal(t, ran{1, "", "sim: hello does not fail with seed 1; there is nothing to shrink\n"}, run("shrink", "hello"))
	require.Equal(t, 2, run("shrink", "hello", "--json").code)
	require.Equal(t, 2, run("shrink", "hello", "--tries", "0").code)
	require.Equal(t, 2, run("shrink", "nowhere").code)
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	require.Equal(t, ran{130, "", "sim: interrupted\n"}, runContext(ctx, "shrink", file(t, failing), "--seed", "2"))
}

func TestGen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	require.Equal(t, ran{}, run("gen", "--nodes", "3", "--loss", "2%", "--actions", "discover,load", "--faults", "crash", "--seed", "9", "--out", path))
	r := run("check", path)
	require.Equal(t, ran{0, "mine: ok; 4 nodes, 2 actions, 1 fault, 3 expectations, until nothing is left to happen\n", ""}, r)
	require.Contains(t, run("gen").out, "version: 1\n")
	for _, args := range [][]string{{"--loss", "much"}, {"--nodes", "0"}, {"--actions", "sing"}, {"--latency", "x: y"}, {"more"}} {
		require.Equal(t, 2, run(append([]string{"gen"}, args...)...).code, args)
	}
}
