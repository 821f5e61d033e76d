package udp

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

// An error of WriteBatch is about the datagram after those sent, and the rest
// can go on.
func TestWriteBatchErrors(t *testing.T) {
	needIPv6(t)
	server := at(t, "127.0.0.1:0", "[::1]:0")
	in := receive(t, server)
	client := at(t, "127.0.0.1:0", "[::1]:0")
	four, six := server.Local()[0], server.Local()[1]
	long := to(four, "")
	long.Data = make([]byte, 65535)
	session := to(four, "x")
	session.Peer.Session = 3
	foreign := to(four, "x")
	foreign.Local = netip.MustParseAddrPort("127.0.0.3:5683")
	ds := []netio.Datagram{
		to(four, "0"), to(six, "1"), to(four, "2"),
		{}, to(four, "4"), long, to(six, "6"),
		to(netip.MustParseAddrPort("[fe80::1%nowhere]:5683"), "7"), session, foreign,
		to(netip.AddrPortFrom(four.Addr(), 0), "10"), to(four, "11"),
	}
	var failed []int
	var texts []error
	for i := 0; i < len(ds); {
		n, err := client.WriteBatch(ds[i:])
		i += n
		if err != nil {
			failed = append(failed, i)
			texts = append(texts, err)
			i++
		} else {
			require.Equal(t, len(ds), i)
		}
	}
	require.Equal(t, []int{3, 5, 7, 8, 9, 10}, failed)
	for i, want := range []string{
		"want an address and a port", "udp: cannot send 65535 bytes to 127.0.0.1:", `no interface "nowhere"`,
		"no sessions", "no socket with the address 127.0.0.3", "want an address and a port",
	} {
		require.ErrorContains(t, texts[i], want)
		require.NotErrorIs(t, texts[i], netio.ErrClosed)
	}
	got := map[string]bool{}
	for range 6 {
		got[string((<-in).Data)] = true
	}
	require.Equal(t, map[string]bool{"0": true, "1": true, "2": true, "4": true, "6": true, "11": true}, got)
}

// A source that the machine does not have is refused, not replaced.
func TestForeignSource(t *testing.T) {
	client := at(t, "0.0.0.0:0")
	d := to(on("127.0.0.1", client.Local()[0]), "x")
	d.Local = netip.MustParseAddrPort("203.0.113.7:5683")
	err := client.WriteTo(d)
	require.ErrorContains(t, err, "from 203.0.113.7 to 127.0.0.1:")
	require.EqualValues(t, 1, client.Stats().SendErrors)
	require.NotErrorIs(t, err, errNoSocket)
}

func TestOneFamily(t *testing.T) {
	needIPv6(t)
	require.ErrorContains(t, at(t, "0.0.0.0:0").WriteTo(to(netip.MustParseAddrPort("[::1]:9"), "x")), "no socket for IPv6, cannot send to ::1")
	require.ErrorContains(t, at(t, "[::]:0").WriteTo(to(netip.MustParseAddrPort("127.0.0.1:9"), "x")), "no socket for IPv4")
}

// An IPv4 address in IPv6 form is an IPv4 address.
func TestMappedPeer(t *testing.T) {
	server, client := at(t, "127.0.0.1:0"), at(t, ":0")
	in := receive(t, server)
	a := server.Local()[0]
	require.NoError(t, client.WriteTo(to(netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port()), "x")))
	require.Equal(t, on("127.0.0.1", client.Local()[0]), (<-in).Peer.Addr)
}

func TestChoose(t *testing.T) {
	tr := &Transport{}
	addrs := []string{"127.0.0.1:1", "192.0.2.1:2", "0.0.0.0:3", "0.0.0.0:4", "[::1]:5", "[2001:db8::1]:6"}
	for _, a := range addrs {
		ap := netip.MustParseAddrPort(a)
		tr.sockets = append(tr.sockets, &socket{addr: ap, is4: ap.Addr().Is4(), any: ap.Addr().IsUnspecified()})
	}
	for _, c := range []struct {
		peer, local string
		mark        bool
		want        string
	}{
		{peer: "127.0.0.9:9", want: "0.0.0.0:3"},
		{peer: "127.0.0.9:9", local: "127.0.0.1:1", want: "127.0.0.1:1"},
		{peer: "127.0.0.9:9", local: "127.0.0.1:4", want: "127.0.0.1:1"},
		{peer: "127.0.0.9:9", local: "127.0.0.2:4", want: "0.0.0.0:4"},
		{peer: "127.0.0.9:9", local: "127.0.0.2:0", want: "0.0.0.0:3"},
		{peer: "192.0.2.9:9", local: "224.0.1.187:4", want: "0.0.0.0:4"},
		{peer: "192.0.2.9:9", local: "255.255.255.255:4", want: "0.0.0.0:4"},
		{peer: "192.0.2.9:9", local: "192.0.2.255:4", mark: true, want: "0.0.0.0:4"},
		{peer: "192.0.2.9:9", local: "192.0.2.1:2", want: "192.0.2.1:2"},
		{peer: "224.0.1.187:9", local: "192.0.2.1:2", mark: true, want: "192.0.2.1:2"},
		{peer: "[::1]:9", want: "[::1]:5"},
		{peer: "[2001:db8::9]:9", want: "[2001:db8::1]:6"},
		{peer: "[ff02::fd]:9", want: "[2001:db8::1]:6"},
		{peer: "[::1]:9", local: "[2001:db8::1]:6", want: "[2001:db8::1]:6"},
		{peer: "[::1]:9", local: "[::2]:6"},
	} {
		d := to(netip.MustParseAddrPort(c.peer), "")
		d.Multicast = c.mark
		if c.local != "" {
			d.Local = netip.MustParseAddrPort(c.local)
		}
		s, err := tr.route(&d)
		if c.want == "" {
			require.ErrorIs(t, err, errNoSocket, c)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, s.addr.String(), c)
	}
}

func TestZones(t *testing.T) {
	lo := loopback(t)
	var z zones
	for range 2 { // asked, kept
		require.Equal(t, lo.Name, z.name(lo.Index))
		i, err := z.index(lo.Name)
		require.NoError(t, err)
		require.Equal(t, lo.Index, i)
	}
	require.Equal(t, "2147483647", z.name(1<<31-1))
	i, err := z.index("2147483647")
	require.NoError(t, err)
	require.Equal(t, 1<<31-1, i)
	_, err = z.index("nowhere")
	require.Error(t, err)
	require.Len(t, z.names, 1)
	z.forget()
	require.Empty(t, z.names)

	addr := netip.MustParseAddr
	require.Equal(t, addr("fe80::1%"+lo.Name), z.scoped(addr("fe80::1"), lo.Index))
	for _, a := range []string{"fe80::1", "2001:db8::1", "ff02::fd", "169.254.1.1"} {
		index := lo.Index
		if a == "fe80::1" {
			index = 0
		}
		require.Equal(t, addr(a), z.scoped(addr(a), index))
	}
	for _, c := range []struct {
		peer, local string
		ifindex     int
		want        int
	}{
		{peer: "2001:db8::1", local: "2001:db8::2", ifindex: 7, want: 0},
		{peer: "192.0.2.1", local: "192.0.2.2", ifindex: 7, want: 0},
		{peer: "fe80::1", ifindex: 7, want: 7},
		{peer: "fe80::1%" + lo.Name, ifindex: 7, want: lo.Index},
		{peer: "fe80::1", local: "fe80::2%" + lo.Name, want: lo.Index},
		{peer: "2001:db8::1", local: "fe80::2%" + lo.Name, want: lo.Index},
		{peer: "ff02::fd", ifindex: 7, want: 7},
		{peer: "224.0.1.187", ifindex: 7, want: 7},
		{peer: "255.255.255.255", ifindex: 7, want: 7},
		{peer: "169.254.1.1", ifindex: 7, want: 7},
		{peer: "ff02::fd", want: 0},
	} {
		local := netip.Addr{}
		if c.local != "" {
			local = addr(c.local)
		}
		got, err := z.outgoing(addr(c.peer), local, c.ifindex)
		require.NoError(t, err)
		require.Equal(t, c.want, got, c)
	}
}

func TestDeliveryErrorText(t *testing.T) {
	cause := errors.New("no luck")
	four, six := netip.MustParseAddrPort("192.0.2.1:5683"), netip.MustParseAddrPort("[2001:db8::1]:5683")
	for _, c := range []struct {
		err  DeliveryError
		want string
	}{
		{DeliveryError{Peer: four, Type: 3, Code: 3}, "udp: 192.0.2.1:5683: no luck (ICMP port unreachable)"},
		{DeliveryError{Peer: four, Type: 3, Code: 4, MTU: 1400, From: netip.MustParseAddr("192.0.2.254")},
			"udp: 192.0.2.1:5683: no luck (ICMP fragmentation needed, MTU 1400, says 192.0.2.254)"},
		{DeliveryError{Peer: four, Type: 3, Code: 200}, "udp: 192.0.2.1:5683: no luck (ICMP type 3 code 200)"},
		{DeliveryError{Peer: six, Type: 1, Code: 4}, "udp: [2001:db8::1]:5683: no luck (ICMPv6 port unreachable)"},
		{DeliveryError{Peer: six, Type: 2, MTU: 1280}, "udp: [2001:db8::1]:5683: no luck (ICMPv6 packet too big, MTU 1280)"},
	} {
		c.err.Cause = cause
		require.EqualError(t, &c.err, c.want)
		require.ErrorIs(t, &c.err, cause)
	}
	for i := range 1 << 16 {
		require.NotEmpty(t, icmp4Text(uint8(i>>8), uint8(i)))
		require.NotEmpty(t, icmp6Text(uint8(i>>8), uint8(i)))
	}
}
