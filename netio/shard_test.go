package netio

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Peers as they are found in the wild are spread evenly: ports in a row, hosts
// in a row, and both families.
func TestShardOfSpreads(t *testing.T) {
	addr := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	kinds := map[string]func(i int) netip.AddrPort{
		"ports":      func(i int) netip.AddrPort { return netip.AddrPortFrom(addr("192.0.2.1"), uint16(32768+i)) },
		"even ports": func(i int) netip.AddrPort { return netip.AddrPortFrom(addr("192.0.2.1"), uint16(2*i)) },
		"hosts": func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 5683)
		},
		"networks": func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 5683)
		},
		"IPv6 hosts": func(i int) netip.AddrPort {
			a := addr("2001:db8::").As16()
			a[14], a[15] = byte(i>>8), byte(i)
			return netip.AddrPortFrom(netip.AddrFrom16(a), 5683)
		},
		"IPv6 networks": func(i int) netip.AddrPort {
			a := addr("2001:db8::1").As16()
			a[6], a[7] = byte(i>>8), byte(i)
			return netip.AddrPortFrom(netip.AddrFrom16(a), 5683)
		},
	}
	const peers = 8192
	for name, peer := range kinds {
		for _, n := range []int{2, 3, 4, 16} {
			counts := make([]int, n)
			for i := range peers {
				counts[ShardOf(Peer{Addr: peer(i)}, n)]++
			}
			for i, c := range counts {
				require.InEpsilon(t, peers/n, c, 0.25, "%s: shard %d of %d: %v", name, i, n, counts)
			}
		}
	}
}

func TestShardOfOne(t *testing.T) {
	p := Peer{Addr: netip.MustParseAddrPort("192.0.2.7:1234")}
	for _, n := range []int{-1, 0, 1} {
		require.Zero(t, ShardOf(p, n))
	}
	p.Session = 7
	require.Equal(t, ShardOf(Peer{Addr: p.Addr}, 1000), ShardOf(p, 1000), "associations of one peer stay together")
	require.Less(t, ShardOf(p, 1<<16), 1<<16)
}

func BenchmarkShardOf(b *testing.B) {
	b.ReportAllocs()
	p := Peer{Addr: netip.MustParseAddrPort("192.0.2.7:1234")}
	sum := 0
	for b.Loop() {
		sum += ShardOf(p, 2)
	}
	require.GreaterOrEqual(b, sum, 0)
}
