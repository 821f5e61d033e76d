package sim_test

import (
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/dist"
)

// BenchmarkNetwork is the network alone, between peers: the cost of one copy of a
// datagram from sender to receiver, on networks of several kinds.
func BenchmarkNetwork(b *testing.B) {
	const receivers = 1000
	lossy := sim.Link{Latency: 10 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.1, Duplicate: 0.05}
	for _, c := range []struct {
		name  string
		setup func(w *sim.World) error
	}{
		{"plain", func(*sim.World) error { return nil }},
		{"lossy", func(w *sim.World) error { return w.Link("", "", lossy) }},
		{"bursts", func(w *sim.World) error {
			return w.Link("", "", sim.Link{Latency: time.Millisecond, Bursts: &dist.GilbertElliott{P: 0.01, R: 0.2}})
		}},
		{"lognormal", func(w *sim.World) error {
			return w.Link("", "", sim.Link{Delay: dist.LogNormal{Median: 20 * time.Millisecond, Sigma: 0.5}})
		}},
		{"queues", func(w *sim.World) error {
			return w.Link("", "", sim.Link{Latency: time.Millisecond, Rate: sim.Rate{Bandwidth: 1 << 20}})
		}},
		{"patterns", func(w *sim.World) error {
			for i := range 50 {
				lo := strconv.Itoa(20 * i)
				if err := w.Link("asker", "s["+lo+"-"+strconv.Itoa(20*i+19)+"]", sim.Link{Latency: time.Duration(i) * time.Millisecond}); err != nil {
					return err
				}
				if err := w.Segment(sim.Segment{Name: "x" + lo, Nodes: "s[" + lo + "-" + strconv.Itoa(20*i+19) + "]"}); err != nil {
					return err
				}
			}
			_, err := w.Partition(sim.Partition{From: "s[0-9]"})
			return err
		}},
		{"buffers", func(w *sim.World) error {
			return w.Interface("s*", sim.Interface{Buffer: 10, Service: time.Millisecond})
		}},
	} {
		for _, unicast := range []bool{false, true} {
			name := c.name + "/group"
			if unicast {
				name = c.name + "/unicast"
			}
			b.Run(name, func(b *testing.B) {
				w := sim.New(1)
				defer w.Close()
				require.NoError(b, c.setup(w))
				asker, err := w.Peer("asker")
				require.NoError(b, err)
				to := make([]netip.AddrPort, receivers)
				for i := range to {
					p, err := w.Peer("s" + strconv.Itoa(i))
					require.NoError(b, err)
					p.OnReceive = func(netio.Datagram) {}
					to[i] = p.Addr()
				}
				data := make([]byte, 40)
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					if n++; unicast {
						_ = asker.Send(to[n%receivers], data)
						if n%receivers == 0 {
							w.RunFor(50 * time.Millisecond)
						}
					} else {
						_ = asker.Send(allNodes, data)
						w.RunFor(50 * time.Millisecond)
					}
				}
				s := w.NetStats()
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(s.Copies), "ns/copy")
			})
		}
	}
}
