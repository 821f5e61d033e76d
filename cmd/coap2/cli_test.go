package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
)

var update = flag.Bool("update", false, "write golden files")

// TestMain lets the test binary be the command itself, for tests that need a
// process.
func TestMain(m *testing.M) {
	if os.Getenv("COAP2_BE_THE_COMMAND") != "" {
		main()
		return
	}
	flag.Parse()
	os.Exit(testCommand(m))
}

// testCommand runs the tests without touching what the user's commands remember.
func testCommand(m *testing.M) int {
	dir, err := os.MkdirTemp("", "coap2")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	_ = os.Setenv("XDG_CACHE_HOME", dir)
	return m.Run()
}

// serveTest starts a node with the demonstration resources, none of them slow,
// and returns it.
func serveTest(t testing.TB) *actors.Node {
	t.Helper()
	n, err := actors.Start(actors.Config{Listen: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	require.NoError(t, (&demoResources{slow: time.Millisecond}).register(n))
	t.Cleanup(func() { _ = n.Stop(context.Background()) })
	return n
}

// silent returns the address of a socket that never answers.
func silent(t testing.TB) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String()
}

// refusing returns an address where nobody listens.
func refusing(t testing.TB) string {
	t.Helper()
	return "127.0.0.1:1"
}

// ran is what a run of the command left.
type ran struct {
	code     int
	out, err string
}

func run(stdin string, args ...string) ran {
	return runContext(context.Background(), stdin, args...)
}

func runContext(ctx context.Context, stdin string, args ...string) ran {
	var out, errs bytes.Buffer
	code := newApp(strings.NewReader(stdin), &out, &errs).execute(ctx, args)
	return ran{code, out.String(), errs.String()}
}

// runTerminal runs the command as if its output were a terminal.
func runTerminal(args ...string) ran {
	var out, errs bytes.Buffer
	a := newApp(strings.NewReader(""), &out, &errs)
	a.Terminal = true
	code := a.execute(context.Background(), args)
	return ran{code, out.String(), errs.String()}
}

func TestRequests(t *testing.T) {
	n := serveTest(t)
	for _, tt := range []struct {
		name  string
		stdin string
		args  []string // URI is a path of the node
		want  ran
	}{
		{"get", "", []string{"get", "/hello"}, ran{0, "hello world", ""}},
		{"get, non-confirmable", "", []string{"get", "--non", "/hello"}, ran{0, "hello world", ""}},
		{"get with JSON in the query", "", []string{"get", `/root?{"soil":"N,K"}`}, ran{0, `{"N":18,"K":32}`, ""}},
		{"get with a payload", "", []string{"get", "/root", "--data", `{"soil":"P"}`}, ran{0, `{"P":50}`, ""}},
		{"get, accepting", "", []string{"get", "/multi-format", "--accept", "xml"}, ran{0, multiXML, ""}},
		{"get of what is not there", "", []string{"get", "/nowhere"}, ran{1, "", "coap2: 4.04 Not Found\n"}},
		{"get, not acceptable", "", []string{"get", "/hello", "--accept", "60"}, ran{1, "", "coap2: 4.06 Not Acceptable: this resource comes as text/plain;charset=utf-8 only\n"}},
		{"put", "", []string{"put", "/tick", "--data", "7"}, ran{0, "", "2.04 Changed\n"}},
		{"put from stdin", "8\n", []string{"put", "/tick", "--file", "-"}, ran{0, "", "2.04 Changed\n"}},
		{"what was put", "", []string{"get", "/tick"}, ran{0, "8", ""}},
		{"put of the wrong format", "", []string{"put", "/tick", "--data", "7", "--content-format", "json"}, ran{1, "", "coap2: 4.15 Unsupported Content-Format: send the number as text/plain;charset=utf-8\n"}},
		{"post", "", []string{"post", "/root/child", "--data", `{"temp":3}`, "--content-format", "json"}, ran{0, "It's getting cold !", "2.04 Changed\n"}},
		{"post that creates", "", []string{"post", "/test", "--data", "x"}, ran{0, "", "2.01 Created, Location: /location1/location2/location3\n"}},
		{"post that creates with a query", "", []string{"post", "/location-query"}, ran{0, "", "2.01 Created, Location: /location-query?first=1&second=2\n"}},
		{"delete", "", []string{"delete", "/test"}, ran{0, "", "2.02 Deleted\n"}},
		{"method that is not allowed", "", []string{"delete", "/hello"}, ran{1, "", "coap2: 4.05 Method Not Allowed\n"}},
		{"an option", "", []string{"put", "-O", "If-None-Match", "/validate", "--data", "x"}, ran{1, "", "coap2: 4.12 Precondition Failed: it exists already\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{}, tt.args...)
			for i, a := range args {
				if strings.HasPrefix(a, "/") {
					args[i] = n.URI(a)
				}
			}
			require.Equal(t, tt.want, run(tt.stdin, args...))
		})
	}
}

func TestFailures(t *testing.T) {
	at := refusing(t)
	require.Equal(t, ran{3, "", "coap2: GET coap://" + at + "/x: unreachable: " + at + ": connection refused (ICMP port unreachable)\n"},
		run("", "get", at+"/x"))

	at = silent(t)
	r := run("", "get", "--timeout", "50ms", at+"/x")
	require.Equal(t, ran{3, "", "coap2: GET coap://" + at + "/x: timeout: no answer within 50ms\n"}, r)

	r = run("", "get", "--json", "--non", "--timeout", "50ms", at+"/x")
	var report struct {
		Timeout bool
		Error   string
		Code    *string
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &report), r.out)
	require.True(t, report.Timeout)
	require.Contains(t, report.Error, "no answer within 50ms")
	require.Nil(t, report.Code)
	require.Equal(t, 3, r.code)

	// An address that cannot be bound.
	busy := silent(t)
	r = run("", "serve", "--listen", busy)
	require.Equal(t, 3, r.code)
	require.Contains(t, r.err, "cannot listen on "+busy)
}

func TestInterrupted(t *testing.T) {
	n := serveTest(t)
	ctx, interrupt := context.WithCancel(context.Background())
	_, err := n.Handle("/forever", actors.Resource{Separate: true, Get: func(hctx context.Context, _ *actors.Request) (*actors.Response, error) {
		interrupt() // once the request is under way
		<-hctx.Done()
		return nil, hctx.Err()
	}})
	require.NoError(t, err)
	out := filepath.Join(t.TempDir(), "out")
	require.Equal(t, ran{130, "", "coap2: interrupted\n"}, runContext(ctx, "", "get", "--out", out, n.URI("/forever")))
	require.NoFileExists(t, out)

	// The node that is still waiting for its handler is cut off.
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	require.Error(t, n.Stop(gone))
}

// neverEnding is a stdin at which nobody types.
type neverEnding struct{ reading chan struct{} }

func (n neverEnding) Read([]byte) (int, error) {
	close(n.reading)
	select {}
}

func TestStdinIsReadOnlyOnRequest(t *testing.T) {
	n := serveTest(t)
	in := neverEnding{make(chan struct{})}
	var out, errs bytes.Buffer
	require.Equal(t, 0, newApp(in, &out, &errs).execute(context.Background(), []string{"post", n.URI("/test")}))

	ctx, interrupt := context.WithCancel(context.Background())
	go func() {
		<-in.reading
		interrupt()
	}()
	errs.Reset()
	require.Equal(t, 130, newApp(in, &out, &errs).execute(ctx, []string{"put", "--file", "-", n.URI("/tick")}))
	require.Equal(t, "coap2: interrupted\n", errs.String())
}

func TestPayloadThatIsTooLong(t *testing.T) {
	r := run(strings.Repeat("x", maxPayload+1), "bench", "--method", "put", "--file", "-", "localhost/x")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.err, "more than 60000 bytes")
	r = run("", "bench", "--method", "put", "--data", strings.Repeat("x", maxPayload+1), "localhost/x")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.err, "60001 bytes")
}

func TestVerbose(t *testing.T) {
	n := serveTest(t)
	stamp := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{6} `)
	unique := regexp.MustCompile(`0x[0-9a-f]{4}|(token[= ])[0-9a-f]{16}|127\.0\.0\.1:\d+`)
	clean := func(s string) string {
		require.Equal(t, stamp.FindAllString(s, -1) != nil, true, s)
		return unique.ReplaceAllString(stamp.ReplaceAllString(s, ""), "$1#")
	}
	require.Equal(t, `-> # CON [#] GET token=# Uri-Path:hello
<- # ACK [#] 2.05 Content token=# Content-Format:0(text/plain;charset=utf-8) 11 bytes "hello world"
`, clean(run("", "get", "-v", n.URI("/hello")).err))
	require.Equal(t, `-> # CON 0.01 GET, message ID #, token #
  Uri-Path (11): hello
  no payload
<- # ACK 2.05 Content, message ID #, token #
  Content-Format (12): 0(text/plain;charset=utf-8)
  payload, 11 bytes:
    hello world
`, clean(run("", "get", "-vv", n.URI("/hello")).err))
}

func TestPing(t *testing.T) {
	n := serveTest(t)
	at := n.Addrs()[0].String()
	times := regexp.MustCompile(`\d+\.\d{3} ms`)
	r := run("", "ping", "-c", "2", "-i", "0s", n.URI("/ignored"))
	require.Equal(t, ran{0, at + ": seq=1 time=# ms\n" + at + ": seq=2 time=# ms\n2 sent, 2 answered\n", ""},
		ran{r.code, times.ReplaceAllString(r.out, "# ms"), r.err})

	r = run("", "ping", "--json", at)
	var report pingReport
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.Len(t, report.RTTMS, 1)
	report.RTTMS = nil
	require.Equal(t, pingReport{URI: "coap://" + at + "/", Sent: 1, Received: 1}, report)

	at = silent(t)
	require.Equal(t, ran{3, "", "coap2: ping coap://" + at + "/: timeout: no answer within 20ms\n"},
		run("", "ping", "--timeout", "20ms", at))
}
