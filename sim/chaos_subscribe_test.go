package sim_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/sim"
)

// wanted is a subscription of the chaos, with its rule in Go. No sample comes
// twice, so what is told says which sample it is.
type wanted struct {
	rule  string
	qos   int
	holds func(v, before int) bool
}

var wants = []wanted{
	{"> 500", 1, func(v, _ int) bool { return v > 500 }},
	{"value in 200..400; con", 1, func(v, _ int) bool { return v >= 200 && v <= 400 }},
	{"rising(> 500)", 1, func(v, before int) bool { return v > 500 && before <= 500 }},
	{"< 300", 0, func(v, _ int) bool { return v < 300 }},
	{"true; pmin=3s", 0, func(int, int) bool { return true }},
	{"> 900; pmax=40s", 1, func(v, _ int) bool { return v > 900 }},
}

// subscribers are clients of one sensor, over bad links.
type subscribers struct {
	w      *sim.World
	server *actors.Node
	route  *actors.Route
	state  int
	all    []int       // the samples of this life and those before
	at     map[int]int // where each is in all
	told   map[string][]int
	last   map[string]int
	ended  map[string]error
	wrong  []string
}

func (x *subscribers) note(format string, args ...any) {
	x.wrong = append(x.wrong, fmt.Sprintf(format, args...))
}

func (x *subscribers) setup(n *actors.Node) (err error) {
	x.server = n
	x.route, err = n.Handle("/x", actors.Resource{
		Observable: true, Inline: true, Queue: 64, Lease: 2 * time.Minute, Tagged: true,
		Get: func(context.Context, *actors.Request) (*actors.Response, error) {
			return actors.Text(strconv.Itoa(x.state))
		},
	})
	return err
}

func (x *subscribers) publish(v int) {
	x.at[v] = len(x.all)
	x.all = append(x.all, v)
	x.state = v
	if err := x.route.Publish(strconv.Itoa(v)); err != nil {
		x.note("%v", err)
	}
}

func (x *subscribers) subscribe(n *actors.Node, name string, i int) *actors.Observation {
	id, want := name+"/"+strconv.Itoa(i), wants[i]
	s := actors.Subscription{Request: actors.Request{URI: "coap://server/x"}, Rule: want.rule, QoS: want.qos}
	return n.SubscribeFunc(s, func(note *actors.Notification, err error) {
		if err != nil {
			x.ended[id] = err
			return
		}
		v, err := strconv.Atoi(string(note.Payload))
		at, published := x.at[v]
		if err != nil || !published {
			x.note("%s is told %q", id, note.Payload)
			return
		}
		if note.FiltersAt != actors.Publisher && note.Reason != actors.ReasonFirst {
			x.note("%s filters itself", id)
		}
		x.last[id] = at
		if note.Reason != actors.ReasonSelected {
			return
		}
		before := 0
		if at > 0 {
			before = x.all[at-1]
		}
		if !want.holds(v, before) {
			x.note("%s is told %d after %d, which %q does not select", id, v, before, want.rule)
		}
		x.told[id] = append(x.told[id], at)
	})
}

func runSubscribers(t *testing.T, seed uint64) (wrong []string, hash uint64) {
	w := sim.New(seed)
	defer w.Close()
	x := &subscribers{w: w, at: map[int]int{}, told: map[string][]int{}, last: map[string]int{}, ended: map[string]error{}}
	r := w.Rand("test", "subscribers")
	values := r.Perm(1000)
	next := func() int { v := values[0]; values = values[1:]; return v }
	_, err := w.Node("server", actors.Config{Setup: x.setup})
	require.NoError(t, err)
	require.NoError(t, w.Link("", "", sim.Link{Latency: 50 * time.Millisecond}))
	x.publish(next())
	var names []string
	var all []*actors.Observation
	for i := range 3 {
		name := "client" + strconv.Itoa(i)
		n, err := w.Node(name, actors.Config{Params: protocol.Params{NStart: 1 + r.IntN(2)}})
		require.NoError(t, err)
		for j := range wants {
			names = append(names, name+"/"+strconv.Itoa(j))
			all = append(all, x.subscribe(n, name, j))
		}
	}
	w.RunFor(10 * time.Second)
	bad := sim.Link{
		Latency: time.Duration(r.IntN(200)) * time.Millisecond, Jitter: time.Duration(r.IntN(200)) * time.Millisecond,
		Loss: 0.2, Duplicate: 0.1, Reorder: 0.1, ReorderBy: 3 * time.Second,
	}
	require.NoError(t, w.Link("", "", bad))
	crashes, parts := seed%3 == 0, seed%3 == 1
	for range 60 {
		w.RunFor(time.Duration(r.IntN(5_000)) * time.Millisecond)
		for range 1 + r.IntN(4) {
			x.publish(next())
		}
		switch {
		case crashes && r.IntN(20) == 0:
			require.NoError(t, w.Crash("server"))
			w.RunFor(time.Duration(r.IntN(60)) * time.Second)
			_, err := w.Restart("server")
			require.NoError(t, err)
		case parts && r.IntN(20) == 0:
			_, err := w.Partition(sim.Partition{From: "client" + strconv.Itoa(r.IntN(3))})
			require.NoError(t, err)
			w.RunFor(time.Duration(r.IntN(200)) * time.Second)
			w.Heal()
		}
	}
	// The network heals, and who was forgotten comes back within its lease.
	require.NoError(t, w.Link("", "", sim.Link{Latency: 50 * time.Millisecond}))
	w.RunFor(10 * time.Minute)
	clear(x.told)
	from := len(x.all)
	for range 60 {
		w.RunFor(time.Duration(r.IntN(5_000)) * time.Millisecond)
		for range 1 + r.IntN(4) {
			x.publish(next())
		}
	}
	w.RunFor(5 * time.Minute)
	for i, name := range names {
		want := wants[i%len(wants)]
		if want.qos == 0 {
			continue
		}
		var selected []int
		for at := from; at < len(x.all); at++ {
			if want.holds(x.all[at], x.all[at-1]) {
				selected = append(selected, at)
			}
		}
		// What pmax sends again, and the rule would select, looks the same.
		got := slices.DeleteFunc(slices.Compact(x.told[name]), func(at int) bool { return at < from })
		if fmt.Sprint(got) != fmt.Sprint(selected) {
			x.note("%s (%s) was told %v, of %v", name, want.rule, got, selected)
		}
	}
	// Half of them die; the leases of their subscriptions end.
	require.NoError(t, w.Crash("client0"))
	for _, o := range all[len(wants):] {
		o.Cancel()
	}
	w.RunFor(5 * time.Minute)
	if s := x.server.Stats().Observe; s.Observers != 0 || s.Subscribers != 0 {
		x.note("%d observers are left, %d of them with rules", s.Observers, s.Subscribers)
	}
	for _, v := range w.Violations() {
		x.note("%v", v)
	}
	return x.wrong, w.Hash()
}

// TestChaosOfSubscribers: over many seeds, on links that lose, double and
// reorder, with servers that crash and networks that part, what is sent was
// selected; and when all is well again, nothing is lost that a subscriber with
// QoS 1 wants.
func TestChaosOfSubscribers(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() || raceEnabled {
		seeds = 6
	}
	for seed := range seeds {
		wrong, hash := runSubscribers(t, seed)
		require.Empty(t, wrong, "seed %d", seed)
		if seed%10 == 0 {
			_, again := runSubscribers(t, seed)
			require.Equal(t, hash, again, "seed %d: the same seed has two traces", seed)
		}
	}
}
