package actors

import (
	"context"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// BenchmarkSamples publishes samples of a resource with 10,000 rules, each of
// which selects two of them: what a sample costs from Publish to the transport.
func BenchmarkSamples(b *testing.B) {
	const peers, distinct = 10_000, 5_000
	for _, c := range []struct {
		name string
		rule func(i int) string
	}{
		{"equal", func(i int) string { return "value == " + strconv.Itoa(i/2) }},
		{"range", func(i int) string { return "value in " + strconv.Itoa(i/2) + ".." + strconv.Itoa(i/2) + ".5" }},
		{"edge", func(i int) string { return "rising(value == " + strconv.Itoa(i/2) + ")" }},
	} {
		b.Run(c.name, func(b *testing.B) {
			n, route, mem := subscribed(b, nil, peers, Resource{Queue: 1024}, c.rule)
			payloads := make([]string, distinct)
			for i := range payloads {
				payloads[i] = strconv.Itoa(i)
			}
			sent := uint64(0)
			publish := func() {
				if err := route.Publish(payloads[int(sent)%distinct]); err != nil {
					b.Fatal(err)
				}
				if sent++; sent%256 == 0 { // a publisher that is not faster for ever
					for counted(n).samples.v.Load()+512 < sent {
						mem.drive(0)
						runtime.Gosched()
					}
				}
			}
			for range 2 * distinct {
				publish()
			}
			b.ReportAllocs()
			start, busy, before := time.Now(), cpuTime(), sent
			for b.Loop() {
				publish()
			}
			for counted(n).samples.v.Load() < sent {
				mem.drive(0)
				runtime.Gosched()
			}
			took := time.Since(start)
			busy = cpuTime() - busy
			b.ReportMetric(float64(sent-before)/took.Seconds(), "samples/s")
			b.ReportMetric(float64(sent-before)/busy.Seconds(), "samples/cpu-s") // the publisher's and its waiting included
			s := n.Stats().Observe
			require.Zero(b, s.Unevaluated)
			require.Greater(b, s.Selected, sent)
		})
	}
}

// counted are a node's counters of observers, to be read without an allocation.
func counted(n *Node) *observingCounters { return n.shard.stats.observing.Load() }

// audience is very many peers at one socket: all of 127.0.0.0/8 is this machine.
type audience struct {
	tr   *udp.Transport
	got  atomic.Int64
	acks []netio.Datagram
}

func startAudience(b *testing.B) *audience {
	tr, err := udp.Open(udp.Config{Addrs: []string{"0.0.0.0:0"}})
	require.NoError(b, err)
	c := &audience{tr: tr}
	b.Cleanup(func() { require.NoError(b, tr.Close()) })
	require.NoError(b, tr.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
		c.acks = c.acks[:0]
		for i := range ds {
			if d := &ds[i]; d.Err == nil && len(d.Data) >= 4 && d.Data[0]&0x30 == 0 {
				c.acks = append(c.acks, netio.Datagram{Data: []byte{0x60, 0, d.Data[2], d.Data[3]}, Peer: d.Peer, Local: d.Local})
			}
		}
		c.got.Add(int64(len(ds)))
		if len(c.acks) > 0 {
			_, _ = tr.WriteBatch(c.acks)
		}
	}}))
	return c
}

func (c *audience) at(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), c.tr.Local()[0].Port())
}

// BenchmarkSelect tells 10,000 subscribers over the loopback interface, a
// hundredth of them with each sample, in turn with a bare loop that sends as many
// datagrams of the same length and has nothing to decide: rounds of 10,000
// notifications each, and the medians of their rates. of-raw-cpu is the same by
// processor time, that of the receivers included: the median of the pairs.
func BenchmarkSelect(b *testing.B) {
	const peers, groups, each = 10_000, 100, 100
	c := startAudience(b)
	bare, err := udp.Open(udp.Config{Addrs: []string{"127.0.0.1:0"}})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, bare.Close()) })
	require.NoError(b, bare.Start(netio.Receiver{Datagrams: func([]netio.Datagram) {}}))
	m := codec.Message{Type: codec.NON, Code: codec.Content, Token: codec.TokenFromUint64(1), Options: codec.Options{codec.Observe(12_000_000), codec.ContentFormat(0)}, Payload: []byte("99")}
	data, err := m.Append(nil)
	require.NoError(b, err)
	batch := make([]netio.Datagram, 0, 64)
	raw := func() {
		for i := range peers {
			batch = append(batch, netio.Datagram{Data: data, Peer: netio.Peer{Addr: c.at(i)}})
			if len(batch) == cap(batch) || i == peers-1 {
				_, _ = bare.WriteBatch(batch)
				batch = batch[:0]
			}
		}
	}

	srv := startNode(b, Config{Observe: unpaced})
	state, _ := Text("hello")
	route := handle(b, srv, "/x", Resource{Observable: true, Inline: true, Queue: 2 * groups, Get: func(context.Context, *Request) (*Response, error) { return state, nil }})
	to := netio.Peer{Addr: srv.Addrs()[0]}
	for i := range peers {
		m := codec.Message{Code: codec.GET, MessageID: uint16(i), Token: codec.TokenFromUint64(uint64(i)), Options: codec.Options{
			codec.Observe(0), codec.URIPath("x"), codec.OpaqueOption(codec.OptionRule, []byte("value == "+strconv.Itoa(i%groups)))}}
		data, err := m.Append(nil)
		require.NoError(b, err)
		require.NoError(b, c.tr.WriteTo(netio.Datagram{Data: data, Peer: to, Local: c.at(i)}))
		if i%64 == 63 || i == peers-1 {
			eventually(b, func() bool { return srv.Stats().Observe.Subscribers == i+1 }, "subscribed")
		}
	}
	payloads := make([]string, groups)
	for i := range payloads {
		payloads[i] = strconv.Itoa(i)
	}
	counts := counted(srv)
	rules := func() {
		want := counts.selected.v.Load() + groups*each
		for _, p := range payloads {
			if err := route.Publish(p); err != nil {
				b.Fatal(err)
			}
		}
		for counts.notifications.v.Load()+counts.dropped.v.Load() < want {
			onLoop(srv, func() {}) // after what the node does now
		}
	}
	for range 17 { // past what is confirmable at first
		raw()
		rules()
	}
	var took [2][]float64
	var pairs []float64
	sent := counts.notifications.v.Load()
	b.ReportAllocs()
	for b.Loop() {
		var busy [2]time.Duration
		for i, f := range []func(){raw, rules} {
			start, cpu := time.Now(), cpuTime()
			f()
			took[i] = append(took[i], time.Since(start).Seconds())
			busy[i] = cpuTime() - cpu
		}
		pairs = append(pairs, busy[0].Seconds()/busy[1].Seconds())
	}
	rounds := len(took[0])
	for i := range took {
		slices.Sort(took[i])
	}
	b.ReportMetric(peers/took[0][rounds/2], "raw/s")
	b.ReportMetric(peers/took[1][rounds/2], "notifications/s")
	b.ReportMetric(took[0][rounds/2]/took[1][rounds/2], "of-raw")
	slices.Sort(pairs)
	b.ReportMetric(pairs[rounds/2], "of-raw-cpu")
	b.ReportMetric(0, "ns/op")
	s := srv.Stats().Observe
	b.ReportMetric(float64(uint64(rounds*peers)-(s.Notifications-sent)), "unsent")
}
