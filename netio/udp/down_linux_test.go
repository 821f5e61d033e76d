package udp

import (
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

// sabotage puts something else in the place of a socket's descriptor.
func sabotage(t *testing.T, s *socket) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	var dup error
	require.NoError(t, s.rc.Control(func(fd uintptr) { dup = unix.Dup3(int(null.Fd()), int(fd), unix.O_CLOEXEC) }))
	require.NoError(t, dup)
	s.rouse()
}

// A socket that fails takes the transport with it, and Down comes once, after
// everything else.
func TestDown(t *testing.T) {
	tr := at(t, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0")
	down := make(chan error, 3)
	in := make(chan string, 1)
	require.NoError(t, tr.Start(netio.Receiver{
		Datagrams: func(ds []netio.Datagram) { in <- string(ds[0].Data) },
		Down:      func(err error) { down <- err },
	}))
	require.NoError(t, tr.WriteTo(to(tr.Local()[2], "alive")))
	require.Equal(t, "alive", <-in)
	sabotage(t, tr.sockets[1])
	err := <-down
	require.ErrorIs(t, err, syscall.ENOTSOCK)
	require.ErrorContains(t, err, "udp: socket "+tr.Local()[1].String()+" failed: recvmmsg")

	err = tr.WriteTo(to(tr.Local()[2], "x"))
	require.ErrorIs(t, err, netio.ErrClosed)
	require.ErrorIs(t, err, syscall.ENOTSOCK)
	require.ErrorIs(t, tr.Join(netip.MustParseAddr("224.0.1.187"), ""), netio.ErrClosed)
	require.NoError(t, tr.Close())
	require.Empty(t, down)
}

func TestDownUnwanted(t *testing.T) {
	tr := at(t, "127.0.0.1:0")
	receive(t, tr) // without Down
	sabotage(t, tr.sockets[0])
	<-tr.done
	require.NoError(t, tr.Close())
}

// Failing and closing at the same time: Down comes at most once, and not after
// Close has returned.
func TestDownRaces(t *testing.T) {
	for range 50 {
		tr, err := Open(Config{Addrs: []string{"127.0.0.1:0", "127.0.0.1:0"}})
		require.NoError(t, err)
		var mu sync.Mutex
		closed, calls := false, 0
		require.NoError(t, tr.Start(netio.Receiver{
			Datagrams: func([]netio.Datagram) {},
			Down: func(error) {
				mu.Lock()
				defer mu.Unlock()
				require.False(t, closed)
				calls++
			},
		}))
		sabotage(t, tr.sockets[0])
		require.NoError(t, tr.Close())
		mu.Lock()
		closed = true
		require.LessOrEqual(t, calls, 1)
		mu.Unlock()
	}
}

// The way around a poller that refuses to wait: what is there is read.
func TestReadWithoutPoller(t *testing.T) {
	tr := at(t, "127.0.0.1:0")
	var got []string
	tr.recv.Datagrams = func(ds []netio.Datagram) {
		for _, d := range ds {
			if d.Err != nil {
				got = append(got, "!"+string(d.Data))
				continue
			}
			got = append(got, string(d.Data))
		}
	}
	s := tr.sockets[0]
	s.allocate()
	require.NoError(t, tr.WriteTo(to(closedPort(t, "127.0.0.1", "127.0.0.2"), "lost")))
	require.NoError(t, tr.WriteTo(to(tr.Local()[0], "one")))
	require.NoError(t, tr.WriteTo(to(tr.Local()[0], "two")))
	s.recheck = true
	require.NoError(t, s.rc.Control(func(fd uintptr) { require.False(t, s.tryRead(fd)) }))
	require.Equal(t, []string{"!lost", "one", "two"}, got)
}
