package actors

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// block makes a datagram that brings a block of a payload, or asks for one of a
// response where size is negative.
func (s *strangers) block(i int, code codec.Code, mid uint16, path string, b codec.Block, size int) netio.Datagram {
	m := codec.Message{Code: code, MessageID: mid, Options: codec.Options{codec.URIPath(path)}}
	if size < 0 {
		m.Options = m.Options.Add(codec.Block2(b))
	} else {
		m.Options, m.Payload = m.Options.Add(codec.Block1(b)), make([]byte, size)
	}
	data, err := m.Append(nil)
	require.NoError(s.t, err)
	return netio.Datagram{Data: data, Peer: netio.Peer{Addr: stranger(i)}, Local: s.end.addr}
}

// TestTransfersThatAreNeverFinished: 200 peers begin payloads and responses in
// blocks, again and again, and finish none. What is kept of them stays within its
// bounds, and is gone in the end.
func TestTransfersThatAreNeverFinished(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{Spools: 64, SpoolBytes: 100_000, Bodies: 20, BodyBytes: 50_000}})
	handle(t, s.n, "/x", Resource{Inline: true, Put: nothing, Get: func(context.Context, *Request) (*Response, error) {
		return Bytes(codec.OctetStream, make([]byte, 5000))
	}})
	handle(t, s.n, "/stream", Resource{Stream: true, Put: func(_ context.Context, r *Request) (*Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		return nil, err
	}})
	more := codec.Block{More: true, SZX: 6}
	sh := s.n.shard
	for round := range uint16(8) {
		for i := range 200 {
			mid := round * 100
			s.end.recv.Datagrams([]netio.Datagram{
				s.block(i, codec.PUT, mid, "x", more, 1024),
				s.block(i, codec.PUT, mid+1, "x", codec.Block{Num: 1, More: true, SZX: 6}, 1024),
				s.block(i, codec.PUT, mid+2, "x", codec.Block{Num: 7, More: true, SZX: 6}, 1024),
				s.block(i, codec.PUT, mid+3, "stream", more, 1024),
				s.block(i, codec.GET, mid+4, "x", codec.Block{SZX: 6}, -1),
				s.block(i, codec.GET, mid+5, "x", codec.Block{Num: 9999, SZX: 6}, -1),
			})
			onShard(sh, func() {
				spool, shelf := sh.blockwise.spool.Stats(), sh.blockwise.shelf.Stats()
				require.LessOrEqual(t, spool.Len, 64)
				require.LessOrEqual(t, spool.Bytes, 100_000)
				require.LessOrEqual(t, shelf.Len, 20)
				require.LessOrEqual(t, shelf.Bytes, 50_000)
				require.LessOrEqual(t, len(sh.blockwise.streams), 64)
			})
		}
		s.carry()
		s.pass(10*time.Second, time.Second)
	}
	onShard(sh, func() {
		require.Positive(t, sh.blockwise.spool.Stats().Evicted+sh.blockwise.spool.Stats().NoRoom)
		require.Positive(t, sh.blockwise.shelf.Stats().Evicted)
	})
	s.pass(10*time.Minute, 10*time.Second)
	s.until(func() bool { return s.runner.running.Load() == 0 })
	requireAccounts(t, s.n)
	onShard(sh, func() {
		require.Zero(t, sh.blockwise.spool.Stats().Len)
		require.Zero(t, sh.blockwise.spool.Stats().Bytes)
		require.Zero(t, sh.blockwise.shelf.Stats().Len)
		require.Empty(t, sh.blockwise.streams)
		require.Zero(t, sh.serving)
		require.Zero(t, sh.servingBytes)
	})
}

// TestStreamThatIsLost: its handler is told, and so is one whose node stops.
func TestStreamThatIsLost(t *testing.T) {
	s := newStrangers(t, Config{})
	var ended atomic.Int32
	handle(t, s.n, "/stream", Resource{Stream: true, Put: func(ctx context.Context, r *Request) (*Response, error) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			return Bytes(codec.OctetStream, b[:1])
		}
		ended.Add(1)
		<-ctx.Done()
		return nil, err
	}})
	more := codec.Block{More: true, SZX: 0}
	begin := func(i int, mid uint16) {
		s.end.recv.Datagrams([]netio.Datagram{s.block(i, codec.PUT, mid, "stream", more, 16)})
		s.carry()
	}
	begin(1, 1)
	require.Equal(t, []string{"1 ACK 2.31"}, s.got)
	s.pass(s.n.exchangeLifetime+time.Second, 10*time.Second)
	s.until(func() bool { return s.runner.running.Load() == 0 })
	require.EqualValues(t, 1, ended.Load(), "it was not gone on with")

	begin(1, 10)
	s.end.recv.Datagrams([]netio.Datagram{s.block(1, codec.PUT, 11, "stream", codec.Block{Num: 1, More: true}, 16)})
	begin(1, 12) // anew
	s.until(func() bool { return ended.Load() == 2 })
	require.Equal(t, []string{"1 ACK 2.04"}, s.send(s.block(1, codec.PUT, 13, "stream", codec.Block{Num: 1}, 3)), "the second one goes on")

	begin(2, 20)
	require.NoError(t, s.n.Stop(context.Background()))
	require.EqualValues(t, 3, ended.Load())
}

// TestSlowReader: a handler that does not read lets no more than a little come,
// and a client that does not wait for it loses its transfer.
func TestSlowReader(t *testing.T) {
	s := newStrangers(t, Config{})
	read, done := make(chan int), make(chan struct{})
	handle(t, s.n, "/stream", Resource{Stream: true, Put: func(_ context.Context, r *Request) (*Response, error) {
		defer close(done)
		for n := range read {
			if _, err := io.ReadFull(r.Body, make([]byte, n)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}})
	put := func(num int, more bool) []string {
		s.got = nil
		s.end.recv.Datagrams([]netio.Datagram{s.block(1, codec.PUT, uint16(num), "stream", codec.Block{Num: uint32(num), More: more, SZX: 6}, 1024)})
		s.carry()
		return s.got
	}
	last := streamRoom/1024 - 1
	for num := range last {
		require.Equal(t, []string{"1 ACK 2.31"}, put(num, true))
	}
	require.Empty(t, put(last, true), "there is no room for more")
	s.pass(time.Second, 100*time.Millisecond)
	require.Equal(t, []string{"1 ACK 0.00"}, s.got, "it has to wait")
	s.got = nil
	read <- 4096
	s.until(func() bool { return len(s.got) > 0 })
	require.Equal(t, "1 CON 2.31", s.got[0])

	for num := last + 1; num < last+4; num++ {
		require.Equal(t, []string{"1 ACK 2.31"}, put(num, true))
	}
	require.Empty(t, put(last+4, true))
	require.Contains(t, put(last+5, true), "1 ACK 4.08", "it has not waited")
	close(read)
	<-done
	s.until(func() bool { return s.runner.running.Load() == 0 })
}

// closing is a source that says when it is closed.
type closing struct {
	*bytes.Reader
	closed *atomic.Int32
}

func (c closing) Close() error {
	c.closed.Add(1)
	return nil
}

// TestSourcesAreClosed: when nobody can ask for more of them.
func TestSourcesAreClosed(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{Bodies: 2}})
	var closed atomic.Int32
	size := 3000
	handle(t, s.n, "/x", Resource{Get: func(context.Context, *Request) (*Response, error) {
		return &Response{Body: closing{bytes.NewReader(make([]byte, size)), &closed}, Size: int64(size)}, nil
	}})
	for i := range 2 {
		require.Len(t, s.send(s.datagram(i, codec.CON, codec.GET, 1, "x")), 1)
	}
	require.Zero(t, closed.Load())
	require.Equal(t, []string{"0 ACK 2.05"}, s.send(s.block(0, codec.GET, 2, "x", codec.Block{Num: 2, SZX: 6}, -1)))
	s.send(s.datagram(2, codec.CON, codec.GET, 1, "x"))
	s.until(func() bool { return closed.Load() == 1 })
	s.send(s.datagram(2, codec.CON, codec.GET, 2, "x")) // in place of the last one
	s.until(func() bool { return closed.Load() == 2 })
	size = 100
	s.send(s.datagram(3, codec.CON, codec.GET, 1, "x")) // fits into one message
	s.until(func() bool { return closed.Load() == 3 })
	s.pass(s.n.exchangeLifetime+time.Minute, 10*time.Second)
	s.until(func() bool { return closed.Load() == 5 })
	requireAccounts(t, s.n)
}

// panicking is a source and a sink that panics.
type panicking struct{}

func (panicking) ReadAt([]byte, int64) (int, error) { panic("source") }
func (panicking) Read([]byte) (int, error)          { panic("source") }
func (panicking) Write([]byte) (int, error)         { panic("sink") }

// TestStreamsThatPanic end their request, and nothing else.
func TestStreamsThatPanic(t *testing.T) {
	srv, cli := pair(t)
	handle(t, srv, "/x", Resource{Put: nothing, Get: func(context.Context, *Request) (*Response, error) {
		return &Response{Body: panicking{}, Size: 5000}, nil
	}})
	handle(t, srv, "/y", Resource{Get: func(context.Context, *Request) (*Response, error) { return &Response{Payload: pattern(5000)}, nil }})
	_, err := cli.Get(t.Context(), srv.URI("/x"))
	requireCode(t, err, codec.InternalServerError)
	_, err = cli.Do(t.Context(), Request{Method: codec.PUT, URI: srv.URI("/x"), Body: panicking{}})
	require.ErrorContains(t, err, "panicked")
	_, err = cli.Do(t.Context(), Request{URI: srv.URI("/y"), To: panicking{}})
	require.ErrorContains(t, err, "panicked")
	_, err = cli.Do(t.Context(), Request{URI: srv.URI("/y"), Progress: func(Progress) { panic("progress") }})
	require.NoError(t, err)
	require.Positive(t, cli.Stats().Panics)
}

// blocking is a reader that does not return.
type blocking struct{ in, let chan struct{} }

func (b blocking) Read([]byte) (int, error) {
	close(b.in)
	<-b.let
	return 0, io.EOF
}

// TestCancelWhileItReads: a request ends although its Body does not return.
func TestCancelWhileItReads(t *testing.T) {
	_, cli := pair(t)
	b := blocking{make(chan struct{}), make(chan struct{})}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	go func() {
		<-b.in
		cancel(why)
	}()
	_, err := cli.Do(ctx, Request{Method: codec.PUT, URI: "coap://127.0.0.1:9/x", Body: b})
	require.ErrorIs(t, err, why)
	close(b.let)
}
