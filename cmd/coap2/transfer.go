package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
)

// maxInMemory is the longest payload that is taken where it is not written to a
// file as it comes.
const maxInMemory = 64 << 20

// maxOneMessage is the longest payload that travels without being cut.
const maxOneMessage = 1024

// transferFlags say how payloads travel that do not fit into one message.
type transferFlags struct {
	blockSize int
	resume    bool
}

func (f *transferFlags) check(out string, repeat int, json bool) error {
	switch s := f.blockSize; {
	case s != 0 && (s < 16 || s > 1024 || s&(s-1) != 0):
		return fmt.Errorf("--block-size is %d; it must be 16, 32, 64, 128, 256, 512 or 1024", s)
	case f.resume && (out == "" || out == "-"):
		return fmt.Errorf("--resume goes with --out and the name of a file")
	case f.resume && json:
		return fmt.Errorf("--resume does not go with --json, which has the whole payload in one object")
	case f.resume && repeat != 1:
		return fmt.Errorf("--resume does not go with --repeat")
	}
	return nil
}

// payload gives the request the payload that the flags ask for. What is in a file
// is read while it is sent, so that it can have any length.
func (f *requestFlags) payload(ctx context.Context, a *app, req *actors.Request) (closing func(), err error) {
	nothing := func() {}
	if f.file == "" {
		req.Payload = []byte(f.data)
		return nothing, nil
	}
	if f.repeat != 1 { // it is needed more than once
		req.Payload, err = a.readFile(ctx, f.file, maxInMemory)
		return nothing, err
	}
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nothing, fmt.Errorf("--file: %w", err)
		}
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > maxOneMessage {
			req.Body, req.Size = file, info.Size()
			return func() { _ = file.Close() }, nil
		}
		_ = file.Close()
		req.Payload, err = a.readFile(ctx, f.file, maxInMemory)
		return nothing, err
	}
	// The beginning tells whether it fits into one message.
	from := &interruptible{ctx: ctx, r: a.In}
	begin := make([]byte, maxOneMessage+1)
	n, err := io.ReadFull(from, begin)
	switch {
	case ctx.Err() != nil:
		return nothing, cli.Exit(exitInterrupted, errInterrupted)
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		req.Payload = begin[:n]
	case err != nil:
		return nothing, fmt.Errorf("--file: %w", err)
	default:
		req.Body = io.MultiReader(bytes.NewReader(begin), from)
	}
	return nothing, nil
}

// interruptible is a reader whose Read ends when the context does; what it reads
// from may go on waiting.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (r *interruptible) Read(p []byte) (int, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b := make([]byte, len(p))
		n, err := r.r.Read(b)
		done <- result{b[:n], err}
	}()
	select {
	case <-r.ctx.Done():
		return 0, context.Cause(r.ctx)
	case d := <-done:
		return copy(p, d.b), d.err
	}
}

// patience returns a context that ends as a request does to which nobody
// answered, unless more is called before the time is up: it then begins anew.
func patience(ctx context.Context, d time.Duration) (_ context.Context, more, cancel func()) {
	ctx, end := context.WithCancelCause(ctx)
	t := time.AfterFunc(d, func() { end(fmt.Errorf("%w within %v", actors.ErrTimeout, d)) })
	return ctx, func() { t.Reset(d) }, func() {
		t.Stop()
		end(context.Canceled)
	}
}

// follower shows how a transfer goes, where stderr is a terminal.
type follower struct {
	a     *app
	more  func()
	start time.Time

	mu   sync.Mutex
	last actors.Progress
	some bool // a transfer is under way
	done chan struct{}
	end  sync.WaitGroup
}

// newFollower begins; more is called with every block.
func (a *app) newFollower(more func()) *follower {
	m := &follower{a: a, more: more, start: time.Now(), done: make(chan struct{})}
	if a.Watched {
		m.end.Go(m.show)
	}
	return m
}

// progress is Request.Progress.
func (m *follower) progress(p actors.Progress) {
	m.more()
	m.mu.Lock()
	m.last, m.some = p, true
	m.mu.Unlock()
}

// now returns what is known of the transfer.
func (m *follower) now() (p actors.Progress, some bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last, m.some
}

func (m *follower) stop() {
	close(m.done)
	m.end.Wait()
}

func (m *follower) show() {
	t := time.NewTicker(glance)
	defer t.Stop()
	shown := false
	for {
		select {
		case <-m.done:
			if shown {
				fmt.Fprint(m.a.Err, cli.ClearLine)
			}
			return
		case <-t.C:
			if p, some := m.now(); some {
				fmt.Fprint(m.a.Err, cli.ClearLine+progressLine(p, time.Since(m.start)))
				shown = true
			}
		}
	}
}

const barWidth = 24

// progressLine says how a transfer goes: "[#####               ] 21 % of 1.0 MiB,
// 320.5 KiB/s, 3 s left".
func progressLine(p actors.Progress, took time.Duration) string {
	what, done, size := "", p.Received, p.Size
	if p.Received == 0 && p.Sent > 0 {
		what, done, size = "sent: ", p.Sent, p.SendSize
	}
	rate := float64(0)
	if took > 0 {
		rate = float64(done) / took.Seconds()
	}
	if size < 0 {
		return fmt.Sprintf("%s%s, %s/s", what, binarySize(float64(done)), binarySize(rate))
	}
	part := float64(1)
	if size > 0 {
		part = min(float64(done)/float64(size), 1)
	}
	bar := make([]byte, barWidth)
	for i := range bar {
		bar[i] = ' '
		if float64(i) < part*barWidth {
			bar[i] = '#'
		}
	}
	s := fmt.Sprintf("%s[%s] %.0f %% of %s, %s/s", what, bar, part*100, binarySize(float64(size)), binarySize(rate))
	if rate > 0 && done < size {
		s += fmt.Sprintf(", %.0f s left", float64(size-done)/rate)
	}
	return s
}

// binarySize writes a number of bytes as people read it: "1.0 MiB".
func binarySize(n float64) string {
	unit := 0
	for n >= 1024 && unit < 3 {
		n, unit = n/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%.0f B", n)
	}
	return fmt.Sprintf("%.1f %s", n, []string{"", "KiB", "MiB", "GiB"}[unit])
}
