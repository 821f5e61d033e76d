package main

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// asker makes requests of a node, which asks itself.
type asker struct {
	t *testing.T
	n *actors.Node
}

func (a asker) do(method codec.Code, path, payload string, opts ...codec.Option) *actors.Response {
	a.t.Helper()
	req := actors.Request{Method: method, URI: escapeURI(a.n.URI(path)), Options: codec.Options(nil).Add(opts...), Payload: []byte(payload)}
	res, err := a.n.Do(context.Background(), req)
	if res == nil {
		require.NoError(a.t, err)
	}
	return res
}

func TestDemoResources(t *testing.T) {
	a := asker{t, serveTest(t)}
	json, text, xml := codec.ContentFormat(codec.JSON), codec.TextPlain, codec.XML
	merging := codec.ContentFormat(mergePatch)
	opts := func(o ...codec.Option) []codec.Option { return o }
	for _, tt := range []struct {
		method  codec.Code
		path    string
		payload string
		opts    []codec.Option
		code    codec.Code
		format  codec.Format
		want    string
	}{
		{codec.GET, "/hello", "", nil, codec.Content, text, "hello world"},
		{codec.GET, "/tick", "", nil, codec.Content, text, "0"},
		{codec.PUT, "/tick", " -5\n", nil, codec.Changed, text, ""},
		{codec.GET, "/tick", "", nil, codec.Content, text, "-5"},
		{codec.PUT, "/tick", "five", nil, codec.Changed, text, ""},
		{codec.GET, "/tick", "", nil, codec.Content, text, "five"},
		{codec.GET, "/tick-con", "", nil, codec.Content, text, "five"},
		{codec.GET, "/obs", "", nil, codec.Content, text, "state 0"},
		{codec.PUT, "/obs", "put", nil, codec.Changed, text, ""},
		{codec.GET, "/obs", "", nil, codec.Content, text, "put"},
		{codec.DELETE, "/obs", "", nil, codec.Deleted, text, ""},
		{codec.GET, "/obs", "", nil, codec.Content, text, "state 0"},
		{codec.GET, "/obs-pumping", "", nil, codec.Content, text, "state 0"},
		{codec.POST, "/obs-reset", "", nil, codec.Changed, text, ""},

		{codec.GET, "/root", "", nil, codec.Content, codec.JSON, `{"N":18,"P":50,"K":32}`},
		{codec.GET, `/root?{"soil":"N,P,K"}`, "", nil, codec.Content, codec.JSON, `{"N":18,"P":50,"K":32}`},
		{codec.GET, `/root?{"soil":" K , N"}`, "", nil, codec.Content, codec.JSON, `{"N":18,"K":32}`},
		{codec.GET, "/root", `{"soil":"P"}`, nil, codec.Content, codec.JSON, `{"P":50}`},
		{codec.GET, "/root", `{}`, opts(json), codec.Content, codec.JSON, `{"N":18,"P":50,"K":32}`},
		{codec.GET, `/root?{"soil":"Au"}`, "", nil, codec.BadRequest, text, `the soil has N, P and K, not "Au"`},
		{codec.GET, `/root?{"soil":""}`, "", nil, codec.BadRequest, text, `the soil has N, P and K, not ""`},
		{codec.GET, `/root?{"air":"N"}`, "", nil, codec.BadRequest, text, `the only argument is "soil", as in {"soil":"N,P,K"}`},
		{codec.GET, `/root?soil=N`, "", nil, codec.BadRequest, text, `the query must be one JSON object, such as {"soil":"N,P,K"}`},
		{codec.GET, `/root?{}&{}`, "", nil, codec.BadRequest, text, `the query must be one JSON object, such as {"soil":"N,P,K"}`},
		{codec.GET, "/root", `{"soil":"P"}`, opts(codec.ContentFormat(codec.CBOR)), codec.UnsupportedContentFormat, text, "Content-Format is application/cbor, expected application/json"},
		{codec.GET, "/root", "", opts(codec.Accept(codec.CBOR)), codec.NotAcceptable, text, "this resource comes as application/json only"},

		{codec.FETCH, "/root", `{"soil":"P"}`, opts(json), codec.Content, codec.JSON, `{"P":50}`},
		{codec.FETCH, "/root", `[]`, opts(codec.ContentFormat(codec.CBOR)), codec.UnsupportedContentFormat, text, "Content-Format is application/cbor, expected application/json"},

		{codec.GET, "/config", "", nil, codec.Content, codec.JSON, `{"limit":20,"night":{"from":22,"to":6}}`},
		{codec.PATCH, "/config", `{"night":{"to":7,"from":null,"on":{"a":null,"b":1}},"limit":[1]}`, opts(merging), codec.Changed, text, ""},
		{codec.GET, "/config", "", nil, codec.Content, codec.JSON, `{"limit":[1],"night":{"on":{"b":1},"to":7}}`},
		{codec.IPATCH, "/config", `{"limit":{"x":1},"night":null}`, opts(merging), codec.Changed, text, ""},
		{codec.GET, "/config", "", opts(codec.Accept(codec.JSON)), codec.Content, codec.JSON, `{"limit":{"x":1}}`},
		{codec.GET, "/config", "", opts(codec.Accept(codec.CBOR)), codec.NotAcceptable, text, "this resource comes as application/json only"},
		{codec.PATCH, "/config", `{}`, opts(json), codec.UnsupportedContentFormat, text, "send the change as application/merge-patch+json"},
		{codec.PATCH, "/config", `null`, opts(merging), codec.BadRequest, text, `the payload must be a JSON object with what is to change, such as {"limit":25}`},
		{codec.PATCH, "/config", `{`, nil, codec.BadRequest, text, `the payload must be a JSON object with what is to change, such as {"limit":25}`},
		{codec.IPATCH, "/config", `{"x":"` + strings.Repeat("x", 1000) + `"}`, nil, codec.RequestEntityTooLarge, text, "the settings would have 1024 bytes; they have room for 1000"},
		{codec.GET, "/config", "", nil, codec.Content, codec.JSON, `{"limit":{"x":1}}`},

		{codec.POST, "/root/child", `{"temp":12.9}`, opts(json), codec.Changed, text, "The temperature is perfect"},
		{codec.POST, "/root/child", `{"temp":10}`, nil, codec.Changed, text, "The temperature is perfect"},
		{codec.POST, "/root/child", `{"temp":9.99}`, opts(json), codec.Changed, text, "It's getting cold !"},
		{codec.POST, "/root/child", `{}`, opts(json), codec.BadRequest, text, `the payload must have a temperature, as in {"temp":12.9}`},
		{codec.GET, "/root/child", "", nil, codec.MethodNotAllowed, text, ""},
		{codec.GET, "/root/child/private", "", nil, codec.Content, text, "this is private, and was not easy to find"},
		{codec.POST, "/root/child/private", "", nil, codec.Changed, text, "this is private, and was not easy to find"},

		{codec.GET, "/test", "", nil, codec.Content, text, "this is a test resource"},
		{codec.PUT, "/test", "<a/>", opts(codec.ContentFormat(xml)), codec.Changed, text, ""},
		{codec.GET, "/test", "", opts(codec.Accept(xml)), codec.Content, xml, "<a/>"},
		{codec.GET, "/test", "", opts(codec.Accept(text)), codec.NotAcceptable, text, "this document is there as it was put only"},
		{codec.DELETE, "/test", "", nil, codec.Deleted, text, ""},
		{codec.GET, "/test", "", nil, codec.Content, text, "this is a test resource"},
		{codec.GET, "/location1/location2/location3", "", nil, codec.NotFound, text, "it has not been created yet"},
		{codec.POST, "/test", "made", nil, codec.Created, text, ""},
		{codec.GET, "/location1/location2/location3", "", nil, codec.Content, text, "made"},
		{codec.POST, "/location-query", "too", nil, codec.Created, text, ""},
		{codec.GET, "/location-query?first=1&second=2", "", nil, codec.Content, text, "too"},

		{codec.GET, "/separate", "", nil, codec.Content, text, "this took its time"},
		{codec.GET, "/query?first=1&second=2&third=3", "", nil, codec.Content, text, "first=1\nsecond=2\nthird=3"},
		{codec.GET, "/query", "", nil, codec.Content, text, "no arguments; ask for example with ?first=1&second=2"},
		{codec.GET, "/seg1/seg2/seg3", "", nil, codec.Content, text, seg3Text},
		{codec.GET, "/multi-format", "", nil, codec.Content, text, multiText},
		{codec.GET, "/multi-format", "", opts(codec.Accept(text)), codec.Content, text, multiText},
		{codec.GET, "/multi-format", "", opts(codec.Accept(xml)), codec.Content, xml, multiXML},
		{codec.GET, "/multi-format", "", opts(codec.Accept(codec.JSON)), codec.NotAcceptable, text, "this resource comes as text/plain;charset=utf-8 and as application/xml"},

		{codec.GET, "/link1", "", nil, codec.Content, text, "/link1"},
		{codec.GET, "/path", "", nil, codec.Content, codec.LinkFormat, "</path/sub1>;ct=0,</path/sub2>;ct=0"},
		{codec.GET, "/path/sub1", "", nil, codec.Content, text, "/path/sub1"},
		{codec.GET, "/path/sub2", "", nil, codec.Content, text, "/path/sub2"},
	} {
		res := a.do(tt.method, tt.path, tt.payload, tt.opts...)
		require.Equal(t, tt.code.String(), res.Code.String(), "%v %s: %s", tt.method, tt.path, res.Payload)
		require.Equal(t, tt.want, string(res.Payload), "%v %s", tt.method, tt.path)
		f, _ := res.ContentFormat()
		require.Equal(t, tt.format, f, "%v %s", tt.method, tt.path)
	}
	require.True(t, a.do(codec.GET, "/separate", "").Separate)
	require.True(t, a.do(codec.GET, "/root/child/private", "").Separate)
	v, err := strconv.Atoi(string(a.do(codec.GET, "/random", "").Payload))
	require.NoError(t, err)
	require.True(t, 0 <= v && v <= 255)
	require.Equal(t, "/location1/location2/location3", location(a.do(codec.POST, "/test", "x").Options))
	require.Equal(t, "/location-query?first=1&second=2", location(a.do(codec.POST, "/location-query", "x").Options))
	// What is not JSON gets a reason, whose words are not ours.
	require.Equal(t, codec.BadRequest, a.do(codec.POST, "/root/child", "12", json).Code)
}

// TestValidation walks through TD_COAP_CORE_21 and 22.
func TestValidation(t *testing.T) {
	a := asker{t, serveTest(t)}
	tag := func(res *actors.Response) []byte {
		v, ok := res.Options.Get(codec.OptionETag)
		require.True(t, ok)
		return v
	}
	first := a.do(codec.GET, "/validate", "")
	require.Equal(t, codec.Content, first.Code)
	valid := a.do(codec.GET, "/validate", "", codec.ETag([]byte{1}), codec.ETag(tag(first)))
	require.Equal(t, codec.Valid, valid.Code)
	require.Equal(t, tag(first), tag(valid))
	require.Empty(t, valid.Payload)

	require.Equal(t, codec.Changed, a.do(codec.PUT, "/validate", "second", codec.IfMatch(tag(first))).Code)
	second := a.do(codec.GET, "/validate", "", codec.ETag(tag(first)))
	require.Equal(t, codec.Content, second.Code)
	require.Equal(t, "second", string(second.Payload))
	require.NotEqual(t, tag(first), tag(second))
	require.Equal(t, codec.Changed, a.do(codec.PUT, "/validate", "third").Code)
	require.Equal(t, codec.PreconditionFailed, a.do(codec.PUT, "/validate", "fourth", codec.IfMatch(tag(second))).Code)
	require.Equal(t, codec.PreconditionFailed, a.do(codec.DELETE, "/validate", "", codec.IfMatch(tag(second))).Code)
	require.Equal(t, codec.Changed, a.do(codec.PUT, "/validate", "fifth", codec.IfMatch(nil)).Code)
	require.Equal(t, "fifth", string(a.do(codec.GET, "/validate", "").Payload))
}

// TestCreation walks through TD_COAP_CORE_23, and back.
func TestCreation(t *testing.T) {
	a := asker{t, serveTest(t)}
	require.Equal(t, codec.NotFound, a.do(codec.GET, "/create1", "").Code)
	require.Equal(t, codec.PreconditionFailed, a.do(codec.PUT, "/create1", "x", codec.IfMatch(nil)).Code)
	require.Equal(t, codec.Created, a.do(codec.PUT, "/create1", "one", codec.IfNoneMatch()).Code)
	require.Equal(t, codec.PreconditionFailed, a.do(codec.PUT, "/create1", "two", codec.IfNoneMatch()).Code)
	require.Equal(t, "one", string(a.do(codec.GET, "/create1", "").Payload))
	require.Equal(t, codec.Changed, a.do(codec.PUT, "/create1", "two").Code)
	require.Equal(t, codec.Deleted, a.do(codec.DELETE, "/create1", "").Code)
	require.Equal(t, codec.Deleted, a.do(codec.DELETE, "/create1", "").Code)
	require.Equal(t, codec.Created, a.do(codec.PUT, "/create1", "three").Code)
}

// TestLinks: TD_COAP_LINK_01 to 09.
func TestLinks(t *testing.T) {
	a := asker{t, serveTest(t)}
	targets := func(query string) []string {
		res := a.do(codec.GET, "/.well-known/core"+query, "")
		require.Equal(t, codec.Content, res.Code)
		f, _ := res.ContentFormat()
		require.Equal(t, codec.LinkFormat, f)
		links, err := codec.ParseLinks(res.Payload)
		require.NoError(t, err)
		ts := []string{}
		for _, l := range links {
			ts = append(ts, l.Target)
		}
		return ts
	}
	require.Equal(t, []string{
		"/hello", "/tick", "/tick-con", "/random", "/root", "/root/child", "/config", "/test", "/location-query", "/separate", "/query", "/seg1/seg2/seg3",
		"/multi-format", "/validate", "/create1", "/link1", "/link2", "/link3", "/path",
		"/big", "/large", "/large-update", "/large-create", "/large-post",
		"/obs", "/obs-non", "/obs-large", "/obs-large-non", "/obs-pumping", "/obs-pumping-non", "/sensor", "/obs-reset",
	}, targets(""))
	require.Equal(t, []string{"/link1", "/link3"}, targets("?rt=Type1"))
	require.Equal(t, []string{"/root", "/root/child", "/seg1/seg2/seg3", "/link1", "/link2", "/link3"}, targets("?rt=*"))
	require.Equal(t, []string{"/link1", "/link2"}, targets("?rt=Type2"))
	require.Equal(t, []string{"/link1", "/link2"}, targets("?if=If*"))
	require.Equal(t, []string{"/seg1/seg2/seg3", "/link1", "/link2", "/link3", "/big", "/large"}, targets("?sz=*"))
	require.Equal(t, []string{"/link1"}, targets("?href=/link1"))
	require.Equal(t, []string{"/link1", "/link2", "/link3"}, targets("?href=/link*"))
	require.Equal(t, []string{"/path"}, targets("?ct=40"))
	require.Equal(t, []string{}, targets("?rt=none"))

	// Without block-wise transfer the list has to fit into one datagram.
	require.Less(t, len(a.do(codec.GET, "/.well-known/core", "").Payload), 1024)
}
