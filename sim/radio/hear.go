package radio

import (
	"time"

	"github.com/coap2/coap2/netio"
)

// hear lets a station hear the beginning of a frame.
func (a *Air) hear(s int, f *signal, now, end netio.Instant) {
	st := &a.stations[s]
	if a.duty() {
		if !a.awake(s, now) {
			a.rouse(s, end)
			st.air = max(st.air, end)
			return
		}
		a.rise(s, end.Add(a.cfg.Duty.Listen))
	}
	st.air = max(st.air, end)
	st.charge(now, end)
	st.settle(now)
	switch {
	case st.sends > now:
		a.spoil(s, f)
	case st.heard > now:
		a.spoil(s, f)
		a.spoil(s, st.clean)
		st.clean = nil
	default:
		st.clean = f
	}
	st.heard = max(st.heard, end)
}

// charge accounts for receiving until end.
func (st *station) charge(now, end netio.Instant) {
	if from := max(now, st.cursor); end > from {
		st.Receiving += end.Sub(from)
		st.cursor = end
	}
}

// settle keeps a frame that ends at the moment at which another begins.
func (st *station) settle(now netio.Instant) {
	if st.clean != nil && st.heard <= now {
		st.clean, st.ended = nil, st.clean
	}
}

// spoil says that a station does not get a frame, for which it may be.
func (a *Air) spoil(s int, f *signal) {
	if f == nil || f.next != Everyone && f.next != s {
		return
	}
	a.stations[s].counts.Spoiled++
	if f.next == Everyone || a.cfg.NoAcks {
		f.d.lost |= Collided
	}
	if !f.collided {
		f.collided = true
		a.stats.Collisions++
	}
}

// receive takes a frame that has come to a station.
func (a *Air) receive(s int, f *signal) {
	switch {
	case f.next == Everyone:
		a.spread(s, f)
		a.sleep(s)
	case f.next != s:
		a.sleep(s)
	case f.of != nil:
		a.acknowledged(f.of)
	default:
		if a.expects(f) {
			a.acknowledge(s, f)
		}
		// Whoever has a frame knows it by its number when it comes again.
		if from := &a.stations[f.from]; !from.had {
			from.had = true
			a.accept(s, f)
		}
	}
}

// spread takes a frame for everyone.
func (a *Air) spread(s int, f *signal) {
	d := f.d
	if d.take(s, s, f.frag, a.cfg.Clock.Now()) && a.cfg.Forward && f.hops > 1 {
		d.live++
		j := job{d, f.frag, Everyone, f.hops - 1}
		a.after(time.Duration(a.draw(s, uint64(a.cfg.Jitter)+1)), func() { a.enqueue(s, j) })
	}
}

// accept takes a frame for one station.
func (a *Air) accept(s int, f *signal) {
	d := f.d
	if s == d.Header.To {
		d.take(s, 0, f.frag, a.cfg.Clock.Now())
		return
	}
	if f.hops <= 1 {
		return
	}
	next := a.topology().Next(s, d.Header.To)
	if next < 0 {
		d.lost |= Unreachable
		return
	}
	d.live++
	a.enqueue(s, job{d, f.frag, next, f.hops - 1})
}

// take gives a station a fragment, and reports whether it was new to it.
func (d *Datagram) take(s, slot, frag int, now netio.Instant) bool {
	p := &d.parts[slot]
	bit := uint64(1) << frag
	if p.seen&bit != 0 {
		return false
	}
	p.seen |= bit
	if p.have == 0 {
		p.since = now
	} else if now.Sub(p.since) > ReassemblyTimeout {
		p.have, p.since = 0, now
		d.lost |= Expired
	}
	if p.have |= bit; p.have == 1<<len(d.frags)-1 {
		d.Heard(s)
	}
	return true
}
