package actors

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// BenchmarkBlocks is one block of 1 MiB, from 8 peers that fetch it at the same
// time, and one block of as much that 8 peers send.
func BenchmarkBlocks(b *testing.B) {
	body := pattern(1 << 20)
	for _, way := range []string{"get", "put"} {
		b.Run(way, func(b *testing.B) {
			mem := &memory{}
			n, err := Start(Config{Open: func() (netio.Transport, error) { return mem, nil }, Log: slog.New(slog.DiscardHandler)})
			require.NoError(b, err)
			defer func() { require.NoError(b, n.Stop(b.Context())) }()
			res := &Response{Options: codec.Options{codec.ETag([]byte{1})}, Payload: body}
			handle(b, n, "/big", Resource{Inline: true, Get: func(context.Context, *Request) (*Response, error) { return res, nil }, Put: nothing})
			var reqs [1024][]byte
			for i := range reqs {
				block := codec.Block{Num: uint32(i), SZX: 6}
				m := codec.Message{Code: codec.GET, Token: codec.TokenFromUint64(1), Options: codec.Options{codec.URIPath("big")}}
				if way == "put" {
					block.More = i < len(reqs)-1
					m.Code, m.Payload = codec.PUT, body[i<<10:(i+1)<<10]
					m.Options = m.Options.Add(codec.Block1(block))
				} else {
					m.Options = m.Options.Add(codec.Block2(block))
				}
				reqs[i], err = m.Append(nil)
				require.NoError(b, err)
			}
			ds := make([]netio.Datagram, 8)
			b.ReportAllocs()
			b.SetBytes(8 << 10)
			for i := 0; b.Loop(); i++ {
				req := reqs[i%len(reqs)]
				req[2], req[3] = byte(i>>8), byte(i)
				for j := range ds {
					ds[j] = netio.Datagram{Data: req, Peer: netio.Peer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 16), byte(j)}), 5683)}}
				}
				mem.recv.Datagrams(ds)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*8), "ns/block")
		})
	}
}
