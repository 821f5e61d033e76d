package actors

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

func TestConfigSaysWhatIsWrongWithIt(t *testing.T) {
	for want, cfg := range map[string]Config{
		"actors: Config.Params: ":                       {Params: protocol.Params{AckTimeout: -1}},
		"actors: Config.SeparateAfter is -1ns":          {SeparateAfter: -1},
		"actors: Config.Shards is -1; it must be 0 to":  {Shards: -1},
		"actors: Config.Shards is 257; it must be 0 to": {Shards: 257},
		"actors: Config.BlockSize is 100; it must be":   {BlockSize: 100},
		"actors: Config.BlockSize is 2048; it must be":  {BlockSize: 2048},
		"actors: Config.Limits.Spools is -1":            {Limits: Limits{Spools: -1}},
		"actors: Config.Limits.PerPeer is -1":           {Limits: Limits{PerPeer: -1}},
		"actors: Config.Name has 300 bytes":             {Name: strings.Repeat("x", 300)},
		"actors: Config.Open and Config.Listen exclude": {Listen: []string{":0"}, Open: func() (netio.Transport, error) { return nil, nil }},
		"actors: Config.Env lacks":                      {Env: &Env{}},
		"actors: opening the transport: ":               {Listen: []string{"nonsense"}},
		"actors: opening the transport: udp: ":          {Listen: []string{"192.0.2.1:0"}},
	} {
		_, err := Start(cfg)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, Config{}.Validate())
}

func TestRequestsThatCannotBeMade(t *testing.T) {
	n := startNode(t, Config{})
	for _, c := range []struct{ uri, want string }{
		{"", "codec: "},
		{"127.0.0.1/x", "codec: "},
		{"http://127.0.0.1/", "scheme"},
		{"coaps://127.0.0.1/", `no transport for the scheme "coaps"`},
		{"coap://[::1/", "codec: "},
		{"coap://127.0.0.1:99999/", "port"},
		{"coap://127.0.0.1/%zz", "codec: "},
		{"coap://[2001:db8::1]/", "unreachable"}, // the node listens on IPv4 only
	} {
		_, err := n.Get(t.Context(), c.uri)
		var re *RequestError
		require.ErrorAs(t, err, &re, c.uri)
		require.ErrorContains(t, err, c.want, c.uri)
		require.ErrorContains(t, err, "actors: GET "+c.uri)
	}
	for want, req := range map[string]Request{
		"Request.BlockSize is 17": {BlockSize: 17},
		"exclude each other":      {Body: strings.NewReader("x"), Payload: []byte("y")},
		"must not be negative":    {From: -1},
		"there can be 16777216":   {BlockSize: 16, Body: strings.NewReader("x"), Size: 16<<20 + 1},
	} {
		req.URI = "coap://127.0.0.1/"
		_, err := n.Do(t.Context(), req)
		require.ErrorContains(t, err, want)
	}
	_, err := n.Do(t.Context(), Request{URI: "coap://127.0.0.1/", Params: protocol.Params{AckRandomFactor: 0.5}})
	require.ErrorContains(t, err, "AckRandomFactor")
}

func TestCallsEndWithTheirContextTimeoutOrCancel(t *testing.T) {
	srv := startNode(t, Config{})
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	handle(t, srv, "/never", Resource{Get: func(context.Context, *Request) (*Response, error) { <-release; return nil, nil }})
	cli := startNode(t, Config{Params: protocol.Params{NStart: 2}, Limits: Limits{Queue: 1}})
	uri := srv.URI("/never")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := cli.Get(ctx, uri)
	require.ErrorIs(t, err, context.Canceled)

	ctx, cancel = context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, err = cli.Get(ctx, uri)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var re *RequestError
	require.ErrorAs(t, err, &re)
	require.True(t, re.Timeout())

	_, err = cli.Do(t.Context(), Request{URI: uri, Timeout: time.Millisecond})
	require.ErrorIs(t, err, ErrTimeout)

	done := make(chan error, 4)
	var calls []*Call
	for range 4 { // two go, one waits, one is refused
		calls = append(calls, cli.Go(Request{URI: uri, NonConfirmable: true}, func(_ *Response, err error) { done <- err }))
	}
	require.ErrorIs(t, <-done, ErrBusy)
	for _, c := range calls {
		c.Cancel()
		c.Cancel()
	}
	for range 3 {
		require.ErrorIs(t, <-done, ErrCanceled)
	}
	require.Zero(t, cli.Stats().Exchanges)
}

func TestNamesAreResolvedAndTheirAddressesTriedInTurn(t *testing.T) {
	srv := startNode(t, Config{Listen: []string{"127.0.0.1:0"}})
	handle(t, srv, "/y", Resource{Inline: true, Get: text("y")})
	port := srv.Addrs()[0].Port()
	env := *SystemEnv()
	env.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "none" {
			return nil, context.DeadlineExceeded
		}
		return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	cli := startNode(t, Config{Env: &env, Listen: []string{"127.0.0.1:0"}})
	uri := "coap://name:" + netip.AddrPortFrom(netip.IPv4Unspecified(), port).String()[8:] + "/y"
	res, err := cli.Get(t.Context(), uri)
	require.NoError(t, err)
	require.Equal(t, "y", string(res.Payload))
	_, err = cli.Get(t.Context(), "coap://none/y")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
