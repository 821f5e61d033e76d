package main

import (
	"bytes"
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// inTime runs a command that takes a while, longer and longer until there was time
// enough on a slow machine for what it has to say.
func inTime(f func(d string) ran, want ...string) (r ran) {
	for d := 100 * time.Millisecond; d < time.Minute; d *= 4 {
		r = f(d.String())
		if !slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(r.out, s) }) {
			break
		}
	}
	return r
}

// subscribed runs "subscribe" and publishes values when it has printed something.
func subscribed(t *testing.T, uri string, values []string, args ...string) ran {
	t.Helper()
	out, w := io.Pipe()
	var errs, all bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- newApp(strings.NewReader(""), w, &errs).execute(context.Background(), append([]string{"subscribe"}, args...))
		_ = w.Close()
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := out.Read(b)
		all.Write(b[:n])
		if err != nil {
			return ran{<-code, all.String(), errs.String()}
		}
		if values != nil {
			require.Equal(t, ran{0, "", ""}, run("", append([]string{"publish", uri}, values...)...))
			values = nil
		}
	}
}

func TestSubscribeAndPublish(t *testing.T) {
	n := serveTest(t)
	uri := n.URI("/sensor")
	require.Equal(t, ran{0, "10\n21\n30\n", ""}, subscribed(t, uri, []string{"15", "21", "19", "30"}, "-n", "3", "--qos", "1", uri, "> 20"))
	r := subscribed(t, uri, []string{"29", "40"}, "-n", "2", "--qos", "1", "--json", "--compact", uri, "value > 29 or value in 1000..2000")
	require.Equal(t, 0, r.code, r.err)
	require.Regexp(t, `"payload":"30".*"reason":"first","filters_at":"publisher"}\n.*"payload":"40".*"confirmable":true.*"reason":"selected"`, r.out)
	require.Equal(t, ran{0, "40\n1\n", ""}, subscribed(t, uri, []string{"1"}, "-n", "2", "--qos", "1", "--lease", "1m", "--queue", "3", uri))

	r = inTime(func(d string) ran { return run("", "subscribe", "-d", d, n.URI("/+"), "> 1000") }, "/sensor 1\n", "/tick ")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, r.out, "/sensor 1\n")
	require.Contains(t, r.out, "/tick ")
	require.NotContains(t, r.out, "/hello")

	r = run("", "subscribe", n.URI("/hello"), "> 20")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "cannot be observed")
	r = run("", "subscribe", uri, "> or 20")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.err, "^")
	r = runTerminal("subscribe", "-n", "1", uri, "> 20")
	require.Equal(t, 0, r.code)
	require.Regexp(t, `^ +time  reason +filter +value *\n +\d+\.\d+s  first +publisher +1 +▁\n$`, r.out)
}

func TestSubscriptionsListed(t *testing.T) {
	n := serveTest(t)
	require.Equal(t, "[]", strings.TrimSpace(run("", "get", n.URI("/subscriptions")).out))
	for _, err := range n.Subscribe(t.Context(), n.URI("/sensor"), "value>20; con") {
		require.NoError(t, err)
		r := run("", "get", n.URI("/subscriptions"))
		require.Regexp(t, `^\[{"peer":"127.0.0.1:\d+","path":"/sensor","rule":"value > 20; con","qos":1,"age":[0-9.e-]+,"left":3\d+[0-9.]*,"sent":0,"dropped":0}\]\n?$`, r.out)
		break
	}
}

func TestPublish(t *testing.T) {
	n := serveTest(t)
	r := run("1\n2\n3\n", "publish", "--json", "--interval", "1ms", n.URI("/sensor"))
	require.Equal(t, 0, r.code)
	require.Regexp(t, `^{"published":3,"ms":[0-9.]+}\n$`, r.out)
	require.Equal(t, "3", run("", "get", n.URI("/sensor")).out)
	require.Equal(t, ran{0, "", ""}, run("", "publish", "--content-format", "json", n.URI("/sensor"), `{"value":4}`))
	r = run("", "publish", "--json", n.URI("/none"), "1", "2")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, `"published":0,"error":"4.04 Not Found"`)
}

func TestSparkline(t *testing.T) {
	require.Empty(t, sparkline(nil))
	require.Equal(t, "▁", sparkline([]float64{3}))
	require.Equal(t, "▁▄█", sparkline([]float64{0, 0.5, 1}))
	require.Equal(t, "█▁", sparkline([]float64{math.MaxFloat64, -math.MaxFloat64}))
	require.Equal(t, strings.Repeat("x", valueCols-1)+"…", clip(strings.Repeat("x", 100)))
}
