package actors

import (
	"context"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// acknowledging is a transport whose peers acknowledge what they get.
type acknowledging struct {
	memory
	mu    sync.Mutex
	acks  []netio.Datagram
	count int // of all datagrams sent
}

func (a *acknowledging) WriteBatch(d []netio.Datagram) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count += len(d)
	for i := range d {
		if d[i].Data[0]&0x30 == 0 {
			a.acks = append(a.acks, netio.Datagram{Data: []byte{0x60, 0, d[i].Data[2], d[i].Data[3]}, Peer: d[i].Peer})
		}
	}
	return len(d), nil
}

// drive brings acknowledgements until so many datagrams have been sent.
func (a *acknowledging) drive(until int) {
	for {
		a.mu.Lock()
		acks, count := a.acks, a.count
		a.acks = nil
		a.mu.Unlock()
		switch {
		case len(acks) > 0:
			a.recv.Datagrams(acks)
		case count >= until:
			return
		default:
			runtime.Gosched()
		}
	}
}

// observed starts a node with a resource that so many peers observe.
func observed(tb testing.TB, peers int, res Resource) (*Node, *Route, *acknowledging) {
	return subscribed(tb, nil, peers, res, nil)
}

// subscribed is observed with rules, one for each peer, in an Env (nil: the
// system's).
func subscribed(tb testing.TB, env *Env, peers int, res Resource, rule func(i int) string) (*Node, *Route, *acknowledging) {
	mem := &acknowledging{}
	n, err := Start(Config{Env: env, Open: func() (netio.Transport, error) { return mem, nil }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, n.Stop(context.Background())) })
	state, _ := Text("hello world")
	res.Observable, res.Inline = true, true
	res.Get = func(context.Context, *Request) (*Response, error) { return state, nil }
	route, err := n.Handle("/tick", res)
	require.NoError(tb, err)
	const batch = 64
	ds := make([]netio.Datagram, 0, batch)
	for i := range peers {
		m := codec.Message{Code: codec.GET, MessageID: uint16(i), Token: codec.TokenFromUint64(uint64(i)), Options: codec.Options{codec.Observe(0), codec.URIPath("tick")}}
		if rule != nil {
			m.Options = m.Options.Add(codec.OpaqueOption(codec.OptionRule, []byte(rule(i))))
		}
		data, err := m.Append(nil)
		require.NoError(tb, err)
		ds = append(ds, netio.Datagram{Data: data, Peer: netio.Peer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 5683)}})
		if len(ds) == batch || i == peers-1 {
			mem.recv.Datagrams(ds)
			ds = ds[:0]
		}
	}
	require.Equal(tb, peers, n.Stats().Observe.Observers)
	return n, route, mem
}

// BenchmarkNotify tells 10,000 observers, who acknowledge what is CON.
func BenchmarkNotify(b *testing.B) {
	for _, c := range []struct {
		name string
		res  Resource
	}{{"NON", Resource{}}, {"CON", Resource{Confirmable: true}}} {
		b.Run(c.name, func(b *testing.B) {
			const peers = 10000
			_, route, mem := observed(b, peers, c.res)
			state, _ := Text("hello again")
			mem.drive(peers)
			b.ReportAllocs()
			rounds := 0
			for b.Loop() {
				rounds++
				if err := route.Publish(state); err != nil {
					b.Fatal(err)
				}
				mem.drive(peers + rounds*peers)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*peers), "ns/notification")
			require.Equal(b, peers+rounds*peers, mem.count)
		})
	}
}

// BenchmarkRegister is the registration of an observer, with its memory.
func BenchmarkRegister(b *testing.B) {
	b.ReportAllocs()
	var before, after runtime.MemStats
	const peers = 10000
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		n, _, _ := observed(b, peers, Resource{})
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(n)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/peers, "B/observer")
}
