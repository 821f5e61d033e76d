package codec_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/codec"
)

func notification(payload string) *codec.Message {
	return &codec.Message{
		Type: codec.NON, Code: codec.Content, MessageID: 7,
		Options: codec.Options{codec.ETag([]byte{1, 2}), codec.Observe(4711), codec.UintOption(codec.OptionContentFormat, 0)},
		Payload: []byte(payload),
	}
}

func TestTemplate(t *testing.T) {
	m := notification("22.5")
	tm, err := codec.MakeTemplate(m)
	require.NoError(t, err)
	require.Equal(t, codec.Content, tm.Code())

	token, err := codec.MakeToken([]byte{0xca, 0xfe})
	require.NoError(t, err)
	b := tm.Append([]byte("before"), codec.CON, 0x1234, token)
	require.Equal(t, "before", string(b[:6]))
	b = b[6:]
	require.Len(t, b, tm.Len(token))

	var got codec.Message
	require.NoError(t, got.Parse(b))
	require.Equal(t, codec.CON, got.Type)
	require.Equal(t, uint16(0x1234), got.MessageID)
	require.Equal(t, token, got.Token)
	require.Equal(t, "22.5", string(got.Payload))
	seq, _ := got.Options.Uint(codec.OptionObserve)
	require.Equal(t, uint64(4711), seq)

	// Set uses the memory again, and an error leaves the template of nothing.
	require.NoError(t, tm.Set(notification("22.6")))
	require.NotEqual(t, b, tm.Append(nil, codec.CON, 0x1234, token))
	long := codec.Options{codec.ETag([]byte{1}), codec.OpaqueOption(2000, make([]byte, 70000))}
	require.ErrorIs(t, tm.Set(&codec.Message{Code: codec.Content, Options: long}), codec.ErrTooLong)
	require.Equal(t, []byte{0x60, 0, 0, 9}, tm.Append(nil, codec.ACK, 9, codec.Token{}))

	var zero codec.Template
	require.Equal(t, []byte{0x70, 0, 0, 9}, zero.Append(nil, codec.RST, 9, codec.Token{}))
}

// TestTemplateIsTheMessage: a copy is byte-equal to what Append writes.
func TestTemplateIsTheMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token, err := codec.MakeToken(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "token"))
		require.NoError(t, err)
		m := codec.Message{
			Type:      codec.Type(rapid.IntRange(0, 3).Draw(t, "type")),
			Code:      codec.Code(rapid.IntRange(1, 255).Draw(t, "code")),
			MessageID: rapid.Uint16().Draw(t, "id"),
			Token:     token,
			Payload:   rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "payload"),
		}
		for range rapid.IntRange(0, 5).Draw(t, "options") {
			m.Options = m.Options.Add(codec.OpaqueOption(codec.OptionNumber(rapid.Uint16().Draw(t, "number")), rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value")))
		}
		want, err := m.Append(nil)
		require.NoError(t, err)
		tm, err := codec.MakeTemplate(&m)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, tm.Append(nil, m.Type, m.MessageID, token)))

		other := codec.Type(rapid.IntRange(0, 3).Draw(t, "other type"))
		id := rapid.Uint16().Draw(t, "other id")
		codec.Patch(want, other, id)
		require.True(t, bytes.Equal(want, tm.Append(nil, other, id, token)))
	})
	codec.Patch([]byte{1, 2, 3}, codec.CON, 1)
}

func BenchmarkTemplate(b *testing.B) {
	tm, err := codec.MakeTemplate(notification("hello world"))
	require.NoError(b, err)
	buf := make([]byte, 0, 128)
	token := codec.TokenFromUint64(0x1234567890abcdef)
	b.ReportAllocs()
	for i := range b.N {
		buf = tm.Append(buf[:0], codec.NON, uint16(i), token)
	}
}
