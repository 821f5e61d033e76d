package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox is the mailbox of every actor of a node, and how the others of the
// node reach it. What is in it is guarded by its loop, so that to post a message
// and to queue the mailbox is one step; protoactor's own queues allocate for
// each activation, this one nothing once its slices have grown.
type mailbox struct {
	loop    *loop
	pid     *actor.PID // nil until it is spawned
	invoker actor.MessageInvoker
	user    []any // posted, not yet taken
	sys     []any
	// sysPending is how many are in sys, for who runs the mailbox.
	sysPending atomic.Int32
	scheduled  bool
	dead       bool // its actor has stopped: others may have its name now

	// The rest belongs to whoever runs the mailbox.
	suspended bool
	pos       int32
	cur       []any // taken; cur[pos:] is still to be handled

	// tap, where set, is told of every user message posted (tests count the
	// mailboxes that a request crosses).
	tap func(msg any)
}

// maxIdleMailbox is the capacity that an empty mailbox keeps.
const maxIdleMailbox = 1024

// post posts a message; false if the actor has stopped. From elsewhere the way
// is by the actor system, which finds the actor that has the name now: see send.
func (m *mailbox) post(msg any) bool {
	if m.tap != nil {
		m.tap(msg)
	}
	l := m.loop
	l.mu.Lock()
	if m.dead {
		l.mu.Unlock()
		return false
	}
	m.user = append(m.user, msg)
	wake := l.schedule(m)
	l.mu.Unlock()
	if wake {
		l.wake()
	}
	return true
}

// send sends a message to an actor, or, if it has stopped, to the one that has
// its name now.
func (e *Env) send(to *mailbox, msg any) {
	if !to.post(msg) {
		e.System.Root.Send(to.pid, msg)
	}
}

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(msg any) { m.post(msg) }

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(msg any) {
	l := m.loop
	l.mu.Lock()
	m.sys = append(m.sys, msg)
	m.sysPending.Add(1)
	wake := l.schedule(m)
	l.mu.Unlock()
	if wake {
		l.wake()
	}
}

// RegisterHandlers implements actor.Mailbox.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start implements actor.Mailbox.
func (m *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (m *mailbox) UserMessageCount() int {
	m.loop.mu.Lock()
	defer m.loop.mu.Unlock()
	return len(m.user)
}

// run handles what is in the mailbox until nothing is left. The loop is locked
// when it begins and when it returns, and not while a message is handled.
func (m *mailbox) run() {
	for {
		switch {
		case len(m.sys) > 0:
			msg := m.sys[0]
			copy(m.sys, m.sys[1:])
			m.sys[len(m.sys)-1] = nil
			m.sys = m.sys[:len(m.sys)-1]
			m.sysPending.Add(-1)
			m.loop.mu.Unlock()
			m.handleSystem(msg)
			m.loop.mu.Lock()
			continue
		case m.suspended || int(m.pos) == len(m.cur) && len(m.user) == 0:
			m.scheduled = false
			return
		case int(m.pos) == len(m.cur):
			taken := m.cur[:0]
			if cap(taken) > maxIdleMailbox {
				taken = nil
			}
			m.cur, m.user, m.pos = m.user, taken, 0
		}
		m.loop.mu.Unlock()
		m.handle()
		m.loop.mu.Lock()
	}
}

// handle handles the messages that have been taken, until a system message comes
// or one panics: the failure is escalated then, and the mailbox about to be
// suspended.
func (m *mailbox) handle() {
	var msg any
	defer func() {
		if r := recover(); r != nil {
			m.invoker.EscalateFailure(r, msg)
		}
	}()
	for int(m.pos) < len(m.cur) && m.sysPending.Load() == 0 {
		msg = m.cur[m.pos]
		m.cur[m.pos] = nil
		m.pos++
		m.invoker.InvokeUserMessage(msg)
	}
}

func (m *mailbox) handleSystem(msg any) {
	defer func() {
		if r := recover(); r != nil {
			m.invoker.EscalateFailure(r, msg)
		}
	}()
	switch msg.(type) {
	case *actor.SuspendMailbox:
		m.suspended = true
	case *actor.ResumeMailbox:
		m.suspended = false
	default:
		m.invoker.InvokeSystemMessage(msg)
	}
	switch msg.(type) {
	case *actor.Stop, *actor.Terminated:
		m.checkStopped()
	}
}

// checkStopped finds out whether the actor has stopped: its name is free then.
func (m *mailbox) checkStopped() {
	if c, ok := m.invoker.(actor.Context); ok {
		if _, alive := c.ActorSystem().ProcessRegistry.GetLocal(c.Self().Id); !alive {
			m.die()
		}
	}
}

// die makes the mailbox refuse what is posted.
func (m *mailbox) die() {
	m.loop.mu.Lock()
	m.dead = true
	m.loop.mu.Unlock()
}
