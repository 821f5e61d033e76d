//go:build !linux

package machine

import (
	"os/exec"
	"time"
)

// CPUTime returns how long a process has run on processors.
func CPUTime(int) (time.Duration, error) { return 0, ErrUnsupported }

// Resident returns the memory of a process that is in RAM, in bytes.
func Resident(int) (uint64, error) { return 0, ErrUnsupported }

// CPUs returns the numbers of the processors that this process may use; nil if
// they are not known.
func CPUs() []int { return nil }

// StartOn starts a command on one processor, or as here on any.
func StartOn(_ int, cmd *exec.Cmd) error { return cmd.Start() }
