package sim_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// TestLive: the same World in real time, on goroutines.
func TestLive(t *testing.T) {
	before := runtime.NumGoroutine()
	w := sim.NewLive(1)
	defer w.Close()
	var trace strings.Builder
	w.TraceTo(&trace)
	fast := protocol.Params{AckTimeout: 20 * time.Millisecond, MaxRetransmit: 8, DefaultLeisure: 10 * time.Millisecond, MaxLatency: time.Second}
	temp := actors.Resource{Get: func(ctx context.Context, _ *actors.Request) (*actors.Response, error) {
		if err := actors.Sleep(ctx, time.Millisecond); err != nil {
			return nil, err
		}
		return actors.Text("21.5")
	}}
	const nodes = 50
	p, err := w.Nodes(sim.Group{Count: nodes, Name: "s%d", Config: actors.Config{Params: fast}, Setup: func(_ int, n *actors.Node) error {
		_, err := n.Handle("/temp", temp)
		return err
	}})
	require.NoError(t, err)
	require.NoError(t, w.Link("", "", sim.Link{Latency: time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.1, Duplicate: 0.1}))
	var mu sync.Mutex
	answers := 0
	asker, err := w.Peer("asker")
	require.NoError(t, err)
	asker.OnReceive = func(netio.Datagram) {
		mu.Lock()
		defer mu.Unlock()
		answers++
	}
	m := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: 1, Options: codec.Options{codec.URIPath(".well-known"), codec.URIPath("core")}}
	data, err := m.Append(nil)
	require.NoError(t, err)
	require.NoError(t, asker.Send(netip.MustParseAddrPort("224.0.1.187:5683"), data))

	client, err := w.Node("client", actors.Config{Params: fast})
	require.NoError(t, err)
	res, err := client.Get(context.Background(), "coap://s0/temp")
	require.NoError(t, err)
	require.Equal(t, "21.5", string(res.Payload))
	var done atomic.Int64
	var tasks sync.WaitGroup
	for i := range 200 {
		tasks.Add(1)
		w.Go(func(ctx context.Context) {
			defer tasks.Done()
			from, err := p.Node(i % nodes)
			if err != nil {
				return
			}
			if _, err := from.Get(ctx, fmt.Sprintf("coap://s%d/temp", i*7%nodes)); err == nil {
				done.Add(1)
			}
		})
	}
	tasks.Wait()
	require.Greater(t, done.Load(), int64(190))
	require.NoError(t, w.Crash("s3"))
	require.ErrorContains(t, w.Crash("s3"), "crashed already")
	_, err = w.Restart("s3")
	require.NoError(t, err)
	require.NoError(t, w.Kill("s4", 0))
	stop := w.Watch(func(*sim.Transit) {})
	require.NoError(t, w.RunFor(20*time.Millisecond))
	stop()
	_, err = client.Get(context.Background(), "coap://s3/temp")
	require.NoError(t, err)
	require.NoError(t, w.RunUntilIdle(time.Minute))
	mu.Lock()
	require.Positive(t, answers)
	mu.Unlock()
	require.Equal(t, nodes, p.Awake())
	s := w.NetStats()
	require.True(t, s.Balanced(), "%+v", s)
	require.ErrorIs(t, w.Drift(sim.Drift{PPM: 1}), sim.ErrLive)
	require.Positive(t, w.Elapsed())
	w.Go(func(ctx context.Context) { _ = actors.Sleep(ctx, time.Hour) })
	w.Close()
	w.Close()
	require.Contains(t, trace.String(), "s0: handles GET /temp")
	_, err = w.Node("late", actors.Config{})
	require.ErrorIs(t, err, sim.ErrClosed)
	noneLeft(t, before)
}
