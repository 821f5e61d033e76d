package udp

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"

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
