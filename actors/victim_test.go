package actors

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

// victim is a node with resources of every kind, which remembers what must not
// happen twice.
type victim struct {
	t        testing.TB
	n        *Node
	gate     chan struct{}  // closed when slow handlers may return
	from     netip.AddrPort // of the honest client: others replay what it sent
	panicked atomic.Uint64
	failing  []*Route

	mu      sync.Mutex
	honest  []uint8         // executions of POSTs of the honest, by their number
	hostile []netio.Instant // when those of the hostile were executed last
	twice   int             // POSTs that were executed more than once
}

// Payloads of POSTs begin with one of these, and the number follows.
const (
	hostileMark = "hostile "
	honestMark  = "honest  "
)

// mostHonest is more than the honest requests of any test.
const mostHonest = 4 << 20

func postNumber(payload []byte, mark string) (n uint64, ok bool) {
	rest, ok := strings.CutPrefix(string(payload), mark)
	if !ok || len(rest) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64([]byte(rest)), true
}

func newVictim(t testing.TB, n *Node, posts int) *victim {
	v := &victim{t: t, n: n, gate: make(chan struct{}), honest: make([]uint8, mostHonest), hostile: make([]netio.Instant, posts)}
	echo := func(_ context.Context, r *Request) (*Response, error) {
		return &Response{Payload: slices.Clone(r.Payload)}, nil
	}
	slow := func(ctx context.Context, r *Request) (*Response, error) {
		select {
		case <-v.gate:
		case <-ctx.Done():
		}
		return nil, nil
	}
	for pattern, r := range map[string]Resource{
		"/inline": {Inline: true, Get: text("inline"), Put: echo, Delete: nothing},
		"/echo":   {Inline: true, Put: echo, Post: echo, Fetch: echo, Patch: echo, IPatch: echo},
		"/go":     {Backlog: 1 << 20, Get: text("go"), Put: echo, Fetch: echo},
		"/count":  {Inline: true, Post: v.count},
		"/slow":   {Concurrency: 8, Backlog: 16, Get: slow, Put: slow, Post: slow},
		"/sep":    {Separate: true, Backlog: 1 << 20, Get: text("separate"), Post: echo},
		"/multi":  {Inline: true, Multicast: true, Get: text("multi"), Post: v.fail},
		"/error":  {Inline: true, Get: v.fail, Put: v.fail, Post: v.fail},
	} {
		handle(t, n, pattern, r)
	}
	v.renew()
	return v
}

func (v *victim) fail(context.Context, *Request) (*Response, error) { return nil, errors.New("no") }

func (v *victim) count(_ context.Context, r *Request) (*Response, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n, ok := postNumber(r.Payload, hostileMark); ok && n < uint64(len(v.hostile)) {
		// Of a machine that stood still, a copy may come when the node has the
		// right to execute it again: no sooner than after NON_LIFETIME.
		now, last := v.n.env.Clock.Now(), v.hostile[n]
		if last != 0 && now.Sub(last) < v.n.shard.params.NonLifetime()/2 {
			v.twice++
		}
		v.hostile[n] = now
	} else if n, ok := postNumber(r.Payload, honestMark); ok && n < uint64(len(v.honest)) && r.Peer.Addr == v.from {
		if v.honest[n]++; v.honest[n] == 2 {
			v.twice++
		}
	}
	return &Response{Payload: slices.Clone(r.Payload)}, nil
}

// renew puts new resources in place of those that panic, which stop working
// after a few times.
func (v *victim) renew() {
	for _, r := range v.failing {
		r.Remove()
	}
	explode := func(context.Context, *Request) (*Response, error) {
		v.panicked.Add(1)
		panic("this handler always does")
	}
	v.failing = []*Route{
		handle(v.t, v.n, "/panic", Resource{Inline: true, Get: explode, Post: explode}),
		handle(v.t, v.n, "/gopanic", Resource{Get: explode, Put: explode}),
	}
}

// requireAccounts checks that every datagram is accounted for, and returns the
// account. Nothing may be coming in at the moment.
func requireAccounts(t testing.TB, n *Node) (s Stats) {
	t.Helper()
	for _, sh := range n.shards { // what they have begun is counted
		onShard(sh, func() {})
	}
	s = n.Stats()
	sum := s.Requests + s.Blocks + s.Refused + s.Shed + s.Duplicates + s.Responses + s.Acknowledgements + s.Pings + s.Unreachable
	for why, count := range s.Dropped {
		if why != "overload" {
			sum += count
		}
	}
	require.Equal(t, s.Received, sum, "received, and what became of it: %+v", s)
	return s
}

// requireRest checks that nothing is under way, and returns how many peers are
// remembered for their duplicates.
func requireRest(t testing.TB, n *Node, peers func(yield func(netip.AddrPort) bool)) (keeping int) {
	t.Helper()
	var left []string
	for range 100 { // a timer may have been taken out and not yet have been heard
		if keeping, left = atRest(n, peers); len(left) == 0 {
			return keeping
		}
	}
	require.Empty(t, left, "what is left at rest: %+v", n.Stats())
	return keeping
}

func atRest(n *Node, peers func(yield func(netip.AddrPort) bool)) (keeping int, left []string) {
	note := func(what string, count int) {
		if count != 0 {
			left = append(left, fmt.Sprintf("%d %s", count, what))
		}
	}
	note("own calls", len(n.openCalls()))
	for _, r := range n.router.Load().routes {
		g := r.gate()
		g.mu.Lock()
		note("handlers of "+r.pattern, g.running)
		note("calls that wait for "+r.pattern, len(g.waiting))
		g.mu.Unlock()
	}
	for _, sh := range n.shards {
		onShard(sh, func() { keeping += sh.atRest(note, peers) })
	}
	return keeping, left
}

func (sh *shard) atRest(note func(what string, count int), peers func(yield func(netip.AddrPort) bool)) int {
	keeping := sh.keeping
	note("exchanges", len(sh.slots)-len(sh.free))
	note("exchanges counted", int(sh.stats.exchanges.Load()))
	note("requests being served", sh.serving)
	note("tokens", tokens(sh))
	note("message IDs", named(sh))
	note("separate responses", sh.unacked.n)
	note("answers to groups", sh.delayed)
	note("bytes of answers to groups", sh.delayedBytes)
	note("bytes of requests", sh.servingBytes)
	note("bytes of separate responses", sh.unacked.bytes)
	note("bytes of batches", int(sh.waiting.Load()))
	note("pins besides duplicates", sh.peers.Stats().Pinned-keeping)
	timers := sh.timers.Len() - keeping
	if sh.blockwise != nil && sh.blockwise.timer != 0 { // bodies are kept for as long
		timers--
	}
	note("timers besides duplicates", timers)
	for _, s := range sh.slots {
		if s.in != nil || s.call != nil || s.first != 0 || s.second != 0 || s.outstanding != nil || s.inList || s.named != nil {
			note("exchange that holds something", 1)
			if s.in != nil {
				note(fmt.Sprintf("%v %s from %v", s.in.req.Method, s.in.req.Path(), s.in.req.Peer), 1)
			}
		}
	}
	kept := 0
	for a := range peers {
		if pe := sh.peers.Find(netio.Peer{Addr: a}); pe != nil {
			if !pe.Value.window.Idle() {
				note("window with turns", 1)
			}
			note("requests of a peer", pe.Value.serving)
			if pe.Value.keepUntil != 0 {
				kept++
			}
		}
	}
	note("peers that are kept but not known", keeping-kept)
	return keeping
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what has finalizers goes with the second
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// inHand estimates the bytes of what a node has at the moment and may have, which
// depends on chance: the exchanges in its pool (one great burst, on a machine that
// stood still for a while, makes thousands) and what it keeps of messages.
func inHand(n *Node) (bytes uint64) {
	for _, sh := range n.shards {
		onShard(sh, func() {
			sh.batchMu.Lock()
			b := 2048*len(sh.slots) + sh.batchBytes + int(sh.waiting.Load()) + sh.servingBytes + sh.delayedBytes + sh.unacked.bytes
			sh.batchMu.Unlock()
			if sh.blockwise != nil {
				b += sh.blockwise.spool.Stats().Bytes + sh.blockwise.shelf.Stats().Bytes
			}
			bytes += uint64(b)
		})
	}
	return bytes
}

// requireFlat checks that the samples of the last third are not above those of
// the second, but for a margin: the least of them, and the median. (The greatest
// depends on what a single sample met: a table that has just grown for a burst,
// while the burst's requests were still there.)
func requireFlat(t testing.TB, what string, samples []uint64, margin uint64) {
	t.Helper()
	third := len(samples) / 3
	second, last := slices.Sorted(slices.Values(samples[third:2*third])), slices.Sorted(slices.Values(samples[2*third:]))
	t.Logf("%s by thirds: %v %v %v", what, samples[:third], samples[third:2*third], samples[2*third:])
	require.LessOrEqual(t, last[0], second[0]+margin, "the least %s in the last third, and in the second", what)
	require.LessOrEqual(t, last[len(last)/2], second[len(second)/2]+margin, "the median %s in the last third, and in the second", what)
}
