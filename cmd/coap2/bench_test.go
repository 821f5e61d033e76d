package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/coap2/internal/load"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// figures are the parts of a report that differ from run to run.
var figures = regexp.MustCompile(`\b\d+[\d,]*\.\d+|[\d,]+ responses/s|for [\d.]+ s|\d+ dropped here for want of room`)

// cleanBench replaces them, and leaves out what only Linux tells.
func cleanBench(s string) string {
	s = regexp.MustCompile(`coap://[0-9.]+:\d+`).ReplaceAllString(s, "coap://#")
	s = regexp.MustCompile(`(?m)^  (this load|server) .*\n`).ReplaceAllString(s, "")
	return figures.ReplaceAllString(s, "#")
}

func TestBench(t *testing.T) {
	n := serveTest(t)
	var calls atomic.Int64
	_, err := n.Handle("/changing", actors.Resource{Inline: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) {
		if calls.Add(1)%10 == 0 {
			return actors.Text("wrong\x1b")
		}
		return actors.Text("right")
	}})
	require.NoError(t, err)
	uri := "coap://#"
	head := func(method, path, outstanding, endpoints string) string {
		return method + " " + uri + path + ": " + outstanding + " outstanding, from " + endpoints + ", #\n  rate       #; "
	}
	const latency, clean = "  latency    p50 #, p90 #, p99 #, p99.9 #, max # ms; min #, mean # ms\n", "  losses     0 retransmissions\n  errors     none\n"
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"-n 300 /hello", 0, head("GET", "/hello", "64", "64 endpoints") + "300 requests, 300 right responses\n" + latency + clean},
		{"-n 1000 -c 1 --peers 1200 /hello", 0, head("GET", "/hello", "1", "1,200 endpoints") + "1,000 requests, 1,000 right responses\n" + latency + clean},
		{"-n 1 -c 1 --non /hello", 0, head("NON GET", "/hello", "1", "1 endpoint") + "1 request, 1 right response\n" + latency + clean},
		{"-n 50 -c 8 --peers 2 --method put --data 5 /tick", 0, head("PUT", "/tick", "8", "2 endpoints") + "50 requests, 50 right responses\n" + latency + clean},
		{"-n 50 --check none /changing", 0, head("GET", "/changing", "64", "64 endpoints") + "50 requests, 50 right responses\n" + latency + clean},
		{"-n 50 /changing", 1, head("GET", "/changing", "64", "64 endpoints") + "50 requests, 45 right responses\n" + latency +
			"  losses     0 retransmissions\n  errors     5: 5 payload; the first: the payload \"wrong\\x1b\" instead of \"right\"\n"},
		{"-n 50 --check hello_world /hello", 1, head("GET", "/hello", "64", "64 endpoints") + "50 requests, 0 right responses\n" +
			"  losses     0 retransmissions\n  errors     50: 50 payload; the first: the payload \"hello world\" instead of \"hello_world\"\n"},
		{"-n 20 -O Accept=xml /multi-format", 0, head("GET", "/multi-format", "64", "64 endpoints") + "20 requests, 20 right responses\n" + latency + clean},
		{"-n 20 -d 1h --warmup 10ms -c 2 /hello", 0, head("GET", "/hello", "2", "2 endpoints") + "20 requests, 20 right responses\n" + latency + clean},
	} {
		t.Run(tt.args, func(t *testing.T) {
			calls.Store(8) // the request before all others is the last right one of its ten
			args := strings.Fields(tt.args)
			args[len(args)-1] = n.URI(args[len(args)-1])
			r := run("", append([]string{"bench", "--ack-timeout", "1m", "--timeout", "1m"}, args...)...)
			require.Equal(t, ran{tt.code, tt.want, ""}, ran{r.code, cleanBench(r.out), r.err})
		})
	}

	require.Equal(t, ran{1, "", "coap2: 4.04 Not Found\n"}, run("", "bench", n.URI("/nowhere")))
	at := refusing(t)
	r := run("", "bench", at)
	require.Equal(t, 3, r.code)
	require.Contains(t, r.err, "unreachable")
	require.Empty(t, r.out)
}

// TestBenchTimed: without a count it takes as long as it is told.
func TestBenchTimed(t *testing.T) {
	n := serveTest(t)
	var report benchReport
	inTime(func(d string) ran { // in which the machine may stand still
		r := run("", "bench", "-d", d, "--warmup", "10ms", "--json", n.URI("/hello"))
		require.Equal(t, 0, r.code, r.err)
		require.NoError(t, json.Unmarshal([]byte(r.out), &report))
		return ran{out: strconv.FormatBool(report.Responses > 0)}
	}, "true")
	require.GreaterOrEqual(t, report.Seconds, 0.03)
	require.Positive(t, report.Responses)
}

func TestBenchJSON(t *testing.T) {
	n := serveTest(t)
	args := []string{"bench", "-n", "100", "--ack-timeout", "1m", "--timeout", "1m", "--json", n.URI("/hello")}
	if runtime.GOOS == "linux" {
		args = append(args, "--pid", strconv.Itoa(os.Getpid()))
	}
	r := run("", args...)
	require.Equal(t, 0, r.code, r.err)
	require.Equal(t, 1, strings.Count(r.out, "\n"))
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.out), &m))
	for name, want := range map[string]any{
		"uri": n.URI("/hello"), "method": "GET", "confirmable": true, "outstanding": 64.0, "endpoints": 64.0,
		"requests": 100.0, "responses": 100.0, "retransmissions": 0.0, "late_responses": 0.0, "stray_datagrams": 0.0, "renewed_endpoints": 0.0,
		"errors": map[string]any{"total": 0.0, "kinds": map[string]any{}}, "interrupted": false,
	} {
		require.Equal(t, want, m[name], name)
		delete(m, name)
	}
	for _, name := range []string{"seconds", "responses_per_s", "sockets"} {
		require.Positive(t, m[name], name)
		delete(m, name)
	}
	require.Contains(t, m, "dropped_datagrams")
	delete(m, "dropped_datagrams")
	l := m["latency_us"].(map[string]any)
	require.Len(t, l, 7)
	order := []string{"min", "p50", "p90", "p99", "p99_9", "max"}
	for i := range order[1:] {
		require.LessOrEqual(t, l[order[i]], l[order[i+1]])
	}
	require.LessOrEqual(t, l["min"], l["mean"])
	delete(m, "latency_us")
	if runtime.GOOS == "linux" {
		require.Positive(t, m["client_cpus"])
		s := m["server"].(map[string]any)
		require.Equal(t, float64(os.Getpid()), s["pid"])
		require.Positive(t, s["cpu_us_per_response"])
		require.Positive(t, s["cpus"])
		require.Greater(t, s["resident_bytes"], float64(1<<20))
		delete(m, "client_cpus")
		delete(m, "server")
	}
	require.Empty(t, m, "nothing else")
}

// TestBenchInterrupted: it ends at once, with what was measured.
func TestBenchInterrupted(t *testing.T) {
	n := serveTest(t)
	ctx, interrupt := context.WithCancel(context.Background())
	var calls atomic.Int64
	_, err := n.Handle("/until", actors.Resource{Inline: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) {
		if calls.Add(1) == 500 {
			interrupt()
		}
		return actors.Text("x")
	}})
	require.NoError(t, err)
	r := runContext(ctx, "", "bench", "-d", "1h", "--warmup", "0s", n.URI("/until"))
	require.Equal(t, 130, r.code)
	require.Equal(t, "coap2: interrupted\n", r.err)
	require.Contains(t, cleanBench(r.out), "GET coap://#/until: 64 outstanding, from 64 endpoints, # (interrupted)\n  rate       #; ")
	require.Contains(t, r.out, "  errors     none\n")

	// Before the first answer there is nothing to tell.
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	require.Equal(t, ran{130, "", "coap2: interrupted\n"}, runContext(gone, "", "bench", n.URI("/hello")))
}

// TestBenchWatched: where somebody looks, the line of progress is cleared in the
// end.
func TestBenchWatched(t *testing.T) {
	n := serveTest(t)
	var out, errs bytes.Buffer
	a := newApp(strings.NewReader(""), &out, &errs)
	a.Watched = true
	require.Equal(t, 0, a.execute(context.Background(), []string{"bench", "-n", "100", n.URI("/hello")}))
	require.True(t, strings.HasSuffix(errs.String(), cli.ClearLine), "%q", errs.String())
	require.NotContains(t, out.String(), cli.ClearLine)
}

func TestProgress(t *testing.T) {
	var lat load.Result
	lat.Latency.Add(2 * time.Millisecond)
	at := func(elapsed time.Duration, answered uint64) *load.Result {
		r := lat
		r.Measuring, r.Elapsed, r.Answered, r.Responses = true, elapsed, answered, answered
		return &r
	}
	require.Equal(t, "warming up", progress(&load.Result{}, &load.Result{}, time.Second, 0))
	require.Equal(t, "12,000 responses/s, p50 2.000 ms, p99 2.000 ms, 0 errors, 0.8 s left",
		progress(&load.Result{}, at(200*time.Millisecond, 2400), time.Second, 0))
	require.Equal(t, "1,000 responses/s, p50 2.000 ms, p99 2.000 ms, 0 errors, 0.6 s left",
		progress(at(200*time.Millisecond, 2400), at(400*time.Millisecond, 2600), time.Second, 0))
	lost := at(400*time.Millisecond, 2600)
	lost.Retransmissions = 1234
	lost.Errors[load.Timeout] = 1
	require.Equal(t, "1,000 responses/s, p50 2.000 ms, p99 2.000 ms, 1 error, 1,234 resent, 7,400 requests left",
		progress(at(200*time.Millisecond, 2400), lost, 0, 10000))
	require.Contains(t, progress(at(time.Second, 10), at(time.Second, 10), time.Second, 0), ", waiting for the last")
	require.Contains(t, progress(at(time.Second, 10), at(time.Second, 10), 0, 20), ", waiting for the last")
}

// TestBenchExamples runs the examples of the help, shorter than they are.
func TestBenchExamples(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links to programs are rare there")
	}
	beCommand(t)
	at := serveTest(t).Addrs()[0].String()
	long := regexp.MustCompile(` (-d \S+|-n \d+|--rounds \d+)`)
	for line := range strings.Lines(newApp(nil, nil, nil).benchCommand().Example) {
		line = strings.TrimSpace(line)
		t.Run(line, func(t *testing.T) {
			_, args, ok := strings.Cut(long.ReplaceAllString(line, ""), "coap2 ")
			require.True(t, ok)
			args += " -n 200"
			if strings.Contains(args, "--compare") {
				args += " --rounds 1"
			}
			for _, host := range []string{"localhost/", "coap://127.0.0.1/"} {
				args = strings.ReplaceAll(args, " "+host, " coap://"+at+"/")
			}
			r := run("", words(strings.ReplaceAll(args, "coap://localhost/", "coap://"+at+"/"))...)
			require.Equal(t, 0, r.code, r.err)
		})
	}
}

// beCommand makes the test binary the command coap2 of processes that are
// started, and what this process takes for itself.
func beCommand(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Symlink(exe, filepath.Join(dir, "coap2")))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("COAP2_BE_THE_COMMAND", "1")
	t.Setenv("GORACE", "atexit_sleep_ms=0")
}

// TestForwarded: the load of a comparison is given every flag of bench but
// those that are about the comparison, and the options, one by one.
func TestForwarded(t *testing.T) {
	cmd := newApp(nil, nil, nil).benchCommand()
	own := map[string]bool{"compare": true, "rounds": true, "path": true, "prepare": true, "json": true, "pid": true, "option": true, "help": true}
	for _, name := range forwarded {
		require.NotNil(t, cmd.Flag(name), name)
		require.False(t, own[name], name)
		own[name] = true
	}
	for line := range strings.Lines(cmd.LocalFlags().FlagUsages()) {
		name := regexp.MustCompile(`--([a-z-]+)`).FindStringSubmatch(line)[1]
		require.True(t, own[name], name)
	}
}

func TestMethodFlag(t *testing.T) {
	var f methodFlag
	require.Empty(t, f.String())
	for _, m := range methods {
		require.NoError(t, f.Set(m.Name()))
		require.Equal(t, m, f.code)
		require.NoError(t, f.Set(f.String()))
		require.Equal(t, m, f.code)
	}
	require.Error(t, f.Set("observe"))
	require.Equal(t, codec.IPATCH, f.code)
}

func TestNumbers(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1234567: "1,234,567"} {
		require.Equal(t, want, cli.Thousands(n))
	}
	require.Equal(t, "1 thing", cli.Plural(1, "thing"))
	require.Equal(t, "0 things", cli.Plural(0, "thing"))
	require.Equal(t, "5", cli.Short(5.001))
	require.Equal(t, "0.05", cli.Short(0.0512))
}
