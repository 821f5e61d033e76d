package codec

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessageString(t *testing.T) {
	for want, m := range map[string]Message{
		"CON [0x0000] 0.00 Empty":                      {},
		"RST [0xffff] 0.00 Empty":                      {Type: RST, MessageID: 0xffff},
		"NON [0x0001] 0.17":                            {Type: NON, Code: 17, MessageID: 1},
		"ACK [0x7d34] 2.05 Content 6 bytes \"22.3 C\"": {Type: ACK, Code: Content, MessageID: 0x7d34, Payload: []byte("22.3 C")},
		"CON [0x1234] GET token=a1b2 Uri-Path:hello Accept:50(application/json)": {
			Code: GET, MessageID: 0x1234, Token: token(t, "a1b2"), Options: Options{URIPath("hello"), Accept(JSON)}},
		"CON [0x0000] PUT If-None-Match Uri-Path:\"a b\" 1 byte 0x00": {
			Code: PUT, Options: Options{IfNoneMatch(), URIPath("a b")}, Payload: []byte{0}},
	} {
		require.Equal(t, want, m.String())
	}
}

func TestNothingUnprintableIsPrinted(t *testing.T) {
	hostile := []byte("\x1b[31m\x00\x07\x7f\x9b\u202e\u2066\u200b\ufeff\u0085\u2028\xff\xc0\xaf\xed\xa0\x80\U000e0041\"\\\r\n\t.")
	m := Message{Code: POST, Token: token(t, "1b5b"), Options: Options{
		{OptionIfNoneMatch, hostile}, {OptionObserve, hostile}, {OptionURIPath, hostile}, {OptionContentFormat, hostile},
		{OptionBlock2, hostile}, {OptionDiscovery, hostile}, {OptionRule, hostile}, {1234, hostile},
	}, Payload: hostile}
	require.True(t, Printable([]byte(m.String())))
	require.NotContains(t, m.String(), "\n")
	require.Contains(t, m.String(), `Uri-Path:"\x1b[31m\x00\x07\x7f\x9b\u202e\u2066\u200b\ufeff\u0085\u2028\xff\xc0\xaf\xed\xa0\x80\U000e0041\"\\\r\n\t."`)
	require.True(t, Printable(m.AppendDump(nil)))
	require.NotContains(t, string(m.AppendDump(nil)), "\r")
	require.Equal(t, "a\tb\n\\x1b\\u202e\\xff\\r\n", string(AppendPrintable(nil, []byte("a\tb\r\n\x1b\u202e\xff\r\r\n"))))
	require.True(t, Printable([]byte("été\t\r\n")))
	for _, s := range []string{"\x1b", "\x00", "\x7f", "\xff", "\u202e", "\u0085", "a\xc3"} {
		require.False(t, Printable([]byte(s)), "%q", s)
	}
}

func TestPrintingIsBounded(t *testing.T) {
	m := Message{Code: POST, Payload: bytes.Repeat([]byte("é"), 30000)}
	for range MaxOptions {
		m.Options = append(m.Options, Option{OptionURIPath, bytes.Repeat([]byte{0x1b}, 65000)})
	}
	require.Less(t, len(m.String()), 20000)
	require.Contains(t, m.String(), " … 224 more options 60000 bytes ")
	require.True(t, strings.HasSuffix(m.String(), "é\"…"))
	dump := string(m.AppendDump(nil))
	require.Less(t, len(dump), 500000)
	require.Contains(t, dump, "  … 192 more options\n")
	require.Contains(t, dump, "    … 51808 more bytes\n")
	m.Payload[0] = 0
	dump = string(m.AppendDump(nil))
	require.Contains(t, dump, "    … 58976 more bytes\n")
	require.Contains(t, m.String(), "60000 bytes 0x00a9c3")
}

func TestDump(t *testing.T) {
	m := Message{Type: NON, Code: Content, MessageID: 0x12ab, Token: token(t, "a1b2"), Options: Options{
		ETag([]byte{1, 2}), Observe(12), ContentFormat(JSON), MaxAge(60), Block2(Block{0, true, 6}), {1234, nil},
	}, Payload: []byte("{\n\t\"t\": 21.5\r\n}")}
	require.Equal(t, `NON 2.05 Content, message ID 0x12ab, token a1b2
  ETag (4): 0x0102
  Observe (6): 12
  Content-Format (12): 50(application/json)
  Max-Age (14): 60
  Block2 (23): 0/1/1024
  Option 1234: 0x
  payload, 15 bytes:
    {
    	"t": 21.5
    }
`, string(m.AppendDump(nil)))
	m = Message{Code: PUT, Options: Options{IfNoneMatch(), URIPath("a")}, Payload: []byte("0123456789abcdef\x00\xff~")}
	require.Equal(t, `CON 0.03 PUT, message ID 0x0000
  If-None-Match (5)
  Uri-Path (11): a
  payload, 19 bytes:
    0000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|
    0010  00 ff 7e                                          |..~|
`, string(m.AppendDump(nil)))
	m = Message{Type: ACK}
	require.Equal(t, "before ACK 0.00 Empty, message ID 0x0000\n  no payload\n", string(m.AppendDump([]byte("before "))))
}

func TestQuoteShort(t *testing.T) {
	require.Equal(t, `"a\"b"`, quoteShort(`a"b`))
	require.Equal(t, `"`+strings.Repeat("x", 80)+`"…`, quoteShort(strings.Repeat("x", 1<<20)))
	require.Equal(t, `"`+strings.Repeat("x", 79)+`"…`, quoteShort(strings.Repeat("x", 79)+"éé"))
	require.Equal(t, `"`+strings.Repeat("x", 80)+`"`, quoteShort(strings.Repeat("x", 80)))
	require.Less(t, len(quoteShort(strings.Repeat("\xff", 1<<20))), 400)
}
