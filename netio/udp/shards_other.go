//go:build !linux

package udp

import (
	"errors"
	"syscall"
)

// canSteer reports whether the system can have shards.
func canSteer() error {
	return errors.New("udp: Config.Shards above 1 is possible on Linux only: elsewhere it cannot be told which socket gets which peer")
}

func steer(syscall.RawConn, int) error { return canSteer() }
