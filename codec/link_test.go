package codec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rfc6690 is the longest example of RFC 6690 §5.
const rfc6690 = `</sensors>;ct=40;title="Sensor Index",` +
	`</sensors/temp>;rt="temperature-c";if="sensor",` +
	`</sensors/light>;rt="light-lux";if="sensor",` +
	`<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",` +
	`</t>;anchor="/sensors/temp";rel="alternate"`

func TestParseLinks(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []Link
		out  string // "" if it is in
	}{
		{"", nil, ""},
		{rfc6690, []Link{
			{"/sensors", []Attr{{"ct", "40", false}, {"title", "Sensor Index", false}}},
			{"/sensors/temp", []Attr{{"rt", "temperature-c", false}, {"if", "sensor", false}}},
			{"/sensors/light", []Attr{{"rt", "light-lux", false}, {"if", "sensor", false}}},
			{"http://www.example.com/sensors/t123", []Attr{{"anchor", "/sensors/temp", false}, {"rel", "describedby", false}}},
			{"/t", []Attr{{"anchor", "/sensors/temp", false}, {"rel", "alternate", false}}},
		}, ""},
		{`</firmware/v2.1>;rt="firmware";sz=262144`, []Link{{"/firmware/v2.1", []Attr{{"rt", "firmware", false}, {"sz", "262144", false}}}}, ""},
		{`<>`, []Link{{"", nil}}, ""},
		{`</a>;obs,</b>`, []Link{{"/a", []Attr{{"obs", "", true}}}, {"/b", nil}}, ""},
		{`</a>;rt=temp;ct="0 41"`, []Link{{"/a", []Attr{{"rt", "temp", false}, {"ct", "0 41", false}}}}, `</a>;rt="temp";ct="0 41"`},
		{`</a>;title="x, y; <z> \"q\" \\"`, []Link{{"/a", []Attr{{"title", `x, y; <z> "q" \`, false}}}}, ""},
		{`</a>;title="\a\"\""`, []Link{{"/a", []Attr{{"title", `a""`, false}}}}, `</a>;title="a\"\""`},
		{`</a>;title=""`, []Link{{"/a", []Attr{{"title", "", false}}}}, ""},
		{`</a>;rt=`, []Link{{"/a", []Attr{{"rt", "", false}}}}, `</a>;rt=""`},
		{`</a>;title*=UTF-8''%c3%a9;hreflang=de`, []Link{{"/a", []Attr{{"title*", "UTF-8''%c3%a9", false}, {"hreflang", "de", false}}}}, ""},
		{`</a,b;c?d=e>;v=a=b<>[]`, []Link{{"/a,b;c?d=e", []Attr{{"v", "a=b<>[]", false}}}}, `</a,b;c?d=e>;v="a=b<>[]"`},
		{" \r\n</a> ; rt = \"x\" ;\tobs ,\r\n </b>\n", []Link{{"/a", []Attr{{"rt", "x", false}, {"obs", "", true}}}, {"/b", nil}}, `</a>;rt="x";obs,</b>`},
		{`,,</a>;;obs;,`, []Link{{"/a", []Attr{{"obs", "", true}}}}, `</a>;obs`},
		{`</a>;rt="a";rt="b"`, []Link{{"/a", []Attr{{"rt", "a", false}, {"rt", "b", false}}}}, ""},
		{`</a>;title="42";ep="n-1";n=42`, []Link{{"/a", []Attr{{"title", "42", false}, {"ep", "n-1", false}, {"n", "42", false}}}}, ""},
	} {
		t.Run(c.in, func(t *testing.T) {
			links, err := ParseLinks([]byte(c.in))
			require.NoError(t, err)
			require.Equal(t, c.want, links)
			if c.out == "" {
				c.out = c.in
			}
			require.Equal(t, c.out, string(AppendLinks(nil, links...)))
		})
	}
}

func TestParseLinksErrors(t *testing.T) {
	for _, c := range []struct {
		in    string
		pos   int
		msg   string
		links int
	}{
		{"x", 0, `begins with "<"`, 0},
		{"/a", 0, `begins with "<"`, 0},
		{"</a", 0, `no ">"`, 0},
		{"</a>,</b", 5, `no ">"`, 1},
		{"</a>x", 4, "must follow", 0},
		{"</a></b>", 4, "must follow", 0},
		{"</a\n>", 3, "U+000A", 0},
		{"</a<b>", 3, "U+003C", 0},
		{"</a>;=x", 5, "begins with its name", 0},
		{"</a>;\"x\"", 5, "begins with its name", 0},
		{"</a>;*=x", 5, "begins with its name", 0},
		{"</a>;a*b=x", 5, "begins with its name", 0},
		{`</a>;rt="x`, 8, "has no end", 0},
		{`</a>;rt="x\`, 8, "has no end", 0},
		{`</a>;rt="x\"`, 8, "has no end", 0},
		{`</a>;rt="x"y`, 11, "must follow", 0},
		{`</a>;rt=x y`, 10, "must follow", 0},
		{`</a>;rt=x\`, 9, "must follow", 0},
		{"</a>" + strings.Repeat(";b", MaxLinkAttrs+1), 4 + 2*MaxLinkAttrs + 1, "more than 256", 0},
		{strings.Repeat("<>,", MaxLinks) + "<>", 3 * MaxLinks, "more than 16384", MaxLinks},
	} {
		links, err := ParseLinks([]byte(c.in))
		var e *LinkError
		require.ErrorAs(t, err, &e, "%.40s", c.in)
		require.Equal(t, c.pos, e.Pos, "%.40s", c.in)
		require.ErrorContains(t, err, c.msg)
		require.Len(t, links, c.links)
	}
}

// Every prefix of a document gives links of the document and perhaps an error.
func TestLinksEveryPrefix(t *testing.T) {
	whole, err := ParseLinks([]byte(rfc6690))
	require.NoError(t, err)
	for n := range rfc6690 {
		links, err := ParseLinks([]byte(rfc6690[:n]))
		if err == nil && n > 0 && rfc6690[n] != ',' && rfc6690[n-1] != ',' {
			links = links[:len(links)-1] // its last attributes are missing or cut
		}
		require.Equal(t, whole[:len(links)], append([]Link{}, links...))
	}
}

// What ParseLinks could not read back is encoded or left out.
func TestAppendLinksIsSafe(t *testing.T) {
	l := Link{"/a b>é\x00", []Attr{{"", "x", false}, {"a b", "x", false}, {"a=b", "", true}, {"n", "a\"b,<c>\x1b\n", false}, {"hreflang", "a b", false}, {"x*", "a,b", false}}}
	out := string(AppendLinks(nil, l))
	require.Equal(t, "</a%20b%3E%C3%A9%00>;n=\"a\\\"b,<c>\x1b\n\";hreflang=\"a b\";x*=\"a,b\"", out)
	_, err := ParseLinks([]byte(out))
	require.NoError(t, err)
	require.NotContains(t, l.String(), "\x1b")
}

func TestLinkAttr(t *testing.T) {
	l := Link{"/a", []Attr{{"rt", "x", false}, {"rt", "y", false}, {"obs", "", true}}}
	v, ok := l.Attr("rt")
	require.True(t, ok)
	require.Equal(t, "x", v)
	v, ok = l.Attr("obs")
	require.True(t, ok)
	require.Empty(t, v)
	_, ok = l.Attr("if")
	require.False(t, ok)
	require.Equal(t, `</a>;rt="x";rt="y";obs`, l.String())
}

func TestFilters(t *testing.T) {
	links, err := ParseLinks([]byte(rfc6690 + `,</caf%C3%A9/a%2Ab>;rt="Type1 Type2";sz=10;ct="0 41";obs;ep="n1",</e>;rt="";title="a b"`))
	require.NoError(t, err)
	for filters, want := range map[string]string{
		"":                                     "/sensors /sensors/temp /sensors/light http://www.example.com/sensors/t123 /t /caf%C3%A9/a%2Ab /e",
		"rt=light-lux":                         "/sensors/light",
		"rt=light":                             "",
		"rt=light*":                            "/sensors/light",
		"rt=Type1":                             "/caf%C3%A9/a%2Ab",
		"rt=Type2":                             "/caf%C3%A9/a%2Ab",
		"rt=Type*":                             "/caf%C3%A9/a%2Ab",
		"rt=type1":                             "",
		"rt=Type1 Type2":                       "",
		"rt=*":                                 "/sensors/temp /sensors/light /caf%C3%A9/a%2Ab /e",
		"rt=":                                  "/e",
		"if=sensor":                            "/sensors/temp /sensors/light",
		"if=sensor&rt=temp*":                   "/sensors/temp",
		"href=/sensors":                        "/sensors",
		"href=/sensors*":                       "/sensors /sensors/temp /sensors/light",
		"href=/sensors/*":                      "/sensors/temp /sensors/light",
		"href=*":                               "/sensors /sensors/temp /sensors/light http://www.example.com/sensors/t123 /t /caf%C3%A9/a%2Ab /e",
		"href=":                                "",
		"href=/café/a*b":                       "/caf%C3%A9/a%2Ab",
		"href=/café/a*b*":                      "/caf%C3%A9/a%2Ab",
		"href=/café/a*bc":                      "",
		"href=/caf*":                           "/caf%C3%A9/a%2Ab",
		"href=/caf%C3%A9/a%2Ab":                "/caf%C3%A9/a%2Ab",
		"sz=*":                                 "/caf%C3%A9/a%2Ab",
		"sz=1*":                                "/caf%C3%A9/a%2Ab",
		"sz=1":                                 "",
		"ct=41":                                "/caf%C3%A9/a%2Ab",
		"ct=4*":                                "/sensors /caf%C3%A9/a%2Ab",
		"obs=*":                                "/caf%C3%A9/a%2Ab",
		"title=a b":                            "/e",
		"title=a":                              "",
		"rel=alternate":                        "/t",
		"anchor=/sensors/temp&rel=describedby": "http://www.example.com/sensors/t123",
		"ep=n1":                                "/caf%C3%A9/a%2Ab",
		"ep=*&sz=*&obs=*&rt=Type*":             "/caf%C3%A9/a%2Ab",
		"unknown=x":                            "",
	} {
		var queries []string
		if filters != "" {
			queries = strings.Split(filters, "&")
		}
		fs, err := ParseFilters(queries)
		require.NoError(t, err)
		var got []string
		for i := range links {
			if fs.Match(&links[i]) {
				got = append(got, links[i].Target)
			}
		}
		require.Equal(t, want, strings.Join(got, " "), filters)
		for i, q := range queries {
			require.Equal(t, q, fs[i].String())
		}
	}
	for _, q := range []string{"", "rt", "=x", "a b=x", "*=x", "\x1b=x"} {
		_, err := ParseFilters([]string{"rt=x", q})
		require.ErrorContains(t, err, "codec: bad filter")
		require.NotContains(t, err.Error(), "\x1b")
	}
}

func TestFilterAllocatesNothing(t *testing.T) {
	links, err := ParseLinks([]byte(rfc6690))
	require.NoError(t, err)
	fs, err := ParseFilters([]string{"href=/sens*", "rt=light-lux", "if=sensor"})
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range links {
			fs.Match(&links[i])
		}
	}))
}
