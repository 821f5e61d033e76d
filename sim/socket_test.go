package sim

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

// The network as package netio wants a Transport to be, without a node.

func openSocket(t *testing.T, w *World, name string, listen ...string) (s *socket, got *[]netio.Datagram) {
	h, err := w.addHost(name, listen)
	require.NoError(t, err)
	s, err = w.open(h)
	require.NoError(t, err)
	got = &[]netio.Datagram{}
	require.NoError(t, s.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
		for _, d := range ds {
			d.Data = append([]byte(nil), d.Data...)
			*got = append(*got, d)
		}
	}}))
	return s, got
}

func TestSocket(t *testing.T) {
	w := New(1)
	defer w.Close()
	a, _ := openSocket(t, w, "a")
	b, got := openSocket(t, w, "b", "10.1.1.1:1", "[2001:db8::1]:2", "10.1.1.1:3")
	require.Equal(t, 1232, a.MTU())
	require.NoError(t, w.Interface("a", Interface{MTU: 576}))
	require.Equal(t, 528, a.MTU())
	require.NoError(t, w.Interface("a", Interface{}))
	require.Len(t, b.Local(), 3)
	_, err := w.open(a.host)
	require.ErrorContains(t, err, "in use")

	// The data may be used again as soon as the call returns.
	data := []byte("one")
	to := func(addr string) netio.Peer { return netio.Peer{Addr: netip.MustParseAddrPort(addr)} }
	n, err := a.WriteBatch([]netio.Datagram{
		{Data: data, Peer: to("10.1.1.1:1")},
		{Data: data, Peer: to("10.1.1.1:3")},
		{Data: data, Peer: to("[2001:db8::1]:2")},
	})
	require.Equal(t, 2, n)
	require.ErrorContains(t, err, "no address of that family")
	copy(data, "xxx")
	require.NoError(t, a.WriteTo(netio.Datagram{Data: data, Peer: to("10.9.9.9:1")}), "nobody is there, and nobody says so")
	require.ErrorContains(t, a.WriteTo(netio.Datagram{Data: make([]byte, maxPayload+1), Peer: to("10.1.1.1:1")}), "too long")
	require.NoError(t, a.WriteTo(netio.Datagram{Data: make([]byte, maxPayload), Peer: to("10.1.1.1:1")}))
	w.RunFor(time.Second)
	require.Len(t, *got, 3)
	require.Equal(t, netio.Datagram{Data: []byte("one"), Peer: to("10.0.0.1:5683"), Local: netip.MustParseAddrPort("10.1.1.1:1"), Interface: 1}, (*got)[0])
	require.Equal(t, "10.1.1.1:3", (*got)[1].Local.String())

	// A reply leaves from the address that was asked, which must be one's own.
	require.NoError(t, b.WriteTo(netio.Datagram{Peer: to("10.0.0.1:5683"), Local: netip.MustParseAddrPort("10.1.1.1:3")}))
	require.ErrorContains(t, b.WriteTo(netio.Datagram{Peer: to("10.0.0.1:5683"), Local: netip.MustParseAddrPort("10.1.1.1:4")}), "not its address")
}

func TestGroups(t *testing.T) {
	w := New(1)
	defer w.Close()
	a, fromB := openSocket(t, w, "a", "10.0.0.1:5683", "[2001:db8::1]:5683")
	b, fromA := openSocket(t, w, "b", "10.0.0.2:5683", "[2001:db8::2]:5683")
	_, otherPort := openSocket(t, w, "c", ":1000")
	try := func(addr string) (members int) {
		*fromA = nil
		require.NoError(t, a.WriteTo(netio.Datagram{Data: []byte(addr), Peer: netio.Peer{Addr: netip.MustParseAddrPort(addr)}}))
		w.RunFor(time.Second)
		for _, d := range *fromA {
			require.True(t, d.Multicast)
			require.Equal(t, addr, d.Local.String())
			require.Equal(t, d.Local.Addr().Is4(), d.Peer.Addr.Addr().Is4())
		}
		return len(*fromA)
	}
	require.Equal(t, 1, try("224.0.1.187:5683"))
	require.Equal(t, 1, try("[ff02::fd]:5683"))
	require.Equal(t, 1, try("[ff05::fd]:5683"))
	require.Equal(t, 0, try("224.0.1.188:5683"))
	require.NoError(t, b.Join(netip.MustParseAddr("224.0.1.188"), "eth0"))
	require.NoError(t, b.Join(netip.MustParseAddr("224.0.1.188"), ""))
	require.Equal(t, 1, try("224.0.1.188:5683"))
	require.ErrorContains(t, b.Join(netip.MustParseAddr("10.0.0.1"), ""), "no multicast address")
	require.Empty(t, *fromB, "nobody hears himself")
	require.Empty(t, *otherPort)
}

func TestClosedSocket(t *testing.T) {
	w := New(1)
	defer w.Close()
	var trace strings.Builder
	w.TraceTo(&trace)
	a, _ := openSocket(t, w, "a")
	b, got := openSocket(t, w, "b")
	d := netio.Datagram{Data: []byte("x"), Peer: netio.Peer{Addr: b.Local()[0]}}
	require.NoError(t, a.WriteTo(d))
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	w.RunFor(time.Second)
	require.Empty(t, *got)
	require.Contains(t, trace.String(), "lost: the socket is closed")
	require.ErrorIs(t, b.WriteTo(d), netio.ErrClosed)
	_, err := b.WriteBatch([]netio.Datagram{d})
	require.ErrorIs(t, err, netio.ErrClosed)
	require.ErrorIs(t, b.Join(w.groups[0], ""), netio.ErrClosed)
	require.ErrorIs(t, b.Start(netio.Receiver{}), netio.ErrClosed)

	// A socket that is closed by what arrives with its datagram gets none.
	b, got = openSocket(t, w, "b")
	c, fromA := openSocket(t, w, "c")
	c.receiver.Datagrams = func([]netio.Datagram) { _ = b.Close() }
	require.NoError(t, a.WriteTo(netio.Datagram{Peer: netio.Peer{Addr: c.Local()[0]}}))
	require.NoError(t, a.WriteTo(d))
	w.RunFor(time.Second)
	require.Empty(t, *got)
	require.Empty(t, *fromA)
}

// TestNoProgress: what never ends at one moment is found out.
func TestNoProgress(t *testing.T) {
	w := New(1)
	defer w.Close()
	w.stuck = 1000
	stop := false
	var again func()
	again = func() {
		if !stop {
			clock{w}.AfterFunc(0, again)
		}
	}
	again()
	require.PanicsWithValue(t, "sim: no progress: 1000 things have happened at 0s, and more is ready", func() { w.RunFor(time.Second) })
	stop = true
	w.RunFor(time.Second)
	require.Equal(t, time.Date(2000, 1, 1, 0, 0, 1, 0, time.UTC), clock{w}.Wall(w.Now()))
	timer := clock{w}.AfterFunc(time.Second, func() { t.Error("this timer was stopped") })
	require.True(t, timer.Stop())
	require.False(t, timer.Stop())
	w.RunFor(time.Minute)
}
