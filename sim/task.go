package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"runtime/debug"

	"github.com/coap2/coap2/actors"
)

// queue is the run queue of a World: first in, first out.
type queue struct {
	units []unit // a ring
	head  int
	n     int
}

// unit is something that is ready: a node with something to drain, or a task.
type unit struct {
	node *attached
	task *task
}

func (q *queue) push(u unit) {
	if q.n == len(q.units) {
		units := make([]unit, max(16, 2*len(q.units)))
		n := copy(units, q.units[q.head:])
		copy(units[n:], q.units[:q.head])
		q.units, q.head = units, 0
	}
	q.units[(q.head+q.n)&(len(q.units)-1)] = u
	q.n++
}

func (q *queue) pop() (u unit, ok bool) {
	if q.n == 0 {
		return u, false
	}
	u, q.units[q.head] = q.units[q.head], unit{}
	q.head = (q.head + 1) & (len(q.units) - 1)
	q.n--
	return u, true
}

func (w *World) run(u unit) {
	if u.task != nil {
		w.resume(u.task)
		return
	}
	u.node.queued = false
	if !u.node.detached {
		u.node.drain()
	}
}

// runner is the actors.Runner of a World.
type runner struct{ w *World }

// attached is a node's run queue.
type attached struct {
	drain            func()
	queued, detached bool
}

// Attach implements actors.Runner.
func (r runner) Attach(drain func()) (wake, stop func()) {
	a := &attached{drain: drain}
	wake = func() {
		if !a.queued && !a.detached {
			a.queued = true
			r.w.ready.push(unit{node: a})
		}
	}
	return wake, func() { a.detached = true }
}

// Go implements actors.Runner.
func (r runner) Go(f func()) { r.w.spawn(f) }

// NewSignal implements actors.Runner.
func (r runner) NewSignal() actors.Signal { return &signal{w: r.w} }

// task is a coroutine and what runs on it. Coroutines are used again.
type task struct {
	w     *World
	f     func()
	end   func(error) // ends its context, if the World gave it one
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool

	index          int // in World.tasks
	parked, queued bool
	ctx            context.Context // watched while parked, or nil
	failure        error
	refused        int // waits since Close
}

// maxSpare is how many coroutines without a task a World keeps.
const maxSpare = 256

// spawn makes a task that is ready to begin.
func (w *World) spawn(f func()) *task {
	var t *task
	if n := len(w.spare); n > 0 {
		t = w.spare[n-1]
		w.spare = w.spare[:n-1]
	} else {
		t = &task{w: w}
		t.next, t.stop = iter.Pull(t.loop)
	}
	t.f, t.end, t.index, t.queued, t.refused = f, nil, len(w.tasks), true, 0
	w.tasks = append(w.tasks, t)
	w.ready.push(unit{task: t})
	return t
}

// loop is the life of a coroutine.
func (t *task) loop(yield func(struct{}) bool) {
	t.yield = yield
	for t.once() && yield(struct{}{}) {
	}
}

// maxRefused is how often a task may wait while the World is being closed.
const maxRefused = 1000

// errAbandoned ends a task that goes on waiting though the World is closed.
var errAbandoned = errors.New("sim: a task goes on waiting though the World is closed")

// once runs the task. It reports whether the coroutine can have another.
func (t *task) once() (again bool) {
	defer func() {
		if p := recover(); p != nil {
			again = true
			if p != error(errAbandoned) {
				t.failure = fmt.Errorf("sim: a task panicked: %v\n\n%s", p, debug.Stack())
			}
		}
		// Where the task has ended its goroutine, again is false, and iter.Pull
		// does the same to the goroutine that runs the World: so a test can end
		// in a task.
		t.w.ended(t, again)
	}()
	t.f()
	return true
}

// ended takes a task from the list of those that live.
func (w *World) ended(t *task, again bool) {
	last := len(w.tasks) - 1
	w.tasks[t.index] = w.tasks[last]
	w.tasks[t.index].index = t.index
	w.tasks[last] = nil
	w.tasks = w.tasks[:last]
	t.f, t.end = nil, nil
	if again {
		w.spare = append(w.spare, t)
	}
}

// resume runs a task until it waits for something or ends.
func (w *World) resume(t *task) {
	w.current = t
	defer func() { w.current = nil }()
	t.queued = false
	t.next()
	if err := t.failure; err != nil {
		t.failure = nil
		panic(err)
	}
	if t.f == nil && len(w.spare) > maxSpare {
		w.spare = w.spare[:len(w.spare)-1] // it is t
		t.stop()
	}
}

// park gives up control until somebody wakes the task.
func (t *task) park() {
	t.parked = true
	t.yield(struct{}{})
	t.parked = false
}

// wake makes a parked task ready.
func (t *task) wake() {
	if t.parked && !t.queued {
		t.queued = true
		t.w.ready.push(unit{task: t})
	}
}

// signal is the actors.Signal of a World.
type signal struct {
	w    *World
	set  bool
	task *task
}

// Set implements actors.Signal.
func (s *signal) Set() {
	s.set = true
	if s.task != nil {
		s.task.wake()
	}
}

// Wait implements actors.Signal. In a task it gives up control; from outside it
// lets the World run. What has happened wins over what was given up.
func (s *signal) Wait(ctx context.Context) error {
	w, t := s.w, s.w.current
	if w.trace.closed && t != nil {
		if t.refused++; t.refused > maxRefused {
			panic(errAbandoned)
		}
	}
	if s.set {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if t == nil {
		return w.waitOutside(s, ctx)
	}
	s.task = t
	stop := actors.OnEnd(ctx, t.wake)
	if reflect.TypeOf(ctx) != w.plain && ctx.Done() != nil {
		// A context of package context tells of its end through goroutines. So
		// it is asked whenever nothing else is ready.
		t.ctx = ctx
		w.watched = append(w.watched, t)
	}
	for !s.set && ctx.Err() == nil && !w.closed {
		t.park()
	}
	if t.ctx != nil {
		w.unwatch(t)
	}
	stop()
	s.task = nil
	switch {
	case s.set:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return ErrClosed
}

// wakeEnded wakes the tasks whose contexts have ended, and reports whether there
// were any.
func (w *World) wakeEnded() bool {
	any := false
	for _, t := range w.watched {
		if t.ctx.Err() != nil {
			t.wake()
			any = true
		}
	}
	return any
}

func (w *World) unwatch(t *task) {
	t.ctx = nil
	for i, x := range w.watched {
		if x == t {
			w.watched = append(w.watched[:i], w.watched[i+1:]...)
			return
		}
	}
}
