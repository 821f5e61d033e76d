package conform

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

// wrong is a small server that does what a test tells it to. It is correct
// except for what change makes of its answers.
type wrong struct {
	conn   *net.UDPConn
	change func(request, answer *codec.Message) [][]byte
	ended  sync.WaitGroup
}

func startWrong(t *testing.T, change func(request, answer *codec.Message) [][]byte) netip.AddrPort {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	w := &wrong{conn: conn, change: change}
	w.ended.Go(w.run)
	t.Cleanup(func() {
		_ = conn.Close()
		w.ended.Wait()
	})
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (w *wrong) run() {
	var b [2048]byte
	for {
		n, from, err := w.conn.ReadFromUDPAddrPort(b[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var m codec.Message
		if err != nil || m.Parse(b[:n]) != nil || m.Type == codec.ACK || m.Type == codec.RST {
			continue
		}
		for _, answer := range w.change(&m, answerTo(&m)) {
			_, _ = w.conn.WriteToUDPAddrPort(answer, from)
		}
	}
}

// answerTo is what a correct server answers that has a text at every path.
func answerTo(m *codec.Message) *codec.Message {
	r := &codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: m.MessageID, Token: m.Token, Payload: []byte("text")}
	if m.Type == codec.NON {
		r.Type = codec.NON
	}
	switch m.Code {
	case codec.Empty:
		return &codec.Message{Type: codec.RST, MessageID: m.MessageID}
	case codec.GET:
		r.Options = r.Options.Add(codec.UintOption(codec.OptionContentFormat, 0))
	default:
		r.Code, r.Payload = codec.Changed, nil
	}
	return r
}

// as sends the answer, changed.
func as(f func(r *codec.Message)) func(*codec.Message, *codec.Message) [][]byte {
	return func(_, r *codec.Message) [][]byte {
		f(r)
		return [][]byte{encode(r)}
	}
}

// TestWrongServers: each thing that a server does wrong is found by the case that
// is for it, which says what rule it breaks.
func TestWrongServers(t *testing.T) {
	for _, c := range []struct {
		what   string
		id     string
		change func(request, answer *codec.Message) [][]byte
		want   Verdict
		rule   string
		raw    bool // an offending message is shown
		silent bool // the server says nothing where it should
	}{
		{"nothing", "TD_COAP_CORE_01", as(func(*codec.Message) {}), Pass, "", false, false},
		{"nothing, asked to make a NON", "TD_COAP_CORE_05", as(func(*codec.Message) {}), Pass, "", false, false},
		{"another token", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.Token = codec.TokenFromUint64(1) }), Fail, "RFC 7252 §5.3.1", true, false},
		{"no token", "TD_COAP_CORE_10", as(func(r *codec.Message) { r.Token = codec.Token{} }), Fail, "RFC 7252 §5.3.1", true, false},
		{"another message ID", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.MessageID++ }), Fail, "RFC 7252 §4.2, §5.2", false, false},
		{"an error", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.Code = codec.InternalServerError }), Inconclusive, "", false, false},
		{"no Content-Format", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.Options = nil }), Inconclusive, "", true, false},
		{"no payload", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.Payload = nil }), Fail, "RFC 7252 §5.8.1, §4.2, §5.2.1", true, false},
		{"resets", "TD_COAP_CORE_01", func(m, _ *codec.Message) [][]byte {
			return [][]byte{encode(&codec.Message{Type: codec.RST, MessageID: m.MessageID})}
		}, Fail, "RFC 7252 §5.8.1, §4.2, §5.2.1", true, false},
		{"malformed", "TD_COAP_CORE_01", func(_, r *codec.Message) [][]byte {
			r.Payload = nil
			return [][]byte{append(encode(r), 0xff)}
		}, Fail, "RFC 7252 §3", true, false},
		{"a reserved code", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.Code = codec.NewCode(6, 1) }), Fail, "RFC 7252 §3", true, false},
		{"an option of requests", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.Options = r.Options.Add(codec.URIPath("x")) }), Fail, "RFC 7252 §5.10", true, false},
		{"a critical option", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.Options = r.Options.Add(codec.OpaqueOption(3001, nil)) }), Fail, "RFC 7252 §5.4", true, false},
		{"a broken Block2", "TD_COAP_CORE_01", as(func(r *codec.Message) { r.Options = r.Options.Add(codec.OpaqueOption(codec.OptionBlock2, []byte{7})) }), Fail, "RFC 7959 §2.2", true, false},
		{"CON to NON", "TD_COAP_CORE_05", as(func(r *codec.Message) { r.Type = codec.CON }), Inconclusive, "", true, false},
		{"ACK to NON", "TD_COAP_CORE_05", as(func(r *codec.Message) { r.Type = codec.ACK }), Fail, "RFC 7252 §4.3", true, false},
		{"an acknowledgement and nothing else", "TD_COAP_CORE_01", func(m, _ *codec.Message) [][]byte {
			return [][]byte{encode(&codec.Message{Type: codec.ACK, MessageID: m.MessageID})}
		}, Fail, "RFC 7252 §5.2.2", false, false},
		{"a ping answered with an ACK", "TD_COAP_CORE_31", func(m, r *codec.Message) [][]byte {
			if m.Code == codec.Empty {
				r.Type = codec.ACK
			}
			return [][]byte{encode(r)}
		}, Fail, "RFC 7252 §4.3", true, false},
		{"other answers to a retransmission", "TD_COAP_CORE_15", func() func(m, r *codec.Message) [][]byte {
			n := byte('0')
			return func(_, r *codec.Message) [][]byte {
				n++
				r.Payload = []byte{n}
				return [][]byte{encode(r)}
			}
		}(), Inconclusive, "", true, false},
		{"critical options are ignored", "C2_REQ_01", as(func(*codec.Message) {}), Fail, "RFC 7252 §5.4.1", true, false},
		{"critical options are ignored in a NON", "C2_REQ_02", as(func(*codec.Message) {}), Fail, "RFC 7252 §5.4.1, §4.3", true, false},
		{"Accept is ignored", "C2_REQ_09", as(func(*codec.Message) {}), Fail, "RFC 7252 §5.10.4", true, false},
		{"answers to duplicates", "C2_MSG_15", as(func(*codec.Message) {}), Inconclusive, "", true, false},
		{"the same message ID always", "C2_MSG_16", as(func(r *codec.Message) { r.MessageID = 5 }), Fail, "RFC 7252 §4.4", true, false},
		{"malformed requests are ignored", "C2_MSG_02", as(func(*codec.Message) {}), Fail, "RFC 7252 §3, §4.2", false, false},
		{"no links", "TD_COAP_LINK_01", as(func(*codec.Message) {}), Fail, "RFC 6690 §4", true, false},
		{"blocks that do not match", "TD_COAP_BLOCK_01", as(func(r *codec.Message) {
			if r.Code == codec.Content {
				r.Options = r.Options.Add(codec.Block2(codec.Block{More: true, SZX: 6}))
			}
		}), Fail, "RFC 7959 §2.2", true, false},
		{"observes and sends nothing", "TD_COAP_OBS_01", as(func(r *codec.Message) { r.Options = r.Options.Add(codec.Observe(5)) }), Fail, "RFC 7641 §4.2", true, true},
		{"numbers that fall", "TD_COAP_OBS_01", observedWrongly(), Fail, "RFC 7641 §4.4", true, false},
	} {
		target := startWrong(t, c.change)
		// Only where silence is what is wrong does the case wait for the end of
		// its patience.
		cfg := Config{Target: target, Timeout: time.Minute, Quiet: time.Minute, Change: time.Minute}
		if c.want == Fail && !c.raw {
			cfg.Timeout = 300 * time.Millisecond
		}
		if c.silent {
			cfg.Change = 300 * time.Millisecond
		}
		some, err := Select(Cases(), c.id)
		require.NoError(t, err)
		r := runOne(t.Context(), cfg, some[0])
		for r.Rule != c.rule && cfg.Timeout < time.Minute { // what was wrong was not read in time
			cfg.Timeout *= 4
			r = runOne(t.Context(), cfg, some[0])
		}
		require.Equal(t, c.want, r.Result, "%s: %+v", c.what, r)
		if c.want == Fail {
			require.Equal(t, c.rule, r.Rule, "%s: %+v", c.what, r)
		}
		require.Equal(t, c.raw, r.Message != "", "%s: %+v", c.what, r)
		if c.want != Pass {
			require.NotEmpty(t, r.Detail)
		}
	}
}

// observedWrongly registers everybody, and sends a notification with a number
// that is lower than that of the response.
func observedWrongly() func(m, r *codec.Message) [][]byte {
	return func(m, r *codec.Message) [][]byte {
		if !m.Options.Has(codec.OptionObserve) {
			return [][]byte{encode(r)}
		}
		r.Options = r.Options.Add(codec.Observe(1000))
		n := &codec.Message{Type: codec.CON, Code: codec.Content, MessageID: 9, Token: m.Token, Payload: []byte("x")}
		n.Options = codec.Options{codec.Observe(999)}
		return [][]byte{encode(r), encode(n)}
	}
}

func TestNobodyAnswers(t *testing.T) {
	target := netip.MustParseAddrPort("127.0.0.1:1")
	err := Run(t.Context(), Config{Target: target, Timeout: 100 * time.Millisecond}, Cases(), func(Result) { t.Error("a result") })
	require.ErrorIs(t, err, ErrNoServer)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Run(ctx, Config{Target: target, Timeout: 100 * time.Millisecond}, Cases(), nil), context.Canceled)
}
