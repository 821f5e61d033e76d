package interop

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
)

// echoServer is a node that offers every method at /inline/{n} and /pooled/{n},
// whose responses are piggybacked, and at /separate/{n}. It answers with what it
// understood, and counts.
type echoServer struct {
	addr netip.AddrPort

	mu    sync.Mutex
	count map[string]int // executions by method and path
}

func startEcho(t *testing.T, host string, params protocol.Params) *echoServer {
	t.Helper()
	n := startNode(t, host, params)
	e := &echoServer{addr: n.Addrs()[0], count: map[string]int{}}
	for path, res := range map[string]actors.Resource{
		"/inline/{n}":   {Inline: true},
		"/pooled/{n}":   {},
		"/separate/{n}": {Separate: true},
	} {
		h := e.handle
		res.Get, res.Put, res.Post, res.Delete, res.Fetch, res.Patch, res.IPatch = h, h, h, h, h, h, h
		_, err := n.Handle(path, res)
		require.NoError(t, err)
	}
	return e
}

func (e *echoServer) handle(_ context.Context, r *actors.Request) (*actors.Response, error) {
	e.mu.Lock()
	e.count[r.Method.Name()+" "+r.Path()]++
	e.mu.Unlock()
	return actors.Text(echo(r.Method.Name(), r.Path(), string(r.Payload)))
}

// echo is the payload of the echoServer's responses.
func echo(method, path, body string) string { return fmt.Sprintf("%s %s [%s]", method, path, body) }

// executions returns how often a method of a path was executed.
func (e *echoServer) executions(method, path string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count[method+" "+path]
}
