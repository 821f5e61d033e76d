package udp

import (
	"bytes"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

// closedPort returns an address of loopback where nobody listens: its socket
// exists, but on another address, so that nobody else gets the port.
func closedPort(t testing.TB, host, other string) netip.AddrPort {
	t.Helper()
	return on(host, at(t, netip.AddrPortFrom(netip.MustParseAddr(other), 0).String()).Local()[0])
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, own, host, other, text string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.1", "127.0.0.2", "connection refused (ICMP port unreachable)"},
		{"IPv6", "[::1]:0", "::1", "127.0.0.2", "connection refused (ICMPv6 port unreachable)"},
		{"all", ":0", "127.0.0.1", "127.0.0.2", "connection refused (ICMP port unreachable)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			needIPv6(t)
			tr := at(t, c.own)
			in := receive(t, tr)
			nobody := closedPort(t, c.host, c.other)
			for _, data := range []string{"lost", "", "\x40\x01\x12\x34"} {
				require.NoError(t, tr.WriteTo(to(nobody, data)))
				d := <-in
				require.EqualError(t, d.Err, "udp: "+nobody.String()+": "+c.text)
				require.ErrorIs(t, d.Err, syscall.ECONNREFUSED)
				var e *DeliveryError
				require.ErrorAs(t, d.Err, &e)
				require.Equal(t, nobody, e.Peer)
				require.Equal(t, nobody, d.Peer.Addr)
				require.Equal(t, data, string(d.Data))
				require.False(t, d.Local.IsValid())
			}
			require.EqualValues(t, 3, tr.Stats().Undelivered)
			require.Zero(t, tr.Stats().DatagramsIn)
		})
	}
}

// Of a long datagram an ICMP message returns the beginning.
func TestRefusedLong(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		needIPv6(t)
		tr := at(t, netip.AddrPortFrom(netip.MustParseAddr(host), 0).String())
		in := receive(t, tr)
		d := to(closedPort(t, host, "127.0.0.2"), "")
		d.Data = bytes.Repeat([]byte("0123456789"), 3000)
		require.NoError(t, tr.WriteTo(d))
		got := <-in
		require.ErrorIs(t, got.Err, syscall.ECONNREFUSED)
		require.Greater(t, len(got.Data), 100)
		require.True(t, bytes.HasPrefix(d.Data, got.Data))
	}
}

// Errors of one peer neither fail nor lose what goes to another, in either
// direction, and each is told once.
func TestRefusedAmongOthers(t *testing.T) {
	const rounds, live = 200, 3
	server, client := at(t, "127.0.0.1:0"), at(t, "127.0.0.1:0")
	echo(t, server)
	in := receive(t, client)
	nobody := closedPort(t, "127.0.0.1", "127.0.0.2")
	var ds []netio.Datagram
	for range live {
		ds = append(ds, to(server.Local()[0], "live"), to(nobody, "lost"))
	}
	for range rounds {
		n, err := client.WriteBatch(ds)
		require.NoError(t, err)
		require.Equal(t, len(ds), n)
		answers, refusals := 0, 0
		for range ds {
			if d := <-in; d.Err != nil {
				refusals++
				require.Equal(t, nobody, d.Peer.Addr)
				require.Equal(t, "lost", string(d.Data))
			} else {
				answers++
			}
		}
		require.Equal(t, [2]int{live, live}, [2]int{answers, refusals})
	}
	require.Zero(t, client.Stats().SendErrors)
}

// Many writers and a refusing peer: no write fails, no error gets lost even
// if a write has taken its mark off the socket.
func TestRefusedRaces(t *testing.T) {
	const writers, each = 4, 300
	server, client := at(t, "127.0.0.1:0"), at(t, "127.0.0.1:0")
	echo(t, server)
	in := receive(t, client)
	nobody := closedPort(t, "127.0.0.1", "127.0.0.2")
	done := make(chan error, writers)
	room := make(chan struct{}, 200) // what is under way fits into the smallest of buffers
	for range writers {
		go func() {
			for range each {
				room <- struct{}{}
				room <- struct{}{}
				n, err := client.WriteBatch([]netio.Datagram{to(nobody, "lost"), to(server.Local()[0], "live")})
				if n < 2 || err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	refusals := 0
	for ended, came := 0, 0; ended < writers || came < 2*writers*each; {
		select {
		case err := <-done:
			require.NoError(t, err)
			ended++
		case d := <-in:
			<-room
			if came++; d.Err != nil {
				refusals++
			}
		}
	}
	require.Equal(t, writers*each, refusals)
}

// What the local system refuses is an error of the write and no news besides.
func TestTooLong(t *testing.T) {
	client := at(t, "127.0.0.1:0")
	in := receive(t, client)
	d := to(client.Local()[0], "")
	for _, n := range []int{MaxPayload + 1, 65535, 70000} {
		d.Data = make([]byte, n)
		require.ErrorIs(t, client.WriteTo(d), syscall.EMSGSIZE)
	}
	require.NoError(t, client.WriteTo(to(client.Local()[0], "next")))
	got := <-in
	require.NoError(t, got.Err)
	require.Equal(t, "next", string(got.Data))
}

func TestPassing(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ECONNREFUSED, syscall.ENETUNREACH, syscall.ENOBUFS, syscall.ENOMEM} {
		require.True(t, passing(errno))
	}
	for _, errno := range []syscall.Errno{syscall.EBADF, syscall.ENOTSOCK, syscall.EINVAL} {
		require.False(t, passing(errno))
		require.Equal(t, 1, attempts(errno))
	}
	require.Greater(t, attempts(syscall.EMSGSIZE), 1)
	require.Equal(t, 1, attempts(syscall.ENOBUFS))
}
