package actors

import (
	"context"

	"github.com/coap2/coap2/codec"
)

const corePath = "/.well-known/core"

// maxFilters is how many filters a request has at most: each is compared with
// every link, on the node's goroutine. RFC 6690 §4.1 knows requests with one.
const maxFilters = 8

// coreResource lists the others (RFC 6690 §4).
var coreResource = Resource{
	Inline: true, Hidden: true, Multicast: true,
	Get: func(_ context.Context, r *Request) (*Response, error) { return r.node.core(r) },
}

var coreSegments = []string{".well-known", "core"}

func (n *Node) coreRoute() *Route { return n.newRoute(corePath, coreSegments, &coreResource) }

// core lists the resources that match the filters of the query. No match is an
// empty list to one that asks us, and silence to one that asks a group
// (RFC 6690 §4.1).
func (n *Node) core(r *Request) (*Response, error) {
	if f, ok := r.Options.Accept(); ok && f != codec.LinkFormat {
		return nil, Errorf(codec.NotAcceptable, "only %v", codec.LinkFormat)
	}
	count := 0
	for range r.Options.Values(codec.OptionURIQuery) {
		count++
	}
	if count > maxFilters {
		return nil, Errorf(codec.BadRequest, "at most %d filters", maxFilters)
	}
	filters, err := codec.ParseFilters(r.Options.Queries())
	if err != nil {
		return nil, Errorf(codec.BadRequest, "%v", err)
	}
	var body []byte
	for _, route := range n.router.Load().routes {
		if !route.listed() {
			continue
		}
		l := route.link()
		if filters.Match(&l) {
			if len(body) > 0 {
				body = append(body, ',')
			}
			body = codec.AppendLinks(body, l)
		}
	}
	if len(body) == 0 && r.Multicast {
		return nil, Errorf(codec.NotFound, "no match")
	}
	return Bytes(codec.LinkFormat, body)
}

// listed: a pattern is no path, and a hidden resource is not told of.
func (r *Route) listed() bool {
	if r.resource.Hidden {
		return false
	}
	for _, s := range r.segments {
		if s == "*" || len(s) > 0 && s[0] == '{' {
			return false
		}
	}
	return true
}

func (r *Route) link() codec.Link {
	l := codec.Link{Target: r.pattern, Attrs: r.resource.Attributes}
	if r.resource.Observable {
		l.Attrs = append(append([]codec.Attr{}, l.Attrs...), codec.Attr{Name: "obs", Bare: true})
	}
	return l
}
