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
	// Long enough that a busy machine does not delay the retransmission beyond
	// the moment at which it must not be sent any more (see Transmission).
	cli := startNode(t, Config{Env: client.env(), Params: protocol.Params{AckTimeout: 100 * time.Millisecond, MaxRetransmit: 1}})
	handle(t, srv, "/x", Resource{Inline: true, Get: text("x")})
	get := func() {
		_, err := cli.Do(t.Context(), Request{URI: srv.URI("/x"), Params: protocol.Params{AckTimeout: time.Hour}})
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
	_, err = cli.Get(t.Context(), "coap://"+silent.LocalAddr().String()+"/")
	require.ErrorIs(t, err, ErrTimeout)
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
