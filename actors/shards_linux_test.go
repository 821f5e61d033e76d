package actors

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// village is a transport of many peers, each with a socket of its own.
type village struct {
	t  *testing.T
	tr *udp.Transport

	mu  sync.Mutex
	got map[netip.AddrPort][]codec.Message // by who got it
	any chan struct{}
}

func newVillage(t *testing.T, count int) *village {
	v := &village{t: t, got: map[netip.AddrPort][]codec.Message{}, any: make(chan struct{}, 1)}
	cfg := udp.Config{ReadBuffer: 1 << 16, WriteBuffer: 1 << 16, Batch: 4, MaxDatagram: 2048}
	for i := range count {
		cfg.Addrs = append(cfg.Addrs, fmt.Sprintf("127.0.%d.%d:0", 10+i%3, 1+i))
	}
	var err error
	v.tr, err = udp.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.tr.Close()) })
	require.NoError(t, v.tr.Start(netio.Receiver{Datagrams: v.receive}))
	return v
}

func (v *village) receive(ds []netio.Datagram) {
	v.mu.Lock()
	for i := range ds {
		var m codec.Message
		if ds[i].Err == nil && m.Parse(slices.Clone(ds[i].Data)) == nil {
			v.got[ds[i].Local] = append(v.got[ds[i].Local], m)
		}
	}
	v.mu.Unlock()
	select {
	case v.any <- struct{}{}:
	default:
	}
}

// send lets every peer send a message.
func (v *village) send(dest netip.AddrPort, ifi int, m codec.Message) {
	v.t.Helper()
	data, err := m.Append(nil)
	require.NoError(v.t, err)
	for _, local := range v.tr.Local() {
		require.NoError(v.t, v.tr.WriteTo(netio.Datagram{Data: data, Peer: netio.Peer{Addr: dest}, Local: local, Interface: ifi}))
	}
}

// each waits until every peer has had count messages, and returns them.
func (v *village) each(count int) map[netip.AddrPort][]codec.Message {
	for {
		v.mu.Lock()
		all := true
		for _, a := range v.tr.Local() {
			all = all && len(v.got[a]) >= count
		}
		if all {
			got := v.got
			v.got = map[netip.AddrPort][]codec.Message{}
			v.mu.Unlock()
			return got
		}
		v.mu.Unlock()
		<-v.any
	}
}

// Requests are served, and their duplicates known, at the shard of their peer;
// answers leave from the one port that the node has.
func TestShardsServe(t *testing.T) {
	for _, shards := range []int{2, 3} {
		srv := startNode(t, Config{Shards: shards, Params: never})
		require.Len(t, srv.Addrs(), 1)
		var served atomic.Int64
		handle(t, srv, "/inline", Resource{Inline: true, Post: func(context.Context, *Request) (*Response, error) {
			served.Add(1)
			return Text("inline")
		}})
		handle(t, srv, "/go", Resource{Concurrency: 100, Post: func(context.Context, *Request) (*Response, error) {
			served.Add(1)
			return Text("go")
		}})
		const peers = 60
		v := newVillage(t, peers)
		for i, path := range []string{"inline", "go"} {
			for range 2 { // each a duplicate
				v.send(srv.Addrs()[0], 0, codec.Message{Code: codec.POST, MessageID: uint16(i), Options: codec.Options{codec.URIPath(path)}})
				for _, ms := range v.each(1) {
					require.Len(t, ms, 1)
					require.Equal(t, path, string(ms[0].Payload))
				}
			}
		}
		require.EqualValues(t, 2*peers, served.Load())
		st := requireAccounts(t, srv)
		require.EqualValues(t, 4*peers, st.Received)
		require.EqualValues(t, 2*peers, st.Duplicates)
		require.Equal(t, peers, st.Peers)
		want := make([]uint64, shards)
		for _, a := range v.tr.Local() {
			want[netio.ShardOf(netio.Peer{Addr: a}, shards)] += 4
		}
		for k, sh := range srv.shards {
			require.Equal(t, want[k], sh.stats.received.Load(), "shard %d of %d", k, shards)
		}
	}
}

// Calls to peers of all shards, from outside and from handlers, each begin and
// end at the shard of their peer. ICMP errors find them, whichever socket Linux
// gives them to.
func TestShardsCall(t *testing.T) {
	cli := startNode(t, Config{Shards: 3, Listen: []string{"127.0.0.1:0", "[::1]:0"}, Params: never})
	handle(t, cli, "/back", Resource{Inline: true, Get: text("back")})
	var wg sync.WaitGroup
	for i := range 24 {
		listen := fmt.Sprintf("127.0.0.%d:0", i+1)
		if i%3 == 0 {
			listen = "[::1]:0"
		}
		srv := startNode(t, Config{Listen: []string{listen}, Params: never})
		handle(t, srv, "/x", Resource{Inline: true, Get: text("x")})
		handle(t, srv, "/sep", Resource{Separate: true, Get: func(ctx context.Context, r *Request) (*Response, error) {
			back := cli.Addrs()[0]
			if r.Peer.Addr.Addr().Is6() {
				back = cli.Addrs()[1]
			}
			return srv.Get(ctx, "coap://"+back.String()+"/back")
		}})
		for range 10 {
			wg.Go(func() {
				res, err := cli.Get(context.Background(), srv.URI("/x"))
				if err != nil || string(res.Payload) != "x" {
					t.Error(res, err)
				}
				res, err = cli.Get(context.Background(), srv.URI("/sep"))
				if err != nil || string(res.Payload) != "back" {
					t.Error(res, err)
				}
			})
		}
	}
	wg.Wait()
	st := requireAccounts(t, cli)
	require.EqualValues(t, 480, st.Responses)
	require.EqualValues(t, 240, st.Requests)
	require.Zero(t, st.Dropped["unmatched"])
	for k, sh := range cli.shards {
		require.Positive(t, sh.stats.responses.Load(), "shard %d", k)
	}
	gone := newVillage(t, 30)
	addrs := gone.tr.Local()
	require.NoError(t, gone.tr.Close())
	for _, a := range addrs {
		_, err := cli.Get(t.Context(), "coap://"+a.String()+"/")
		require.ErrorIs(t, err, ErrUnreachable, "%v", a)
	}
	requireAccounts(t, cli)
}

// A request to a group is answered once to each who asked, and counted once.
func TestShardsAnswerGroupsOnce(t *testing.T) {
	srv := startNode(t, Config{Shards: 3, Listen: []string{"0.0.0.0:0"}, Params: soon})
	for _, sh := range srv.shards {
		onShard(sh, func() { sh.params.DefaultLeisure = time.Millisecond })
	}
	handle(t, srv, "/multi", Resource{Inline: true, Multicast: true, Get: text("multi")})
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	group := netip.MustParseAddr("224.0.1.187")
	require.NoError(t, (*srv.transport.Load()).Join(group, lo.Name))
	v := newVillage(t, 20)
	port := srv.Addrs()[0].Port()
	v.send(netip.AddrPortFrom(group, port), lo.Index, codec.Message{Type: codec.NON, Code: codec.GET, MessageID: 1, Options: codec.Options{codec.URIPath("multi")}})
	for _, ms := range v.each(1) {
		require.Len(t, ms, 1)
		require.Equal(t, "multi", string(ms[0].Payload))
	}
	v.send(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), 0, codec.Message{MessageID: 2}) // ping
	for _, ms := range v.each(1) {
		require.Len(t, ms, 1)
		require.Equal(t, codec.RST, ms[0].Type)
	}
	st := requireAccounts(t, srv)
	require.EqualValues(t, 40, st.Received)
	require.EqualValues(t, 20, st.Requests)
}

// Stop finishes what every shard is serving, and only then ends the node's own
// calls, which a handler of another shard may depend on. The last answers
// leave.
func TestShardsStop(t *testing.T) {
	for _, how := range []string{"finished", "cut off"} {
		srv := startNode(t, Config{Shards: 3, Params: never})
		release := make(chan struct{})
		var serving sync.WaitGroup
		const peers = 12
		serving.Add(peers)
		silent := newVillage(t, peers) // nobody answers here
		asked := make(chan error, peers)
		handle(t, srv, "/slow", Resource{Get: func(ctx context.Context, r *Request) (*Response, error) {
			serving.Done()
			select {
			case <-release:
				return Text("served")
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}})
		v := newVillage(t, peers)
		v.send(srv.Addrs()[0], 0, codec.Message{Code: codec.GET, MessageID: 1, Options: codec.Options{codec.URIPath("slow")}})
		serving.Wait()
		for _, a := range silent.tr.Local() {
			srv.Go(Request{URI: "coap://" + a.String() + "/"}, func(_ *Response, err error) { asked <- err })
		}
		silent.each(1)
		v.each(1) // the empty ACKs
		ctx, cancel := context.WithCancel(context.Background())
		stopped := make(chan error, 1)
		go func() { stopped <- srv.Stop(ctx) }()
		require.Eventually(t, func() bool {
			stopping := true // at every shard: each is told by a message of its own
			for _, sh := range srv.shards {
				onShard(sh, func() { stopping = stopping && sh.stopping })
			}
			return stopping
		}, time.Minute, time.Millisecond)
		_, err := srv.Handle("/late", Resource{Get: text("")})
		require.ErrorIs(t, err, ErrStopped)
		v.send(srv.Addrs()[0], 0, codec.Message{Code: codec.GET, MessageID: 2, Options: codec.Options{codec.URIPath("slow")}})
		for _, ms := range v.each(1) {
			require.Equal(t, codec.ServiceUnavailable, ms[0].Code)
		}
		require.Empty(t, asked, "calls go on while something is served")
		require.Empty(t, stopped)
		if how == "finished" {
			close(release)
			for a, ms := range v.each(1) {
				require.Equal(t, "served", string(ms[0].Payload))
				data, err := (&codec.Message{Type: codec.ACK, MessageID: ms[0].MessageID}).Append(nil)
				require.NoError(t, err)
				require.NoError(t, v.tr.WriteTo(netio.Datagram{Data: data, Peer: netio.Peer{Addr: srv.Addrs()[0]}, Local: a}))
			}
			require.NoError(t, <-stopped)
		} else {
			cancel()
			require.ErrorIs(t, <-stopped, context.Canceled)
		}
		cancel()
		for range peers {
			require.ErrorIs(t, <-asked, ErrStopped)
		}
	}
}

// A piggybacked answer that is the last thing a shard does leaves before the
// socket is closed.
func TestShardsStopAfterTheLastAnswer(t *testing.T) {
	for range 20 {
		srv := startNode(t, Config{Shards: 2, SeparateAfter: time.Hour})
		release := make(chan struct{})
		var serving sync.WaitGroup
		const peers = 8
		serving.Add(peers)
		handle(t, srv, "/slow", Resource{Get: func(context.Context, *Request) (*Response, error) {
			serving.Done()
			<-release
			return Text("served")
		}})
		v := newVillage(t, peers)
		v.send(srv.Addrs()[0], 0, codec.Message{Code: codec.GET, MessageID: 1, Options: codec.Options{codec.URIPath("slow")}})
		serving.Wait()
		stopped := make(chan error, 1)
		go func() { stopped <- srv.Stop(context.Background()) }()
		close(release)
		require.NoError(t, <-stopped)
		for _, ms := range v.each(1) {
			require.Len(t, ms, 1)
		}
	}
}
