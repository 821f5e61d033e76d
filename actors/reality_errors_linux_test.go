package actors

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio/udp"
)

// Where nobody listens the caller is told at once, CON or NON, and others are
// not concerned.
func TestNetRefused(t *testing.T) {
	a, b := street(t)
	one := a.node(Config{Params: never})
	b.node(Config{})
	for _, c := range [][2]string{{"192.0.2.2", "ICMP"}, {"[2001:db8::2]", "ICMPv6"}, {"[fe80::2%25e0]", "ICMPv6"}} {
		host, icmp := c[0], c[1]
		for _, non := range []bool{false, true} {
			_, err := one.Do(t.Context(), Request{URI: "coap://" + host + ":9/who", NonConfirmable: non})
			require.ErrorIs(t, err, ErrUnreachable)
			require.ErrorContains(t, err, "connection refused ("+icmp+" port unreachable)")
			_, err = one.Do(t.Context(), Request{URI: "coap://" + host + "/who", NonConfirmable: non})
			require.NoError(t, err)
		}
	}
	require.EqualValues(t, 6, one.Stats().Unreachable)
}

// avenue is three places in a row, the middle one a router. The first two have
// the addresses of a street, the last one 198.51.100.3 and 2001:db8:1::3.
func avenue(t *testing.T) (a, router, c *place) {
	t.Helper()
	a, router = street(t)
	c = elsewhere(t)
	cable(router, c, "e1", 101)
	router.addrs("e1", "198.51.100.2/24", "2001:db8:1::2/64", "fe80::2/64")
	c.addrs("e1", "198.51.100.3/24", "2001:db8:1::3/64")
	a.ip("route add default via 192.0.2.2", "route add default via 2001:db8::2")
	c.ip("route add default via 198.51.100.2", "route add default via 2001:db8:1::2")
	router.forward()
	return a, router, c
}

// What a router says is told at once, and who said it.
func TestNetUnreachable(t *testing.T) {
	a, router, c := avenue(t)
	router.ip("route add unreachable 203.0.113.1/32", "route add prohibit 203.0.113.2/32",
		"route add unreachable 2001:db8:2::1/128", "route add prohibit 2001:db8:2::2/128")
	one := a.node(Config{Params: never})
	c.node(Config{})
	requireWho(t, one, "192.0.2.1", "198.51.100.3")
	requireWho(t, one, "2001:db8::1", "2001:db8:1::3")
	for _, c := range []struct{ host, want string }{
		{"203.0.113.1", "no route to host (ICMP host unreachable, says 192.0.2.2)"},
		{"203.0.113.2", "(ICMP administratively prohibited, says 192.0.2.2)"},
		{"203.0.113.3", "network is unreachable (ICMP network unreachable, says 192.0.2.2)"},
		{"198.51.100.77", "no route to host (ICMP host unreachable, says 192.0.2.2)"}, // silence on its cable
		{"2001:db8:2::1", "says 2001:db8::2)"},
		{"2001:db8:2::2", "(ICMPv6 administratively prohibited, says 2001:db8::2)"},
		{"2001:db8:2::3", "(ICMPv6 no route, says 2001:db8::2)"},
	} {
		_, err := who(one, c.host)
		require.ErrorIs(t, err, ErrUnreachable, c.host)
		require.ErrorContains(t, err, c.want)
	}
	require.EqualValues(t, 7, one.Stats().Unreachable)
}

// RFC 7252 §4.6 wants messages that fit into a packet, but forbids no others: one
// that is longer travels in fragments, also where the path turns out to be
// narrower than the own link. Only what no datagram can hold is refused.
func TestNetLongMessages(t *testing.T) {
	a, router, c := avenue(t)
	router.ip("link set e1 mtu 1280")
	c.ip("link set e1 mtu 1280")
	one, three := a.node(Config{Params: soon}), c.node(Config{Params: soon})
	put := func(host string, size int, non bool) error {
		res, err := one.Do(t.Context(), Request{Method: codec.PUT, URI: uri(host, "/echo"), Payload: []byte("body"), NonConfirmable: non, Options: filler(size)})
		if err == nil {
			require.Equal(t, "body", string(res.Payload))
		}
		return err
	}
	for _, host := range []string{"198.51.100.3", "2001:db8:1::3"} {
		// The first one learns how wide the path is; as it is confirmable it
		// does not need to know.
		before := one.Stats()
		require.NoError(t, put(host, 1408, false))
		require.Greater(t, one.Stats().Unreachable, before.Unreachable)
		require.Greater(t, one.Stats().Retransmissions, before.Retransmissions)
		require.NoError(t, put(host, 1408, true), "from now on that is known")
		require.NoError(t, put(host, 60000, false))
	}
	err := put("198.51.100.3", 65520, false)
	require.ErrorContains(t, err, "bytes does not fit into a datagram")
	require.NotErrorIs(t, err, ErrUnreachable)
	require.Zero(t, one.Stats().SendErrors+three.Stats().SendErrors)
}

// filler makes a message longer by something else than its payload, which would
// travel in blocks.
func filler(n int) codec.Options {
	return codec.Options{codec.OpaqueOption(65000, make([]byte, n))}
}

// A NON request that is too long for a path that was not known to be narrow is
// lost, and nobody sends it again: its caller is told.
func TestNetLongNonRequest(t *testing.T) {
	a, router, c := avenue(t)
	router.ip("link set e1 mtu 1280")
	one := a.node(Config{Params: never})
	c.node(Config{})
	_, err := one.Do(t.Context(), Request{Method: codec.PUT, URI: uri("198.51.100.3", "/echo"), Options: filler(1400), NonConfirmable: true})
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorContains(t, err, "message too long (ICMP fragmentation needed, MTU 1280, says 192.0.2.2)")
}

// shaped gives the interface a slow queue, if the kernel has one.
func (p *place) shaped(how string) {
	p.t.Helper()
	if err := p.command("tc", "qdisc replace dev e0 root "+how); err != nil {
		p.t.Skip("this kernel cannot shape traffic: ", err)
	}
}

// burst sends requests to a peer at the same time, and returns when each has
// ended, with how many did not fail. Each is longer than the one before, so that
// they leave one by one: of what leaves as one message the system does not tell
// which part it has dropped.
func burst(n *Node, count int, params protocol.Params) (ok int) {
	results := make(chan error)
	params.NStart = count
	for i := range count {
		body := make([]byte, 400+i)
		n.Go(Request{Method: codec.PUT, URI: uri("192.0.2.2", "/echo"), Payload: body, NonConfirmable: params.AckTimeout == 0, Params: params},
			func(_ *Response, err error) { go func() { results <- err }() })
	}
	for range count {
		if <-results == nil {
			ok++
		}
	}
	return ok
}

// On a slow link with a long queue the socket's own buffer is what is full: who
// sends waits, and nothing is lost.
func TestNetFullSendBuffer(t *testing.T) {
	a, b := street(t)
	a.shaped("tbf rate 4mbit burst 3000 limit 1000000")
	one := a.node(Config{Open: a.open(udp.Config{WriteBuffer: 4096})})
	b.node(Config{})
	require.Equal(t, 300, burst(one, 300, protocol.Params{}))
	s := one.Stats()
	require.EqualValues(t, 300, s.Sent)
	require.Zero(t, s.SendErrors+s.SendDown)
}

// A link that is all but dead does not keep the node from being stopped.
func TestNetStopWhileTheSendBufferIsFull(t *testing.T) {
	a, b := street(t)
	a.shaped("tbf rate 1kbit burst 3000 limit 1000000")
	one := a.node(Config{Open: a.open(udp.Config{WriteBuffer: 4096})})
	b.node(Config{})
	results := make(chan error, 300)
	for range 300 {
		one.Go(Request{Method: codec.PUT, URI: uri("192.0.2.2", "/echo"), Payload: make([]byte, 500), NonConfirmable: true, Params: protocol.Params{NStart: 300}},
			func(_ *Response, err error) { results <- err })
	}
	eventually(t, func() bool { return !idle(one) }, "it waits for room, or will in a moment")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, one.Stop(ctx), context.Canceled)
	answered := 0
	for range 300 {
		if <-results == nil {
			answered++
		}
	}
	// The first few had room on the link, 3,000 bytes at once; 125 more go in a second.
	require.Less(t, answered, 100)
}

// Where it is the queue of the link that is full, the system drops what is sent,
// and says so: each is counted. A CON request bridges that by retransmissions; a
// NON request fails at once, because nobody sends it again.
func TestNetFullLink(t *testing.T) {
	a, b := street(t)
	a.shaped("tbf rate 4mbit burst 3000 limit 10000")
	one, two := a.node(Config{}), b.node(Config{})
	ok := burst(one, 300, protocol.Params{})
	s := one.Stats()
	require.Positive(t, s.SendErrors)
	require.EqualValues(t, 300, s.Sent+s.SendErrors)
	require.EqualValues(t, s.Sent, two.Stats().Received)
	require.EqualValues(t, s.Sent, ok)

	require.Equal(t, 300, burst(one, 300, soon), "confirmable")
	s = one.Stats()
	require.EqualValues(t, 600+s.Retransmissions, s.Sent+s.SendErrors)
}

// What comes while nobody reads is dropped by the system when the socket's
// buffer is full; the node knows how many.
func TestNetFullReceiveBuffer(t *testing.T) {
	a, b := street(t)
	one, two := a.node(Config{Params: never}), b.node(Config{Open: b.open(udp.Config{Addrs: []string{":5700"}, ReadBuffer: 4096})})
	begun, release := make(chan struct{}), make(chan struct{})
	handle(t, two, "/stall", Resource{Inline: true, Get: func(context.Context, *Request) (*Response, error) {
		close(begun) // it is the reader that runs this
		<-release
		return nil, nil
	}})
	stalled := make(chan error, 1)
	one.Go(Request{URI: "coap://192.0.2.2:5700/stall"}, func(_ *Response, err error) { stalled <- err })
	<-begun
	conn, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 5700})
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	const count = 200
	for i := range count {
		_, err := conn.Write([]byte{0x50, byte(codec.PUT), byte(i >> 8), byte(i)})
		require.NoError(t, err)
	}
	eventually(t, func() bool { return two.Stats().SystemDrops > 0 }, "the system drops")
	close(release)
	require.NoError(t, <-stalled)
	require.Eventually(t, func() bool {
		s := two.Stats()
		return s.Received+s.SystemDrops == count+1
	}, patience, time.Millisecond)
	// The counter outlives the socket.
	drops := two.Stats().SystemDrops
	kill(t, 5700)
	two.Go(Request{URI: uri("192.0.2.1", "/who")}, nil)
	require.Eventually(t, func() bool { return two.Stats().Restarts == 1 }, patience, time.Millisecond)
	require.Equal(t, drops, two.Stats().SystemDrops)
}
