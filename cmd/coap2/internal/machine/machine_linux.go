package machine

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// maxPID is the highest number that Linux gives to a process (PID_MAX_LIMIT).
const maxPID = 1 << 22

// CPUTime returns how long a process has run on processors, in the program and
// in the kernel, all its threads together; with nanoseconds that mean something,
// unlike /proc/PID/stat.
func CPUTime(pid int) (time.Duration, error) {
	// The clock of a process, as clock_getcpuclockid(3) makes it: what counts
	// is the time that the scheduler gave (2).
	clock := int32(^pid<<3 | 2)
	var ts unix.Timespec
	err := error(unix.ESRCH)
	if 0 < pid && pid <= maxPID {
		err = unix.ClockGettime(clock, &ts)
	}
	if err != nil {
		return 0, fmt.Errorf("machine: processor time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// Resident returns the memory of a process that is in RAM, in bytes.
func Resident(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("machine: memory of process %d: %w", pid, err)
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, fmt.Errorf("machine: memory of process %d: cannot read %q", pid, b)
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("machine: memory of process %d: %w", pid, err)
	}
	return pages * uint64(os.Getpagesize()), nil
}

// CPUs returns the numbers of the processors that this process may use.
func CPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	var cpus []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus
}

// StartOn starts a command that can run on one processor only. All its threads
// and children will; a Go program sees a machine with one processor.
func StartOn(cpu int, cmd *exec.Cmd) error {
	// A child inherits this from the thread that it was forked by.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("machine: the processors of this thread: %w", err)
	}
	only.Set(cpu)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return fmt.Errorf("machine: processor %d: %w", cpu, err)
	}
	err := cmd.Start()
	if rerr := unix.SchedSetaffinity(0, &before); rerr != nil && err == nil {
		// It was possible before, so this does not happen; but a thread that
		// stays where it is would be a bad surprise.
		return fmt.Errorf("machine: the processors of this thread: %w", rerr)
	}
	return err
}
