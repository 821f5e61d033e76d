package scenario

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/coap2/coap2/sim"
)

// Compare runs a scenario twice with the same seed and returns the Report of the
// first run. If the second is not the same, the error is a *sim.Divergence. The
// trace of the first run is kept meanwhile in spool, which must be empty.
func (s *Scenario) Compare(seed uint64, o Options, spool io.ReadWriteSeeker) (*Report, error) {
	buffered := bufio.NewWriterSize(spool, 1<<16)
	first := &recorder{out: buffered, also: o.Trace}
	rep, err := s.Run(seed, first.options(o))
	if err == nil {
		err = errors.Join(first.err, buffered.Flush())
	}
	if err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	second := &comparer{in: bufio.NewReaderSize(spool, 1<<16)}
	o.Trace, o.Event, o.End = nil, nil, nil
	again, err := s.once(seed, second.options(o), nil)
	if err != nil {
		return nil, err
	}
	if second.err != nil {
		return nil, second.err
	}
	if second.found == nil {
		// The first may have gone on.
		if line, _, err := second.next(); err == nil {
			second.found = &sim.Divergence{Event: second.n + 1, First: line, Before: second.before}
		}
	}
	if second.found == nil && again.TraceHash != rep.TraceHash {
		second.found = &sim.Divergence{Event: second.n, First: second.before, Second: second.before + inBytes}
	}
	if second.found != nil {
		return rep, second.found
	}
	return rep, nil
}

// recorder keeps the lines of a trace, each with the hash of all up to it.
type recorder struct {
	w    *sim.World
	out  *bufio.Writer
	also io.Writer
	err  error
}

func (t *recorder) options(o Options) Options {
	begin := o.Begin
	o.Begin = func(w *sim.World) {
		t.w = w
		if begin != nil {
			begin(w)
		}
	}
	o.Trace = t
	return o
}

// Write implements io.Writer: it is called with one line.
func (t *recorder) Write(line []byte) (int, error) {
	var head [12]byte
	binary.BigEndian.PutUint64(head[:], t.w.Hash())
	binary.BigEndian.PutUint32(head[8:], uint32(len(line)))
	if t.err == nil {
		if _, t.err = t.out.Write(head[:]); t.err == nil {
			_, t.err = t.out.Write(line)
		}
	}
	if t.also != nil {
		return t.also.Write(line)
	}
	return len(line), nil
}

// comparer compares the lines of a trace with those of a recorder.
type comparer struct {
	w     *sim.World
	in    *bufio.Reader
	n     int
	found *sim.Divergence
	err   error
	// before is the last line that both have.
	before string
}

// inBytes is said of lines that differ only in what the text of a trace does not
// show.
const inBytes = " (the same in words, but not in its bytes)"

func (t *comparer) options(o Options) Options {
	begin := o.Begin
	o.Begin = func(w *sim.World) {
		t.w = w
		if begin != nil {
			begin(w)
		}
	}
	o.Trace = t
	return o
}

// next returns the next recorded line and its hash; io.EOF after the last.
func (t *comparer) next() (line string, hash uint64, err error) {
	var head [12]byte
	if _, err = io.ReadFull(t.in, head[:]); err != nil {
		return "", 0, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[8:]))
	_, err = io.ReadFull(t.in, b)
	return strings.TrimSpace(string(b)), binary.BigEndian.Uint64(head[:]), err
}

// Write implements io.Writer: it is called with one line.
func (t *comparer) Write(line []byte) (int, error) {
	if t.found != nil || t.err != nil {
		return len(line), nil
	}
	t.n++
	now := strings.TrimSpace(string(line))
	recorded, hash, err := t.next()
	switch {
	case errors.Is(err, io.EOF):
		t.found = &sim.Divergence{Event: t.n, Second: now, Before: t.before}
	case err != nil:
		t.err = err
	case hash != t.w.Hash():
		if now == recorded {
			now += inBytes
		}
		t.found = &sim.Divergence{Event: t.n, First: recorded, Second: now, Before: t.before}
	}
	t.before = recorded
	return len(line), nil
}
