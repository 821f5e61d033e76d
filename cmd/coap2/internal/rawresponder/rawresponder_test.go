package rawresponder

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

func start(t *testing.T, cfg Config) *Responder {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	r, err := Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func TestResponder(t *testing.T) {
	r := start(t, Config{Code: codec.Changed, Options: codec.Options{codec.ContentFormat(codec.JSON), codec.MaxAge(9)}, Payload: []byte("{}")})
	n, err := actors.Start(actors.Config{Listen: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	defer func() { _ = n.Stop(context.Background()) }()
	uri := "coap://" + r.Addrs()[0].String() + "/any/thing"
	for _, non := range []bool{false, true} {
		for range 3 {
			res, err := n.Do(context.Background(), actors.Request{Method: codec.POST, URI: uri, NonConfirmable: non, Payload: []byte("x")})
			require.NoError(t, err)
			require.Equal(t, codec.Changed, res.Code)
			require.Equal(t, codec.Options{codec.ContentFormat(codec.JSON), codec.MaxAge(9)}, res.Options)
			require.Equal(t, "{}", string(res.Payload))
			require.False(t, res.Separate)
		}
	}
	_, err = n.Ping(context.Background(), uri)
	require.NoError(t, err)
}

// TestSilence: what is no request is not answered, and harms nobody.
func TestSilence(t *testing.T) {
	r := start(t, Config{})
	got := make(chan []byte, 100)
	u, err := udp.Open(udp.Config{Addrs: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	defer u.Close()
	require.NoError(t, u.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
		for _, d := range ds {
			got <- append([]byte(nil), d.Data...)
		}
	}}))
	for _, s := range []string{
		"", "\x40", "\x40\x01\x00", "\x80\x01\x00\x01", "\x48\x01\x00\x01tooshrt", "\x49\x01\x00\x01123456789", "\x4f\x01\x00\x01",
		"\x60\x45\x00\x01", "\x40\x45\x00\x01", "\x60\x00\x00\x01", "\x70\x00\x00\x01", "\x50\x00\x00\x01", "\x60\x01\x00\x01", "\x40\x00\x00\x01x",
	} {
		require.NoError(t, u.WriteTo(netio.Datagram{Data: []byte(s), Peer: netio.Peer{Addr: r.Addrs()[0]}}))
	}
	// Answers come in order, so this one comes first.
	require.NoError(t, u.WriteTo(netio.Datagram{Data: []byte("\x41\x01\x12\x34T"), Peer: netio.Peer{Addr: r.Addrs()[0]}}))
	require.Equal(t, "\x61\x45\x12\x34T", string(<-got))
}

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{Code: codec.GET}, {Payload: make([]byte, maxTail)}, {Options: codec.Options{{Number: 1, Value: make([]byte, 1<<17)}}}, {Listen: "nonsense"},
	} {
		_, err := Start(cfg)
		require.ErrorContains(t, err, "rawresponder: ")
	}
}
