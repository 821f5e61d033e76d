package udp

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

func TestTransient(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOBUFS, syscall.ENOMEM, syscall.ENODEV, syscall.EBADF, syscall.ENOTSOCK} {
		require.True(t, transient(os.NewSyscallError("sendmmsg", errno)), errno)
	}
	for _, errno := range []syscall.Errno{syscall.EMSGSIZE, syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EINVAL, syscall.EPERM, syscall.ECONNREFUSED} {
		require.False(t, transient(os.NewSyscallError("sendmmsg", errno)), errno)
	}
	require.False(t, transient(nil))

	peer := netip.MustParseAddrPort("192.0.2.2:5683")
	tooBig := fmt.Errorf("wrapped: %w", &DeliveryError{Peer: peer, Type: 3, Code: 4, MTU: 1280, Cause: syscall.EMSGSIZE})
	require.ErrorIs(t, tooBig, netio.ErrTransient)
	require.ErrorIs(t, tooBig, syscall.EMSGSIZE)
	require.NotErrorIs(t, &DeliveryError{Peer: peer, Type: 3, Code: 3, Cause: syscall.ECONNREFUSED}, netio.ErrTransient)
}

// No event tells the reader that its descriptor is no socket any more: the first
// who sends does.
func TestDeadSocketIsFoundBySending(t *testing.T) {
	tr := at(t, "127.0.0.1:0")
	down := make(chan error, 1)
	require.NoError(t, tr.Start(netio.Receiver{
		Datagrams: func([]netio.Datagram) {},
		Down:      func(err error) { down <- err },
	}))
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { require.NoError(t, null.Close()) }()
	var dup error
	require.NoError(t, tr.sockets[0].rc.Control(func(fd uintptr) { dup = unix.Dup3(int(null.Fd()), int(fd), unix.O_CLOEXEC) }))
	require.NoError(t, dup)
	err = tr.WriteTo(to(tr.Local()[0], "x"))
	require.ErrorIs(t, err, syscall.ENOTSOCK)
	require.ErrorIs(t, err, netio.ErrTransient)
	require.ErrorIs(t, <-down, syscall.ENOTSOCK)
	require.Zero(t, tr.Dropped())
}

// A node that only listens finds out by looking now and then.
func TestDeadSocketIsFoundByLooking(t *testing.T) {
	tr := at(t, "127.0.0.1:0", "127.0.0.1:0")
	tr.look = time.Millisecond
	down := make(chan error, 1)
	in := make(chan string, 1)
	require.NoError(t, tr.Start(netio.Receiver{
		Datagrams: func(ds []netio.Datagram) { in <- string(ds[0].Data) },
		Down:      func(err error) { down <- err },
	}))
	for range 100 { // looking disturbs nobody
		require.NoError(t, tr.WriteTo(to(tr.Local()[0], "alive")))
		require.Equal(t, "alive", <-in)
	}
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { require.NoError(t, null.Close()) }()
	var dup error
	require.NoError(t, tr.sockets[1].rc.Control(func(fd uintptr) { dup = unix.Dup3(int(null.Fd()), int(fd), unix.O_CLOEXEC) }))
	require.NoError(t, dup)
	require.ErrorIs(t, <-down, syscall.ENOTSOCK)
}

// Who is in a hurry does not wait: what finds room is sent, the rest is lost for
// now.
func TestHurry(t *testing.T) {
	tr := at(t, "127.0.0.1:0")
	in := receive(t, tr)
	require.False(t, tr.hurried.Load())
	s := tr.sockets[0]
	full := true
	waiting := make(chan struct{}, 1)
	try := s.writable
	s.writable = func(fd uintptr) bool { // a full buffer, as on a slow link
		if full {
			select {
			case waiting <- struct{}{}:
			default:
			}
			return false
		}
		return try(fd)
	}
	lost := make(chan error)
	go func() { lost <- tr.WriteTo(to(tr.Local()[0], "lost")) }()
	<-waiting
	tr.Hurry()
	err := <-lost
	require.ErrorIs(t, err, netio.ErrTransient)
	require.ErrorContains(t, err, "the send buffer is full")
	require.ErrorIs(t, tr.WriteTo(to(tr.Local()[0], "lost")), errNoRoom)
	full = false
	require.NoError(t, tr.WriteTo(to(tr.Local()[0], "arrives")))
	require.Equal(t, "arrives", string((<-in).Data))
	require.EqualValues(t, 2, tr.Stats().SendErrors)
}

// What is longer than the configuration allows is dropped, and counted.
func TestDropped(t *testing.T) {
	tr := open(t, Config{Addrs: []string{"127.0.0.1:0"}, MaxDatagram: 64})
	in := receive(t, tr)
	d := to(tr.Local()[0], "")
	d.Data = make([]byte, 65)
	require.NoError(t, tr.WriteTo(d))
	require.NoError(t, tr.WriteTo(to(tr.Local()[0], "fits")))
	require.Equal(t, "fits", string((<-in).Data))
	require.EqualValues(t, 1, tr.Dropped())
	require.NoError(t, tr.Close())
	require.EqualValues(t, 1, tr.Dropped())
}
