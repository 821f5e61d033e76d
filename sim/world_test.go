package sim_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// pair makes a World with a client and a server.
func pair(t testing.TB, seed uint64) (w *sim.World, a, b *actors.Node) {
	w = sim.New(seed)
	t.Cleanup(w.Close)
	a, err := w.Node("a", actors.Config{})
	require.NoError(t, err)
	b, err = w.Node("b", actors.Config{})
	require.NoError(t, err)
	return w, a, b
}

func handle(t testing.TB, n *actors.Node, path string, r actors.Resource) {
	_, err := n.Handle(path, r)
	require.NoError(t, err)
}

// slow is a handler that takes its time.
func slow(d time.Duration) actors.Handler {
	return func(ctx context.Context, _ *actors.Request) (*actors.Response, error) {
		if err := actors.Sleep(ctx, d); err != nil {
			return nil, err
		}
		return actors.Text("at last")
	}
}

func hello(context.Context, *actors.Request) (*actors.Response, error) { return actors.Text("hello") }

func TestTime(t *testing.T) {
	w, a, b := pair(t, 1)
	handle(t, b, "/slow", actors.Resource{Get: slow(time.Second)})
	require.Equal(t, sim.Epoch, w.Now())
	w.RunFor(10 * time.Second)
	require.Equal(t, 10*time.Second, w.Elapsed())
	w.RunFor(-time.Second)
	require.Equal(t, 10*time.Second, w.Elapsed())

	// A blocking call from outside lets the World run for as long as it takes.
	res, err := a.Get(context.Background(), "coap://b/slow")
	require.NoError(t, err)
	require.Equal(t, "at last", string(res.Payload))
	require.True(t, res.Separate)
	require.Equal(t, 11*time.Second+2*time.Millisecond, w.Elapsed())
	require.NoError(t, actors.Sleep(w.Context(), time.Second))
	require.Equal(t, 12*time.Second+2*time.Millisecond, w.Elapsed())
	d, err := a.Ping(w.Context(), "coap://b")
	require.NoError(t, err)
	require.Equal(t, 2*time.Millisecond, d)

	require.ErrorIs(t, w.RunUntilIdle(time.Second), sim.ErrBusy)
	require.Equal(t, 13*time.Second+4*time.Millisecond, w.Elapsed())
	require.NoError(t, w.RunUntilIdle(time.Hour))
	require.NoError(t, w.RunUntilIdle(0))
	require.Less(t, w.Elapsed(), 10*time.Minute)
	w.RunFor(time.Duration(math.MaxInt64))
}

func TestTasks(t *testing.T) {
	w, a, b := pair(t, 1)
	handle(t, b, "/slow", actors.Resource{Get: slow(time.Second)})
	var order []string
	say := func(s string) { order = append(order, s) }
	w.Go(func(ctx context.Context) {
		say("first begins")
		w.Go(func(ctx context.Context) {
			say("third begins")
			require.NoError(t, actors.Sleep(ctx, time.Second))
			say("third ends")
		})
		_, err := a.Get(ctx, "coap://b/slow")
		require.NoError(t, err)
		say("first ends")
	})
	w.Go(func(ctx context.Context) {
		say("second begins")
		require.NoError(t, actors.Sleep(ctx, 0))
		say("second ends")
	})
	require.Empty(t, order)
	w.RunFor(time.Minute)
	require.Equal(t, []string{"first begins", "second begins", "third begins", "second ends", "third ends", "first ends"}, order)
}

// TestContexts: every context that derives from a task's ends its waits, in
// virtual time.
func TestContexts(t *testing.T) {
	w, a, b := pair(t, 1)
	handle(t, b, "/slow", actors.Resource{Get: slow(time.Hour)})
	ended := map[string]time.Duration{}
	var stop context.CancelFunc
	w.Go(func(ctx context.Context) {
		ctx, stop = context.WithCancel(ctx)
		_, err := a.Get(ctx, "coap://b/slow")
		require.ErrorIs(t, err, context.Canceled)
		ended["cancelled"] = w.Elapsed()
	})
	w.Go(func(ctx context.Context) {
		ctx, cancel := w.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := a.Get(ctx, "coap://b/slow")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		ended["timeout"] = w.Elapsed()
		_, err = a.Get(ctx, "coap://b/slow")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, actors.Sleep(ctx, time.Second), context.DeadlineExceeded)
	})
	w.RunFor(2 * time.Second)
	stop()
	w.RunFor(time.Minute)
	require.Equal(t, map[string]time.Duration{"cancelled": 2 * time.Second, "timeout": 5 * time.Second}, ended)

	// The same from outside.
	ctx, cancel := w.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := a.Get(ctx, "coap://b/slow")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 63*time.Second, w.Elapsed())
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = a.Get(cancelled, "coap://b/slow")
	require.ErrorIs(t, err, context.Canceled)
}

// TestIdle: what waits for ever is told so, instead of hanging.
func TestIdle(t *testing.T) {
	w, _, b := pair(t, 1)
	var wait func(context.Context) error
	handle(t, b, "/x", actors.Resource{Get: hello})
	w.Go(func(ctx context.Context) {
		wait = func(ctx context.Context) error { return actors.Sleep(ctx, math.MaxInt64) }
		_ = wait(ctx)
	})
	require.ErrorIs(t, w.RunUntilIdle(time.Hour), sim.ErrBusy)
	require.ErrorIs(t, wait(w.Context()), sim.ErrIdle)
}

func TestEndOfTask(t *testing.T) {
	w, _, _ := pair(t, 1)
	w.Go(func(context.Context) { panic("oh") })
	require.PanicsWithError(t, "", func() {
		defer func() {
			// The text has the stack of the task after it.
			err := recover().(error)
			require.ErrorContains(t, err, "sim: a task panicked: oh")
			require.ErrorContains(t, err, "TestEndOfTask")
			panic(errors.New(""))
		}()
		w.RunFor(time.Second)
	})

	// What t.FailNow does in a task ends the goroutine that runs the World.
	done, returned := make(chan struct{}), false
	go func() {
		defer close(done)
		w.Go(func(context.Context) { runtime.Goexit() })
		w.RunFor(time.Second)
		returned = true
	}()
	<-done
	require.False(t, returned)

	ran := false
	w.Go(func(ctx context.Context) { ran = actors.Sleep(ctx, time.Second) == nil })
	w.RunFor(time.Minute)
	require.True(t, ran)
}

func TestMisuse(t *testing.T) {
	w, a, b := pair(t, 1)
	_, err := w.Node("c", actors.Config{Env: actors.SystemEnv()})
	require.ErrorContains(t, err, "Config.Env")
	_, err = w.Node("a", actors.Config{})
	require.ErrorContains(t, err, `"a" is in use`)
	for _, name := range []string{"", "a b", "*", "a->b", "a,b", strings.Repeat("x", 254)} {
		_, err = w.Node(name, actors.Config{})
		require.ErrorContains(t, err, "is no name", "%q", name)
	}
	for _, addr := range []string{"10.0.0.1", "10.0.0.1:5683", ":0", ":x", "0.0.0.0:5683", "224.0.1.187:5683", "b:1"} {
		_, err = w.Node("c", actors.Config{Listen: []string{addr}})
		require.Error(t, err, addr)
	}
	require.ErrorContains(t, w.Kill("nobody", 0), "nobody")
	require.ErrorContains(t, w.Inject("nobody", w.Addr("a"), nil), "nobody")
	require.False(t, w.Addr("nobody").IsValid())
	require.ErrorContains(t, w.Link("", "", sim.Link{Loss: math.NaN()}), "Loss")
	require.ErrorContains(t, w.Link("", "", sim.Link{Duplicate: 1.1}), "Duplicate")
	require.ErrorContains(t, w.Link("", "", sim.Link{Jitter: -1}), "Jitter")

	w.Go(func(context.Context) {
		require.PanicsWithValue(t, "sim: RunFor was called from a task; tasks block with actors.Sleep or a call of a node", func() { w.RunFor(1) })
	})
	w.RunFor(1)
	a.Go(actors.Request{URI: "coap://b/x"}, func(*actors.Response, error) {
		require.Panics(t, func() { w.RunFor(1) })
		require.Panics(t, func() { _, _ = a.Get(context.Background(), "coap://b/x") })
	})
	handle(t, b, "/inline", actors.Resource{Inline: true, Get: func(ctx context.Context, r *actors.Request) (*actors.Response, error) {
		_, err := r.Node().Get(ctx, "coap://a/x")
		require.ErrorIs(t, err, actors.ErrInline)
		require.ErrorIs(t, actors.Sleep(ctx, 1), actors.ErrInline)
		return nil, nil
	}})
	w.RunFor(time.Minute)
	_, err = a.Get(context.Background(), "coap://b/inline")
	require.NoError(t, err)
}

// TestClose: whatever goes on in a World, nothing is left of it.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		w := sim.New(1)
		a, err := w.Node("a", actors.Config{})
		require.NoError(t, err)
		b, err := w.Node("b", actors.Config{})
		require.NoError(t, err)
		var ends []error
		handle(t, b, "/slow", actors.Resource{Get: func(ctx context.Context, _ *actors.Request) (*actors.Response, error) {
			err := actors.Sleep(ctx, time.Hour)
			ends = append(ends, err)
			return nil, err
		}})
		handle(t, b, "/deaf", actors.Resource{Get: func(ctx context.Context, r *actors.Request) (*actors.Response, error) {
			for { // until the World puts an end to it
				_, _ = r.Node().Get(context.Background(), "coap://b/slow")
			}
		}})
		for _, path := range []string{"slow", "slow", "deaf"} {
			w.Go(func(ctx context.Context) {
				_, err := a.Get(ctx, "coap://b/"+path)
				ends = append(ends, err)
			})
		}
		w.Go(func(ctx context.Context) {
			for ctx.Err() == nil {
				_ = actors.Sleep(ctx, time.Second)
			}
			ends = append(ends, actors.Sleep(context.WithoutCancel(ctx), 1))
		})
		for range 300 { // more coroutines than are kept
			w.Go(func(ctx context.Context) { _ = actors.Sleep(ctx, time.Second) })
		}
		w.RunFor(10 * time.Second)
		require.NoError(t, w.Kill("a", 1000))
		w.Go(func(ctx context.Context) { ends = append(ends, ctx.Err()) }) // it begins only now
		w.Close()
		w.Close()
		require.GreaterOrEqual(t, len(ends), 6)
		for _, err := range ends {
			require.Error(t, err)
		}
		_, err = w.Node("c", actors.Config{})
		require.ErrorIs(t, err, sim.ErrClosed)
		_, err = w.Peer("c")
		require.ErrorIs(t, err, sim.ErrClosed)
		_, err = a.Get(context.Background(), "coap://b/slow")
		require.ErrorIs(t, err, actors.ErrStopped)
	}
	noneLeft(t, before)
}

// noneLeft fails if there are more goroutines than before.
func noneLeft(t *testing.T, before int) {
	t.Helper()
	for i := 0; i < 1e6 && runtime.NumGoroutine() > before; i++ {
		runtime.Gosched() // the actor library has one that is about to end
	}
	if n := runtime.NumGoroutine(); n > before {
		stacks := make([]byte, 1<<20)
		t.Fatalf("%d goroutines are left of %d:\n%s", n-before, n, stacks[:runtime.Stack(stacks, true)])
	}
}

// TestRandomness: equal seeds give equal Worlds, others do not, and one more node
// changes nothing for those that are there.
func TestRandomness(t *testing.T) {
	run := func(seed uint64, more, text bool) (string, uint64) {
		w := sim.New(seed)
		defer w.Close()
		var out strings.Builder
		if text {
			w.TraceTo(&out)
		}
		if more {
			_, err := w.Node("z", actors.Config{Listen: []string{"10.9.9.9:5683"}})
			require.NoError(t, err)
		}
		b, err := w.Node("b", actors.Config{})
		require.NoError(t, err)
		handle(t, b, "/hello", actors.Resource{Get: hello})
		a, err := w.Node("a", actors.Config{})
		require.NoError(t, err)
		require.NoError(t, w.Link("", "", sim.Link{Latency: time.Second, Jitter: time.Second, Loss: 0.2, Duplicate: 0.2, Reorder: 0.2}))
		for range 5 {
			_, err := a.Get(context.Background(), "coap://b/hello")
			require.NoError(t, err)
		}
		return out.String(), w.Hash()
	}
	text, hash := run(1, false, true)
	again, hash2 := run(1, false, true)
	require.Equal(t, text, again)
	require.Equal(t, hash, hash2)
	_, hash2 = run(1, false, false)
	require.Equal(t, hash, hash2, "the hash does not depend on whether anybody reads")
	again, _ = run(1, true, true)
	require.Equal(t, text, again)
	other, hash2 := run(2, false, true)
	require.NotEqual(t, text, other)
	require.NotEqual(t, hash, hash2)

	w := sim.New(1)
	defer w.Close()
	require.Equal(t, w.Rand("a", "x").Uint64(), w.Rand("a", "x").Uint64())
	require.NotEqual(t, w.Rand("a", "x").Uint64(), w.Rand("a", "y").Uint64())
	require.NotEqual(t, w.Rand("a", "xb").Uint64(), w.Rand("ax", "b").Uint64())
	require.NotEqual(t, w.Rand("a", "x").Uint64(), sim.New(2).Rand("a", "x").Uint64())
}

func TestPeer(t *testing.T) {
	w, a, _ := pair(t, 1)
	p, err := w.Peer("p", "10.7.7.7:1000")
	require.NoError(t, err)
	require.Equal(t, w.Addr("p"), p.Addr())
	handle(t, a, "/hello", actors.Resource{Get: hello})
	m := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: 7, Options: codec.Options{codec.URIPath("hello")}}
	data, err := m.Append(nil)
	require.NoError(t, err)
	require.NoError(t, p.Send(w.Addr("a"), data))
	require.NoError(t, w.RunUntilIdle(time.Hour))
	require.EqualValues(t, 1, a.Stats().Requests)
}
