package sim_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// watchers observe counters of a server over bad links.
type watchers struct {
	w      *sim.World
	server *actors.Node
	routes []*actors.Route
	state  []int
	told   map[string]int // by watcher: the last state
	count  map[string]int
	ended  map[string]error
	wrong  []string
}

var watched = []actors.Resource{
	{Observable: true, Inline: true},
	{Observable: true, Confirmable: true},
	{Observable: true, Queue: 4},
	{Observable: true, Separate: true},
}

func (x *watchers) note(format string, args ...any) {
	x.wrong = append(x.wrong, fmt.Sprintf(format, args...))
}

// setup makes the server's resources: counters that go on from life to life.
func (x *watchers) setup(n *actors.Node, etags bool) error {
	x.server, x.routes = n, nil
	for i, res := range watched {
		res.Get = func(ctx context.Context, _ *actors.Request) (*actors.Response, error) {
			if res.Separate {
				if err := actors.Sleep(ctx, 300*time.Millisecond); err != nil {
					return nil, err
				}
			}
			return x.represent(i, etags), nil
		}
		route, err := n.Handle("/"+strconv.Itoa(i), res)
		if err != nil {
			return err
		}
		x.routes = append(x.routes, route)
	}
	return nil
}

func (x *watchers) represent(i int, etags bool) *actors.Response {
	res, _ := actors.Text(strconv.Itoa(x.state[i]))
	res.Options = res.Options.Add(codec.MaxAge(20))
	if etags {
		res.Options = res.Options.Add(codec.ETag([]byte("v" + strconv.Itoa(x.state[i]))))
	}
	return res
}

// watch begins an observation.
func (x *watchers) watch(n *actors.Node, name string, i int, non bool) *actors.Observation {
	id := name + "/" + strconv.Itoa(i)
	return n.Observe(actors.Request{URI: "coap://server/" + strconv.Itoa(i), NonConfirmable: non}, func(note *actors.Notification, err error) {
		if x.ended[id] != nil {
			x.note("%s is told something after its end", id)
		}
		if err != nil {
			x.ended[id] = err
			return
		}
		v, err := strconv.Atoi(string(note.Payload))
		if err != nil {
			x.note("%s is told %q", id, note.Payload)
		}
		if v < x.told[id] {
			x.note("%s is told %d after %d", id, v, x.told[id])
		}
		x.told[id] = v
		x.count[id]++
	})
}

func runWatchers(t *testing.T, seed uint64) (wrong []string, hash uint64) {
	w := sim.New(seed)
	defer w.Close()
	x := &watchers{w: w, state: make([]int, len(watched)), told: map[string]int{}, count: map[string]int{}, ended: map[string]error{}}
	r := w.Rand("test", "watchers")
	etags, restarts := seed%2 == 0, seed%3 == 0
	_, err := w.Node("server", actors.Config{Setup: func(n *actors.Node) error { return x.setup(n, etags) }})
	require.NoError(t, err)
	// The beginning is kinder: the first request may fail for good.
	require.NoError(t, w.Link("", "", sim.Link{Latency: 50 * time.Millisecond}))
	var names []string
	var all []*actors.Observation
	for i := range 3 {
		name := "client" + strconv.Itoa(i)
		n, err := w.Node(name, actors.Config{Params: protocol.Params{NStart: 1 + r.IntN(2)}})
		require.NoError(t, err)
		for j := range watched {
			names = append(names, name+"/"+strconv.Itoa(j))
			all = append(all, x.watch(n, name, j, r.IntN(4) == 0))
		}
	}
	w.RunFor(20 * time.Second)
	require.NoError(t, w.Link("", "", sim.Link{
		Latency: time.Duration(r.IntN(200)) * time.Millisecond, Jitter: time.Duration(r.IntN(200)) * time.Millisecond,
		Loss: 0.25, Duplicate: 0.2, Reorder: 0.2, ReorderBy: 10 * time.Second,
	}))
	w.Fault(sim.Fault{Judge: func(*sim.Packet) (v sim.Verdict) {
		if r.IntN(15) == 0 {
			v.Delay = time.Duration(10+r.IntN(60)) * time.Second
		}
		return v
	}})
	for range 40 {
		w.RunFor(time.Duration(r.IntN(10_000)) * time.Millisecond)
		i := r.IntN(len(watched))
		x.state[i]++
		if r.IntN(2) == 0 {
			require.NoError(t, x.routes[i].Publish(x.represent(i, etags)))
		} else {
			require.NoError(t, x.routes[i].Changed())
		}
		if restarts && r.IntN(20) == 0 {
			require.NoError(t, w.Crash("server"))
			w.RunFor(time.Duration(r.IntN(60)) * time.Second)
			_, err := w.Restart("server")
			require.NoError(t, err)
		}
	}
	w.RunFor(time.Hour)
	for i, name := range names {
		if want := x.state[i%len(watched)]; x.told[name] != want {
			x.note("%s was told %d last, of %d; the state is %d", name, x.told[name], x.count[name], want)
		}
	}
	for _, o := range all {
		o.Cancel()
	}
	for _, route := range x.routes {
		route.Remove()
	}
	if err := w.RunUntilIdle(2 * time.Hour); err != nil {
		x.note("%v", err)
	}
	if s := x.server.Stats().Observe; s.Observers != 0 {
		x.note("%d observers are left", s.Observers)
	}
	for _, name := range names {
		if x.ended[name] == nil {
			x.note("%s has not ended", name)
		}
	}
	for _, v := range w.Violations() {
		x.note("%v", v)
	}
	return x.wrong, w.Hash()
}

// TestChaosOfObservers: over many seeds, on links that lose, double and reorder,
// whoever observes ends up with the last state, and never goes back in between.
func TestChaosOfObservers(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		wrong, hash := runWatchers(t, seed)
		require.Empty(t, wrong, "seed %d", seed)
		if seed%10 == 0 {
			_, again := runWatchers(t, seed)
			require.Equal(t, hash, again, "seed %d: the same seed has two traces", seed)
		}
	}
}
