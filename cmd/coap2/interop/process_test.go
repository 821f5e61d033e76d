package interop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/cmd/coap2/internal/tail"
)

// patience is when a command that should have ended long ago is killed. Nothing
// that works comes near it.
const patience = 3 * time.Minute

// result is what a command did.
type result struct {
	command        string
	stdout, stderr string
	code           int
	took           time.Duration
}

// String returns all of it, for the message of a failed test.
func (r result) String() string {
	return fmt.Sprintf("$ %s\nexit code %d after %v\n--- stdout\n%s\n--- stderr\n%s", r.command, r.code, r.took.Round(time.Millisecond), r.stdout, r.stderr)
}

// run runs a command to its end. It can be called from any goroutine: a command
// that cannot be started is a result with code -1.
func run(path string, args ...string) result {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	r := result{command: strings.Join(cmd.Args, " "), took: time.Since(start)}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		r.code = exit.ExitCode()
	default:
		r.code = -1
		fmt.Fprintln(&stderr, err)
	}
	r.stdout, r.stderr = stdout.String(), stderr.String()
	return r
}

// server is a process that runs until the test and its subtests have ended.
type server struct {
	command string
	log     tail.Writer
	process *os.Process
	ended   chan struct{} // closed when the process has ended
	err     error         // how; to be read afterwards
}

// startServer starts one. lines, where not nil, is given each line of its
// standard output. When the test has failed, its end of the story is printed.
func startServer(t *testing.T, lines func(string), path string, args ...string) *server {
	t.Helper()
	cmd := exec.Command(path, args...)
	s := &server{command: strings.Join(cmd.Args, " "), ended: make(chan struct{})}
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = &s.log
	require.NoError(t, cmd.Start())
	s.process = cmd.Process
	go func() {
		defer close(s.ended)
		in := bufio.NewScanner(stdout)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			fmt.Fprintln(&s.log, in.Text())
			if lines != nil {
				lines(in.Text())
			}
		}
		_, _ = io.Copy(&s.log, stdout)
		s.err = cmd.Wait()
		fmt.Fprintf(&s.log, "(ended: %v)\n", s.err)
	}()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("%v", s)
		}
	})
	return s
}

// kill ends the process, if it has not ended.
func (s *server) kill() {
	_ = s.process.Kill()
	<-s.ended
}

// interrupt asks the process to end, as Ctrl-C does, and returns how it did.
func (s *server) interrupt() error {
	if err := s.process.Signal(os.Interrupt); err != nil {
		return err
	}
	select {
	case <-s.ended:
		return s.err
	case <-time.After(patience):
		return errors.New("it does not end")
	}
}

// String returns the command and the end of what it has written.
func (s *server) String() string { return fmt.Sprintf("$ %s\n%s", s.command, s.log.String()) }

// running reports whether the process has not ended.
func (s *server) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}
