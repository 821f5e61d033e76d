package actors

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/codec"
)

// kill puts something else in the place of the process's sockets that have a
// port. Nobody is told.
func kill(t *testing.T, port int) {
	t.Helper()
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { require.NoError(t, null.Close()) }()
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	killed := 0
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		require.NoError(t, err)
		sa, err := unix.Getsockname(fd)
		if err != nil {
			continue // it is no socket
		}
		own := 0
		switch sa := sa.(type) {
		case *unix.SockaddrInet4:
			own = sa.Port
		case *unix.SockaddrInet6:
			own = sa.Port
		}
		if own == port {
			require.NoError(t, unix.Dup3(int(null.Fd()), fd, unix.O_CLOEXEC))
			killed++
		}
	}
	require.Positive(t, killed, "sockets with port %d", port)
}

// A socket that dies is replaced by one with the same port, and what was under
// way goes on: a request that the node makes, and one that it serves.
func TestSocketThatDiesIsReplaced(t *testing.T) {
	for _, shards := range []int{1, 3} {
		testSocketThatDies(t, shards)
	}
}

func testSocketThatDies(t *testing.T, shards int) {
	srv := startNode(t, Config{Shards: shards, Params: soon, SeparateAfter: time.Millisecond})
	cli := startNode(t, Config{Params: never})
	handle(t, srv, "/x", Resource{Inline: true, Get: text("alive")})
	addr := srv.Addrs()[0]
	for round := range 2 {
		begun, release := make(chan struct{}), make(chan struct{})
		slow := handle(t, srv, "/slow", Resource{Get: func(context.Context, *Request) (*Response, error) {
			close(begun)
			<-release
			return Text("served")
		}})
		served, made := make(chan string, 1), make(chan error, 1)
		cli.Go(Request{URI: srv.URI("/slow")}, func(r *Response, err error) {
			if err != nil {
				served <- err.Error()
				return
			}
			served <- string(r.Payload)
		})
		<-begun
		require.Eventually(t, func() bool { return cli.Stats().Acknowledgements == uint64(round+1) }, patience, time.Millisecond)
		kill(t, int(addr.Port()))
		// The node finds out when it sends.
		srv.Go(Request{URI: cli.URI("/nothing")}, func(_ *Response, err error) { made <- err })
		require.Eventually(t, func() bool { return srv.Stats().Restarts == uint64(round+1) }, patience, time.Millisecond)
		close(release)
		require.Equal(t, "served", <-served)
		requireCode(t, <-made, codec.NotFound)
		require.Equal(t, addr, srv.Addrs()[0])
		res, err := cli.Get(t.Context(), srv.URI("/x"))
		require.NoError(t, err)
		require.Equal(t, "alive", string(res.Payload))
		slow.Remove()
	}
	require.Positive(t, srv.Stats().SendErrors)
}
