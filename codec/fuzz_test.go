package codec

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzMessage(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(unhexString(f, g.hex))
	}
	f.Add([]byte("\x40\x01\x00\x00\xff"))
	f.Add(append([]byte("\x40\x01\x00\x00"), make([]byte, MaxOptions+1)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		err := m.Parse(b)
		require.LessOrEqual(t, len(m.Options), MaxOptions)
		line, dump := m.String(), m.AppendDump(nil)
		require.True(t, Printable([]byte(line)) && !strings.ContainsAny(line, "\n\r\t"))
		require.True(t, Printable(dump))
		require.Less(t, len(line)+len(dump), 1<<20)
		_ = m.Options.Check(nil)
		_, _ = URIFromOptions("coap", m.Options, netip.AddrPort{})
		if err != nil {
			return
		}
		out, err := m.Append(nil)
		require.NoError(t, err)
		require.Equal(t, len(out), m.EncodedLen())
		// Only header forms that are longer than they need be are shortened.
		require.LessOrEqual(t, len(out), len(b))
		var again Message
		require.NoError(t, again.Parse(out))
		requireSame(t, &m, &again)
		kept := m.Clone().Options.DropIgnored()
		require.Equal(t, kept, kept.Clone().DropIgnored())
	})
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"coap://h", "coaps://[fe80::1%25eth0]:7/a//b/../%2F?x=1&y", "coap://198.51.100.1:61616//%2F//?%2F%2F&?%26", "coap://%41:/%2e%2E?", "coap+tcp://u@h#f", "/a/b?c"} {
		f.Add(s)
	}
	dest := netip.MustParseAddrPort("[2001:db8::1]:5683")
	f.Fuzz(func(t *testing.T, s string) {
		if host, port, err := ParseHostPort(s, 5683); err == nil {
			// The host is decoded, so it is its URI that reads the same again.
			again, err := ParseURI(URI{Scheme: "coap", Host: host, Port: port}.String())
			require.NoError(t, err)
			require.Equal(t, host, again.Host)
			require.Equal(t, port, again.Port)
		}
		if path, query, err := ParsePath(s); err == nil {
			p, q, err := ParsePath(URI{Path: path, Query: query}.Resource())
			require.NoError(t, err)
			require.Equal(t, path, p)
			require.Equal(t, query, q)
		}
		u, err := ParseURI(s)
		if err != nil {
			require.ErrorAs(t, err, new(*URIError))
			require.True(t, Printable([]byte(err.Error())))
			require.Less(t, len(err.Error()), 600)
			return
		}
		require.True(t, Printable([]byte(u.String())))
		if len(u.String()) <= MaxURILen {
			again, err := ParseURI(u.String())
			require.NoError(t, err)
			require.Equal(t, u, again)
		}
		m := Message{Code: GET, Options: u.AppendOptions(nil, dest)}
		require.Nil(t, m.Options.Check(nil))
		b, err := m.Append(nil)
		require.NoError(t, err)
		require.NoError(t, m.Parse(b))
		again, err := URIFromOptions(u.Scheme, m.Options, dest)
		require.NoError(t, err)
		if _, literal := u.Addr(); literal {
			again.Host = u.Host
		}
		require.Equal(t, u, again)
	})
}

func FuzzLinks(f *testing.F) {
	f.Add([]byte(rfc6690))
	f.Add([]byte(` </a> ; rt = "x\"y\\" ; obs ,, <b>;title*=UTF-8''%c3;`))
	f.Fuzz(func(t *testing.T, b []byte) {
		links, err := ParseLinks(b)
		require.LessOrEqual(t, len(links), MaxLinks)
		if err != nil {
			require.ErrorAs(t, err, new(*LinkError))
			require.True(t, Printable([]byte(err.Error())))
		}
		// Targets are in normal form after one round; all else at once.
		out := AppendLinks(nil, links...)
		again, err := ParseLinks(out)
		require.NoError(t, err)
		require.Len(t, again, len(links))
		for i := range links {
			require.Equal(t, links[i].Attrs, again[i].Attrs)
			require.True(t, Printable([]byte(links[i].String())))
		}
		require.Equal(t, string(out), string(AppendLinks(nil, again...)))
	})
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"rt=temp*", "href=/a%20b*", "rt=*", "ct=0", "=", "obs", "title*=x"} {
		f.Add(s, "/a%20b", "temp x")
	}
	f.Fuzz(func(t *testing.T, query, target, value string) {
		filter, err := ParseFilter(query)
		if err != nil {
			require.True(t, Printable([]byte(err.Error())))
			return
		}
		require.Equal(t, query, filter.String())
		l := Link{Target: target, Attrs: []Attr{{"rt", value, false}, {filter.Name, value, false}}}
		got := filter.Match(&l)
		if filter.Name == "href" {
			exact := target == filter.Value || filter.Prefix && strings.HasPrefix(target, filter.Value)
			require.True(t, got || !exact)
			return
		}
		want := filter.Value == "" && filter.Prefix
		values := []string{value}
		switch filter.Name {
		case "rt", "if", "rel", "rev", "ct":
			if fields := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' }); value != "" {
				values = fields
			}
		}
		for _, v := range values {
			want = want || v == filter.Value || filter.Prefix && strings.HasPrefix(v, filter.Value)
		}
		require.Equal(t, want, got)
	})
}

func FuzzOptionText(f *testing.F) {
	for _, d := range optionDefs {
		f.Add(d.Name, "1", []byte("a"))
	}
	f.Add("1234", "0x00", []byte{0xff})
	f.Add("Block2", "1/0/64", []byte{0x0e})
	f.Add("Accept", "text/plain; charset=utf-8", []byte("\x1b[31m"))
	f.Fuzz(func(t *testing.T, name, value string, raw []byte) {
		o, err := ParseOption(name, value)
		if err != nil {
			require.True(t, Printable([]byte(err.Error())))
			require.Less(t, len(err.Error()), 1000)
			n, err := ParseOptionNumber(name)
			if err != nil {
				return
			}
			o = Option{n, raw}
		} else {
			def, _ := o.Number.Def()
			require.True(t, def.MinLen <= len(o.Value) && len(o.Value) <= def.MaxLen)
			// What is shown of a value is read back, if it is not cut or quoted.
			if _, shown, ok := strings.Cut(o.String(), ":"); ok && !strings.ContainsAny(shown, `"…(`) && len(o.Value) > 0 {
				again, err := ParseOption(name, shown)
				require.NoError(t, err)
				require.True(t, bytes.Equal(o.Value, again.Value), "%s", o)
			}
		}
		s := o.String()
		require.True(t, Printable([]byte(s)) && !strings.ContainsAny(s, "\n\r\t"))
		require.Less(t, len(s), 1000)
	})
}
