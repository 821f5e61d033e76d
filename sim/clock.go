package sim

import (
	"time"

	"github.com/coap2/coap2/netio"
)

// clock is the netio.Clock of a World.
type clock struct{ w *World }

// Now implements netio.Clock.
func (c clock) Now() netio.Instant { return c.w.now }

// AfterFunc implements netio.Clock. The call comes when the World has done all
// that is ready.
func (c clock) AfterFunc(d time.Duration, f func()) netio.Timer {
	t := &timer{f: f}
	c.w.agenda.setTimer(c.w.after(d), t)
	return t
}

// Wall implements netio.Clock: every World begins with the year 2000.
func (c clock) Wall(t netio.Instant) time.Time {
	return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC).Add(t.Sub(Epoch))
}

// now returns the time on the clock of a host.
func (h *host) now() netio.Instant { return h.w.now }

// stretch returns how long a time on the host's clock takes.
func (h *host) stretch(d time.Duration) time.Duration { return d }
