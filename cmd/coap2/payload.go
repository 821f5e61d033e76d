package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/coap2/coap2/cmd/internal/cli"
)

// maxPayload is what fits into one datagram, with room for the options.
const maxPayload = 60000

// readPayload returns the payload that the flags ask for. Stdin is read only
// where the user says so, and the context's end does not wait for it.
func (a *app) readPayload(ctx context.Context, f *messageFlags) ([]byte, error) {
	if f.file == "" {
		if len(f.data) > maxPayload {
			return nil, fmt.Errorf("--data: %d bytes; a message carries at most %d", len(f.data), maxPayload)
		}
		return []byte(f.data), nil
	}
	b, err := a.readFile(ctx, f.file, maxPayload)
	if errors.Is(err, errTooLong) {
		err = fmt.Errorf("--file %s: more than %d bytes, which is what a message carries at most", f.file, maxPayload)
	}
	return b, err
}

// errTooLong: a file that is longer than it may be.
var errTooLong = errors.New("the file is too long")

// readFile reads a file, or stdin where the name is "-".
func (a *app) readFile(ctx context.Context, name string, most int) ([]byte, error) {
	from := a.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--file: %w", err)
		}
		defer file.Close()
		from = file
	}
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := io.ReadAll(io.LimitReader(from, int64(most)+1))
		done <- result{b, err}
	}()
	select {
	case <-ctx.Done():
		return nil, cli.Exit(exitInterrupted, errInterrupted)
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("--file: %w", r.err)
		}
		if len(r.b) > most {
			return nil, fmt.Errorf("--file %s: %w: more than %d bytes", name, errTooLong, most)
		}
		return r.b, nil
	}
}
