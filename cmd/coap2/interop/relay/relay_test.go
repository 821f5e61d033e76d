package relay

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
)

// quick are transmission parameters for a network of no delay, and patient enough
// for a machine that stands still for a while.
var quick = protocol.Params{AckTimeout: 50 * time.Millisecond, MaxRetransmit: 10}

func start(t *testing.T, host string) *actors.Node {
	t.Helper()
	n, err := actors.Start(actors.Config{Listen: []string{net.JoinHostPort(host, "0")}, Params: quick})
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Stop(context.Background()) })
	return n
}

func open(t *testing.T, seed uint64, target netip.AddrPort, cfg Config) *Relay {
	t.Helper()
	r, err := New(seed, target, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// TestNodes: nodes that talk through a bad relay always get their answers, and
// every client is a peer of its own to the target.
func TestNodes(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			server := start(t, host)
			text := func(_ context.Context, r *actors.Request) (*actors.Response, error) {
				q, _ := r.Query("q")
				return actors.Text(r.Peer.String() + " " + q)
			}
			_, err := server.Handle("/piggybacked", actors.Resource{Get: text})
			require.NoError(t, err)
			_, err = server.Handle("/separate", actors.Resource{Get: text, Separate: true})
			require.NoError(t, err)

			var log []string
			r := open(t, 1, server.Addrs()[0], Config{Loss: 0.3, Tap: func(e Event) { log = append(log, e.String()) }})
			var wg sync.WaitGroup
			peers := make([]string, 4)
			for i := range peers {
				client := start(t, host)
				wg.Go(func() {
					for j := range 6 {
						path := "/piggybacked"
						if j%2 == 1 {
							path = "/separate"
						}
						q := fmt.Sprintf("%d.%d", i, j)
						res, err := client.Get(context.Background(), fmt.Sprintf("coap://%v%s?q=%s", r.Addr(), path, q))
						if err != nil {
							t.Errorf("%s: %v", q, err)
							return
						}
						var got string
						_, err = fmt.Sscan(string(res.Payload), &peers[i], &got)
						if err != nil || got != q {
							t.Errorf("%s: %q", q, res.Payload)
						}
					}
				})
			}
			wg.Wait()
			seen := map[string]bool{}
			for _, p := range peers {
				seen[p] = true
			}
			require.Len(t, seen, len(peers))
			// Late copies may be on their way until the relay is closed.
			require.NoError(t, r.Close())
			s := r.Stats()
			require.Equal(t, len(peers), s.Clients)
			require.NotZero(t, s.Lost)
			require.Len(t, log, int(s.Lost+s.Passed))
		})
	}
}

// TestTargetGone: a target that cannot be reached is silence, and the relay goes
// on.
func TestTargetGone(t *testing.T) {
	r := open(t, 1, netip.MustParseAddrPort("127.0.0.1:1"), Config{})
	client := start(t, "127.0.0.1")
	ping := func() error {
		_, err := client.Do(context.Background(), actors.Request{URI: "coap://" + r.Addr().String(), Params: protocol.Params{MaxRetransmit: 2}})
		return err
	}
	require.ErrorIs(t, ping(), actors.ErrTimeout)
	require.ErrorIs(t, ping(), actors.ErrTimeout)
	// Three each, unless the machine has stood still in between.
	require.Eventually(t, func() bool { return r.Stats().Passed == client.Stats().Sent }, time.Minute, time.Millisecond)
	require.LessOrEqual(t, r.Stats().Passed, uint64(6))
	require.GreaterOrEqual(t, r.Stats().Passed, uint64(2))
}

func TestTooManyClients(t *testing.T) {
	server := start(t, "127.0.0.1")
	r := open(t, 1, server.Addrs()[0], Config{Clients: 1})
	uri := "coap://" + r.Addr().String()
	_, err := start(t, "127.0.0.1").Ping(context.Background(), uri)
	require.NoError(t, err)
	_, err = start(t, "127.0.0.1").Do(context.Background(), actors.Request{URI: uri, Params: protocol.Params{MaxRetransmit: -1}})
	require.ErrorIs(t, err, actors.ErrTimeout)
	require.Equal(t, 1, r.Stats().Clients)
}

func TestConfig(t *testing.T) {
	target := netip.MustParseAddrPort("127.0.0.1:5683")
	for _, c := range []Config{{Loss: -0.1}, {Loss: 1.1}, {Loss: math.NaN()}, {MaxConsecutive: -1}, {Clients: -1}, {Listen: "nowhere"}} {
		_, err := New(1, target, c)
		require.Error(t, err, "%+v", c)
	}
	for _, s := range []string{"127.0.0.1:0", "0.0.0.0:5683"} {
		_, err := New(1, netip.MustParseAddrPort(s), Config{})
		require.Error(t, err, s)
	}
	_, err := New(1, netip.AddrPort{}, Config{})
	require.Error(t, err)
}

func TestCloseTwice(t *testing.T) {
	r := open(t, 1, netip.MustParseAddrPort("127.0.0.1:5683"), Config{})
	require.NoError(t, r.Close())
	require.Error(t, r.Close())
}

func TestEventString(t *testing.T) {
	client := netip.MustParseAddrPort("127.0.0.1:4000")
	for want, e := range map[string]Event{
		"127.0.0.1:4000 -> CON [0x0001] 0.00 Empty":                       {Client: client, ToTarget: true, Attempt: 1, Data: []byte{0x40, 0, 0, 1}},
		"127.0.0.1:4000 -> CON [0x0001] GET LOST (transmission 2)":        {Client: client, ToTarget: true, Attempt: 2, Lost: true, Data: []byte{0x40, 1, 0, 1}},
		"127.0.0.1:4000 <- 0102 LOST":                                     {Client: client, Lost: true, Data: []byte{1, 2}},
		`127.0.0.1:4000 <- ACK [0x0001] 2.05 Content token=09 1 byte "x"`: {Client: client, Data: []byte{0x61, 0x45, 0, 1, 9, 0xff, 'x'}},
	} {
		require.Equal(t, want, e.String())
	}
}
