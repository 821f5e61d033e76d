package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/cmd/internal/cli"
	"github.com/coap2/coap2/codec"
)

// series is what came of a request that was repeated.
type series struct {
	asked, failed  int
	codes          [256]int // responses, by code
	min, max, rest time.Duration
}

// repeat makes the request as often as is wanted, prints each result, and in
// the end a summary to stderr. How it ends is how the worst of the requests did.
func (r *asking) repeat(ctx context.Context) error {
	var s series
	worst := exitOK
	interrupted := false
	for {
		start := time.Now()
		exit, err := r.once(ctx)
		if err == nil && r.res != nil && !r.f.json {
			err = r.endLine()
		}
		if err != nil {
			return cli.Exit(exitFailure, fmt.Errorf("output: %w", err))
		}
		var e *cli.ExitError
		if errors.As(exit, &e) && e.Code == exitInterrupted {
			interrupted = true // this one does not count
			break
		}
		s.add(r.res, r.took)
		if e != nil {
			worst = max(worst, e.Code)
			if !r.f.json {
				r.a.Complain(e.Err)
			}
		}
		if s.asked == r.f.repeat {
			break
		}
		if !pause(ctx, time.Until(start.Add(r.f.interval))) {
			interrupted = true
			break
		}
	}
	if err := r.out.Commit(); err != nil {
		return cli.Exit(exitFailure, fmt.Errorf("output: %w", err))
	}
	fmt.Fprintln(r.a.Err, s.String())
	switch {
	case interrupted && r.f.repeat != 0:
		return cli.Exit(exitInterrupted, errInterrupted)
	case worst != exitOK:
		return cli.Exit(worst, nil) // reported above
	}
	return nil
}

// endLine ends the line of a payload that does not, so that each result has
// lines of its own.
func (r *asking) endLine() error {
	b := r.res.Payload
	if len(b) == 0 || r.out.Terminal() || !r.res.Code.IsSuccess() || bytes.HasSuffix(b, []byte{'\n'}) {
		return nil
	}
	_, err := r.out.Write([]byte{'\n'})
	return err
}

func (s *series) add(res *actors.Response, took time.Duration) {
	s.asked++
	if res == nil {
		s.failed++
		return
	}
	s.codes[res.Code]++
	if s.asked-s.failed == 1 {
		s.min = took
	}
	s.min, s.max, s.rest = min(s.min, took), max(s.max, took), s.rest+took
}

// String returns "3 requests: 2 × 2.05, 1 failed; 0.210 to 0.320 ms, mean 0.240
// ms".
func (s *series) String() string {
	answered := s.asked - s.failed
	b := fmt.Appendf(nil, "%d requests:", s.asked)
	if s.asked == 1 {
		b = []byte("1 request:")
	}
	var parts [][]byte
	for c, n := range s.codes {
		if n > 0 {
			parts = append(parts, fmt.Appendf(nil, " %d × %s", n, codeNumber(codec.Code(c))))
		}
	}
	if s.failed > 0 || s.asked == 0 {
		parts = append(parts, fmt.Appendf(nil, " %d failed", s.failed))
	}
	b = slices.Concat(b, bytes.Join(parts, []byte{','}))
	if answered > 0 {
		b = fmt.Appendf(b, "; %.3f to %.3f ms, mean %.3f ms", cli.Milliseconds(s.min), cli.Milliseconds(s.max), cli.Milliseconds(s.rest/time.Duration(answered)))
	}
	return string(b)
}
