package actors

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// lead is a node whose network is a table: what is sent to it, and what it says.
type lead struct {
	recording
	t *testing.T
}

// What takes long on a busy machine is neither acknowledged early nor repeated.
func startLead(t *testing.T, cfg Config) (*Node, *lead) {
	w := &lead{t: t}
	cfg.SeparateAfter, cfg.Params.AckTimeout = time.Hour, time.Minute
	cfg.Open = func() (netio.Transport, error) { return w, nil }
	return startNode(t, cfg), w
}

// from lets datagrams in hex arrive together.
func (w *lead) from(peer string, datagrams ...string) {
	w.t.Helper()
	ds := make([]netio.Datagram, len(datagrams))
	for i, d := range datagrams {
		b, err := hex.DecodeString(strings.ReplaceAll(d, " ", ""))
		require.NoError(w.t, err)
		ds[i] = netio.Datagram{Data: b, Peer: netio.Peer{Addr: netip.MustParseAddrPort(peer + ":5683")}}
	}
	w.recv.Datagrams(ds)
}

// said takes what the node sends next.
func (w *lead) said() *codec.Message {
	w.t.Helper()
	m := &codec.Message{}
	require.NoError(w.t, m.Parse(w.take(w.t)))
	return m
}

const (
	first  = "127.0.0.2"
	second = "127.0.0.3"
	rule20 = "e4 0082 3e203230" // option 410, "> 20", after Uri-Path
)

// TestDeregistrationOvertakesItsRegistration: while the handler of a registration
// runs, the client changes its mind.
func TestDeregistrationOvertakesItsRegistration(t *testing.T) {
	for _, c := range []struct {
		name      string
		res       Resource
		meanwhile []string // while the handler of 4101 0001 42 60 5178 runs
		answers   int      // to them
		rule      string
		observes  bool // afterwards
	}{
		{name: "it is withdrawn", meanwhile: []string{"41010002 42 61 01 5178"}, answers: 1},
		{name: "with a rule", meanwhile: []string{"41010002 42 61 01 5178" + rule20}, answers: 1, rule: rule20},
		{name: "separately", res: Resource{Separate: true}, meanwhile: []string{"51010002 42 61 01 5178"}, answers: 2},
		{name: "of another token", meanwhile: []string{"41010002 43 61 01 5178"}, answers: 1, observes: true},
		{name: "of another resource", meanwhile: []string{"41010002 42 61 01 5179"}, answers: 1, observes: true},
		{name: "twice", meanwhile: []string{"41010002 42 61 01 5178", "41010003 42 61 01 5178"}, answers: 2},
		{name: "registered again after it", meanwhile: []string{"41010002 42 61 01 5178", "41010003 42 60 5178"}, answers: 2, observes: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, w := startLead(t, Config{})
			hold := make(chan struct{})
			calls := make(chan int, 8)
			count := 0
			c.res.Observable, c.res.Concurrency = true, 8
			c.res.Get = func(context.Context, *Request) (*Response, error) {
				turn := <-calls
				if turn == 0 {
					<-hold
				}
				return Text(strconv.Itoa(turn))
			}
			handle(t, n, "/x", c.res)
			handle(t, n, "/y", Resource{Observable: true, Get: text("y")})
			called := func() { calls <- count; count++ }
			called()
			w.from(first, "41010001 42 60 5178"+c.rule)
			eventually(t, func() bool { return len(calls) == 0 }, "its handler runs")
			for _, m := range c.meanwhile {
				called()
				w.from(first, m)
			}
			for range c.answers {
				w.said()
			}
			close(hold)
			var answer *codec.Message
			for answer == nil || string(answer.Payload) != "0" {
				answer = w.said()
			}
			require.Equal(t, codec.Content, answer.Code)
			require.Equal(t, c.observes && !strings.Contains(c.name, "again"), answer.Options.Has(codec.OptionObserve))
			require.False(t, c.rule != "" && answer.Options.Has(codec.OptionRule))
			eventually(t, func() bool { return n.Stats().Observe.Observers == map[bool]int{true: 1}[c.observes] }, "observers")
			if c.res.Separate {
				w.from(first, "7000"+hex4(answer.MessageID)) // rejected
			}
			none := make(chan int)
			eventually(t, func() bool { n.soon(func() { none <- len(n.shard.obs.registering) }); return <-none == 0 }, "nothing is remembered")
		})
	}
}

// TestDeregistrationBesideItsRegistration: both come at once.
func TestDeregistrationBesideItsRegistration(t *testing.T) {
	for _, inline := range []bool{true, false} {
		n, w := startLead(t, Config{})
		handle(t, n, "/x", Resource{Observable: true, Inline: inline, Get: text("x")})
		w.from(first, "41010001 42 60 5178", "41010002 42 61 01 5178", "41010003 43 60 5178")
		observed := 0
		for range 3 {
			if m := w.said(); m.Options.Has(codec.OptionObserve) {
				require.Equal(t, "43", m.Token.String())
				observed++
			}
		}
		require.Equal(t, 1, observed)
		eventually(t, func() bool { return n.Stats().Observe.Observers == 1 }, "the other one observes")
	}
}

// TestWithdrawnRenewal: a renewal that is overtaken does not bring back what has
// ended.
func TestWithdrawnRenewal(t *testing.T) {
	n, w := startLead(t, Config{})
	hold := make(chan struct{}, 8)
	handle(t, n, "/x", Resource{Observable: true, Get: func(context.Context, *Request) (*Response, error) {
		<-hold
		return Text("x")
	}})
	hold <- struct{}{}
	w.from(first, "41010001 42 60 5178")
	require.True(t, w.said().Options.Has(codec.OptionObserve))
	w.from(first, "41010002 42 60 5178")
	eventually(t, func() bool { return n.Stats().Requests == 2 }, "the renewal")
	w.from(first, "41010003 42 61 01 5178")
	eventually(t, func() bool { return n.Stats().Observe.Observers == 0 }, "at once")
	close(hold)
	require.False(t, w.said().Options.Has(codec.OptionObserve))
	require.False(t, w.said().Options.Has(codec.OptionObserve))
	require.Zero(t, n.Stats().Observe.Observers)
}

// hex4 is a message ID in hex.
func hex4(mid uint16) string { return fmt.Sprintf("%04x", mid) }
