package codec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseOption(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        Option
		text        string
	}{
		{"Uri-Path", "hello", URIPath("hello"), "Uri-Path:hello"},
		{"uri-path", "a b/c", URIPath("a b/c"), `Uri-Path:"a b/c"`},
		{"11", "", URIPath(""), `Uri-Path:""`},
		{"Accept", "json", Accept(JSON), "Accept:50(application/json)"},
		{"Content-Format", "65000", ContentFormat(65000), "Content-Format:65000"},
		{"Max-Age", "60", MaxAge(60), "Max-Age:60"},
		{"Observe", "0", Observe(0), "Observe:0"},
		{"Observe", "16777215", Observe(1<<24 - 1), "Observe:16777215"},
		{"ETag", "0x0a0b", ETag([]byte{10, 11}), "ETag:0x0a0b"},
		{"ETag", "v1", ETag([]byte("v1")), "ETag:0x7631"},
		{"If-Match", "", IfMatch(nil), "If-Match:0x"},
		{"If-None-Match", "", IfNoneMatch(), "If-None-Match"},
		{"Block2", "2/1/128", Block2(Block{2, true, 3}), "Block2:2/1/128"},
		{"Block1", "14", Block1(Block{0, true, 6}), "Block1:0/1/1024"},
		{"Hop-Limit", "255", HopLimit(255), "Hop-Limit:255"},
		{"Rule", "> 20", Option{OptionRule, []byte("> 20")}, `Rule:"> 20"`},
		{"Rule", "0x0102", Option{OptionRule, []byte{1, 2}}, "Rule:0x0102"},
		{"Notification", "4294967295", UintOption(OptionNotification, 1<<32-1), "Notification:4294967295"},
		{"1234", "0X00ff", Option{1234, []byte{0, 255}}, "Option 1234:0x00ff"},
		{"Discovery", "node1.local", StringOption(OptionDiscovery, "node1.local"), "Discovery:node1.local"},
	} {
		o, err := ParseOption(c.name, c.value)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want.Number, o.Number)
		require.Equal(t, string(c.want.Value), string(o.Value))
		require.Equal(t, c.text, o.String())
	}
}

func TestParseOptionErrors(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"Uri-Pfad", "x", `"Uri-Pfad" is neither the name of an option`},
		{"Uri-Host", "", "option Uri-Host has 1 to 255 bytes, not 0"},
		{"Uri-Path", strings.Repeat("x", 256), "option Uri-Path has 0 to 255 bytes, not 256"},
		{"Uri-Path", "\xff", "UTF-8"},
		{"ETag", "123456789", "option ETag has 1 to 8 bytes, not 9"},
		{"ETag", "0x123", "pairs of hexadecimal digits"},
		{"ETag", "0xzz", "pairs of hexadecimal digits"},
		{"Observe", "16777216", `option Observe is a number from 0 to 16777215, not "16777216"`},
		{"Max-Age", "-1", "from 0 to 4294967295"},
		{"Max-Age", "1.5", "from 0 to 4294967295"},
		{"Hop-Limit", "0", "option Hop-Limit is a number from 1 to 255"},
		{"Hop-Limit", "256", "option Hop-Limit is a number from 1 to 255"},
		{"No-Response", "256", "from 0 to 255"},
		{"If-None-Match", "x", `option If-None-Match has no value; "x" is too much`},
		{"Accept", "jsonn", "option Accept: codec: unknown content format"},
		{"Accept", "65536", "unknown content format"},
		{"Block2", "1/2/64", "number/more/size"},
		{"Block2", "1/1/65", "number/more/size"},
		{"Block2", "1/1/2048", "number/more/size"},
		{"Block2", "1048576/0/16", "up to 1048575"},
		{"Block2", "1/1", "number/more/size"},
		{"Block2", "7", "reserved"},
		{"Block2", "16777216", "from 0 to 16777215"},
		{"65536", "x", "neither the name"},
		{"1234", strings.Repeat("x", maxOptionLen+1), "not 65805"},
	} {
		_, err := ParseOption(c.name, c.value)
		require.ErrorContains(t, err, c.want, "%s %.20s", c.name, c.value)
		require.ErrorContains(t, err, "codec: ")
		require.Less(t, len(err.Error()), 400)
	}
}
