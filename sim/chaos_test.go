package sim_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// chaos is a World with bad links in which everybody asks everybody.
type chaos struct {
	runs   map[string]int // of handlers, by request
	ended  map[string]int // callbacks, by request
	failed int
	hash   uint64
	stats  map[string]actors.Stats
}

var (
	chaosNodes = []string{"a", "b", "c"}
	chaosPaths = []string{"fast", "inline", "slow", "separate", "busy"}
	chaosCodes = []codec.Code{codec.GET, codec.POST, codec.PUT, codec.POST, codec.DELETE, codec.PATCH}
)

const chaosRequests = 24

func runChaos(t *testing.T, seed uint64) *chaos {
	w := sim.New(seed)
	defer w.Close()
	c := &chaos{runs: map[string]int{}, ended: map[string]int{}, stats: map[string]actors.Stats{}}
	r := w.Rand("test", "chaos")
	require.NoError(t, w.Link("", "", sim.Link{
		Latency: time.Duration(r.IntN(200)) * time.Millisecond, Jitter: time.Duration(r.IntN(200)) * time.Millisecond,
		Loss: 0.2 + 0.1*r.Float64(), Duplicate: 0.2, Reorder: 0.2, ReorderBy: 20 * time.Second,
	}))
	nodes := map[string]*actors.Node{}
	for _, name := range chaosNodes {
		n, err := w.Node(name, actors.Config{Params: protocol.Params{NStart: 1 + r.IntN(3)}})
		require.NoError(t, err)
		c.serve(t, n)
		nodes[name] = n
	}
	for i := range chaosRequests {
		from, to := chaosNodes[r.IntN(3)], chaosNodes[r.IntN(3)]
		path, method, non := chaosPaths[r.IntN(len(chaosPaths))], chaosCodes[r.IntN(len(chaosCodes))], r.IntN(4) == 0
		id := fmt.Sprintf("%d-%v", i, method.Name())
		start := time.Duration(r.IntN(60)) * time.Second
		cancel := r.IntN(10) == 0
		w.Go(func(ctx context.Context) {
			if actors.Sleep(ctx, start) != nil {
				return
			}
			call := nodes[from].Go(actors.Request{Method: method, URI: "coap://" + to + "/" + path + "?" + id, NonConfirmable: non},
				func(res *actors.Response, err error) { c.end(t, id, res, err) })
			if cancel && actors.Sleep(ctx, time.Second) == nil {
				call.Cancel()
			}
		})
	}
	require.NoError(t, w.RunUntilIdle(time.Hour))
	for _, name := range chaosNodes {
		c.stats[name] = nodes[name].Stats()
	}
	c.hash = w.Hash()
	return c
}

// serve adds the resources of a node; they count how often they are asked what.
func (c *chaos) serve(t *testing.T, n *actors.Node) {
	serve := func(path string, r actors.Resource, delay time.Duration) {
		h := func(ctx context.Context, q *actors.Request) (*actors.Response, error) {
			c.runs[q.Options.Queries()[0]]++
			if delay > 0 {
				if err := actors.Sleep(ctx, delay); err != nil {
					return nil, err
				}
			}
			return actors.Status(codec.Content)
		}
		r.Get, r.Post, r.Put, r.Delete, r.Patch = h, h, h, h, h
		handle(t, n, path, r)
	}
	serve("/fast", actors.Resource{}, 0)
	serve("/inline", actors.Resource{Inline: true}, 0)
	serve("/slow", actors.Resource{}, 3*time.Second)
	serve("/separate", actors.Resource{Separate: true}, 50*time.Millisecond)
	serve("/busy", actors.Resource{Concurrency: 1, Backlog: 1}, 5*time.Second)
}

// end is the callback of a request.
func (c *chaos) end(t *testing.T, id string, res *actors.Response, err error) {
	c.ended[id]++
	var ce *actors.CodeError
	switch {
	case err == nil:
		require.Equal(t, codec.Content, res.Code)
		require.Positive(t, c.runs[id], "request %s has an answer that nobody gave", id)
		return
	case errors.As(err, &ce):
		require.Equal(t, codec.ServiceUnavailable, ce.Code, "only /busy refuses")
	default:
		require.True(t, errors.Is(err, actors.ErrTimeout) || errors.Is(err, actors.ErrReset) || errors.Is(err, actors.ErrCanceled), "request %s: %v", id, err)
	}
	c.failed++
}

// TestChaos: over many seeds, on links that lose, double and reorder, the message
// layer keeps what it promises.
func TestChaos(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 30
	}
	before := runtime.NumGoroutine()
	failed, total := 0, 0
	for seed := range uint64(seeds) {
		c := runChaos(t, seed)
		require.Len(t, c.ended, chaosRequests, "seed %d: every request ends", seed)
		for i := range chaosRequests {
			for _, m := range chaosCodes {
				id := strconv.Itoa(i) + "-" + m.Name()
				require.LessOrEqual(t, c.ended[id], 1, "seed %d: request %s has ended more than once", seed, id)
				if !m.Idempotent() {
					require.LessOrEqual(t, c.runs[id], 1, "seed %d: request %s was executed more than once", seed, id)
				}
			}
		}
		for _, name := range chaosNodes {
			s := c.stats[name]
			require.Zero(t, s.Exchanges, "seed %d: node %s has exchanges left", seed, name)
			require.Zero(t, s.Panics, "seed %d: node %s", seed, name)
		}
		if seed%10 == 0 {
			require.Equal(t, c.hash, runChaos(t, seed).hash, "seed %d: the same seed has two traces", seed)
		}
		failed += c.failed
		total += chaosRequests
	}
	noneLeft(t, before)
	// Of CON requests about one in thirty fails; the rest are NON or were
	// cancelled. Far more would mean that retransmission does not help.
	require.Less(t, float64(failed)/float64(total), 0.4)
	t.Logf("%d of %d requests failed", failed, total)
}
