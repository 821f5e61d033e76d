// Package tail keeps the end of what a process writes, to be shown where it
// fails.
package tail

import (
	"strings"
	"sync"
)

// DefaultMax is how many bytes a Writer keeps that was not told.
const DefaultMax = 64 << 10

// Writer keeps the last bytes that were written to it. The zero value is ready
// for use, by several goroutines at a time.
type Writer struct {
	// Max is how many bytes are kept; 0 means DefaultMax.
	Max int

	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer. It never fails.
func (w *Writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := w.Max
	if most < 1 {
		most = DefaultMax
	}
	w.b = append(w.b, b[max(len(b)-most, 0):]...)
	if over := len(w.b) - most; over > 0 {
		w.b = append(w.b[:0], w.b[over:]...)
	}
	return len(b), nil
}

// String returns what is kept, without space around it.
func (w *Writer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.b))
}
