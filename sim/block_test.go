package sim_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// image is a body of any length that nobody holds in memory: byte i follows from
// i. It can be read from any place, and takes what is written to it if that is
// what it would have been read as.
type image struct {
	size, read, written int64
}

func (m *image) at(i int64) byte { return byte(i>>10 ^ i ^ i>>20) }

func (m *image) fill(p []byte, off int64) (int, error) {
	n := int64(len(p))
	if left := m.size - off; n > left {
		n = max(left, 0)
	}
	for i := range n {
		p[i] = m.at(off + i)
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func (m *image) ReadAt(p []byte, off int64) (int, error) { return m.fill(p, off) }

func (m *image) Read(p []byte) (int, error) {
	n, err := m.fill(p, m.read)
	m.read += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (m *image) Write(p []byte) (int, error) {
	for i, b := range p {
		if b != m.at(m.written+int64(i)) {
			return i, fmt.Errorf("byte %d is wrong", m.written+int64(i))
		}
	}
	m.written += int64(len(p))
	return len(p), nil
}

// TestLargeTransferNeedsLittleMemory: 100 MB, there and back, and what both nodes
// need for it.
func TestLargeTransferNeedsLittleMemory(t *testing.T) {
	size := int64(100_000_000)
	if testing.Short() || raceEnabled {
		size = 4_000_000
	}
	w := sim.New(1)
	defer w.Close()
	limits := actors.Limits{DedupBytes: 64 << 10, KeptBytes: 64 << 10}
	server, err := w.Node("server", actors.Config{Limits: limits})
	require.NoError(t, err)
	client, err := w.Node("client", actors.Config{Limits: limits})
	require.NoError(t, err)
	taken := &image{size: size}
	handle(t, server, "/firmware", actors.Resource{
		Stream: true,
		Get: func(context.Context, *actors.Request) (*actors.Response, error) {
			return &actors.Response{Body: &image{size: size}, Size: size}, nil
		},
		Put: func(_ context.Context, r *actors.Request) (*actors.Response, error) {
			_, err := io.Copy(taken, r.Body)
			return nil, err
		},
	})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, method := range []codec.Code{codec.GET, codec.PUT} {
		req := actors.Request{Method: method, URI: "coap://server/firmware"}
		got := &image{size: size}
		if method == codec.PUT {
			req.Body, req.Size = &image{size: size}, size
		} else {
			req.To = got
		}
		var base, most, next int64
		req.Progress = func(p actors.Progress) {
			at := p.Sent + p.Received
			if at < next {
				return
			}
			if base == 0 && at > size/20 { // tables have found their sizes
				base = heap()
			} else if base > 0 {
				most = max(most, heap()-base)
			}
			next = at + size/20
		}
		_, err = client.Do(w.Context(), req)
		require.NoError(t, err)
		require.Positive(t, base)
		t.Logf("%v: up to %d bytes more than at the beginning", method.Name(), most)
		require.Less(t, most, int64(256<<10))
		if method == codec.GET {
			require.Equal(t, size, got.written)
		}
	}
	require.Equal(t, size, taken.written)
}
