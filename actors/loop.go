package actors

import "sync"

// loop is the run queue of a node: the dispatcher of all its protocol actors.
// Whoever drains it is, for that time, the node's goroutine: a socket reader
// that has just posted a batch, the node's own goroutine when a post came from
// elsewhere, or the simulator. Never two at once: draining is a right that is
// acquired and given up under the mutex, which also orders the memory.
type loop struct {
	mu       sync.Mutex
	queue    []work // queue[head:] waits
	head     int
	draining bool
	// again is set by idle where it has left something to do for later: others
	// who want to drain come first, such as a reader with what has arrived
	// meanwhile.
	again bool
	wake  func()
	// idle runs when the queue is empty, before the right is given up: it
	// flushes what waits to be sent and arms the timer. What it schedules is
	// drained too.
	idle func()
}

// work is what stands in a run queue: a mailbox, or a function.
type work struct {
	box *mailbox
	f   func()
}

// Schedule queues a function.
func (l *loop) Schedule(fn func()) {
	l.mu.Lock()
	wake := l.push(work{f: fn})
	l.mu.Unlock()
	if wake {
		l.wake()
	}
}

// schedule queues a mailbox in which there is something, unless it is queued.
// The mutex is held; if it returns true, wake must be called without.
func (l *loop) schedule(m *mailbox) (wake bool) {
	if m.scheduled {
		return false
	}
	m.scheduled = true
	return l.push(work{box: m})
}

func (l *loop) push(x work) (wake bool) {
	if l.head > 64 && l.head > len(l.queue)/2 {
		n := copy(l.queue, l.queue[l.head:])
		clear(l.queue[n:])
		l.queue, l.head = l.queue[:n], 0
	}
	l.queue = append(l.queue, x)
	return !l.draining && len(l.queue)-l.head == 1
}

// queued returns how much waits to be run.
func (l *loop) queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) - l.head
}

// forget gives back the memory of an empty queue.
func (l *loop) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == l.head {
		l.queue, l.head = nil, 0
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
	l.mu.Lock()
	for {
		for l.head < len(l.queue) {
			x := l.queue[l.head]
			l.queue[l.head] = work{}
			if l.head++; l.head == len(l.queue) {
				l.queue, l.head = l.queue[:0], 0
			}
			if x.box != nil {
				x.box.run()
				continue
			}
			l.mu.Unlock()
			x.f()
			l.mu.Lock()
		}
		l.mu.Unlock()
		l.idle()
		l.mu.Lock()
		if len(l.queue) > 0 {
			continue
		}
		l.draining = false
		again := l.again
		l.again = false
		l.mu.Unlock()
		if again {
			l.wake()
		}
		return
	}
}

// drain runs what is queued, unless somebody else already does.
func (l *loop) drain() {
	if l.enter() {
		l.leave()
	}
}
