package load

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// TestWrongAnswers: what a handler gets wrong is found.
func TestWrongAnswers(t *testing.T) {
	var calls atomic.Int64
	every := func(n int64, wrong func() (*actors.Response, error)) actors.Handler {
		calls.Store(0)
		return func(ctx context.Context, r *actors.Request) (*actors.Response, error) {
			if calls.Add(1)%n == 0 {
				return wrong()
			}
			return hello(ctx, r)
		}
	}
	for _, tt := range []struct {
		name  string
		wrong func() (*actors.Response, error)
		check Check
		kind  Kind
		first string
	}{
		{"another payload", func() (*actors.Response, error) { return actors.Text("hello wOrld") }, Same, Payload, `the payload "hello wOrld" instead of "hello world"`},
		{"no payload", func() (*actors.Response, error) { return actors.Status(codec.Content) }, Same, Payload, `the payload "" instead of "hello world"`},
		{"a long one", func() (*actors.Response, error) { return actors.Text(strings.Repeat("x", 100)) }, Same, Payload, `the payload "` + strings.Repeat("x", 64) + `"… (100 bytes) instead of`},
		{"an error", func() (*actors.Response, error) { return nil, actors.Errorf(codec.BadRequest, "no") }, Any, Code, "4.00 Bad Request: no"},
		{"an error without words", func() (*actors.Response, error) { return nil, errors.New("inside") }, Same, Code, "5.00 Internal Server Error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, at := server(t, "127.0.0.1:0", "/hello", actors.Resource{Inline: true, Get: every(10, tt.wrong)})
			r := runLoad(t, Config{Target: at, Options: path, Outstanding: 5, Count: 1000, Check: tt.check}, nil)
			var want [Kinds]uint64
			want[tt.kind] = 100
			require.Equal(t, want, r.Errors)
			require.Equal(t, uint64(100), r.Failed())
			require.Equal(t, uint64(1000), r.Requests)
			require.Equal(t, uint64(900), r.Responses)
			require.Contains(t, r.FirstError, tt.first)
		})
	}
	_, at := server(t, "127.0.0.1:0", "/hello", actors.Resource{Inline: true, Get: every(10, func() (*actors.Response, error) { return actors.Text("other") })})
	requireClean(t, runLoad(t, Config{Target: at, Options: path, Count: 1000, Check: Any}, nil), 1000)
	r := runLoad(t, Config{Target: at, Options: path, Count: 100, Want: []byte("other")}, nil)
	require.Equal(t, uint64(90), r.Errors[Payload])
}

// responder answers each message as it pleases; nil is an answer that is no
// message.
func responder(t *testing.T, answer func(m *codec.Message) []*codec.Message) netip.AddrPort {
	t.Helper()
	return rawResponder(t, func(m *codec.Message) [][]byte {
		var bs [][]byte
		for _, a := range answer(m) {
			b := []byte{0x40}
			if a != nil {
				b, _ = a.Append(nil)
			}
			bs = append(bs, b)
		}
		return bs
	})
}

func rawResponder(t *testing.T, answer func(m *codec.Message) [][]byte) netip.AddrPort {
	t.Helper()
	u, err := udp.Open(udp.Config{Addrs: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = u.Close() })
	require.NoError(t, u.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
		for _, d := range ds {
			var m codec.Message
			if d.Err != nil || m.Parse(d.Data) != nil || !m.Code.IsRequest() {
				continue
			}
			for _, b := range answer(&m) {
				_ = u.WriteTo(netio.Datagram{Data: b, Peer: d.Peer, Local: d.Local})
			}
		}
	}}))
	return u.Local()[0]
}

// TestWrongMessages: messages that break the protocol are counted, and what they
// belong to ends with its own answer, or without one.
func TestWrongMessages(t *testing.T) {
	right := func(m *codec.Message) *codec.Message {
		return &codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: m.MessageID, Token: m.Token, Payload: []byte("x")}
	}
	change := func(m *codec.Message, f func(*codec.Message)) *codec.Message {
		a := right(m)
		f(a)
		return a
	}
	type messages = []*codec.Message
	for _, tt := range []struct {
		name     string
		answer   func(m *codec.Message) messages
		kind     Kind
		first    string
		answered bool // the request gets its answer nevertheless
	}{
		{"another token", func(m *codec.Message) messages {
			return messages{change(m, func(a *codec.Message) { a.Token = codec.TokenFromUint64(1) }), right(m)}
		}, Mismatch, "with a token that no request had", true},
		{"a short token", func(m *codec.Message) messages {
			return messages{change(m, func(a *codec.Message) { a.Token, _ = codec.MakeToken(m.Token.Bytes()[:7]) }), right(m)}
		}, Mismatch, "with a token that no request had", true},
		{"another message ID", func(m *codec.Message) messages {
			return messages{change(m, func(a *codec.Message) { a.MessageID++ }), right(m)}
		}, Mismatch, "whose message ID is not that of its request", true},
		{"no message", func(m *codec.Message) messages { return messages{nil, right(m)} }, Malformed, "message is truncated", true},
		{"a request", func(m *codec.Message) messages {
			return messages{change(m, func(a *codec.Message) { a.Type, a.Code = codec.CON, codec.GET }), right(m)}
		}, Malformed, "a message that is no response: CON", true},
		{"a reset", func(m *codec.Message) messages {
			return messages{{Type: codec.RST, MessageID: m.MessageID}}
		}, Reset, "reset by the server", false},
		{"nothing", func(m *codec.Message) messages { return nil }, Timeout, "no acknowledgement", false},
		{"an acknowledgement only", func(m *codec.Message) messages {
			return messages{{Type: codec.ACK, MessageID: m.MessageID}}
		}, Timeout, "no response within", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := responder(t, tt.answer)
			cfg := Config{Target: at, Options: path, Outstanding: 2, Count: 6, Timeout: time.Minute, Params: once}
			if tt.kind == Timeout {
				cfg.Timeout = 150 * time.Millisecond
			}
			r := runLoad(t, cfg, nil)
			for tt.kind == Timeout && !strings.Contains(r.FirstError, tt.first) && cfg.Timeout < time.Minute {
				cfg.Timeout *= 4 // an acknowledgement that was not read in time
				r = runLoad(t, cfg, nil)
			}
			var want [Kinds]uint64
			want[tt.kind] = 6
			require.Equal(t, want, r.Errors)
			require.Contains(t, r.FirstError, tt.first)
			require.Equal(t, uint64(6), r.Requests)
			require.Equal(t, map[bool]uint64{true: 6}[tt.answered], r.Responses)
		})
	}

	// What is unusual but allowed: two answers, a ping, an ACK or a RST for
	// nothing, and a response in a message of its own without an ACK.
	var asked atomic.Int64
	at := responder(t, func(m *codec.Message) messages {
		asked.Add(1)
		own := change(m, func(a *codec.Message) { a.Type, a.MessageID = codec.CON, m.MessageID^0x8000 })
		return messages{{MessageID: 1}, {Type: codec.ACK, MessageID: m.MessageID + 1}, {Type: codec.RST, MessageID: m.MessageID + 2}, own, own, right(m)}
	})
	r := runLoad(t, Config{Target: at, Options: path, Outstanding: 3, Count: 30, Params: once, Timeout: time.Minute}, nil)
	requireClean(t, r, 30)
	require.Positive(t, r.Late)
	require.Equal(t, int64(30), asked.Load())
}

// TestHostile: whatever comes before the answer, and however often, every request
// ends, and is counted once.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 252))
	at := rawResponder(t, func(m *codec.Message) (bs [][]byte) {
		a := codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: m.MessageID, Token: m.Token, Payload: []byte("right")}
		right, _ := a.Append(nil)
		for range 20 {
			b := bytes.Clone(right)
			switch r.IntN(3) {
			case 0:
				b = b[:r.IntN(len(b))]
			case 1:
				b = make([]byte, r.IntN(40))
				for i := range b {
					b[i] = byte(r.Uint32())
				}
			}
			for range r.IntN(4) {
				if len(b) > 0 {
					b[r.IntN(len(b))] ^= byte(1 << r.IntN(8))
				}
			}
			bs = append(bs, b)
		}
		return append(bs, right, right)
	})
	for _, peers := range []int{16, 1} {
		res := runLoad(t, Config{Target: at, Options: path, Outstanding: 16, Peers: peers, Count: 2000, Want: []byte("right")}, nil)
		require.Equal(t, uint64(2000), res.Requests)
		ended := res.Responses
		for k := range Malformed {
			ended += res.Errors[k]
		}
		require.Equal(t, uint64(2000), ended)
		require.Zero(t, res.Errors[Timeout])
		for _, k := range []Kind{Payload, Malformed, Mismatch} {
			require.Positive(t, res.Errors[k], k)
		}
	}
}

// TestUnreachable: where nobody listens, the requests end with that news and
// are not made again as fast as can be.
func TestUnreachable(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:1")
	timeout := 200 * time.Millisecond
	if spreads(at.Addr()) {
		timeout = time.Minute // which is not waited for
	}
	r := runLoad(t, Config{Target: at, Options: path, Outstanding: 3, Count: 6, Timeout: timeout}, nil)
	require.Equal(t, uint64(6), r.Failed())
	require.Equal(t, uint64(6), r.Errors[Unreachable]+r.Errors[Timeout])
	require.Zero(t, r.Rate())
	if spreads(at.Addr()) {
		require.Equal(t, uint64(6), r.Errors[Unreachable], r.FirstError)
		require.Contains(t, r.FirstError, "connection refused")
		require.GreaterOrEqual(t, r.Elapsed, rest)
	}
}

// TestRefused: a request that the system will not send is an error of its own.
func TestRefused(t *testing.T) {
	// Linux sends no unicast datagram to a broadcast address.
	at := netip.MustParseAddrPort("255.255.255.255:5683")
	r := runLoad(t, Config{Target: at, Options: path, Outstanding: 2, Count: 4, Timeout: 100 * time.Millisecond}, nil)
	require.Equal(t, uint64(4), r.Failed())
	require.Equal(t, uint64(4), r.Errors[Refused]+r.Errors[Timeout], r.FirstError)
}

// TestStop: it ends at once, and says that it was interrupted.
func TestStop(t *testing.T) {
	asked := make(chan struct{}, 1000)
	at := responder(t, func(*codec.Message) []*codec.Message {
		asked <- struct{}{}
		return nil
	})
	l, err := Start(Config{Target: at, Options: path, Outstanding: 8, Duration: time.Hour})
	require.NoError(t, err)
	for range 8 {
		<-asked
	}
	require.Zero(t, l.Result().Failed())
	require.True(t, l.Result().Measuring)
	l.Stop()
	l.Stop()
	<-l.Done()
	r := l.Result()
	require.True(t, r.Interrupted)
	require.Zero(t, r.Failed())
	require.Equal(t, uint64(8), r.Requests)
	require.Zero(t, r.Responses)
	require.Positive(t, r.Elapsed)

	// During the warm-up nothing has been measured.
	l, err = Start(Config{Target: at, Options: path, Outstanding: 8, Warmup: time.Hour, Duration: time.Hour})
	require.NoError(t, err)
	<-asked
	require.False(t, l.Result().Measuring)
	l.Stop()
	require.Zero(t, l.Result().Elapsed)
}

// TestStray: what others send is counted, and no error.
func TestStray(t *testing.T) {
	other, err := udp.Open(udp.Config{Addrs: []string{"127.0.0.1:0"}})
	require.NoError(t, err)
	defer other.Close()
	_, at := server(t, "127.0.0.1:0", "/hello", actors.Resource{Inline: true, Get: func(_ context.Context, r *actors.Request) (*actors.Response, error) {
		_ = other.WriteTo(netio.Datagram{Data: []byte{0x50, 0, 0, 0}, Peer: r.Peer})
		return actors.Text("")
	}})
	r := runLoad(t, Config{Target: at, Options: path, Outstanding: 4, Count: 100}, nil)
	require.Zero(t, r.Failed(), r.FirstError)
	require.Equal(t, uint64(100), r.Responses)
	require.Positive(t, r.Stray)
}

func TestKinds(t *testing.T) {
	names := map[string]bool{}
	for k := range Kinds {
		names[k.String()] = true
	}
	require.Len(t, names, int(Kinds))
	require.Equal(t, "unknown", Kinds.String())
	require.NotContains(t, names, "unknown")
	require.NotContains(t, names, strconv.Itoa(0))
}
