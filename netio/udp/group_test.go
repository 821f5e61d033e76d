package udp

import (
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJoinErrors(t *testing.T) {
	needIPv6(t)
	lo := loopback(t)
	both, bound := at(t, ":0"), at(t, "127.0.0.1:0", "[::1]:0")
	named := open(t, Config{Addrs: []string{":0"}, Interfaces: []string{"nowhere"}})
	for _, c := range []struct {
		tr            *Transport
		group, ifname string
		want          string
	}{
		{both, "192.0.2.1", "", "udp: cannot join 192.0.2.1: not a multicast address"},
		{both, "2001:db8::1", "", "not a multicast address"},
		{both, "255.255.255.255", "", "not a multicast address"},
		{both, "224.0.1.187", "nowhere", "udp: cannot join 224.0.1.187 on interface nowhere: "},
		{both, "ff02::fd%nowhere", "", "udp: cannot join ff02::fd on interface nowhere: "},
		{both, "ff02::fd%nowhere", lo.Name, "its zone says another"},
		{bound, "224.0.1.187", lo.Name, "no socket listens on all addresses"},
		{bound, "ff02::fd", lo.Name, "no socket listens on all addresses"},
		{named, "224.0.1.187", "", "on interface nowhere: "},
	} {
		require.ErrorContains(t, c.tr.Join(netip.MustParseAddr(c.group), c.ifname), c.want, "%s %s", c.group, c.ifname)
	}
	require.Error(t, both.Join(netip.Addr{}, ""))
}

func TestGroup(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("loopback interfaces differ")
	}
	lo := loopback(t).Name
	testGroup(t, "224.0.1.187", "224.0.1.186", lo, lo)
}

// testGroup sends to a group by one interface where a transport has joined it
// on another, perhaps the same: only who has joined hears it, knows it for what
// it is, and can answer.
func testGroup(t *testing.T, group, foreign, out, member string) {
	server := open(t, Config{Addrs: []string{":0"}, ReusePort: true})
	port := server.Local()[0]
	// Another transport with the same port has a group of its own.
	other := open(t, Config{Addrs: []string{on("0.0.0.0", port).String()[len("0.0.0.0"):]}, ReusePort: true})
	client := at(t, ":0")
	for range 2 { // twice is no error
		require.NoError(t, server.Join(netip.MustParseAddr(group), member))
	}
	require.NoError(t, other.Join(netip.MustParseAddr(foreign), member))
	in, elsewhere, back := receive(t, server), receive(t, other), receive(t, client)

	outgoing, err := client.zones.index(out)
	require.NoError(t, err)
	incoming, err := client.zones.index(member)
	require.NoError(t, err)
	d := to(on(group, port), "who is there")
	d.Interface = outgoing
	if out == loopback(t).Name {
		d.Local = on("127.0.0.1", client.Local()[0])
	}
	if err := client.WriteTo(d); err != nil {
		t.Skip("no multicast here: ", err)
	}
	got := <-in
	require.Equal(t, "who is there", string(got.Data))
	require.True(t, got.Multicast)
	require.Equal(t, on(group, port), got.Local)
	require.Equal(t, incoming, got.Interface)
	require.Equal(t, client.Local()[0].Port(), got.Peer.Addr.Port())

	got.Data = []byte("me")
	require.NoError(t, server.WriteTo(got))
	answer := <-back
	require.Equal(t, "me", string(answer.Data))
	require.Equal(t, port.Port(), answer.Peer.Addr.Port())
	require.False(t, answer.Multicast)

	d.Peer.Addr = on(foreign, port)
	require.NoError(t, client.WriteTo(d))
	require.Equal(t, on(foreign, port), (<-elsewhere).Local)
	require.Empty(t, in, "a group that others have joined")
}

func TestConfigInterfaces(t *testing.T) {
	lo := loopback(t)
	tr := open(t, Config{Addrs: []string{"0.0.0.0:0"}, Interfaces: []string{lo.Name}})
	ifis, err := tr.interfaces(netip.MustParseAddr("224.0.1.187"), "")
	require.NoError(t, err)
	require.Len(t, ifis, 1)
	require.Equal(t, lo.Index, ifis[0].Index)

	all := at(t, "0.0.0.0:0")
	ifis, err = all.interfaces(netip.MustParseAddr("224.0.1.187"), "")
	require.NoError(t, err)
	for _, ifi := range ifis {
		require.Equal(t, len(ifis) == 1 && ifi.Index == lo.Index, ifi.Index == lo.Index, "loopback only if alone")
	}
}
