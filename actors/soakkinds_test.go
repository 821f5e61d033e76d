package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

type addr = netip.AddrPort

// soak is a few nodes of which some are asked, some ask, one comes and goes, and
// one has a socket that dies.
type soak struct {
	t       testing.TB
	seed    uint64
	params  protocol.Params
	srv     *Node
	clients []*Node
	relay   string   // URI of a resource of the first client, which asks srv
	silent  net.Conn // a peer that never answers

	guest    atomic.Pointer[Node] // comes and goes
	guestAt  string
	mortal   *Node
	mortalAt string
	socketMu sync.Mutex
	socket   *mortalSocket

	failing  []*Route
	handlers atomic.Int64 // running on goroutines
	panicked atomic.Uint64

	stalls   stalls
	pause    sync.RWMutex // held by workers while they work
	mu       sync.Mutex
	outcomes []map[string]uint64 // by kind
	late     []time.Time         // of timeouts that should not have been
}

// stalls notes when the whole process stood still, as on a machine that has
// other things to do: then requests time out, and nobody is to blame.
type stalls struct {
	mu  sync.Mutex
	ran []time.Time // the ends of pauses that were too long
}

const longestStall = 300 * time.Millisecond

// watch works until done.
func (s *stalls) watch(done <-chan struct{}) {
	tick := time.NewTicker(longestStall / 10)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		now := time.Now()
		if now.Sub(last) > longestStall {
			s.mu.Lock()
			s.ran = append(s.ran, now)
			s.mu.Unlock()
		}
		last = now
	}
}

// excuse reports whether there was a stall within d of t.
func (s *stalls) excuse(t time.Time, d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.ran, func(end time.Time) bool { return t.Sub(end).Abs() < d })
}

// mortalSocket is a socket that dies on demand.
type mortalSocket struct {
	netio.Transport
	recv netio.Receiver
}

func (m *mortalSocket) Start(r netio.Receiver) error {
	m.recv = r
	return m.Transport.Start(r)
}

func newSoak(t testing.TB, lasts time.Duration) *soak {
	s := &soak{t: t, seed: seed(t), params: protocol.Params{
		AckTimeout: 100 * time.Millisecond, MaxRetransmit: 3, MaxLatency: 50 * time.Millisecond, NStart: 16, ProbingRate: 1e4,
	}}
	if lasts >= 30*time.Second {
		s.params.AckTimeout *= 4
	}
	if raceEnabled {
		s.params.AckTimeout *= 3
	}
	for range kinds {
		s.outcomes = append(s.outcomes, map[string]uint64{})
	}
	cfg := s.config("127.0.0.1:0")
	s.srv = s.start(cfg)
	for range 4 {
		s.clients = append(s.clients, s.start(cfg))
	}
	s.serve(s.srv)
	s.renew()
	handle(t, s.clients[0], "/relay", Resource{Get: s.counted(func(ctx context.Context, r *Request) (*Response, error) {
		return r.Node().Get(ctx, s.srv.URI("/inline"))
	})})
	s.relay = s.clients[0].URI("/relay")
	var err error
	s.silent, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)

	guest := s.start(cfg)
	s.guestAt = guest.Addrs()[0].String()
	s.serve(guest)
	s.guest.Store(guest)

	s.mortalAt = "127.0.0.1:0"
	cfg.Listen, cfg.Open = nil, func() (netio.Transport, error) {
		tr, err := udp.Open(udp.Config{Addrs: []string{s.mortalAt}})
		if err != nil {
			return nil, err
		}
		s.socketMu.Lock()
		defer s.socketMu.Unlock()
		s.socket = &mortalSocket{Transport: tr}
		return s.socket, nil
	}
	s.mortal = s.start(cfg)
	s.mortalAt = s.mortal.Addrs()[0].String()
	s.serve(s.mortal)
	return s
}

func (s *soak) config(listen string) Config {
	return Config{Listen: []string{listen}, Params: s.params, SeparateAfter: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
}

func (s *soak) start(cfg Config) *Node {
	n, err := Start(cfg)
	require.NoError(s.t, err)
	return n
}

// all returns the nodes that are there.
func (s *soak) all() []*Node {
	all := append([]*Node{s.srv, s.mortal}, s.clients...)
	if g := s.guest.Load(); g != nil {
		all = append(all, g)
	}
	return all
}

// counted counts the handlers that run.
func (s *soak) counted(h Handler) Handler {
	return func(ctx context.Context, r *Request) (*Response, error) {
		s.handlers.Add(1)
		defer s.handlers.Add(-1)
		return h(ctx, r)
	}
}

func (s *soak) serve(n *Node) {
	echo := func(_ context.Context, r *Request) (*Response, error) {
		return &Response{Payload: slices.Clone(r.Payload)}, nil
	}
	slow := s.counted(func(ctx context.Context, r *Request) (*Response, error) {
		if err := Sleep(ctx, time.Duration(len(r.Payload))*time.Millisecond); err != nil {
			return nil, err
		}
		return &Response{Payload: slices.Clone(r.Payload)}, nil
	})
	for pattern, r := range map[string]Resource{
		"/inline": {Inline: true, Get: text("inline"), Put: echo, Post: echo, Delete: nothing},
		"/go":     {Get: s.counted(text("go")), Put: s.counted(echo), Post: s.counted(echo), Fetch: s.counted(echo)},
		"/slow":   {Get: slow, Put: slow, Post: slow},
		"/sep":    {Separate: true, Get: s.counted(text("separate")), Post: s.counted(echo)},
		"/fail": {Get: s.counted(func(context.Context, *Request) (*Response, error) { return nil, errors.New("no") }),
			Put: s.counted(func(context.Context, *Request) (*Response, error) { return nil, Errorf(codec.Conflict, "no") })},
	} {
		handle(s.t, n, pattern, r)
	}
}

// renew replaces the resources that panic; after a few times they are stopped.
func (s *soak) renew() {
	for _, r := range s.failing {
		r.Remove()
	}
	explode := s.counted(func(context.Context, *Request) (*Response, error) {
		s.panicked.Add(1)
		panic("this handler always does")
	})
	s.failing = []*Route{
		handle(s.t, s.srv, "/panic", Resource{Inline: true, Get: explode}),
		handle(s.t, s.srv, "/gopanic", Resource{Get: explode}),
	}
}

// disturb lets nodes and sockets come and go, at some of the samples.
func (s *soak) disturb(i int) {
	s.renew()
	switch i % 6 {
	case 1: // requests to it are under way
		g := s.guest.Swap(nil)
		if g == nil {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = g.Stop(ctx) // cuts off what is open
	case 4:
		g, err := Start(s.config(s.guestAt))
		if err != nil {
			return // somebody else has the port at the moment
		}
		s.serve(g)
		s.guest.Store(g)
	case 5:
		if i%12 == 5 {
			s.socketMu.Lock()
			down := s.socket.recv.Down
			s.socketMu.Unlock()
			down(errors.New("the socket has died"))
		}
	}
}

// outcome names what became of a request.
func outcome(err error) string {
	var ce *CodeError
	for _, known := range []error{ErrTimeout, ErrUnreachable, ErrReset, ErrCanceled, ErrStopped, ErrBusy, context.Canceled} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &ce):
		return fmt.Sprintf("%d.%02d", ce.Code.Class(), ce.Code.Detail())
	}
	return err.Error()
}

// kind is a kind of request, and how it may end.
type kind struct {
	name string
	do   func(s *soak, n *Node, rng *rand.Rand) []error
	may  []string
}

// bridge is time enough for a retransmission after a socket has been opened
// again, and not so long that the samples wait for it.
const bridge = 500 * time.Millisecond

func one(err error) []error { return []error{err} }

// exchanged makes a request whose payload comes back.
func exchanged(n *Node, rng *rand.Rand, base string, timeout time.Duration) error {
	req := Request{NonConfirmable: rng.IntN(4) == 0, Timeout: timeout}
	want := make([]byte, 1+rng.IntN(20))
	for i := range want {
		want[i] = byte('a' + rng.IntN(26))
	}
	req.Payload = want
	switch rng.IntN(8) {
	case 0:
		req.Method, req.URI, req.Payload, want = codec.GET, base+"/inline", nil, []byte("inline")
	case 1:
		req.Method, req.URI, req.Payload, want = codec.GET, base+"/go", nil, []byte("go")
	case 2:
		req.Method, req.URI, req.Payload, want = codec.GET, base+"/sep", nil, []byte("separate")
	case 3:
		req.Method, req.URI = codec.PUT, base+"/go"
	case 4:
		req.Method, req.URI = codec.POST, base+"/inline"
	case 5:
		req.Method, req.URI = codec.POST, base+"/sep"
	case 6:
		req.Method, req.URI = codec.FETCH, base+"/go"
	case 7:
		req.Method, req.URI = codec.POST, base+"/slow"
	}
	res, err := n.Do(context.Background(), req)
	if err == nil && string(res.Payload) != string(want) {
		err = fmt.Errorf("%v %s: answered %q, not %q", req.Method, req.URI, res.Payload, want)
	}
	return err
}

func slowly(s *soak, rng *rand.Rand) Request {
	return Request{Method: codec.PUT, URI: s.srv.URI("/slow"), Payload: make([]byte, 1+rng.IntN(20))}
}

var kinds = []kind{
	{"mixed", func(s *soak, n *Node, rng *rand.Rand) []error { return one(exchanged(n, rng, s.srv.URI(""), 0)) }, []string{"ok"}},
	{"burst", func(s *soak, n *Node, rng *rand.Rand) (errs []error) {
		results := make(chan error, 32)
		for range cap(results) {
			n.Go(Request{URI: s.srv.URI("/inline")}, func(_ *Response, err error) { results <- err })
		}
		for range cap(results) {
			errs = append(errs, <-results)
		}
		return errs
	}, []string{"ok"}},
	{"ping", func(s *soak, n *Node, _ *rand.Rand) []error {
		_, err := n.Ping(context.Background(), s.srv.URI(""))
		return one(err)
	}, []string{"ok"}},
	{"failing", func(s *soak, n *Node, rng *rand.Rand) []error {
		_, err := n.Do(context.Background(), Request{Method: codec.GET + 2*codec.Code(rng.IntN(2)), URI: s.srv.URI("/fail")})
		return one(err)
	}, []string{"5.00", "4.09"}},
	{"panicking", func(s *soak, n *Node, rng *rand.Rand) []error {
		_, err := n.Get(context.Background(), s.srv.URI([]string{"/panic", "/gopanic"}[rng.IntN(2)]))
		return one(err)
	}, []string{"5.00", "5.03", "4.04"}},
	{"relayed", func(s *soak, n *Node, _ *rand.Rand) []error {
		_, err := n.Get(context.Background(), s.relay)
		return one(err)
	}, []string{"ok"}},
	{"cancelled", func(s *soak, n *Node, rng *rand.Rand) []error {
		ctx, cancel := context.WithCancel(context.Background())
		timer := time.AfterFunc(time.Duration(rng.IntN(10))*time.Millisecond, cancel)
		defer timer.Stop()
		defer cancel()
		_, err := n.Do(ctx, slowly(s, rng))
		return one(err)
	}, []string{"ok", "context canceled"}},
	{"cancelled call", func(s *soak, n *Node, rng *rand.Rand) []error {
		got := make(chan error, 1)
		n.Go(slowly(s, rng), func(_ *Response, err error) { got <- err }).Cancel()
		return one(<-got)
	}, []string{"ok", "request cancelled"}},
	{"timed out", func(s *soak, n *Node, rng *rand.Rand) []error {
		req := slowly(s, rng)
		req.Timeout = time.Duration(1+rng.IntN(10)) * time.Millisecond
		_, err := n.Do(context.Background(), req)
		return one(err)
	}, []string{"ok", "timeout: no answer"}},
	{"silent peer", func(s *soak, n *Node, rng *rand.Rand) []error {
		_, err := n.Do(context.Background(), Request{URI: "coap://" + s.silent.LocalAddr().String() + "/", NonConfirmable: rng.IntN(2) == 0, Timeout: 20 * time.Millisecond})
		return one(err)
	}, []string{"timeout: no answer"}},
	{"guest", func(s *soak, n *Node, rng *rand.Rand) []error {
		return one(exchanged(n, rng, "coap://"+s.guestAt, bridge))
	},
		[]string{"ok", "timeout: no answer", "unreachable", "reset by peer", "5.03", "4.04", "5.00"}},
	{"mortal socket", func(s *soak, n *Node, rng *rand.Rand) []error {
		return one(exchanged(n, rng, "coap://"+s.mortalAt, bridge))
	},
		[]string{"ok", "timeout: no answer", "unreachable", "reset by peer"}},
}

// work makes a request, or a few, and checks how they end.
func (s *soak) work(n *Node, rng *rand.Rand) {
	i := rng.IntN(len(kinds))
	errs := kinds[i].do(s, n, rng)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range errs {
		o := outcome(err)
		s.outcomes[i][o]++
		switch {
		case slices.Contains(kinds[i].may, o):
		case errors.Is(err, ErrTimeout):
			s.late = append(s.late, time.Now())
		default:
			s.t.Errorf("%s: %v", kinds[i].name, err)
		}
	}
}
