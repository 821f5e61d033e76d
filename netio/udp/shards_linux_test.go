package udp

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

// broughtBy returns by which socket of an address a datagram comes that is
// sent now; one at a time, so that the counters say it.
func broughtBy(t *testing.T, first *socket, in <-chan netio.Datagram, send func()) (int, netio.Datagram) {
	t.Helper()
	before := make([]uint64, len(first.shards))
	for i, x := range first.shards {
		before[i] = x.datagramsIn.Load()
	}
	send()
	d := <-in
	at := -1
	for i, x := range first.shards {
		if now := x.datagramsIn.Load(); now != before[i] {
			require.Equal(t, before[i]+1, now)
			require.Negative(t, at, "it came once")
			at = i
		}
	}
	require.GreaterOrEqual(t, at, 0)
	return at, d
}

// The kernel finds for every peer the socket that ShardOf says: over both
// families, many addresses and ports, and headers with options.
func TestKernelAgreesWithShardOf(t *testing.T) {
	needIPv6(t)
	for _, n := range []int{2, 3, 7} {
		tr := open(t, Config{Addrs: []string{"127.0.0.1:0", "[::1]:0"}, Shards: n})
		require.Len(t, tr.Local(), 2, "an address is told once")
		in := receive(t, tr)
		seen := map[int]int{}
		check := func(from *Transport) {
			for _, x := range from.sockets {
				first := tr.sockets[0]
				if !x.is4 {
					first = tr.sockets[1]
				}
				at, d := broughtBy(t, first, in, func() {
					d := to(first.addr, "x")
					d.Local = x.addr
					require.NoError(t, from.WriteTo(d))
				})
				require.Equal(t, x.addr, d.Peer.Addr)
				require.Equal(t, netio.ShardOf(d.Peer, n), at, "%v of %d", d.Peer, n)
				seen[at]++
			}
		}
		for round := range 3 {
			var addrs []string
			for i := range 64 {
				addrs = append(addrs, fmt.Sprintf("127.%d.%d.%d:0", round, i*4, 1+i), "[::1]:0")
			}
			from := open(t, Config{Addrs: addrs, ReadBuffer: 4096, WriteBuffer: 1 << 16})
			check(from)
			for _, x := range from.sockets { // a header of eight words instead of five
				if !x.is4 {
					continue
				}
				require.NoError(t, x.rc.Control(func(fd uintptr) {
					require.NoError(t, unix.SetsockoptString(int(fd), unix.IPPROTO_IP, unix.IP_OPTIONS, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00"))
				}))
			}
			check(from)
		}
		require.Len(t, seen, n, "each shard had some")
	}
}

// What is sent leaves by the socket of its peer, whose address is the same, and
// so answers come back to it.
func TestShardsSendFromTheirOwnSocket(t *testing.T) {
	tr := open(t, Config{Addrs: []string{"127.0.0.1:0"}, Shards: 2})
	in := receive(t, tr)
	var addrs []string
	for i := range 32 {
		addrs = append(addrs, fmt.Sprintf("127.0.1.%d:0", i+1))
	}
	peers := at(t, addrs...)
	echo(t, peers)
	var ds []netio.Datagram
	for _, p := range peers.Local() {
		ds = append(ds, to(p, p.String()))
	}
	n, err := tr.WriteBatch(ds)
	require.NoError(t, err)
	require.Equal(t, len(ds), n)
	want := [2]uint64{}
	for range ds {
		d := <-in
		require.Equal(t, string(d.Data), d.Peer.String())
		require.Equal(t, tr.Local()[0], d.Local)
		want[netio.ShardOf(d.Peer, 2)]++
	}
	for k, x := range tr.sockets[0].shards {
		require.Equal(t, want[k], x.datagramsOut.Load(), "shard %d", k)
		require.Equal(t, want[k], x.datagramsIn.Load(), "shard %d", k)
	}
	require.Equal(t, uint64(len(ds)), tr.Stats().DatagramsOut)
	require.Equal(t, uint64(len(ds)), tr.Stats().DatagramsIn)
}

// A transport with shards has its address alone, as any other has, and each
// family has the port that was asked for, or that the system chose.
func TestShardsAreOnePlace(t *testing.T) {
	first := open(t, Config{Addrs: []string{":0"}, Shards: 3})
	for _, a := range first.Local() {
		require.Equal(t, first.Local()[0].Port(), a.Port())
	}
	for x := range first.all() {
		require.Equal(t, first.Local()[0].Port(), x.addr.Port())
	}
	at := fmt.Sprintf(":%d", first.Local()[0].Port())
	for _, cfg := range []Config{{Shards: 3}, {}} {
		cfg.Addrs = []string{at}
		_, err := Open(cfg)
		require.ErrorIs(t, err, syscall.EADDRINUSE, "%+v", cfg)
	}
	require.NoError(t, first.Close())
	again, err := Open(Config{Addrs: []string{at}, Shards: 3})
	require.NoError(t, err, "the place is free again")
	require.NoError(t, again.Close())
}

// One socket that fails takes all with it.
func TestShardsFailTogether(t *testing.T) {
	for k := range 2 {
		tr := open(t, Config{Addrs: []string{"127.0.0.1:0"}, Shards: 2})
		down := make(chan error, 2)
		require.NoError(t, tr.Start(netio.Receiver{Datagrams: func([]netio.Datagram) {}, Down: func(err error) { down <- err }}))
		sabotage(t, tr.sockets[0].shards[k])
		require.ErrorIs(t, <-down, syscall.ENOTSOCK)
		require.ErrorIs(t, tr.WriteTo(to(tr.Local()[0], "x")), netio.ErrClosed)
		require.NoError(t, tr.Close())
		require.Empty(t, down)
	}
}

// The kernel gives what is sent to a group to every socket that listens for it:
// one of the shards does.
func TestShardsHearGroupsOnce(t *testing.T) {
	const group = "224.0.1.187"
	lo := loopback(t)
	tr := open(t, Config{Addrs: []string{"0.0.0.0:0"}, Shards: 3})
	in := receive(t, tr)
	require.NoError(t, tr.Join(netip.MustParseAddr(group), lo.Name))
	addrs := make([]string, 16)
	for i := range addrs {
		addrs[i] = "127.0.0.1:0"
	}
	client := at(t, addrs...)
	for i, local := range client.Local() {
		for _, dest := range []string{group, "127.255.255.255", "127.0.0.1"} {
			d := to(on(dest, tr.Local()[0]), dest)
			d.Local, d.Interface = local, lo.Index
			require.NoError(t, broadcaster(client.sockets[i]))
			at, got := broughtBy(t, tr.sockets[0], in, func() { require.NoError(t, client.WriteTo(d)) })
			require.Equal(t, dest, string(got.Data))
			require.Equal(t, local, got.Peer.Addr)
			require.Equal(t, dest != "127.0.0.1", got.Multicast)
			if got.Multicast {
				require.Zero(t, at)
			}
		}
	}
	require.NoError(t, tr.Close())
	require.Empty(t, in, "nothing was heard twice")
}

// broadcaster lets a socket send to broadcast addresses.
func broadcaster(s *socket) error {
	var err error
	cerr := s.rc.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 1) })
	return errors.Join(err, cerr)
}
