package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
)

// observed runs "observe" and meanwhile puts values, each when the command has
// printed the one before.
func observed(t *testing.T, n *actors.Node, path string, puts []string, args ...string) ran {
	t.Helper()
	out, w := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- newApp(strings.NewReader(""), w, &errs).execute(context.Background(), append(append([]string{"observe"}, args...), n.URI(path)))
		_ = w.Close()
	}()
	var all bytes.Buffer
	line := make([]byte, 64<<10)
	for {
		k, err := out.Read(line)
		all.Write(line[:k])
		if err != nil {
			break
		}
		if len(puts) > 0 {
			require.Equal(t, 0, run("", "put", "--data", puts[0], n.URI("/tick")).code)
			puts = puts[1:]
		}
	}
	return ran{<-code, all.String(), errs.String()}
}

func TestObserve(t *testing.T) {
	n := serveTest(t)
	require.Equal(t, ran{0, "0\none\ntwo\n", ""}, observed(t, n, "/tick-con", []string{"one", "two"}, "-n", "3"))
	require.Equal(t, ran{0, "two\n3\n", ""}, observed(t, n, "/tick-con", []string{"3"}, "-n", "2", "--token", "0x01", "--accept", "text", "--non"))
	require.Equal(t, ran{0, "3\n", ""}, inTime(func(d string) ran { return observed(t, n, "/tick", nil, "-d", d) }, "3\n"))
	require.Equal(t, ran{1, "hello world\n", "coap2: GET " + n.URI("/hello") + ": the resource cannot be observed\n"}, observed(t, n, "/hello", nil))
	require.Equal(t, ran{1, "", "coap2: 4.04 Not Found\n"}, observed(t, n, "/none", nil))

	path := filepath.Join(t.TempDir(), "states")
	require.Equal(t, ran{0, "", ""}, run("", "observe", "-n", "1", "--out", path, n.URI("/tick")))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "3\n", string(b))

	r := run("", "observe", "--timeout", "50ms", "coap://"+silent(t)+"/x")
	require.Equal(t, 3, r.code)
	require.Contains(t, r.err, "timeout")
	r = runTerminal("observe", "-n", "1", n.URI("/tick"))
	require.Equal(t, ran{0, "3\n", ""}, r)
}

func TestObserveJSON(t *testing.T) {
	n := serveTest(t)
	r := observed(t, n, "/tick-con", []string{"one"}, "-n", "2", "--json")
	require.Equal(t, 0, r.code, r.err)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, lines, 2)
	var states [2]struct {
		Code, Payload, URI string
		Observe            uint32
		Confirmable        bool
		AtMS               float64 `json:"at_ms"`
		DurationMS         *float64
	}
	for i, l := range lines {
		require.NoError(t, json.Unmarshal([]byte(l), &states[i]))
		require.Equal(t, "2.05", states[i].Code)
		require.Equal(t, n.URI("/tick-con"), states[i].URI)
		require.True(t, states[i].Confirmable)
		require.Positive(t, states[i].AtMS)
		require.NotContains(t, l, "duration_ms")
	}
	require.Equal(t, "0", states[0].Payload)
	require.Equal(t, "one", states[1].Payload)
	require.Equal(t, states[0].Observe+1, states[1].Observe)

	r = run("", "observe", "--json", n.URI("/none"))
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, `"error":"4.04 Not Found"`)
	r = run("", "observe", "--json", n.URI("/hello"))
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, `"payload":"hello world"`)
	require.Contains(t, r.out, "cannot be observed")
}

func TestObserveInterrupted(t *testing.T) {
	n := serveTest(t)
	for _, tt := range []struct {
		args []string
		code int
	}{{nil, 0}, {[]string{"-n", "5"}, 130}, {[]string{"-d", "1h"}, 130}} {
		ctx, interrupt := context.WithCancel(context.Background())
		out, w := io.Pipe()
		code := make(chan int, 1)
		var errs bytes.Buffer
		go func() {
			code <- newApp(nil, w, &errs).execute(ctx, append(append([]string{"observe"}, tt.args...), n.URI("/tick")))
		}()
		b := make([]byte, 16)
		_, err := out.Read(b)
		require.NoError(t, err)
		interrupt()
		require.Equal(t, tt.code, <-code, errs.String())
	}
}

// TestObservable: the resources that are there to be observed.
func TestObservable(t *testing.T) {
	d := &demoResources{}
	n, err := actors.Start(actors.Config{Listen: []string{"127.0.0.1:0"}, Setup: d.register})
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Stop(context.Background()) })
	pass := func() {
		for range period / time.Second {
			d.pass()
		}
	}
	for _, path := range []string{"/obs", "/obs-non", "/random"} {
		seen := 0
		for note, err := range n.Subscribe(t.Context(), n.URI(path), "") {
			require.NoError(t, err)
			require.NotEmpty(t, note.Payload)
			if seen++; seen == 2 {
				break
			}
			pass()
		}
	}
	var ends error
	for _, err := range n.Subscribe(t.Context(), n.URI("/obs"), "") {
		if ends = err; err == nil {
			_, err = n.Delete(t.Context(), n.URI("/obs"))
			require.NoError(t, err)
		}
	}
	require.ErrorContains(t, ends, "4.04 Not Found: it has been deleted")
	require.Greater(t, len(longText(0)), 1024)
	require.Less(t, len(pumpingText(2)), 64)
	require.Equal(t, longText(3), pumpingText(3))
	require.Equal(t, 0, run("", "post", n.URI("/obs-reset")).code)
}
