package actors

import (
	"context"
	"errors"
	"math"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// onLoop runs f on the node's goroutine, after all that has been scheduled: that
// of the first shard.
func onLoop(n *Node, f func()) { onShard(n.shard, f) }

func onShard(sh *shard, f func()) {
	done := make(chan struct{})
	sh.loop.Schedule(func() { f(); close(done) })
	<-done
}

// rawPeer is a peer that speaks in bytes, towards a node.
type rawPeer struct {
	t    *testing.T
	conn *net.UDPConn
}

func newRawPeer(t *testing.T) *rawPeer {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &rawPeer{t, conn}
}

func (p *rawPeer) uri(path string) string { return "coap://" + p.conn.LocalAddr().String() + path }

func (p *rawPeer) send(n *Node, m codec.Message) {
	b, err := m.Append(nil)
	require.NoError(p.t, err)
	_, err = p.conn.WriteToUDPAddrPort(b, n.Addrs()[0])
	require.NoError(p.t, err)
}

func (p *rawPeer) next() *codec.Message {
	b := make([]byte, 70000)
	n, err := p.conn.Read(b)
	require.NoError(p.t, err)
	m := &codec.Message{}
	require.NoError(p.t, m.Parse(b[:n]))
	return m
}

// openSlot returns the exchange of the node's only open call.
func openSlot(n *Node) (s *slot) {
	for _, x := range n.shard.slots {
		if x.call != nil {
			s = x
		}
	}
	return s
}

// A retransmission timer that fired just before the ACK was handled must not be
// armed anew: it would be due for ever.
func TestRetransmissionTimerThatTheAckOvertook(t *testing.T) {
	cli, p := startNode(t, Config{}), newRawPeer(t)
	got := make(chan error, 1)
	cli.Go(Request{URI: p.uri("/x")}, func(_ *Response, err error) { got <- err })
	req := p.next()
	onLoop(cli, func() {
		s := openSlot(cli)
		cli.shard.post(s.box, acknowledged{s.gen})
		cli.shard.post(s.box, exchangeTimer{s.gen, timerRetransmit})
	})
	var armed protocol.Handle
	onLoop(cli, func() { armed = openSlot(cli).first })
	require.Zero(t, armed, "no timer is armed")
	p.send(cli, codec.Message{Type: codec.NON, Code: codec.Content, MessageID: 1, Token: req.Token})
	require.NoError(t, <-got)
}

// What readers post while the node is busy is bounded.
func TestDatagramsThatWaitForTheNodeAreBounded(t *testing.T) {
	n := startNode(t, Config{})
	require.Eventually(t, n.shard.loop.enter, patience, time.Millisecond)
	batch := make([]netio.Datagram, 64)
	for i := range batch {
		batch[i] = netio.Datagram{Data: []byte{0x70, 0, 0, 1}, Peer: netio.Peer{Addr: netip.MustParseAddrPort("127.0.0.1:9")}}
	}
	for range 2000 {
		n.shard.receive(batch)
	}
	n.shard.loop.leave()
	s := n.Stats()
	require.EqualValues(t, 2000*64, s.Received+s.Dropped["overload"])
	require.Less(t, s.Received, uint64(40000))
	require.Greater(t, s.Received, uint64(10000))
	n.shard.receive(batch)
	onLoop(n, func() {})
	require.Equal(t, s.Received+64, n.Stats().Received, "there is room again")
}

// The context package registers what is derived from a handler's context while
// it holds a lock that the registered function takes.
func TestHandlerContextThatEndsWhileAnotherIsDerivedFromIt(t *testing.T) {
	ctx, end := NewTaskContext(SystemEnv())
	held, called := sync.Mutex{}, make(chan struct{})
	end(errPeerGone)
	held.Lock()
	stop := ctx.(*taskContext).AfterFunc(func() {
		held.Lock()
		defer held.Unlock()
		close(called)
	})
	held.Unlock()
	<-called
	require.False(t, stop())
}

func TestCallsThatRaceWithStopEnd(t *testing.T) {
	for range 50 {
		n, err := Start(Config{Listen: []string{"127.0.0.1:0"}})
		require.NoError(t, err)
		var wg, calls sync.WaitGroup
		for _, uri := range []string{"coap://127.0.0.1:1/", "coap://127.0.0.1:1/", "coap://"} {
			wg.Go(func() {
				for range 200 {
					calls.Add(1)
					n.Go(Request{URI: uri}, func(*Response, error) { calls.Done() })
				}
			})
		}
		require.NoError(t, n.Stop(t.Context()))
		wg.Wait()
		calls.Wait()
	}
}

type supervisor struct{ actor.Supervisor }

func (supervisor) RestartChildren(...*actor.PID) {}
func (supervisor) ResumeChildren(...*actor.PID)  {}

// A socket that cannot be opened is tried ever more seldom, however long ago it
// last worked.
func TestBackOffGrowsWhileTheSocketIsDead(t *testing.T) {
	n := startNode(t, Config{})
	a := &nodeActor{node: n}
	onLoop(n, func() {
		n.openedAt = n.env.Clock.Now().Add(-time.Hour)
		for range 5 {
			a.HandleFailure(nil, supervisor{}, n.box.pid, nil, &socketFailure{errors.New("no")}, nil)
		}
	})
	require.Equal(t, 5, n.failures)
}

// Requests that wait for a handler when their resource is removed are answered.
func TestRemovedResourceAnswersWhatWaits(t *testing.T) {
	srv := startNode(t, Config{SeparateAfter: time.Hour})
	cli := startNode(t, Config{Params: protocol.Params{NStart: 9, AckTimeout: time.Hour}})
	begun, release := make(chan struct{}, 9), make(chan struct{})
	route := handle(t, srv, "/one", Resource{Concurrency: 1, Get: func(context.Context, *Request) (*Response, error) {
		begun <- struct{}{}
		<-release
		return Text("ok")
	}})
	results := make(chan error, 2)
	for range 2 {
		cli.Go(Request{URI: srv.URI("/one")}, func(_ *Response, err error) { results <- err })
	}
	<-begun
	require.Eventually(t, func() bool { return srv.Stats().Requests == 2 }, patience, time.Millisecond)
	onLoop(srv, func() {}) // the resource has both
	route.Remove()
	requireCode(t, <-results, codec.NotFound)
	close(release)
	require.NoError(t, <-results, "what runs goes on to its end")
}

// After a restart of the endpoint the exchanges are new, but the handlers of
// old requests still return to them.
func TestLateAnswerAfterTheEndpointRestarted(t *testing.T) {
	srv, cli := startNode(t, Config{SeparateAfter: time.Hour}), startNode(t, Config{})
	first, second := make(chan struct{}), make(chan struct{})
	begun := make(chan struct{}, 2)
	handle(t, srv, "/1", Resource{Get: func(context.Context, *Request) (*Response, error) {
		begun <- struct{}{}
		<-first
		return Text("one")
	}})
	handle(t, srv, "/2", Resource{Get: func(context.Context, *Request) (*Response, error) {
		begun <- struct{}{}
		<-second
		return Text("two")
	}})
	got := make(chan error, 1)
	cli.Go(Request{URI: srv.URI("/1")}, func(_ *Response, err error) { got <- err })
	<-begun
	srv.shard.post(srv.shard.endpoint, cancelCall{}) // a nil call makes it fail
	requireCode(t, <-got, codec.InternalServerError)
	answer := make(chan *Response, 1)
	cli.Go(Request{URI: srv.URI("/2")}, func(r *Response, _ error) { answer <- r })
	<-begun
	close(first)
	require.Eventually(t, func() bool { return srv.Stats().Stale == 1 }, patience, time.Millisecond)
	close(second)
	require.Equal(t, "two", string((<-answer).Payload))
}

// A turn in a peer's window that was given to an exchange which ends before it
// hears of it goes on to the next.
func TestTurnOfASeparateResponseThatFails(t *testing.T) {
	srv, p := startNode(t, Config{}), newRawPeer(t)
	handle(t, srv, "/s", Resource{Separate: true, Get: text("s")})
	for i := range 3 {
		tok, _ := codec.MakeToken([]byte{byte(i)})
		p.send(srv, codec.Message{Type: codec.CON, Code: codec.GET, MessageID: uint16(i), Token: tok, Options: codec.Options{{Number: codec.OptionURIPath, Value: []byte("s")}}})
	}
	var con *codec.Message
	for acks := 0; acks < 3; {
		if m := p.next(); m.Type == codec.CON {
			con = m
		} else {
			acks++
		}
	}
	if con == nil {
		con = p.next()
	}
	waiting := func(want int) func() bool {
		return func() (ok bool) {
			onLoop(srv, func() {
				local := p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
				ok = srv.shard.peers.Find(netio.Peer{Addr: local}).Value.window.Queued() == want
			})
			return ok
		}
	}
	require.Eventually(t, waiting(2), patience, time.Millisecond)
	onLoop(srv, func() {
		// One is acknowledged; the next gets its turn and fails in the same moment.
		for _, s := range srv.shard.slots {
			if s.outstanding != nil {
				srv.shard.served(s)
				break
			}
		}
		for _, s := range srv.shard.slots {
			if s.in != nil && s.outstanding != nil {
				srv.shard.failSlot(s, errors.New("failed"))
				break
			}
		}
	})
	for {
		m := p.next()
		if m.Type == codec.CON && m.MessageID != con.MessageID {
			p.send(srv, codec.Message{Type: codec.ACK, MessageID: m.MessageID})
			break
		}
	}
	require.Eventually(t, func() bool { return srv.Stats().Exchanges == 0 }, patience, time.Millisecond)
}

func TestSeparateResponseThatFitsNoDatagram(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/big", Resource{Separate: true, Get: func(context.Context, *Request) (*Response, error) {
		return &Response{Options: codec.Options{codec.OpaqueOption(65000, make([]byte, 65500))}}, nil
	}})
	_, err := cli.Get(t.Context(), srv.URI("/big"))
	requireCode(t, err, codec.InternalServerError)
	_, err = cli.Put(t.Context(), srv.URI("/big"), codec.OctetStream, nil, codec.OpaqueOption(65000, make([]byte, 65500)))
	require.ErrorContains(t, err, "does not fit into a datagram")
	require.NotErrorIs(t, err, ErrUnreachable)
}

func TestEndlessTimeout(t *testing.T) {
	cli, p := startNode(t, Config{}), newRawPeer(t)
	call := cli.Go(Request{URI: p.uri("/x"), Timeout: math.MaxInt64}, func(*Response, error) {})
	p.next()
	var ended bool
	for range 3 { // a timer that is due has fired by then, or fires in between
		onLoop(cli, func() { ended = call.ended || ended; cli.shard.fire() })
	}
	require.False(t, ended)
}

// RFC 7252 §8.1: a request to a group is not confirmable. And a request has a
// request's code.
func TestRequestsThatMustNotBeSent(t *testing.T) {
	cli := startNode(t, Config{})
	_, err := cli.Get(t.Context(), "coap://224.0.1.187/x")
	require.ErrorContains(t, err, "group")
	_, err = cli.Ping(t.Context(), "coap://[ff02::fd]")
	require.ErrorContains(t, err, "group")
	_, err = cli.Do(t.Context(), Request{Method: codec.Content, URI: "coap://127.0.0.1/x"})
	require.ErrorContains(t, err, "is no method")
	require.Zero(t, cli.Stats().Sent)
}

// Where no further peer can be remembered its CON requests are refused, not
// ignored; and a refused request does not keep its peer.
func TestRequestsOfMorePeersThanCanBeRemembered(t *testing.T) {
	srv := startNode(t, Config{Limits: Limits{Peers: 1}, SeparateAfter: time.Hour})
	a, b := startNode(t, Config{}), startNode(t, Config{})
	release, begun := make(chan struct{}), make(chan struct{})
	handle(t, srv, "/x", Resource{Get: func(context.Context, *Request) (*Response, error) { close(begun); <-release; return nil, nil }})
	for _, n := range []*Node{a, b, a} {
		_, err := n.Post(t.Context(), srv.URI("/none"), codec.TextPlain, nil)
		requireCode(t, err, codec.NotFound)
	}
	got := make(chan error, 1)
	a.Go(Request{URI: srv.URI("/x")}, func(_ *Response, err error) { got <- err })
	<-begun
	_, err := b.Get(t.Context(), srv.URI("/x"))
	requireCode(t, err, codec.ServiceUnavailable)
	close(release)
	require.NoError(t, <-got)
}

func TestContextOfInlineHandlersEndsWithTheNode(t *testing.T) {
	srv, err := Start(Config{Listen: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	cli := startNode(t, Config{})
	ended := make(chan struct{})
	handle(t, srv, "/i", Resource{Inline: true, Get: func(ctx context.Context, _ *Request) (*Response, error) {
		go func() { <-ctx.Done(); close(ended) }()
		return nil, nil
	}})
	_, err = cli.Get(t.Context(), srv.URI("/i"))
	require.NoError(t, err)
	require.NoError(t, srv.Stop(t.Context()))
	<-ended
}

// RFC 7252 §4.7: a peer that does not respond is not sent more than
// PROBING_RATE, even if nobody waits for the responses any more.
func TestUnansweredNonRequestsKeepToProbingRate(t *testing.T) {
	cli, p := startNode(t, Config{}), newRawPeer(t)
	req := Request{URI: p.uri("/x"), NonConfirmable: true, Timeout: time.Millisecond}
	_, err := cli.Do(t.Context(), req)
	require.ErrorIs(t, err, ErrTimeout)
	p.next()
	_, err = cli.Do(t.Context(), req)
	require.ErrorIs(t, err, ErrTimeout)
	require.EqualValues(t, 1, cli.Stats().Sent, "the second waited for its turn in vain")

	// At a higher rate it gets its turn.
	req.Params.ProbingRate, req.Timeout = 1e6, 0
	other := newRawPeer(t)
	req.URI = other.uri("/x")
	call := cli.Go(req, func(*Response, error) {})
	other.next()
	call.Cancel()
	got := make(chan error, 1)
	cli.Go(req, func(_ *Response, err error) { got <- err })
	m := other.next()
	other.send(cli, codec.Message{Type: codec.NON, Code: codec.Content, MessageID: 1, Token: m.Token})
	require.NoError(t, <-got)
}

// A node that fails itself ends its calls and closes its socket.
func TestNodeThatIsStoppedFromOutside(t *testing.T) {
	n, err := Start(Config{Listen: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	p := newRawPeer(t)
	got := make(chan error, 1)
	n.Go(Request{URI: p.uri("/x")}, func(_ *Response, err error) { got <- err })
	p.next()
	addr := n.Addrs()[0].String()
	n.env.System.Root.Stop(n.box.pid)
	require.ErrorIs(t, <-got, ErrStopped)
	require.NoError(t, n.Stop(t.Context()))
	require.Eventually(t, func() bool {
		again, err := Start(Config{Listen: []string{addr}})
		if err == nil {
			err = again.Stop(t.Context())
		}
		return err == nil
	}, patience, time.Millisecond, "the address is free")
}

func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/g", Resource{Concurrency: 1, Get: func(context.Context, *Request) (*Response, error) {
		runtime.Goexit()
		return nil, nil
	}})
	for range 2 {
		_, err := cli.Get(t.Context(), srv.URI("/g"))
		requireCode(t, err, codec.InternalServerError)
	}
}

func TestCallWithoutCallback(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/x", Resource{Get: text("x")})
	cli.Go(Request{URI: srv.URI("/x")}, nil)
	_, err := cli.Get(t.Context(), srv.URI("/x"))
	require.NoError(t, err)
	require.Zero(t, cli.Stats().Panics)
}
