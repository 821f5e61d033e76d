package codec

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var someOption = rapid.Custom(func(t *rapid.T) Option {
	n := OptionNumber(rapid.Uint16().Draw(t, "number"))
	if rapid.Bool().Draw(t, "registered") {
		n = rapid.SampledFrom(optionDefs[:]).Draw(t, "def").Number
	}
	size := rapid.OneOf(rapid.IntRange(0, 20), rapid.IntRange(260, 280)).Draw(t, "size")
	return Option{n, rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "value")}
})

var someMessage = rapid.Custom(func(t *rapid.T) *Message {
	m := &Message{
		Type:      Type(rapid.Uint8Range(0, 3).Draw(t, "type")),
		Code:      Code(rapid.Byte().Draw(t, "code")),
		MessageID: rapid.Uint16().Draw(t, "message ID"),
	}
	if m.Code == Empty {
		return m
	}
	m.Token, _ = MakeToken(rapid.SliceOfN(rapid.Byte(), 0, MaxTokenLen).Draw(t, "token"))
	m.Options = rapid.SliceOfN(someOption, 0, 12).Draw(t, "options")
	m.Payload = rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "payload")
	return m
})

func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := someMessage.Draw(t, "message")
		sorted := slices.Clone(m.Options)
		slices.SortStableFunc(sorted, func(a, b Option) int { return int(a.Number) - int(b.Number) })
		n := m.EncodedLen()
		b, err := m.Append(nil)
		require.NoError(t, err)
		require.Len(t, b, n)
		m.Options = sorted
		var back Message
		require.NoError(t, back.Parse(b))
		requireSameMessage(t, m, &back)
		requireSameMessage(t, m, back.Clone())
		require.True(t, Printable([]byte(m.String())))
		require.True(t, Printable(m.AppendDump(nil)))
	})
}

func requireSameMessage(t *rapid.T, want, got *Message) {
	a, err := want.Append(nil)
	require.NoError(t, err)
	b, err := got.Append(nil)
	require.NoError(t, err)
	require.Equal(t, a, b)
}

// DropIgnored against its definition, and Check against a naive version.
func TestOptionRulesAgainstTheirDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options(nil).Add(rapid.SliceOfN(someOption, 0, 12).Draw(t, "options")...)
		var kept Options
		bad := -1
		count := map[OptionNumber]int{}
		for i, opt := range o {
			count[opt.Number]++
			def, known := opt.Number.Def()
			broken := len(opt.Value) < def.MinLen || len(opt.Value) > def.MaxLen || !def.Repeatable && count[opt.Number] > 1
			if opt.Number.Critical() && (broken || !known) && bad < 0 {
				bad = i
			}
			if opt.Number.Critical() || !broken {
				kept = append(kept, opt)
			}
		}
		err := o.Check(nil)
		require.Equal(t, bad < 0, err == nil)
		if err != nil {
			require.Equal(t, o[bad].Number, err.Number)
			require.Equal(t, len(o[bad].Value), err.Len)
		}
		got := slices.Clone(o).DropIgnored()
		require.Equal(t, []Option(kept), append([]Option(nil), got...))
	})
}

func TestBlockRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Block{rapid.Uint32Range(0, MaxBlockNum).Draw(t, "num"), rapid.Bool().Draw(t, "more"), rapid.Uint8Range(0, MaxSZX).Draw(t, "szx")}
		got, err := ParseBlock(b.Append(nil))
		require.NoError(t, err)
		require.Equal(t, b, got)
		o, err := ParseOption("Block1", b.String())
		require.NoError(t, err)
		require.Equal(t, string(Block1(b).Value), string(o.Value))
	})
}

// someSegment is what a path can hold.
var someSegment = rapid.StringN(0, 60, 255).Filter(func(s string) bool { return s != "." && s != ".." })

var someURI = rapid.Custom(func(t *rapid.T) URI {
	u := URI{
		Scheme: rapid.SampledFrom([]string{"coap", "coaps", "coap+tcp", "coaps+ws"}).Draw(t, "scheme"),
		Host: rapid.OneOf(
			rapid.StringMatching(`[a-z0-9_~!$&'()*+,;=é-]{1,20}(\.[a-z]{1,5})?`),
			rapid.SampledFrom([]string{"192.0.2.1", "2001:db8::1", "fe80::1%eth0", "::ffff:192.0.2.1"}),
		).Draw(t, "host"),
		Port: rapid.Uint16Range(1, 65535).Draw(t, "port"),
	}
	if path := rapid.SliceOfN(someSegment, 0, 6).Draw(t, "path"); len(path) > 1 || len(path) == 1 && path[0] != "" {
		u.Path = path
	}
	if query := rapid.SliceOfN(rapid.StringN(0, 60, 255), 0, 6).Draw(t, "query"); len(query) > 0 {
		u.Query = query
	}
	return u
})

func TestURIRoundTrip(t *testing.T) {
	dests := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:5683"), netip.MustParseAddrPort("[fe80::1%eth0]:5684"), netip.MustParseAddrPort("[2001:db8::1]:7")}
	rapid.Check(t, func(t *rapid.T) {
		u := someURI.Draw(t, "uri")
		got, err := ParseURI(u.String())
		require.NoError(t, err)
		require.Equal(t, u, got)
		path, query, err := ParsePath(u.Resource())
		require.NoError(t, err)
		require.Equal(t, u.Path, path)
		require.Equal(t, u.Query, query)

		dest := rapid.SampledFrom(dests).Draw(t, "dest")
		o := u.AppendOptions(nil, dest)
		require.Nil(t, o.Check(nil))
		got, err = URIFromOptions(u.Scheme, o, dest)
		require.NoError(t, err)
		// A zone is not sent, and an IPv4-mapped address is IPv4.
		if a, ok := u.Addr(); ok {
			b, _ := got.Addr()
			require.Equal(t, a.Addr().WithZone(""), b.Addr().WithZone(""))
			got.Host = u.Host
		}
		require.Equal(t, u, got)
	})
}

var someLink = rapid.Custom(func(t *rapid.T) Link {
	l := Link{Target: rapid.StringMatching(`[a-zA-Z0-9/:?#@!$&'()*+,;=._~%-]{0,20}`).Draw(t, "target")}
	l.Attrs = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Attr {
		a := Attr{Name: rapid.OneOf(rapid.SampledFrom([]string{"rt", "if", "sz", "ct", "title", "title*", "hreflang", "obs"}),
			rapid.StringMatching("[a-zA-Z0-9!#$&+.^_`|~-]{1,8}[*]?")).Draw(t, "name")}
		if a.Bare = rapid.Bool().Draw(t, "bare"); !a.Bare {
			a.Value = rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9]{0,5}`), rapid.StringMatching(`[a-z"\\,; ]{0,9}`)).Draw(t, "value")
		}
		return a
	}), 0, 5).Draw(t, "attrs")
	if len(l.Attrs) == 0 {
		l.Attrs = nil
	}
	return l
})

func TestLinksRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		links := rapid.SliceOfN(someLink, 1, 8).Draw(t, "links")
		got, err := ParseLinks(AppendLinks(nil, links...))
		require.NoError(t, err)
		require.Equal(t, links, got)
	})
}
