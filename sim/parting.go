package sim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Parting is where two traces part, with what stands around it.
type Parting struct {
	Divergence
	// Context are the events before it, which both have, the last one last.
	Context []string
	// FirstAfter and SecondAfter are the events after it in the two.
	FirstAfter, SecondAfter []string
}

// maxTraceLine is how many bytes of a line of a trace are compared.
const maxTraceLine = 1 << 20

// Comparer compares the trace that is written to it, as TraceTo does, with one
// that has been recorded, and finds the first event in which they differ. It
// keeps no more of them than it shows.
type Comparer struct {
	recorded *bufio.Reader
	context  int
	ids      bool
	line     []byte // that is not complete
	found    *Parting
	n        int
	before   []string
	err      error
}

// NewComparer makes a Comparer that shows so many events before and after the one
// that differs. Message IDs and tokens, which follow from the seed, count only
// where ids says so.
func NewComparer(recorded io.Reader, context int, ids bool) *Comparer {
	return &Comparer{recorded: bufio.NewReaderSize(recorded, 1<<16), context: max(context, 0), ids: ids}
}

// Write implements io.Writer. The error is one of reading the recorded trace.
func (c *Comparer) Write(b []byte) (int, error) {
	n := len(b)
	for {
		head, rest, ended := bytes.Cut(b, []byte{'\n'})
		if room := maxTraceLine - len(c.line); len(head) > room {
			head = head[:room]
		}
		c.line = append(c.line, head...)
		if !ended {
			return n, c.err
		}
		c.add(string(bytes.TrimSpace(c.line)))
		c.line, b = c.line[:0], rest
	}
}

// Done reports whether everything that is to be shown is there, so that nothing
// more needs to be written.
func (c *Comparer) Done() bool {
	return c.err != nil || c.found != nil && len(c.found.SecondAfter) >= c.context
}

// End ends the comparison; nil means that the traces are the same.
func (c *Comparer) End() (*Parting, error) {
	if len(c.line) > 0 {
		c.add(string(bytes.TrimSpace(c.line)))
		c.line = nil
	}
	if c.found == nil && c.err == nil {
		if line, ok := c.next(); ok { // the recorded one goes on
			c.n++
			c.part(line, "")
		}
	}
	for c.found != nil && c.found.First != "" && len(c.found.FirstAfter) < c.context {
		line, ok := c.next()
		if !ok {
			break
		}
		c.found.FirstAfter = append(c.found.FirstAfter, line)
	}
	return c.found, c.err
}

func (c *Comparer) add(line string) {
	switch {
	case c.err != nil:
	case c.found == nil:
		c.n++
		recorded, _ := c.next()
		if c.err == nil && !c.same(recorded, line) {
			c.part(recorded, line)
			return
		}
		if c.before = append(c.before, line); len(c.before) > c.context+1 {
			c.before = c.before[1:]
		}
	case len(c.found.SecondAfter) < c.context:
		c.found.SecondAfter = append(c.found.SecondAfter, line)
	}
}

func (c *Comparer) part(first, second string) {
	c.found = &Parting{Divergence: Divergence{Event: c.n, First: first, Second: second}}
	if n := len(c.before); n > 0 {
		c.found.Before = c.before[n-1]
		c.found.Context = c.before[max(n-c.context, 0):]
	}
}

// next returns the next recorded line; ok is false at the end.
func (c *Comparer) next() (line string, ok bool) {
	var b []byte
	for {
		part, err := c.recorded.ReadSlice('\n')
		b = append(b, part[:min(len(part), maxTraceLine-len(b))]...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return strings.TrimSpace(string(b)), len(b) > 0
		case err != nil:
			c.err = fmt.Errorf("sim: reading the recorded trace: %w", err)
			return "", false
		}
		return strings.TrimSpace(string(b)), true
	}
}

// drawn are the parts of an event that chance draws anew with each seed, but that
// mean nothing by themselves.
var drawn = regexp.MustCompile(`\[0x[0-9a-f]{4}\]|\btoken=[0-9a-f]+`)

func (c *Comparer) same(a, b string) bool {
	if a == b {
		return true
	}
	return !c.ids && drawn.ReplaceAllLiteralString(a, "") == drawn.ReplaceAllLiteralString(b, "")
}
