package actors

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

// seed returns the seed of a test that lives by chance, and says it if the test
// fails. COAP2_SEED sets it.
func seed(t testing.TB) uint64 {
	s := uint64(7252)
	if v := os.Getenv("COAP2_SEED"); v != "" {
		var err error
		s, err = strconv.ParseUint(v, 0, 64)
		require.NoError(t, err, "COAP2_SEED")
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("COAP2_SEED=%d", s)
		}
	})
	return s
}

// taskRunner knows how many tasks have not ended, and says when one does.
type taskRunner struct {
	systemRunner
	running atomic.Int64
	ended   func()
}

func (r *taskRunner) Go(task func()) {
	r.running.Add(1)
	go func() {
		defer func() {
			r.running.Add(-1)
			r.ended()
		}()
		task()
	}()
}

// wire is a transport in memory: what is sent waits there until the test carries
// it on.
type wire struct {
	net  *wires
	addr netip.AddrPort
	recv netio.Receiver

	mu   sync.Mutex
	out  outbox
	sent atomic.Uint64
}

type outbox struct {
	grams []netio.Datagram
	buf   []byte
}

func (w *wire) Start(r netio.Receiver) error  { w.recv = r; return nil }
func (w *wire) WriteTo(netio.Datagram) error  { panic("a node sends batches") }
func (w *wire) Join(netip.Addr, string) error { return nil }
func (w *wire) Local() []netip.AddrPort       { return []netip.AddrPort{w.addr} }
func (w *wire) MTU() int                      { return 1280 }
func (w *wire) Close() error                  { return nil }
func (w *wire) WriteBatch(ds []netio.Datagram) (int, error) {
	w.mu.Lock()
	for _, d := range ds {
		start := len(w.out.buf)
		w.out.buf = append(w.out.buf, d.Data...)
		d.Data = w.out.buf[start:len(w.out.buf):len(w.out.buf)]
		w.out.grams = append(w.out.grams, d)
	}
	w.sent.Add(uint64(len(ds)))
	w.mu.Unlock()
	w.net.kick()
	return len(ds), nil
}

// take returns what waits, and takes a box to be filled next.
func (w *wire) take(empty outbox) outbox {
	w.mu.Lock()
	defer w.mu.Unlock()
	full := w.out
	clear(empty.grams)
	w.out = outbox{empty.grams[:0], empty.buf[:0]}
	return full
}

// wires joins nodes in memory. Nothing moves, and no time passes, but by the
// test's own hand.
type wires struct {
	t      testing.TB
	clock  *stillClock
	runner *taskRunner
	env    Env
	ends   []*wire
	nodes  []*Node
	box    outbox
	moved  chan struct{}
	// stray takes what is sent to addresses that no node has, tap what goes
	// from node to node.
	stray func(from *wire, d *netio.Datagram)
	tap   func(from *wire, d *netio.Datagram)
}

func newWires(t testing.TB, seed uint64) *wires {
	w := &wires{t: t, clock: newStillClock(), moved: make(chan struct{}, 1), env: *SystemEnv()}
	w.runner = &taskRunner{ended: w.kick}
	w.env.Clock, w.env.Runner, w.env.Quiet = w.clock, w.runner, true
	w.env.Rand = func(node, stream string) *rand.Rand {
		return rand.New(rand.NewPCG(seed, uint64(len(w.nodes))))
	}
	w.stray, w.tap = func(*wire, *netio.Datagram) {}, func(*wire, *netio.Datagram) {}
	return w
}

// node starts a node at the next address.
func (w *wires) node(cfg Config) (*Node, *wire) {
	end := &wire{net: w, addr: netip.MustParseAddrPort(fmt.Sprintf("192.0.2.%d:5683", len(w.ends)+1))}
	cfg.Env, cfg.Open = &w.env, func() (netio.Transport, error) { return end, nil }
	n := startNode(w.t, cfg)
	w.ends, w.nodes = append(w.ends, end), append(w.nodes, n)
	return n, end
}

// kick wakes the test, which waits for something to happen.
func (w *wires) kick() {
	select {
	case w.moved <- struct{}{}:
	default:
	}
}

// carry brings everything that was sent to where it goes, until nothing moves
// any more.
func (w *wires) carry() {
	for again := true; again; {
		again = false
		for i, n := range w.nodes {
			settle(n)
			w.box = w.ends[i].take(w.box)
			for j := range w.box.grams {
				w.deliver(w.ends[i], &w.box.grams[j])
				again = true
			}
		}
	}
}

func (w *wires) deliver(from *wire, d *netio.Datagram) {
	for _, end := range w.ends {
		if end.addr == d.Peer.Addr {
			w.tap(from, d)
			in := [1]netio.Datagram{{Data: d.Data, Peer: netio.Peer{Addr: from.addr}, Local: end.addr}}
			end.recv.Datagrams(in[:])
			return
		}
	}
	w.stray(from, d)
}

// until carries until ok, which something on another goroutine makes true. Where
// nothing moves for long the nodes' time goes on, as it does in life: what was
// lost is sent again. That is rare enough to be told.
func (w *wires) until(ok func() bool) {
	for w.carry(); !ok(); w.carry() {
		select {
		case <-w.moved:
		case <-time.After(stall):
			for _, n := range w.nodes {
				w.t.Logf("nothing has moved for %v: %+v", stall, n.Stats())
			}
			w.clock.advance(time.Second)
		}
	}
}

const stall = 20 * time.Second

// pass lets time pass, in steps in which timers can do their work.
func (w *wires) pass(d, step time.Duration) {
	for ; d > 0; d -= step {
		w.clock.advance(min(d, step))
		w.carry()
	}
}
