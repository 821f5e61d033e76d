package actors

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

func TestSubscriptions(t *testing.T) {
	n, w := startLead(t, Config{Observe: unpaced})
	inside := make(chan error, 1)
	route := handle(t, n, "/x", Resource{Observable: true, Inline: true, Get: func(ctx context.Context, r *Request) (*Response, error) {
		_, err := r.Node().Subscriptions(ctx, 0)
		select {
		case inside <- err:
		default:
		}
		return Text("10")
	}})
	none, err := n.Subscriptions(t.Context(), 0)
	require.NoError(t, err)
	require.Empty(t, none)
	w.ask(first, 1, "42", "x", "value>20; con", 0)
	require.ErrorIs(t, <-inside, ErrInline)
	w.ask(second, 1, "42", "x", "> 3.0e1", 0)
	w.from(second, "41010002 43 60 5178 47 632e67743d3430") // ?c.gt=40
	w.said()
	w.ask(second, 3, "44", "x", "", 0) // no rule
	list := func(most int) []LiveSubscription {
		t.Helper()
		l, err := n.Subscriptions(t.Context(), most)
		require.NoError(t, err)
		for i := range l {
			require.GreaterOrEqual(t, l[i].Age, time.Duration(0))
			require.Equal(t, !strings.Contains(l[i].Rule, "40"), l[i].Left > time.Hour, "that of c.* has no lease: %+v", l[i])
			require.NotZero(t, l[i].Number)
		}
		return l
	}
	l := list(0)
	require.Len(t, l, 3)
	require.Len(t, list(2), 2)
	peer := func(a string) netio.Peer { return netio.Peer{Addr: netip.MustParseAddrPort(a + ":5683")} }
	require.Equal(t, []netio.Peer{peer(first), peer(second), peer(second)}, []netio.Peer{l[0].Peer, l[1].Peer, l[2].Peer})
	require.Equal(t, []int{1, 0, 0}, []int{l[0].QoS, l[1].QoS, l[2].QoS})
	require.Equal(t, "value > 20; con", l[0].Rule)
	require.Equal(t, "value > 30", l[1].Rule)
	require.Equal(t, "/x", l[0].Path)
	require.Equal(t, "/x", l[2].Path)

	// The first is told, and what comes before it acknowledges is conflated.
	for v := 21; v <= 25; v++ {
		require.NoError(t, route.Publish(strconv.Itoa(v)))
		eventually(t, func() bool { return n.Stats().Observe.Selected == uint64(v-20) }, "selected")
	}
	m := w.said()
	for m.Token.String() != "42" { // besides what the one without a rule is told
		m = w.said()
	}
	l = list(0)
	require.Equal(t, uint64(1), l[0].Sent)
	require.Zero(t, l[0].Dropped)
	w.from(first, "6000"+hex4(m.MessageID))
	for string(m.Payload) != "25" {
		m = w.said()
	}
	eventually(t, func() bool { l := list(0); return l[0].Sent == 2 && l[0].Dropped == 3 }, "what was left out")
	require.Zero(t, list(0)[1].Sent)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Subscriptions(ctx, 0); err != nil {
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err = (&Node{shard: &shard{}}).Subscriptions(t.Context(), 0)
	require.ErrorContains(t, err, "not started")
}
