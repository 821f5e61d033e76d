package machine

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be a process that says what it sees.
func TestMain(m *testing.M) {
	if os.Getenv("MACHINE_SHOW") != "" {
		var out []string
		for _, c := range CPUs() {
			out = append(out, strconv.Itoa(c))
		}
		_, _ = os.Stdout.WriteString(strings.Join(out, ",") + " " + strconv.Itoa(runtime.NumCPU()))
		return
	}
	os.Exit(m.Run())
}

func TestCPUTime(t *testing.T) {
	before, err := CPUTime(os.Getpid())
	require.NoError(t, err)
	// Work until the clock of the processor has gone on, which it does only
	// when there is work.
	for end := before; end < before+5*time.Millisecond; {
		end, err = CPUTime(os.Getpid())
		require.NoError(t, err)
		require.GreaterOrEqual(t, end, before)
	}
	for _, pid := range []int{-1, 0, maxPID + 1, 1 << 30} {
		_, err = CPUTime(pid)
		require.ErrorContains(t, err, "process "+strconv.Itoa(pid)+": ")
	}
}

func TestResident(t *testing.T) {
	n, err := Resident(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, n, uint64(1<<20))
	_, err = Resident(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestStartOn: the child has one processor, and this process all of its own.
func TestStartOn(t *testing.T) {
	cpus := CPUs()
	require.NotEmpty(t, cpus)
	require.Equal(t, runtime.NumCPU(), len(cpus))
	for _, cpu := range cpus[:min(len(cpus), 2)] {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "MACHINE_SHOW=1", "GORACE=atexit_sleep_ms=0")
		var out bytes.Buffer
		cmd.Stdout = &out
		require.NoError(t, StartOn(cpu, cmd))
		require.NoError(t, cmd.Wait())
		require.Equal(t, strconv.Itoa(cpu)+" 1", out.String())
		require.Equal(t, cpus, CPUs())
	}
	require.Error(t, StartOn(cpus[len(cpus)-1]+1000, exec.Command(os.Args[0])))
	require.Equal(t, cpus, CPUs())
}
