package actors

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// caller is a hook that asks a group on one interface, and ends with the first
// answer.
type caller struct {
	dst   to
	heard chan string
}

func (c *caller) begun(g *groupCall) {
	m := codec.Message{Code: codec.GET, Options: codec.Options{codec.URIPath("multi")}}
	if _, err := g.send(&m, c.dst); err != nil {
		g.end(err)
	}
}

func (c *caller) answered(g *groupCall, a *groupAnswer) {
	c.heard <- string(a.message.Payload)
	g.end(nil)
}
func (c *caller) unsent(g *groupCall, _ int, _ netio.Peer, err error) { g.end(err) }
func (c *caller) due(*groupCall)                                      {}
func (c *caller) ended(_ *groupCall, err error) {
	if err != nil {
		c.heard <- err.Error()
	}
}

// A call to a group on sockets, by nodes with one shard and with several: whoever
// answers may be a peer of another shard than the one that asks.
func TestGroupCallOnSockets(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	require.NoError(t, err)
	for _, shards := range []int{1, 3} {
		cli := startNode(t, Config{Shards: shards, Listen: []string{"0.0.0.0:0"}})
		for range 6 {
			srv := startNode(t, Config{Listen: []string{"0.0.0.0:0"}, Params: protocol.Params{DefaultLeisure: time.Millisecond}})
			handle(t, srv, "/multi", Resource{Inline: true, Multicast: true, Get: text("multi")})
			group := netip.AddrPortFrom(netip.MustParseAddr("224.0.1.187"), srv.Addrs()[0].Port())
			require.NoError(t, (*srv.transport.Load()).Join(group.Addr(), lo.Name))
			c := &caller{dst: to{peer: netio.Peer{Addr: group}, ifi: lo.Index}, heard: make(chan string, 9)}
			_, err := cli.callGroup(c)
			require.NoError(t, err)
			require.Equal(t, "multi", <-c.heard)
		}
		require.EqualValues(t, 6, requireAccounts(t, cli).Responses)
	}
}
