package load

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// server starts a node with one resource.
func server(t testing.TB, listen string, path string, res actors.Resource) (*actors.Node, netip.AddrPort) {
	t.Helper()
	n, err := actors.Start(actors.Config{Listen: []string{listen}, Log: slog.New(slog.DiscardHandler), Params: once})
	if err != nil && listen == "[::1]:0" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = n.Stop(context.Background()) })
	_, err = n.Handle(path, res)
	require.NoError(t, err)
	return n, n.Addrs()[0]
}

func hello(context.Context, *actors.Request) (*actors.Response, error) {
	return actors.Text("hello world")
}

var path = codec.Options{codec.URIPath("hello")}

// once sends nothing again, however long the machine stands still.
var once = protocol.Params{AckTimeout: time.Hour}

// runLoad runs a load to its end.
func runLoad(t testing.TB, cfg Config, change func(*Load)) *Result {
	t.Helper()
	l, err := prepare(cfg)
	require.NoError(t, err)
	if change != nil {
		change(l)
	}
	require.NoError(t, l.start())
	<-l.Done()
	require.NoError(t, l.Err())
	return l.Result()
}

// requireClean checks a result without errors: everything was answered, once.
func requireClean(t testing.TB, r *Result, count uint64) {
	t.Helper()
	require.Equal(t, [Kinds]uint64{}, r.Errors, r.FirstError)
	require.Empty(t, r.FirstError)
	require.Equal(t, count, r.Requests)
	require.Equal(t, count, r.Responses)
	require.Equal(t, count, r.Answered)
	require.Equal(t, count, r.Latency.Count())
	require.Zero(t, r.Stray)
	require.Positive(t, r.Elapsed)
	require.Positive(t, r.Rate())
	require.True(t, r.Measuring)
	require.False(t, r.Interrupted)
}

func TestLoad(t *testing.T) {
	_, four := server(t, "127.0.0.1:0", "/hello", actors.Resource{Inline: true, Get: hello, Put: hello})
	_, six := server(t, "[::1]:0", "/hello", actors.Resource{Inline: true, Get: hello})
	for _, tt := range []struct {
		name      string
		cfg       Config
		endpoints int
	}{
		{"one at a time", Config{Outstanding: 1, Count: 500}, 1},
		{"many", Config{Count: 5000}, 64},
		{"fewer requests than may be outstanding", Config{Count: 7}, 64},
		{"non-confirmable", Config{NonConfirmable: true, Count: 2000}, 64},
		{"endpoints in turn", Config{Outstanding: 8, Peers: 1000, Count: 3000}, 1000},
		{"several of one endpoint", Config{Outstanding: 32, Peers: 1, Count: 2000}, 1},
		{"several of a few", Config{Outstanding: 32, Peers: 5, Sockets: 3, Count: 2000}, 5},
		{"a payload", Config{Method: codec.PUT, Payload: []byte("x"), Count: 100}, 64},
		{"a payload that is known", Config{Want: []byte("hello world"), Count: 100}, 64},
		{"after a warm-up", Config{Outstanding: 4, Warmup: time.Millisecond, Count: 100}, 4},
		{"over IPv6: sockets", Config{Target: six, Outstanding: 8, Count: 300}, 8},
		{"over IPv6: sockets in turn", Config{Target: six, Outstanding: 8, Peers: 20, Count: 300}, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Options = path
			if !tt.cfg.Target.IsValid() {
				tt.cfg.Target = four
			}
			r := runLoad(t, tt.cfg, nil)
			requireClean(t, r, tt.cfg.Count)
			require.Equal(t, tt.endpoints, r.Endpoints)
		})
	}
}

// TestDuration: without a count it ends in time, and the hooks are called once.
func TestDuration(t *testing.T) {
	_, at := server(t, "127.0.0.1:0", "/hello", actors.Resource{Inline: true, Get: hello})
	var begin, end atomic.Int32
	var r *Result
	duration := 50 * time.Millisecond
	for ; r == nil || r.Answered == 0 && duration < time.Minute; duration *= 4 { // in which the machine may stand still
		begin.Store(0)
		end.Store(0)
		r = runLoad(t, Config{
			Target: at, Options: path, Outstanding: 4, Warmup: 20 * time.Millisecond, Duration: duration,
			Begin: func() { begin.Add(1) }, End: func() { end.Add(1) },
		}, nil)
	}
	require.Equal(t, int32(1), begin.Load())
	require.Equal(t, int32(1), end.Load())
	require.Zero(t, r.Failed(), r.FirstError)
	require.GreaterOrEqual(t, r.Elapsed, 50*time.Millisecond)
	require.Equal(t, r.Requests, r.Responses)
	require.Positive(t, r.Answered)
	require.GreaterOrEqual(t, r.Responses, r.Answered)
}

// TestEndpoints: the server sees as many peers as there are endpoints.
func TestEndpoints(t *testing.T) {
	var mu sync.Mutex
	peers := map[netip.AddrPort]int{}
	_, at := server(t, "127.0.0.1:0", "/hello", actors.Resource{Inline: true, Get: func(_ context.Context, r *actors.Request) (*actors.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		peers[r.Peer.Addr]++
		return actors.Text("")
	}})
	r := runLoad(t, Config{Target: at, Options: path, Outstanding: 10, Peers: 250, Count: 1000}, nil)
	requireClean(t, r, 1000)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, peers, 250)
	for p, n := range peers { // in turn, as far as they are answered in turn
		require.InDelta(t, 4, n, 1, p)
	}
}

// TestRenewal: no message ID is used twice by one endpoint.
func TestRenewal(t *testing.T) {
	for _, tt := range []struct {
		name, listen       string
		outstanding, peers int
	}{
		{"source addresses", "127.0.0.1:0", 4, 4},
		{"source addresses in turn", "127.0.0.1:0", 4, 9},
		{"few source addresses", "127.0.0.1:0", 16, 3},
		{"sockets", "[::1]:0", 4, 4},
		{"few sockets", "[::1]:0", 16, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n, at := server(t, tt.listen, "/hello", actors.Resource{Inline: true, Get: hello})
			r := runLoad(t, Config{Target: at, Options: path, Outstanding: tt.outstanding, Peers: tt.peers, Count: 2000, Params: once, Timeout: time.Minute},
				func(l *Load) { l.ids = 50 })
			requireClean(t, r, 2000)
			require.InDelta(t, 2000/50-tt.peers, float64(r.Renewed), float64(tt.peers)+1)
			require.Equal(t, int(r.Renewed)+tt.peers, n.Stats().Peers)
			require.Zero(t, n.Stats().Duplicates)
		})
	}
}

// lossy is a transport that loses every fifth datagram of those it receives
// and, counted by itself, of those it sends.
type lossy struct {
	netio.Transport
	in, out atomic.Uint64
}

func (l *lossy) Start(r netio.Receiver) error {
	deliver := r.Datagrams
	r.Datagrams = func(ds []netio.Datagram) {
		deliver(slices.DeleteFunc(slices.Clone(ds), func(netio.Datagram) bool { return l.in.Add(1)%5 == 0 }))
	}
	return l.Transport.Start(r)
}

func (l *lossy) WriteBatch(ds []netio.Datagram) (int, error) {
	for i := range ds {
		if l.out.Add(1)%5 == 0 {
			continue
		}
		if err := l.WriteTo(ds[i]); err != nil {
			return i, err
		}
	}
	return len(ds), nil
}

// TestLosses: what is lost is sent again, counted, and no error.
func TestLosses(t *testing.T) {
	n, err := actors.Start(actors.Config{Open: func() (netio.Transport, error) {
		u, err := udp.Open(udp.Config{Addrs: []string{"127.0.0.1:0"}})
		return &lossy{Transport: u}, err
	}})
	require.NoError(t, err)
	defer func() { _ = n.Stop(context.Background()) }()
	_, err = n.Handle("/hello", actors.Resource{Inline: true, Get: hello})
	require.NoError(t, err)
	r := runLoad(t, Config{
		Target: n.Addrs()[0], Options: path, Outstanding: 16, Count: 200,
		Params: protocol.Params{AckTimeout: 5 * time.Millisecond, MaxRetransmit: 12}, Timeout: time.Minute,
	}, nil)
	requireClean(t, r, 200)
	require.Positive(t, r.Retransmissions)
	require.Positive(t, n.Stats().Duplicates, "answers were lost too")
}

// TestSeparate: separate responses are acknowledged, and not taken for losses.
func TestSeparate(t *testing.T) {
	n, at := server(t, "127.0.0.1:0", "/hello", actors.Resource{Separate: true, Get: hello})
	for _, peers := range []int{8, 1} {
		r := runLoad(t, Config{Target: at, Options: path, Outstanding: 8, Peers: peers, Count: 200, Params: once, Timeout: time.Minute}, nil)
		requireClean(t, r, 200)
		require.Zero(t, r.Retransmissions)
	}
	require.Zero(t, n.Stats().Retransmissions)
}

// TestManyEndpoints: ten thousand of them, over a few sockets.
func TestManyEndpoints(t *testing.T) {
	n, at := server(t, "127.0.0.1:0", "/hello", actors.Resource{Inline: true, Get: hello})
	if !spreads(at.Addr()) {
		t.Skip("an endpoint is a socket here")
	}
	r := runLoad(t, Config{Target: at, Options: path, Outstanding: 100, Peers: 10000, Count: 20000}, nil)
	requireClean(t, r, 20000)
	require.Equal(t, 10000, n.Stats().Peers)
	require.LessOrEqual(t, r.Sockets, 8)

	r = runLoad(t, Config{Target: at, Options: path, Outstanding: 10000, Count: 20000, Timeout: 5 * time.Minute,
		// Ten thousand at once overflow small socket buffers time and again.
		Params: protocol.Params{AckTimeout: 200 * time.Millisecond, MaxRetransmit: 10}}, nil)
	require.Zero(t, r.Failed(), r.FirstError) // but perhaps retransmissions: sockets have bounds
	require.Equal(t, uint64(20000), r.Responses)
	require.LessOrEqual(t, r.Sockets, MaxSockets)
}

func TestLoopbackSources(t *testing.T) {
	require.Equal(t, netip.MustParseAddr("127.1.0.1"), loopbackSource(0))
	require.Equal(t, netip.MustParseAddr("127.1.1.0"), loopbackSource(255))
	last := uint32(254<<16 - 3)
	require.Equal(t, netip.MustParseAddr("127.254.255.254"), loopbackSource(last))
	require.Equal(t, netip.MustParseAddr("127.1.0.1"), loopbackSource(last+1))
	seen := map[netip.Addr]bool{}
	for i := range uint32(70000) {
		seen[loopbackSource(i)] = true
	}
	require.Len(t, seen, 70000)
}

func TestValidate(t *testing.T) {
	good := Config{Target: netip.MustParseAddrPort("127.0.0.1:5683"), Count: 1}
	require.NoError(t, good.Validate())
	for _, tt := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Target = netip.AddrPort{} }, "Config.Target is invalid AddrPort"},
		{func(c *Config) { c.Target = netip.MustParseAddrPort("0.0.0.0:1") }, "Config.Target is 0.0.0.0:1"},
		{func(c *Config) { c.Target = netip.MustParseAddrPort("224.0.1.187:1") }, "address and port of one server"},
		{func(c *Config) { c.Outstanding = -1 }, "Config.Outstanding is -1; it must be from 1 to 1048576"},
		{func(c *Config) { c.Peers = MaxPeers + 1 }, "Config.Peers is 1048577"},
		{func(c *Config) { c.Sockets = MaxSockets + 1 }, "Config.Sockets is " + strconv.Itoa(MaxSockets+1)},
		{func(c *Config) { c.Warmup = -1 }, "Config.Warmup is -1ns; it must not be negative"},
		{func(c *Config) { c.Duration = -1 }, "Config.Duration"},
		{func(c *Config) { c.Timeout = -1 }, "Config.Timeout"},
		{func(c *Config) { c.Count = 0 }, "the load would not end"},
		{func(c *Config) { c.Method = codec.Content }, "which is no method"},
		{func(c *Config) { c.Check = 7 }, "no such check"},
		{func(c *Config) { c.Params.AckRandomFactor = 0.5 }, "AckRandomFactor"},
		{func(c *Config) { c.Payload = make([]byte, maxRequest) }, "a message carries at most 60000"},
		{func(c *Config) { c.Options = codec.Options{{Number: 11, Value: make([]byte, 1<<17)}} }, "cannot be encoded"},
	} {
		c := good
		tt.change(&c)
		require.ErrorContains(t, c.Validate(), tt.want)
		_, err := Start(c)
		require.ErrorContains(t, err, tt.want)
	}
}
