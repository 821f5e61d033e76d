package sim

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/netio"
)

// RunFor lets d of virtual time pass. The error is a *Violation, the first that
// there has been so far, or nil.
func (w *World) RunFor(d time.Duration) error {
	if w.live != nil {
		return actors.Sleep(w.ctx, d)
	}
	limit := w.now.Add(min(max(d, 0), time.Duration(math.MaxInt64-w.now)))
	defer w.enter("RunFor")()
	for w.step(limit) {
	}
	w.advance(limit)
	w.doze(w.dozing.n)
	return w.violation()
}

// RunUntilIdle lets time pass until nothing is left to happen: no task is ready,
// no timer is set and no datagram under way. (A node keeps timers for as long as
// it remembers what duplicates it may get, minutes with default parameters.)
//
// If that takes longer than within it gives up, with an error that wraps ErrBusy.
// If tasks remain that wait for what nobody will do, the error wraps ErrIdle. If
// an invariant does not hold, it is a *Violation.
func (w *World) RunUntilIdle(within time.Duration) error {
	if w.live != nil {
		return w.restLive(within)
	}
	limit := w.now.Add(min(max(within, 0), time.Duration(math.MaxInt64-w.now)))
	defer w.enter("RunUntilIdle")()
	for w.step(limit) {
	}
	w.doze(w.dozing.n)
	if at, ok := w.agenda.next(); ok {
		w.advance(limit)
		return fmt.Errorf("%w: after %v the next thing to happen is in %v", ErrBusy, within, at.Sub(w.now))
	}
	w.auditAll(len(w.tasks) == 0)
	if err := w.violation(); err != nil {
		return err
	}
	if n := len(w.tasks); n > 0 {
		return fmt.Errorf("%w: %d tasks or handlers", ErrIdle, n)
	}
	return nil
}

// enter marks the World as running; the function that it returns ends that,
// whatever happens in between.
func (w *World) enter(what string) (leave func()) {
	if w.current != nil {
		panic("sim: " + what + " was called from a task; tasks block with actors.Sleep or a call of a node")
	}
	if w.running {
		panic("sim: " + what + " was called from an Inline handler or a callback, which must not block")
	}
	w.running, w.spins = true, 0
	return func() { w.running = false }
}

// step lets the next thing happen that is due by limit, and reports whether
// there was one: what is ready first, then time goes on.
func (w *World) step(limit netio.Instant) bool {
	w.spin()
	if u, ok := w.ready.pop(); ok {
		w.run(u)
		return true
	}
	if w.wakeEnded() {
		return true
	}
	at, ok := w.agenda.next()
	if !ok || at > limit {
		return false
	}
	if w.drowsy && at > w.now {
		for _, h := range w.hosts {
			if h != nil && h.node != nil {
				h.node.Doze()
			}
		}
	}
	if at > w.now {
		w.overdue()
	}
	w.advance(at)
	for e, ok := w.agenda.due(at); ok; e, ok = w.agenda.due(at) {
		w.spin()
		if e.who == nobody {
			w.agenda.take(e)()
		} else {
			w.arrive(e)
		}
	}
	w.deliver()
	return true
}

// spin counts what happens at one moment: that must come to an end.
func (w *World) spin() {
	if w.spins++; w.spins > w.stuck {
		panic(fmt.Sprintf("sim: no progress: %d things have happened at %v, and more is ready", w.stuck, w.Elapsed()))
	}
}

func (w *World) advance(to netio.Instant) {
	if to > w.now {
		w.now = to
		w.spins = 0
	}
}

// waitOutside lets the World run until a signal is set that code outside of it
// waits for.
func (w *World) waitOutside(s *signal, ctx context.Context) error {
	if w.closed {
		return ErrClosed
	}
	defer w.enter("a blocking call")()
	limit := w.now.Add(w.limit)
	for !s.set {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if w.step(limit) {
			continue
		}
		if at, ok := w.agenda.next(); ok {
			return fmt.Errorf("%w for %v, and goes on in %v", ErrIdle, w.limit, at.Sub(w.now))
		}
		return ErrIdle
	}
	return nil
}

// Close stops all nodes and ends all tasks; what they are blocked in returns an
// error. It leaves nothing behind. Nothing of it is in the trace. A second Close
// does nothing.
func (w *World) Close() {
	if w.live != nil {
		w.closeLive()
		return
	}
	if w.closed {
		return
	}
	w.auditAll(false)
	w.audit.off = true
	w.trace.closed = true
	w.limit = maxClosing
	for _, t := range append([]*task(nil), w.tasks...) {
		if t.end != nil {
			t.end(ErrClosed)
		}
	}
	w.drain()
	w.end(ErrClosed)
	for _, h := range w.hosts {
		if h == nil || h.node == nil || h.member > 0 && h.node.Idle() {
			continue // nothing hangs on it
		}
		_ = h.node.Stop(w.ctx) // the context has ended: what is open is cut off
	}
	w.closed = true
	for len(w.tasks) > 0 {
		for _, t := range append([]*task(nil), w.tasks...) {
			t.wake()
		}
		w.drain()
	}
	for _, t := range w.spare {
		t.stop()
	}
	w.spare = nil
	w.env.System.Shutdown()
}

// drain runs what is ready; time stands still.
func (w *World) drain() {
	defer w.enter("Close")()
	for u, ok := w.ready.pop(); ok; u, ok = w.ready.pop() {
		w.run(u)
	}
}
