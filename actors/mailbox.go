package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox is the mailbox of every actor of a node: a mutex and two slices.
// protoactor's own queues allocate for each activation; this one allocates
// nothing once its slices have grown.
type mailbox struct {
	mu         sync.Mutex
	user       []any // posted, not yet taken
	sys        []any
	sysPending atomic.Int32
	scheduled  bool

	// The rest belongs to whoever runs the mailbox.
	suspended bool
	cur       []any // taken; cur[pos:] is still to be handled
	pos       int
	msg       any

	invoker    actor.MessageInvoker
	dispatcher actor.Dispatcher
	// tap, where set, is told of every user message posted (tests count the
	// mailboxes that a request crosses).
	tap func(msg any)
}

// maxIdleMailbox is the capacity that an empty mailbox keeps.
const maxIdleMailbox = 1024

func newMailbox(tap func(any)) *mailbox {
	return &mailbox{tap: tap}
}

// schedule gives the mailbox to who runs it. A loop takes it as it is, and not a
// function that would have to be made.
func (m *mailbox) schedule() {
	if l, ok := m.dispatcher.(*loop); ok {
		l.push(m)
		return
	}
	m.dispatcher.Schedule(m.run)
}

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(msg any) {
	if m.tap != nil {
		m.tap(msg)
	}
	m.mu.Lock()
	m.user = append(m.user, msg)
	schedule := !m.scheduled
	m.scheduled = true
	m.mu.Unlock()
	if schedule {
		m.schedule()
	}
}

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(msg any) {
	m.mu.Lock()
	m.sys = append(m.sys, msg)
	m.sysPending.Add(1)
	schedule := !m.scheduled
	m.scheduled = true
	m.mu.Unlock()
	if schedule {
		m.schedule()
	}
}

// RegisterHandlers implements actor.Mailbox.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.invoker, m.dispatcher = invoker, dispatcher
}

// Start implements actor.Mailbox.
func (m *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.user)
}

func (m *mailbox) run() {
	for m.handle() {
	}
}

// handle works until nothing is left (false) or a message panicked (true: go
// on; the failure has been escalated and the mailbox is about to be suspended).
func (m *mailbox) handle() (again bool) {
	defer func() {
		if r := recover(); r != nil {
			m.invoker.EscalateFailure(r, m.msg)
			again = true
		}
	}()
	for {
		if m.sysPending.Load() > 0 {
			m.handleSystem()
			continue
		}
		if m.suspended || m.pos == len(m.cur) {
			if !m.refill() {
				return false
			}
			continue
		}
		m.msg = m.cur[m.pos]
		m.cur[m.pos] = nil
		m.pos++
		m.invoker.InvokeUserMessage(m.msg)
		m.msg = nil
	}
}

// refill takes what has been posted. Where there is nothing to do it marks the
// mailbox idle and returns false.
func (m *mailbox) refill() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.sys) > 0 {
		return true
	}
	if m.suspended || len(m.user) == 0 {
		m.scheduled = false
		return false
	}
	taken := m.cur[:0]
	if cap(taken) > maxIdleMailbox {
		taken = nil
	}
	m.cur, m.user, m.pos = m.user, taken, 0
	return true
}

func (m *mailbox) handleSystem() {
	m.mu.Lock()
	m.msg = m.sys[0]
	copy(m.sys, m.sys[1:])
	m.sys[len(m.sys)-1] = nil
	m.sys = m.sys[:len(m.sys)-1]
	m.sysPending.Add(-1)
	m.mu.Unlock()
	switch m.msg.(type) {
	case *actor.SuspendMailbox:
		m.suspended = true
	case *actor.ResumeMailbox:
		m.suspended = false
	default:
		m.invoker.InvokeSystemMessage(m.msg)
	}
	m.msg = nil
}
