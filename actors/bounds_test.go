package actors

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// strangers are peers of a node that speak in messages, on wires.
type strangers struct {
	*wires
	n   *Node
	end *wire
	got []string // what the node has sent to them, as "1 ACK 2.05"
	raw []codec.Message
}

func newStrangers(t testing.TB, cfg Config) *strangers {
	w := newWires(t, 1)
	n, end := w.node(cfg)
	s := &strangers{wires: w, n: n, end: end}
	w.stray = func(_ *wire, d *netio.Datagram) {
		var m codec.Message
		require.NoError(t, m.Parse(slices.Clone(d.Data)))
		s.raw = append(s.raw, m)
		s.got = append(s.got, fmt.Sprintf("%d %v %d.%02d", d.Peer.Addr.Addr().As4()[3], m.Type, m.Code.Class(), m.Code.Detail()))
	}
	t.Cleanup(func() { s.pass(time.Hour, 10*time.Second) })
	return s
}

func stranger(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 5683)
}

func (s *strangers) datagram(i int, t codec.Type, code codec.Code, mid uint16, path string) netio.Datagram {
	m := codec.Message{Type: t, Code: code, MessageID: mid}
	if path != "" {
		m.Options = codec.Options{codec.URIPath(path)}
	}
	data, err := m.Append(nil)
	require.NoError(s.t, err)
	return netio.Datagram{Data: data, Peer: netio.Peer{Addr: stranger(i)}, Local: s.end.addr}
}

// send sends messages to the node as one batch, and returns what it answers when
// its handlers have returned.
func (s *strangers) send(ds ...netio.Datagram) []string {
	s.got, s.raw = nil, nil
	s.end.recv.Datagrams(ds)
	s.until(func() bool { return s.runner.running.Load() == 0 })
	return s.got
}

// A resource that is removed while its first calls are on their way to its
// supervisor loses none of them.
func TestCallsOnTheirWayToAResourceThatIsRemoved(t *testing.T) {
	var route *Route
	seen := 0
	s := newStrangers(t, Config{Tap: func(e TapEvent) {
		if seen++; e.Direction == Received && seen == 2 {
			// As if Remove came after the look-up of this request.
			route.node.shard.post(route.node.shard.resources, removed{route})
		}
	}})
	route = handle(t, s.n, "/x", Resource{Inline: true, Get: text("x")})
	settled := make(chan struct{})
	s.n.shard.loop.Schedule(func() { // two batches that the endpoint handles in one go
		s.end.recv.Datagrams([]netio.Datagram{s.datagram(1, codec.CON, codec.GET, 1, "x")})
		s.end.recv.Datagrams([]netio.Datagram{s.datagram(2, codec.CON, codec.GET, 1, "x")})
		close(settled)
	})
	<-settled
	s.carry()
	require.ElementsMatch(t, []string{"1 ACK 2.05", "2 ACK 4.04"}, s.got)
	require.Zero(t, s.n.Stats().Exchanges)
	requireAccounts(t, s.n)
}

// Separate responses that nobody acknowledges hold half of the exchanges at
// most: the oldest is given up.
func TestSeparateResponsesThatNobodyAcknowledges(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{Exchanges: 8}})
	handle(t, s.n, "/s", Resource{Separate: true, Get: text("s")})
	for i := range 20 {
		got := s.send(s.datagram(i, codec.CON, codec.GET, 1, "s"))
		require.Equal(t, []string{fmt.Sprintf("%d ACK 0.00", i), fmt.Sprintf("%d CON 2.05", i)}, got)
	}
	require.Equal(t, 4, s.n.Stats().Exchanges)
	require.EqualValues(t, 16, s.n.Stats().Abandoned)
	// One that has not had its turn, because of a request of the node's own, is
	// sent once, as NON.
	call := s.n.Go(Request{URI: "coap://" + stranger(30).String()}, nil)
	var got []string
	for mid := range uint16(6) {
		got = append(got, s.send(s.datagram(30, codec.CON, codec.GET, mid, "s"))...)
	}
	require.Equal(t, 2, len(slices.DeleteFunc(got, func(m string) bool { return m != "30 NON 2.05" })))
	require.Equal(t, 4+1, s.n.Stats().Exchanges)
	call.Cancel()
}

// What handlers on goroutines have, and wait for, is bounded in bytes too; so
// are the separate responses that nobody acknowledges, and what waits for its
// leisure.
func TestBytesOfRequestsBeingServed(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{ServingBytes: 1000}, SeparateAfter: time.Hour})
	h := newHeld()
	handle(t, s.n, "/go", Resource{Post: h.handler, Concurrency: 1})
	handle(t, s.n, "/inline", Resource{Inline: true, Post: text("inline")})
	long := make([]byte, 600)
	handle(t, s.n, "/sep", Resource{Separate: true, Concurrency: 1, Post: func(context.Context, *Request) (*Response, error) { return Bytes(codec.TextPlain, long) }})
	handle(t, s.n, "/multi", Resource{Inline: true, Multicast: true, Get: func(context.Context, *Request) (*Response, error) {
		return &Response{Options: codec.Options{codec.OpaqueOption(65000, make([]byte, 50_000))}}, nil
	}})
	post := func(i, size int, path string) []string {
		d := s.datagram(i, codec.CON, codec.POST, 1, path)
		d.Data = append(append(d.Data, 0xff), make([]byte, size)...)
		s.got = nil
		s.end.recv.Datagrams([]netio.Datagram{d})
		s.carry()
		return s.got
	}
	require.Empty(t, post(1, 600, "go"))
	require.Empty(t, post(2, 300, "go"), "it waits")
	require.Equal(t, []string{"3 ACK 5.03"}, post(3, 100, "go"))
	require.Equal(t, []string{"4 ACK 2.04"}, post(4, 600, "inline"), "this takes no memory")
	require.Equal(t, 900+2*(4+3+1), s.n.Stats().ServingBytes) // header, path, marker
	require.EqualValues(t, 1, s.n.Stats().Shed)
	for range 2 {
		h.let <- struct{}{}
	}
	s.until(func() bool { return s.runner.running.Load() == 0 })
	require.Zero(t, s.n.Stats().ServingBytes)
	require.Empty(t, post(3, 900, "go"), "there is room again")
	// Handlers that go on when their peer has given up still have the memory.
	s.pass(s.n.params.ExchangeLifetime()+time.Second, time.Minute)
	require.Zero(t, s.n.Stats().Exchanges)
	require.Equal(t, []string{"5 ACK 5.03"}, post(5, 100, "go"))
	h.let <- struct{}{}
	s.until(func() bool { return s.runner.running.Load() == 0 })
	require.Zero(t, s.n.Stats().ServingBytes)
	requireAccounts(t, s.n)

	for i := range 4 {
		post(10+i, 1, "sep")
		s.until(func() bool { return s.runner.running.Load() == 0 })
	}
	require.EqualValues(t, 3, s.n.Stats().Abandoned)
	require.Equal(t, 1, s.n.Stats().Exchanges)

	before := s.n.Stats().Unsent
	for i := range 30 {
		d := s.datagram(20+i, codec.NON, codec.GET, 1, "multi")
		d.Multicast = true
		s.end.recv.Datagrams([]netio.Datagram{d})
	}
	s.carry()
	require.EqualValues(t, 30-maxDelayedBytes/50_000, s.n.Stats().Unsent-before)
	s.pass(10*time.Minute, 10*time.Second)
	requireRest(t, s.n, func(yield func(netip.AddrPort) bool) {
		for i := range 50 {
			if !yield(stranger(i)) {
				return
			}
		}
	})
}

// A separate response that waits for its turn is given up when its peer cannot
// be waiting for it any more.
func TestSeparateResponseThatWaitsTooLong(t *testing.T) {
	s := newStrangers(t, Config{})
	handle(t, s.n, "/s", Resource{Separate: true, Get: text("s")})
	for mid := range uint16(20) {
		s.send(s.datagram(1, codec.CON, codec.GET, mid, "s"))
	}
	require.Equal(t, 20, s.n.Stats().Exchanges)
	p := s.n.params
	s.pass(p.ExchangeLifetime()+p.MaxTransmitWait(), time.Second)
	require.EqualValues(t, 20, s.n.Stats().Unacknowledged)
	requireRest(t, s.n, func(yield func(netip.AddrPort) bool) { yield(stranger(1)) })
}

// Requests that must not be executed twice pin half of the peers at most, so
// that others can always be served.
func TestPeersThatAreKeptLeaveRoomForOthers(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{Peers: 4}})
	handle(t, s.n, "/x", Resource{Inline: true, Get: text("x"), Post: text("x")})
	for i, want := range []string{"0 ACK 2.04", "1 ACK 2.04", "2 ACK 5.03"} {
		require.Equal(t, []string{want}, s.send(s.datagram(i, codec.CON, codec.POST, 1, "x")))
	}
	for i := range 50 {
		require.Equal(t, []string{fmt.Sprintf("%d ACK 2.05", i)}, s.send(s.datagram(i, codec.CON, codec.GET, 2, "x")))
	}
	require.Equal(t, 2, s.n.Stats().PeersPinned)
	require.Positive(t, s.n.Stats().PeersEvicted)
	s.pass(s.n.params.ExchangeLifetime()+time.Second, time.Minute)
	require.Equal(t, []string{"3 ACK 2.04"}, s.send(s.datagram(3, codec.CON, codec.POST, 1, "x")))
}

// Requests that come to nothing do not take the room of those that must be
// remembered.
func TestRefusedRequestsAreNotRemembered(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{KeptBytes: 1024}})
	handle(t, s.n, "/x", Resource{Inline: true, Get: text("x")})
	handle(t, s.n, "/count", Resource{Inline: true, Post: text("x")})
	for mid := range uint16(200) {
		for _, path := range []string{"x", "none"} {
			s.send(s.datagram(1, codec.CON, codec.POST, mid, path), s.datagram(1, codec.NON, codec.POST, mid, path))
		}
	}
	require.Equal(t, []string{"1 ACK 2.04"}, s.send(s.datagram(1, codec.CON, codec.POST, 1000, "count")))
	st := requireAccounts(t, s.n)
	require.EqualValues(t, 800, st.Refused)
	require.Zero(t, st.NotRemembered)
	require.Zero(t, st.Duplicates)
}

// A request that finds no room in a resource's backlog is not answered so for
// ever: its retransmission is a new try.
func TestRetransmissionAfterAFullBacklog(t *testing.T) {
	s := newStrangers(t, Config{})
	begun, release := make(chan struct{}, 2), make(chan struct{})
	handle(t, s.n, "/x", Resource{Concurrency: 1, Backlog: -1, Post: func(context.Context, *Request) (*Response, error) {
		begun <- struct{}{}
		<-release
		return nil, nil
	}})
	s.end.recv.Datagrams([]netio.Datagram{s.datagram(1, codec.CON, codec.POST, 1, "x")})
	<-begun
	second := s.datagram(2, codec.CON, codec.POST, 1, "x")
	s.end.recv.Datagrams([]netio.Datagram{second})
	s.carry()
	require.Equal(t, []string{"2 ACK 5.03"}, s.got)
	close(release)
	s.until(func() bool { return s.runner.running.Load() == 0 })
	s.carry()
	require.Equal(t, []string{"2 ACK 2.04"}, s.send(second))
	st := requireAccounts(t, s.n)
	require.EqualValues(t, 1, st.Shed)
	require.EqualValues(t, 2, st.Requests)
}

// A peer that was forgotten and comes back is given message IDs that it has not
// had within EXCHANGE_LIFETIME (RFC 7252 §4.4).
func TestMessageIDsOfAPeerThatWasForgotten(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{Peers: 1}})
	handle(t, s.n, "/x", Resource{Inline: true, Get: text("x")})
	used := map[uint16]bool{}
	lifetime := s.n.params.ExchangeLifetime()
	for mid := range uint16(1000) {
		s.send(s.datagram(1, codec.NON, codec.GET, mid, "x"))
		id := s.raw[0].MessageID
		require.False(t, used[id], "message ID %d once more, after %d", id, mid)
		used[id] = true
		s.send(s.datagram(2, codec.NON, codec.GET, mid, "x")) // the other is forgotten
		s.clock.advance(lifetime / 1001)
	}
	require.EqualValues(t, 1999, s.n.Stats().PeersEvicted)
}

// Bursts of long datagrams leave no memory behind.
func TestSpareBatchesAreBounded(t *testing.T) {
	s := newStrangers(t, Config{})
	held := make([]*inbatch, 300)
	for i := range held {
		held[i] = s.n.shard.takeBatch()
		held[i].refs, held[i].buf = 1, make([]byte, 0, 60<<10)
	}
	for _, b := range held {
		b.unref()
	}
	require.LessOrEqual(t, s.n.shard.batchBytes, maxSpareBytes)
	require.Len(t, s.n.shard.batches, maxSpareBytes/(60<<10))
	for range s.n.shard.batches {
		s.n.shard.takeBatch()
	}
	require.Zero(t, s.n.shard.batchBytes)
}

// A call has its own NSTART: what waits behind one with a low limit begins with
// it when that is met, and when what it waited behind is cancelled.
func TestCallsHaveTheirOwnNSTART(t *testing.T) {
	w := newWires(t, 1)
	n, end := w.node(Config{})
	var sent []netio.Datagram
	w.stray = func(_ *wire, d *netio.Datagram) {
		sent = append(sent, netio.Datagram{Data: slices.Clone(d.Data), Peer: d.Peer, Local: end.addr})
	}
	ask := func(nstart int) *Call {
		return n.Go(Request{URI: "coap://" + stranger(1).String() + "/", Params: protocol.Params{NStart: nstart}, Timeout: time.Hour}, nil)
	}
	reset := func(d netio.Datagram) {
		d.Data = d.Data[:codec.HeaderLen]
		d.Data[0], d.Data[1] = 0x70, 0
		end.recv.Datagrams([]netio.Datagram{d})
		w.carry()
	}
	for _, nstart := range []int{1, 1, 3, 3, 3} {
		ask(nstart)
	}
	alone := ask(1)
	ask(4)
	w.carry()
	require.Len(t, sent, 1)
	reset(sent[0])
	require.Len(t, sent, 4, "three at once")
	reset(sent[1])
	require.Len(t, sent, 5)
	alone.Cancel() // it waits for all others
	w.carry()
	require.Len(t, sent, 6, "what waited behind it")
	for _, d := range sent[2:] {
		reset(d)
	}
	require.Zero(t, n.Stats().Exchanges)
}
