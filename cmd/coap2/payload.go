package main

import (
	"context"
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
	from := a.In
	if f.file != "-" {
		file, err := os.Open(f.file)
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
		b, err := io.ReadAll(io.LimitReader(from, maxPayload+1))
		done <- result{b, err}
	}()
	select {
	case <-ctx.Done():
		return nil, cli.Exit(exitInterrupted, errInterrupted)
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("--file: %w", r.err)
		}
		if len(r.b) > maxPayload {
			return nil, fmt.Errorf("--file %s: more than %d bytes, which is what a message carries at most", f.file, maxPayload)
		}
		return r.b, nil
	}
}
