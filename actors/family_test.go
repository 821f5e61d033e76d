package actors

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// TestNoResponse: what is not wanted is not sent (RFC 7967), and who wants nothing
// does not wait.
func TestNoResponse(t *testing.T) {
	srv, cli := pair(t)
	calls := 0
	handle(t, srv, "/x", Resource{Inline: true,
		Put:  func(context.Context, *Request) (*Response, error) { calls++; return nil, nil },
		Post: func(context.Context, *Request) (*Response, error) { calls++; return nil, Errorf(codec.Conflict, "no") },
	})
	for _, non := range []bool{false, true} {
		for _, path := range []string{"/x", "/nope"} {
			res, err := cli.Do(t.Context(), Request{Method: codec.PUT, URI: srv.URI(path), NonConfirmable: non, Options: codec.Options{codec.NoResponse(26)},
				Params: protocol.Params{NStart: 10, ProbingRate: 1e6}})
			require.NoError(t, err)
			require.Equal(t, codec.Empty, res.Code)
		}
	}
	// Errors are wanted, but no success, and the other way round.
	_, err := cli.Do(t.Context(), Request{Method: codec.POST, URI: srv.URI("/x"), Options: codec.Options{codec.NoResponse(2)}})
	requireCode(t, err, codec.Conflict)
	res, err := cli.Do(t.Context(), Request{Method: codec.PUT, URI: srv.URI("/x"), Options: codec.Options{codec.NoResponse(24)}})
	require.NoError(t, err)
	require.Equal(t, codec.Changed, res.Code)
	// In blocks: only the last request goes without response.
	srv2 := startNode(t, Config{})
	got := make(chan int, 1)
	handle(t, srv2, "/big", Resource{Put: func(_ context.Context, r *Request) (*Response, error) {
		got <- len(r.Payload)
		return nil, nil
	}})
	res, err = cli.Do(t.Context(), Request{Method: codec.PUT, URI: srv2.URI("/big"), Payload: pattern(5000), Options: codec.Options{codec.NoResponse(26)}})
	require.NoError(t, err)
	require.Equal(t, codec.Empty, res.Code)
	require.Equal(t, 5000, <-got)
}

func TestNoResponseOnTheWire(t *testing.T) {
	s := newStrangers(t, Config{})
	calls := 0
	handle(t, s.n, "/x", Resource{Inline: true, Put: func(context.Context, *Request) (*Response, error) { calls++; return nil, nil }})
	handle(t, s.n, "/sep", Resource{Separate: true, Put: nothing})
	send := func(typ codec.Type, mid uint16, path string) []string {
		m := codec.Message{Type: typ, Code: codec.PUT, MessageID: mid, Options: codec.Options{codec.URIPath(path), codec.NoResponse(26)}}
		data, err := m.Append(nil)
		require.NoError(t, err)
		return s.send(netio.Datagram{Data: data, Peer: netio.Peer{Addr: stranger(1)}, Local: s.end.addr})
	}
	require.Equal(t, []string{"1 ACK 0.00"}, send(codec.CON, 1, "x"))
	require.Equal(t, []string{"1 ACK 0.00"}, send(codec.CON, 1, "x"), "a duplicate")
	require.Empty(t, send(codec.NON, 2, "x"))
	require.Empty(t, send(codec.NON, 2, "x"))
	require.Equal(t, 2, calls)
	require.Equal(t, []string{"1 ACK 0.00"}, send(codec.CON, 3, "nope"))
	require.Empty(t, send(codec.NON, 4, "nope"))
	require.Equal(t, []string{"1 ACK 0.00"}, send(codec.CON, 5, "sep"), "once")
	requireAccounts(t, s.n)
}

// TestPublicNode: an address that may be forged is not sent much before it has
// sent back an Echo.
func TestPublicNode(t *testing.T) {
	s := newStrangers(t, Config{Public: true})
	posts := 0
	handle(t, s.n, "/long", Resource{Inline: true, Get: func(context.Context, *Request) (*Response, error) {
		return Bytes(codec.OctetStream, pattern(3000))
	}})
	handle(t, s.n, "/short", Resource{Inline: true, Get: text("short"), Post: func(context.Context, *Request) (*Response, error) { posts++; return nil, nil }})
	mid := uint16(0)
	send := func(code codec.Code, path string, opts ...codec.Option) *codec.Message {
		mid++
		m := codec.Message{Code: code, MessageID: mid, Options: codec.Options{codec.URIPath(path)}.Add(opts...)}
		data, err := m.Append(nil)
		require.NoError(t, err)
		s.send(netio.Datagram{Data: data, Peer: netio.Peer{Addr: stranger(1)}, Local: s.end.addr})
		require.Len(t, s.raw, 1)
		return &s.raw[0]
	}
	require.Equal(t, codec.Content, send(codec.GET, "short").Code)
	res := send(codec.GET, "long")
	require.Equal(t, codec.Unauthorized, res.Code)
	require.Equal(t, codec.Unauthorized, send(codec.GET, "long", codec.Block2(codec.Block{Num: 1, SZX: 6})).Code, "nor a later block")
	require.Equal(t, codec.Unauthorized, send(codec.POST, "short").Code)
	require.Zero(t, posts)
	value, ok := res.Options.Get(codec.OptionEcho)
	require.True(t, ok)
	require.Equal(t, codec.Unauthorized, send(codec.GET, "long", codec.Echo([]byte("0123456789abcdef"))).Code)
	require.Equal(t, codec.Content, send(codec.GET, "long", codec.Echo(value)).Code)
	require.Equal(t, codec.Content, send(codec.GET, "long", codec.Block2(codec.Block{Num: 1, SZX: 6})).Code)
	require.Equal(t, codec.Changed, send(codec.POST, "short").Code)
	require.Equal(t, 1, posts)
	s.pass(2*time.Hour, time.Minute)
	require.Equal(t, codec.Unauthorized, send(codec.POST, "short").Code, "it has to be shown again")
	requireAccounts(t, s.n)
}

// TestEchoOfTheClient: a client sends back what it is asked for, three times at
// most, in block-wise transfers too.
func TestEchoOfTheClient(t *testing.T) {
	srv, cli := pair(t)
	var asked atomic.Int32
	guarded := func(next Handler) Handler {
		return func(ctx context.Context, r *Request) (*Response, error) {
			if v, _ := r.Options.Get(codec.OptionEcho); string(v) != "fresh" {
				asked.Add(1)
				value := "stale"
				if r.Path() == "/x" {
					value = "fresh"
				}
				return nil, &CodeError{Code: codec.Unauthorized, Options: codec.Options{codec.Echo([]byte(value))}}
			}
			return next(ctx, r)
		}
	}
	echo := func(_ context.Context, r *Request) (*Response, error) {
		return Bytes(codec.OctetStream, append([]byte(nil), r.Payload...))
	}
	handle(t, srv, "/x", Resource{Inline: true, Get: guarded(text("hello")), Post: guarded(echo)})
	handle(t, srv, "/never", Resource{Inline: true, Get: guarded(text("hello"))})
	res, err := cli.Get(t.Context(), srv.URI("/x"))
	require.NoError(t, err)
	require.Equal(t, "hello", string(res.Payload))
	res, err = cli.Post(t.Context(), srv.URI("/x"), codec.OctetStream, pattern(3000))
	require.NoError(t, err)
	require.Equal(t, pattern(3000), res.Payload)
	asked.Store(0)
	_, err = cli.Get(t.Context(), srv.URI("/never"))
	requireCode(t, err, codec.Unauthorized)
	require.EqualValues(t, 1+maxEchoes, asked.Load())
}

// TestTooManyRequests: a peer that asks too often is told when to come again.
func TestTooManyRequests(t *testing.T) {
	s := newStrangers(t, Config{Limits: Limits{PerSecond: 4}})
	handle(t, s.n, "/x", Resource{Inline: true, Get: text("x")})
	mid := uint16(0)
	get := func(i int) string {
		mid++
		return s.send(s.datagram(i, codec.CON, codec.GET, mid, "x"))[0]
	}
	for range 4 {
		require.Equal(t, "1 ACK 2.05", get(1))
	}
	require.Equal(t, "1 ACK 4.29", get(1))
	age, ok := s.raw[0].Options.Uint(codec.OptionMaxAge)
	require.True(t, ok)
	require.EqualValues(t, 1, age)
	require.Equal(t, "2 ACK 2.05", get(2), "others are not concerned")
	require.Equal(t, "1 ACK 2.05", s.send(s.datagram(1, codec.CON, codec.GET, 2, "x"))[0], "a duplicate costs nothing")
	s.pass(time.Second, time.Second)
	require.Equal(t, "1 ACK 2.05", get(1))
	requireAccounts(t, s.n)

	d, ok := (&CodeError{Code: codec.TooManyRequests, Options: codec.Options{codec.MaxAge(7)}}).RetryAfter()
	require.True(t, ok)
	require.Equal(t, 7*time.Second, d)
}
