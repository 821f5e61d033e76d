package actors

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

// note is a representation that can be made, changed and taken away.
type note struct {
	mu    sync.Mutex
	there bool
	text  string
	gets  int
}

func (n *note) resource() Resource {
	return Resource{Tagged: true, MaxAge: 90 * time.Second,
		Get: func(_ context.Context, r *Request) (*Response, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.gets++
			if !n.there {
				return nil, Errorf(codec.NotFound, "not yet")
			}
			return Text(n.text)
		},
		Put: func(_ context.Context, r *Request) (*Response, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.there, n.text = true, string(r.Payload)
			return nil, nil
		},
		Delete: func(context.Context, *Request) (*Response, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.there = false
			return nil, nil
		},
	}
}

// TestConditional: the runtime evaluates what a request asks of the present
// representation.
func TestConditional(t *testing.T) {
	srv, cli := pair(t)
	for _, text := range []string{"short", strings.Repeat("longer than a block, ", 100)} {
		n := &note{}
		route := handle(t, srv, "/note", n.resource())
		uri := srv.URI("/note")
		get := func(opts ...codec.Option) (*Response, error) { return cli.Get(t.Context(), uri, opts...) }
		put := func(text string, opts ...codec.Option) error {
			_, err := cli.Put(t.Context(), uri, codec.TextPlain, []byte(text), opts...)
			return err
		}
		none := codec.Option{Number: codec.OptionIfNoneMatch}
		requireCode(t, put(text, codec.IfMatch(nil)), codec.PreconditionFailed)
		require.NoError(t, put(text, none))
		requireCode(t, put("x", none), codec.PreconditionFailed)
		require.NoError(t, put(text, codec.IfMatch(nil)))

		res, err := get()
		require.NoError(t, err)
		require.Equal(t, text, string(res.Payload))
		age, ok := res.Options.Uint(codec.OptionMaxAge)
		require.True(t, ok)
		require.EqualValues(t, 90, age)
		tag, ok := res.Options.Get(codec.OptionETag)
		require.True(t, ok)

		res, err = get(codec.ETag([]byte("other")), codec.ETag(tag))
		require.NoError(t, err)
		require.Equal(t, codec.Valid, res.Code)
		require.Empty(t, res.Payload)
		again, _ := res.Options.Get(codec.OptionETag)
		require.Equal(t, tag, again)
		require.False(t, res.Options.Has(codec.OptionContentFormat))
		require.True(t, res.Options.Has(codec.OptionMaxAge))
		res, err = get(codec.ETag([]byte("other")))
		require.NoError(t, err)
		require.Equal(t, text, string(res.Payload))

		requireCode(t, put("x", codec.IfMatch([]byte("other"))), codec.PreconditionFailed)
		require.NoError(t, put(text+"!", codec.IfMatch([]byte("other")), codec.IfMatch(tag)))
		requireCode(t, put("x", codec.IfMatch(tag)), codec.PreconditionFailed)
		_, err = get(codec.IfMatch(tag))
		requireCode(t, err, codec.PreconditionFailed)
		res, err = get(codec.ETag(tag))
		require.NoError(t, err)
		require.Equal(t, text+"!", string(res.Payload), "it has changed")
		_, err = cli.Delete(t.Context(), uri, codec.IfMatch(tag))
		requireCode(t, err, codec.PreconditionFailed)
		_, err = cli.Delete(t.Context(), uri)
		require.NoError(t, err)
		n.mu.Lock()
		gets := n.gets
		n.mu.Unlock()
		require.NoError(t, put(text))
		n.mu.Lock()
		require.Equal(t, gets, n.gets, "without condition nobody asks")
		n.mu.Unlock()
		route.Remove()
	}
}

// TestETagsOfHandlers: a tag that the handler gives itself is enough for 2.03.
func TestETagsOfHandlers(t *testing.T) {
	srv, cli := pair(t)
	res := &Response{Options: codec.Options{codec.ETag([]byte("v1"))}, Payload: []byte("x")}
	kept := slices.Clone(res.Options)
	handle(t, srv, "/x", Resource{Inline: true, MaxAge: time.Millisecond, Get: func(context.Context, *Request) (*Response, error) { return res, nil }})
	got, err := cli.Get(t.Context(), srv.URI("/x"), codec.ETag([]byte("v1")))
	require.NoError(t, err)
	require.Equal(t, codec.Valid, got.Code)
	age, ok := got.Options.Uint(codec.OptionMaxAge)
	require.True(t, ok && age == 0, "never fresh")
	require.Equal(t, kept, res.Options, "what a handler gives is only read")
}
