package sim

import (
	"math"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

// clock is the netio.Clock of a World.
type clock struct{ w *World }

// Now implements netio.Clock.
func (c clock) Now() netio.Instant { return c.w.now }

// AfterFunc implements netio.Clock. The call comes when the World has done all
// that is ready.
func (c clock) AfterFunc(d time.Duration, f func()) netio.Timer {
	t := &timer{w: c.w, f: f}
	t.handle = c.w.events.Add(c.w.after(d), event{timer: t})
	return t
}

// after returns the moment that is d from now.
func (w *World) after(d time.Duration) netio.Instant {
	return w.now.Add(min(max(d, 0), time.Duration(math.MaxInt64-w.now)))
}

// Wall implements netio.Clock: every World begins with the year 2000.
func (c clock) Wall(t netio.Instant) time.Time {
	return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).Add(t.Sub(Epoch))
}

type timer struct {
	w      *World
	f      func()
	handle protocol.Handle
}

// Stop implements netio.Timer.
func (t *timer) Stop() bool {
	_, ok := t.w.events.Cancel(t.handle)
	return ok
}
