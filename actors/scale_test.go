package actors

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// many is how many requests are outstanding to as many peers.
const many = 10_000

// heapInUse returns the bytes of what is alive.
func heapInUse() int64 {
	var m runtime.MemStats
	for range 2 { // the second run frees what the first one finalized
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A request that is outstanding is data: no goroutine, no timer of the runtime,
// and not much memory.
func TestOutstandingRequestsAreOnlyData(t *testing.T) {
	n, crowd, clock, runner := crowded(t, Config{})
	settle(n)
	crowd.swap(make([]asked, 0, many))
	uris, results := make([]string, many), make([]int, many)
	done := make([]func(*Response, error), many)
	for i := range many {
		uris[i] = crowdURI(i)
		done[i] = func(r *Response, err error) {
			if err == nil && r.Peer == crowdPeer(i) && string(r.Payload) == "21.5" {
				results[i]++
			}
		}
	}
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	made, _, _ := clock.counts()

	for i := range many {
		n.Go(Request{URI: uris[i]}, done[i])
	}
	settle(n)

	require.Equal(t, many, n.Stats().Exchanges)
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+2)
	require.Zero(t, runner.tasks.Load(), "goroutines asked for")
	now, pending, most := clock.counts()
	require.LessOrEqual(t, now-made, 40, "timers made")
	require.LessOrEqual(t, most, 2, "timers at once")
	require.Equal(t, 1, pending)
	each := (heapInUse() - heap) / many
	t.Logf("%d bytes for each request outstanding", each)
	require.LessOrEqual(t, each, int64(2300))

	got := crowd.swap(nil)
	require.Len(t, got, many)
	for _, a := range got {
		crowd.say(a, codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: a.mid, Token: a.token, Payload: []byte("21.5")})
	}
	crowd.flush()
	requireAtRest(t, n)
	for _, r := range results {
		require.Equal(t, 1, r)
	}
	now, _, most = clock.counts()
	require.LessOrEqual(t, now-made, 40, "timers made")
	require.LessOrEqual(t, most, 2, "timers at once")
	clock.advance(time.Hour)
	settle(n)
	_, pending, _ = clock.counts()
	require.Zero(t, pending, "timers")
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+2)
	runtime.KeepAlive(uris)
}

// However a request ends, it ends once, and nothing of it is left: ten thousand
// at the same time, to peers of eight kinds.
func TestEachOfManyRequestsEndsOnce(t *testing.T) {
	n, crowd, clock, _ := crowded(t, Config{})
	settle(n)
	crowd.swap(make([]asked, 0, many))
	const (
		piggybacked = iota
		separate    // an empty ACK, and then a CON
		unasked     // a CON without the ACK
		refusing    // RST
		silent
		canceled
		nonAnswered
		nonSilent
		kinds
	)
	outcomes := make([][]error, many)
	var calls []*Call
	for i := range many {
		kind := i % kinds
		calls = append(calls, n.Go(Request{URI: crowdURI(i), NonConfirmable: kind == nonAnswered || kind == nonSilent}, func(r *Response, err error) {
			if err == nil && (r.Peer != crowdPeer(i) || string(r.Payload) != "21.5") {
				err = errors.New("another one's answer")
			}
			outcomes[i] = append(outcomes[i], err)
		}))
	}
	settle(n)
	got := crowd.swap(nil)
	require.Len(t, got, many)
	message := func(a asked, typ codec.Type, mid uint16) codec.Message {
		return codec.Message{Type: typ, Code: codec.Content, MessageID: mid, Token: a.token, Payload: []byte("21.5")}
	}
	for range 2 { // everything comes twice
		for _, a := range got {
			switch i := crowdIndex(a.peer); i % kinds {
			case piggybacked:
				crowd.say(a, message(a, codec.ACK, a.mid))
			case separate:
				crowd.say(a, codec.Message{Type: codec.ACK, MessageID: a.mid})
			case unasked:
				crowd.say(a, message(a, codec.CON, 7))
			case refusing:
				crowd.say(a, codec.Message{Type: codec.RST, MessageID: a.mid})
			case canceled:
				calls[i].Cancel()
			case nonAnswered:
				crowd.say(a, message(a, codec.NON, 7))
			}
		}
		crowd.flush()
	}
	settle(n)
	require.Equal(t, many/kinds*3, n.Stats().Exchanges, "separate, silent, nonSilent")
	// The clock takes small steps: a transmission that is served much too late is
	// given up.
	pass := func(d time.Duration) {
		for ; d > 0; d -= time.Second / 2 {
			clock.advance(time.Second / 2)
			settle(n)
		}
	}
	pass(time.Minute)
	for range 2 {
		for _, a := range got {
			if crowdIndex(a.peer)%kinds == separate {
				crowd.say(a, message(a, codec.CON, 7))
			}
		}
		crowd.flush()
	}
	pass(6 * time.Minute)
	want := [kinds]error{refusing: ErrReset, silent: ErrTimeout, canceled: ErrCanceled, nonSilent: ErrTimeout}
	for i, errs := range outcomes {
		require.Len(t, errs, 1, "request %d", i)
		require.ErrorIs(t, errs[0], want[i%kinds], "request %d", i)
	}
	s := n.Stats()
	require.EqualValues(t, many/kinds*4, s.Responses)
	require.EqualValues(t, many/kinds*protocol.DefaultMaxRetransmit, s.Retransmissions)
	requireAtRest(t, n)
	_, pending, most := clock.counts()
	require.Zero(t, pending, "timers")
	require.LessOrEqual(t, most, 2, "timers at once")
}

// BenchmarkClientRequest is one CON GET from Go to the callback, to 1,024 peers
// in turn, 64 outstanding at a time.
func BenchmarkClientRequest(b *testing.B) {
	const peers, batch = 1024, 64
	crowd := &crowd{}
	n := startNode(b, Config{Open: crowd.open})
	uris := make([]string, peers)
	for i := range uris {
		uris[i] = crowdURI(i)
	}
	answered := 0
	done := func(_ *Response, err error) {
		if err == nil {
			answered++
		}
	}
	spare := make([]asked, 0, batch)
	crowd.swap(make([]asked, 0, batch))
	payload := []byte("21.5")
	i := 0
	round := func() {
		settle(n)
		spare = crowd.swap(spare[:0])
		for _, a := range spare {
			crowd.say(a, codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: a.mid, Token: a.token, Payload: payload})
		}
		crowd.flush()
		settle(n)
	}
	b.ReportAllocs()
	for b.Loop() {
		n.Go(Request{URI: uris[i%peers]}, done)
		if i++; i%batch == 0 {
			round()
		}
	}
	round()
	require.Equal(b, i, answered)
}
