package protocol

import "github.com/coap2/coap2/netio"

// begin makes a transfer, or returns nil if there is no room for one.
func (s *Spool) begin(now netio.Instant, key BlockKey, lim SpoolLimits) *spooled {
	if s.perPeer[key.Peer] >= s.cfg.PerPeer && !s.evict(now, func(e *spooled) bool { return e.key.Peer == key.Peer }) {
		return nil
	}
	for len(s.table) >= s.cfg.Max {
		if !s.evict(now, func(*spooled) bool { return true }) {
			return nil
		}
	}
	e := &spooled{key: key, value: lim.Value, stream: lim.Stream}
	s.table[key] = e
	s.perPeer[key.Peer]++
	e.link(&s.young)
	return e
}

// store appends to a body, if there is memory for it.
func (s *Spool) store(now netio.Instant, e *spooled, payload []byte) bool {
	if need := len(e.body) + len(payload); need > cap(e.body) {
		// Doubled, so that the bytes are copied a constant number of times.
		size := max(need, 2*cap(e.body), 1024)
		for s.bytes-cap(e.body)+size > s.cfg.Bytes {
			if !s.evict(now, func(v *spooled) bool { return v != e }) {
				if size == need {
					return false
				}
				size = need
			}
		}
		body := make([]byte, len(e.body), size)
		copy(body, e.body)
		s.bytes += cap(body) - cap(e.body)
		e.body = body
	}
	e.body = append(e.body, payload...)
	return true
}

// evict ends the one of the transfers that may go which deserves its place
// least: the oldest with one block only, or else the oldest of the others if it
// has rested for long enough. Its cost is proportional to the number of
// transfers.
func (s *Spool) evict(now netio.Instant, may func(*spooled) bool) bool {
	for v := s.young.next; v != &s.young; v = v.next {
		if may(v) {
			s.stats.Evicted++
			s.forget(v)
			return true
		}
	}
	for v := s.grown.next; v != &s.grown && now >= v.at.Add(s.cfg.Grace); v = v.next {
		if may(v) {
			s.stats.Evicted++
			s.forget(v)
			return true
		}
	}
	return false
}

// touch notes that a transfer goes on.
func (s *Spool) touch(now netio.Instant, e *spooled) {
	ring := &s.young
	if e.next64 > int64(e.last.Size()) || e.last.Num > 0 {
		ring = &s.grown
	}
	e.unlink()
	e.at = max(now, ring.prev.at)
	e.link(ring)
}

func (e *spooled) link(ring *spooled) {
	e.prev, e.next = ring.prev, ring
	e.prev.next, e.next.prev = e, e
}

func (e *spooled) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// drop removes a transfer.
func (s *Spool) drop(e *spooled) {
	e.unlink()
	delete(s.table, e.key)
	if s.perPeer[e.key.Peer]--; s.perPeer[e.key.Peer] == 0 {
		delete(s.perPeer, e.key.Peer)
	}
	s.bytes -= cap(e.body)
}

// forget removes a transfer that was not completed; nil is none.
func (s *Spool) forget(e *spooled) {
	if e == nil {
		return
	}
	s.drop(e)
	if e.stream {
		s.lost = append(s.lost, e.value)
	}
}

// Lost returns, one a call, the values of the streams that ended before their
// last block, so that who reads them can be told; ok is false when there are no
// more.
func (s *Spool) Lost() (value uint64, ok bool) {
	if len(s.lost) == 0 {
		return 0, false
	}
	value = s.lost[0]
	if s.lost = s.lost[1:]; len(s.lost) == 0 {
		s.lost = nil
	}
	return value, true
}

// Abort ends a transfer: its reader has had enough. The next block gets 4.08.
func (s *Spool) Abort(key BlockKey) {
	if e := s.table[key]; e != nil {
		s.drop(e)
	}
}

// Deadline returns when Due is to be called next; ok is false if never.
func (s *Spool) Deadline() (at netio.Instant, ok bool) {
	for _, ring := range [...]*spooled{&s.young, &s.grown} {
		if e := ring.next; e != ring && (!ok || e.at < at) {
			at, ok = e.at, true
		}
	}
	return at.Add(s.cfg.Lifetime), ok
}

// Due ends the transfers that have not been gone on with.
func (s *Spool) Due(now netio.Instant) {
	for _, ring := range [...]*spooled{&s.young, &s.grown} {
		for ring.next != ring && now >= ring.next.at.Add(s.cfg.Lifetime) {
			s.stats.Expired++
			s.forget(ring.next)
		}
	}
}

// Stats returns the counters.
func (s *Spool) Stats() SpoolStats {
	st := s.stats
	st.Len, st.Bytes = len(s.table), s.bytes
	return st
}
