package actors

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

func TestLoopback(t *testing.T) {
	srv, err := Start(Config{Listen: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	_, err = srv.Handle("/hello", Resource{Inline: true, Get: func(context.Context, *Request) (*Response, error) { return Text("hello world") }})
	require.NoError(t, err)
	_, err = srv.Handle("/slow/{name}", Resource{Get: func(ctx context.Context, r *Request) (*Response, error) {
		if err := Sleep(ctx, 300*time.Millisecond); err != nil {
			return nil, err
		}
		return Text("slow " + r.PathValue("name"))
	}})
	require.NoError(t, err)
	_, err = srv.Handle("/panic", Resource{Get: func(ctx context.Context, r *Request) (*Response, error) { panic("boom") }})
	require.NoError(t, err)
	cli, err := Start(Config{Listen: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	ctx := context.Background()
	res, err := cli.Get(ctx, srv.URI("/hello"))
	require.NoError(t, err)
	require.Equal(t, "hello world", string(res.Payload))
	res, err = cli.Get(ctx, srv.URI("/slow/x"))
	require.NoError(t, err)
	require.Equal(t, "slow x", string(res.Payload))
	require.True(t, res.Separate)
	_, err = cli.Get(ctx, srv.URI("/nope"))
	var ce *CodeError
	require.ErrorAs(t, err, &ce)
	require.Equal(t, codec.NotFound, ce.Code)
	for range 4 {
		_, err = cli.Get(ctx, srv.URI("/panic"))
		require.ErrorAs(t, err, &ce)
		require.Equal(t, codec.InternalServerError, ce.Code)
	}
	_, err = cli.Get(ctx, srv.URI("/panic"))
	require.ErrorAs(t, err, &ce)
	require.Equal(t, codec.ServiceUnavailable, ce.Code)
	res, err = cli.Do(ctx, Request{URI: srv.URI("/hello"), NonConfirmable: true})
	require.NoError(t, err)
	require.Equal(t, "hello world", string(res.Payload))
	d, err := cli.Ping(ctx, srv.URI(""))
	require.NoError(t, err)
	t.Log(d)
	_, err = cli.Get(ctx, "coap://127.0.0.1:1/x")
	t.Log(err)
	require.ErrorIs(t, err, ErrUnreachable)
	res, err = cli.Get(ctx, srv.URI("/.well-known/core"))
	require.NoError(t, err)
	t.Log(string(res.Payload))
	require.NoError(t, cli.Stop(ctx))
	require.NoError(t, srv.Stop(ctx))
	t.Logf("%+v", srv.Stats())
}
