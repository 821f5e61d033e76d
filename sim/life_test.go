package sim_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/sim"
)

// TestCrash: what a node knew is lost, and nothing leaves it any more.
func TestCrash(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	var trace strings.Builder
	w.TraceTo(&trace)
	starts, ended := 0, []string{}
	b, err := w.Node("b", actors.Config{Setup: func(n *actors.Node) error {
		starts++
		s := w.Store(n.Name())
		boots, _ := s.Get("boots")
		s.Put("boots", append(boots, '.'))
		_, err := n.Handle("/slow", actors.Resource{Post: func(ctx context.Context, r *actors.Request) (*actors.Response, error) {
			err := actors.Sleep(ctx, 10*time.Second)
			ended = append(ended, fmt.Sprint("handler: ", err))
			return nil, err
		}})
		if err == nil {
			_, err = n.Handle("/life", actors.Resource{Get: func(context.Context, *actors.Request) (*actors.Response, error) {
				return actors.Text(fmt.Sprint(starts))
			}})
		}
		return err
	}})
	require.NoError(t, err)
	a, err := w.Node("a", actors.Config{})
	require.NoError(t, err)
	note := func(what string) func(*actors.Response, error) {
		return func(_ *actors.Response, err error) { ended = append(ended, fmt.Sprintf("%s: %v", what, err)) }
	}
	a.Go(actors.Request{Method: 2, URI: "coap://b/slow"}, note("a's call"))
	b.Go(actors.Request{URI: "coap://10.99.99.99/x"}, note("b's call"))
	require.NoError(t, w.RunFor(time.Second))
	require.NoError(t, w.Crash("b"))
	at := trace.Len()
	require.ErrorContains(t, w.Crash("b"), "crashed already")
	_, err = w.Lookup("b")
	require.ErrorContains(t, err, "has crashed")
	require.NoError(t, w.RunFor(time.Minute))
	require.NotContains(t, trace.String()[at:], "b →", "nothing leaves a node that has crashed")
	require.Len(t, ended, 2, "%v", ended)
	require.Contains(t, ended[0]+ended[1], "handler: ")
	require.Contains(t, ended[0]+ended[1], "b's call: ")
	_, err = b.Get(context.Background(), "coap://a/x")
	require.ErrorIs(t, err, actors.ErrStopped)

	// The acknowledged request is lost with the node; nobody answers it.
	_, err = w.Restart("b")
	require.NoError(t, err)
	require.NoError(t, w.RunFor(5*time.Minute))
	require.Contains(t, ended[2], "a's call: ")
	require.Contains(t, ended[2], "timeout")
	res, err := a.Get(context.Background(), "coap://b/life")
	require.NoError(t, err)
	require.Equal(t, "2", string(res.Payload))
	boots, ok := w.Store("b").Get("boots")
	require.True(t, ok)
	require.Equal(t, "..", string(boots))
	w.Store("b").Clear()
	_, ok = w.Store("b").Get("boots")
	require.False(t, ok)
	_, err = w.Restart("b")
	require.ErrorContains(t, err, "is running")
	require.NoError(t, w.RunUntilIdle(time.Hour))
	require.Empty(t, w.Violations())
}

// TestRestartForgets: a request that is repeated to a node's next life is a new
// one to it, and the node itself begins anew.
func TestRestartForgets(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	posts := 0
	p, err := w.Nodes(sim.Group{Count: 2, Name: "s%d", Setup: func(i int, n *actors.Node) error {
		_, err := n.Handle("/x", actors.Resource{Inline: true, Post: func(context.Context, *actors.Request) (*actors.Response, error) {
			posts++
			return nil, nil
		}})
		return err
	}})
	require.NoError(t, err)
	a, err := w.Node("a", actors.Config{})
	require.NoError(t, err)
	// The answer of the first life is lost.
	w.Fault(sim.Fault{From: "s0", Nth: []int{1}, Verdict: sim.Verdict{Drop: true}})
	w.Go(func(ctx context.Context) {
		_, err := a.Post(ctx, "coap://s0/x", 0, nil)
		require.NoError(t, err)
	})
	require.NoError(t, w.RunFor(time.Second))
	w.Go(func(context.Context) { // crashes can come from tasks, too
		require.NoError(t, w.Crash("s0"))
		n, err := w.Restart("s0")
		require.NoError(t, err)
		require.Zero(t, n.Stats().Received)
	})
	require.NoError(t, w.RunFor(time.Minute))
	require.Equal(t, 2, posts)

	// One that nobody has ever needed.
	require.NoError(t, w.Crash("s1"))
	require.Equal(t, 1, p.Awake())
	_, err = p.Node(1)
	require.ErrorContains(t, err, "has crashed")
	_, err = a.Post(context.Background(), "coap://s1/x", 0, nil)
	require.ErrorIs(t, err, actors.ErrTimeout)
	_, err = w.Restart("s1")
	require.NoError(t, err)
	_, err = a.Post(context.Background(), "coap://s1/x", 0, nil)
	require.NoError(t, err)
	require.NoError(t, w.RunUntilIdle(time.Hour))

	_, err = w.Peer("p")
	require.NoError(t, err)
	require.ErrorContains(t, w.Crash("p"), "is no node")
	require.ErrorContains(t, w.Crash("nobody"), "there is no node")
	_, err = w.Restart("nobody")
	require.ErrorContains(t, err, "there is no node")
	_, err = w.Restart("p")
	require.ErrorContains(t, err, "is no node")
	require.Nil(t, w.Store("nobody"))
	w.Close()
	_, err = w.Restart("s0")
	require.ErrorIs(t, err, sim.ErrClosed)
}

// TestDrift: a node whose clock runs fast retransmits earlier, and nothing is
// wrong with that.
func TestDrift(t *testing.T) {
	gaps := func(ppm float64) (ds []time.Duration) {
		w := sim.New(1)
		defer w.Close()
		require.NoError(t, w.Drift(sim.Drift{Nodes: "a", PPM: ppm}))
		a, err := w.Node("a", actors.Config{})
		require.NoError(t, err)
		var last time.Duration
		w.Fault(sim.Fault{From: "a", Judge: func(p *sim.Packet) sim.Verdict {
			if last > 0 {
				ds = append(ds, w.Elapsed()-last)
			}
			last = w.Elapsed()
			return sim.Verdict{Drop: true}
		}})
		_, err = w.Node("b", actors.Config{})
		require.NoError(t, err)
		require.NoError(t, w.RunFor(time.Hour))
		_, err = a.Get(context.Background(), "coap://b/x")
		require.ErrorIs(t, err, actors.ErrTimeout)
		require.NoError(t, w.RunUntilIdle(time.Hour))
		return ds
	}
	right, fast, slow := gaps(0), gaps(100_000), gaps(-100_000)
	require.Len(t, right, 4)
	for i := range right {
		require.InDelta(t, float64(right[i])/1.1, float64(fast[i]), 2)
		require.InDelta(t, float64(right[i])/0.9, float64(slow[i]), 2)
	}
	w := sim.New(1)
	defer w.Close()
	for _, d := range []sim.Drift{{PPM: 1e6}, {PPM: -6e5}, {Spread: -1}, {PPM: 4e5, Spread: 2e5}, {Nodes: "a["}} {
		require.Error(t, w.Drift(d), "%+v", d)
	}
	// Chaos among clocks that differ.
	require.NoError(t, w.Drift(sim.Drift{Spread: 1000}))
	require.NoError(t, w.Link("", "", sim.Link{Latency: time.Second, Jitter: 9 * time.Second, Loss: 0.3, Duplicate: 0.2}))
	p := sensors(t, w, 20)
	for i := range 20 {
		n, err := p.Node(i)
		require.NoError(t, err)
		for k := range 20 {
			w.Go(func(ctx context.Context) { _, _ = n.Get(ctx, fmt.Sprintf("coap://s%d/temp", k)) })
		}
	}
	require.NoError(t, w.RunUntilIdle(2*time.Hour))
}
