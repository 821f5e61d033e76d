package sim_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// hall is a World with a client and n nodes; each tenth has /hum, all have /temp.
func hall(t *testing.T, seed uint64, n int, link sim.Link) (*sim.World, *actors.Node) {
	t.Helper()
	w := sim.New(seed)
	require.NoError(t, w.Link("", "", link))
	res := func(rt string) actors.Resource {
		return actors.Resource{Inline: true, Attributes: []codec.Attr{{Name: "rt", Value: rt}},
			Get: func(context.Context, *actors.Request) (*actors.Response, error) { return actors.Text("1") }}
	}
	_, err := w.Nodes(sim.Group{Count: n, Name: "s%d", Setup: func(i int, n *actors.Node) error {
		_, err := n.Handle("/temp", res("temperature"))
		if err == nil && i%10 == 0 {
			_, err = n.Handle("/hum", res("humidity"))
		}
		return err
	}})
	require.NoError(t, err)
	cli, err := w.Node("client", actors.Config{})
	require.NoError(t, err)
	return w, cli
}

func discoverAll(t *testing.T, cli *actors.Node, q actors.Query) map[string]actors.Found {
	t.Helper()
	all := map[string]actors.Found{}
	for f, err := range cli.Discover(context.Background(), q) {
		require.NoError(t, err)
		require.NotContains(t, all, f.Name)
		all[f.Name] = f
	}
	return all
}

// A host among a thousand: one node answers, in one round trip.
func TestDiscoverName(t *testing.T) {
	w, cli := hall(t, 1, 1000, sim.Link{Latency: 10 * time.Millisecond})
	defer w.Close()
	before := w.NetStats()
	all := discoverAll(t, cli, actors.Name("S777"))
	require.Len(t, all, 1)
	f := all["s777"]
	require.Equal(t, 20*time.Millisecond, f.Delay)
	require.Empty(t, f.Links)
	require.False(t, f.Plain)
	require.NotZero(t, f.Instance)
	require.Equal(t, w.Addr("s777"), f.Addrs[0])
	require.EqualValues(t, 1000+1, w.NetStats().Delivered-before.Delivered, "the request to all, and one answer")
	require.Empty(t, discoverAll(t, cli, actors.Name("nobody.local")))
	require.Empty(t, w.Violations())
}

// Who has /hum, or what the filters say, and nobody else.
func TestDiscoverResources(t *testing.T) {
	w, cli := hall(t, 2, 1000, sim.Link{Latency: time.Millisecond})
	defer w.Close()
	for i, q := range []actors.Query{actors.Has("/hum", "/none"), actors.Everyone().Where("rt=hum*"), actors.HasAll("/hum", "/temp"), actors.Has("/temp", "/hum").Where("rt=humidity")} {
		all := discoverAll(t, cli, q)
		require.Len(t, all, 100, i)
		for name, f := range all {
			var n int
			_, err := fmt.Sscanf(name, "s%d", &n)
			require.NoError(t, err)
			require.Zero(t, n%10)
			want := 1
			if q.All {
				want = 2
			}
			require.Len(t, f.Links, want)
		}
	}
	require.Empty(t, discoverAll(t, cli, actors.HasAll("/hum", "/none")))
	require.Empty(t, w.Violations())
}

func TestDiscoverEveryone(t *testing.T) {
	w, cli := hall(t, 3, 1000, sim.Link{Latency: 5 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.05})
	defer w.Close()
	before := w.Elapsed()
	require.Len(t, discoverAll(t, cli, actors.Query{CoAP2: true}), 1000)
	require.Less(t, w.Elapsed()-before, 10*time.Second)
	require.Empty(t, w.Violations())
}
