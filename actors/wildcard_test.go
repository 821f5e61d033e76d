package actors

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

// TestSubscribeAll: all rooms, also one that comes later and one that comes back;
// other paths, and what cannot be observed, are left alone.
func TestSubscribeAll(t *testing.T) {
	srv, cli := startNode(t, Config{Observe: unpaced}), startNode(t, Config{})
	kitchen := serveNumber(t, srv, "/rooms/kitchen/temp", Resource{Queue: 10})
	serveNumber(t, srv, "/rooms/kitchen/hum", Resource{})
	serveNumber(t, srv, "/rooms/a/b/temp", Resource{})
	handle(t, srv, "/rooms/plain/temp", Resource{Get: text("1")})
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s := Subscription{Request: Request{URI: srv.URI("/rooms/+/temp")}, Rule: "> 20", QoS: 1}
	at := func(room string) string { return srv.URI("/rooms/" + room + "/temp") }
	var hall *numbered
	step, err := 0, error(nil)
	for n, e := range cli.SubscribeAll(ctx, s, 20*time.Millisecond) {
		if err = e; err != nil {
			break
		}
		switch step {
		case 0:
			require.Equal(t, []any{at("kitchen"), "0", ReasonFirst}, []any{n.URI, string(n.Payload), n.Reason})
			hall = serveNumber(t, srv, "/rooms/hall/temp", Resource{Queue: 10})
		case 1:
			require.Equal(t, []any{at("hall"), "0", ReasonFirst}, []any{n.URI, string(n.Payload), n.Reason})
			hall.set(t, 19)
			hall.set(t, 21)
		case 2:
			require.Equal(t, []any{at("hall"), "21", ReasonSelected}, []any{n.URI, string(n.Payload), n.Reason})
			require.NoError(t, kitchen.route.Publish(errors.New("broken")))
		case 3:
			require.Equal(t, []any{at("kitchen"), ReasonFinal, codec.InternalServerError}, []any{n.URI, n.Reason, n.Code})
		case 4:
			require.Equal(t, []any{at("kitchen"), "0", ReasonFirst}, []any{n.URI, string(n.Payload), n.Reason})
			cancel(errors.New("enough"))
		}
		step++
	}
	require.ErrorContains(t, err, "enough")
	require.Equal(t, 5, step)
	eventually(t, func() bool { return srv.Stats().Observe.Observers == 0 && cli.Stats().Observe.Observations == 0 }, "all have ended")
}

func TestSubscribeAllFails(t *testing.T) {
	srv, cli := startNode(t, Config{}), startNode(t, Config{})
	for i := range maxWild + 1 {
		handle(t, srv, "/many/"+strconv.Itoa(i), Resource{Observable: true, Get: text("1")})
	}
	for _, c := range []struct{ uri, rule, want string }{
		{srv.URI("/many/+"), "", "narrower"},
		{srv.URI("/x/+"), "> >", "expected"},
		{"coap://no.such.host.invalid/+", "", "no.such.host.invalid"},
		{"http://x/+", "", "scheme"},
	} {
		var err error
		for _, err = range cli.SubscribeAll(t.Context(), Subscription{Request: Request{URI: c.uri}, Rule: c.rule}, 0) {
		}
		require.ErrorContains(t, err, c.want)
	}
}
