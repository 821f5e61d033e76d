package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/netio"
)

// live is what a World has besides that runs in real time.
//
// The network belongs to whoever holds mu. It is never held while a node is
// called: the datagrams that have arrived are put into the port of their host,
// whose goroutine hands them over.
type live struct {
	mu sync.Mutex
	// starting is held while a node is started, by one after the other.
	starting sync.Mutex
	armed    netio.Instant // when timer fires; 0 = it is not set
	timer    netio.Timer
	running  sync.WaitGroup
	ends     map[*func(error)]struct{} // of the contexts of tasks
}

// port is where datagrams wait for the goroutine of their host.
type port struct {
	inbox      []*packet
	wake, stop func()
}

// NewLive makes an empty World that runs in real time; see Config.Live.
func NewLive(seed uint64) *World { return Config{Seed: seed, Live: true}.New() }

// ErrLive: something cannot be had in a World that runs in real time.
var ErrLive = errors.New("sim: not in a live World")

func (w *World) goLive() {
	real := actors.SystemEnv()
	w.live = &live{ends: map[*func(error)]struct{}{}}
	w.env.Clock, w.env.Runner = netio.NewSystemClock(), real.Runner
	w.audit.off = true
}

func nothing() {}

// hold makes the network of a live World the caller's, until it calls what is
// returned. In others, where one thing happens at a time, it does nothing.
func (w *World) hold() (release func()) {
	if w.live == nil {
		return nothing
	}
	w.live.mu.Lock()
	w.now = max(w.now, w.env.Clock.Now())
	return w.letGo
}

func (w *World) letGo() {
	w.live.arm(w)
	w.live.mu.Unlock()
}

// arm sets the timer for what happens next.
func (l *live) arm(w *World) {
	at, ok := w.agenda.next()
	if !ok || w.closed || l.armed != 0 && l.armed <= at {
		return
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	l.armed = at
	l.timer = w.env.Clock.AfterFunc(at.Sub(w.now), func() { w.fire() })
}

// fire lets happen in the network what is due.
func (w *World) fire() {
	defer w.hold()()
	w.live.armed = 0
	for e, ok := w.agenda.due(w.now); ok; e, ok = w.agenda.due(w.now) {
		if e.who == nobody {
			w.agenda.take(e)()
		} else {
			w.arrive(e)
		}
	}
	a := &w.arrivals
	for i := range a.list {
		h := w.hosts[a.list[i].to]
		if h == nil {
			h = w.member(a.list[i].to)
		}
		a.last[h.id] = 0
		p := w.portOf(h)
		p.inbox = append(p.inbox, a.list[i].packet)
		p.wake()
	}
	clear(a.list)
	a.list = a.list[:0]
}

// portOf returns the port of a host, and starts its goroutine with it.
func (w *World) portOf(h *host) *port {
	if h.port == nil {
		h.port = &port{}
		h.port.wake, h.port.stop = w.env.Runner.Attach(func() { w.empty(h) })
	}
	return h.port
}

// empty hands out what waits in the port of a host, by its goroutine.
func (w *World) empty(h *host) {
	if err := w.begin(h); err != nil {
		w.Notef(h.name, "%v", err)
	}
	release := w.hold()
	packets := h.port.inbox
	h.port.inbox = nil
	s, lost := h.sock, NotLost
	if !w.isOpen(h.id) || w.closed {
		lost = LostAtClosed
	}
	var receive func([]netio.Datagram)
	if lost == NotLost {
		receive = s.receiver.Datagrams
	}
	batch := make([]netio.Datagram, 0, len(packets))
	for _, p := range packets {
		w.trace.arrive(w, h.id, p, lost.text())
		w.count(h.id, p, lost)
		batch = append(batch, p.datagram)
	}
	release()
	if receive != nil && len(batch) > 0 {
		receive(batch)
	}
	defer w.hold()()
	for _, p := range packets {
		w.release(p)
	}
}

// begin starts the node of a host that has not been needed before.
func (w *World) begin(h *host) error {
	w.live.starting.Lock()
	defer w.live.starting.Unlock()
	release := w.hold()
	needed := h.member > 0 && h.starts == 0 && !h.down
	if needed {
		w.populationOf(h.id).awake++
	}
	release()
	if needed {
		h.failed = w.startNow(h)
	}
	return h.failed
}

// wakeLive is wake in a live World.
func (w *World) wakeLive(id hostID) (*host, error) {
	release := w.hold()
	h, name := w.hosts[id], w.nameOfID(id)
	if h == nil && !w.closed {
		h = w.member(id)
	}
	release()
	if h == nil {
		return nil, fmt.Errorf("sim: node %q: %w", name, ErrClosed)
	}
	return h, w.begin(h)
}

// spawnLive runs f as a task of a live World: on a goroutine.
func (w *World) spawnLive(f func(ctx context.Context)) {
	ctx, end := actors.NewTaskContext(w.env)
	release := w.hold()
	w.live.running.Add(1)
	w.live.ends[&end] = struct{}{}
	if w.closed {
		end(ErrClosed)
	}
	release()
	w.env.Runner.Go(func() {
		defer w.live.running.Done()
		defer func() {
			end(context.Canceled)
			defer w.hold()()
			delete(w.live.ends, &end)
		}()
		f(ctx)
	})
}

// restLive waits until nothing is under way.
func (w *World) restLive(within time.Duration) error {
	until := w.env.Clock.Now().Add(within)
	for {
		if w.resting() {
			return nil
		}
		if w.env.Clock.Now() >= until {
			return fmt.Errorf("%w: after %v datagrams or exchanges are under way", ErrBusy, within)
		}
		if err := actors.Sleep(w.ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

func (w *World) resting() bool {
	defer w.hold()()
	if _, ok := w.agenda.next(); ok || w.stats.Queued > 0 {
		return false
	}
	for _, h := range w.hosts {
		if h != nil && (h.port != nil && len(h.port.inbox) > 0 || h.node != nil && h.node.Stats().Exchanges > 0) {
			return false
		}
	}
	return true
}

// liveNodes returns the nodes of hosts, when none is being started any more.
func (w *World) liveNodes(hosts []*host) (nodes []*actors.Node) {
	w.live.starting.Lock()
	defer w.live.starting.Unlock()
	for _, h := range hosts {
		if h != nil && h.node != nil {
			nodes = append(nodes, h.node)
		}
	}
	return nodes
}

// closeLive is Close in a live World.
func (w *World) closeLive() {
	release := w.hold()
	if w.closed {
		release()
		return
	}
	w.closed, w.trace.closed = true, true
	var ends []func(error)
	for end := range w.live.ends { // in no order: nothing here has one
		ends = append(ends, *end)
	}
	hosts := append([]*host(nil), w.hosts...)
	if w.live.timer != nil {
		w.live.timer.Stop()
	}
	release()
	for _, end := range ends {
		end(ErrClosed)
	}
	w.end(ErrClosed)
	for _, n := range w.liveNodes(hosts) {
		_ = n.Stop(w.ctx)
	}
	for _, h := range hosts {
		if h != nil && h.port != nil {
			h.port.stop()
		}
	}
	w.live.running.Wait()
	w.env.System.Shutdown()
}
