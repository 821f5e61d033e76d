package actors

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSoak mixes traffic of all kinds for as long as COAP2_SOAK says (a Go
// duration; 2s without it, and for 10m give go test a -timeout of 15m), and
// checks that neither memory nor goroutines grow.
//
// The transmission parameters are short, the same at all nodes, so that every
// lifetime passes many times in the run and tables are in their steady state;
// and so that 61,440 message IDs for each pair of nodes suffice for any rate.
func TestSoak(t *testing.T) {
	lasts := 2 * time.Second
	if v := os.Getenv("COAP2_SOAK"); v != "" {
		var err error
		lasts, err = time.ParseDuration(v)
		require.NoError(t, err, "COAP2_SOAK")
	}
	SystemEnv() // has goroutines of its own
	before := runtime.NumGoroutine()
	s := newSoak(t, lasts)
	done := make(chan struct{})
	warm := time.NewTimer(s.params.WithDefaults().ExchangeLifetime())
	var stop atomic.Bool
	var workers sync.WaitGroup
	workers.Go(func() { s.stalls.watch(done) })
	for i := range 4 * len(s.clients) {
		rng := rand.New(rand.NewPCG(s.seed, uint64(i)))
		workers.Go(func() {
			for !stop.Load() {
				s.pause.RLock()
				s.work(s.clients[i%len(s.clients)], rng)
				s.pause.RUnlock()
			}
		})
	}
	<-warm.C
	first, begun := s.count(), time.Now()
	const samples = 30
	var heaps, goroutines []uint64
	tick := time.NewTicker(lasts / samples)
	defer tick.Stop()
	for i := range samples {
		<-tick.C
		s.disturb(i)
		s.pause.Lock()
		s.still()
		heaps = append(heaps, heap())
		goroutines = append(goroutines, uint64(runtime.NumGoroutine()))
		s.pause.Unlock()
	}
	took := time.Since(begun)
	stop.Store(true)
	s.pause.Lock() // all have ended their last
	close(done)
	s.pause.Unlock()
	workers.Wait()
	requests := s.count() - first
	t.Logf("%d requests in %v, %.0f a second", requests, took.Round(time.Millisecond), float64(requests)/took.Seconds())
	for _, n := range s.all() {
		t.Logf("%+v", n.Stats())
	}
	s.report()
	for _, what := range []struct {
		name    string
		samples []uint64
	}{{"heap", heaps}, {"goroutines", goroutines}} {
		for third := range slices.Chunk(what.samples, samples/3) {
			sorted := slices.Sorted(slices.Values(third))
			t.Logf("%s: least %d, median %d, most %d", what.name, sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1])
		}
	}
	// Tables and rings grow by doubling, to the greatest rate that there was: one
	// such step of the largest, what pools have got in a greater burst, and some
	// 300 bytes for each actor with a new name (the library's registry keeps as
	// much for each of its 32,768 parts, once it has been used) are within 1 MiB. A leak would be more: 1 MiB in a third of a minute, at some
	// thousand requests a second, is 20 bytes a request.
	requireFlat(t, "heap", heaps, 1<<20)
	// One node comes and goes, and a dead socket may be being closed.
	requireFlat(t, "goroutines", goroutines, 4)
	s.end()
	if !within(time.Minute, func() bool { return runtime.NumGoroutine() <= before }) {
		stacks := make([]byte, 1<<20)
		t.Fatalf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
}

// within asks now and then, on the caller's goroutine, and reports whether ok
// was true within d.
func within(d time.Duration, ok func() bool) bool {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return false
		}
	}
	return true
}

// count returns how many requests have ended.
func (s *soak) count() (n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, outcomes := range s.outcomes {
		for _, o := range outcomes {
			n += o
		}
	}
	return n
}

// report says what came of the requests.
func (s *soak) report() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.late {
		require.True(s.t, s.stalls.excuse(at, s.params.WithDefaults().ExchangeLifetime()), "a request timed out, and the process had not stood still: %v", s.outcomes)
	}
	if len(s.late) > 0 {
		s.t.Logf("%d timeouts while the process stood still", len(s.late))
	}
	for i, k := range kinds {
		s.t.Logf("%-14s %v", k.name, s.outcomes[i])
	}
}

// still waits until no handler runs and nothing is under way that will soon be
// over. Exchanges with peers that are gone may be, for as long as they last.
func (s *soak) still() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.handlers.Load() > 0 {
		<-tick.C
	}
	for _, n := range s.all() {
		onLoop(n, func() {})
	}
}

// end lets everything come to its end, checks that it does, and stops the nodes.
func (s *soak) end() {
	nobody := func(func(addr) bool) {}
	for _, n := range s.all() {
		var left []string
		require.True(s.t, within(time.Minute, func() bool {
			var keeping int
			keeping, left = atRest(n, nobody)
			return keeping == 0 && len(left) == 0
		}), "left at rest: %v; %+v", left, n.Stats())
		requireAccounts(s.t, n)
		require.Zero(s.t, n.Stats().MessageIDsReused)
	}
	require.Equal(s.t, s.panicked.Load(), s.srv.Stats().Panics)
	for _, n := range s.all() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		require.NoError(s.t, n.Stop(ctx))
		cancel()
	}
	require.NoError(s.t, s.silent.Close())
}
