package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/sim"
)

// BenchmarkDeliveries: nodes ask each other, CON GET after CON GET, all awake.
// Every delivery is a datagram that has gone through the whole stack: encoded,
// carried, decoded, and handled by endpoint, resource and exchange.
func BenchmarkDeliveries(b *testing.B) {
	const nodes = 1000
	w := sim.New(1)
	defer w.Close()
	// Not faster than message IDs become free again, in virtual time.
	require.NoError(b, w.Link("", "", sim.Link{Latency: 5 * time.Millisecond}))
	failed, on := 0, true
	asking(b, w, nodes, func(err error) bool {
		if err != nil {
			failed++
		}
		return on
	})
	w.RunFor(time.Second)
	before := w.NetStats().Delivered
	b.ReportAllocs()
	cpu := cpuTime()
	b.ResetTimer()
	for w.NetStats().Delivered < before+uint64(b.N) {
		w.RunFor(time.Millisecond)
	}
	b.StopTimer()
	n := float64(w.NetStats().Delivered - before)
	b.ReportMetric(n/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/n, "cpu-ns/delivery")
	on = false
	w.RunFor(time.Second)
	require.Zero(b, failed)
}

// asking lets the nodes of a World ask each other, each its neighbour, CON GET after
// CON GET for as long as more, which is told of each result, says so.
func asking(b *testing.B, w *sim.World, nodes int, more func(error) bool) {
	answer, err := actors.Text("21.5")
	require.NoError(b, err)
	temp := actors.Resource{Inline: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) { return answer, nil }}
	p, err := w.Nodes(sim.Group{Count: nodes, Name: "s%d", Setup: func(_ int, n *actors.Node) error {
		_, err := n.Handle("/temp", temp)
		return err
	}})
	require.NoError(b, err)
	for i := range nodes {
		n, err := p.Node(i)
		require.NoError(b, err)
		uri := "coap://" + p.Addr((i+1)%nodes).String() + "/temp"
		var again func(*actors.Response, error)
		again = func(_ *actors.Response, err error) {
			if more(err) {
				n.Go(actors.Request{URI: uri}, again)
			}
		}
		n.Go(actors.Request{URI: uri}, again)
	}
}
