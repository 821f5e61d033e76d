package interop

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/cmd/coap2/interop/relay"
)

const (
	// lossySeed decides which datagrams are lost. Under this one, some messages
	// need all the transmissions that the relay can make them need.
	lossySeed = 1
	loss      = 0.3
	// worst is how many transmissions a message needs at most, and how often a
	// non-confirmable request is made at most.
	worst = 4
)

// badNetwork is a relay with what is known of it afterwards.
type badNetwork struct {
	*relay.Relay
	log      []string // written under the relay's lock
	attempts int      // the most transmissions of one message
}

func startRelay(t *testing.T, target netip.AddrPort) *badNetwork {
	t.Helper()
	b := &badNetwork{}
	r, err := relay.New(lossySeed, target, relay.Config{Loss: loss, MaxConsecutive: worst - 1, Tap: func(e relay.Event) {
		b.attempts = max(b.attempts, e.Attempt)
		if len(b.log) < 5000 {
			b.log = append(b.log, e.String())
		}
	}})
	require.NoError(t, err)
	b.Relay = r
	t.Cleanup(func() {
		_ = r.Close()
		s := r.Stats()
		t.Logf("relay to %v: %d datagrams, %d of them lost, %d clients, at most %d transmissions of one message",
			target, s.Lost+s.Passed, s.Lost, s.Clients, b.attempts)
		if t.Failed() {
			t.Logf("%s", strings.Join(b.log, "\n"))
		}
		if s.Lost == 0 {
			t.Error("nothing was lost")
		}
	})
	return b
}

// job is one exchange over a bad network. run returns "" or what went wrong.
type job struct {
	name string
	run  func() (complaint string)
}

// together runs jobs at the same time, since nearly all of their time is
// waiting, and reports each as a subtest. (Parallel subtests would run only as
// many at a time as there are processors.)
func together(t *testing.T, jobs []job) {
	t.Helper()
	type outcome struct {
		name, complaint string
		took            time.Duration
	}
	outcomes := make([]outcome, len(jobs))
	var wg sync.WaitGroup
	for i, j := range jobs {
		wg.Go(func() {
			start := time.Now()
			outcomes[i] = outcome{j.name, j.run(), time.Since(start)}
		})
	}
	wg.Wait()
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) {
			if o.complaint != "" {
				t.Fatalf("after %v: %s", o.took, o.complaint)
			}
		})
	}
	slices.SortFunc(outcomes, func(a, b outcome) int { return cmp.Compare(b.took, a.took) })
	for _, o := range outcomes[:min(len(outcomes), 5)] {
		t.Logf("%6.1f s: %s", o.took.Seconds(), o.name)
	}
}

// TestLossyNetwork: with a third of all datagrams lost, every confirmable
// exchange succeeds, and is executed once where our side serves it; of
// non-confirmable requests of one content one in four is answered.
func TestLossyNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes up to a minute")
	}
	client := peer(t, libcoapClient)
	bin := coap2(t)
	dir := t.TempDir()
	jobs := lossyBlocks(t, client, bin)
	for _, host := range hosts {
		serve := startRelay(t, startServe(t, host)).Addr().String()
		jobs = append(jobs, lossyServe(client, dir, host, serve)...)

		echo := startEcho(t, host, protocol.Params{AckTimeout: 500 * time.Millisecond, MaxRetransmit: 7})
		jobs = append(jobs, lossyEcho(client, dir, host, startRelay(t, echo.addr).Addr().String(), echo)...)

		target := startLibcoap(t, host)
		bad := startRelay(t, target).Addr().String()
		direct := askNode(startNode(t, host, defaults))
		jobs = append(jobs, lossyLibcoap("command "+host, askCommand(bin), direct, bad, target.String())...)
		for i := range 10 {
			// Nodes that do not wait as long, and are many.
			quick := askNode(startNode(t, host, protocol.Params{AckTimeout: 300 * time.Millisecond, MaxRetransmit: 7}))
			jobs = append(jobs, lossyLibcoap(fmt.Sprintf("node%d %s", i, host), quick, direct, bad, target.String())...)
		}
	}
	together(t, jobs)
}

// lossyServe is libcoap's client asking "coap2 serve". Each job has a resource of
// its own, so that they do not disturb each other.
func lossyServe(client, dir, host, authority string) (jobs []job) {
	for _, c := range []struct {
		m               method
		path            string
		more            []string
		status, payload string
	}{
		{get, "/hello", nil, "2.05", "hello world"},
		{get, "/query?a=1&b=2", nil, "2.05", "a=1\nb=2"},
		{get, "/nope", nil, "4.04", ""},
		{put, "/create1", []string{"-e", "one"}, "2.01", ""},
		{put, "/test", []string{"-e", "one"}, "2.04", ""},
		{post, "/location-query", []string{"-e", "one"}, "2.01", ""},
		{post, "/root/child", []string{"-t", "application/json", "-e", `{"temp":9}`}, "2.04", "It's getting cold !"},
		{del, "/validate", nil, "2.02", ""},
		{get, "/separate", nil, "2.05", "this took its time"},
		{get, "/root/child/private", nil, "2.05", "this is private, and was not easy to find"},
		{post, "/root/child/private", []string{"-e", "one"}, "2.04", "this is private, and was not easy to find"},
	} {
		jobs = append(jobs, job{fmt.Sprintf("libcoap asks serve %s %s %s", host, c.m.code.Name(), c.path), func() string {
			a := ask(client, dir, append(append([]string{"-m", c.m.name}, c.more...), "coap://"+authority+c.path)...)
			if a.status != c.status || a.payload != c.payload {
				return fmt.Sprintf("want %s %q, got %s %q: %v", c.status, c.payload, a.status, a.payload, a)
			}
			return ""
		}})
	}
	return jobs
}

// lossyEcho is libcoap's client asking a node with every method.
func lossyEcho(client, dir, host, authority string, server *echoServer) (jobs []job) {
	for _, r := range requests() {
		jobs = append(jobs, job{fmt.Sprintf("libcoap asks node %s %v", host, r), func() string {
			args := r.libcoapArgs(authority)
			tries := 1
			if r.non {
				args = append([]string{"-B", "5"}, args...)
				tries = worst
			}
			want := echo(r.code.Name(), r.path, r.body)
			var a answer
			for range tries {
				if a = ask(client, dir, args...); a.status != "" {
					break
				}
			}
			if a.status != r.success() || a.payload != want {
				return fmt.Sprintf("want %s %q, got %s %q: %v", r.success(), want, a.status, a.payload, a)
			}
			if n := server.executions(r.code.Name(), r.path); n > 1 && !r.non {
				return fmt.Sprintf("it was executed %d times: %v", n, a)
			}
			return ""
		}})
	}
	return jobs
}

// lossyLibcoap is one of ours asking libcoap's server, in one job for each
// method; direct prepares and checks over a network that loses nothing. That
// server executes retransmissions again (RFC 7252 §4.5 lets it, for idempotent
// requests), so a second execution's response will do, too.
func lossyLibcoap(name string, ask, direct asker, authority, target string) (jobs []job) {
	uri, good := "coap://"+authority, "coap://"+target
	path := func(m method) string { return "/" + strings.ReplaceAll(name, " ", "-") + "-" + m.name }
	expect := func(r reply, payload string, statuses ...string) string {
		if !slices.Contains(statuses, r.status) || r.payload != payload {
			return fmt.Sprintf("want %v %q, got %s %q: %v", statuses, payload, r.status, r.payload, r)
		}
		return ""
	}
	add := func(what string, run func() string) {
		jobs = append(jobs, job{name + " asks libcoap " + what, run})
	}
	add("GET", func() string {
		return expect(ask(get, false, uri+"/nope?"+path(get), ""), "Not Found", "4.04")
	})
	add("PUT", func() string {
		if bad := expect(ask(put, false, uri+path(put), "one"), "", "2.01", "2.04"); bad != "" {
			return bad
		}
		return expect(direct(get, false, good+path(put), ""), "one", "2.05")
	})
	add("POST", func() string {
		if bad := expect(direct(put, false, good+path(post), "one"), "", "2.01"); bad != "" {
			return bad
		}
		if bad := expect(ask(post, false, uri+path(post), "two"), "", "2.04"); bad != "" {
			return bad
		}
		return expect(direct(get, false, good+path(post), ""), "two", "2.05")
	})
	add("DELETE", func() string {
		if bad := expect(direct(put, false, good+path(del), "one"), "", "2.01"); bad != "" {
			return bad
		}
		r := ask(del, false, uri+path(del), "")
		if r.payload == "Deleted" {
			r.payload = "" // what it says when there is nothing to delete any more
		}
		if bad := expect(r, "", "2.02"); bad != "" {
			return bad
		}
		return expect(direct(get, false, good+path(del), ""), "Not Found", "4.04")
	})
	add("separate GET", func() string {
		return expect(ask(get, false, uri+"/async?1", ""), "done", "2.05")
	})
	add("NON GET", func() string {
		var r reply
		for range worst {
			if r = ask(get, true, uri+"/nope?non="+path(get), ""); r.status != "" {
				break
			}
		}
		return expect(r, "Not Found", "4.04")
	})
	return jobs
}
