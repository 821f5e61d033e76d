package actors

import (
	"context"
	"sync"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

const corePath = "/.well-known/core"

// nameAge is for how long others may believe where a name is.
const nameAge = 10 * time.Minute

// coreResource lists the others (RFC 6690 §4), and answers discoveries.
var coreResource = Resource{
	Inline: true, Hidden: true, Multicast: true,
	Get:  func(_ context.Context, r *Request) (*Response, error) { return r.node.core(r) },
	Post: func(_ context.Context, r *Request) (*Response, error) { return r.node.hear(r) },
}

var coreSegments = []string{".well-known", "core"}

// Answers that are the same every time. Those to a group are kept to ourselves.
var (
	errNotFound = &CodeError{Code: codec.NotFound, Diagnostic: "no match"}
	errTooMany  = &CodeError{Code: codec.TooManyRequests, Diagnostic: "too many discoveries"}
)

// coreOptions are the options of a message to that resource, and others.
func coreOptions(others ...codec.Option) codec.Options {
	return append(codec.Options{codec.URIPath(coreSegments[0]), codec.URIPath(coreSegments[1])}, others...)
}

func (n *Node) coreRoute() *Route { return n.newRoute(corePath, coreSegments, &coreResource) }

// responder is what a node knows of those who discover it.
type responder struct {
	mu      sync.Mutex
	machine *protocol.Responder
}

// discovered returns the node's responder, which is made when somebody discovers
// for the first time.
func (n *Node) discovered() *responder {
	r := n.responder.Load()
	if r == nil {
		cfg := n.discovery
		if cfg.Leisure == 0 {
			cfg.Leisure = n.params.DefaultLeisure
		}
		n.responder.CompareAndSwap(nil, &responder{machine: protocol.NewResponder(cfg)})
		r = n.responder.Load()
	}
	return r
}

// presence is who the node is for others, also where it has nothing to do with names
// on the network: then it has an instance ID, and is called as it is configured
// unless that is a label for logs only.
func (n *Node) presence() identity {
	i := n.identity.Load()
	if i == nil {
		made := identity{held: true, id: n.newInstance()}
		if !n.unnamed {
			made.name, _ = protocol.CanonicalName(n.log.name) // "" if it is none
		}
		n.identity.CompareAndSwap(nil, &made)
		i = n.identity.Load()
	}
	return *i
}

// core answers a GET of /.well-known/core: the resources that match the filters of
// the query (RFC 6690 §4.1), or a discovery. No match is silence to one that asks a
// group, 4.04 to a discovery that asks us, and an empty list to others who do.
func (n *Node) core(r *Request) (*Response, error) {
	d, err := protocol.ParseDiscovery(r.Options)
	if err != nil {
		return nil, Errorf(codec.BadRequest, "%v", err)
	}
	if f, ok := r.Options.Accept(); ok && f != codec.LinkFormat {
		return nil, Errorf(codec.NotAcceptable, "only %v", codec.LinkFormat)
	}
	me := n.presence()
	var links []codec.Link
	found := d.Concerns(me.name, me.id)
	if found {
		links, found = d.Select(n.links())
	}
	switch {
	case !found && (r.Multicast || d.Discovery):
		return nil, errNotFound
	case !d.Discovery && !r.Multicast:
		return Bytes(codec.LinkFormat, codec.AppendLinks(nil, links...))
	}
	res := &Response{Payload: codec.AppendLinks(nil, links...)}
	if len(res.Payload) > 0 {
		res.Options = append(res.Options, codec.ContentFormat(codec.LinkFormat))
	}
	if d.Discovery {
		age := uint32(nameAge / time.Second)
		if !me.held {
			age = 0
		}
		res.Options = append(res.Options, codec.MaxAge(age), codec.StringOption(codec.OptionDiscovery, me.name), codec.OpaqueOption(codec.OptionDiscoveryRound, me.id[:]))
	}
	if r.Multicast {
		who := n.discovered()
		who.mu.Lock()
		ok := who.machine.Allow(n.env.Clock.Now(), r.Peer.Addr.Addr())
		who.mu.Unlock()
		if !ok {
			return nil, errTooMany
		}
		r.leisure, r.paced = who.machine.Leisure(&d, len(res.Payload)+answerOverhead), true
	}
	return res, nil
}

// answerOverhead is about what an answer has besides its payload: headers down to
// IP, token, name, instance ID.
const answerOverhead = 80

// links are those of all resources that are listed.
func (n *Node) links() []codec.Link {
	routes := n.router.Load().routes
	links := make([]codec.Link, 0, len(routes))
	for _, route := range routes {
		if route.listed() {
			links = append(links, route.link())
		}
	}
	return links
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
