package codec

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhexString(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

func token(t testing.TB, s string) Token {
	t.Helper()
	tok, err := MakeToken(unhexString(t, s))
	require.NoError(t, err)
	return tok
}

// goldens are messages with their bytes: those of RFC 7252 Appendix A, and one
// of each feature of the format.
func goldens(t testing.TB) map[string]struct {
	msg Message
	hex string
} {
	long := strings.Repeat("x", 269)
	return map[string]struct {
		msg Message
		hex string
	}{
		"figure 16 request": {
			Message{Type: CON, Code: GET, MessageID: 0x7d34, Options: Options{URIPath("temperature")}},
			"40017d34 bb74656d7065726174757265",
		},
		"figure 16 response": {
			Message{Type: ACK, Code: Content, MessageID: 0x7d34, Payload: []byte("22.3 C")},
			"60457d34 ff32322e332043",
		},
		"figure 17 request": {
			Message{Type: CON, Code: GET, MessageID: 0x7d35, Token: token(t, "20"), Options: Options{URIPath("temperature")}},
			"41017d35 20 bb74656d7065726174757265",
		},
		"figure 17 response": {
			Message{Type: ACK, Code: Content, MessageID: 0x7d35, Token: token(t, "20"), Payload: []byte("22.3 C")},
			"61457d35 20 ff32322e332043",
		},
		"figure 20 empty ACK":         {Message{Type: ACK, MessageID: 0x7d38}, "60007d38"},
		"figure 20 separate response": {Message{Type: CON, Code: Content, MessageID: 0xad7b, Token: token(t, "53"), Payload: []byte("22.3 C")}, "4145ad7b 53 ff32322e332043"},
		"figure 21 reset":             {Message{Type: RST, MessageID: 0xad7c}, "7000ad7c"},
		"figure 22 request": {
			Message{Type: NON, Code: GET, MessageID: 0x7d40, Token: token(t, "75"), Options: Options{URIPath("temperature")}},
			"51017d40 75 bb74656d7065726174757265",
		},
		"ping": {Message{}, "40000000"},
		"several options": {
			Message{Type: CON, Code: POST, MessageID: 1, Token: token(t, "0102030405060708"), Options: Options{
				ETag([]byte{1, 2}), Observe(0), URIPath("a"), URIPath("b"), ContentFormat(JSON), URIQuery("x=1"), Accept(CBOR),
			}, Payload: []byte("{}")},
			"48020001 0102030405060708 420102 20 5161 0162 1132 33783d31 213c ff7b7d",
		},
		"extended delta and length": {
			Message{Type: NON, Code: PUT, MessageID: 2, Options: Options{
				{OptionProxyURI, []byte(long)}, Size1(1 << 20), {2048, []byte{1}}, {65535, nil},
			}},
			"50030002 de160000" + hex.EncodeToString([]byte(long)) + "d30c100000 e106b701 e0f6f2",
		},
	}
}

func TestGoldenMessages(t *testing.T) {
	for name, g := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			want := unhexString(t, g.hex)
			b, err := g.msg.Append([]byte("before"))
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(want), hex.EncodeToString(b[len("before"):]))
			require.Equal(t, len(want), g.msg.EncodedLen())

			var m Message
			require.NoError(t, m.Parse(want))
			requireSame(t, &g.msg, &m)
		})
	}
}

func requireSame(t testing.TB, want, got *Message) {
	t.Helper()
	require.Equal(t, want.Type, got.Type)
	require.Equal(t, want.Code, got.Code)
	require.Equal(t, want.MessageID, got.MessageID)
	require.Equal(t, want.Token, got.Token)
	require.Len(t, got.Options, len(want.Options))
	for i := range want.Options {
		require.Equal(t, want.Options[i].Number, got.Options[i].Number)
		require.True(t, bytes.Equal(want.Options[i].Value, got.Options[i].Value), "value of option %d", want.Options[i].Number)
	}
	require.True(t, bytes.Equal(want.Payload, got.Payload))
}

// A prefix of a message is another message or an error that says what is missing
// or wrong, and what was read stays valid.
func TestEveryPrefix(t *testing.T) {
	for name, g := range goldens(t) {
		t.Run(name, func(t *testing.T) {
			whole := unhexString(t, g.hex)
			for n := range len(whole) {
				b := bytes.Clone(whole[:n])
				var m Message
				err := m.Parse(b)
				if n < HeaderLen {
					require.ErrorIs(t, err, ErrTruncated)
					continue
				}
				require.Equal(t, g.msg.Type, m.Type)
				require.Equal(t, g.msg.Code, m.Code)
				require.Equal(t, g.msg.MessageID, m.MessageID)
				if err != nil {
					if b[n-1] == 0xff {
						require.ErrorIs(t, err, ErrFormat)
					} else {
						require.ErrorIs(t, err, ErrTruncated)
					}
					continue
				}
				again, err := m.Append(nil)
				require.NoError(t, err)
				require.Equal(t, b, again)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		err       error
	}{
		{"nothing", "", ErrTruncated},
		{"version 0", "00010000", ErrVersion},
		{"version 2", "90011234", ErrVersion},
		{"version 3", "c0010000", ErrVersion},
		{"token length 9", "49010000 000000000000000000", ErrFormat},
		{"token length 15", "4f010000", ErrFormat},
		{"empty message with a token", "41000000 01", ErrFormat},
		{"empty message that announces a token", "41000000", ErrFormat},
		{"empty message with a payload", "40000000 ff01", ErrFormat},
		{"marker without payload", "40010000 ff", ErrFormat},
		{"marker without payload after an option", "40010000 b161 ff", ErrFormat},
		{"reserved delta", "40010000 f161", ErrFormat},
		{"reserved length", "40010000 1f61", ErrFormat},
		{"extended delta cut", "40010000 d0", ErrTruncated},
		{"long extended delta cut", "40010000 e001", ErrTruncated},
		{"extended length cut", "40010000 0d", ErrTruncated},
		{"long extended length cut", "40010000 0e01", ErrTruncated},
		{"value cut", "40010000 b26a", ErrTruncated},
		{"number beyond 65535", "40010000 e0fef3", ErrFormat},
		{"number beyond 65535 in steps", "40010000 e0fef2 10", ErrFormat},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			require.ErrorIs(t, m.Parse(unhexString(t, c.hex)), c.err)
		})
	}
}

func TestTooManyOptions(t *testing.T) {
	b := unhexString(t, "40010000")
	b = append(b, make([]byte, MaxOptions)...)
	var m Message
	require.NoError(t, m.Parse(b))
	require.Len(t, m.Options, MaxOptions)
	require.ErrorIs(t, m.Parse(append(b, 0)), ErrTooManyOptions)
	require.Len(t, m.Options, MaxOptions)
}

// Both fields of an option header at the lengths where their form changes.
func TestOptionHeaderBoundaries(t *testing.T) {
	for _, c := range []struct {
		v      int
		nibble byte
		ext    string
	}{
		{0, 0, ""}, {12, 12, ""}, {13, 13, "00"}, {14, 13, "01"}, {268, 13, "ff"}, {269, 14, "0000"}, {270, 14, "0001"},
		{65534, 14, "fef1"}, {65535, 14, "fef2"}, {65804, 14, "ffff"},
	} {
		value := bytes.Repeat([]byte{7}, c.v)
		m := Message{Code: GET, Options: Options{{0, value}}}
		b, err := m.Append(nil)
		require.NoError(t, err)
		want := append([]byte{c.nibble}, unhexString(t, c.ext)...)
		require.Equal(t, want, b[HeaderLen:len(b)-c.v], "length %d", c.v)
		require.Equal(t, len(b), m.EncodedLen())
		var back Message
		require.NoError(t, back.Parse(b))
		requireSame(t, &m, &back)

		if c.v > 65535 {
			continue
		}
		m = Message{Code: GET, Options: Options{{OptionNumber(c.v), nil}}}
		b, err = m.Append(nil)
		require.NoError(t, err)
		want[0] = c.nibble << 4
		require.Equal(t, want, b[HeaderLen:], "number %d", c.v)
		require.NoError(t, back.Parse(b))
		requireSame(t, &m, &back)
	}
}

func TestAppendErrors(t *testing.T) {
	dst := []byte("before")
	for _, c := range []struct {
		m   Message
		err error
	}{
		{Message{Payload: []byte{1}}, ErrFormat},
		{Message{Token: token(t, "01")}, ErrFormat},
		{Message{Options: Options{URIPath("a")}}, ErrFormat},
		{Message{Code: GET, Options: Options{{1, make([]byte, maxOptionLen+1)}}}, ErrTooLong},
	} {
		b, err := c.m.Append(dst)
		require.ErrorIs(t, err, c.err)
		require.Equal(t, dst, b)
	}
	_, err := MakeToken(make([]byte, 9))
	require.ErrorIs(t, err, ErrFormat)
}

func TestAppendSorts(t *testing.T) {
	m := Message{Code: GET, Options: Options{Accept(JSON), URIPath("a"), Observe(0), URIPath("b")}}
	n := m.EncodedLen()
	b, err := m.Append(nil)
	require.NoError(t, err)
	require.Len(t, b, n)
	require.Equal(t, "/a/b", m.Options.Path())
	var back Message
	require.NoError(t, back.Parse(b))
	requireSame(t, &m, &back)
}

func TestCloneSharesNothing(t *testing.T) {
	b := unhexString(t, "41017d35 20 bb74656d7065726174757265 ff01")
	var m Message
	require.NoError(t, m.Parse(b))
	c := m.Clone()
	clear(b)
	require.Equal(t, "/temperature", c.Options.Path())
	require.Equal(t, []byte{1}, c.Payload)
	m.Reset()
	require.Equal(t, Message{Options: Options{}}, m)
	require.Equal(t, 1, cap(m.Options))
}

func TestToken(t *testing.T) {
	require.Equal(t, "0102030405060708", TokenFromUint64(0x0102030405060708).String())
	require.Equal(t, "", Token{}.String())
	tok := token(t, "a1b2")
	require.Equal(t, 2, tok.Len())
	require.Equal(t, []byte{0xa1, 0xb2}, tok.Bytes())
	require.Equal(t, []byte{0, 0xa1, 0xb2}, tok.AppendTo([]byte{0}))
	// A token is a map key: what a longer token left behind makes no difference.
	var m Message
	require.NoError(t, m.Parse(unhexString(t, "48010000 ffffffffffffffff")))
	require.NoError(t, m.Parse(unhexString(t, "42010000 a1b2")))
	require.Equal(t, tok, m.Token)
}

func TestParseAllocatesNothing(t *testing.T) {
	m := Message{Type: CON, Code: GET, MessageID: 1, Token: token(t, "a1b2c3d4"),
		Options: Options{URIPath("sensors"), URIPath("temp"), Accept(JSON)}}
	b, err := m.Append(nil)
	require.NoError(t, err)
	var in Message
	require.NoError(t, in.Parse(b))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = in.Parse(b) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = in.Append(b[:0]) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = in.Options.Check(nil) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = in.Options.DropIgnored() }))
}
