package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// compareTest makes a comparison possible that takes little time.
func compareTest(t *testing.T) func(args ...string) ran {
	if runtime.GOOS == "windows" {
		t.Skip("links to programs are rare there")
	}
	beCommand(t)
	return func(args ...string) ran {
		return run("", append([]string{"bench", "-n", "300", "-c", "8"}, args...)...)
	}
}

const serveCommand = "coap2 serve --listen 127.0.0.1:0"

func TestCompare(t *testing.T) {
	bench := compareTest(t)
	r := bench("--compare", serveCommand, "--compare", "other=coap2 serve --listen 127.0.0.1:{port}", "--rounds", "2")
	require.Equal(t, 0, r.code, r.err)
	number := regexp.MustCompile(`[\d,]*\d\.\d+|\b\d[\d,]{2,}\b| \d+ \(\d+\)`)
	var got []string
	for line := range strings.Lines(number.ReplaceAllString(r.out, " #")) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	require.Regexp(t, `^GET /hello: 8 outstanding, from 8 endpoints; (the server on CPU \d+, the load on CPU \d+|on any processor)$`, got[0])
	require.Equal(t, []string{
		"round server ratio responses/s (raw) CPU µs (raw) p50 µs (raw) MiB errors",
		"1 coap2 # # # # ( #) # # 0",
		"1 other # # # # ( #) # # 0",
		"2 coap2 # # # # ( #) # # 0",
		"2 other # # # # ( #) # # 0",
		"median coap2 # # # # ( #) # # 0",
		"median other # # # # ( #) # # 0",
	}, got[1:])
}

func TestCompareJSON(t *testing.T) {
	bench := compareTest(t)
	r := bench("--compare", "a="+serveCommand, "--rounds", "3", "--json", "--non", "--method", "put", "--data", "7", "-O", "65000=x", "--path", "/create1", "--prepare", "1")
	require.Equal(t, 0, r.code, r.err)
	require.Empty(t, r.err)
	require.Equal(t, 1, strings.Count(r.out, "\n"))
	dec := json.NewDecoder(strings.NewReader(r.out))
	dec.DisallowUnknownFields()
	var c compareReport
	require.NoError(t, dec.Decode(&c))
	require.Equal(t, "/create1", c.Path)
	require.Equal(t, "PUT", c.Method)
	require.False(t, c.Confirmable)
	require.Equal(t, 8, c.Endpoints)
	require.Len(t, c.Rounds, 3)
	var ratios []float64
	for i, p := range c.Rounds {
		require.Equal(t, i+1, p.Round)
		require.Equal(t, "a", p.Server)
		ratios = append(ratios, p.Ratio)
		for _, b := range []*benchReport{p.Measured, p.Reference} {
			require.Equal(t, uint64(300), b.Responses)
			require.Equal(t, "PUT", b.Method)
			require.False(t, b.Confirmable)
			require.Zero(t, b.Errors.Total)
			require.Positive(t, b.Latency.P50)
			require.True(t, strings.HasSuffix(b.URI, "/create1"), b.URI)
		}
		require.NotEqual(t, p.Measured.URI, p.Reference.URI)
	}
	require.Len(t, c.Servers, 1)
	m := c.Servers[0]
	require.Equal(t, "a", m.Name)
	require.Equal(t, strings.Fields(serveCommand), m.Command)
	require.Equal(t, cli.Rounded(median(ratios), 3), m.Ratio)
	require.Positive(t, m.Rate)
	require.Positive(t, m.ReferenceRate)
	require.Zero(t, m.Errors+m.RefErrors)
	if runtime.GOOS == "linux" {
		require.Positive(t, m.CPU)
		require.Positive(t, m.ReferenceCPU)
		require.Positive(t, m.CPURatio)
		require.Positive(t, m.LoadCPUs)
		require.Greater(t, m.Resident, uint64(1<<20))
	}
}

// TestCompareFails: it says who has failed, and how.
func TestCompareFails(t *testing.T) {
	bench := compareTest(t)
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no such program", []string{"--compare", "/nonexistent/server"}, 3, "coap2: server cannot be started: fork/exec /nonexistent/server: no such file or directory\n"},
		{"it ends", []string{"--compare", "x=coap2 --version"}, 3, "coap2: x has ended: exit status 0\n"},
		{"it fails", []string{"--compare", "x=coap2 serve --bogus"}, 3, "coap2: x has ended: exit status 2: coap2: unknown flag: --bogus\nRun 'coap2 serve --help' for usage.\n"},
		{"no such resource", []string{"--compare", serveCommand, "--path", "/nowhere"}, 1, "coap2: coap2: 4.04 Not Found\n"},
		{"not to be prepared", []string{"--compare", serveCommand, "--path", "/nowhere", "--prepare", "x"}, 1, "coap2: coap2: --prepare: 4.04 Not Found\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, ran{tt.code, "", tt.want}, bench(tt.args...))
		})
	}

	// A resource that is not the same every time.
	r := bench("--compare", serveCommand, "--path", "/random", "--rounds", "1")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "payload; the first: the payload ")
	require.Contains(t, r.err, "coap2: responses were wrong or missing\n")
}

// TestComparePatience: a server that does not come is not waited for for ever.
func TestComparePatience(t *testing.T) {
	compareTest(t)
	for _, tt := range []struct{ server, want string }{
		{"x=coap2 " + rawCommandName + " --listen 127.0.0.1:{port}", ""},
		{"x=coap2 completion bash", "x has ended"},
		{"x=sleep 1000", `x has not printed "ready coap://HOST:PORT" after 50ms`},
		{"x=coap://" + silent(t) + " sleep 1000", "x does not answer at coap://127.0.0.1:"},
	} {
		if _, err := exec.LookPath("sleep"); err != nil {
			t.Skip(err)
		}
		var out, errs bytes.Buffer
		a := newApp(strings.NewReader(""), &out, &errs)
		if tt.want != "" {
			a.patience = 50 * time.Millisecond
		}
		c, err := parseContender(tt.server)
		require.NoError(t, err)
		p, uri, err := a.startContender(context.Background(), c, "/hello", -1)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), "x has ended") { // a slow one ends too late to be seen
				require.ErrorContains(t, err, strings.ReplaceAll(tt.want, "x has ended", "x has not printed"))
			}
			continue
		}
		require.NoError(t, err)
		require.Regexp(t, `^coap://127\.0\.0\.1:\d+/hello$`, uri)
		p.stop()
	}
}

func TestCompareInterrupted(t *testing.T) {
	compareTest(t)
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	require.Equal(t, ran{130, "", "coap2: interrupted\n"}, runContext(ctx, "", "bench", "--compare", serveCommand))
}

// TestRawCommand: it lives as long as its stdin.
func TestRawCommand(t *testing.T) {
	stdin, open := io.Pipe()
	out, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		var errs bytes.Buffer
		m := codec.Message{Type: codec.ACK, Code: codec.Content, Payload: []byte("this")}
		b, _ := m.Append(nil)
		done <- newApp(stdin, w, &errs).execute(context.Background(), []string{rawCommandName, "--response", hex.EncodeToString(b)})
	}()
	line := make([]byte, 100)
	k, err := out.Read(line)
	require.NoError(t, err)
	uri, ok := strings.CutPrefix(string(line[:k]), "ready ")
	require.True(t, ok)
	uri = strings.TrimSpace(uri)
	require.Equal(t, ran{0, "this", ""}, run("", "get", uri+"/x"))
	require.Equal(t, 0, run("", "ping", uri).code)
	require.NoError(t, open.Close())
	require.Equal(t, 0, <-done)

	r := run("", rawCommandName, "--listen", silent(t))
	require.Equal(t, 3, r.code)
	require.Contains(t, r.err, "cannot listen on")
	require.NotContains(t, run("", "--help").out, rawCommandName)
}

func TestMedian(t *testing.T) {
	require.Zero(t, median(nil))
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 3, 1, 2}))
}
