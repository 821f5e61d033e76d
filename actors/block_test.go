package actors

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// pattern is a body in which every byte says where it is.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>10 ^ i)
	}
	return b
}

// library is a set of resources with long bodies.
type library struct {
	mu    sync.Mutex
	body  []byte
	calls int
}

func (l *library) get(context.Context, *Request) (*Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	return Bytes(codec.OctetStream, l.body)
}

func (l *library) put(_ context.Context, r *Request) (*Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	l.body = slices.Clone(r.Payload)
	return nil, nil
}

// echo answers with what it is given.
func (l *library) echo(_ context.Context, r *Request) (*Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	return Bytes(codec.OctetStream, slices.Clone(r.Payload))
}

func (l *library) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

// TestBlockwise: whatever the sizes of bodies and blocks are on both sides, neither
// handler nor caller notices, and the handler is called once.
func TestBlockwise(t *testing.T) {
	for _, serverSize := range []int{0, 16, 256} {
		srv := startNode(t, Config{BlockSize: serverSize})
		lib := &library{}
		for path, inline := range map[string]bool{"/inline": true, "/pooled": false} {
			handle(t, srv, path, Resource{Inline: inline, Get: lib.get, Put: lib.put, Post: lib.echo, Fetch: lib.echo})
		}
		handle(t, srv, "/separate", Resource{Separate: true, Get: lib.get, Put: lib.put, Post: lib.echo, Fetch: lib.echo})
		for _, clientSize := range []int{0, 32, 1024} {
			cli := startNode(t, Config{BlockSize: clientSize})
			for i, size := range []int{0, 16, 31, 32, 33, 1024, 1025, 3000} {
				body := pattern(size)
				path := []string{"/inline", "/pooled", "/separate"}[i%3]
				if serverSize == 16 || clientSize == 32 {
					path = []string{"/inline", "/pooled"}[i%2]
				}
				for _, non := range []bool{false, true} {
					if non && size > 1024 {
						continue // PROBING_RATE
					}
					before := lib.count()
					req := Request{Method: codec.PUT, URI: srv.URI(path), Payload: body, NonConfirmable: non, Params: protocol.Params{NStart: 100, ProbingRate: 1e6}}
					res, err := cli.Do(t.Context(), req)
					require.NoError(t, err)
					require.Equal(t, codec.Changed, res.Code)
					require.Equal(t, before+1, lib.count(), "%d bytes", size)

					req.Method, req.Payload = codec.GET, nil
					res, err = cli.Do(t.Context(), req)
					require.NoError(t, err)
					require.True(t, bytes.Equal(body, res.Payload), "%d bytes", size)
					require.Equal(t, before+2, lib.count(), "%d bytes", size)
					require.False(t, res.Options.Has(codec.OptionBlock2))
					require.Equal(t, int64(size), res.Size)
					f, ok := res.ContentFormat()
					require.True(t, ok && f == codec.OctetStream)

					for _, method := range []codec.Code{codec.POST, codec.FETCH} {
						before := lib.count()
						req.Method, req.Payload = method, body
						res, err = cli.Do(t.Context(), req)
						require.NoError(t, err)
						require.True(t, bytes.Equal(body, res.Payload), "%v %d bytes", method, size)
						require.Equal(t, before+1, lib.count(), "%v %d bytes", method, size)
					}
				}
			}
		}
		stats := srv.Stats()
		require.Equal(t, stats.Received, stats.Requests+stats.Blocks+stats.Refused+stats.Duplicates+stats.Acknowledgements)
	}
}

// TestBlockwiseStreams: bodies that are read and written as they travel.
func TestBlockwiseStreams(t *testing.T) {
	srv, cli := pair(t)
	body := pattern(100_000)
	handle(t, srv, "/file", Resource{
		Stream: true,
		Get: func(context.Context, *Request) (*Response, error) {
			return &Response{Body: bytes.NewReader(body), Size: int64(len(body))}, nil
		},
		Put: func(_ context.Context, r *Request) (*Response, error) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			return Bytes(codec.OctetStream, b)
		},
		Post: func(_ context.Context, r *Request) (*Response, error) {
			var b [100]byte
			if _, err := io.ReadFull(r.Body, b[:]); err != nil {
				return nil, err
			}
			return nil, Errorf(codec.Forbidden, "not this")
		},
		Fetch: func(context.Context, *Request) (*Response, error) {
			return &Response{Body: onlyReaderAt{bytes.NewReader(body)}, Size: -1}, nil
		},
	})
	var got bytes.Buffer
	var last Progress
	res, err := cli.Do(t.Context(), Request{URI: srv.URI("/file"), To: &got, Progress: func(p Progress) { last = p }})
	require.NoError(t, err)
	require.Nil(t, res.Payload)
	require.True(t, bytes.Equal(body, got.Bytes()))
	require.NotEmpty(t, last.ETag)
	last.ETag = nil
	require.Equal(t, Progress{Received: 100_000, Size: 100_000}, last)

	for _, size := range []int64{0, 100_000} {
		got.Reset()
		res, err = cli.Do(t.Context(), Request{Method: codec.PUT, URI: srv.URI("/file"), Body: bytes.NewReader(body), Size: size, To: &got,
			Progress: func(p Progress) { last = p }})
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, got.Bytes()))
		require.Equal(t, codec.Changed, res.Code)
		last.ETag = nil
		require.Equal(t, Progress{Sent: 100_000, SendSize: 100_000, Received: 100_000, Size: 100_000}, last)
	}

	got.Reset()
	_, err = cli.Do(t.Context(), Request{Method: codec.FETCH, URI: srv.URI("/file"), Payload: []byte("x"), To: &got})
	require.NoError(t, err)
	require.True(t, bytes.Equal(body, got.Bytes()), got.Len())

	for _, size := range []int{0, 10, 1024} { // one message
		got.Reset()
		_, err = cli.Do(t.Context(), Request{Method: codec.PUT, URI: srv.URI("/file"), Payload: body[:size], To: &got})
		require.NoError(t, err)
		require.True(t, bytes.Equal(body[:size], got.Bytes()))
	}

	_, err = cli.Do(t.Context(), Request{Method: codec.POST, URI: srv.URI("/file"), Payload: body})
	require.Equal(t, "not this", requireCode(t, err, codec.Forbidden).Diagnostic)
	_, err = cli.Do(t.Context(), Request{Method: codec.PUT, URI: srv.URI("/file"), Body: io.MultiReader(strings.NewReader("x"), failing{})})
	require.ErrorContains(t, err, "as the test says")
	_, err = cli.Do(t.Context(), Request{Method: codec.PUT, URI: srv.URI("/file"), Body: strings.NewReader("x"), Size: 2})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = cli.Do(t.Context(), Request{URI: srv.URI("/file"), To: failing{}})
	require.ErrorContains(t, err, "as the test says")
}

type onlyReaderAt struct{ io.ReaderAt }

type failing struct{}

func (failing) Read([]byte) (int, error)  { return 0, errors.New("as the test says") }
func (failing) Write([]byte) (int, error) { return 0, errors.New("as the test says") }

// TestBlockwiseResume: what was begun can be finished later.
func TestBlockwiseResume(t *testing.T) {
	srv, cli := pair(t)
	lib := &library{body: pattern(5000)}
	handle(t, srv, "/x", Resource{Inline: true, Get: lib.get})
	whole, err := cli.Get(t.Context(), srv.URI("/x"))
	require.NoError(t, err)
	tag, ok := whole.Options.Get(codec.OptionETag)
	require.True(t, ok)
	for _, from := range []int64{1, 1023, 1024, 1025, 4000, 4999} {
		res, err := cli.Do(t.Context(), Request{URI: srv.URI("/x"), From: from, FromETag: tag})
		require.NoError(t, err)
		require.True(t, bytes.Equal(lib.body[from:], res.Payload), from)
		require.Equal(t, int64(5000), res.Size)
	}
	_, err = cli.Do(t.Context(), Request{URI: srv.URI("/x"), From: 2000, FromETag: []byte("other"), To: io.Discard})
	require.ErrorIs(t, err, protocol.ErrBodyChanged)
	_, err = cli.Do(t.Context(), Request{URI: srv.URI("/x"), From: 10_000, FromETag: tag})
	requireCode(t, err, codec.BadRequest)
	_, err = cli.Do(t.Context(), Request{URI: srv.URI("/x"), MaxBody: 4999})
	require.ErrorIs(t, err, protocol.ErrBodyTooLarge)
}

// TestRest: the rest of a response whose first block came otherwise.
func TestRest(t *testing.T) {
	srv, cli := pair(t)
	lib := &library{body: pattern(5000)}
	handle(t, srv, "/x", Resource{Inline: true, Get: lib.get})
	req := Request{URI: "coap://group.example/x"} // what was asked; the rest comes from who answered
	asked := Request{URI: srv.URI("/x"), Options: codec.Options{codec.Block2(codec.Block{SZX: 5})}}
	first, err := cli.Do(t.Context(), asked)
	require.NoError(t, err)
	require.Len(t, first.Payload, 512, "who makes blocks himself gets blocks")
	require.True(t, first.Options.Has(codec.OptionBlock2))

	req.URI = strings.Replace(srv.URI("/x"), "127.0.0.1", "127.0.0.9", 1)
	whole, err := cli.Rest(t.Context(), req, first)
	require.NoError(t, err)
	require.True(t, bytes.Equal(lib.body, whole.Payload))
	require.Equal(t, first.Peer, whole.Peer)
	same, err := cli.Rest(t.Context(), req, whole)
	require.NoError(t, err)
	require.Same(t, whole, same, "nothing is missing")
}
