package actors

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// TestWalksOfNotifications counts what ARCHITECTURE.md promises of Observe.
func TestWalksOfNotifications(t *testing.T) {
	var server, client crossings
	once := protocol.Params{AckTimeout: time.Hour}
	srv := startNode(t, Config{Env: server.env(), Params: once, Observe: unpaced})
	cli := startNode(t, Config{Env: client.env(), Params: once})
	x := serveNumber(t, srv, "/x", Resource{Inline: true, Confirmable: true})
	n := 0
	for _, err := range cli.Subscribe(t.Context(), srv.URI("/x"), "") {
		require.NoError(t, err)
		if n > 0 {
			require.Equal(t, []string{"endpoint *actors.inbatch"}, client.take(), "in: 1")
			// The acknowledgement comes to the endpoint, and goes no further.
			eventually(t, func() bool { return srv.Stats().Acknowledgements == uint64(n) }, "the acknowledgement")
			require.Equal(t, []string{"endpoint actors.published", "endpoint *actors.inbatch"}, server.take(), "out: 1")
		}
		if n++; n == 4 {
			break
		}
		server.take()
		client.take()
		x.set(t, n)
	}
}

// TestPublicNodeIsObservedByThoseWhoProveThemselves: notifications are many
// answers to one request, so an address has to show first that it is no forgery.
func TestPublicNodeIsObservedByThoseWhoProveThemselves(t *testing.T) {
	s := newStrangers(t, Config{Public: true})
	state, _ := Text("x")
	handle(t, s.n, "/x", Resource{Observable: true, Inline: true, Get: constant(state)})
	s.send(s.observing(1, 1, 0, 7, "x"))
	require.Len(t, s.raw, 1)
	require.Equal(t, codec.Unauthorized, s.raw[0].Code)
	echo, ok := s.raw[0].Options.Get(codec.OptionEcho)
	require.True(t, ok)
	require.False(t, s.raw[0].Options.Has(codec.OptionObserve))
	require.Zero(t, s.n.Stats().Observe.Observers)
	m := codec.Message{Code: codec.GET, MessageID: 2, Token: codec.TokenFromUint64(7), Options: codec.Options{codec.Observe(0), codec.URIPath("x"), codec.Echo(echo)}}
	s.send(s.from(1, &m))
	require.Len(t, s.raw, 1)
	require.Equal(t, codec.Content, s.raw[0].Code)
	require.True(t, s.raw[0].Options.Has(codec.OptionObserve))
	s.send(s.observing(1, 3, 1, 7, "x"))
	require.Zero(t, s.n.Stats().Observe.Observers)
}

// TestObserveLongStates: what is longer than a block is told as a whole, by
// handlers and by Publish, with tags that the runtime makes.
func TestObserveLongStates(t *testing.T) {
	srv, cli := startNode(t, Config{Observe: unpaced}), startNode(t, Config{})
	long := func(c string) string { return strings.Repeat(c, 3000) }
	for _, tagged := range []bool{false, true} {
		path := map[bool]string{false: "/plain", true: "/tagged"}[tagged]
		route := handle(t, srv, path, Resource{Observable: true, Tagged: tagged, Get: text(long("a"))})
		n := 0
		for note, err := range cli.Subscribe(t.Context(), srv.URI(path), "") {
			require.NoError(t, err)
			require.True(t, note.Options.Has(codec.OptionETag))
			require.False(t, note.Options.Has(codec.OptionBlock2))
			switch n++; n {
			case 1:
				require.Equal(t, long("a"), string(note.Payload))
				require.NoError(t, route.Publish(long("b")))
				continue
			case 2:
				require.Equal(t, long("b"), string(note.Payload))
				require.NoError(t, route.Changed())
				continue
			}
			require.Equal(t, long("a"), string(note.Payload))
			break
		}
		route.Remove()
	}
}
