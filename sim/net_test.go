package sim_test

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/dist"
)

// crowd makes a World with peers; what each has received is kept by name.
type crowd struct {
	t     testing.TB
	w     *sim.World
	peers map[string]*sim.Peer
	got   map[string][]arrival
	from  map[string][]netio.Datagram // whole, without Data
}

func newCrowd(t testing.TB, seed uint64, names ...string) *crowd {
	c := &crowd{t: t, w: sim.New(seed), peers: map[string]*sim.Peer{}, got: map[string][]arrival{}, from: map[string][]netio.Datagram{}}
	t.Cleanup(c.w.Close)
	for _, name := range names {
		c.add(name)
	}
	return c
}

func (c *crowd) add(name string, listen ...string) {
	p, err := c.w.Peer(name, listen...)
	require.NoError(c.t, err)
	p.OnReceive = func(d netio.Datagram) {
		c.got[name] = append(c.got[name], arrival{c.w.Elapsed(), string(d.Data)})
		d.Data = nil
		c.from[name] = append(c.from[name], d)
	}
	c.peers[name] = p
}

func (c *crowd) send(from, to string, texts ...string) {
	for _, s := range texts {
		require.NoError(c.t, c.peers[from].Send(c.w.Addr(to), []byte(s)))
	}
}

// texts returns what somebody has received since it was last asked.
func (c *crowd) texts(name string) (s []string) {
	for _, a := range c.got[name] {
		s = append(s, a.text)
	}
	c.got[name], c.from[name] = nil, nil
	return s
}

func (c *crowd) lost(cause sim.Cause) int {
	s := c.w.NetStats()
	require.True(c.t, s.Balanced(), "%v", &s)
	return int(s.Lost[cause])
}

// TestFitOfLinks: what the network does with datagrams is of the distributions
// that the link says, by Kolmogorov and Smirnov.
func TestFitOfLinks(t *testing.T) {
	const n = 20_000
	lognormal := dist.LogNormal{Median: 20 * time.Millisecond, Sigma: 0.5}
	phi := func(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
	for name, c := range map[string]struct {
		link sim.Link
		cdf  func(ms float64) float64
	}{
		"jitter":    {sim.Link{Latency: 10 * time.Millisecond, Jitter: 10 * time.Millisecond}, func(x float64) float64 { return min(1, max(0, (x-10)/10)) }},
		"lognormal": {sim.Link{Delay: lognormal}, func(x float64) float64 { return phi(math.Log(max(x, 1e-9)/20) / 0.5) }},
		"normal":    {sim.Link{Latency: 5 * time.Millisecond, Delay: dist.Normal{Mean: 50 * time.Millisecond, StdDev: 5 * time.Millisecond}}, func(x float64) float64 { return phi((x - 55) / 5) }},
		"reorder":   {sim.Link{Reorder: 1, ReorderBy: 100 * time.Millisecond}, func(x float64) float64 { return min(1, x/100) }},
	} {
		for _, multicast := range []bool{false, true} {
			c2 := newCrowd(t, 5, "p", "q")
			require.NoError(t, c2.w.Link("", "", c.link))
			for range n {
				to := c2.w.Addr("q")
				if multicast {
					to = allNodes
				}
				require.NoError(t, c2.peers["p"].Send(to, []byte("x")))
			}
			c2.w.RunFor(time.Minute)
			require.Len(t, c2.got["q"], n)
			worst := 0.0
			for i, a := range c2.got["q"] { // in the order in which they arrive
				p := c.cdf(float64(a.at) / 1e6)
				worst = max(worst, p-float64(i)/n, float64(i+1)/n-p)
			}
			require.Less(t, worst*math.Sqrt(n), 1.63, "%s, multicast %v", name, multicast)
		}
	}
}

// TestRunsOfLosses: which datagrams are lost one after the other has no memory
// with Loss, and that of the model with Bursts.
func TestRunsOfLosses(t *testing.T) {
	const n = 40_000
	lossesOf := func(l sim.Link) (lost, runs int) {
		c := newCrowd(t, 7, "p", "q")
		require.NoError(t, c.w.Link("", "", l))
		arrived := make([]bool, n)
		c.peers["q"].OnReceive = func(d netio.Datagram) { arrived[int(d.Data[0])<<16|int(d.Data[1])<<8|int(d.Data[2])] = true }
		for i := range n {
			require.NoError(t, c.peers["p"].Send(c.w.Addr("q"), []byte{byte(i >> 16), byte(i >> 8), byte(i)}))
		}
		c.w.RunFor(time.Second)
		for i, ok := range arrived {
			if !ok {
				lost++
				if i == 0 || arrived[i-1] {
					runs++
				}
			}
		}
		require.Equal(t, lost, c.lost(sim.LostOnLink))
		return lost, runs
	}
	lost, runs := lossesOf(sim.Link{Loss: 0.25})
	require.InDelta(t, 0.25, float64(lost)/n, 0.01)
	require.InDelta(t, 1/0.75, float64(lost)/float64(runs), 0.03)
	lost, runs = lossesOf(sim.Link{Bursts: &dist.GilbertElliott{P: 0.02, R: 0.1}})
	require.InDelta(t, 0.02/0.12, float64(lost)/n, 0.015)
	require.InDelta(t, 10, float64(lost)/float64(runs), 0.8)
}

// TestChanceIsOfThePair: what others do does not change what chance has in store
// for two that talk to each other.
func TestChanceIsOfThePair(t *testing.T) {
	link := sim.Link{Latency: time.Millisecond, Jitter: 50 * time.Millisecond, Loss: 0.3, Duplicate: 0.2, Reorder: 0.2, Corrupt: 0.1,
		Bursts: &dist.GilbertElliott{P: 0.1, R: 0.5}}
	run := func(seed uint64, more ...string) (toQ, toGroup []arrival) {
		c := newCrowd(t, seed, append(more, "p", "q")...)
		require.NoError(t, c.w.Link("", "", link))
		for i := range 200 {
			for _, name := range more {
				c.send(name, "q", "noise")
				c.send("p", name, "noise")
			}
			c.send("p", "q", fmt.Sprintf("unicast %d", i))
			require.NoError(t, c.peers["p"].Send(allNodes, fmt.Appendf(nil, "group %d", i)))
			c.w.RunFor(10 * time.Millisecond)
		}
		c.w.RunFor(time.Second)
		require.Zero(t, c.w.NetStats().Queued)
		for _, a := range c.got["q"] {
			switch {
			case strings.Contains(a.text, "unicast"):
				toQ = append(toQ, a)
			case strings.Contains(a.text, "group"):
				toGroup = append(toGroup, a)
			}
		}
		return toQ, toGroup
	}
	alone, alone2 := run(1)
	among, among2 := run(1, "a", "b", "c")
	require.Equal(t, alone, among)
	require.Equal(t, alone2, among2)
	other, _ := run(2)
	require.NotEqual(t, alone, other)
}

func TestInOrder(t *testing.T) {
	c := newCrowd(t, 1, "p", "q")
	l := sim.Link{Latency: time.Millisecond, Jitter: 50 * time.Millisecond, InOrder: true}
	require.NoError(t, c.w.Link("", "", l))
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint(i))
		c.send("p", "q", want[i])
		c.w.RunFor(time.Millisecond)
	}
	c.w.RunFor(time.Second)
	require.Equal(t, want, c.texts("q"))
	l.Reorder = 0.1
	require.NoError(t, c.w.Link("", "", l))
	c.send("p", "q", want...)
	c.w.RunFor(time.Second)
	require.NotEqual(t, want, c.texts("q"))
}

func TestCorrupt(t *testing.T) {
	c := newCrowd(t, 1, "p", "q")
	require.NoError(t, c.w.Link("", "", sim.Link{Corrupt: 0.5}))
	for range 1000 {
		c.send("p", "q", "hello", "")
	}
	c.w.RunFor(time.Second)
	damaged := 0
	for _, s := range c.texts("q") {
		if s != "hello" && s != "" {
			require.Len(t, s, 5)
			n := 0
			for i := range s {
				n += bits.OnesCount8(s[i] ^ "hello"[i])
			}
			require.Equal(t, 1, n)
			damaged++
		}
	}
	require.InDelta(t, 500, damaged, 60)
}

// TestBandwidth: a datagram leaves when those before it have left, and what finds no
// room is lost.
func TestBandwidth(t *testing.T) {
	c := newCrowd(t, 1, "p", "q", "r")
	x := strings.Repeat("x", 72) // 100 bytes with its headers
	rate := sim.Rate{Bandwidth: 10_000, Queue: 350}
	arrivals := func(name string) (ms []int) {
		for _, a := range c.got[name] {
			ms = append(ms, int(a.at/time.Millisecond)%1000)
		}
		c.texts(name)
		return ms
	}
	// Of each pair on its own.
	require.NoError(t, c.w.Link("", "", sim.Link{Latency: time.Millisecond, Rate: rate}))
	c.send("p", "q", x, x, x, x, x, x)
	c.send("p", "r", x)
	c.w.RunFor(25 * time.Millisecond)
	require.Equal(t, 3, c.lost(sim.LostInQueue))
	c.send("p", "q", x, x, x, x) // half of the third is left: there is room for three
	c.w.RunFor(975 * time.Millisecond)
	require.Equal(t, []int{11, 21, 31, 41, 51, 61}, arrivals("q"))
	require.Equal(t, []int{11}, arrivals("r"))
	require.Equal(t, 4, c.lost(sim.LostInQueue))
	// Of the sender; what goes to a group leaves once.
	require.NoError(t, c.w.Link("", "", sim.Link{Latency: time.Millisecond}))
	require.NoError(t, c.w.Interface("p", sim.Interface{Rate: rate}))
	c.send("p", "q", x)
	require.NoError(t, c.peers["p"].Send(allNodes, []byte(x)))
	c.send("p", "r", x, x)
	require.NoError(t, c.peers["p"].Send(allNodes, []byte(x)))
	c.w.RunFor(time.Second)
	require.Equal(t, []int{11, 21}, arrivals("q"))
	require.Equal(t, []int{21, 31}, arrivals("r"))
	require.Equal(t, 4+1+2, c.lost(sim.LostInQueue))
	// A datagram that is larger than the queue passes when the queue is empty.
	c.send("p", "q", strings.Repeat("x", 972), "y")
	c.w.RunFor(time.Second)
	require.Equal(t, []int{101}, arrivals("q"))
	require.Equal(t, 8, c.lost(sim.LostInQueue))
}

func TestMTU(t *testing.T) {
	c := newCrowd(t, 1, "p", "q")
	c.add("v6", "[2001:db8::1]:5683")
	c.add("w6", "[2001:db8::2]:5683")
	long, short := strings.Repeat("x", 1252), strings.Repeat("x", 1252-20)
	link := sim.Link{MTU: 1280, Oversize: sim.Blackhole}
	try := func(from, to string, texts ...string) (n int) {
		c.send(from, to, texts...)
		c.w.RunFor(time.Second)
		return len(c.texts(to))
	}
	require.NoError(t, c.w.Link("", "", link))
	require.Equal(t, 1, try("p", "q", long, long+"x"))
	require.Equal(t, 1, try("v6", "w6", short, short+"x"))
	require.Equal(t, 2, c.lost(sim.LostByMTU))
	// Fragments: with three of them, three must survive.
	link = sim.Link{MTU: 1280, Loss: 0.2}
	require.NoError(t, c.w.Link("", "", link))
	three := strings.Repeat("x", 3000)
	lot := make([]string, 5000)
	for i := range lot {
		lot[i] = three
	}
	require.InDelta(t, 0.8*0.8*0.8, float64(try("p", "q", lot...))/5000, 0.02)
	// … and as many headers pass.
	require.NoError(t, c.w.Link("", "", sim.Link{MTU: 1280, Rate: sim.Rate{Bandwidth: 1000}}))
	start := c.w.Elapsed()
	c.send("p", "q", three)
	c.send("v6", "w6", three)
	c.w.RunFor(10 * time.Second)
	require.Equal(t, 3008*time.Millisecond+3*20*time.Millisecond, c.got["q"][0].at-start)
	require.Equal(t, 3008*time.Millisecond+3*48*time.Millisecond, c.got["w6"][0].at-start)
	c.texts("q")
	// The sender is told, and sends fragments from then on.
	require.NoError(t, c.w.Link("", "", sim.Link{MTU: 1280, Oversize: sim.TooBig, Latency: time.Millisecond}))
	require.Zero(t, try("p", "q", three))
	require.Len(t, c.from["p"], 1)
	require.ErrorIs(t, c.from["p"][0].Err, netio.ErrTransient)
	require.ErrorContains(t, c.from["p"][0].Err, "3028 bytes is too big")
	require.Equal(t, c.w.Addr("q"), c.from["p"][0].Peer.Addr)
	require.Equal(t, 1, try("p", "q", three))
	require.Equal(t, 3, c.lost(sim.LostByMTU))
	// An interface refuses what it cannot send.
	require.NoError(t, c.w.Interface("p", sim.Interface{MTU: 1280}))
	require.NoError(t, c.peers["p"].Send(c.w.Addr("q"), []byte(long)))
	require.ErrorIs(t, c.peers["p"].Send(c.w.Addr("q"), []byte(long+"x")), sim.ErrTooLong)
}

// TestBuffer: what comes at one moment, or while the node is busy, overflows the
// receive buffer.
func TestBuffer(t *testing.T) {
	c := newCrowd(t, 1, "p", "q")
	require.NoError(t, c.w.Interface("q", sim.Interface{Buffer: 3}))
	c.send("p", "q", "a", "b", "c", "d", "e")
	c.w.RunFor(time.Second)
	c.send("p", "q", "f")
	c.w.RunFor(time.Second)
	require.Equal(t, []string{"a", "b", "c", "f"}, c.texts("q"))
	require.Equal(t, 2, c.lost(sim.LostInBuffer))
	require.NoError(t, c.w.Interface("q", sim.Interface{BufferBytes: 5}))
	c.send("p", "q", "aaa", "bbb", "cc")
	c.w.RunFor(time.Second)
	require.Equal(t, []string{"aaa", "cc"}, c.texts("q"))

	// One is being served, three wait.
	require.NoError(t, c.w.Interface("q", sim.Interface{Buffer: 3, Service: 10 * time.Millisecond}))
	c.w.RunFor(7 * time.Second)
	c.send("p", "q", "a", "b", "c", "d", "e")
	c.w.RunFor(15 * time.Millisecond)
	require.Equal(t, uint64(2), c.w.NetStats().Queued)
	c.send("p", "q", "f", "g")
	c.w.RunFor(time.Second)
	var at []int
	for _, a := range c.got["q"] {
		at = append(at, int((a.at-10*time.Second)/time.Millisecond))
	}
	require.Equal(t, []int{1, 11, 21, 31, 41}, at)
	require.Equal(t, []string{"a", "b", "c", "d", "f"}, c.texts("q"))
	require.Equal(t, 5, c.lost(sim.LostInBuffer))

	// What waits is lost when the socket is closed.
	c.send("p", "q", "a", "b", "c")
	c.w.RunFor(5 * time.Millisecond)
	require.NoError(t, c.w.Kill("q", 0))
	c.w.RunFor(time.Second)
	require.Equal(t, []string{"a"}, c.texts("q"))
	require.Equal(t, 2, c.lost(sim.LostAtClosed))
}

func TestPartition(t *testing.T) {
	c := newCrowd(t, 1, "a1", "a2", "b1", "b2")
	reach := func() (s string) {
		for _, from := range []string{"a1", "a2", "b1", "b2"} {
			for _, to := range []string{"a1", "a2", "b1", "b2"} {
				if from == to {
					continue
				}
				c.send(from, to, "x")
				c.w.RunFor(time.Second)
				s += fmt.Sprint(len(c.texts(to)))
			}
			s += " "
		}
		return strings.TrimSpace(s)
	}
	require.Equal(t, "111 111 111 111", reach())
	heal, err := c.w.Partition(sim.Partition{From: "a[1-2]"})
	require.NoError(t, err)
	require.Equal(t, "100 100 001 001", reach())
	require.Equal(t, 8, c.lost(sim.LostByPartition))
	_, err = c.w.Partition(sim.Partition{From: "a1", To: "a2", OneWay: true})
	require.NoError(t, err)
	require.Equal(t, "000 100 001 001", reach())
	heal()
	heal()
	require.Equal(t, "011 111 111 111", reach())
	c.w.Heal()
	// What is under way arrives.
	require.NoError(t, c.w.Set("half", func(name string) bool { return strings.HasSuffix(name, "1") }))
	c.send("a1", "a2", "x")
	_, err = c.w.Partition(sim.Partition{From: "@half", OneWay: true})
	require.NoError(t, err)
	c.w.RunFor(time.Second)
	require.Len(t, c.texts("a2"), 1)
	require.Equal(t, "010 111 100 111", reach())
	_, err = c.w.Partition(sim.Partition{})
	require.ErrorContains(t, err, "From is empty")
}

// TestBalance: at any moment what was sent is delivered, lost or on its way,
// whatever the network is like.
func TestBalance(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCrowd(t, rapid.Uint64().Draw(rt, "seed"), "a", "b", "c", "d")
		delivered := uint64(0)
		for _, p := range c.peers {
			p.OnReceive = func(d netio.Datagram) {
				if d.Err == nil {
					delivered++
				}
			}
		}
		names := rapid.SampledFrom([]string{"a", "b", "c", "d", "", "[1-2],a", "*"})
		chance := rapid.SampledFrom([]float64{0, 0, 0.3, 1})
		millis := func(label string) time.Duration {
			return time.Duration(rapid.IntRange(0, 30).Draw(rt, label)) * time.Millisecond
		}
		rate := func() sim.Rate {
			return sim.Rate{Bandwidth: rapid.SampledFrom([]int{0, 1, 5000}).Draw(rt, "bandwidth"), Queue: rapid.IntRange(0, 300).Draw(rt, "queue")}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"link": func(rt *rapid.T) {
				require.NoError(rt, c.w.Link(names.Draw(rt, "from"), names.Draw(rt, "to"), sim.Link{
					Latency: millis("latency"), Jitter: millis("jitter"), Loss: chance.Draw(rt, "loss"), Duplicate: chance.Draw(rt, "dup"),
					Reorder: chance.Draw(rt, "reorder"), Corrupt: chance.Draw(rt, "corrupt"), InOrder: rapid.Bool().Draw(rt, "inorder"),
					Rate: rate(), MTU: rapid.SampledFrom([]int{0, 68}).Draw(rt, "mtu"), Oversize: sim.Oversize(rapid.IntRange(0, 2).Draw(rt, "oversize")),
				}))
			},
			"interface": func(rt *rapid.T) {
				require.NoError(rt, c.w.Interface(names.Draw(rt, "nodes"), sim.Interface{Rate: rate(), Buffer: rapid.IntRange(0, 3).Draw(rt, "buffer"),
					BufferBytes: rapid.IntRange(0, 200).Draw(rt, "bytes"), Service: millis("service"), HopLimit: rapid.IntRange(0, 2).Draw(rt, "hops")}))
			},
			"segment": func(rt *rapid.T) {
				require.NoError(rt, c.w.Segment(sim.Segment{Name: rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "name"), Nodes: "a,b", Rate: rate(),
					Border: rapid.SampledFrom([]sim.Scope{0, sim.SiteLocal, sim.Global}).Draw(rt, "border")}))
			},
			"partition": func(rt *rapid.T) {
				if from := names.Draw(rt, "from"); from != "" {
					_, err := c.w.Partition(sim.Partition{From: from, To: names.Draw(rt, "to"), OneWay: true})
					require.NoError(rt, err)
				}
			},
			"fault": func(rt *rapid.T) {
				c.w.Fault(sim.Fault{From: names.Draw(rt, "from"), Nth: []int{1, 3}, Verdict: sim.Verdict{Copies: rapid.IntRange(-1, 3).Draw(rt, "copies"),
					Drop: rapid.Bool().Draw(rt, "drop"), Unreachable: []error{nil, errors.New("gone")}[rapid.IntRange(0, 1).Draw(rt, "unreachable")]}})
			},
			"heal": func(*rapid.T) { c.w.Heal() },
			"rebind": func(rt *rapid.T) {
				require.NoError(rt, c.w.Rebind(rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "who")))
			},
			"kill": func(*rapid.T) { _ = c.w.Kill("d", 0) },
			"send": func(rt *rapid.T) {
				to := []netip.AddrPort{c.w.Addr("a"), c.w.Addr("b"), c.w.Addr("d"), allNodes, netip.MustParseAddrPort("10.9.9.9:9")}
				for range rapid.IntRange(1, 10).Draw(rt, "n") {
					require.NoError(rt, c.peers["c"].Send(rapid.SampledFrom(to).Draw(rt, "to"), make([]byte, rapid.IntRange(0, 100).Draw(rt, "size"))))
				}
			},
			"run": func(rt *rapid.T) { c.w.RunFor(millis("time")) },
			"": func(rt *rapid.T) {
				s := c.w.NetStats()
				require.True(rt, s.Balanced(), "%v", &s)
				require.Equal(rt, delivered, s.Delivered)
			},
		})
		c.w.RunFor(24 * time.Hour)
		s := c.w.NetStats()
		require.True(rt, s.Balanced(), "%v", &s)
		require.Zero(rt, s.Queued)
		c.w.Close()
	})
}
