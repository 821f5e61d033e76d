package actors

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// patience is how long what must happen is waited for: machines stand still for
// many seconds now and then.
const patience = 2 * time.Minute

// eventually waits for what another goroutine does.
func eventually(t testing.TB, what func() bool, msg string) {
	t.Helper()
	require.Eventually(t, what, patience, time.Millisecond, msg)
}

func payloadNumber(t testing.TB, n *Notification) int {
	v, err := strconv.Atoi(string(n.Payload))
	require.NoError(t, err)
	return v
}

// numbered is a resource whose state is a number.
type numbered struct {
	v     atomic.Int64
	route *Route
}

func (x *numbered) get(context.Context, *Request) (*Response, error) {
	return Text(strconv.FormatInt(x.v.Load(), 10))
}

func (x *numbered) set(t testing.TB, v int) {
	x.v.Store(int64(v))
	require.NoError(t, x.route.Publish(strconv.Itoa(v)))
}

// unpaced: the round trips of a busy machine are longer than a test wants to
// wait.
var unpaced = ObserveConfig{NONInterval: -1}

func serveNumber(t testing.TB, srv *Node, path string, res Resource) *numbered {
	x := &numbered{}
	res.Observable, res.Get = true, x.get
	x.route = handle(t, srv, path, res)
	return x
}

func TestSubscribe(t *testing.T) {
	srv, cli := startNode(t, Config{Observe: unpaced}), startNode(t, Config{})
	for i, res := range []Resource{{}, {Inline: true}, {Confirmable: true}, {Separate: true}} {
		path := "/x" + strconv.Itoa(i)
		x := serveNumber(t, srv, path, res)
		got := []int{}
		for n, err := range cli.Subscribe(t.Context(), srv.URI(path), "") {
			require.NoError(t, err)
			require.Equal(t, codec.Content, n.Code)
			require.Equal(t, srv.Addrs()[0], n.Peer.Addr)
			got = append(got, payloadNumber(t, n))
			if len(got) == 20 {
				break
			}
			x.set(t, len(got))
		}
		require.Len(t, got, 20)
		for i, v := range got {
			require.Equal(t, i, v)
		}
		eventually(t, func() bool { return srv.Stats().Observe.Observers == 0 }, "the end of the loop ends the observation")
	}
	require.Zero(t, cli.Stats().Observe.Observations)
	require.Equal(t, uint64(4), cli.Stats().Observe.Registrations)
}

// TestSubscribeEnds: the ways in which an observation ends.
func TestSubscribeEnds(t *testing.T) {
	srv := startNode(t, Config{})
	x := serveNumber(t, srv, "/x", Resource{})
	subscribe := func(ctx context.Context, cli *Node, first func()) (err error) {
		n := 0
		for _, err = range cli.Subscribe(ctx, srv.URI("/x"), "") {
			if n++; n == 1 {
				require.NoError(t, err)
				first()
			}
		}
		return err
	}
	cli := startNode(t, Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	require.ErrorIs(t, subscribe(ctx, cli, func() { cancel(enough) }), enough)
	eventually(t, func() bool { return srv.Stats().Observe.Observers == 0 }, "the context's end deregisters")

	// The node's end does, too.
	leaving := startNode(t, Config{})
	require.ErrorIs(t, subscribe(t.Context(), leaving, func() {
		go func() { _ = leaving.Stop(context.Background()) }()
	}), ErrStopped)
	eventually(t, func() bool { return srv.Stats().Observe.Observers == 0 }, "a node that stops says farewell")
	for _, err := range leaving.Subscribe(t.Context(), srv.URI("/x"), "") {
		require.ErrorIs(t, err, ErrStopped)
	}

	var ce *CodeError
	require.ErrorAs(t, subscribe(t.Context(), cli, func() { require.NoError(t, x.route.Publish(Errorf(codec.Forbidden, "over"))) }), &ce)
	require.Equal(t, codec.Forbidden, ce.Code)
	require.Equal(t, "over", ce.Diagnostic)
	require.ErrorAs(t, subscribe(t.Context(), cli, x.route.Remove), &ce)
	require.Equal(t, codec.NotFound, ce.Code)
	eventually(t, func() bool { return srv.Stats().Observe.Observers == 0 }, "all have acknowledged")
}

func TestSubscribeFromAnInlineHandler(t *testing.T) {
	srv := startNode(t, Config{})
	got := make(chan error, 2)
	handle(t, srv, "/x", Resource{Inline: true, Get: func(ctx context.Context, r *Request) (*Response, error) {
		for _, err := range r.Node().Subscribe(ctx, "coap://127.0.0.1/x", "") {
			got <- err
		}
		return nil, nil
	}})
	_, err := startNode(t, Config{}).Get(t.Context(), srv.URI("/x"))
	require.NoError(t, err)
	require.ErrorIs(t, <-got, ErrInline)
	require.Empty(t, got)
}

// TestSubscribeSlowly: a loop that is slower than the states come loses the
// oldest, and is told how many.
func TestSubscribeSlowly(t *testing.T) {
	q := &inbox{env: SystemEnv()}
	const more = 10
	for i := range missable + more {
		q.put(&Notification{Sequence: uint32(i)}, nil)
	}
	q.put(&Notification{Sequence: 999}, ErrNotObservable)
	for i := range missable {
		n, err, ok := q.take()
		require.True(t, ok)
		require.NoError(t, err)
		require.Equal(t, uint32(more+i), n.Sequence)
		require.Equal(t, map[bool]int{true: more}[i == 0], n.Missed)
	}
	n, err, ok := q.take()
	require.True(t, ok)
	require.ErrorIs(t, err, ErrNotObservable)
	require.Equal(t, uint32(999), n.Sequence)
}

// TestPublishFromEverywhere: what many publish at once comes to all, and the
// last state is the last that everybody is told, on one shard and on several.
func TestPublishFromEverywhere(t *testing.T) {
	for _, shards := range []int{1, 4} {
		for _, queue := range []int{0, 1000} {
			t.Run(fmt.Sprintf("%d shards, queue %d", shards, queue), func(t *testing.T) {
				publishFromEverywhere(t, shards, queue)
			})
		}
	}
}

func publishFromEverywhere(t *testing.T, shards, queue int) {
	srv := startSharded(t, shards, Config{Observe: unpaced})
	var mu sync.Mutex
	state := 0
	route := handle(t, srv, "/x", Resource{Observable: true, Confirmable: queue > 0, Queue: queue, Get: func(context.Context, *Request) (*Response, error) {
		mu.Lock()
		defer mu.Unlock()
		return Text(strconv.Itoa(state))
	}})
	const publishers, states, watchers = 4, 25, 3
	var ready, done sync.WaitGroup
	for range watchers {
		cli := startNode(t, Config{})
		ready.Add(1)
		done.Go(func() {
			last, count := -1, 0
			for n, err := range cli.Subscribe(t.Context(), srv.URI("/x"), "") {
				if err != nil {
					t.Errorf("%v", err)
					return
				}
				if count++; count == 1 {
					ready.Done()
				}
				v, err := strconv.Atoi(string(n.Payload))
				if err != nil || v <= last {
					t.Errorf("%q after %d", n.Payload, last)
					return
				}
				if queue > 0 && last >= 0 && v != last+1 {
					t.Errorf("%d after %d, though there is a queue", v, last)
				}
				if last = v; v == publishers*states {
					return
				}
			}
		})
	}
	ready.Wait()
	for range publishers {
		done.Go(func() {
			for range states {
				mu.Lock()
				state++
				if err := route.Publish(strconv.Itoa(state)); err != nil {
					t.Errorf("%v", err)
				}
				mu.Unlock()
			}
		})
	}
	done.Wait()
}

// startSharded starts a node with shards where the system has them.
func startSharded(t testing.TB, shards int, cfg Config) *Node {
	if cfg.Shards = shards; shards > 1 {
		cfg.Listen = []string{"127.0.0.1:0"}
		if n, err := Start(cfg); err != nil {
			t.Skip(err)
		} else {
			require.NoError(t, n.Stop(context.Background()))
		}
	}
	return startNode(t, cfg)
}

// TestStateThatChangesWhileItIsAsked: who registers while the state changes is
// told the new one, whichever came first.
func TestStateThatChangesWhileItIsAsked(t *testing.T) {
	srv, cli := startNode(t, Config{}), startNode(t, Config{})
	var state atomic.Int64
	var route atomic.Pointer[Route]
	route.Store(handle(t, srv, "/x", Resource{Observable: true, Get: func(context.Context, *Request) (*Response, error) {
		res, err := Text(strconv.FormatInt(state.Load(), 10))
		if state.CompareAndSwap(0, 1) {
			err = errors.Join(err, route.Load().Publish("1"))
		}
		return res, err
	}}))
	got := ""
	for n, err := range cli.Subscribe(t.Context(), srv.URI("/x"), "") {
		require.NoError(t, err)
		if got += string(n.Payload); n.Payload[0] == '1' {
			break
		}
	}
	require.Equal(t, "01", got)
}

// TestObserversOutliveTheirResource: a resource that starts again after a panic
// has its observers; one that has failed for good takes leave of them.
func TestObserversOutliveTheirResource(t *testing.T) {
	srv, cli := startNode(t, Config{}), startNode(t, Config{})
	restarted := make(chan any, 8)
	x := serveNumber(t, srv, "/x", Resource{
		Put:       func(context.Context, *Request) (*Response, error) { panic("as planned") },
		OnRestart: func(reason any) { restarted <- reason },
	})
	put := func() {
		_, err := cli.Put(t.Context(), srv.URI("/x"), codec.TextPlain, nil)
		require.Error(t, err)
	}
	seen := 0
	for _, err := range cli.Subscribe(t.Context(), srv.URI("/x"), "") {
		require.NoError(t, err)
		if seen++; seen == 1 {
			put()
			<-restarted
			x.set(t, 1)
			continue
		}
		for !x.route.Failed() {
			put()
		}
		eventually(t, func() bool { return srv.Stats().Observe.Observers == 0 }, "the observers of what has failed")
		break // the client goes on: 5.03 asks it to come again later
	}
	require.Equal(t, 2, seen)
}

// TestChangedTakesItsTurn: the handler is asked for observers like for others:
// one after the other where the resource wants that, and later where there is
// no room.
func TestChangedTakesItsTurn(t *testing.T) {
	srv, cli := startNode(t, Config{}), startNode(t, Config{})
	var state, inside atomic.Int64
	hold := make(chan struct{})
	route := handle(t, srv, "/x", Resource{
		Observable: true, Concurrency: 1, Backlog: -1,
		Get: func(context.Context, *Request) (*Response, error) {
			defer inside.Add(-1)
			if inside.Add(1) > 1 {
				t.Error("two handlers at once")
			}
			return Text(strconv.FormatInt(state.Load(), 10))
		},
		Post: func(context.Context, *Request) (*Response, error) {
			defer inside.Add(-1)
			if inside.Add(1) > 1 {
				t.Error("two handlers at once")
			}
			<-hold
			return nil, nil
		},
	})
	posted := make(chan error, 1)
	n := 0
	for note, err := range cli.Subscribe(t.Context(), srv.URI("/x"), "") {
		require.NoError(t, err)
		if n++; n == 2 {
			require.Equal(t, 7, payloadNumber(t, note))
			break
		}
		go func() {
			_, err := cli.Post(context.Background(), srv.URI("/x"), codec.TextPlain, nil)
			posted <- err
		}()
		eventually(t, func() bool { return inside.Load() == 1 }, "the handler of POST")
		state.Store(7)
		require.NoError(t, route.Changed()) // there is no room for its handler now
		close(hold)
	}
	require.NoError(t, <-posted)
}

// TestObserveByName: the address of a name is looked up again when the server
// cannot be reached there any more.
func TestObserveByName(t *testing.T) {
	srv := startNode(t, Config{})
	x := serveNumber(t, srv, "/x", Resource{})
	cli := startNode(t, Config{})
	uri := "coap://localhost:" + strconv.Itoa(int(srv.Addrs()[0].Port())) + "/x"
	n := 0
	for note, err := range cli.Subscribe(t.Context(), uri, "") {
		require.NoError(t, err)
		require.Equal(t, n, payloadNumber(t, note))
		if n++; n == 3 {
			break
		}
		x.set(t, n)
	}
}

// TestObserveByCallback: cancelling, renewing, panics of the callback.
func TestObserveByCallback(t *testing.T) {
	srv := startNode(t, Config{})
	x := serveNumber(t, srv, "/x", Resource{})
	cli := startNode(t, Config{Observe: ObserveConfig{Registration: protocol.RegistrationConfig{MinBackOff: time.Hour}}})
	type told struct {
		n   *Notification
		err error
	}
	ch := make(chan told, 16)
	o := cli.Observe(Request{URI: srv.URI("/x")}, func(n *Notification, err error) {
		ch <- told{n, err}
		if n != nil && payloadNumber(t, n) == 5 {
			panic("the application's")
		}
	})
	require.Equal(t, "0", string((<-ch).n.Payload))
	x.set(t, 5)
	require.Equal(t, "5", string((<-ch).n.Payload))
	x.set(t, 6)
	require.Equal(t, "6", string((<-ch).n.Payload))
	require.Equal(t, uint64(1), cli.Stats().Panics)
	o.Renew()
	again := <-ch
	require.True(t, again.n.Renewal)
	require.Equal(t, "6", string(again.n.Payload))
	o.Cancel()
	o.Cancel()
	require.ErrorIs(t, (<-ch).err, ErrCanceled)
	o.Renew()
	eventually(t, func() bool { return srv.Stats().Observe.Observers == 0 }, "deregistered")
	require.Empty(t, ch)

	// Cancelled before the first answer.
	silent := startNode(t, Config{})
	wait := make(chan struct{})
	handle(t, silent, "/x", Resource{Observable: true, Get: func(context.Context, *Request) (*Response, error) {
		<-wait
		return Text("x")
	}})
	o = cli.Observe(Request{URI: silent.URI("/x")}, func(n *Notification, err error) { ch <- told{n, err} })
	eventually(t, func() bool { return silent.Stats().Requests == 1 }, "the request")
	o.Cancel()
	require.ErrorIs(t, (<-ch).err, ErrCanceled)
	close(wait)
	eventually(t, func() bool { return silent.Stats().Requests == 2 && silent.Stats().Observe.Observers == 0 }, "the server is told all the same")
}

// TestObserveInSetup: a node that has not started observes nothing.
func TestObserveInSetup(t *testing.T) {
	var got error
	startNode(t, Config{Setup: func(n *Node) error {
		n.Observe(Request{URI: "coap://127.0.0.1/x"}, func(_ *Notification, err error) { got = err }).Cancel()
		return nil
	}})
	require.ErrorContains(t, got, "has not started")
}
