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
	sh      *shard
	invoker actor.MessageInvoker
	user    []any // posted, not yet taken
	// sysPending is how many are in sys, for who runs the mailbox.
	sysPending atomic.Int32
	pos        int32
	role       role // of its actor
	scheduled  bool
	dead       bool // its actor has stopped: others may have its name now
	suspended  bool // belongs to whoever runs the mailbox, as do pos and cur

	cur    []any  // taken; cur[pos:] is still to be handled
	room   [1]any // for user or cur: most mailboxes never have more than one
	sys    *systemMessage
	pid    *actor.PID // nil until it is spawned
	rarely *mailboxExtras
}

// mailboxExtras is what few mailboxes need.
type mailboxExtras struct {
	route *Route // of a resource
	// tap, where set, is told of every user message posted (tests count the
	// mailboxes that a request crosses).
	tap func(msg any)
}

// systemMessage is one in a list of system messages: there are few, at the
// beginning and the end of an actor.
type systemMessage struct {
	msg  any
	next *systemMessage
}

// maxIdleMailbox is the capacity that an empty mailbox keeps.
const maxIdleMailbox = 1024

// post posts a message; false if the actor has stopped. From elsewhere the way
// is by the actor system, which finds the actor that has the name now: see send.
func (m *mailbox) post(msg any) bool {
	if m.rarely != nil && m.rarely.tap != nil {
		m.rarely.tap(msg)
	}
	l := &m.sh.loop
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
	l := &m.sh.loop
	last := &systemMessage{msg: msg}
	l.mu.Lock()
	place := &m.sys
	for *place != nil {
		place = &(*place).next
	}
	*place = last
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
	m.sh.loop.mu.Lock()
	defer m.sh.loop.mu.Unlock()
	return len(m.user)
}

// run handles what is in the mailbox until nothing is left. The loop is locked
// when it begins and when it returns, and not while a message is handled.
func (m *mailbox) run() {
	l := &m.sh.loop
	for {
		switch {
		case m.sys != nil:
			msg := m.sys.msg
			m.sys = m.sys.next
			m.sysPending.Add(-1)
			l.mu.Unlock()
			m.handleSystem(msg)
			l.mu.Lock()
			continue
		case m.suspended:
			m.scheduled = false
			return
		case int(m.pos) == len(m.cur) && len(m.user) == 0:
			if cap(m.user) == 0 { // the next message needs no other place
				if m.user = m.spare(); m.user == nil {
					m.user = m.room[:0]
				}
				m.cur, m.pos = nil, 0
			}
			m.scheduled = false
			return
		case int(m.pos) == len(m.cur):
			m.cur, m.user, m.pos = m.user, m.spare(), 0
		}
		l.mu.Unlock()
		m.handle()
		l.mu.Lock()
	}
}

// spare returns the slice whose messages have been handled, to be filled anew;
// nil if it is too long for that.
func (m *mailbox) spare() []any {
	if cap(m.cur) > maxIdleMailbox {
		return nil
	}
	return m.cur[:0]
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
	n := &m.sh.nursery
	before := n.box
	n.box = m // whose actor starts again, if one does
	defer func() {
		n.box = before
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
	m.sh.loop.mu.Lock()
	m.dead = true
	m.sh.loop.mu.Unlock()
}
