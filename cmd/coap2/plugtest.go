package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

const (
	seg3Text  = "a resource with three path segments"
	multiText = "this resource comes as text and as XML"
	multiXML  = `<?xml version="1.0"?><msg>this resource comes as text and as XML</msg>`
)

// plugtest returns the resources that the ETSI CoAP plugtests ask for:
// TD_COAP_CORE and TD_COAP_LINK.
func (d *demoResources) plugtest() []place {
	test := newDocument("this is a test resource")
	test.restores = true
	created := newDocument("") // what a POST to /test makes
	byQuery := newDocument("") // what a POST to /location-query makes
	separate := slowly(d, 2*time.Second, "this took its time")
	return []place{
		{path: "/test", resource: actors.Resource{
			Attributes: attrs("title", "test resource"),
			Get:        test.get, Put: test.put, Delete: test.remove,
			Post: created.create(codec.LocationPath("location1"), codec.LocationPath("location2"), codec.LocationPath("location3")),
		}},
		{path: "/location1/location2/location3", resource: actors.Resource{
			Hidden: true,
			Get:    created.get, Put: created.put, Delete: created.remove,
		}},
		{path: "/location-query", resource: actors.Resource{
			Get:  byQuery.get,
			Post: byQuery.create(codec.LocationPath("location-query"), codec.LocationQuery("first=1"), codec.LocationQuery("second=2")),
		}},
		{path: "/separate", resource: actors.Resource{
			Separate: true,
			Get:      separate,
		}},
		{path: "/query", resource: actors.Resource{Get: only(codec.TextPlain, getQuery)}},
		{path: "/seg1/seg2/seg3", resource: actors.Resource{
			Attributes: attrs("rt", "", "sz", strconv.Itoa(len(seg3Text))),
			Get:        textOnly(seg3Text),
		}},
		{path: "/multi-format", resource: actors.Resource{
			Attributes: attrs("ct", "0 41"),
			Get:        getMultiFormat,
		}},
		document("/validate", newDocument("validate me")),
		document("/create1", newDocument("")),
		link("/link1", "Type1 Type2", "If1"),
		link("/link2", "Type2 Type3", "If2"),
		link("/link3", "Type1 Type3", "foo"),
		{path: "/path", resource: actors.Resource{
			Attributes: attrs("ct", "40"),
			Get:        only(codec.LinkFormat, getPath),
		}},
		sub("/path/sub1"), sub("/path/sub2"),
	}
}

// document is the place of a document that can be read, written and deleted.
func document(path string, doc *doc) place {
	return place{path: path, resource: actors.Resource{Conditional: true, Get: doc.get, Put: doc.put, Delete: doc.remove}}
}

// link is a resource that is there to be found.
func link(path, rt, iface string) place {
	return place{path: path, resource: actors.Resource{
		Attributes: attrs("rt", rt, "if", iface, "sz", strconv.Itoa(len(path))),
		Get:        textOnly(path),
	}}
}

// sub is a resource that only /path lists.
func sub(path string) place {
	return place{path: path, resource: actors.Resource{Hidden: true, Get: textOnly(path)}}
}

func getPath(context.Context, *actors.Request) (*actors.Response, error) {
	return actors.Bytes(codec.LinkFormat, codec.AppendLinks(nil,
		codec.Link{Target: "/path/sub1", Attrs: attrs("ct", "0")}, codec.Link{Target: "/path/sub2", Attrs: attrs("ct", "0")}))
}

// getQuery echoes the arguments, one a line.
func getQuery(_ context.Context, r *actors.Request) (*actors.Response, error) {
	args := r.Options.Queries()
	if len(args) == 0 {
		return actors.Text("no arguments; ask for example with ?first=1&second=2")
	}
	return actors.Text(strings.Join(args, "\n"))
}

func getMultiFormat(_ context.Context, r *actors.Request) (*actors.Response, error) {
	switch f, ok := r.Options.Accept(); {
	case !ok || f == codec.TextPlain:
		return actors.Text(multiText)
	case f == codec.XML:
		return actors.Bytes(codec.XML, []byte(multiXML))
	}
	return nil, actors.Errorf(codec.NotAcceptable, "this resource comes as %v and as %v", codec.TextPlain, codec.XML)
}
