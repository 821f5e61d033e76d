package actors

import (
	"fmt"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// invoker records what a mailbox hands to its actor.
type invoker struct {
	mb  *mailbox
	log []string
}

func (i *invoker) InvokeSystemMessage(m any) { i.log = append(i.log, fmt.Sprintf("sys %v", m)) }

func (i *invoker) InvokeUserMessage(m any) {
	i.log = append(i.log, fmt.Sprint(m))
	if m == "panic" {
		panic("boom")
	}
	if m == "more" {
		i.mb.PostUserMessage("posted while running")
		i.mb.PostSystemMessage("first")
	}
}

func (i *invoker) EscalateFailure(reason, msg any) {
	i.log = append(i.log, fmt.Sprintf("failed %v with %v", msg, reason))
	i.mb.PostSystemMessage(&actor.SuspendMailbox{})
}

func newTestMailbox() (*mailbox, *invoker, *loop) {
	sh := &shard{spares: &spares{}}
	l := &sh.loop
	l.wake, l.idle = func() {}, func() {}
	mb := &mailbox{sh: sh}
	i := &invoker{mb: mb}
	mb.RegisterHandlers(i, nil)
	return mb, i, l
}

func TestMailboxKeepsOrderAndSystemMessagesGoFirst(t *testing.T) {
	mb, i, l := newTestMailbox()
	mb.PostUserMessage("a")
	mb.PostUserMessage("more")
	mb.PostUserMessage("b")
	mb.PostSystemMessage("s")
	require.Equal(t, 1, l.queued(), "one activation for all")
	l.drain()
	require.Equal(t, []string{"sys s", "a", "more", "sys first", "b", "posted while running"}, i.log)
	require.Zero(t, mb.UserMessageCount())
	mb.PostUserMessage("again")
	l.drain()
	require.Equal(t, "again", i.log[len(i.log)-1])
}

func TestMailboxSurvivesAPanicAndLosesNothing(t *testing.T) {
	mb, i, l := newTestMailbox()
	for _, m := range []string{"a", "panic", "b", "c"} {
		mb.PostUserMessage(m)
	}
	l.drain()
	require.Equal(t, []string{"a", "panic", "failed panic with boom"}, i.log, "suspended after the failure")
	mb.PostUserMessage("d")
	l.drain()
	require.Len(t, i.log, 3)
	mb.PostSystemMessage(&actor.ResumeMailbox{})
	l.drain()
	require.Equal(t, []string{"b", "c", "d"}, i.log[3:])
}

func TestMailboxAllocatesNothingOnceItHasGrown(t *testing.T) {
	n := 0
	mb, _, l := newTestMailbox()
	mb.RegisterHandlers(countInvoker{&n}, nil)
	msg := &struct{ x int }{}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		mb.PostUserMessage(msg)
		l.drain()
	}))
	require.Equal(t, 101, n)
}

type countInvoker struct{ n *int }

func (c countInvoker) InvokeSystemMessage(any)  {}
func (c countInvoker) InvokeUserMessage(any)    { *c.n++ }
func (c countInvoker) EscalateFailure(any, any) {}

// TestLoopIsDrainedByOneAtATime posts from many goroutines; the race detector
// and the counter see whether two ever drain at once.
func TestLoopIsDrainedByOneAtATime(t *testing.T) {
	var l loop
	idle := 0
	l.idle = func() { idle++ }
	wake, stop := systemRunner{}.Attach(l.drain)
	l.wake = wake
	const posters, each = 8, 1000
	n := 0 // no lock: the right to drain is one
	var wg sync.WaitGroup
	for p := range posters {
		wg.Go(func() {
			for range each {
				if p%2 == 0 && l.enter() {
					l.Schedule(func() { n++ })
					l.leave()
				} else {
					l.Schedule(func() { n++ })
				}
			}
		})
	}
	wg.Wait()
	stop()
	require.Equal(t, posters*each, n)
	require.Positive(t, idle)
}
