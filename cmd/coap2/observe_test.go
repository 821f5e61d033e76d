package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestObserve: each new state is a line, until there were enough of them.
func TestObserve(t *testing.T) {
	n := serveTest(t)
	for _, path := range []string{"/tick", "/tick-con"} {
		require.Equal(t, 0, run("", "put", "--data", "first", n.URI(path)).code)
		out, w := io.Pipe()
		done := make(chan int, 1)
		go func() {
			done <- newApp(nil, w, io.Discard).execute(context.Background(), []string{"observe", "-n", "3", n.URI(path)})
			_ = w.Close()
		}()
		lines := bufio.NewScanner(out)
		for _, state := range []string{"second", "third", ""} {
			require.True(t, lines.Scan())
			if state != "" {
				require.Equal(t, 0, run("", "put", "--data", state, n.URI(path)).code)
			} else {
				require.Equal(t, "third", lines.Text())
			}
		}
		require.False(t, lines.Scan())
		require.Equal(t, 0, <-done)
	}
}

func TestObserveJSON(t *testing.T) {
	n := serveTest(t)
	r := run("", "observe", "-n", "1", "--json", n.URI("/random"))
	require.Equal(t, 0, r.code, r.err)
	var state map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.out), &state), r.out)
	require.Contains(t, state, "observe")
	require.Contains(t, state, "payload")
}

func TestObserveNothing(t *testing.T) {
	n := serveTest(t)
	r := run("", "observe", n.URI("/hello"))
	require.Equal(t, 1, r.code)
	require.Equal(t, "hello world\n", r.out)
	require.Contains(t, r.err, "the resource cannot be observed")
	require.Equal(t, 1, run("", "observe", n.URI("/none")).code)
	require.Equal(t, 2, run("", "observe", "-n", "-1", n.URI("/tick")).code)
	require.Equal(t, ran{0, "", ""}, func() ran { r := run("", "observe", "-d", "1ms", n.URI("/tick")); r.out = ""; return r }())
}
