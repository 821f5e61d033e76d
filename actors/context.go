package actors

import (
	"context"
	"errors"
	"sync"
	"time"
)

// taskContext is the context of a handler. It ends when the peer has given up
// or the node stops. It is a type of our own because the contexts of the
// standard library propagate their end through goroutines, which the simulator
// cannot have: here everything that hangs on it is called in order, by the one
// who ends it.
type taskContext struct {
	env    *Env
	inline bool

	mu    sync.Mutex
	done  chan struct{}
	err   error
	hooks []*func()
}

var (
	errPeerGone = errors.New("actors: the peer has given up waiting for this response")
	closedChan  = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
)

type taskKey struct{}

// taskOf returns the handler's context that ctx was derived from, or nil.
func taskOf(ctx context.Context) *taskContext {
	t, _ := ctx.Value(taskKey{}).(*taskContext)
	return t
}

func (c *taskContext) Deadline() (time.Time, bool) { return time.Time{}, false }

func (c *taskContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		if c.err != nil {
			c.done = closedChan
		} else {
			c.done = make(chan struct{})
		}
	}
	return c.done
}

func (c *taskContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return context.Canceled
	}
	return nil
}

func (c *taskContext) Value(key any) any {
	if _, ok := key.(taskKey); ok {
		return c
	}
	return nil
}

// AfterFunc registers f to be called, in order of registration, when the
// context ends. The context package uses it to propagate the end to derived
// contexts without a goroutine.
//
// If it has ended already, f is called from a task of its own: the context
// package holds a lock here that its f takes.
func (c *taskContext) AfterFunc(f func()) (stop func() bool) {
	stop, ended := c.onEnd(f)
	if ended {
		c.env.Runner.Go(f)
	}
	return stop
}

// onEnd registers f, or reports that the context has ended.
func (c *taskContext) onEnd(f func()) (stop func() bool, ended bool) {
	h := &f
	c.mu.Lock()
	ended = c.err != nil
	if !ended {
		c.hooks = append(c.hooks, h)
	}
	c.mu.Unlock()
	if ended {
		return func() bool { return false }, true
	}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.hooks {
			if c.hooks[i] == h {
				c.hooks = append(c.hooks[:i], c.hooks[i+1:]...)
				return true
			}
		}
		return false
	}, false
}

// end ends the context; only the first call counts.
func (c *taskContext) end(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	hooks := c.hooks
	c.hooks = nil
	c.mu.Unlock()
	for _, h := range hooks {
		(*h)()
	}
}

// OnEnd calls f when the handler context that ctx derives from ends, at once if
// it has ended; it does nothing for other contexts. A Runner that parks tasks uses it to wake them.
func OnEnd(ctx context.Context, f func()) (stop func() bool) {
	t := taskOf(ctx)
	if t == nil {
		return func() bool { return false }
	}
	stop, ended := t.onEnd(f)
	if ended {
		f()
	}
	return stop
}

// NewTaskContext returns a context for a task that a Runner starts itself, and
// the function that ends it.
func NewTaskContext(env *Env) (context.Context, func(error)) {
	t := &taskContext{env: env}
	return t, t.end
}

// Sleep waits for d on the clock of the node whose handler was given ctx (on
// the real clock otherwise), or until ctx ends, whose error it returns. Use it
// in handlers instead of time.Sleep: in the simulator it costs virtual time
// only. In an Inline handler it returns ErrInline at once.
func Sleep(ctx context.Context, d time.Duration) error {
	env := SystemEnv
	if t := taskOf(ctx); t != nil {
		if t.inline {
			return ErrInline
		}
		env = func() *Env { return t.env }
	}
	e := env()
	s := e.Runner.NewSignal()
	timer := e.Clock.AfterFunc(d, s.Set)
	defer timer.Stop()
	return s.Wait(ctx)
}
