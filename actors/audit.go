package actors

import (
	"fmt"
	"time"
)

// Audit looks for what must never be in the books of a node: more than its Limits
// allow, an exchange or a timer that has outlived its time, sums that do not
// agree. It returns what it finds first; nil is what it should be. As Doze, it is
// for simulators, and must not be called while anything else uses the node.
func (n *Node) Audit() error {
	for _, sh := range n.shards {
		if err := sh.audit(); err != nil {
			return fmt.Errorf("actors: audit of %s: %w", n.id, err)
		}
	}
	return nil
}

func (sh *shard) audit() error {
	l, now := sh.limits, sh.now()
	d := sh.dedup.Stats()
	c := l.dedup(0)
	for _, b := range [...]struct {
		what    string
		n, most int
	}{
		{"peers", sh.peers.Len(), l.Peers},
		{"pinned peers", sh.peers.Stats().Pinned, sh.peers.Len()},
		{"bytes of answers", d.Bytes, c.Bytes},
		{"bytes of kept answers", d.KeptBytes, c.KeptBytes},
		{"requests remembered", d.Entries, c.Entries},
		{"requests kept", d.Kept, c.KeptEntries},
		{"answers that wait for their leisure", sh.delayed, maxDelayed},
		{"peers whose duplicates are kept", sh.keeping, max(l.Peers/2, 1)},
	} {
		if b.n > b.most {
			return fmt.Errorf("%d %s are more than %d", b.n, b.what, b.most)
		}
	}
	// Of the last microsecond is what fires just now.
	if at, ok := sh.timers.Next(); ok && at < now-1000 && sh.armed == 0 {
		return fmt.Errorf("a timer is overdue by %v", now.Sub(at))
	}
	if sh.workbench == nil {
		return nil
	}
	return sh.auditExchanges()
}

// auditExchanges looks at the exchanges that are in use.
func (sh *shard) auditExchanges() error {
	now, serving, used := sh.now(), 0, 0
	for _, s := range sh.slots {
		var longest time.Duration
		switch {
		case s.call != nil:
			used++
			if s.call.until != 0 && now > s.call.until {
				return fmt.Errorf("a call has outlived its deadline by %v", now.Sub(s.call.until))
			}
		case s.in != nil:
			used++
			serving++
			// The handler for EXCHANGE_LIFETIME at most, and then the response.
			longest = sh.node.exchangeLifetime + sh.params.MaxTransmitWait()
			if age := now.Sub(s.since); age > longest {
				return fmt.Errorf("an exchange has outlived its time by %v", age-longest)
			}
		}
		if w := s.named; w != nil {
			if n := w.Value.window.Queued(); n > sh.limits.Queue {
				return fmt.Errorf("%d requests wait for %v, more than %d", n, w.Peer, sh.limits.Queue)
			}
			if w.Value.serving > sh.limits.PerPeer {
				return fmt.Errorf("%d requests of %v are being served, more than %d", w.Value.serving, w.Peer, sh.limits.PerPeer)
			}
		}
	}
	switch {
	case len(sh.slots) > sh.limits.Exchanges:
		return fmt.Errorf("%d exchanges are more than %d", len(sh.slots), sh.limits.Exchanges)
	case used+len(sh.free) != len(sh.slots):
		return fmt.Errorf("%d exchanges are in use and %d are free, of %d", used, len(sh.free), len(sh.slots))
	case serving != sh.serving:
		return fmt.Errorf("%d requests are being served, and %d are counted", serving, sh.serving)
	case len(sh.byMID) > used || len(sh.byToken) > used:
		return fmt.Errorf("%d message IDs and %d tokens are awaited by %d exchanges", len(sh.byMID), len(sh.byToken), used)
	}
	return nil
}
