package actors

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// ofShard returns the first strangers, count of them, that belong to a shard of n.
func ofShard(k, n, count int) (ids []int) {
	for i := 1; len(ids) < count; i++ {
		if netio.ShardOf(netio.Peer{Addr: stranger(i)}, n) == k {
			ids = append(ids, i)
		}
	}
	return ids
}

// held is a handler that waits until the test lets one return, and tells who is
// being served.
type held struct {
	let    chan struct{}
	began  chan int
	within int // handlers: the race detector says whether two ever run at the same time
	most   int
}

func newHeld() *held { return &held{let: make(chan struct{}), began: make(chan int, 64)} }

func (h *held) handler(_ context.Context, r *Request) (*Response, error) {
	h.within++
	h.most = max(h.most, h.within)
	h.began <- int(r.Peer.Addr.Addr().As4()[3])
	<-h.let
	h.within--
	return Text("served")
}

// A resource that is served one after the other is so on all shards together,
// in the order in which the requests came, and its backlog is one.
func TestSerialResourceOnShards(t *testing.T) {
	s := newStrangers(t, Config{Shards: 3, SeparateAfter: time.Hour})
	h := newHeld()
	handle(t, s.n, "/x", Resource{Get: h.handler, Concurrency: 1, Backlog: 12})
	var ids []int
	for i := range 5 {
		for k := range 3 {
			ids = append(ids, ofShard(k, 3, 5)[i])
		}
	}
	for _, id := range ids { // one by one, so that it is known which came first
		s.end.recv.Datagrams([]netio.Datagram{s.datagram(id, codec.CON, codec.GET, 1, "x")})
		s.carry()
	}
	require.ElementsMatch(t, []string{fmt.Sprintf("%d ACK 5.03", ids[13]), fmt.Sprintf("%d ACK 5.03", ids[14])}, s.got,
		"one is served and twelve wait, wherever they are")
	s.got = nil
	for i := range 13 {
		require.Equal(t, ids[i], <-h.began)
		h.let <- struct{}{}
	}
	s.until(func() bool { return s.runner.running.Load() == 0 })
	require.Equal(t, 1, h.most)
	var want []string
	for _, id := range ids[:13] {
		want = append(want, fmt.Sprintf("%d ACK 2.05", id))
	}
	require.ElementsMatch(t, want, s.got, "each shard sends in its own time")
	st := requireAccounts(t, s.n)
	require.EqualValues(t, 13, st.Requests)
	require.EqualValues(t, 2, st.Shed)
	for _, sh := range s.n.shards {
		require.Positive(t, sh.stats.requests.Load(), "each shard had some")
	}
}

// What waits for a turn and is given up, or whose resource is removed, does not
// keep others from theirs.
func TestTurnsThatNobodyTakes(t *testing.T) {
	s := newStrangers(t, Config{Shards: 2, Params: protocol.Params{MaxLatency: time.Second, ProcessingDelay: time.Second}})
	h := newHeld()
	route := handle(t, s.n, "/x", Resource{Get: h.handler, Concurrency: 1})
	a, b := ofShard(0, 2, 3), ofShard(1, 2, 3)
	for _, id := range []int{a[0], b[0], a[1], b[1]} {
		s.end.recv.Datagrams([]netio.Datagram{s.datagram(id, codec.NON, codec.GET, 1, "x")})
		s.carry()
	}
	s.pass(s.n.nonLifetime+time.Second, time.Second) // all four are given up
	for _, id := range []int{a[2], b[2]} {
		s.end.recv.Datagrams([]netio.Datagram{s.datagram(id, codec.NON, codec.GET, 1, "x")})
		s.carry()
	}
	s.got = nil
	require.Equal(t, a[0], <-h.began)
	h.let <- struct{}{}
	require.Equal(t, a[2], <-h.began)
	h.let <- struct{}{}
	require.Equal(t, b[2], <-h.began)
	s.until(func() bool { return len(s.got) > 0 })
	require.Equal(t, []string{fmt.Sprintf("%d NON 2.05", a[2])}, s.got)

	s.end.recv.Datagrams([]netio.Datagram{s.datagram(a[0], codec.CON, codec.GET, 2, "x")})
	s.end.recv.Datagrams([]netio.Datagram{s.datagram(b[0], codec.CON, codec.GET, 2, "x")})
	s.carry()
	route.Remove()
	s.got = nil
	s.carry()
	require.ElementsMatch(t, []string{fmt.Sprintf("%d ACK 4.04", a[0]), fmt.Sprintf("%d ACK 4.04", b[0])}, s.got, "what waited")
	h.let <- struct{}{}
	s.until(func() bool { return s.runner.running.Load() == 0 })
	require.Zero(t, route.gate().running)
	require.Empty(t, route.gate().waiting)
	requireAccounts(t, s.n)
}

// The failures of a resource count for the whole node, wherever they happen.
func TestResourceThatFailsOnShards(t *testing.T) {
	s := newStrangers(t, Config{Shards: 2})
	again := 0
	route := handle(t, s.n, "/x", Resource{Inline: true, OnRestart: func(any) { again++ },
		Get: func(context.Context, *Request) (*Response, error) { panic("no") }})
	a, b := ofShard(0, 2, 3), ofShard(1, 2, 3)
	for i, id := range []int{a[0], b[0], a[1], b[1]} {
		require.False(t, route.Failed())
		require.Equal(t, []string{fmt.Sprintf("%d ACK 5.00", id)}, s.send(s.datagram(id, codec.CON, codec.GET, 1, "x")), i)
	}
	require.True(t, route.Failed())
	require.Equal(t, 3, again)
	for _, id := range []int{a[2], b[2]} {
		require.Equal(t, []string{fmt.Sprintf("%d ACK 5.03", id)}, s.send(s.datagram(id, codec.CON, codec.GET, 1, "x")))
	}
	require.EqualValues(t, 4, s.n.Stats().Panics)
}

// A batch of any mixture is taken apart, and every peer is remembered at its
// shard only: duplicates are recognised, and each has its part of the bounds.
func TestMixedBatches(t *testing.T) {
	s := newStrangers(t, Config{Shards: 4, Limits: Limits{Peers: 48}})
	served := make([]int, 64)
	handle(t, s.n, "/x", Resource{Inline: true, Post: func(_ context.Context, r *Request) (*Response, error) {
		served[r.Peer.Addr.Addr().As4()[3]]++ // of one shard each
		return Text("x")
	}})
	var ids []int
	for k := range 4 {
		ids = append(ids, ofShard(k, 4, 5)...)
	}
	slices.Sort(ids)
	var ds []netio.Datagram
	for _, id := range ids {
		ds = append(ds, s.datagram(id, codec.CON, codec.POST, 7, "x"))
	}
	require.Len(t, s.send(ds...), 20)
	require.Len(t, s.send(ds...), 20)
	for _, id := range ids {
		require.Equal(t, 1, served[id], id)
	}
	st := requireAccounts(t, s.n)
	require.EqualValues(t, 40, st.Received)
	require.EqualValues(t, 20, st.Duplicates)
	require.Equal(t, 20, st.Peers)
	for k, sh := range s.n.shards {
		require.EqualValues(t, 10, sh.stats.received.Load())
		require.Equal(t, 12, sh.limits.Peers)
		for _, id := range ids {
			p := netio.Peer{Addr: stranger(id)}
			require.Equal(t, netio.ShardOf(p, 4) == k, sh.peers.Find(p) != nil)
		}
	}
}

// A call whose host's addresses belong to different shards goes from one to the
// other, with the time that it has, and can be cancelled wherever it is.
func TestCallMovesToTheShardOfItsPeer(t *testing.T) {
	a, b := ofShard(0, 2, 2), ofShard(1, 2, 2)
	hosts := map[string][]netip.Addr{}
	w := newWires(t, 1)
	w.env.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) { return hosts[host], nil }
	n, end := w.node(Config{Shards: 2})
	sent := 0
	w.stray = func(*wire, *netio.Datagram) { sent++ }
	hosts["far"] = []netip.Addr{stranger(b[0]).Addr()}
	hosts["both"] = []netip.Addr{stranger(a[0]).Addr(), stranger(b[0]).Addr(), stranger(a[1]).Addr()}
	for _, host := range []string{"far", "both"} {
		for _, how := range []string{"timeout", "cancel", "answer"} {
			sent = 0
			done := make(chan error, 1)
			call := n.Go(Request{URI: "coap://" + host + "/", Timeout: 50 * time.Second, NonConfirmable: true}, func(_ *Response, err error) { done <- err })
			w.until(func() bool { return sent > 0 })
			at := call.peer
			for range len(hosts[host]) - 1 { // it is unreachable at all but the last
				n.shardOf(call.peer).receive([]netio.Datagram{{Peer: call.peer, Data: slices.Clone(call.data), Err: errors.New("gone")}})
				w.carry()
				require.NotEqual(t, at, call.peer)
				at = call.peer
			}
			require.Equal(t, len(hosts[host]), sent)
			require.Same(t, n.shardOf(at), call.sh.Load())
			require.NotNil(t, call.sh.Load().slotByToken(tokenKey{call.pe.ID, call.token}))
			switch how {
			case "timeout":
				w.pass(49*time.Second, time.Second)
				require.Empty(t, done)
				w.pass(time.Second, time.Second)
				require.ErrorIs(t, <-done, ErrTimeout)
			case "cancel":
				call.Cancel()
				w.carry()
				require.ErrorIs(t, <-done, ErrCanceled)
			case "answer":
				m := codec.Message{Type: codec.NON, Code: codec.Content, MessageID: uint16(sent), Token: call.token}
				data, err := m.Append(nil)
				require.NoError(t, err)
				end.recv.Datagrams([]netio.Datagram{{Data: data, Peer: at, Local: end.addr}})
				w.carry()
				require.NoError(t, <-done)
			}
			w.pass(5*time.Minute, 10*time.Second) // PROBING_RATE
		}
	}
	// What is said to it where it was follows it.
	call := n.Go(Request{URI: "coap://far/", NonConfirmable: true}, nil)
	w.until(func() bool { return call.sh.Load() != n.shard })
	n.shard.post(n.shard.endpoint, cancelCall{call, ErrCanceled})
	w.carry()
	onShard(n.shards[1], func() { require.True(t, call.ended) })
	w.pass(5*time.Minute, 10*time.Second)
	require.Zero(t, n.Stats().Exchanges)
	for _, sh := range n.shards {
		onShard(sh, func() {
			for _, s := range sh.slots {
				require.False(t, s.tokened)
			}
		})
	}
}

// A gate is a counter and a queue.
func TestGate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		concurrency, backlog := rapid.IntRange(1, 4).Draw(t, "concurrency"), rapid.IntRange(0, 5).Draw(t, "backlog")
		var g gate
		sites := make([]site, 3)
		running := 0             // handlers
		waiting := []int{}       // sites
		turns := make([]int, 3)  // on their way
		take := func(x ticket) { // a turn is sent
			k := waiting[0] // who has waited longest
			require.Same(t, &sites[k], x.site)
			waiting = waiting[1:]
			turns[k]++
		}
		sum := func() (s int) { return turns[0] + turns[1] + turns[2] }
		leave := func() {
			before := len(waiting)
			next, ok := g.leave()
			require.Equal(t, before > 0, ok)
			if ok {
				take(next)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				k := rapid.IntRange(0, 2).Draw(t, "site")
				want := gateRefuse
				switch {
				case running+sum() < concurrency:
					want = gateRun
					running++
				case len(waiting) < backlog:
					want = gateWait
					waiting = append(waiting, k)
				}
				require.Equal(t, want, g.enter(ticket{site: &sites[k]}, concurrency, backlog))
			},
			"return": func(t *rapid.T) {
				if running == 0 {
					t.Skip()
				}
				running--
				leave()
			},
			"accept": func(t *rapid.T) {
				k := rapid.IntRange(0, 2).Draw(t, "site")
				require.Equal(t, turns[k] > 0, g.accept(&sites[k]))
				if turns[k] > 0 {
					turns[k]--
					running++
				}
			},
			"withdraw": func(t *rapid.T) {
				k := rapid.IntRange(0, 2).Draw(t, "site")
				back := turns[k]
				turns[k] = 0
				waiting = slices.DeleteFunc(waiting, func(x int) bool { return x == k })
				next := g.withdraw(&sites[k])
				require.Len(t, next, min(back, len(waiting)))
				for _, x := range next {
					take(x)
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, running+sum(), g.running)
				require.Len(t, g.waiting, len(waiting))
				require.LessOrEqual(t, g.running, concurrency)
			},
		})
	})
}
