package actors

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

func nothing(context.Context, *Request) (*Response, error) { return nil, nil }

func pathOptions(p string) codec.Options {
	var o codec.Options
	o = o.Add(codec.StringOption(codec.OptionURIHost, "h"), codec.URIQuery("a=b"))
	if p == "/" {
		return o
	}
	for s := range strings.SplitSeq(p[1:], "/") {
		o = o.Add(codec.URIPath(s))
	}
	return o
}

func testRouter(t *testing.T, patterns ...string) *router {
	t.Helper()
	n := &Node{}
	r, err := (&router{}).build()
	require.NoError(t, err)
	for _, p := range patterns {
		segments, err := splitPattern(p)
		require.NoError(t, err)
		r, err = r.with(n.newRoute(p, segments, &Resource{Get: nothing}))
		require.NoError(t, err)
	}
	return r
}

func TestRouterFindsTheMostLiteralPattern(t *testing.T) {
	r := testRouter(t, "/", "/a", "/a/b", "/a/{x}", "/a/{x}/c", "/a/b/d", "/files/*", "/files/special", "/rooms/{room}/temp", "/dir/")
	for _, c := range []struct{ path, pattern string }{
		{"/", "/"},
		{"/a", "/a"},
		{"/a/b", "/a/b"},
		{"/a/z", "/a/{x}"},
		{"/a/b/c", "/a/{x}/c"}, // the literal b has no c: back to {x}
		{"/a/b/d", "/a/b/d"},
		{"/a/z/d", ""},
		{"/files/special", "/files/special"},
		{"/files/special/more", "/files/*"},
		{"/files/x", "/files/*"},
		{"/files/x/y/z", "/files/*"},
		{"/files", ""},
		{"/rooms/7/temp", "/rooms/{room}/temp"},
		{"/rooms/7/hum", ""},
		{"/rooms//temp", ""}, // {name} stands for a segment that is not empty
		{"/dir/", "/dir/"},
		{"/dir", ""},
		{"/none", ""},
	} {
		route := r.lookup(pathOptions(c.path))
		if c.pattern == "" {
			require.Nil(t, route, c.path)
			continue
		}
		require.NotNil(t, route, c.path)
		require.Equal(t, c.pattern, route.pattern, c.path)
	}
}

func TestRouterAllocatesNothing(t *testing.T) {
	r := testRouter(t, "/rooms/{room}/temp")
	o := pathOptions("/rooms/7/temp")
	require.Zero(t, testing.AllocsPerRun(100, func() { r.lookup(o) }))
}

func TestPathValue(t *testing.T) {
	r := testRouter(t, "/rooms/{room}/{what}", "/files/*")
	req := &Request{Options: pathOptions("/rooms/7/temp")}
	req.route = r.lookup(req.Options)
	require.Equal(t, "7", req.PathValue("room"))
	require.Equal(t, "temp", req.PathValue("what"))
	require.Equal(t, "", req.PathValue("rooms"))
	require.Equal(t, "", req.PathValue("*"))
	req = &Request{Options: pathOptions("/files/a/b/c")}
	req.route = r.lookup(req.Options)
	require.Equal(t, "a/b/c", req.PathValue("*"))
}

func TestPatternsThatAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"":                             `must begin with "/"`,
		"a":                            `must begin with "/"`,
		"/a//b":                        "segment 2 is empty",
		"/a/*/b":                       `"*" stands only at the end`,
		"/a/{x":                        `segment "{x" is no {name}`,
		"/a/{}":                        `segment "{}" is no {name}`,
		"/{x}/{x}":                     "{x} stands in it twice",
		"/" + strings.Repeat("x", 256): "segment 1 has 256 bytes",
	} {
		_, err := splitPattern(pattern)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "actors: path pattern")
	}
	r := testRouter(t, "/a/{x}")
	for _, p := range []string{"/a/{x}", "/a/{other}"} {
		segments, err := splitPattern(p)
		require.NoError(t, err)
		_, err = r.with((&Node{}).newRoute(p, segments, &Resource{Get: nothing}))
		require.ErrorContains(t, err, "registered already")
	}
}
