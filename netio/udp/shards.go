package udp

import (
	"fmt"
	"iter"
)

// all yields every socket: those of an address one after the other.
func (t *Transport) all() iter.Seq[*socket] {
	return func(yield func(*socket) bool) {
		for _, s := range t.sockets {
			if s.shards == nil {
				if !yield(s) {
					return
				}
				continue
			}
			for _, s := range s.shards {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// multiply opens the other sockets of an address where there are shards.
//
// The first has been bound as any other, and may share its address only from
// now on: so the group has no strangers, and the places in it are those of the
// shards. The kernel gives them in the order of joining, and takes away only
// those of sockets that are closed, which here happens to all at once.
func (t *Transport) multiply(first *socket) error {
	n := t.cfg.Shards
	if n == 1 {
		return nil
	}
	if err := canSteer(); err != nil {
		return err
	}
	rc, err := first.conn.SyscallConn()
	if err == nil {
		err = reusePort(rc)
	}
	if err != nil {
		return fmt.Errorf("udp: cannot share %s between %d sockets: %w", first.addr, n, err)
	}
	first.shards = append(make([]*socket, 0, n), first)
	for len(first.shards) < n {
		s, err := t.openSocket(first.addr, true)
		if err != nil {
			return err
		}
		s.later = true
		first.shards = append(first.shards, s)
	}
	if err := steer(rc, n); err != nil {
		return fmt.Errorf("udp: cannot spread the peers of %s over %d sockets: %w", first.addr, n, err)
	}
	return nil
}
