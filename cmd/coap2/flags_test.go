package main

import (
	"context"
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// echoTest starts a node that tells what a request was like.
func echoTest(t *testing.T) *actors.Node {
	t.Helper()
	n := serveTest(t)
	echo := func(_ context.Context, r *actors.Request) (*actors.Response, error) {
		m := codec.Message{Code: r.Method, Token: r.Token, Options: r.Options, Payload: r.Payload}
		return actors.Text(r.Peer.Addr.Addr().String() + strings.TrimPrefix(m.String(), "CON [0x0000]"))
	}
	_, err := n.Handle("/echo", actors.Resource{Get: echo, Fetch: echo, Patch: echo, IPatch: echo})
	require.NoError(t, err)
	return n
}

func TestRequestFlags(t *testing.T) {
	n := echoTest(t)
	random := regexp.MustCompile(`token=[0-9a-f]{16}`)
	for _, tt := range []struct {
		args string
		want string
	}{
		{"get", "127.0.0.1 GET token=# Uri-Path:echo"},
		{"get --token 0x0a0B", "127.0.0.1 GET token=0a0b Uri-Path:echo"},
		{"get --token text", "127.0.0.1 GET token=74657874 Uri-Path:echo"},
		{"get --token=", "127.0.0.1 GET Uri-Path:echo"},
		{"get --source 127.0.0.2", "127.0.0.2 GET token=# Uri-Path:echo"},
		{"get --source 127.0.0.3:0 --non", "127.0.0.3 GET token=# Uri-Path:echo"},
		{"get -O 65000=text", "127.0.0.1 GET token=# Uri-Path:echo Option 65000:0x74657874"},
		{"get -O 65000=0xff --option 2052=", "127.0.0.1 GET token=# Uri-Path:echo Option 2052:0x Option 65000:0xff"},
		{"get --option 12=json -O 17=50 -O 14=60", "127.0.0.1 GET token=# Uri-Path:echo Content-Format:50(application/json) Max-Age:60 Accept:50(application/json)"},
		{"get -O uri-query=a=b", "127.0.0.1 GET token=# Uri-Path:echo Uri-Query:a=b"},
		{"fetch --data xy", `127.0.0.1 FETCH token=# Uri-Path:echo 2 bytes "xy"`},
		{"patch --data xy", `127.0.0.1 PATCH token=# Uri-Path:echo 2 bytes "xy"`},
		{"ipatch --data xy", `127.0.0.1 iPATCH token=# Uri-Path:echo 2 bytes "xy"`},
	} {
		if strings.Contains(tt.args, "--source") && !sourcesFree() {
			continue
		}
		r := run("", append(strings.Fields(tt.args), n.URI("/echo"))...)
		require.Equal(t, 0, r.code, r.err)
		require.Equal(t, tt.want, random.ReplaceAllString(r.out, "token=#"), tt.args)
	}
	// The methods are told from each other as results, too.
	require.Equal(t, ran{0, "", "2.04 Changed\n"}, run("", "ipatch", "--content-format", "52", "--data", "{}", n.URI("/config")))
	require.Equal(t, ran{1, "", "coap2: 4.05 Method Not Allowed\n"}, run("", "fetch", n.URI("/hello")))
}

// sourcesFree reports whether any address of 127.0.0.0/8 can be bound.
func sourcesFree() bool {
	n, err := actors.Start(actors.Config{Listen: []string{"127.0.0.2:0"}})
	if err == nil {
		_ = n.Stop(context.Background())
	}
	return err == nil
}

// TestTransmissionFlags: how often is asked before giving up.
func TestTransmissionFlags(t *testing.T) {
	for _, tt := range []struct {
		retransmit string
		want       int
	}{{"0", 1}, {"1", 2}, {"2", 3}} {
		for _, command := range []string{"get", "ping"} {
			// A machine that stands still while the time runs out may send
			// less often, never more.
			ackTimeout, sent := 5*time.Millisecond, 0
			for ; sent < tt.want && ackTimeout < time.Minute; ackTimeout *= 4 {
				r := run("", command, "-v", "--ack-timeout", ackTimeout.String(), "--max-retransmit", tt.retransmit, silent(t))
				require.Equal(t, 3, r.code)
				require.Contains(t, r.err, "timeout: no answer")
				sent = strings.Count(r.err, " -> ")
				require.LessOrEqual(t, sent, tt.want, r.err)
			}
			require.Equal(t, tt.want, sent, command)
		}
	}

	busy := silent(t)
	r := run("", "get", "--source", busy, "localhost/x")
	require.Equal(t, 3, r.code)
	require.Contains(t, r.err, "cannot listen on "+busy)
}

func TestRepeat(t *testing.T) {
	n := serveTest(t)
	times := regexp.MustCompile(`\d+\.\d{3} to \d+\.\d{3} ms, mean \d+\.\d{3} ms`)
	clean := func(r ran) ran {
		r.err = times.ReplaceAllString(r.err, "#")
		return r
	}
	args := func(s ...string) []string { return append([]string{"get", "--repeat", "3", "--interval", "0s"}, s...) }
	require.Equal(t, ran{0, "hello world\nhello world\nhello world\n", "3 requests: 3 × 2.05; #\n"}, clean(run("", args(n.URI("/hello"))...)))
	require.Equal(t, ran{1, "", "coap2: 4.04 Not Found\ncoap2: 4.04 Not Found\ncoap2: 4.04 Not Found\n3 requests: 3 × 4.04; #\n"}, clean(run("", args(n.URI("/nowhere"))...)))
	require.Equal(t, ran{0, "", "2.04 Changed\n2.04 Changed\n2 requests: 2 × 2.04; #\n"},
		clean(run("", "put", "--data", "1", "--repeat", "2", "--interval", "1ns", n.URI("/tick"))))

	r := clean(run("", args("--json", n.URI("/hello"))...))
	require.Equal(t, "3 requests: 3 × 2.05; #\n", r.err)
	dec := json.NewDecoder(strings.NewReader(r.out))
	for range 3 {
		var one exchangeReport
		require.NoError(t, dec.Decode(&one))
		require.Equal(t, "hello world", *one.Payload)
	}
	require.False(t, dec.More())

	// What fails is told each time, and the worst counts.
	at := silent(t)
	failure := "coap2: GET coap://" + at + "/: timeout: no answer within 5ms\n"
	require.Equal(t, ran{3, "", failure + failure + "2 requests: 2 failed\n"}, run("", "get", "--repeat", "2", "--interval", "0s", "--timeout", "5ms", at))
	calls := 0
	_, err := n.Handle("/changing", actors.Resource{Inline: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) {
		if calls++; calls == 2 {
			return nil, actors.Errorf(codec.ServiceUnavailable, "")
		}
		return actors.Text("up\n")
	}})
	require.NoError(t, err)
	require.Equal(t, ran{1, "up\nup\n", "coap2: 5.03 Service Unavailable\n3 requests: 2 × 2.05, 1 × 5.03; #\n"}, clean(run("", args(n.URI("/changing"))...)))

	// On a terminal payloads end their lines anyway.
	require.Equal(t, "hello world\nhello world\nhello world\n", runTerminal(args(n.URI("/hello"))...).out)
}

// TestRepeatInterrupted: the summary comes all the same.
func TestRepeatInterrupted(t *testing.T) {
	n := serveTest(t)
	for _, tt := range []struct {
		repeat string
		want   ran
	}{
		{"0", ran{0, "x\nx\nx\n", "3 requests: 3 × 2.05; #\n"}},
		{"100", ran{130, "x\nx\nx\n", "3 requests: 3 × 2.05; #\ncoap2: interrupted\n"}},
	} {
		ctx, interrupt := context.WithCancel(context.Background())
		calls := 0
		route, err := n.Handle("/until", actors.Resource{Get: func(hctx context.Context, _ *actors.Request) (*actors.Response, error) {
			if calls++; calls > 3 {
				interrupt()
				<-hctx.Done() // no answer comes any more
			}
			return actors.Text("x")
		}})
		require.NoError(t, err)
		r := runContext(ctx, "", "get", "--non", "--repeat", tt.repeat, "--interval", "0s", n.URI("/until"))
		r.err = regexp.MustCompile(`; .* ms\n`).ReplaceAllString(r.err, "; #\n")
		require.Equal(t, tt.want, r)
		route.Remove()
	}
	// The handlers that are still waiting are cut off.
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	require.Error(t, n.Stop(gone))
}

func TestSeries(t *testing.T) {
	var s series
	require.Equal(t, "0 requests: 0 failed", s.String())
	s.add(nil, 0)
	require.Equal(t, "1 request: 1 failed", s.String())
	s.add(&actors.Response{Code: codec.Content}, 2e6)
	s.add(&actors.Response{Code: codec.Valid}, 1e6)
	s.add(&actors.Response{Code: codec.NotFound}, 3e6)
	require.Equal(t, "4 requests: 1 × 2.03, 1 × 2.05, 1 × 4.04, 1 failed; 1.000 to 3.000 ms, mean 2.000 ms", s.String())
}

// completions runs the command as the script of a shell does.
func completions(t *testing.T, args ...string) (words []string, directive string) {
	t.Helper()
	r := run("", append([]string{"__complete"}, args...)...)
	require.Equal(t, 0, r.code, r.err)
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	for _, l := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(l, "\t")
		words = append(words, word)
	}
	return words, lines[len(lines)-1]
}

var shells = []string{"bash", "zsh", "fish", "powershell"}

func TestCompletion(t *testing.T) {
	words, _ := completions(t, "")
	require.Subset(t, words, []string{"get", "put", "post", "delete", "fetch", "patch", "ipatch", "ping", "serve", "demo", "completion"})
	words, _ = completions(t, "completion", "")
	require.Subset(t, words, shells)

	for _, flag := range []string{"--accept", "--content-format"} {
		words, directive := completions(t, "get", flag, "")
		require.Subset(t, words, []string{"json", "cbor", "text", "link", "octets", "senml+json", "50", "16"})
		require.Equal(t, ":4", directive)
		for _, w := range words { // each of them can be used
			require.NoError(t, (&formatFlag{}).Set(w), w)
		}
	}
	words, _ = completions(t, "get", "--accept", "JS")
	require.Equal(t, []string{"json", "json-patch+json"}, words)
	words, _ = completions(t, "get", "--accept", "application/js")
	require.Equal(t, []string{"application/json", "application/json-patch+json"}, words)

	words, directive := completions(t, "get", "-O", "If-")
	require.Equal(t, []string{"If-Match=", "If-None-Match"}, words)
	require.Equal(t, ":6", directive)
	words, _ = completions(t, "get", "--option", "")
	require.Subset(t, words, []string{"Uri-Path=", "Max-Age=", "Observe=", "If-None-Match"})
	words, _ = completions(t, "get", "-O", "accept=cb")
	require.Equal(t, []string{"accept=cbor", "accept=cbor-seq"}, words)
	words, _ = completions(t, "get", "-O", "Max-Age=")
	require.Empty(t, words)
	words, _ = completions(t, "get", "-O", "nonsense=")
	require.Empty(t, words)

	words, directive = completions(t, "get", "")
	require.Equal(t, []string{"coap://", "coap://localhost/"}, words)
	require.Equal(t, ":6", directive)
	words, _ = completions(t, "get", "coap://x", "")
	require.Empty(t, words)
}

// TestCompletionScripts: there is one for every shell, and those shells that
// are here can read theirs.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells {
		r := run("", "completion", shell)
		require.Equal(t, 0, r.code)
		require.Empty(t, r.err)
		require.Contains(t, r.out, "coap2", shell)
		path, err := exec.LookPath(shell)
		if err != nil || shell == "powershell" {
			continue
		}
		cmd := exec.Command(path, "-n")
		cmd.Stdin = strings.NewReader(r.out)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", shell, out)
	}
}
