package actors

// unexpect ends an interaction with a peer, and gives its turn to the next.
func (sh *shard) unexpect(pe *peerEntry) {
	next, ok := pe.Value.window.Release()
	sh.proceed(pe, next, ok)
}

// leaveQueue takes out of the queue what waits for its turn with a peer, and
// reports whether it was there.
func (sh *shard) leaveQueue(pe *peerEntry, t turn) bool {
	if !pe.Value.window.Remove(t) {
		return false
	}
	next, ok := pe.Value.window.Admit()
	sh.proceed(pe, next, ok)
	return true
}

// proceed begins what has got its turn with a peer.
func (sh *shard) proceed(pe *peerEntry, next turn, ok bool) {
	w := &pe.Value.window
	for ok {
		switch {
		case next.observer != 0:
			if !sh.obs.table.Resume(next.observer) { // it has nothing to send any more
				next, ok = w.Release()
				continue
			}
		case next.slot == nil:
			sh.post(sh.endpoint, launch{next.call})
		case next.slot.gen == next.gen:
			// From now on the slot holds the turn: should its exchange end or
			// fail before it hears of it, the release gives it back.
			next.slot.outstanding = pe
			sh.post(next.slot.box, proceed{next.gen})
		default: // it ended while it waited: the turn goes on
			next, ok = w.Release()
			continue
		}
		next, ok = w.Admit()
	}
}

// unoutstand ends the place of a separate response in its peer's window.
func (sh *shard) unoutstand(s *slot) {
	if pe := s.outstanding; pe != nil {
		s.outstanding = nil
		sh.unexpect(pe)
	}
}
