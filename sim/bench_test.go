package sim_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/sim"
)

// BenchmarkExchange is one CON GET with a piggybacked response through the whole
// stack of two nodes, blocking calls of one task.
func BenchmarkExchange(b *testing.B) {
	for _, c := range []struct {
		name     string
		resource actors.Resource
	}{
		{"inline", actors.Resource{Inline: true, Get: hello}},
		{"handler", actors.Resource{Get: hello}},
		{"separate", actors.Resource{Separate: true, Get: hello}},
	} {
		b.Run(c.name, func(b *testing.B) {
			w, client, server := pair(b, 1)
			handle(b, server, "/hello", c.resource)
			// Not faster than message IDs become free again, in virtual time.
			require.NoError(b, w.Link("", "", sim.Link{Latency: 3 * time.Millisecond}))
			uri := "coap://" + w.Addr("b").String() + "/hello"
			n := 0
			w.Go(func(ctx context.Context) {
				for range b.N {
					if _, err := client.Get(ctx, uri); err != nil {
						b.Error(err)
						return
					}
					n++
				}
			})
			b.ReportAllocs()
			b.ResetTimer()
			for n < b.N && !b.Failed() {
				w.RunFor(time.Second)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "exchanges/s")
		})
	}
}

// BenchmarkWorld makes a World with nodes and throws it away.
func BenchmarkWorld(b *testing.B) {
	for _, nodes := range []int{2, 1000} {
		b.Run(strconv.Itoa(nodes), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := sim.New(1)
				for i := range nodes {
					_, err := w.Node("n"+strconv.Itoa(i), actors.Config{})
					require.NoError(b, err)
				}
				w.Close()
			}
		})
	}
}
