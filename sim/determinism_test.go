package sim_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/dist"
)

// busyWorld lets a World do a little of everything and returns its hash, and its
// trace if it is asked for.
func busyWorld(t testing.TB, seed uint64, text bool) (uint64, string) {
	w := sim.New(seed)
	defer w.Close()
	var out strings.Builder
	if text {
		w.TraceTo(&out)
	}
	require.NoError(t, w.Drift(sim.Drift{Spread: 100}))
	delay, err := dist.Parse("lognormal:20ms,0.5")
	require.NoError(t, err)
	require.NoError(t, w.Link("", "", sim.Link{Delay: delay, Loss: 0.05, Duplicate: 0.05, Reorder: 0.1,
		Bursts: &dist.GilbertElliott{P: 0.01, R: 0.2, H: 0.2, K: 1}}))
	r := w.Rand("test", "resources")
	p, err := w.Nodes(sim.Group{Count: 60, Name: "s%d", Config: actors.Config{Params: protocol.Params{DefaultLeisure: time.Second}},
		Setup: func(i int, n *actors.Node) error {
			for k, res := range []actors.Resource{{Inline: true}, {Concurrency: 1, Backlog: 2}, {Separate: true}} {
				h := func(ctx context.Context, q *actors.Request) (*actors.Response, error) {
					if k > 0 {
						if err := actors.Sleep(ctx, time.Duration(i)*10*time.Millisecond); err != nil {
							return nil, err
						}
					}
					return actors.Text(fmt.Sprint(i, k))
				}
				res.Get, res.Post = h, h
				if _, err := n.Handle(fmt.Sprintf("/r%d", k), res); err != nil {
					return err
				}
			}
			return nil
		}})
	require.NoError(t, err)
	a := newAsker(t, w)
	a.ask(t)
	for i := range 150 {
		from, to, path := r.IntN(60), r.IntN(60), r.IntN(3)
		post, non := r.IntN(2) == 0, r.IntN(4) == 0
		start := time.Duration(r.IntN(20_000)) * time.Millisecond
		w.Go(func(ctx context.Context) {
			n, err := p.Node(from)
			if err != nil || actors.Sleep(ctx, start) != nil {
				return // it has crashed
			}
			req := actors.Request{URI: fmt.Sprintf("coap://s%d/r%d?%d", to, path, i), NonConfirmable: non}
			if post {
				req.Method = codec.POST
			}
			_, _ = n.Do(ctx, req)
		})
	}
	require.NoError(t, w.RunFor(10*time.Second))
	heal, err := w.Partition(sim.Partition{From: "s[0-9]", To: "s[10-59]"})
	require.NoError(t, err)
	require.NoError(t, w.Crash("s7"))
	require.NoError(t, w.Kill("s8", 2))
	require.NoError(t, w.RunFor(10*time.Second))
	heal()
	_, err = w.Restart("s7")
	require.NoError(t, err)
	require.NoError(t, w.RunUntilIdle(time.Hour))
	return w.Hash(), out.String()
}

// golden is the hash of busyWorld(1), on every machine.
const golden = "testdata/determinism.txt"

// TestDeterminism: same seed, same trace: time and again, on one processor and on
// two, beside other Worlds, and on machines with other words.
func TestDeterminism(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	hash, trace := busyWorld(t, 1, true)
	t.Logf("%s: %016x, %d events", runtime.GOARCH, hash, strings.Count(trace, "\n"))
	text := fmt.Sprintf("%016x\n", hash)
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(text), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	runs := 100
	if testing.Short() || raceEnabled {
		runs = 10
	}
	for i := range runs {
		runtime.GOMAXPROCS(1 + i%2)
		again, _ := busyWorld(t, 1, false)
		if again != hash {
			_, other := busyWorld(t, 1, true)
			require.Fail(t, "the same seed has two traces", "run %d: %v", i, sim.Compare(trace, other))
		}
	}
	require.Equal(t, string(want), text, "what happens is another than it was: if that is meant, go test ./sim -run Determinism -update")
	other, _ := busyWorld(t, 2, false)
	require.NotEqual(t, hash, other)

	runtime.GOMAXPROCS(2)
	var wg sync.WaitGroup
	var hashes [4]uint64
	for i := range hashes {
		wg.Go(func() { hashes[i], _ = busyWorld(t, 1, false) })
	}
	wg.Wait()
	for _, h := range hashes {
		require.Equal(t, hash, h, "Worlds beside each other")
	}
}

// TestCompare: what is not determined by the seed is found, and named.
func TestCompare(t *testing.T) {
	run := func() string {
		w := sim.New(1)
		defer w.Close()
		var out strings.Builder
		w.TraceTo(&out)
		s, err := w.Node("s", actors.Config{})
		require.NoError(t, err)
		handle(t, s, "/x", actors.Resource{Get: func(ctx context.Context, r *actors.Request) (*actors.Response, error) {
			w.Notef("s", "draws %d", rand.Uint64()) // of the process, not of the World
			return nil, nil
		}})
		_, err = s.Get(context.Background(), "coap://s/x")
		require.NoError(t, err)
		return out.String()
	}
	first := run()
	require.Nil(t, sim.Compare(first, first))
	d := sim.Compare(first, run())
	require.NotNil(t, d)
	require.Equal(t, 4, d.Event)
	require.Contains(t, d.First, "s: draws ")
	require.Contains(t, d.Second, "s: draws ")
	require.Contains(t, d.Before, "s: handles GET /x")
	require.ErrorContains(t, d, "differ first in event 4")
	require.ErrorContains(t, sim.Compare("", "a\nb\n"), "event 1: nothing | a")
	require.ErrorContains(t, sim.Compare("a\nb\n", "a\n"), "event 2: b | nothing; before that: a")
}
