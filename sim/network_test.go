package sim_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// arrival is a datagram that a peer has received.
type arrival struct {
	at   time.Duration
	text string
}

// dialogue makes a World with two peers; what q receives is kept.
func dialogue(t testing.TB, seed uint64) (w *sim.World, p, q *sim.Peer, got *[]arrival) {
	w = sim.New(seed)
	t.Cleanup(w.Close)
	p, err := w.Peer("p")
	require.NoError(t, err)
	q, err = w.Peer("q")
	require.NoError(t, err)
	got = &[]arrival{}
	q.OnReceive = func(d netio.Datagram) { *got = append(*got, arrival{w.Elapsed(), string(d.Data)}) }
	return w, p, q, got
}

func send(t testing.TB, from, to *sim.Peer, texts ...string) {
	for _, s := range texts {
		require.NoError(t, from.Send(to.Addr(), []byte(s)))
	}
}

func TestLink(t *testing.T) {
	w, p, q, got := dialogue(t, 1)
	send(t, p, q, "default")
	w.RunFor(time.Second)
	require.NoError(t, w.Link("", "", sim.Link{}))
	send(t, p, q, "perfect")
	w.RunFor(0)
	require.NoError(t, w.Link("p", "", sim.Link{Latency: 10 * time.Millisecond}))
	require.NoError(t, w.Link("q", "p", sim.Link{Latency: time.Hour}))
	send(t, p, q, "from p")
	w.RunFor(time.Second)
	require.NoError(t, w.Link("", "q", sim.Link{Latency: 20 * time.Millisecond}))
	send(t, p, q, "to q")
	w.RunFor(time.Second)
	require.NoError(t, w.Link("", "", sim.Link{Latency: 30 * time.Millisecond}))
	require.NoError(t, w.Link("p", "", sim.Link{Latency: 40 * time.Millisecond}))
	send(t, p, q, "from p again")
	w.RunFor(time.Second)
	require.Equal(t, []arrival{
		{time.Millisecond, "default"}, {time.Second, "perfect"}, {1010 * time.Millisecond, "from p"},
		{2020 * time.Millisecond, "to q"}, {3040 * time.Millisecond, "from p again"},
	}, *got)
}

func TestChance(t *testing.T) {
	const n = 5000
	w, p, q, got := dialogue(t, 1)
	run := func(l sim.Link) []arrival {
		*got = (*got)[:0]
		require.NoError(t, w.Link("", "", l))
		start := w.Elapsed()
		for range n {
			send(t, p, q, "x")
		}
		w.RunFor(time.Minute)
		for i := range *got {
			(*got)[i].at -= start
		}
		return *got
	}
	share := func(count int, want float64) {
		t.Helper()
		require.InDelta(t, want, float64(count)/n, 0.03)
	}
	share(len(run(sim.Link{Loss: 0.3})), 0.7)
	share(len(run(sim.Link{Duplicate: 0.2})), 1.2)
	share(len(run(sim.Link{Loss: 1})), 0)
	late := 0
	for _, a := range run(sim.Link{Latency: time.Second, Jitter: time.Second}) {
		require.True(t, a.at >= time.Second && a.at < 2*time.Second)
		if a.at >= 1500*time.Millisecond {
			late++
		}
	}
	share(late, 0.5)
	late = 0
	for _, a := range run(sim.Link{Reorder: 0.25}) {
		require.Less(t, a.at, 100*time.Millisecond)
		if a.at > 0 {
			late++
		}
	}
	share(late, 0.25)
}

func TestFaults(t *testing.T) {
	w, p, q, got := dialogue(t, 1)
	require.NoError(t, w.Link("", "", sim.Link{}))
	texts := func() (s []string) {
		for _, a := range *got {
			s = append(s, a.text)
		}
		*got = (*got)[:0]
		return s
	}
	try := func(f sim.Fault, texts ...string) (remove func()) {
		remove = w.Fault(f)
		send(t, p, q, texts...)
		w.RunFor(time.Second)
		return remove
	}
	drop := sim.Verdict{Drop: true}

	try(sim.Fault{From: "p", To: "q", Nth: []int{1, 3}, Verdict: drop}, "a", "b", "c", "d")()
	require.Equal(t, []string{"b", "d"}, texts())
	try(sim.Fault{From: "q", Verdict: drop}, "a")()
	require.Equal(t, []string{"a"}, texts())
	remove := try(sim.Fault{Since: 3 * time.Second, Until: 4 * time.Second, Verdict: drop}, "at 2 s")
	send(t, p, q, "at 3 s")
	w.RunFor(time.Second)
	send(t, p, q, "at 4 s")
	w.RunFor(time.Second)
	remove()
	remove()
	require.Equal(t, []string{"at 2 s", "at 4 s"}, texts())
	try(sim.Fault{Match: func(p *sim.Packet) bool { return string(p.Data) == "b" }, Nth: []int{2}, Verdict: drop}, "a", "b", "b", "b", "c")()
	require.Equal(t, []string{"a", "b", "b", "c"}, texts())
	try(sim.Fault{Nth: []int{1}, Verdict: sim.Verdict{Delay: time.Millisecond}}, "a", "b")()
	require.Equal(t, []string{"b", "a"}, texts())
	try(sim.Fault{Nth: []int{2}, Verdict: sim.Verdict{Copies: 2}}, "a", "b")()
	require.Equal(t, []string{"a", "b", "b", "b"}, texts())
	upper := func(b []byte) []byte { return []byte(strings.ToUpper(string(b))) }
	remove = w.Fault(sim.Fault{Verdict: sim.Verdict{Edit: func(b []byte) []byte { return append(b, "bc"...) }}})
	try(sim.Fault{Verdict: sim.Verdict{Edit: upper}}, "a")()
	require.Equal(t, []string{"ABC"}, texts())
	remove()
	try(sim.Fault{Judge: func(p *sim.Packet) sim.Verdict {
		require.Equal(t, "p", p.From)
		require.Equal(t, "q", p.To)
		require.Equal(t, w.Addr("p"), p.Source)
		require.Equal(t, w.Addr("q"), p.Dest)
		require.Equal(t, w.Now(), p.At)
		_, err := p.Message()
		require.ErrorIs(t, err, codec.ErrTruncated)
		return sim.Verdict{Drop: string(p.Data) == "a"}
	}}, "a", "b")()
	require.Equal(t, []string{"b"}, texts())
	require.Empty(t, texts())
}

func TestUnreachable(t *testing.T) {
	w, p, q, got := dialogue(t, 1)
	require.NoError(t, w.Link("", "", sim.Link{Latency: 10 * time.Millisecond}))
	gone := errors.New("gone")
	w.Fault(sim.Fault{From: "p", Verdict: sim.Verdict{Unreachable: gone}})
	var news []netio.Datagram
	p.OnReceive = func(d netio.Datagram) {
		d.Data = []byte(string(d.Data))
		news = append(news, d)
	}
	send(t, p, q, strings.Repeat("x", 600))
	w.RunFor(19 * time.Millisecond)
	require.Empty(t, news)
	w.RunFor(time.Millisecond)
	require.Empty(t, *got)
	require.Len(t, news, 1)
	require.ErrorIs(t, news[0].Err, gone)
	require.Equal(t, q.Addr(), news[0].Peer.Addr)
	require.Equal(t, p.Addr(), news[0].Local)
	require.Equal(t, strings.Repeat("x", 548), string(news[0].Data))
}

// TestBatches: what arrives at one moment comes as one batch, in order.
func TestBatches(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	var trace strings.Builder
	w.TraceTo(&trace)
	b, err := w.Node("b", actors.Config{})
	require.NoError(t, err)
	handle(t, b, "/x", actors.Resource{Inline: true, Get: hello})
	p, err := w.Peer("p")
	require.NoError(t, err)
	for mid := range 3 {
		require.NoError(t, p.Send(w.Addr("b"), []byte{0x50, 1, 0, byte(mid), 0xb1, 'x'}))
	}
	w.RunFor(time.Second)
	lines := strings.Split(strings.TrimSpace(trace.String()), "\n")
	var kinds strings.Builder
	for _, l := range lines {
		switch {
		case strings.Contains(l, "p → b") && strings.HasSuffix(l, "delivered"):
			kinds.WriteByte('d')
		case strings.Contains(l, "handles"):
			kinds.WriteByte('h')
		case strings.Contains(l, "b → p") && !strings.HasSuffix(l, "delivered"):
			kinds.WriteByte('a')
		}
	}
	require.Equal(t, "dddhhhaaa", kinds.String())
}

// TestTransport: the transport of the network is one by the rules of netio.
func TestTransport(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	opened := 0
	a, err := w.Node("a", actors.Config{Listen: []string{"10.1.1.1:1000", "[2001:db8::1]:5683"},
		Setup: func(*actors.Node) error { opened++; return nil }, Tap: func(actors.TapEvent) { opened++ }})
	require.NoError(t, err)
	require.Equal(t, 1, opened)
	require.Equal(t, []netip.AddrPort{netip.MustParseAddrPort("10.1.1.1:1000"), netip.MustParseAddrPort("[2001:db8::1]:5683")}, a.Addrs())
	b, err := w.Node("b", actors.Config{Listen: []string{":1000"}})
	require.NoError(t, err)
	require.Equal(t, "10.0.0.1:1000", b.Addrs()[0].String())
	_, err = w.Node("c", actors.Config{Listen: []string{"10.0.0.1:1000"}})
	require.ErrorContains(t, err, `belongs to "b"`)
	handle(t, a, "/x", actors.Resource{Get: hello})
	res, err := b.Get(context.Background(), "coap://a:1000/x")
	require.NoError(t, err)
	require.Equal(t, "hello", string(res.Payload))
	require.Equal(t, 3, opened, "the tap of the caller's is called too")

	boom := errors.New("boom")
	_, err = w.Node("d", actors.Config{Setup: func(*actors.Node) error { return boom }})
	require.ErrorIs(t, err, boom)
	_, err = w.Node("d", actors.Config{})
	require.NoError(t, err, "a node that has not come to be leaves its name free")
}

// allNodes is the address of All CoAP Nodes (RFC 7252 §12.8).
var allNodes = netip.MustParseAddrPort("224.0.1.187:5683")
