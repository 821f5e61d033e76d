package sim

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/coap2/coap2/actors"
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

// Drift says how the clocks of nodes run. Every clock shows Epoch when the World
// begins.
type Drift struct {
	// Nodes is the pattern of their names; "" = all.
	Nodes string
	// PPM is by how many millionths of a second a second of theirs is shorter:
	// above 0 a clock runs fast, below slow. Between -500,000 and 500,000.
	PPM float64
	// Spread is by how much more, or less, it is at most for each of them, at
	// random.
	Spread float64
}

// maxPPM keeps a clock going forwards, and its times in range.
const maxPPM = 500_000

// Drift lets the clocks of nodes run fast or slow, of those that are started from
// now on; of several that fit, the one set last counts.
func (w *World) Drift(d Drift) error {
	if w.live != nil {
		return fmt.Errorf("%w: clocks that drift", ErrLive)
	}
	for _, f := range [...]struct {
		name string
		v    float64
	}{{"PPM", d.PPM}, {"Spread", d.Spread}, {"PPM with Spread", math.Abs(d.PPM) + d.Spread}} {
		if !(math.Abs(f.v) <= maxPPM) { // so that NaN is refused too
			return fmt.Errorf("sim: Drift.%s is %v; it must be between -%d and %d", f.name, f.v, maxPPM, maxPPM)
		}
	}
	if d.Spread < 0 {
		return fmt.Errorf("sim: Drift.Spread is %v; it must not be negative", d.Spread)
	}
	if _, err := w.Select(d.Nodes); err != nil {
		return err
	}
	w.drifts = append(w.drifts, d)
	return nil
}

// envOf returns the Env of a host's node, and settles how its clock runs.
func (w *World) envOf(h *host) *actors.Env {
	h.drift = nil
	for i := len(w.drifts) - 1; i >= 0; i-- {
		d := &w.drifts[i]
		if in, err := w.Select(d.Nodes); err != nil || !in(h.name) {
			continue
		}
		ppm := d.PPM
		if d.Spread > 0 {
			ppm += d.Spread * (2*w.memberRand(h.name, "clock").Float64() - 1)
		}
		if ppb := int64(math.Round(ppm * 1000)); ppb != 0 {
			h.drift = &drift{w: w, rate: uint64(second + ppb)}
			return w.env.WithClock(h.drift)
		}
		break
	}
	return w.env
}

const second = int64(time.Second)

// drift is a clock that runs fast or slow.
type drift struct {
	w    *World
	rate uint64 // its nanoseconds in a second of the World's
}

// at returns what the clock shows at a moment of the World.
func (c *drift) at(t netio.Instant) netio.Instant {
	return Epoch + netio.Instant(scale(uint64(t-Epoch), c.rate, uint64(second), 0))
}

// scale returns x·a/b, rounded up if up is 1, and no more than there is room for.
func scale(x, a, b, up uint64) uint64 {
	const most = math.MaxInt64 - uint64(Epoch)
	hi, lo := bits.Mul64(x, a)
	if hi >= b {
		return most
	}
	q, r := bits.Div64(hi, lo, b)
	if r > 0 {
		q += up
	}
	return min(q, most)
}

// Now implements netio.Clock.
func (c *drift) Now() netio.Instant { return c.at(c.w.now) }

// AfterFunc implements netio.Clock.
func (c *drift) AfterFunc(d time.Duration, f func()) netio.Timer {
	return clock{c.w}.AfterFunc(c.stretch(d), f)
}

// stretch returns how long it takes until the clock shows d more.
func (c *drift) stretch(d time.Duration) time.Duration {
	if d <= 0 {
		return d
	}
	then := c.Now().Add(d)
	if then < 0 {
		then = math.MaxInt64 // it cannot tell such a time
	}
	return time.Duration(scale(uint64(then-Epoch), uint64(second), c.rate, 1)) - c.w.Elapsed()
}

// Wall implements netio.Clock.
func (c *drift) Wall(t netio.Instant) time.Time { return clock{c.w}.Wall(t) }

// now returns the time on the clock of a host.
func (h *host) now() netio.Instant {
	if h.drift != nil {
		return h.drift.Now()
	}
	return h.w.now
}

// stretch returns how long a time on the clock of a host takes.
func (h *host) stretch(d time.Duration) time.Duration {
	if h.drift != nil {
		return h.drift.stretch(d)
	}
	return d
}
