package actors

import "errors"

// slotList is a list of slots, the oldest first.
type slotList struct {
	first, last *slot
	n           int
	bytes       int // of their separate responses
}

func (l *slotList) push(s *slot) {
	s.older, s.newer, s.inList = l.last, nil, true
	if l.last != nil {
		l.last.newer = s
	} else {
		l.first = s
	}
	l.last = s
	l.n++
	l.bytes += s.unacked
}

// remove does nothing where s is not in the list.
func (l *slotList) remove(s *slot) {
	if !s.inList {
		return
	}
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		l.first = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		l.last = s.older
	}
	s.older, s.newer, s.inList = nil, nil, false
	l.n--
	l.bytes -= s.unacked
	s.unacked = 0
}

// errAbandoned is why a separate response is given up before its time.
var errAbandoned = errors.New("too many separate responses wait for their acknowledgement")

// awaitAck notes that an exchange has a separate response of so many bytes to
// bring to its peer. A peer that never acknowledges holds the exchange for
// MAX_TRANSMIT_WAIT, and requests with forged sources have such peers; so at
// most half of the exchanges may wait like that, with as many bytes as requests
// may have. Beyond it the responses that have waited longest are given up: an
// honest peer acknowledges within a round trip.
func (sh *shard) awaitAck(s *slot, bytes int) {
	s.unacked = bytes
	sh.unacked.push(s)
	for sh.unacked.n > max(sh.limits.Exchanges/2, 1) || sh.unacked.bytes > sh.limits.ServingBytes && sh.unacked.n > 1 {
		oldest := sh.unacked.first
		sh.unacked.remove(oldest)
		sh.stats.rare().abandoned.Add(1)
		sh.post(oldest.box, abort{oldest.gen, errAbandoned})
	}
}

// mayKeep reports whether a peer may be pinned for its duplicates. At most half
// of the peers may be: else requests that must not be executed twice, with as
// many forged sources, would leave no room for anybody else's requests.
func (sh *shard) mayKeep(pe *peerEntry) bool {
	return pe.Value.keepUntil != 0 || sh.keeping < max(sh.limits.Peers/2, 1)
}
