package udp

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

// open opens a transport and closes it after the test.
func open(t testing.TB, cfg Config) *Transport {
	t.Helper()
	tr, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// at opens a transport on addresses, most often one with port 0.
func at(t testing.TB, addrs ...string) *Transport {
	t.Helper()
	return open(t, Config{Addrs: addrs})
}

// needIPv6 skips a test on machines without.
func needIPv6(t testing.TB) {
	t.Helper()
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 loopback: ", err)
	}
	require.NoError(t, c.Close())
}

// receive starts a transport and returns what comes in, datagram by datagram.
func receive(t testing.TB, tr *Transport) <-chan netio.Datagram {
	t.Helper()
	ch := make(chan netio.Datagram, 1<<14)
	require.NoError(t, tr.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
		for _, d := range ds {
			d.Data = bytes.Clone(d.Data)
			ch <- d
		}
	}}))
	return ch
}

// echo starts a transport that sends everything back. It reports news of
// undelivered datagrams to the test.
func echo(t testing.TB, tr *Transport) {
	t.Helper()
	require.NoError(t, tr.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
		for len(ds) > 0 {
			n, err := tr.WriteBatch(ds)
			if err != nil {
				t.Errorf("echo: %v", err)
				n++
			}
			ds = ds[n:]
		}
	}}))
}

// to makes a datagram for an address.
func to(addr netip.AddrPort, data string) netio.Datagram {
	return netio.Datagram{Data: []byte(data), Peer: netio.Peer{Addr: addr}}
}

// on is the same port at another address.
func on(host string, a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), a.Port())
}

// loopback returns the index of the loopback interface.
func loopback(t testing.TB) net.Interface {
	t.Helper()
	ifis, err := net.Interfaces()
	require.NoError(t, err)
	for _, ifi := range ifis {
		if ifi.Flags&net.FlagLoopback != 0 && ifi.Flags&net.FlagUp != 0 {
			return ifi
		}
	}
	t.Skip("no loopback interface")
	return net.Interface{}
}
