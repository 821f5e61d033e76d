package actors

import (
	"fmt"
	"net"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
)

// crossings records the mailboxes that messages are posted to.
type crossings struct {
	mu  sync.Mutex
	log []string
}

// env returns the real world with every mailbox watched.
func (c *crossings) env() *Env {
	e := *SystemEnv()
	e.Tap = func(actorPath string, msg any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.log = append(c.log, fmt.Sprintf("%s %T", path.Base(actorPath), msg))
	}
	return &e
}

func (c *crossings) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := c.log
	c.log = nil
	return log
}

// TestWalksCrossNoMoreMailboxesThanTheirBudget counts what ARCHITECTURE.md
// promises.
func TestWalksCrossNoMoreMailboxesThanTheirBudget(t *testing.T) {
	var server, client crossings
	srv := startNode(t, Config{Env: server.env()})
	clock, env := newStillClock(), client.env()
	env.Clock = clock
	cli := startNode(t, Config{Env: env, Params: protocol.Params{AckTimeout: 2 * time.Second, MaxRetransmit: 1}})
	handle(t, srv, "/x", Resource{Inline: true, Get: text("x")})
	get := func() {
		_, err := cli.Get(t.Context(), srv.URI("/x"))
		require.NoError(t, err)
	}
	get() // the first one spawns the resource: one more
	require.Equal(t, []string{"endpoint *actors.inbatch", "resources *actors.callBatch", "resource x *actors.callBatch", "exchange *actors.incoming"}, short(server.take()))
	client.take()
	for range 3 {
		get()
		require.Equal(t, []string{"endpoint *actors.inbatch", "resource x *actors.callBatch", "exchange *actors.incoming"}, short(server.take()), "CON GET: 3")
		log := client.take()
		require.Equal(t, []string{"endpoint *actors.Call", "exchange actors.startCall"}, log[:2], "out: 2")
		require.Equal(t, []string{"endpoint *actors.inbatch", "exchange *actors.incoming"}, log[2:], "in: 2 of 3")
	}

	silent, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, silent.Close()) }()
	got := make(chan error, 1)
	cli.Go(Request{URI: "coap://" + silent.LocalAddr().String() + "/"}, func(_ *Response, err error) { got <- err })
	for _, d := range []time.Duration{0, 3 * time.Second, 6 * time.Second} { // AckTimeout · AckRandomFactor, and twice that
		clock.advance(d)
		settle(cli)
	}
	require.ErrorIs(t, <-got, ErrTimeout)
	require.Equal(t, uint64(1), cli.Stats().Retransmissions)
	require.Equal(t, []string{"endpoint *actors.Call", "exchange actors.startCall",
		"exchange actors.exchangeTimer", // the retransmission: 1
		"exchange actors.exchangeTimer", // the end
	}, client.take())
}

// short makes the path of a resource's actor readable.
func short(log []string) []string {
	for i, l := range log {
		if l == "x *actors.callBatch" {
			log[i] = "resource x *actors.callBatch"
		}
	}
	return log
}
