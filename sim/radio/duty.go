package radio

import (
	"fmt"
	"time"

	"github.com/coap2/coap2/netio"
)

// Duty says when stations sleep. The zero value: never.
//
// They wake every so often and listen for a moment. Who hears something then, or
// the rest of something, stays awake until the air has been free for as long as
// he listens, or he has a frame. Who has something to send repeats the frame
// until it is acknowledged, for an interval at most; what is for everyone, and
// what nobody acknowledges, for the whole of it. That is low-power listening as
// ContikiMAC has it (A. Dunkels, SICS T2011:13, 2011), without its knowledge of
// when a neighbour wakes; and as in X-MAC (M. Buettner et al., SenSys 2006) who
// has got a frame listens on as long as the next could take.
type Duty struct {
	// Wake is the interval; 0 = stations do not sleep. At least 10 ms, at most an
	// hour. At which time in it a station wakes is at random.
	Wake time.Duration
	// Listen is how long it listens; 0 = 1 ms. It must be longer than AckWait, or
	// it could fall between two repetitions, and shorter than half of Wake.
	// Stations listen as long before they send.
	Listen time.Duration
}

// Validate reports what is wrong with a Duty, if anything.
func (d Duty) Validate() error {
	if d == (Duty{}) {
		return nil
	}
	if d.Wake < 10*time.Millisecond || d.Wake > time.Hour {
		return fmt.Errorf("radio: Duty.Wake is %v; it must be between 10ms and 1h", d.Wake)
	}
	if d.Listen != 0 && (d.Listen <= AckWait || d.Listen > d.Wake/2) {
		return fmt.Errorf("radio: Duty.Listen is %v; it must be longer than %v, and at most half of Wake, %v", d.Listen, AckWait, d.Wake)
	}
	return nil
}

// sleeper is when a station is awake.
type sleeper struct {
	phase time.Duration // when it wakes first
	// It is awake until awake, besides the times at which it always is; from since
	// on that is not accounted for in extra.
	awake, since netio.Instant
	extra        time.Duration
	waking       netio.Instant // there is a timer for then
}

// duty reports whether stations sleep.
func (a *Air) duty() bool { return a.cfg.Duty.Wake > 0 }

// listening returns how long a station has listened from the beginning to a time,
// because it was time to wake.
func (a *Air) listening(st *station, until netio.Instant) time.Duration {
	x := until.Sub(a.began) - st.phase
	if x <= 0 {
		return 0
	}
	return x/a.cfg.Duty.Wake*a.cfg.Duty.Listen + min(x%a.cfg.Duty.Wake, a.cfg.Duty.Listen)
}

// awake reports whether a station is awake.
func (a *Air) awake(s int, now netio.Instant) bool {
	st := &a.stations[s]
	x := now.Sub(a.began) - st.phase
	return st.awake > now || x >= 0 && x%a.cfg.Duty.Wake < a.cfg.Duty.Listen
}

// rise wakes a station, which will sleep again at a time or later.
func (a *Air) rise(s int, until netio.Instant) {
	if !a.duty() {
		return
	}
	st, now := &a.stations[s], a.cfg.Clock.Now()
	if st.awake <= now {
		a.account(st, now)
		st.since = now
		if st.air > now { // the rest of something
			st.charge(now, st.air)
			st.heard = max(st.heard, st.air)
			until = max(until, st.air.Add(a.cfg.Duty.Listen))
		}
	}
	st.awake = max(st.awake, until)
}

// rouse sets a timer for a station that sleeps, if it will hear the rest of a frame.
func (a *Air) rouse(s int, end netio.Instant) {
	st, now, wake := &a.stations[s], a.cfg.Clock.Now(), a.cfg.Duty.Wake
	in := st.phase - now.Sub(a.began)
	if in < 0 {
		in += (-in + wake - 1) / wake * wake
	}
	if at := now.Add(in); at < end && at != st.waking {
		st.waking = at
		a.after(in, func() { a.rise(s, at) })
	}
}

// sleep lets a station sleep that has nothing to do.
func (a *Air) sleep(s int) {
	st, now := &a.stations[s], a.cfg.Clock.Now()
	if !a.duty() || st.sending || st.heard > now || st.engaged > now || st.awake <= now {
		return
	}
	a.account(st, now)
	st.awake = now
}

// account adds to extra what there is up to a time.
func (a *Air) account(st *station, now netio.Instant) {
	if until := min(st.awake, now); until > st.since {
		st.extra += until.Sub(st.since) - (a.listening(st, until) - a.listening(st, st.since))
		st.since = until
	}
}

// linger returns how long a station stays awake that has a frame: as long as the
// next one takes to begin, if the air is free.
func (a *Air) linger() time.Duration {
	return longSpace + 1<<a.minBE*Backoff + a.cfg.Duty.Listen + Turnaround
}

// listen is the beginning of a clear channel assessment of a station that sleeps
// otherwise.
func (a *Air) listen(s int) {
	took := a.cfg.Duty.Listen
	a.rise(s, a.cfg.Clock.Now().Add(took))
	a.after(took, func() { a.assess(s, took) })
}

// maxIntervals is how many intervals a station waits at most, as a power of two.
const maxIntervals = 3

// wait returns how long a station waits before it listens. Who has found the air
// busy, or was not acknowledged, has met somebody who repeats his frame.
func (a *Air) wait(st *station, s int) time.Duration {
	units := uint64(1) << a.minBE
	if again := st.nb + st.tries; again > 0 {
		units = uint64(a.cfg.Duty.Wake/Backoff) << min(again, maxIntervals)
	}
	return time.Duration(a.draw(s, units)) * Backoff
}

// repeat sends a frame again that was not acknowledged, to wake who sleeps; who
// hears somebody else meanwhile gives way.
func (a *Air) repeat(s int) {
	st, now := &a.stations[s], a.cfg.Clock.Now()
	switch {
	case a.cfg.Access == NoAccess:
		a.first(s)
	case st.heard > now || st.engaged > now:
		a.busy(s)
	default:
		a.transmit(s)
	}
}

// Energy returns what a station has spent its time on.
func (a *Air) Energy(station int) Energy {
	st, now := &a.stations[station], a.cfg.Clock.Now()
	e := st.Energy
	all := now.Sub(a.began)
	on := all
	if a.duty() {
		a.account(st, now)
		on = a.listening(st, now) + st.extra
	}
	e.Idle = max(0, on-e.Sending-e.Receiving)
	e.Asleep = max(0, all-e.Sending-e.Receiving-e.Idle)
	return e
}
