package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// readyURIs reads the lines that say where a server can be asked.
func readyURIs(t *testing.T, r *bufio.Reader, n int) []string {
	t.Helper()
	var uris []string
	for range n {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		uri, ok := strings.CutPrefix(line, "ready ")
		require.True(t, ok, line)
		uris = append(uris, strings.TrimSuffix(uri, "\n"))
	}
	return uris
}

func TestServe(t *testing.T) { testServe(t) }

func TestServeOnShards(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system cannot")
	}
	testServe(t, "--shards", "3")
}

func testServe(t *testing.T, more ...string) {
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	out, w := io.Pipe()
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- newApp(nil, w, &errs).execute(ctx, append([]string{"serve", "-v", "--name", "node1.local", "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"}, more...))
	}()
	for _, uri := range readyURIs(t, bufio.NewReader(out), 2) {
		require.Regexp(t, `^coap://127\.0\.0\.1:[1-9]\d*$`, uri)
		require.Equal(t, ran{0, "hello world", ""}, run("", "get", uri+"/hello"))
	}
	interrupt()
	require.Equal(t, 0, <-done)
	require.GreaterOrEqual(t, strings.Count(errs.String(), " GET token="), 2, errs.String())
}

// TestProfile: --cpuprofile leaves a profile, or says at once why it cannot.
func TestProfile(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	file := filepath.Join(t.TempDir(), "serve.pprof")
	out, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- newApp(nil, w, io.Discard).execute(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--cpuprofile", file})
	}()
	readyURIs(t, bufio.NewReader(out), 1)
	interrupt()
	require.Equal(t, 0, <-done)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(data, []byte{0x1f, 0x8b}), "a profile is compressed")

	r := run("", "serve", "--listen", "127.0.0.1:0", "--cpuprofile", filepath.Join(file, "none"))
	require.Equal(t, 2, r.code, r.err)
	require.Contains(t, r.err, "--cpuprofile: open ")
}

// TestSignals: as a process, on every address, until it is told to stop.
func TestSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be interrupted")
	}
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.Command(os.Args[0], "serve", "--listen", "127.0.0.1:0")
		cmd.Env = append(os.Environ(), "COAP2_BE_THE_COMMAND=1", "GORACE=atexit_sleep_ms=0")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		uri := readyURIs(t, bufio.NewReader(out), 1)[0]
		require.Equal(t, 0, run("", "ping", uri).code)
		require.NoError(t, cmd.Process.Signal(signal))
		require.NoError(t, cmd.Wait())
		require.Empty(t, errs.String())
	}
}

var demoTimes = regexp.MustCompile(`\(\d+\.\d ms\)`)

// TestDemo: the demonstration succeeds, and its text differs only in its times.
func TestDemo(t *testing.T) {
	r := run("", "demo")
	require.Equal(t, 0, r.code, r.out+r.err)
	require.Empty(t, r.err)
	got := demoTimes.ReplaceAllString(r.out, "(# ms)")
	const golden = "testdata/demo.golden"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// TestDemoInterrupted: it can be stopped at any moment, here at once.
func TestDemoInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	r := runContext(ctx, "", "demo")
	require.Equal(t, 130, r.code)
	require.Equal(t, "coap2: interrupted\n", r.err)
}

// TestDemoFails: what is not as expected is an error.
func TestDemoFails(t *testing.T) {
	var out bytes.Buffer
	n := serveTest(t)
	s := &story{a: newApp(nil, &out, io.Discard)}
	err := s.get(context.Background(), n, n, "/hello", "something else")
	require.EqualError(t, err, ` asked  for GET /hello and got 2.05 Content: hello world instead of 2.05 Content: something else`)
	s.a.Colour = true
	err = s.get(context.Background(), n, n, "/nowhere", "")
	require.Error(t, err)
	require.Contains(t, out.String(), "\x1b[31m4.04 Not Found\x1b[0m")
}
