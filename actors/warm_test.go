package actors

import (
	"testing"

	"github.com/coap2/coap2/netio"
)

// TestWarmOfANodeThatLacksSomething: nothing is amiss where there is nothing to look at, as of a node
// whose socket is down or which has lost its resources.
func TestWarmOfANodeThatLacksSomething(t *testing.T) {
	for name, lack := range map[string]func(n *Node){
		"nothing":  func(*Node) {},
		"a socket": func(n *Node) { n.transport.Store(nil) },
		"routes":   func(n *Node) { n.router.Store(&router{}) },
	} {
		t.Run(name, func(t *testing.T) {
			srv, cli := startNode(t, Config{}), startNode(t, Config{})
			handle(t, srv, "/x", Resource{Inline: true, Get: text("x")})
			_, err := cli.Get(t.Context(), srv.URI("/x"))
			if err != nil {
				t.Fatal(err)
			}
			onLoop(srv, func() {
				before, routes := srv.transport.Load(), srv.router.Load()
				lack(srv)
				for _, data := range [][]byte{nil, {0x40, 1, 0, 1}, {0x60, 0x45, 0, 1}} {
					for step := range WarmSteps {
						_ = srv.Warm(step, &netio.Datagram{Data: data, Peer: netio.Peer{Addr: cli.Addrs()[0]}})
					}
				}
				srv.transport.Store(before)
				srv.router.Store(routes)
			})
		})
	}
}
