package actors

import (
	"context"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// observing returns a request with an Observe option, as from the i-th source.
func (s *strangers) observing(i int, mid uint16, observe uint32, token uint64, path string, query ...string) netio.Datagram {
	m := codec.Message{Code: codec.GET, MessageID: mid, Token: codec.TokenFromUint64(token), Options: codec.Options{codec.Observe(observe), codec.URIPath(path)}}
	for _, q := range query {
		m.Options = m.Options.Add(codec.URIQuery(q))
	}
	return s.from(i, &m)
}

func (s *strangers) from(i int, m *codec.Message) netio.Datagram {
	data, err := m.Append(nil)
	require.NoError(s.t, err)
	at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 5683)
	return netio.Datagram{Data: data, Peer: netio.Peer{Addr: at}, Local: s.end.addr}
}

// register sends a request with Observe 0 and returns the Observe option of the
// answer; ok is false without one.
func (s *strangers) register(i int, mid uint16, token uint64, path string, query ...string) (v uint64, ok bool) {
	s.send(s.observing(i, mid, 0, token, path, query...))
	require.Len(s.t, s.raw, 1)
	require.Equal(s.t, codec.Content, s.raw[0].Code)
	return s.raw[0].Options.Uint(codec.OptionObserve)
}

// TestFloodOfObservers: registrations with forged sources are bounded, cost
// others nothing, and are forgotten when nobody acknowledges.
func TestFloodOfObservers(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{Peers: 400, ObserversPerPeer: 8, Observers: 90}})
	state, _ := Text("x")
	route := handle(t, s.n, "/x", Resource{Observable: true, Inline: true, Get: constant(state)})
	handle(t, s.n, "/plain", Resource{Inline: true, Get: constant(state)})
	registered := 0
	for i := range 1000 {
		s.send(s.observing(i%300, uint16(i), 0, uint64(i), "x", strconv.Itoa(i%40)))
		for _, m := range s.raw {
			if m.Options.Has(codec.OptionObserve) {
				registered++
			}
		}
		s.pass(time.Second, time.Second)
	}
	st := s.n.Stats().Observe
	require.Equal(t, 90, registered)
	require.Equal(t, 90, st.Observers)
	require.LessOrEqual(t, st.Peers, 100, "a quarter of the peers")
	require.Equal(t, uint64(1000-90), st.Refused+s.n.Stats().Shed)
	require.Less(t, st.Memory, 1<<20)
	require.Equal(t, []string{"44 ACK 2.05"}, s.send(s.from(300, &codec.Message{Code: codec.GET, MessageID: 1, Options: codec.Options{codec.URIPath("plain")}})))

	// Nobody acknowledges: all are gone when their time is over.
	require.NoError(t, route.Changed())
	s.pass(10*time.Minute, time.Second)
	st = s.n.Stats().Observe
	require.Zero(t, st.Observers)
	require.Zero(t, st.Peers)
	require.Equal(t, uint64(90), st.TimedOut)
	require.Zero(t, s.n.Stats().PeersPinned)
	_, ok := s.register(301, 1, 1, "x")
	require.True(t, ok, "there is room again")
	s.send(s.observing(301, 2, 1, 1, "x"))
	require.Zero(t, s.n.Stats().Observe.Observers)
}

// TestFloodOfViews: what one source asks for is bounded, however different it
// is; who asks again with the same token takes no more room.
func TestFloodOfViews(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{ObserversPerPeer: 1 << 15}})
	state, _ := Text("x")
	handle(t, s.n, "/x", Resource{Observable: true, Inline: true, Get: constant(state)})
	handle(t, s.n, "/queued", Resource{Observable: true, Inline: true, Queue: 1 << 14, Get: constant(state)})
	handle(t, s.n, "/few", Resource{Observable: true, Inline: true, Observers: 2, Get: constant(state)})
	mid := uint16(0)
	register := func(n int, path string, token func(i int) uint64) (registered int) {
		for i := range n {
			mid++
			if _, ok := s.register(1, mid, token(i), path, strconv.Itoa(i)); ok {
				registered++
			}
		}
		return registered
	}
	one := func(int) uint64 { return 1 }
	other := func(path uint64) func(int) uint64 { return func(i int) uint64 { return path<<32 | uint64(i) } }
	require.Equal(t, 100, register(100, "x", one))
	require.Equal(t, 1, s.n.Stats().Observe.Observers)
	require.Equal(t, maxViews, register(maxViews+50, "x", other(2)))
	require.Equal(t, maxEditions>>14, register(20, "queued", other(3)))
	require.Equal(t, 2, register(20, "few", other(4)))
	mid++
	_, ok := s.register(1, mid, 99, "x", string(make([]byte, 200)), string(make([]byte, 200)), string(make([]byte, 200)), string(make([]byte, 200)), string(make([]byte, 200)), string(make([]byte, 200)))
	require.False(t, ok, "so long a request is not kept")
	require.Equal(t, 1+maxViews+maxEditions>>14+2, s.n.Stats().Observe.Observers)
}

// TestForgedCancellations: nobody but an observer's own address, with its token
// or its last message ID, ends an observation.
func TestForgedCancellations(t *testing.T) {
	s := newStrangers(t, Config{Observe: unpaced})
	state, _ := Text("x")
	route := handle(t, s.n, "/x", Resource{Observable: true, Inline: true, Get: constant(state)})
	handle(t, s.n, "/y", Resource{Observable: true, Inline: true, Get: constant(state)})
	_, ok := s.register(1, 1, 7, "x")
	require.True(t, ok)
	told := func() codec.Message {
		s.raw = nil
		require.NoError(t, route.Publish("y"))
		s.until(func() bool { return len(s.raw) > 0 })
		return s.raw[0]
	}
	con := told()
	require.Equal(t, codec.CON, con.Type)
	for i := range 1 << 16 {
		mid := uint16(i)
		s.end.recv.Datagrams([]netio.Datagram{s.from(2, &codec.Message{Type: codec.RST, MessageID: mid}), s.from(2, &codec.Message{Type: codec.ACK, MessageID: mid})})
		if mid != con.MessageID {
			s.end.recv.Datagrams([]netio.Datagram{s.from(1, &codec.Message{Type: codec.RST, MessageID: mid})})
		}
	}
	for i := range 100 {
		// Another address with the token, the address with other tokens, or with
		// the token for another resource.
		s.send(s.observing(2, uint16(i), 1, 7, "x"))
		s.send(s.observing(1, uint16(100+i), 1, uint64(100+i), "x"))
		s.send(s.observing(1, uint16(300+i), 1, 7, "y"))
	}
	require.Equal(t, 1, s.n.Stats().Observe.Observers)
	require.Zero(t, s.n.Stats().Observe.Cancelled)
	s.send(s.from(1, &codec.Message{Type: codec.ACK, MessageID: con.MessageID}))
	non := told()
	require.Equal(t, codec.NON, non.Type)
	require.Equal(t, con.Token, non.Token)
	s.send(s.from(1, &codec.Message{Type: codec.RST, MessageID: non.MessageID}))
	require.Zero(t, s.n.Stats().Observe.Observers)
	require.Equal(t, uint64(1), s.n.Stats().Observe.Cancelled)
}

// TestObserverThatBlocksItself: who registers and deregisters while its window is
// full leaves nothing behind.
func TestObserverThatBlocksItself(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{Queue: 4, ObserversPerPeer: 8}})
	state, _ := Text("x")
	route := handle(t, s.n, "/x", Resource{Observable: true, Inline: true, Confirmable: true, Get: constant(state)})
	mid := uint16(0)
	for round := range 50 {
		for i := range 10 {
			mid++
			s.register(1, mid, uint64(i), "x")
		}
		require.Equal(t, 8, s.n.Stats().Observe.Observers)
		require.NoError(t, route.Publish(strconv.Itoa(round)))
		for i := range 10 {
			mid++
			s.send(s.observing(1, mid, 1, uint64(i), "x"))
		}
		require.Zero(t, s.n.Stats().Observe.Observers)
	}
	pe := s.n.shard.peers.Find(s.from(1, &codec.Message{}).Peer)
	require.True(t, pe.Value.window.Idle())
}

// constant answers the same each time.
func constant(res *Response) Handler {
	return func(context.Context, *Request) (*Response, error) { return res, nil }
}
