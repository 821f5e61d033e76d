package actors

import "sync"

// loop is the run queue of a node: the dispatcher of all its protocol actors.
// Whoever drains it is, for that time, the node's goroutine: a socket reader
// that has just posted a batch, the node's own goroutine when a post came from
// elsewhere, or the simulator. Never two at once: draining is a right that is
// acquired and given up under the mutex, which also orders the memory.
type loop struct {
	mu       sync.Mutex
	queue    []work
	spare    []work
	draining bool
	wake     func()
	// idle runs when the queue is empty, before the right is given up: it
	// flushes what waits to be sent and arms the timer. What it schedules is
	// drained too.
	idle func()
	// again is set by idle where it has left something to do for later: others
	// who want to drain come first, such as a reader with what has arrived
	// meanwhile.
	again bool
}

// work is what stands in a run queue: a mailbox, or a function.
type work interface{ run() }

type workFunc func()

func (f workFunc) run() { f() }

// Schedule implements actor.Dispatcher.
func (l *loop) Schedule(fn func()) { l.push(workFunc(fn)) }

// push queues work.
func (l *loop) push(x work) {
	l.mu.Lock()
	l.queue = append(l.queue, x)
	wake := !l.draining && len(l.queue) == 1
	l.mu.Unlock()
	if wake {
		l.wake()
	}
}

// Throughput implements actor.Dispatcher. Our mailbox does not use it.
func (l *loop) Throughput() int { return 300 }

// queued returns how much waits to be run.
func (l *loop) queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

// forget gives back the memory of an empty queue.
func (l *loop) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue, l.spare = nil, nil
	}
}

// enter acquires the right to drain and reports whether it got it. Whoever gets
// it must call leave.
func (l *loop) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return false
	}
	l.draining = true
	return true
}

// leave drains the queue and gives up the right.
func (l *loop) leave() {
	for {
		l.mu.Lock()
		batch := l.queue
		l.queue = l.spare[:0]
		l.spare = batch
		l.mu.Unlock()
		for i, x := range batch {
			batch[i] = nil
			x.run()
		}
		if len(batch) > 0 {
			continue
		}
		l.idle()
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.draining = false
			again := l.again
			l.again = false
			l.mu.Unlock()
			if again {
				l.wake()
			}
			return
		}
		l.mu.Unlock()
	}
}

// drain runs what is queued, unless somebody else already does.
func (l *loop) drain() {
	if l.enter() {
		l.leave()
	}
}
