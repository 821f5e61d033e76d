package actors

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio/udp"
)

// never is for a client that must be told what is wrong, not find out by waiting.
var never = protocol.Params{AckTimeout: time.Hour}

// soon retransmits soon and often.
var soon = protocol.Params{AckTimeout: 50 * time.Millisecond, MaxRetransmit: 10}

func TestNetTwoNodes(t *testing.T) {
	a, b := street(t)
	one, two := a.node(Config{Params: never}), b.node(Config{Params: never})
	for range 2 {
		requireWho(t, one, "192.0.2.1", "192.0.2.2")
		requireWho(t, two, "192.0.2.2", "192.0.2.1")
		requireWho(t, one, "2001:db8::1", "2001:db8::2")
		requireWho(t, two, "2001:db8::2", "2001:db8::1")
	}
}

// Link-local addresses mean something only together with an interface: with two
// cables to two nodes of the same address the zone decides. Both are client and
// server.
func TestNetLinkLocal(t *testing.T) {
	a, b := street(t)
	c := elsewhere(t)
	cable(a, c, "e1", 101)
	a.addrs("e1", "fe80::1/64")
	c.addrs("e1", "fe80::2/64")
	one := a.node(Config{Params: never})
	two, three := b.node(Config{Params: never}), c.node(Config{Params: never, Open: c.open(udp.Config{Addrs: []string{"[fe80::2%e1]:5683"}})})
	require.Equal(t, "[fe80::2%e1]:5683", three.Addrs()[0].String())
	for range 2 {
		requireWho(t, one, "fe80::1%e0", "fe80::2%e0")
		requireWho(t, two, "fe80::2%e0", "fe80::1%e0")
		requireWho(t, one, "fe80::1%e1", "fe80::2%e1")
		requireWho(t, three, "fe80::2%e1", "fe80::1%e1")
	}
	_, err := who(one, "fe80::2%e7")
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorContains(t, err, `no interface "e7"`)
}

// A node on all addresses does not care which there are.
func TestNetAddressesComeAndGo(t *testing.T) {
	a, b := street(t)
	one, two := a.node(Config{Params: never}), b.node(Config{Params: never})
	for _, c := range []struct{ own, gone, new, ownNew string }{
		{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9"},
		{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::9"},
	} {
		bits := "/24"
		if c.own == "2001:db8::1" {
			bits = "/64"
		}
		requireWho(t, one, c.own, c.gone)
		b.ip("addr del " + c.gone + bits + " dev e0")
		b.addrs("e0", c.new+bits)
		a.ip("neigh flush dev e0") // what is remembered of the neighbour
		requireWho(t, one, c.own, c.new)
		_, err := who(one, c.gone)
		require.ErrorIs(t, err, ErrUnreachable)
		require.ErrorIs(t, err, syscall.EHOSTUNREACH)
		a.ip("addr del " + c.own + bits + " dev e0")
		a.addrs("e0", c.ownNew+bits)
		requireWho(t, one, c.ownNew, c.new)
		requireWho(t, two, c.new, c.ownNew)
	}
	require.Zero(t, one.Stats().Restarts+two.Stats().Restarts)
}

// A node on one address is cut off while that is gone, and no longer.
func TestNetOwnAddressComesBack(t *testing.T) {
	a, b := street(t)
	// With retransmissions: what comes to an address in the moment in which it is
	// added may be lost.
	one := a.node(Config{Params: soon})
	two := b.node(Config{Params: soon, Open: b.open(udp.Config{Addrs: []string{"192.0.2.2:5683", "[2001:db8::2]:5683"}})})
	check := func() {
		requireWho(t, one, "192.0.2.1", "192.0.2.2")
		requireWho(t, two, "192.0.2.2", "192.0.2.1")
		requireWho(t, one, "2001:db8::1", "2001:db8::2")
		requireWho(t, two, "2001:db8::2", "2001:db8::1")
	}
	check()
	b.ip("addr del 192.0.2.2/24 dev e0", "addr del 2001:db8::2/64 dev e0")
	for _, host := range []string{"192.0.2.1", "2001:db8::1"} {
		_, err := who(two, host)
		require.ErrorIs(t, err, ErrUnreachable)
	}
	b.addrs("e0", "192.0.2.2/24", "2001:db8::2/64")
	check()
	require.Zero(t, two.Stats().Restarts)
}

// An interface that is taken away, and another of its name: a zone means the new
// one, from the first retransmission on.
func TestNetInterfaceReplaced(t *testing.T) {
	a, b := street(t)
	one, two := a.node(Config{Params: soon}), b.node(Config{Params: soon})
	requireWho(t, one, "fe80::1%e0", "fe80::2%e0")
	requireWho(t, two, "fe80::2%e0", "fe80::1%e0")
	a.ip("link del e0")
	_, err := who(one, "fe80::2%e0")
	require.ErrorIs(t, err, ErrUnreachable)
	require.ErrorContains(t, err, `no interface "e0"`)
	_, err = who(one, "192.0.2.2")
	require.ErrorIs(t, err, syscall.ENETUNREACH)
	cable(a, b, "e0", 200)
	a.addrs("e0", "192.0.2.1/24", "fe80::1/64")
	b.addrs("e0", "192.0.2.2/24", "fe80::2/64")
	requireWho(t, one, "192.0.2.1", "192.0.2.2")
	requireWho(t, two, "fe80::2%e0", "fe80::1%e0") // which may be how it notices, unless it has been told
	require.LessOrEqual(t, two.Stats().SendErrors, uint64(1))
	requireWho(t, one, "fe80::1%e0", "fe80::2%e0")
	require.Zero(t, one.Stats().Restarts+two.Stats().Restarts)
}

// An answer that must leave from an address which has gone is refused by the
// system, and counted; when the address is back the retransmission of the
// request gets it.
func TestNetAnswerFromAnAddressThatHasGone(t *testing.T) {
	a, b := street(t)
	one, two := a.node(Config{Params: soon}), b.node(Config{SeparateAfter: time.Hour})
	begun, release := make(chan struct{}), make(chan struct{})
	handle(t, two, "/slow", Resource{Get: func(context.Context, *Request) (*Response, error) {
		close(begun)
		<-release
		return Text("there you are")
	}})
	got := make(chan string, 1)
	one.Go(Request{URI: uri("192.0.2.2", "/slow")}, func(r *Response, err error) {
		if err != nil {
			got <- err.Error()
			return
		}
		got <- string(r.Payload)
	})
	<-begun
	b.ip("addr del 192.0.2.2/24 dev e0", "addr add 192.0.2.3/24 dev e0")
	close(release)
	require.Eventually(t, func() bool { return two.Stats().SendErrors > 0 }, patience, time.Millisecond)
	b.addrs("e0", "192.0.2.2/24")
	require.Equal(t, "there you are", <-got)
}

// While the own interface is down requests fail at once, and say why; while
// that of the peer is, retransmissions bridge the gap.
func TestNetInterfaceDownAndUp(t *testing.T) {
	a, b := street(t)
	one, two := a.node(Config{Params: never}), b.node(Config{})
	requireWho(t, one, "192.0.2.1", "192.0.2.2")
	a.ip("link set e0 down")
	for _, host := range []string{"192.0.2.2", "2001:db8::2"} {
		_, err := who(one, host)
		require.ErrorIs(t, err, ErrUnreachable)
		require.ErrorIs(t, err, syscall.ENETUNREACH)
		require.ErrorContains(t, err, "actors: GET "+uri(host, "/who"))
		require.ErrorContains(t, err, "network is unreachable")
	}
	a.ip("link set e0 up")
	a.wired("e0")
	b.wired("e0")
	a.addrs("e0", "2001:db8::1/64") // IPv6 addresses go with the interface
	requireWho(t, one, "192.0.2.1", "192.0.2.2")
	requireWho(t, one, "2001:db8::1", "2001:db8::2")

	a.ip("neigh replace 192.0.2.2 lladdr " + b.mac("e0") + " dev e0 nud permanent")
	b.ip("link set e0 down")
	got := make(chan error, 1)
	one.Go(Request{URI: uri("192.0.2.2", "/who"), Params: soon}, func(_ *Response, err error) { got <- err })
	require.Eventually(t, func() bool { return one.Stats().Retransmissions > 0 }, patience, time.Millisecond)
	b.ip("link set e0 up")
	require.NoError(t, <-got)
	require.Zero(t, one.Stats().Restarts+two.Stats().Restarts)
}

// What is asked at an address is answered from it, whichever interface it
// belongs to and however the request came: piggybacked, as NON, and separately.
func TestNetSeveralAddresses(t *testing.T) {
	a, b := street(t)
	cable(a, b, "e1", 101)
	a.addrs("e1", "198.51.100.1/24", "2001:db8:1::1/64")
	b.addrs("e1", "198.51.100.2/24", "198.51.100.3/24", "2001:db8:1::2/64", "2001:db8:1::3/64", "203.0.113.2/32", "2001:db8:2::2/128")
	b.addrs("e0", "192.0.2.3/24", "2001:db8::3/64")
	a.ip("route add 203.0.113.2/32 via 192.0.2.2", "route add 2001:db8:2::2/128 via 2001:db8::2") // to e1 by way of e0
	one, two := a.node(Config{Params: never}), b.node(Config{})
	handle(t, two, "/later", Resource{Separate: true, Get: func(_ context.Context, r *Request) (*Response, error) {
		return Text(r.Local.Addr().String())
	}})
	for _, c := range []struct {
		own   string
		hosts []string
	}{
		{"192.0.2.1", []string{"192.0.2.2", "192.0.2.3", "203.0.113.2"}},
		{"198.51.100.1", []string{"198.51.100.2", "198.51.100.3"}},
		{"2001:db8::1", []string{"2001:db8::2", "2001:db8::3", "2001:db8:2::2"}},
		{"2001:db8:1::1", []string{"2001:db8:1::2", "2001:db8:1::3"}},
	} {
		for _, host := range c.hosts {
			requireWho(t, one, c.own, host)
			for _, req := range []Request{{URI: uri(host, "/later")}, {URI: uri(host, "/later"), NonConfirmable: true}} {
				res, err := one.Do(t.Context(), req)
				require.NoError(t, err)
				require.Equal(t, host, string(res.Payload))
			}
		}
	}
}
