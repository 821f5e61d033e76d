package codec

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseURI(t *testing.T) {
	for _, c := range []struct {
		in    string
		want  URI
		canon string // "" if it is in
	}{
		// RFC 7252 §6.3: three equivalent URIs.
		{"coap://example.com:5683/~sensors/temp.xml", URI{"coap", "example.com", 5683, []string{"~sensors", "temp.xml"}, nil}, "coap://example.com/~sensors/temp.xml"},
		{"coap://EXAMPLE.com/%7Esensors/temp.xml", URI{"coap", "example.com", 5683, []string{"~sensors", "temp.xml"}, nil}, "coap://example.com/~sensors/temp.xml"},
		{"coap://EXAMPLE.com:/%7esensors/temp.xml", URI{"coap", "example.com", 5683, []string{"~sensors", "temp.xml"}, nil}, "coap://example.com/~sensors/temp.xml"},
		// RFC 7252 Appendix B.
		{"coap://[2001:db8::2:1]/", URI{"coap", "2001:db8::2:1", 5683, nil, nil}, ""},
		{"coap://example.net/", URI{"coap", "example.net", 5683, nil, nil}, ""},
		{"coap://example.net/.well-known/core", URI{"coap", "example.net", 5683, []string{".well-known", "core"}, nil}, ""},
		{"coap://xn--18j4d.example/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF", URI{"coap", "xn--18j4d.example", 5683, []string{"こんにちは"}, nil}, ""},
		{"coap://198.51.100.1:61616//%2F//?%2F%2F&?%26", URI{"coap", "198.51.100.1", 61616, []string{"", "/", "", ""}, []string{"//", "?&"}}, "coap://198.51.100.1:61616//%2F//?//&?%26"},
		// Schemes and ports.
		{"COAPS://h", URI{"coaps", "h", 5684, nil, nil}, "coaps://h/"},
		{"coaps://h:5683/", URI{"coaps", "h", 5683, nil, nil}, ""},
		{"coap+tcp://h/", URI{"coap+tcp", "h", 5683, nil, nil}, ""},
		{"coaps+tcp://h/", URI{"coaps+tcp", "h", 5684, nil, nil}, ""},
		{"coap+ws://h/", URI{"coap+ws", "h", 80, nil, nil}, ""},
		{"coaps+ws://h:443/", URI{"coaps+ws", "h", 443, nil, nil}, "coaps+ws://h/"},
		{"coap://h:05683/", URI{"coap", "h", 5683, nil, nil}, "coap://h/"},
		{"coap://h:65535/", URI{"coap", "h", 65535, nil, nil}, ""},
		// Hosts.
		{"coap://[2001:DB8:0:0:0:0:0:1]:1/", URI{"coap", "2001:db8::1", 1, nil, nil}, "coap://[2001:db8::1]:1/"},
		{"coap://[fe80::1%25eth0]/", URI{"coap", "fe80::1%eth0", 5683, nil, nil}, ""},
		{"coap://[fe80::1%eth0]:7/", URI{"coap", "fe80::1%eth0", 7, nil, nil}, "coap://[fe80::1%25eth0]:7/"},
		{"coap://[fe80::1%25vlan%3A1]/", URI{"coap", "fe80::1%vlan:1", 5683, nil, nil}, ""},
		{"coap://[fe80::1%252]/", URI{"coap", "fe80::1%2", 5683, nil, nil}, ""},
		{"coap://[::ffff:192.0.2.1]/", URI{"coap", "::ffff:192.0.2.1", 5683, nil, nil}, ""},
		{"coap://%6eode1.LOCAL/", URI{"coap", "node1.local", 5683, nil, nil}, "coap://node1.local/"},
		{"coap://%31.2.3.4/", URI{"coap", "1.2.3.4", 5683, nil, nil}, "coap://1.2.3.4/"},
		{"coap://%C3%A9t%C3%A9/", URI{"coap", "été", 5683, nil, nil}, ""},
		{"coap://1.2.3/", URI{"coap", "1.2.3", 5683, nil, nil}, ""},
		{"coap://a_b!$&'()*+,;=/", URI{"coap", "a_b!$&'()*+,;=", 5683, nil, nil}, ""},
		// Paths.
		{"coap://h", URI{"coap", "h", 5683, nil, nil}, "coap://h/"},
		{"coap://h//", URI{"coap", "h", 5683, []string{"", ""}, nil}, ""},
		{"coap://h/a/", URI{"coap", "h", 5683, []string{"a", ""}, nil}, ""},
		{"coap://h/a%2Fb/%25", URI{"coap", "h", 5683, []string{"a/b", "%"}, nil}, ""},
		{"coap://h/a&b=c;d:@!$'()*+,", URI{"coap", "h", 5683, []string{"a&b=c;d:@!$'()*+,"}, nil}, ""},
		{"coap://h/a/./b/../c", URI{"coap", "h", 5683, []string{"a", "c"}, nil}, "coap://h/a/c"},
		{"coap://h/../../a", URI{"coap", "h", 5683, []string{"a"}, nil}, "coap://h/a"},
		{"coap://h/a/b/..", URI{"coap", "h", 5683, []string{"a", ""}, nil}, "coap://h/a/"},
		{"coap://h/a/.", URI{"coap", "h", 5683, []string{"a", ""}, nil}, "coap://h/a/"},
		{"coap://h/..", URI{"coap", "h", 5683, nil, nil}, "coap://h/"},
		{"coap://h/a/%2E%2e/b", URI{"coap", "h", 5683, []string{"b"}, nil}, "coap://h/b"},
		{"coap://h/.//a", URI{"coap", "h", 5683, []string{"", "a"}, nil}, "coap://h//a"},
		{"coap://h//..", URI{"coap", "h", 5683, nil, nil}, "coap://h/"},
		{"coap://h/.../..a", URI{"coap", "h", 5683, []string{"...", "..a"}, nil}, ""},
		{"coap://h/%00%1B", URI{"coap", "h", 5683, []string{"\x00\x1b"}, nil}, ""},
		// Queries.
		{"coap://h?", URI{"coap", "h", 5683, nil, []string{""}}, "coap://h/?"},
		{"coap://h/?a&&b=%26&/?", URI{"coap", "h", 5683, nil, []string{"a", "", "b=&", "/?"}}, ""},
		{"coap://h?x=a+b%20c", URI{"coap", "h", 5683, nil, []string{"x=a+b c"}}, "coap://h/?x=a+b%20c"},
	} {
		t.Run(c.in, func(t *testing.T) {
			u, err := ParseURI(c.in)
			require.NoError(t, err)
			require.Equal(t, c.want, u)
			if c.canon == "" {
				c.canon = c.in
			}
			require.Equal(t, c.canon, u.String())
			again, err := ParseURI(u.String())
			require.NoError(t, err)
			require.Equal(t, u, again)
		})
	}
}

func TestParseURIErrors(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		in, part string
		pos      int
		msg      string
	}{
		{"", "scheme", 0, "such as coap://"},
		{"/a", "scheme", 0, "such as coap://"},
		{"localhost:5683/a", "scheme", 0, "such as coap://"},
		{"h/coap://x", "scheme", 0, "such as coap://"},
		{"coap:/a", "scheme", 0, "such as coap://"},
		{"http://h/", "scheme", 0, "the schemes of CoAP are coap"},
		{"://h/", "scheme", 0, "the schemes of CoAP are coap"},
		{"coap://", "host", 7, "missing"},
		{"coap:///a", "host", 7, "missing"},
		{"coap://:5683/", "host", 7, "missing"},
		{"coap://user@h/", "userinfo", 7, `no "user@"`},
		{"coap://u:p@[::1]/", "userinfo", 7, `no "user@"`},
		{"coap://[::1/", "host", 7, `has no "]"`},
		{"coap://[::1]x/", "host", 12, `only ":"`},
		{"coap://[1.2.3.4]/", "host", 8, "not an IPv6 address"},
		{"coap://[]/", "host", 8, "not an IPv6 address"},
		{"coap://[v1.x]/", "host", 8, "not an IPv6 address"},
		{"coap://2001:db8::1/", "host", 7, "in brackets"},
		{"coap://[fe80::1%]/", "host", 16, "a zone has"},
		{"coap://[fe80::1%25]/", "host", 16, "a zone has"},
		{"coap://[fe80::1%25a b]/", "host", 19, "write it as %20"},
		{"coap://[fe80::1%25%1B]/", "host", 16, "network interface"},
		{"coap://[fe80::1%25%25]/", "host", 16, "network interface"},
		{"coap://[fe80::1%25" + long + "]/", "host", 16, "a zone has"},
		{"coap://256.0.0.1/", "host", 7, "not an IPv4 address"},
		{"coap://010.0.0.1/", "host", 7, "not an IPv4 address"},
		{"coap://a b/", "host", 8, "write it as %20"},
		{"coap://a%20b/", "host", 7, "U+0020"},
		{"coap://a%2Fb/", "host", 7, "U+002F"},
		{"coap://a%00/", "host", 7, "U+0000"},
		{"coap://a%E2%80%AE/", "host", 7, "U+202E"},
		{"coap://%ff/", "host", 7, "not UTF-8"},
		{"coap://%zz/", "host", 7, "two hexadecimal digits"},
		{"coap://" + long + "/", "host", 7, "1 to 255 bytes, not 256"},
		{"coap://h:x/", "port", 9, "from 1 to 65535"},
		{"coap://h:0/", "port", 9, "from 1 to 65535"},
		{"coap://h:65536/", "port", 9, "from 1 to 65535"},
		{"coap://[::1]:-1/", "port", 13, "from 1 to 65535"},
		{"coap://h/a%", "path", 10, "two hexadecimal digits"},
		{"coap://h/a%2", "path", 10, "two hexadecimal digits"},
		{"coap://h/a/b%g0", "path", 12, "two hexadecimal digits"},
		{"coap://h/a b", "path", 10, "write it as %20"},
		{"coap://h/été", "path", 9, "write it as %C3%A9"},
		{"coap://h/\xff", "path", 9, "not UTF-8"},
		{"coap://h/%FF", "path", 9, "not UTF-8"},
		{"coap://h/a/" + long, "path", 11, "at most 255 bytes, not 256"},
		{"coap://h/a?b&" + long, "query", 13, "at most 255 bytes, not 256"},
		{"coap://h/a?b&[]", "query", 13, "write it as %5B"},
		{"coap://h/a#b", "fragment", 10, "no fragment"},
		{"coap://h#", "fragment", 8, "no fragment"},
		{"coap://h/" + strings.Repeat("/", MaxURIParts), "path", 8, "more than 254"},
		{"coap://h/" + strings.Repeat("x", MaxURILen), "length", MaxURILen, "at most 16384"},
	} {
		_, err := ParseURI(c.in)
		var e *URIError
		require.ErrorAs(t, err, &e, "%.60s", c.in)
		require.Equal(t, c.part, e.Part, "%.60s", c.in)
		require.Equal(t, c.pos, e.Pos, "%.60s", c.in)
		require.ErrorContains(t, err, c.msg)
		require.Less(t, len(err.Error()), 500)
		require.True(t, Printable([]byte(err.Error())))
	}
}

// Options for a destination, and back (RFC 7252 §6.4, 6.5, Appendix B).
func TestURIOptions(t *testing.T) {
	for _, c := range []struct {
		uri, dest string
		want      string
	}{
		{"coap://[2001:db8::2:1]/", "[2001:db8::2:1]:5683", ""},
		{"coap://example.net/", "[2001:db8::2:1]:5683", "Uri-Host:example.net"},
		{"coap://example.net/.well-known/core", "[2001:db8::2:1]:5683", "Uri-Host:example.net Uri-Path:.well-known Uri-Path:core"},
		{"coap://xn--18j4d.example/%E3%81%93", "[2001:db8::2:1]:5683", "Uri-Host:xn--18j4d.example Uri-Path:こ"},
		{"coap://198.51.100.1:61616//%2F//?//&?%26", "198.51.100.1:61616", `Uri-Path:"" Uri-Path:/ Uri-Path:"" Uri-Path:"" Uri-Query:// Uri-Query:?&`},
		{"coap://198.51.100.1/a", "[::ffff:198.51.100.1]:5683", "Uri-Path:a"},
		{"coap://198.51.100.1:1/a", "192.0.2.1:2", "Uri-Host:198.51.100.1 Uri-Port:1 Uri-Path:a"},
		{"coap://[2001:db8::1]/?", "192.0.2.1:5683", `Uri-Host:[2001:db8::1] Uri-Query:""`},
		{"coap://[fe80::1%25eth0]/", "[fe80::1%eth0]:5683", ""},
		{"coaps://h/", "192.0.2.1:5684", "Uri-Host:h"},
		{"coaps://h:5683/", "192.0.2.1:5684", "Uri-Host:h Uri-Port:5683"},
	} {
		t.Run(c.uri, func(t *testing.T) {
			u, err := ParseURI(c.uri)
			require.NoError(t, err)
			dest := netip.MustParseAddrPort(c.dest)
			o := u.AppendOptions(nil, dest)
			var text []string
			for _, opt := range o {
				text = append(text, opt.String())
			}
			require.Equal(t, c.want, strings.Join(text, " "))
			require.Nil(t, o.Check(nil))
			back, err := URIFromOptions(u.Scheme, o, dest)
			require.NoError(t, err)
			require.Equal(t, u, back)
		})
	}
}

func TestURIOptionsWithoutDestination(t *testing.T) {
	u, err := ParseURI("coap://[fe80::1%25eth0]:1234/a")
	require.NoError(t, err)
	require.Equal(t, Options{Observe(1), URIPath("a"), Accept(JSON)}, u.AppendOptions(Options{Observe(1), Accept(JSON)}, netip.AddrPort{}))
	u.Host = "h"
	require.Equal(t, "/a", u.AppendOptions(nil, netip.AddrPort{}).Path())
	require.True(t, u.AppendOptions(nil, netip.AddrPort{}).Has(OptionURIHost))
	// A zone is not sent to others, nor compared.
	u.Host = "fe80::1%eth0"
	require.Equal(t, "Uri-Host:[fe80::1]", u.AppendOptions(nil, netip.MustParseAddrPort("[fe80::2%eth0]:1234"))[0].String())
	require.False(t, u.AppendOptions(nil, netip.MustParseAddrPort("[fe80::1%3]:1234")).Has(OptionURIHost))
}

func TestURIFromOptions(t *testing.T) {
	dest := netip.MustParseAddrPort("[fe80::1%eth0]:5684")
	u, err := URIFromOptions("COAPS", nil, dest)
	require.NoError(t, err)
	require.Equal(t, "coaps://[fe80::1%25eth0]/", u.String())
	u, err = URIFromOptions("coap", Options{URIHost("EXAMPLE"), URIPort(5683), URIPath("")}, dest)
	require.NoError(t, err)
	require.Equal(t, URI{"coap", "example", 5683, nil, nil}, u)
	u, err = URIFromOptions("coap", Options{URIHost("h")}, netip.AddrPort{})
	require.NoError(t, err)
	require.Equal(t, "coap://h/", u.String())

	many := make(Options, MaxURIParts+1)
	for i := range many {
		many[i] = URIPath("a")
	}
	for _, c := range []struct {
		scheme, part string
		o            Options
		dest         netip.AddrPort
	}{
		{"http", "scheme", nil, dest},
		{"coap", "host", nil, netip.AddrPort{}},
		{"coap", "host", Options{URIHost("")}, dest},
		{"coap", "host", Options{URIHost("a b")}, dest},
		{"coap", "host", Options{URIHost("::1")}, dest},
		{"coap", "host", Options{URIHost("[::1")}, dest},
		{"coap", "host", Options{URIHost("[1.2.3.4]")}, dest},
		{"coap", "host", Options{URIHost("[fe80::1%eth0]")}, dest},
		{"coap", "host", Options{URIHost("a%41")}, dest},
		{"coap", "host", Options{URIHost("\xff")}, dest},
		{"coap", "host", Options{URIHost("a/b\x1b")}, dest},
		{"coap", "port", Options{URIPort(0)}, dest},
		{"coap", "port", Options{{OptionURIPort, []byte{1, 0, 0}}}, dest},
		{"coap", "port", Options{{OptionURIPort, make([]byte, 9)}}, dest},
		{"coap", "path", Options{URIPath("..")}, dest},
		{"coap", "path", Options{URIPath("\xff")}, dest},
		{"coap", "path", Options{URIPath(strings.Repeat("x", 256))}, dest},
		{"coap", "path", many, dest},
		{"coap", "query", Options{URIQuery("\xff")}, dest},
	} {
		_, err := URIFromOptions(c.scheme, c.o, c.dest)
		var e *URIError
		require.ErrorAs(t, err, &e)
		require.Equal(t, c.part, e.Part)
		require.Equal(t, -1, e.Pos)
		require.True(t, Printable([]byte(err.Error())))
	}
}

func TestURIAddr(t *testing.T) {
	for in, want := range map[string]string{
		"coap://1.2.3.4/": "1.2.3.4:5683", "coaps://[::1]/": "[::1]:5684", "coap://[fe80::1%25eth0]:9/": "[fe80::1%eth0]:9", "coap://[::ffff:1.2.3.4]/": "1.2.3.4:5683",
	} {
		u, err := ParseURI(in)
		require.NoError(t, err)
		a, ok := u.Addr()
		require.True(t, ok)
		require.Equal(t, want, a.String())
	}
	a, ok := URI{Scheme: "coap", Host: "::1"}.Addr()
	require.True(t, ok)
	require.EqualValues(t, 5683, a.Port())
	_, ok = URI{Scheme: "coap", Host: "h"}.Addr()
	require.False(t, ok)
}

func TestParseHostPort(t *testing.T) {
	for _, c := range []struct {
		in, host string
		port     uint16
	}{
		{"Node1.local", "node1.local", 5683}, {"h:", "h", 5683}, {"h:7", "h", 7}, {"1.2.3.4:80", "1.2.3.4", 80}, {"[::1]:7", "::1", 7}, {"[::1]", "::1", 5683},
		{"::1", "::1", 5683}, {"fe80::1%eth0", "fe80::1%eth0", 5683}, {"[fe80::1%eth0]:7", "fe80::1%eth0", 7}, {"2001:db8::1:7", "2001:db8::1:7", 5683},
	} {
		host, port, err := ParseHostPort(c.in, 5683)
		require.NoError(t, err, c.in)
		require.Equal(t, c.host, host)
		require.Equal(t, c.port, port)
	}
	for _, in := range []string{"", ":7", "h:x", "h:0", "h/a", "coap://h", "u@h", "[::1]7", "::g", "h:1:2", "h?x", strings.Repeat("x", MaxURILen+1)} {
		_, _, err := ParseHostPort(in, 5683)
		require.ErrorAs(t, err, new(*URIError), "%.30s", in)
	}
}

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		in          string
		path, query []string
	}{
		{"", nil, nil}, {"/", nil, nil}, {"/a/b?x=1&y", []string{"a", "b"}, []string{"x=1", "y"}}, {"a/b", []string{"a", "b"}, nil},
		{"?x", nil, []string{"x"}}, {"/a%2Fb", []string{"a/b"}, nil}, {"/a/../b/", []string{"b", ""}, nil},
	} {
		path, query, err := ParsePath(c.in)
		require.NoError(t, err)
		require.Equal(t, c.path, path, c.in)
		require.Equal(t, c.query, query, c.in)
	}
	for _, in := range []string{"/a#b", "/a b", "/%", "/?%", strings.Repeat("/", MaxURIParts+1), strings.Repeat("x", MaxURILen+1)} {
		_, _, err := ParsePath(in)
		var e *URIError
		require.True(t, errors.As(err, &e), "%.30s", in)
	}
	require.Equal(t, "/a%2Fb/c?x=1&%26", URI{Path: []string{"a/b", "c"}, Query: []string{"x=1", "&"}}.Resource())
}
