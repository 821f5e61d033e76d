package sim_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/scenario"
)

// What could be won if the nodes of one World ran on two processors. Nothing that
// a node does can reach another before the smallest latency of a link has passed:
// so much time is a window, in which two halves of the nodes do not need each
// other. At its end they must meet, to exchange what they have sent and to put
// what has happened into one order.

// windows counts what happens to the nodes in each window: that a datagram comes,
// or that they send one when none has come. Nodes belong to two halves in turn.
type windows struct {
	length  time.Duration
	half    map[string]int
	ends    netio.Instant
	at      netio.Instant
	came    map[string]bool // to whom a datagram came at that moment
	sum     [2]int
	events  int
	windows int
	singles int // windows with nothing for one of the halves
	serial  int // if the longer half of each window is waited for
}

func (x *windows) saw(t *sim.Transit) {
	if t.At != x.at {
		x.at = t.At
		clear(x.came)
	}
	who := t.To
	switch t.Kind {
	case sim.TransitDelivered:
		x.came[who] = true
	case sim.TransitSent:
		if who = t.From; x.came[who] {
			return // an answer: part of the same event
		}
	default:
		return
	}
	if t.At >= x.ends {
		x.end()
		x.ends = t.At.Add(x.length)
	}
	h, ok := x.half[who]
	if !ok {
		h = len(x.half) & 1
		x.half[who] = h
	}
	x.sum[h]++
}

func (x *windows) end() {
	if n := x.sum[0] + x.sum[1]; n > 0 {
		x.events += n
		x.windows++
		x.serial += max(x.sum[0], x.sum[1])
		if min(x.sum[0], x.sum[1]) == 0 {
			x.singles++
		}
	}
	x.sum = [2]int{}
}

func newWindows(length time.Duration) *windows {
	return &windows{length: length, half: map[string]int{}, came: map[string]bool{}}
}

// BenchmarkLookAhead says how much there is in a window, and by what factor two
// processors were faster if everything in a window could be divided and nothing
// but waiting for the other half cost anything ("bound").
func BenchmarkLookAhead(b *testing.B) {
	for _, c := range []struct {
		name    string
		window  time.Duration // the smallest latency of its links
		changes []string
	}{
		{"discovery-1000", time.Millisecond, nil},
		{"load", 10 * time.Millisecond, nil},
		{"discover-100k", time.Millisecond, []string{"nodes.s.count=9900", "nodes.late.count=100"}}, // 10,000 show the same, sooner
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := scenario.Load(c.name, c.changes...)
			require.NoError(b, err)
			for b.Loop() {
				x := newWindows(c.window)
				_, err := s.Run(1, scenario.Options{Begin: func(w *sim.World) { w.Watch(x.saw) }})
				require.NoError(b, err)
				x.end()
				x.report(b)
			}
		})
	}
	b.Run("asking-1000", func(b *testing.B) { // as BenchmarkDeliveries, with latencies that differ
		for b.Loop() {
			w := sim.New(1)
			x := newWindows(time.Millisecond)
			require.NoError(b, w.Link("", "", sim.Link{Latency: time.Millisecond, Jitter: 8 * time.Millisecond}))
			asking(b, w, 1000, func(err error) bool { return err == nil })
			w.Watch(x.saw)
			require.NoError(b, w.RunFor(time.Second))
			x.end()
			x.report(b)
			w.Close()
		}
	})
}

func (x *windows) report(b *testing.B) {
	b.ReportMetric(float64(x.events), "events")
	b.ReportMetric(float64(x.events)/float64(x.windows), "events/window")
	b.ReportMetric(100*float64(x.singles)/float64(x.windows), "%one-half-idle")
	b.ReportMetric(float64(x.events)/float64(x.serial), "bound")
}

// BenchmarkBarrier is what it costs two goroutines to meet, with a wait that keeps
// the processor and one that gives it up. The median, as others want it too.
func BenchmarkBarrier(b *testing.B) {
	meet := func(b *testing.B, side func(n int, each func())) {
		took := make([]time.Duration, 0, b.N)
		last := time.Now()
		side(b.N, func() {
			now := time.Now()
			took = append(took, now.Sub(last))
			last = now
		})
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "median-ns")
	}
	b.Run("spin", func(b *testing.B) {
		meet(b, func(n int, each func()) {
			var x, y atomic.Int64
			wait := func(v *atomic.Int64, n int64) {
				for spins := 0; v.Load() < n; spins++ {
					if spins > 1000 {
						runtime.Gosched()
					}
				}
			}
			go func() {
				for i := range int64(n) {
					y.Store(i + 1)
					wait(&x, i+1)
				}
			}()
			for i := range int64(n) {
				x.Store(i + 1)
				wait(&y, i+1)
				each()
			}
		})
	})
	b.Run("channel", func(b *testing.B) {
		meet(b, func(n int, each func()) {
			there, back := make(chan struct{}), make(chan struct{})
			go func() {
				for range n {
					<-there
					back <- struct{}{}
				}
			}()
			for range n {
				there <- struct{}{}
				<-back
				each()
			}
		})
	})
}

// BenchmarkHalves is 1,000 nodes in one World, and in two Worlds of 500 that run
// at the same time and have nothing to do with each other: what would be reached
// if nothing at all had to be done in common.
func BenchmarkHalves(b *testing.B) {
	for _, worlds := range []int{1, 2} {
		b.Run(fmt.Sprint(worlds), func(b *testing.B) {
			var ws []*sim.World
			for i := range worlds {
				w := sim.New(uint64(i + 1))
				defer w.Close()
				require.NoError(b, w.Link("", "", sim.Link{Latency: 5 * time.Millisecond}))
				asking(b, w, 1000/worlds, func(err error) bool { return err == nil })
				require.NoError(b, w.RunFor(time.Second))
				ws = append(ws, w)
			}
			delivered := func() (n uint64) {
				for _, w := range ws {
					n += w.NetStats().Delivered
				}
				return n
			}
			before, cpu := delivered(), cpuTime()
			b.ResetTimer()
			for delivered() < before+uint64(b.N) {
				var wg sync.WaitGroup
				for _, w := range ws {
					wg.Go(func() { _ = w.RunFor(100 * time.Millisecond) })
				}
				wg.Wait()
			}
			b.StopTimer()
			n := float64(delivered() - before)
			b.ReportMetric(n/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/n, "cpu-ns/delivery")
		})
	}
}
