package sim_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// census is a discovery of everyone by the machine alone, without nodes: in the
// network as it is simulated, with messages as they are encoded.
type census struct {
	t       testing.TB
	w       *sim.World
	peer    *sim.Peer
	asker   *protocol.Asker
	random  *rand.Rand
	began   time.Duration
	times   []time.Duration
	ended   time.Duration
	answer  int // bytes of the last
	request uint64
	failed  error
}

func censusID(i int) (id protocol.InstanceID) {
	binary.BigEndian.PutUint64(id[:], (uint64(i)+1)*0x9e3779b97f4a7c15)
	return id
}

// newCensus makes n responders s0, s1, … and an asker "client".
func newCensus(t testing.TB, seed uint64, n int, cfg protocol.AskerConfig) *census {
	c := &census{t: t, w: sim.Config{Seed: seed, Unchecked: true}.New(), random: rand.New(rand.NewPCG(seed, 99))}
	t.Cleanup(c.w.Close)
	links := codec.AppendLinks(nil, codec.Link{Target: "/temp"})
	_, err := c.w.Nodes(sim.Group{Count: n, Name: "s%d", Raw: func(i int) func(*sim.Peer, netio.Datagram) {
		id := censusID(i)
		return func(p *sim.Peer, d netio.Datagram) {
			var m codec.Message
			if d.Err != nil || m.Parse(d.Data) != nil {
				return
			}
			q, err := protocol.ParseDiscovery(m.Options)
			if err != nil || !q.Concerns(p.Name(), id) {
				return
			}
			a := codec.Message{Type: codec.NON, Code: codec.Content, MessageID: uint16(c.random.Uint32()), Token: m.Token, Payload: links}
			a.Options = codec.Options{codec.ContentFormat(codec.LinkFormat), codec.MaxAge(3600),
				codec.StringOption(codec.OptionDiscovery, p.Name()+".local"), codec.OpaqueOption(codec.OptionDiscoveryRound, id[:])}
			data, err := a.Append(nil)
			if err != nil {
				c.failed = err
				return
			}
			c.answer = len(data)
			c.w.AfterFunc(time.Duration(c.random.Int64N(int64(q.Round.Window)+1)), func() { _ = p.Send(d.Peer.Addr, data) })
		}
	}})
	require.NoError(t, err)
	c.peer, err = c.w.Peer("client")
	require.NoError(t, err)
	c.peer.OnReceive = c.receive
	cfg.Seed = c.random.Uint64()
	c.asker = protocol.NewAsker(cfg)
	return c
}

func (c *census) run(within time.Duration) {
	c.began = c.w.Elapsed()
	c.tick()
	for c.ended == 0 && c.w.Elapsed() < within {
		c.w.RunFor(100 * time.Millisecond)
	}
	require.NoError(c.t, c.failed)
	s := c.w.NetStats()
	require.True(c.t, s.Balanced())
}

func (c *census) tick() {
	ask := c.asker.Tick(c.w.Now(), c.random.Uint64())
	if ask.Done {
		if c.ended == 0 {
			c.ended = c.w.Elapsed() - c.began
		}
		return
	}
	c.w.AfterFunc(ask.Next.Sub(c.w.Now()), c.tick)
	if !ask.Send {
		return
	}
	round, err := ask.Round.Append(nil)
	if err != nil {
		c.failed = err
		return
	}
	m := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: uint16(ask.Number), Token: codec.TokenFromUint64(uint64(ask.Number) + 1)}
	m.Options = codec.Options{codec.URIPath(".well-known"), codec.URIPath("core"), codec.OpaqueOption(codec.OptionDiscovery, nil), codec.OpaqueOption(codec.OptionDiscoveryRound, round)}
	if !ask.First {
		m.Options = m.Options.Add(codec.StringOption(codec.OptionURIQuery, "ep=*"))
	}
	data, err := m.Append(nil)
	if err == nil {
		err = c.peer.Send(allNodes, data)
	}
	if err != nil {
		c.failed = err
	}
	c.request += uint64(len(data)) + 28
}

func (c *census) receive(d netio.Datagram) {
	var m codec.Message
	if d.Err != nil || m.Parse(d.Data) != nil {
		return
	}
	value, _ := m.Options.Get(codec.OptionDiscoveryRound)
	id, err := protocol.ParseInstanceID(value)
	if err != nil {
		return
	}
	name, _ := m.Options.Get(codec.OptionDiscovery)
	number := int(binary.BigEndian.Uint64(append(make([]byte, 8-len(m.Token.Bytes())), m.Token.Bytes()...))) - 1
	if h, _ := c.asker.Answer(c.w.Now(), number, id, string(name), d.Peer.Addr); h == protocol.DiscoveredNew {
		c.times = append(c.times, c.w.Elapsed()-c.began)
	}
}

// until returns when a share of n nodes was found; 0 = never.
func (c *census) until(share float64, n int) time.Duration {
	if k := int(share*float64(n) + 0.999999); k <= len(c.times) {
		return c.times[k-1]
	}
	return 0
}

// censuses are the networks of the scenarios of discovery.
var censuses = []struct {
	name  string
	nodes int
	short int // that many in a test
	set   func(t testing.TB, w *sim.World)
}{
	{"medium", 1000, 200, func(t testing.TB, w *sim.World) {
		require.NoError(t, w.Link("", "", sim.Link{}))
		require.NoError(t, w.Segment(sim.Segment{Name: "air", Nodes: "*", Medium: sim.Medium{Bandwidth: 31_250, Overhead: 26}}))
	}},
	{"ethernet", 10_000, 1000, func(t testing.TB, w *sim.World) {
		require.NoError(t, w.Link("", "", sim.Link{Latency: 100 * time.Microsecond, Jitter: 200 * time.Microsecond}))
		require.NoError(t, w.Interface("client", sim.Interface{Buffer: 277, Service: 20 * time.Microsecond}))
		require.NoError(t, w.Segment(sim.Segment{Name: "port", Nodes: "client", Bridge: true, Rate: sim.Rate{Bandwidth: 12_500_000}}))
	}},
	{"100k", 100_000, 2000, func(t testing.TB, w *sim.World) {
		require.NoError(t, w.Link("", "", sim.Link{Latency: time.Millisecond}))
		require.NoError(t, w.Interface("client", sim.Interface{Buffer: 277, Service: 20 * time.Microsecond}))
		require.NoError(t, w.Segment(sim.Segment{Name: "home", Nodes: "client", Bridge: true, Rate: sim.Rate{Bandwidth: 1_250_000}}))
	}},
	{"lossy", 1000, 300, func(t testing.TB, w *sim.World) {
		require.NoError(t, w.Link("", "", sim.Link{Latency: time.Millisecond, Jitter: 4 * time.Millisecond, Loss: 0.05}))
	}},
}

// TestCensus: the asker finds everyone in these networks. With CENSUS=all they
// have their full size, and the figures are printed.
func TestCensus(t *testing.T) {
	for _, x := range censuses {
		n, seeds, full := x.short, 3, os.Getenv("CENSUS")
		if full == "all" || full == x.name {
			n, seeds = x.nodes, max(min(20_000/x.nodes, 20), 2)
		} else if full != "" {
			continue
		}
		for seed := range seeds {
			c := newCensus(t, uint64(seed+1), n, protocol.AskerConfig{})
			x.set(t, c.w)
			c.run(time.Minute)
			s := c.w.NetStats()
			if full != "" {
				a := c.asker.Stats()
				sent := int(s.Sent) - a.Requests
				fmt.Printf("%-9s seed %2d: recall %.4f, 1 s %.4f, t50 %v t99 %v t999 %v end %v; %d rounds, %d requests (%d B), %.3f answers each (%d B), %d collisions, %d queue, %d buffer\n", x.name, seed+1,
					float64(len(c.times))/float64(n), c.recall(time.Second, n), c.until(0.5, n).Round(time.Millisecond), c.until(0.99, n).Round(time.Millisecond), c.until(0.999, n).Round(time.Millisecond), c.ended.Round(time.Millisecond),
					a.Rounds, a.Requests, c.request, float64(sent)/float64(n), c.answer+28, s.Collisions, s.Lost[sim.LostInQueue], s.Lost[sim.LostInBuffer])
				continue
			}
			require.GreaterOrEqual(t, float64(len(c.times)), 0.995*float64(n), "%s, seed %d", x.name, seed+1)
		}
	}
}

func (c *census) recall(at time.Duration, n int) float64 {
	k := 0
	for _, d := range c.times {
		if d <= at {
			k++
		}
	}
	return float64(k) / float64(n)
}
