package actors

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// jammed is a transport on which nothing can be sent: writes wait for room that
// never comes.
type jammed struct {
	memory
	waiting chan struct{}
	hurry   chan struct{}
	once    sync.Once
}

func (j *jammed) Hurry() { j.once.Do(func() { close(j.hurry) }) }

func (j *jammed) WriteBatch([]netio.Datagram) (int, error) {
	select {
	case j.waiting <- struct{}{}:
	default:
	}
	<-j.hurry
	return 0, fmt.Errorf("no room: %w", netio.ErrTransient)
}

// A node whose socket has no room for what it has to send can be stopped.
func TestStopWhileTheSendBufferIsFull(t *testing.T) {
	for _, shards := range []int{1, 2} {
		j := &jammed{waiting: make(chan struct{}, 1), hurry: make(chan struct{})}
		n := startNode(t, Config{Shards: shards, Open: func() (netio.Transport, error) { return j, nil }})
		handle(t, n, "/x", Resource{Inline: true, Get: text("x")})
		m := codec.Message{Code: codec.GET, Options: codec.Options{codec.URIPath("x")}}
		data, err := m.Append(nil)
		require.NoError(t, err)
		var reader sync.WaitGroup
		reader.Go(func() {
			j.recv.Datagrams([]netio.Datagram{{Data: data, Peer: netio.Peer{Addr: netip.MustParseAddrPort("192.0.2.1:5683")}}})
		})
		<-j.waiting
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, n.Stop(ctx), context.Canceled)
		reader.Wait()
		require.EqualValues(t, 1, n.Stats().SendErrors)
	}
}
