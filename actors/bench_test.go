package actors

import (
	"context"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// memory is a transport whose other end is the benchmark: datagrams are pushed
// in, and what is sent is counted.
type memory struct {
	recv netio.Receiver
	sent int
}

func (m *memory) Start(r netio.Receiver) error  { m.recv = r; return nil }
func (m *memory) WriteTo(netio.Datagram) error  { m.sent++; return nil }
func (m *memory) Join(netip.Addr, string) error { return nil }
func (m *memory) Local() []netip.AddrPort {
	return []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5683")}
}
func (m *memory) MTU() int     { return 1280 }
func (m *memory) Close() error { return nil }
func (m *memory) WriteBatch(d []netio.Datagram) (int, error) {
	m.sent += len(d)
	return len(d), nil
}

// BenchmarkRequest is one CON GET through endpoint, resource and exchange, in
// batches as a socket brings them, from 64 peers.
func BenchmarkRequest(b *testing.B) {
	mem := &memory{}
	n, err := Start(Config{Open: func() (netio.Transport, error) { return mem, nil }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	defer func() { require.NoError(b, n.Stop(b.Context())) }()
	res := &Response{Options: codec.Options{codec.ContentFormat(codec.TextPlain)}, Payload: []byte("hello world")}
	handle(b, n, "/hello", Resource{Inline: true, Get: func(context.Context, *Request) (*Response, error) { return res, nil }})
	const batch = 64
	ds := make([]netio.Datagram, batch)
	for i := range ds {
		m := codec.Message{Code: codec.GET, Token: codec.TokenFromUint64(uint64(i)), Options: codec.Options{codec.URIPath("hello")}}
		data, err := m.Append(nil)
		require.NoError(b, err)
		ds[i] = netio.Datagram{Data: data, Peer: netio.Peer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i), 1}), 5683)}}
	}
	b.ReportAllocs()
	mid, round := uint16(0), byte(1)
	done := 0
	for b.Loop() {
		if mid++; mid == 0 { // message IDs come round: other peers from now on
			round++
			for i := range ds {
				ds[i].Peer.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i), round}), 5683)
			}
		}
		for i := range ds {
			ds[i].Data[2], ds[i].Data[3] = byte(mid>>8), byte(mid)
		}
		mem.recv.Datagrams(ds)
		done += batch
	}
	require.Equal(b, done, mem.sent)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/request")
}

// counting is a memory transport that several shards use at the same time.
type counting struct {
	memory
	sent atomic.Int64
}

func (c *counting) WriteBatch(d []netio.Datagram) (int, error) {
	c.sent.Add(int64(len(d)))
	return len(d), nil
}

// BenchmarkShards is BenchmarkRequest with two readers, on one shard and on two:
// how much of the node's own work is done at the same time.
func BenchmarkShards(b *testing.B) {
	for _, shards := range []int{1, 2} {
		b.Run(strconv.Itoa(shards), func(b *testing.B) {
			mem := &counting{}
			n, err := Start(Config{Shards: shards, Open: func() (netio.Transport, error) { return mem, nil }, Log: slog.New(slog.DiscardHandler)})
			require.NoError(b, err)
			defer func() { require.NoError(b, n.Stop(b.Context())) }()
			res := &Response{Payload: []byte("hello world")}
			handle(b, n, "/hello", Resource{Inline: true, Get: func(context.Context, *Request) (*Response, error) { return res, nil }})
			b.ReportAllocs()
			const batch, readers = 64, 2
			var reading sync.WaitGroup
			for reader := range readers {
				reading.Go(func() {
					ds := make([]netio.Datagram, 0, batch)
					for i := 0; len(ds) < batch; i++ {
						p := netio.Peer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, byte(reader), byte(i >> 8), byte(i)}), 5683)}
						if netio.ShardOf(p, 2) == reader {
							m := codec.Message{Code: codec.GET, Token: codec.TokenFromUint64(uint64(i)), Options: codec.Options{codec.URIPath("hello")}}
							data, _ := m.Append(nil)
							ds = append(ds, netio.Datagram{Data: data, Peer: p})
						}
					}
					for mid := range b.N / readers {
						for i := range ds {
							ds[i].Data[2], ds[i].Data[3] = byte(mid>>8), byte(mid)
						}
						mem.recv.Datagrams(ds)
					}
				})
			}
			reading.Wait()
			st := n.Stats()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(st.Received), "ns/request")
			b.ReportMetric(float64(st.Dropped["overload"]), "lost")
		})
	}
}
