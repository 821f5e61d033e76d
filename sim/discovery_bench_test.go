package sim_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// asker asks all nodes for their resources and counts the answers.
type asker struct {
	peer    *sim.Peer
	answers int
	wrong   int
	mid     uint16
}

func newAsker(t testing.TB, w *sim.World) *asker {
	p, err := w.Peer("asker", "10.255.255.254:5683")
	require.NoError(t, err)
	a := &asker{peer: p}
	p.OnReceive = func(d netio.Datagram) {
		var m codec.Message
		if d.Err != nil || m.Parse(d.Data) != nil || m.Code != codec.Content || len(m.Payload) == 0 {
			a.wrong++
			return
		}
		a.answers++
	}
	return a
}

func (a *asker) ask(t testing.TB) {
	a.mid++
	m := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: a.mid, Token: codec.TokenFromUint64(uint64(a.mid)),
		Options: codec.Options{codec.URIPath(".well-known"), codec.URIPath("core")}}
	data, err := m.Append(nil)
	require.NoError(t, err)
	require.NoError(t, a.peer.Send(netip.MustParseAddrPort("224.0.1.187:5683"), data))
}

// sensors adds nodes with a resource each.
func sensors(t testing.TB, w *sim.World, n int) *sim.Population {
	temp := actors.Resource{Inline: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) { return actors.Text("21.5") }}
	p, err := w.Nodes(sim.Group{Count: n, Name: "s%d", Setup: func(_ int, n *actors.Node) error {
		_, err := n.Handle("/temp", temp)
		return err
	}})
	require.NoError(t, err)
	return p
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkDiscovery makes a World of nodes and asks all of them at once.
func BenchmarkDiscovery(b *testing.B) {
	for _, nodes := range []int{1000, 20_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			if nodes > 100_000 && testing.Short() {
				b.Skip("it takes memory")
			}
			before := heap()
			var w *sim.World
			for b.Loop() {
				if w != nil {
					b.StopTimer()
					w.Close()
					b.StartTimer()
				}
				w = sim.New(1)
				sensors(b, w, nodes)
				a := newAsker(b, w)
				a.ask(b)
				w.RunFor(10 * time.Second)
				if a.answers != nodes {
					b.Fatalf("%d answers of %d, %d wrong", a.answers, nodes, a.wrong)
				}
			}
			b.StopTimer()
			used := heap() - before
			b.ReportMetric(float64(used)/float64(nodes), "B/node")
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/(1<<20), "MiB-sys")
			runtime.KeepAlive(w)
		})
	}
}

// BenchmarkAwake is what a node costs that has its actors: N nodes have been
// asked for their resource, one by one, and have answered just now.
func BenchmarkAwake(b *testing.B) {
	for _, nodes := range []int{4000} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := sim.New(1)
				p := sensors(b, w, nodes)
				a := newAsker(b, w)
				before := heap()
				b.StartTimer()
				m := codec.Message{Type: codec.CON, Code: codec.GET, MessageID: 7, Options: codec.Options{codec.URIPath("temp")}}
				data, err := m.Append(nil)
				require.NoError(b, err)
				for i := range nodes {
					require.NoError(b, a.peer.Send(p.Addr(i), data))
				}
				w.RunFor(100 * time.Millisecond)
				require.Equal(b, nodes, a.answers)
				b.StopTimer()
				b.ReportMetric(float64(heap()-before)/float64(nodes), "B/node")
				w.Close()
				b.StartTimer()
			}
		})
	}
}
