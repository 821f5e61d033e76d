package actors

import (
	"slices"
	"sync"
	"time"

	"github.com/coap2/coap2/netio"
)

// stillClock is a clock that stands still until the test moves it on. It counts
// the timers that it is asked for.
type stillClock struct {
	mu     sync.Mutex
	now    netio.Instant
	timers []*stillTimer // by time
	made   int           // ever
	most   int           // pending at the same time
}

type stillTimer struct {
	clock *stillClock
	at    netio.Instant
	f     func()
}

func newStillClock() *stillClock { return &stillClock{now: netio.Instant(time.Second)} }

func (c *stillClock) Now() netio.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *stillClock) Wall(t netio.Instant) time.Time { return time.Unix(0, int64(t)) }

func (c *stillClock) AfterFunc(d time.Duration, f func()) netio.Timer {
	c.mu.Lock()
	t := &stillTimer{c, c.now.Add(d), f}
	c.made++
	if d > 0 {
		i := len(c.timers)
		for i > 0 && c.timers[i-1].at > t.at {
			i--
		}
		c.timers = slices.Insert(c.timers, i, t)
		c.most = max(c.most, len(c.timers))
	}
	c.mu.Unlock()
	if d <= 0 {
		f()
	}
	return t
}

func (t *stillTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	i := slices.Index(t.clock.timers, t)
	if i >= 0 {
		t.clock.timers = slices.Delete(t.clock.timers, i, i+1)
	}
	return i >= 0
}

// advance moves the clock on and fires what is due then.
func (c *stillClock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	for len(c.timers) > 0 && c.timers[0].at <= c.now {
		f := c.timers[0].f
		c.timers = slices.Delete(c.timers, 0, 1)
		c.mu.Unlock()
		f()
		c.mu.Lock()
	}
	c.mu.Unlock()
}

// counts returns how many timers there have been, are, and were at most at
// once.
func (c *stillClock) counts() (made, pending, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made, len(c.timers), c.most
}
