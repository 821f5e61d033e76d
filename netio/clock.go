package netio

import "time"

// Instant is a moment on a Clock, in nanoseconds since the clock's epoch,
// monotonic. A clock's Now is always above 0, so that 0 can mean "never" or
// "no deadline".
type Instant int64

// Add returns the moment d later.
func (t Instant) Add(d time.Duration) Instant { return t + Instant(d) }

// Sub returns the time from u to t.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Timer is a pending call of a Clock.
type Timer interface {
	// Stop prevents the call, and reports whether it did.
	Stop() bool
}

// Clock tells time and calls back. Nothing above netio touches package time's
// clock.
type Clock interface {
	// Now returns the present moment, above 0.
	Now() Instant
	// AfterFunc calls f once, after d (at once if d <= 0), from a goroutine of
	// the clock's own. f must be short.
	AfterFunc(d time.Duration, f func()) Timer
	// Wall returns the calendar time that belongs to an Instant.
	Wall(t Instant) time.Time
}

// SystemClock is the real clock.
type SystemClock struct{ epoch time.Time }

// NewSystemClock starts a real clock whose Now is one second.
func NewSystemClock() *SystemClock { return &SystemClock{epoch: time.Now().Add(-time.Second)} }

// Now implements Clock.
func (c *SystemClock) Now() Instant { return Instant(time.Since(c.epoch)) }

// AfterFunc implements Clock.
func (c *SystemClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(max(d, 0), f) }

// Wall implements Clock.
func (c *SystemClock) Wall(t Instant) time.Time { return c.epoch.Add(time.Duration(t)) }
