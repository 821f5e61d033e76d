package actors

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// startNode starts a node on loopback that the test stops.
func startNode(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.Listen == nil && cfg.Open == nil {
		cfg.Listen = []string{"127.0.0.1:0"}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n, err := Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, n.Stop(ctx))
	})
	return n
}

func handle(t testing.TB, n *Node, pattern string, r Resource) *Route {
	t.Helper()
	route, err := n.Handle(pattern, r)
	require.NoError(t, err)
	return route
}

func text(s string) Handler {
	return func(context.Context, *Request) (*Response, error) { return Text(s) }
}

func requireCode(t testing.TB, err error, code codec.Code) *CodeError {
	t.Helper()
	var ce *CodeError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, code.String(), ce.Code.String())
	return ce
}

// pair starts a server and a client.
func pair(t testing.TB) (srv, cli *Node) {
	t.Helper()
	return startNode(t, Config{Name: "srv"}), startNode(t, Config{})
}

func TestEveryMethodAndItsUsualCode(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/all", Resource{Get: nothing, Post: nothing, Put: nothing, Delete: nothing, Fetch: nothing, Patch: nothing, IPatch: nothing})
	for method, want := range map[codec.Code]codec.Code{
		codec.GET: codec.Content, codec.FETCH: codec.Content, codec.POST: codec.Changed, codec.PUT: codec.Changed,
		codec.PATCH: codec.Changed, codec.IPATCH: codec.Changed, codec.DELETE: codec.Deleted,
	} {
		for _, non := range []bool{false, true} {
			res, err := cli.Do(t.Context(), Request{Method: method, URI: srv.URI("/all"), NonConfirmable: non})
			require.NoError(t, err)
			require.Equal(t, want, res.Code)
		}
	}
	_, err := cli.Do(t.Context(), Request{Method: 31, URI: srv.URI("/all")})
	requireCode(t, err, codec.MethodNotAllowed)
}

func TestHandlersSeeTheRequestAndAnswerWithHelpers(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/echo/{name}", Resource{Post: func(_ context.Context, r *Request) (*Response, error) {
		var in struct{ N int }
		if err := r.JSON(&in); err != nil {
			return nil, err
		}
		q, _ := r.Query("q")
		return CBOR(map[string]any{"name": r.PathValue("name"), "n": in.N, "q": q, "path": r.Path(), "self": r.Node().Name()})
	}})
	res, err := cli.Post(t.Context(), srv.URI("/echo/x%2Fy?q=1"), codec.JSON, []byte(`{"n":7}`))
	require.NoError(t, err)
	var out struct {
		Name, Q, Path, Self string
		N                   int
	}
	require.NoError(t, res.CBOR(&out))
	require.Equal(t, "x/y", out.Name)
	require.Equal(t, "1", out.Q)
	require.Equal(t, 7, out.N)
	require.Equal(t, "/echo/x/y", out.Path)
	require.Equal(t, "srv", out.Self)
	f, ok := res.ContentFormat()
	require.True(t, ok)
	require.Equal(t, codec.CBOR, f)

	_, err = cli.Post(t.Context(), srv.URI("/echo/x"), codec.JSON, []byte(`{`))
	require.Contains(t, requireCode(t, err, codec.BadRequest).Diagnostic, "payload is not the JSON expected")
	_, err = cli.Post(t.Context(), srv.URI("/echo/x"), codec.CBOR, []byte(`{}`))
	require.Contains(t, requireCode(t, err, codec.UnsupportedContentFormat).Diagnostic, "expected application/json")
	require.Error(t, res.JSON(&out))
}

func TestErrorsOfHandlersTellStrangersNothing(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/e", Resource{
		Get:  func(context.Context, *Request) (*Response, error) { return nil, errors.New("password is 1234") },
		Put:  func(context.Context, *Request) (*Response, error) { return nil, Errorf(codec.Conflict, "try %d", 2) },
		Post: func(context.Context, *Request) (*Response, error) { return &Response{Code: codec.GET}, nil },
		Delete: func(context.Context, *Request) (*Response, error) {
			return &Response{Options: codec.Options{codec.OpaqueOption(65000, make([]byte, 65500))}}, nil
		},
	})
	_, err := cli.Get(t.Context(), srv.URI("/e"))
	require.Empty(t, requireCode(t, err, codec.InternalServerError).Diagnostic)
	_, err = cli.Put(t.Context(), srv.URI("/e"), codec.TextPlain, nil)
	require.Equal(t, "try 2", requireCode(t, err, codec.Conflict).Diagnostic)
	require.EqualError(t, err, "coap: 4.09 Conflict: try 2")
	_, err = cli.Post(t.Context(), srv.URI("/e"), codec.TextPlain, nil)
	requireCode(t, err, codec.InternalServerError)
	_, err = cli.Delete(t.Context(), srv.URI("/e"))
	requireCode(t, err, codec.InternalServerError)
}

func TestMiddlewareWrapsEveryHandler(t *testing.T) {
	srv, cli := pair(t)
	var mu sync.Mutex
	var order []string
	add := func(name string) Middleware {
		return func(next Handler) Handler {
			return func(ctx context.Context, r *Request) (*Response, error) {
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				return next(ctx, r)
			}
		}
	}
	handle(t, srv, "/before", Resource{Inline: true, Get: text("a")})
	srv.Use(add("outer"))
	srv.Use(add("inner"))
	handle(t, srv, "/after", Resource{Inline: true, Get: text("b")})
	for _, p := range []string{"/before", "/after", "/.well-known/core"} {
		_, err := cli.Get(t.Context(), srv.URI(p))
		require.NoError(t, err)
		mu.Lock()
		require.Equal(t, []string{"outer", "inner"}, order, p)
		order = nil
		mu.Unlock()
	}
}

func TestPanickingHandlerHarmsNobodyElse(t *testing.T) {
	srv, cli := pair(t)
	restarts := make(chan any, 10)
	bad := handle(t, srv, "/bad", Resource{Inline: true, Get: func(context.Context, *Request) (*Response, error) { panic("boom") },
		OnRestart: func(reason any) { restarts <- reason }})
	worse := handle(t, srv, "/worse", Resource{Get: func(context.Context, *Request) (*Response, error) { panic("bang") }})
	handle(t, srv, "/good", Resource{Get: text("fine")})
	for range 4 {
		_, err := cli.Get(t.Context(), srv.URI("/bad"))
		requireCode(t, err, codec.InternalServerError)
		_, err = cli.Get(t.Context(), srv.URI("/worse"))
		requireCode(t, err, codec.InternalServerError)
		_, err = cli.Get(t.Context(), srv.URI("/good"))
		require.NoError(t, err)
	}
	// The answer may arrive before the resource has heard of its handler's end.
	require.Eventually(t, func() bool { return bad.Failed() && worse.Failed() }, patience, time.Millisecond)
	for _, p := range []string{"/bad", "/worse"} {
		_, err := cli.Get(t.Context(), srv.URI(p))
		requireCode(t, err, codec.ServiceUnavailable)
	}
	_, err := cli.Get(t.Context(), srv.URI("/good"))
	require.NoError(t, err)
	for range 3 {
		require.Equal(t, "boom", <-restarts)
	}
	require.Empty(t, restarts, "the fourth time it is stopped")
	require.Equal(t, uint64(8), srv.Stats().Panics)
}

func TestExchangeThatFailsGivesItsCallerAnError(t *testing.T) {
	srv, cli := pair(t)
	block := make(chan struct{})
	handle(t, srv, "/x", Resource{Get: func(context.Context, *Request) (*Response, error) { <-block; return Text("x") }})
	handle(t, srv, "/y", Resource{Inline: true, Get: text("y")})
	got := make(chan error, 1)
	cli.Go(Request{URI: srv.URI("/x"), Params: protocol.Params{NStart: 2}}, func(_ *Response, err error) { got <- err })
	// A message that no exchange can take makes it panic.
	cli.shard.loop.Schedule(func() {
		for _, s := range cli.shard.slots {
			if s.call != nil {
				cli.shard.post(s.box, (*incoming)(nil))
			}
		}
	})
	require.ErrorContains(t, <-got, "internal error")
	// The same on the server's side: the peer gets 5.00.
	waiting := make(chan error, 1)
	cli.Go(Request{URI: srv.URI("/x"), Params: protocol.Params{NStart: 2}}, func(_ *Response, err error) { waiting <- err })
	require.Eventually(t, func() bool { return srv.Stats().Requests == 2 }, patience, time.Millisecond)
	srv.shard.loop.Schedule(func() {
		for _, s := range srv.shard.slots {
			if s.in != nil {
				srv.shard.post(s.box, (*incoming)(nil))
			}
		}
	})
	requireCode(t, <-waiting, codec.InternalServerError)
	close(block)
	for range 3 {
		_, err := cli.Get(t.Context(), srv.URI("/y"))
		require.NoError(t, err)
	}
}

func TestEndpointThatFailsStartsAgain(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/y", Resource{Inline: true, Get: text("y")})
	_, err := cli.Get(t.Context(), srv.URI("/y"))
	require.NoError(t, err)
	for _, n := range []*Node{srv, cli} {
		n.shard.post(n.shard.endpoint, cancelCall{}) // a nil call
		_, err = cli.Get(t.Context(), srv.URI("/y"))
		require.NoError(t, err)
	}
}

func TestInlineHandlerMayNotBlock(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/i", Resource{Inline: true, Get: func(ctx context.Context, r *Request) (*Response, error) {
		if _, err := r.Node().Get(ctx, "coap://127.0.0.1:1/"); !errors.Is(err, ErrInline) {
			return nil, Errorf(codec.BadRequest, "%v", err)
		}
		if err := Sleep(ctx, time.Hour); !errors.Is(err, ErrInline) {
			return nil, Errorf(codec.BadRequest, "%v", err)
		}
		return Text("refused")
	}})
	_, err := cli.Get(t.Context(), srv.URI("/i"))
	require.NoError(t, err)
}

func TestHandlerMayAskOthersAndItsOwnNode(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/leaf", Resource{Inline: true, Get: text("leaf")})
	handle(t, srv, "/via", Resource{Get: func(ctx context.Context, r *Request) (*Response, error) {
		return r.Node().Get(ctx, r.Node().URI("/leaf"))
	}})
	res, err := cli.Get(t.Context(), srv.URI("/via"))
	require.NoError(t, err)
	require.Equal(t, "leaf", string(res.Payload))
}

func TestSlowHandlerIsAnsweredSeparately(t *testing.T) {
	srv := startNode(t, Config{SeparateAfter: time.Millisecond})
	cli := startNode(t, Config{})
	acked := make(chan struct{})
	handle(t, srv, "/slow", Resource{Get: func(context.Context, *Request) (*Response, error) { <-acked; return Text("done") }})
	handle(t, srv, "/separate", Resource{Separate: true, Get: text("sep")})
	got := make(chan *Response, 1)
	cli.Go(Request{URI: srv.URI("/slow")}, func(r *Response, err error) { got <- r })
	// The empty ACK is the only thing that the server has sent.
	require.Eventually(t, func() bool { return srv.Stats().Sent > 0 }, patience, time.Millisecond)
	close(acked)
	res := <-got
	require.True(t, res.Separate)
	require.Equal(t, "done", string(res.Payload))
	res, err := cli.Get(t.Context(), srv.URI("/separate"))
	require.NoError(t, err)
	require.True(t, res.Separate)
}

func TestConcurrencyAndBacklogAreBounded(t *testing.T) {
	srv := startNode(t, Config{SeparateAfter: time.Hour})
	cli := startNode(t, Config{Params: protocol.Params{NStart: 100, AckTimeout: time.Hour}})
	release := make(chan struct{})
	var running, most atomic.Int32
	handle(t, srv, "/one", Resource{Concurrency: 1, Backlog: 2, Get: func(context.Context, *Request) (*Response, error) {
		now := running.Add(1)
		most.Store(max(most.Load(), now))
		<-release
		running.Add(-1)
		return Text("ok")
	}})
	results := make(chan error, 5)
	for range 5 {
		cli.Go(Request{URI: srv.URI("/one")}, func(_ *Response, err error) { results <- err })
	}
	requireCode(t, <-results, codec.ServiceUnavailable)
	requireCode(t, <-results, codec.ServiceUnavailable)
	close(release)
	for range 3 {
		require.NoError(t, <-results)
	}
	require.Equal(t, int32(1), most.Load())
	require.Equal(t, uint64(2), srv.Stats().Shed)
}

func TestRequestsBeyondTheLimitsAreShed(t *testing.T) {
	cli := startNode(t, Config{Params: protocol.Params{NStart: 100, AckTimeout: time.Hour}})
	for _, limits := range []Limits{{PerPeer: 2}, {Exchanges: 2}} {
		srv := startNode(t, Config{SeparateAfter: time.Hour, Limits: limits})
		release := make(chan struct{})
		handle(t, srv, "/x", Resource{Get: func(context.Context, *Request) (*Response, error) { <-release; return nil, nil }})
		results := make(chan error, 4)
		for range 4 {
			cli.Go(Request{URI: srv.URI("/x")}, func(_ *Response, err error) { results <- err })
		}
		for range 2 {
			requireCode(t, <-results, codec.ServiceUnavailable)
		}
		close(release)
		for range 2 {
			require.NoError(t, <-results)
		}
		require.Equal(t, uint64(2), srv.Stats().Shed)
	}
}

func TestCoreListsAndFilters(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/temp", Resource{Get: nothing, Observable: true, Attributes: []codec.Attr{{Name: "rt", Value: "temperature sensor"}, {Name: "ct", Value: "50"}}})
	handle(t, srv, "/hum", Resource{Get: nothing, Attributes: []codec.Attr{{Name: "rt", Value: "humidity"}}})
	handle(t, srv, "/secret", Resource{Get: nothing, Hidden: true})
	handle(t, srv, "/rooms/{room}", Resource{Get: nothing})
	gone := handle(t, srv, "/gone", Resource{Get: nothing})
	for query, want := range map[string]string{
		"":           `</temp>;rt="temperature sensor";ct=50;obs,</hum>;rt="humidity",</gone>`,
		"?rt=sensor": `</temp>;rt="temperature sensor";ct=50;obs`,
		"?rt=hum*":   `</hum>;rt="humidity"`,
		"?href=/t*":  `</temp>;rt="temperature sensor";ct=50;obs`,
		"?rt=none":   ``,
	} {
		res, err := cli.Get(t.Context(), srv.URI("/.well-known/core"+query))
		require.NoError(t, err)
		require.Equal(t, want, string(res.Payload), query)
		f, _ := res.ContentFormat()
		require.Equal(t, codec.LinkFormat, f)
	}
	uri := srv.URI("/.well-known/core?rt=hum*")
	for range 7 {
		uri += "&rt=hum*"
	}
	res, err := cli.Get(t.Context(), uri)
	require.NoError(t, err)
	require.Equal(t, `</hum>;rt="humidity"`, string(res.Payload))
	_, err = cli.Get(t.Context(), uri+"&rt=hum*")
	requireCode(t, err, codec.BadRequest)
	gone.Remove()
	_, err = cli.Get(t.Context(), srv.URI("/gone"))
	requireCode(t, err, codec.NotFound)
	_, err = cli.Get(t.Context(), srv.URI("/.well-known/core"), codec.Accept(codec.JSON))
	requireCode(t, err, codec.NotAcceptable)
	_, err = srv.Handle("/.well-known/core", Resource{Get: nothing})
	require.ErrorContains(t, err, "registered already")
}

// ours counts the goroutines that run this module's code.
func ours() int {
	var sb strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&sb, 2)
	n := 0
	for g := range strings.SplitSeq(sb.String(), "\n\n") {
		if strings.Contains(g, "coap2/actors.systemRunner") || strings.Contains(g, "coap2/netio/udp.") {
			n++
		}
	}
	return n
}

func TestStopFinishesWhatIsOpenAndLeaksNothing(t *testing.T) {
	before := ours()
	quiet := slog.New(slog.DiscardHandler)
	srv, err := Start(Config{Listen: []string{"127.0.0.1:0"}, SeparateAfter: time.Hour, Log: quiet})
	require.NoError(t, err)
	cli := startNode(t, Config{})
	begun, release := make(chan struct{}), make(chan struct{})
	handle(t, srv, "/slow", Resource{Get: func(context.Context, *Request) (*Response, error) {
		close(begun)
		<-release
		return Text("finished")
	}})
	open, outcome := make(chan error, 1), make(chan string, 1)
	cli.Go(Request{URI: srv.URI("/slow")}, func(r *Response, err error) {
		if err == nil {
			outcome <- string(r.Payload)
		}
		open <- err
	})
	<-begun
	silent := startNode(t, Config{})
	handle(t, silent, "/never", Resource{Get: func(ctx context.Context, _ *Request) (*Response, error) { <-ctx.Done(); return nil, ctx.Err() }})
	own := make(chan error, 1)
	srv.Go(Request{URI: silent.URI("/never")}, func(_ *Response, err error) { own <- err })
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Stop(t.Context()) }()
	require.Eventually(t, func() bool {
		_, err := cli.Do(t.Context(), Request{URI: srv.URI("/slow"), Params: protocol.Params{NStart: 9}})
		var ce *CodeError
		return errors.As(err, &ce) && ce.Code == codec.ServiceUnavailable
	}, patience, time.Millisecond, "new requests are refused")
	close(release)
	require.NoError(t, <-open)
	require.Equal(t, "finished", <-outcome)
	require.ErrorIs(t, <-own, ErrStopped)
	require.NoError(t, <-stopped)
	require.NoError(t, srv.Stop(t.Context()), "a second Stop is fine")
	_, err = srv.Get(t.Context(), cli.URI("/"))
	require.ErrorIs(t, err, ErrStopped)
	_, err = srv.Handle("/late", Resource{Get: nothing})
	require.ErrorIs(t, err, ErrStopped)

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	asked := make(chan error, 1)
	cli.Go(Request{URI: silent.URI("/never")}, func(_ *Response, err error) { asked <- err })
	require.Eventually(t, func() bool { return silent.Stats().Exchanges > 1 }, patience, time.Millisecond)
	require.ErrorIs(t, silent.Stop(ctx), context.DeadlineExceeded, "cut off")
	require.NoError(t, cli.Stop(t.Context()))
	require.ErrorIs(t, <-asked, ErrStopped)
	require.Eventually(t, func() bool { runtime.Gosched(); return ours() <= before }, patience, time.Millisecond, "no goroutine is left")
}

func TestSetupComesBeforeTheFirstRequest(t *testing.T) {
	srv := startNode(t, Config{Setup: func(n *Node) error {
		_, err := n.Handle("/there", Resource{Get: text("already")})
		if err != nil {
			return err
		}
		gone, err := n.Handle("/gone", Resource{Get: nothing})
		if err == nil {
			gone.Remove()
		}
		return err
	}})
	cli := startNode(t, Config{})
	_, err := cli.Get(t.Context(), srv.URI("/there"))
	require.NoError(t, err)
	_, err = cli.Get(t.Context(), srv.URI("/gone"))
	requireCode(t, err, codec.NotFound)
	_, err = Start(Config{Setup: func(n *Node) error {
		_, err := n.Get(context.Background(), "coap://127.0.0.1/")
		return errors.Join(err, n.Stop(context.Background()))
	}})
	require.ErrorContains(t, err, "actors: GET coap://127.0.0.1/: the node has not started yet\nactors: Stop: the node has not started yet")
}
