package udp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

func TestEchoFamilies(t *testing.T) {
	for _, c := range []struct {
		name, server, client string
		targets              []string
	}{
		{"IPv4", "127.0.0.1:0", "127.0.0.1:0", []string{"127.0.0.1"}},
		{"IPv6", "[::1]:0", "[::1]:0", []string{"::1"}},
		{"all", ":0", ":0", []string{"127.0.0.1", "::1", "127.0.0.1"}},
		{"all IPv4", "0.0.0.0:0", "127.0.0.1:0", []string{"127.0.0.1"}},
		{"all IPv6", "[::]:0", "[::1]:0", []string{"::1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			needIPv6(t)
			server, client := at(t, c.server), at(t, c.client)
			echo(t, server)
			in := receive(t, client)
			for i, host := range c.targets {
				d := to(on(host, server.Local()[0]), fmt.Sprint("message ", i))
				require.NoError(t, client.WriteTo(d))
				got := <-in
				require.Equal(t, d.Data, got.Data)
				require.Equal(t, d.Peer, got.Peer)
				require.Equal(t, on(host, client.Local()[0]), got.Local)
				require.False(t, got.Multicast)
				require.NoError(t, got.Err)
			}
		})
	}
}

// An answer leaves from the address that was asked, also if it is not the one
// that the system would choose.
func TestAnswerSource(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only 127.0.0.1 is there")
	}
	lo := loopback(t)
	server, client := at(t, "0.0.0.0:0"), at(t, "127.0.0.1:0")
	in, back := receive(t, server), receive(t, client)
	for _, host := range []string{"127.0.0.2", "127.0.0.1", "127.77.88.99"} {
		target := on(host, server.Local()[0])
		require.NoError(t, client.WriteTo(to(target, "?")))
		d := <-in
		require.Equal(t, target, d.Local)
		require.Equal(t, lo.Index, d.Interface)
		require.Equal(t, client.Local()[0], d.Peer.Addr)
		require.NoError(t, server.WriteTo(d))
		require.Equal(t, target, (<-back).Peer.Addr)
	}
}

func TestBroadcast(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells broadcasts from the rest")
	}
	server, client := at(t, "0.0.0.0:0"), at(t, "0.0.0.0:0")
	in, back := receive(t, server), receive(t, client)
	target := on("127.255.255.255", server.Local()[0])
	require.NoError(t, client.WriteTo(to(target, "all")))
	d := <-in
	require.True(t, d.Multicast)
	require.Equal(t, target, d.Local)
	require.NoError(t, server.WriteTo(d), "the mark says that Local is no source")
	require.Equal(t, on("127.0.0.1", server.Local()[0]), (<-back).Peer.Addr)
}

func TestEmptyDatagram(t *testing.T) {
	server, client := at(t, "127.0.0.1:0"), at(t, "127.0.0.1:0")
	in := receive(t, server)
	for _, data := range [][]byte{nil, {}} {
		require.NoError(t, client.WriteTo(netio.Datagram{Data: data, Peer: netio.Peer{Addr: server.Local()[0]}}))
		d := <-in
		require.NotNil(t, d.Data)
		require.Empty(t, d.Data)
		require.Equal(t, client.Local()[0], d.Peer.Addr)
	}
	require.EqualValues(t, 2, server.Stats().DatagramsIn)
}

// Datagrams of all lengths come whole, also when several long ones share a
// batch.
func TestLengths(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			needIPv6(t)
			addr := netip.AddrPortFrom(netip.MustParseAddr(host), 0).String()
			server, client := at(t, addr), at(t, addr)
			random := rand.NewChaCha8([32]byte{1})
			lengths := []int{1, 2111, 2112, 2113, 9000, 30000, 1152, MaxPayload - 1, MaxPayload, 4, MaxPayload}
			var ds []netio.Datagram
			for _, n := range lengths {
				d := netio.Datagram{Data: make([]byte, n), Peer: netio.Peer{Addr: server.Local()[0]}}
				_, _ = random.Read(d.Data)
				ds = append(ds, d)
			}
			n, err := client.WriteBatch(ds) // before Start, for one batch
			require.NoError(t, err)
			require.Equal(t, len(ds), n)
			in := receive(t, server)
			for i := range ds {
				got := <-in
				require.Len(t, got.Data, lengths[i])
				require.True(t, bytes.Equal(ds[i].Data, got.Data), "datagram of %d bytes", lengths[i])
			}
		})
	}
}

func TestMaxDatagram(t *testing.T) {
	for _, longest := range []int{100, 3000} {
		server := open(t, Config{Addrs: []string{"127.0.0.1:0"}, MaxDatagram: longest})
		client := at(t, "127.0.0.1:0")
		in := receive(t, server)
		var ds []netio.Datagram
		for _, n := range []int{longest + 1, longest, longest + 1, 60000, longest - 1} {
			ds = append(ds, netio.Datagram{Data: make([]byte, n), Peer: netio.Peer{Addr: server.Local()[0]}})
		}
		_, err := client.WriteBatch(ds)
		require.NoError(t, err)
		require.Len(t, (<-in).Data, longest)
		require.Len(t, (<-in).Data, longest-1)
		require.EqualValues(t, 3, server.Stats().Truncated)
		require.EqualValues(t, 2, server.Stats().DatagramsIn)
	}
}

// Batches longer than Config.Batch go in parts and arrive in order.
func TestBatches(t *testing.T) {
	const count = 1000
	server := open(t, Config{Addrs: []string{"127.0.0.1:0"}, Batch: 16})
	client := open(t, Config{Addrs: []string{"127.0.0.1:0"}, Batch: 7})
	sizes := make(chan int, count)
	in := make(chan string, count)
	ds := make([]netio.Datagram, count)
	for i := range ds {
		ds[i] = to(server.Local()[0], fmt.Sprint(i))
	}
	sent := 0
	for sent < count { // no more than the smallest of buffers holds
		n, err := client.WriteBatch(ds[sent:min(sent+100, count)])
		require.NoError(t, err)
		sent += n
		if sent == 100 {
			require.NoError(t, server.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
				sizes <- len(ds)
				for _, d := range ds {
					in <- string(d.Data)
				}
			}}))
		}
		for i := sent - n; i < sent; i++ {
			require.Equal(t, fmt.Sprint(i), <-in)
		}
	}
	if runtime.GOOS == "linux" {
		require.Equal(t, 16, <-sizes, "a hundred were waiting")
	}
	s := server.Stats()
	require.EqualValues(t, count, s.DatagramsIn)
	require.EqualValues(t, 10+90*2+900*3, s.BytesIn)
	require.Zero(t, s.KernelDrops)
	s = client.Stats()
	require.EqualValues(t, count, s.DatagramsOut)
	require.EqualValues(t, 10+90*2+900*3, s.BytesOut)
	require.EqualValues(t, 10*15, s.BatchesOut) // 14 of 7 and one of 2 per hundred
	require.Zero(t, s.SendErrors)
}

func TestKernelDrops(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	server := open(t, Config{Addrs: []string{"127.0.0.1:0"}, ReadBuffer: 1})
	client := at(t, "127.0.0.1:0")
	for range 100 {
		require.NoError(t, client.WriteTo(netio.Datagram{Data: make([]byte, 1000), Peer: netio.Peer{Addr: server.Local()[0]}}))
	}
	require.Eventually(t, func() bool { return server.Stats().KernelDrops > 0 }, 2*time.Minute, time.Millisecond)
	require.NoError(t, server.Close())
	require.Positive(t, server.Stats().KernelDrops, "counted before closing")
}
