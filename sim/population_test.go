package sim_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/sim"
)

func TestPopulation(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	setups := map[int]int{}
	p, err := w.Nodes(sim.Group{Count: 1000, Name: "s%d.lab", First: 5, Setup: func(i int, n *actors.Node) error {
		setups[i]++
		_, err := n.Handle("/i", actors.Resource{Get: func(context.Context, *actors.Request) (*actors.Response, error) {
			return actors.Text(fmt.Sprint(i))
		}})
		return err
	}})
	require.NoError(t, err)
	require.Equal(t, 1000, p.Len())
	require.Equal(t, "s5.lab", p.Name(0))
	require.Equal(t, netip.MustParseAddrPort("10.0.0.1:5683"), p.Addr(0))
	require.Equal(t, p.Addr(999), w.Addr("s1004.lab"))
	client, err := w.Node("client", actors.Config{})
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddrPort("10.0.3.233:5683"), w.Addr("client"), "after the group's")
	require.Zero(t, p.Awake())

	for _, uri := range []string{"coap://s5.lab/i", "coap://10.0.0.1/i"} {
		res, err := client.Get(context.Background(), uri)
		require.NoError(t, err)
		require.Equal(t, "0", string(res.Payload))
	}
	require.Equal(t, 1, p.Awake())
	n, err := w.Lookup("s1004.lab")
	require.NoError(t, err)
	require.Equal(t, "s1004.lab", n.Name())
	same, err := p.Node(999)
	require.NoError(t, err)
	require.Same(t, n, same)
	res, err := n.Get(context.Background(), "coap://s7.lab/i")
	require.NoError(t, err)
	require.Equal(t, "2", string(res.Payload))
	require.Equal(t, map[int]int{0: 1, 999: 1, 2: 1}, setups)
	require.Equal(t, 3, p.Awake())

	for _, name := range []string{"s4.lab", "s1005.lab", "s05.lab", "s.lab", "s5", "s-5.lab", "S5.lab", "s99999999999999999999.lab"} {
		_, err := w.Lookup(name)
		require.ErrorContains(t, err, "there is no node", name)
	}
	require.Panics(t, func() { p.Name(1000) })
	require.Panics(t, func() { p.Addr(-1) })
}

// TestPopulationThatDozes: a node that was silent answers as before, and has
// forgotten nothing.
func TestPopulationThatDozes(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	posts := 0
	p, err := w.Nodes(sim.Group{Count: 3, Name: "s%d", Setup: func(_ int, n *actors.Node) error {
		_, err := n.Handle("/count", actors.Resource{Post: func(context.Context, *actors.Request) (*actors.Response, error) {
			posts++
			return actors.Text(fmt.Sprint(posts))
		}})
		return err
	}})
	require.NoError(t, err)
	client, err := w.Node("client", actors.Config{})
	require.NoError(t, err)
	// The second copy of each datagram comes when the node dozes.
	w.Fault(sim.Fault{From: "client", Verdict: sim.Verdict{Copies: 1}})
	require.NoError(t, w.Link("", "", sim.Link{Latency: time.Second, Jitter: 90 * time.Second}))
	for range 3 {
		for i := range 3 {
			w.Go(func(ctx context.Context) {
				_, _ = client.Post(ctx, fmt.Sprintf("coap://s%d/count", i), 0, nil)
			})
		}
		for range 40 {
			w.RunFor(11 * time.Second)
		}
	}
	require.NoError(t, w.RunUntilIdle(time.Hour))
	dups := uint64(0)
	for i := range 3 {
		n, err := p.Node(i)
		require.NoError(t, err)
		require.True(t, n.Doze())
		s := n.Stats()
		require.EqualValues(t, 3, s.Requests)
		dups += s.Duplicates
	}
	require.Equal(t, 9, posts)
	require.NotZero(t, dups)
}

func TestPopulationErrors(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	_, err := w.Node("s7", actors.Config{Listen: []string{"10.0.0.9:5683"}})
	require.NoError(t, err)
	for _, c := range []struct {
		g    sim.Group
		want string
	}{
		{sim.Group{Count: 0, Name: "n%d"}, "Count is 0"},
		{sim.Group{Count: 1 << 30, Name: "n%d"}, "Count is"},
		{sim.Group{Count: 1, Name: "n"}, "no pattern"},
		{sim.Group{Count: 1, Name: "n%d%d"}, "no pattern"},
		{sim.Group{Count: 1, Name: "a b%d"}, "is no name"},
		{sim.Group{Count: 1, Name: "n%d", First: -1}, "First is -1"},
		{sim.Group{Count: 1, Name: "n%d", Config: actors.Config{Name: "x"}}, "Config.Name"},
		{sim.Group{Count: 1, Name: "n%d", Config: actors.Config{SeparateAfter: -1}}, "SeparateAfter"},
		{sim.Group{Count: 8, Name: "s%d"}, `the name "s7" is in use`},
		{sim.Group{Count: 8, Name: "n%d", Listen: "10.0.0.2:5683"}, "10.0.0.9:5683 is in use"},
		{sim.Group{Count: 8, Name: "n%d", Listen: "10.0.0.2"}, "10.0.0.2"},
		{sim.Group{Count: 8, Name: "n%d", Listen: ":0"}, "port"},
		{sim.Group{Count: 3, Name: "n%d", Listen: "255.255.255.254:1"}, "there are no 3 addresses"},
		{sim.Group{Count: 3, Name: "n%d", Listen: "223.255.255.254:1"}, "there are no 3 addresses"},
		{sim.Group{Count: 1 << 24, Name: "n%d"}, "no room"},
	} {
		_, err := w.Nodes(c.g)
		require.ErrorContains(t, err, c.want, "%+v", c.g)
	}
	_, err = w.Nodes(sim.Group{Count: 5, Name: "s1%d", First: 10})
	require.NoError(t, err)
	_, err = w.Nodes(sim.Group{Count: 5, Name: "s%d", First: 112})
	require.ErrorContains(t, err, `the name "s112" is in use`)
	q, err := w.Nodes(sim.Group{Count: 5, Name: "t%d", Listen: "[2001:db8::fffe]:1"})
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddrPort("[2001:db8::1:0]:1"), q.Addr(2))
	_, err = w.Node("s110", actors.Config{})
	require.ErrorContains(t, err, "in use")
	_, err = w.Node("x", actors.Config{Listen: []string{"[2001:db8::ffff]:1"}})
	require.ErrorContains(t, err, "belongs to")

	// A node that cannot start is told of where it is asked for, and is deaf.
	r, err := w.Nodes(sim.Group{Count: 2, Name: "bad%d", Setup: func(int, *actors.Node) error { return context.Canceled }})
	require.NoError(t, err)
	_, err = r.Node(0)
	require.ErrorIs(t, err, context.Canceled)
	_, err = r.Node(0)
	require.ErrorIs(t, err, context.Canceled)
	n, err := w.Lookup("s7")
	require.NoError(t, err)
	_, err = n.Get(context.Background(), "coap://bad1/")
	require.ErrorIs(t, err, actors.ErrTimeout)
	w.Close()
	_, err = w.Nodes(sim.Group{Count: 1, Name: "u%d"})
	require.ErrorIs(t, err, sim.ErrClosed)
}

// TestPopulationAddresses: every node is found by its name and its address, and
// nobody else is.
func TestPopulationAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := sim.New(1)
		defer w.Close()
		listen := rapid.SampledFrom([]string{"", ":77", "10.1.2.250:1", "[fd00::ff:fffe]:5683", "[fd00::fffe:ffff:ffff]:9"}).Draw(t, "listen")
		p, err := w.Nodes(sim.Group{Count: rapid.IntRange(1, 1<<20).Draw(t, "count"), Name: "a%db", First: rapid.IntRange(0, 1000).Draw(t, "first"), Listen: listen})
		require.NoError(t, err)
		i := rapid.IntRange(0, p.Len()-1).Draw(t, "i")
		require.Equal(t, p.Addr(i), w.Addr(p.Name(i)))
		if i > 0 {
			require.Equal(t, p.Addr(i-1).Addr().Next(), p.Addr(i).Addr())
		}
		n, err := w.Lookup(p.Name(i))
		require.NoError(t, err)
		require.Equal(t, []netip.AddrPort{p.Addr(i)}, n.Addrs())
	})
}

// TestMemoryOfNodes: what a node costs that was never spoken to, and one that
// was, and that neither makes anything happen.
func TestMemoryOfNodes(t *testing.T) {
	const idle, awake = 1_000_000, 2000
	w := sim.New(1)
	defer w.Close()
	before := heap()
	far, err := w.Nodes(sim.Group{Count: idle, Name: "far%d", Listen: "[fd00::1]:5683"})
	require.NoError(t, err)
	require.Less(t, (heap()-before)/idle, uint64(100))
	require.NoError(t, w.RunUntilIdle(0))

	require.Zero(t, far.Awake())

	w = sim.New(1)
	defer w.Close()
	before = heap()
	a := newAsker(t, w)
	near := sensors(t, w, awake)
	a.ask(t)
	require.NoError(t, w.RunUntilIdle(time.Minute))
	require.Equal(t, awake, a.answers)
	require.Zero(t, a.wrong)
	w.RunFor(20 * time.Second)
	require.Less(t, (heap()-before)/awake, uint64(4096))
	require.Equal(t, awake, near.Awake())
	require.NoError(t, w.RunUntilIdle(0), "nothing is left to happen")
	runtime.KeepAlive(w)
}
