//go:build !race

package udp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

// Datagrams cost no allocation, neither way.
func TestNoAllocations(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", ":0"} {
		needIPv6(t)
		const count = 40
		server, client := at(t, addr), at(t, addr)
		arrived, left := make(chan struct{}), 0
		require.NoError(t, server.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) { _, _ = server.WriteBatch(ds) }}))
		require.NoError(t, client.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
			if left -= len(ds); left == 0 {
				arrived <- struct{}{}
			}
		}}))
		host := "127.0.0.1"
		if addr == "[::1]:0" {
			host = "::1"
		}
		ds := make([]netio.Datagram, count)
		for i := range ds {
			ds[i] = to(on(host, server.Local()[0]), "payload")
			ds[i].Local = on(host, client.Local()[0])
		}
		round := func() {
			left = count + 1
			if n, err := client.WriteBatch(ds); n != count || err != nil {
				t.Error(n, err)
			}
			if err := client.WriteTo(ds[0]); err != nil {
				t.Error(err)
			}
			<-arrived
		}
		require.Zero(t, testing.AllocsPerRun(100, round), addr)
	}
}
