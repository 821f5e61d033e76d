//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package udp

import (
	"errors"
	"syscall"
)

// reusePort fails: the system has nothing like it.
func reusePort(syscall.RawConn) error {
	return errors.New("udp: Config.ReusePort is not possible on this system")
}
