package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/netio"
)

// transportActor owns the node's socket. When that dies it fails, and its
// supervisor starts it again after a while: the node lives on meanwhile, and
// what it sends is lost as it might be on the air.
type transportActor struct {
	node        *Node
	incarnation int
	open        netio.Transport
}

// socketFailure is what a transport actor fails with.
type socketFailure struct{ err error }

func (f *socketFailure) String() string { return f.err.Error() }

// Receive implements actor.Actor.
func (t *transportActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		t.onStarted()
	case transportDown:
		t.onDown(m)
	case stopNode:
		t.onStop()
	case *actor.Stopping, *actor.Restarting:
		if t.open != nil { // it, or the node, failed for another reason than the socket
			t.close(nil)
		}
	}
}

// onStarted puts the socket to work: the one that Start has opened, or, after a
// restart, a new one.
func (t *transportActor) onStarted() {
	n := t.node
	if n.adopt {
		t.open, t.incarnation, n.adopt = *n.transport.Load(), n.incarnation, false
		return
	}
	n.incarnation++
	t.incarnation = n.incarnation
	t.open, n.opened = n.opened, nil
	if t.open == nil {
		var err error
		if t.open, err = n.open(); err != nil {
			panic(&socketFailure{fmt.Errorf("reopening the socket: %w", err)})
		}
		n.shard.stats.rare().restarts.Add(1)
		n.log.Info("actors: the socket is open again", "addresses", t.open.Local())
	}
	n.openedAt = n.env.Clock.Now()
	n.setTransport(t.open)
	incarnation := t.incarnation
	err := t.open.Start(netio.Receiver{
		Datagrams: n.receiver(),
		Down: func(err error) {
			n.rouse()
			n.env.send(n.socket, transportDown{incarnation, err})
		},
		Changed: func() {
			if n.naming != nil {
				n.env.send(n.naming.box, namesChanged{})
			}
		},
	})
	if err != nil {
		t.close(nil)
		panic(&socketFailure{fmt.Errorf("starting the socket: %w", err)})
	}
	if n.naming != nil && n.hearsGroups() {
		n.shard.post(n.naming.box, namesOpen{})
	}
	if incarnation > 1 {
		n.renewObservations()
	}
}

func (t *transportActor) onDown(m transportDown) {
	if m.incarnation != t.incarnation || t.open == nil {
		return
	}
	t.close(nil)
	panic(&socketFailure{m.err})
}

// close closes the socket on another goroutine: Close waits for the readers,
// and one of them may be the one that runs this.
func (t *transportActor) close(then func()) {
	open := t.open
	t.open = nil
	t.node.setTransport(nil)
	t.node.env.Runner.Go(func() {
		if open != nil {
			if err := open.Close(); err != nil {
				t.node.log.Warn("actors: closing the socket", "error", err)
			}
		}
		if then != nil {
			then()
		}
	})
}

func (t *transportActor) onStop() {
	n := t.node
	n.shard.flush()
	flush := func() {}
	if n.naming != nil {
		flush = n.naming.leave()
	}
	t.close(func() {
		flush()
		n.env.send(n.box, transportClosed{})
	})
}

// Back-off between attempts to open a socket that died: doubled each time,
// with a random part, and forgotten when one has lived for a minute.
const (
	firstBackoff  = 100 * time.Millisecond
	longestDelay  = 30 * time.Second
	backoffForget = time.Minute
)

// backoff returns how long to wait before the attempt after n failures.
func backoff(n int, r float64) time.Duration {
	d := longestDelay
	if n < 9 {
		d = min(firstBackoff<<max(n-1, 0), longestDelay)
	}
	return d/2 + time.Duration(r*float64(d/2))
}
