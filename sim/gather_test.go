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

// runGather has nodes ask a group for something that most answer in blocks, on bad
// links, and returns who was heard by each.
func runGather(t *testing.T, seed uint64) (heard []string, hash uint64) {
	w := sim.New(seed)
	defer w.Close()
	require.NoError(t, w.Link("", "", sim.Link{
		Latency: 20 * time.Millisecond, Jitter: 200 * time.Millisecond, Loss: 0.05, Duplicate: 0.2, Reorder: 0.2, ReorderBy: 2 * time.Second,
	}))
	const servers, askers = 20, 3
	body := func(name string, i int) string { return name + strings.Repeat(".", i*40) }
	for i := range servers {
		name := fmt.Sprint("s", i)
		n, err := w.Node(name, actors.Config{BlockSize: 64})
		require.NoError(t, err)
		handle(t, n, "/x", actors.Resource{Multicast: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) {
			return actors.Text(body(name, i))
		}})
	}
	for i := range askers {
		n, err := w.Node(fmt.Sprint("asker", i), actors.Config{})
		require.NoError(t, err)
		w.Go(func(ctx context.Context) {
			from := map[string]bool{}
			for res, err := range n.Gather(ctx, actors.Request{URI: "coap://224.0.1.187/x", Timeout: 20 * time.Second}) {
				if err != nil {
					heard = append(heard, fmt.Sprint(i, " ", err))
					continue
				}
				name, _, _ := strings.Cut(string(res.Payload), ".")
				require.False(t, from[name], "%s is heard again", name)
				from[name] = true
				require.Equal(t, w.Addr(name), res.Peer.Addr)
				var number int
				_, err := fmt.Sscanf(name, "s%d", &number)
				require.NoError(t, err)
				require.Equal(t, body(name, number), string(res.Payload))
				heard = append(heard, fmt.Sprint(i, name))
			}
		})
	}
	require.NoError(t, w.RunUntilIdle(time.Hour))
	require.Empty(t, w.Violations())
	return heard, w.Hash()
}

// On bad links whoever answers is heard once and whole, or it is said of whom the
// rest is missing; and the same seed is the same story.
func TestGatherSeeds(t *testing.T) {
	var all, failed int
	for seed := range uint64(25) {
		heard, hash := runGather(t, seed)
		again, hash2 := runGather(t, seed)
		require.Equal(t, heard, again)
		require.Equal(t, hash, hash2)
		for _, h := range heard {
			if strings.Contains(h, " ") {
				failed++
			}
		}
		all += len(heard)
	}
	t.Logf("%d answers, of which %d have no end", all, failed)
	require.Greater(t, all-failed, 25*3*20*80/100)
}
