package udp

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

func TestClose(t *testing.T) {
	tr := at(t, "127.0.0.1:0")
	in := receive(t, tr)
	require.NoError(t, tr.WriteTo(to(tr.Local()[0], "x")))
	<-in
	local := tr.Local()
	require.NoError(t, tr.Close())
	require.NoError(t, tr.Close())
	require.ErrorIs(t, tr.WriteTo(to(local[0], "x")), netio.ErrClosed)
	n, err := tr.WriteBatch([]netio.Datagram{to(local[0], "x")})
	require.Zero(t, n)
	require.EqualError(t, err, "udp: netio: transport is closed")
	require.ErrorIs(t, tr.Start(netio.Receiver{Datagrams: func([]netio.Datagram) {}}), netio.ErrClosed)
	require.ErrorIs(t, tr.Join(netip.MustParseAddr("224.0.1.187"), ""), netio.ErrClosed)
	require.Equal(t, local, tr.Local())
	require.EqualValues(t, 1, tr.Stats().DatagramsIn)
	n, err = tr.WriteBatch(nil)
	require.Zero(t, n)
	require.NoError(t, err)
}

func TestStart(t *testing.T) {
	tr := at(t, "127.0.0.1:0")
	require.ErrorContains(t, tr.Start(netio.Receiver{}), "Receiver.Datagrams")
	receive(t, tr)
	require.ErrorContains(t, tr.Start(netio.Receiver{Datagrams: func([]netio.Datagram) {}}), "started before")
	require.NoError(t, at(t, "127.0.0.1:0").Close(), "never started")
}

// After Close has returned nothing is called, Down never; what happens at the
// same time ends with ErrClosed or without error.
func TestCloseRaces(t *testing.T) {
	for round := range 50 {
		server, err := Open(Config{Addrs: []string{"127.0.0.1:0", "127.0.0.1:0"}})
		require.NoError(t, err)
		var closed, late, down atomic.Bool
		require.NoError(t, server.Start(netio.Receiver{
			Datagrams: func(ds []netio.Datagram) {
				if closed.Load() {
					late.Store(true)
				}
				_, _ = server.WriteBatch(ds)
			},
			Down: func(error) { down.Store(true) },
		}))
		client := at(t, "127.0.0.1:0")
		receive(t, client)
		var wg sync.WaitGroup
		errs := make(chan error, 8)
		for i, a := range server.Local() {
			wg.Go(func() {
				for range 50 {
					_ = client.WriteTo(to(a, "in"))
				}
			})
			wg.Go(func() {
				for range 1000 {
					if err := server.WriteTo(to(client.Local()[0], "out")); err != nil {
						errs <- err
						return
					}
					_ = server.Stats()
				}
			})
			wg.Go(func() {
				if i == round%2 {
					_ = server.Join(netip.MustParseAddr("224.0.1.187"), "")
				}
				errs <- server.Close()
				closed.Store(true)
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				require.ErrorIs(t, err, netio.ErrClosed)
			}
		}
		require.False(t, late.Load(), "called after Close")
		require.False(t, down.Load(), "Down for Close")
	}
}

// Several transports talk while each is written to by many.
func TestConcurrentWriters(t *testing.T) {
	const writers, each = 8, 200
	server, client := at(t, "127.0.0.1:0"), at(t, "127.0.0.1:0")
	echo(t, server)
	in := receive(t, client)
	room := make(chan struct{}, 200) // what is under way fits into the smallest of buffers
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				room <- struct{}{}
				if err := client.WriteTo(to(server.Local()[0], fmt.Sprint(w, " ", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := map[string]bool{}
	for range writers * each {
		seen[string((<-in).Data)] = true
		<-room
	}
	wg.Wait()
	require.Len(t, seen, writers*each)
}
