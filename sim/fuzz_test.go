package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// datagrams cuts what the fuzzer has found into datagrams: a length and as many
// bytes each.
func datagrams(b []byte) (ds [][]byte) {
	for len(b) > 0 && len(ds) < 64 {
		n := min(int(b[0]), len(b)-1)
		ds = append(ds, b[1:1+n])
		b = b[1+n:]
	}
	return ds
}

func join(ms ...codec.Message) (b []byte) {
	for _, m := range ms {
		data, err := m.Append(nil)
		if err != nil {
			panic(err)
		}
		b = append(append(b, byte(len(data))), data...)
	}
	return b
}

// FuzzEndpoint throws datagrams at a client and a server, from a peer and from
// the group. Neither must panic, nor keep anything, and the honest requests
// between them succeed.
func FuzzEndpoint(f *testing.F) {
	path := func(s string) codec.Options { return codec.Options{codec.URIPath(s)} }
	token := codec.TokenFromUint64(1)
	get := codec.Message{Code: codec.GET, MessageID: 1, Token: token, Options: path("hello")}
	post := codec.Message{Code: codec.POST, MessageID: 2, Options: path("job"), Payload: []byte("x")}
	non := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: 3, Options: path("bad")}
	observe := codec.Message{Code: codec.GET, MessageID: 4, Options: codec.Options{codec.Observe(0), codec.URIPath("hello")}}
	block := codec.Message{Code: codec.PUT, MessageID: 5, Options: codec.Options{codec.URIPath("hello"), codec.Block1(codec.Block{Num: 1, More: true, SZX: 2})}, Payload: make([]byte, 64)}
	core := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: 6, Options: codec.Options{codec.URIPath(".well-known"), codec.URIPath("core"), codec.URIQuery("rt=x*")}}
	ack := codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: 7, Token: token, Payload: []byte("hi")}
	response := codec.Message{Code: codec.Content, MessageID: 8, Token: token, Options: codec.Options{codec.ContentFormat(codec.JSON)}, Payload: []byte("{}")}
	empty := codec.Message{MessageID: 9}
	reset := codec.Message{Type: codec.RST, MessageID: 9}
	f.Add(join(get, get, post, post, non))
	f.Add(join(observe, block, core, core))
	f.Add(join(ack, response, response, empty, reset))
	f.Add([]byte{0, 1, 0x40, 3, 0x40, 1, 2, 4, 0x49, 1, 2, 3, 4, 0x80, 1, 2, 3, 5, 0x50, 1, 2, 3, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		w := sim.New(1)
		defer w.Close()
		nodes := map[string]*actors.Node{}
		for _, name := range []string{"client", "server"} {
			n, err := w.Node(name, actors.Config{})
			require.NoError(t, err)
			handle(t, n, "/hello", actors.Resource{Inline: true, Get: hello, Put: hello})
			handle(t, n, "/job", actors.Resource{Separate: true, Get: slow(time.Second), Post: slow(time.Second)})
			handle(t, n, "/bad", actors.Resource{Multicast: true, Get: func(context.Context, *actors.Request) (*actors.Response, error) {
				return nil, actors.Errorf(codec.BadRequest, "no")
			}})
			nodes[name] = n
		}
		p, err := w.Peer("p")
		require.NoError(t, err)
		p.OnReceive = func(d netio.Datagram) {
			var m codec.Message
			require.NoError(t, m.Parse(d.Data), "a node has sent what is no message")
		}
		client := nodes["client"]
		honest := func(uri string) {
			w.Go(func(ctx context.Context) {
				_, err := client.Get(ctx, uri)
				require.NoError(t, err)
			})
		}
		honest("coap://server/hello")
		honest("coap://server/job")
		for i, d := range datagrams(b) {
			require.NoError(t, p.Send(w.Addr("server"), d))
			require.NoError(t, p.Send(w.Addr("client"), d))
			require.NoError(t, p.Send(allNodes, d))
			if i%4 == 3 {
				w.RunFor(time.Millisecond)
			}
		}
		w.RunFor(time.Second)
		honest("coap://server/hello")
		require.NoError(t, w.RunUntilIdle(time.Hour))
		for _, n := range nodes {
			s := n.Stats()
			require.Zero(t, s.Panics)
			require.Zero(t, s.Exchanges)
		}
	})
}
