package radio

import "time"

// begin lets a station send the first of its queue.
func (a *Air) begin(s int) {
	st := &a.stations[s]
	for {
		if st.active = len(st.queue) > 0; !st.active {
			st.queue = nil
			return
		}
		st.sender = sender{number: st.number + 1}
		j := &st.queue[0]
		if a.cfg.Topology.paths == nil || !j.d.mesh || j.next == Everyone {
			break
		}
		if j.next = a.topology().Next(s, j.d.Header.To); j.next >= 0 { // it may be another by now
			break
		}
		j.d.lost |= Unreachable
		a.drop(s).over()
	}
	a.attempt(s)
}

// drop takes the first frame out of a station's queue, and returns what it is of.
func (a *Air) drop(s int) *Datagram {
	st := &a.stations[s]
	d := st.queue[0].d
	st.queue[0] = job{}
	st.queue = st.queue[1:]
	return d
}

// attempt lets a station send it for the first time, or again.
func (a *Air) attempt(s int) {
	st := &a.stations[s]
	st.until = 0
	if st.sending = a.cfg.Access == NoAccess; st.sending {
		a.first(s)
		return
	}
	st.nb, st.be = 0, a.minBE
	a.backoff(s)
}

func (a *Air) backoff(s int) {
	st := &a.stations[s]
	if a.duty() {
		a.after(a.wait(st, s), func() { a.listen(s) })
		return
	}
	wait := time.Duration(a.draw(s, 1<<st.be)) * Backoff
	a.after(wait+Assessment, func() { a.assess(s, Assessment) })
}

// assess is the end of a clear channel assessment, which took so long.
func (a *Air) assess(s int, took time.Duration) {
	st, since := &a.stations[s], a.cfg.Clock.Now().Add(-took)
	if st.engaged > since { // it had to acknowledge something
		a.backoff(s)
		return
	}
	a.stats.Assessments++
	if st.air > since {
		a.busy(s)
		return
	}
	st.sending = true
	a.rise(s, a.cfg.Clock.Now().Add(Turnaround))
	a.after(Turnaround, func() { a.first(s) })
}

// busy says that the air is not free.
func (a *Air) busy(s int) {
	st := &a.stations[s]
	st.sending, st.until = false, 0
	a.stats.Busy++
	st.nb++
	st.be = min(st.be+1, a.maxBE)
	if st.nb <= a.maxBackoffs {
		a.backoff(s)
		return
	}
	a.stats.Failures++
	st.counts.Failures++
	a.finish(s, 0, Busy)
}

// finish is the end of the first frame of a station's queue; it begins with the
// next a while later.
func (a *Air) finish(s int, space time.Duration, lost Loss) {
	st, d := &a.stations[s], a.drop(s)
	if !st.had {
		d.lost |= lost
	}
	st.sending = false
	a.sleep(s)
	if space > 0 {
		a.after(space, func() { a.begin(s) })
	} else {
		a.begin(s)
	}
	d.over()
}

// first puts the first frame of a station's queue on the air, for the first time
// in an attempt.
func (a *Air) first(s int) {
	st, now := &a.stations[s], a.cfg.Clock.Now()
	if st.engaged > now { // who does not listen before he sends
		a.after(st.engaged.Sub(now), func() { a.first(s) })
		return
	}
	if a.duty() && st.until == 0 {
		j := st.queue[0]
		st.until = now.Add(a.cfg.Duty.Wake + AirTime(j.d.frags[j.frag].Size))
	}
	a.transmit(s)
}

// transmit puts the first frame of a station's queue on the air.
func (a *Air) transmit(s int) {
	st := &a.stations[s]
	j := st.queue[0]
	a.stats.Frames++
	st.counts.Sent++
	a.put(&signal{job: j, from: s, size: j.d.frags[j.frag].Size, number: st.number})
}

// put puts a frame on the air.
func (a *Air) put(f *signal) {
	s := f.from
	st, now := &a.stations[s], a.cfg.Clock.Now()
	end := now.Add(AirTime(f.size))
	if a.cfg.Sniff != nil {
		a.cfg.Sniff(f.frame(now, a.expects(f)))
	}
	a.rise(s, end)

	// Who sends does not hear.
	if st.cursor > now {
		st.Receiving -= min(st.cursor, end).Sub(now)
	}
	st.Sending += end.Sub(now)
	st.cursor, st.sends = max(st.cursor, end), end
	st.settle(now)
	a.spoil(s, st.clean)
	st.clean = nil
	f.near = a.topology().around(s)
	a.each(f, func(i int) { a.hear(i, f, now, end) })
	a.after(end.Sub(now), func() { a.end(f) })
}

// each calls do for everyone who hears a frame.
func (a *Air) each(f *signal, do func(i int)) {
	if f.near != nil {
		for _, i := range f.near {
			do(int(i))
		}
		return
	}
	for i := range a.stations {
		if i != f.from {
			do(i)
		}
	}
}

// end is the end of a frame.
func (a *Air) end(f *signal) {
	a.each(f, func(i int) {
		switch st := &a.stations[i]; f {
		case st.clean:
			st.clean = nil
			a.receive(i, f)
		case st.ended:
			st.ended = nil
			a.receive(i, f)
		}
	})
	if f.of == nil {
		a.sent(f)
	}
}

// expects reports whether a frame is to be acknowledged.
func (a *Air) expects(f *signal) bool { return f.next != Everyone && f.of == nil && !a.cfg.NoAcks }

// sent decides what follows a frame.
func (a *Air) sent(f *signal) {
	st, now := &a.stations[f.from], a.cfg.Clock.Now()
	again := now.Add(AckWait) < st.until
	if !again && !a.expects(f) {
		a.finish(f.from, f.space(), 0)
		return
	}
	a.rise(f.from, now.Add(AckWait))
	a.after(AckWait, func() {
		if f.acked {
			return
		}
		st.hit = st.hit || f.collided
		if again {
			a.repeat(f.from)
			return
		}
		a.unheard(f.from)
	})
}

// space returns how long a station waits after a frame.
func (f *signal) space() time.Duration {
	if f.size <= maxShort {
		return shortSpace
	}
	return longSpace
}

// acknowledge acknowledges a frame that has come to a station.
func (a *Air) acknowledge(s int, f *signal) {
	st, now := &a.stations[s], a.cfg.Clock.Now()
	st.engaged = now.Add(Turnaround + AirTime(ackSize))
	a.rise(s, st.engaged.Add(a.linger()))
	a.after(Turnaround, func() {
		if st.sends > a.cfg.Clock.Now() {
			return // it has begun in the very moment in which the frame ended
		}
		a.stats.Acks++
		a.put(&signal{job: job{d: f.d, frag: f.frag, next: f.from}, from: s, size: ackSize, number: f.number, of: f})
	})
}

// acknowledged tells a station that its frame has come.
func (a *Air) acknowledged(f *signal) {
	f.acked = true
	a.finish(f.from, f.space(), 0)
}

// unheard says that nobody has acknowledged the first frame of a station's queue.
func (a *Air) unheard(s int) {
	st := &a.stations[s]
	if st.sending = false; st.tries < a.retries {
		st.tries++
		a.stats.Retries++
		a.attempt(s)
		return
	}
	a.stats.GivenUp++
	lost := NoAck
	if st.hit {
		lost = Collided
	}
	a.finish(s, 0, lost)
}
