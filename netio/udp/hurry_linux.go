package udp

import (
	"errors"
	"os"
)

// write writes what is queued. It waits for room unless the transport is in a
// hurry.
func (s *socket) write() error {
	if !s.t.hurried.Load() {
		if err := s.rc.Write(s.writable); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	// The poller lets nobody through any more, so look without it.
	done := false
	if err := s.rc.Control(func(fd uintptr) { done = s.writable(fd) }); err != nil {
		return err
	}
	if !done {
		return errNoRoom
	}
	return nil
}
