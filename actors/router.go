package actors

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/codec"
)

// Resource says what a path offers and how it is served. A method whose handler
// is nil is answered 4.05.
type Resource struct {
	Get, Post, Put, Delete, Fetch, Patch, IPatch Handler

	// Observable lets clients observe the resource (RFC 7641), and marks it with
	// the attribute "obs": who asks for it by GET or FETCH with the option
	// Observe is told its new states; see Route.Publish and Route.Changed.
	Observable bool
	// Confirmable has every notification acknowledged. Otherwise the first and
	// then one in ObserveConfig.ConfirmEvery is; the rest is not repeated if it
	// is lost.
	Confirmable bool
	// Queue is how many states are kept for an observer that cannot be told as
	// fast as they are published, up to 65,536; older ones are dropped and
	// counted. 0 = only the latest counts. It is for each observer, of what a rule
	// selects for it, and bounds the samples that wait to be evaluated as well.
	Queue int
	// Observers is how many observers the resource may have, at all shards
	// together; 0 = as many as Limits.Observers allows. Beyond it a request is
	// answered as if the resource were not Observable.
	Observers int
	// Lease is how long a subscription with a rule lives without being renewed,
	// unless the rule has a pmax; 0 = an hour. Its subscribers renew it in time.
	Lease time.Duration
	// MinPeriod is the shortest pmax or epmax that a rule may have: how often its
	// subscriber may have the resource work for it where nothing is published.
	// 0 = 10 ms, negative = whatever it asks for. A rule in the option that has a
	// shorter one is answered 4.00, one in c.* parameters as if the resource were
	// not Observable (draft-ietf-core-conditional-attributes, Security
	// Considerations); both are counted as ObserveStats.Refused.
	MinPeriod time.Duration
	// Separate sends the empty ACK at once and the response separately, for
	// resources that are always slow.
	Separate bool
	// Hidden keeps the resource out of /.well-known/core.
	Hidden bool
	// Inline runs the handlers on the node's goroutine: fastest, but they must
	// not block, and a slow one stalls the whole node. Blocking calls of the
	// node return ErrInline in them. A node with Config.Shards has a goroutine
	// for each: handlers run at the same time there.
	Inline bool
	// Conditional says that the handlers evaluate If-Match and If-None-Match
	// themselves. Both are critical (RFC 7252 §5.10.8), so a request that has one
	// is answered 4.02 where nobody does.
	Conditional bool
	// Tagged lets the runtime do all that for the representation that Get
	// returns: it gets an entity-tag, made from its bytes and its format where the
	// handler gives none, with which the conditions of requests are evaluated
	// (4.12), for which Get is called before the handler of the method. If that
	// must not happen at the same time as another request's change, use
	// Concurrency 1, or Inline.
	//
	// A GET that has the ETag of the response which the handler gives is answered
	// 2.03 without payload in any case.
	Tagged bool
	// MaxAge is how long a representation is fresh, the Max-Age of the responses
	// to GET and FETCH that have none of their own; 0 = they have none, which means
	// 60 s (RFC 7252 §5.10.5); less than a second = it is never fresh.
	MaxAge time.Duration
	// Multicast lets the resource answer requests that came to a group.
	Multicast bool
	// Concurrency is how many handlers of the resource run at the same time
	// where it is not Inline, on all shards of the node together; 0 = 64, 1 =
	// one after the other.
	Concurrency int
	// Backlog is how many requests wait for a handler beyond Concurrency, at all
	// shards together; 0 = 256, negative = none. Beyond it requests are answered
	// 5.03.
	Backlog int
	// Stream gives the handlers the payload as Request.Body, to be read while it
	// comes, where it comes in blocks (RFC 7959). A handler that reads slowly
	// slows its peer down. If it returns before the end, the rest is not asked
	// for (an error) or ignored (a success). Not for Inline resources.
	Stream bool
	// MaxBody is the longest request payload in bytes that is put together from
	// blocks; beyond it requests are answered 4.13. 0 = 1 MiB, with Stream no
	// bound but that of the protocol, 1 GiB.
	MaxBody int64
	// Attributes are the link's attributes in /.well-known/core: rt, if, ct, …
	Attributes []codec.Attr
	// OnRestart, where set, is called on the node's goroutine when the resource
	// starts again after a handler panicked, with what it panicked with. It
	// must not block. Handlers that other goroutines run at that time, those of
	// other shards too, go on.
	OnRestart func(reason any)
}

// handler returns the handler of a method, or nil.
func (r *Resource) handler(method codec.Code) Handler {
	switch method {
	case codec.GET:
		return r.Get
	case codec.POST:
		return r.Post
	case codec.PUT:
		return r.Put
	case codec.DELETE:
		return r.Delete
	case codec.FETCH:
		return r.Fetch
	case codec.PATCH:
		return r.Patch
	case codec.IPATCH:
		return r.IPatch
	}
	return nil
}

func (r *Resource) validate() error {
	any := false
	for m := codec.GET; m <= codec.IPATCH; m++ {
		any = any || r.handler(m) != nil
	}
	if !any {
		return fmt.Errorf("it has no handler for any method")
	}
	if r.Concurrency < 0 {
		return fmt.Errorf("its Concurrency is %d; it must not be negative", r.Concurrency)
	}
	if r.MaxBody < 0 {
		return fmt.Errorf("its MaxBody is %d; it must not be negative", r.MaxBody)
	}
	if r.Tagged && r.Get == nil {
		return fmt.Errorf("it is Tagged and has no Get, whose representation would have the tag")
	}
	if r.MaxAge < 0 {
		return fmt.Errorf("its MaxAge is %v; it must not be negative", r.MaxAge)
	}
	if r.Inline && r.Stream {
		return fmt.Errorf("it is both Inline and Stream: a handler that waits for blocks must not stall its node")
	}
	if err := r.validateObservable(); err != nil {
		return err
	}
	if r.Inline && r.Separate {
		return fmt.Errorf("it is both Inline and Separate, which exclude each other")
	}
	return nil
}

// Route is a resource at its place in a node.
type Route struct {
	node     *Node
	pattern  string
	segments []string
	resource *Resource // never changed
	// handlers are those of the resource with middleware around them; nil where
	// there is none.
	handlers atomic.Pointer[[8]Handler]
	seq      uint64 // order of registration

	sites   []site // by shard
	gated   atomic.Pointer[gate]
	watched atomic.Pointer[watch] // nil until somebody observes or publishes
	removed atomic.Bool
	failed  atomic.Bool
}

// gate returns the gate of the route, which is made when it is needed: most
// routes of a large network never do.
func (r *Route) gate() *gate {
	g := r.gated.Load()
	if g == nil {
		r.gated.CompareAndSwap(nil, &gate{})
		g = r.gated.Load()
	}
	return g
}

// site is what a resource has at one shard. But for turns it belongs to that
// shard's goroutine.
type site struct {
	box     *mailbox    // of its actor; nil until its first request
	pending *callBatch  // calls of the datagram batch being read
	backlog []*incoming // calls that wait for a turn, as many as it has tickets and turns
	failure any         // what it panicked with, until it has started again
	gone    bool        // the resource has been removed
	turns   int         // on their way here; guarded by Route.gate
}

// has reports whether the resource has a method.
func (r *Route) has(method codec.Code) bool {
	return r.handler(method) != nil
}

// handler returns the handler of a method, or nil.
func (r *Route) handler(method codec.Code) Handler {
	if hs := r.handlers.Load(); hs != nil {
		if int(method) < len(hs) {
			return hs[method]
		}
		return nil
	}
	return r.resource.handler(method)
}

// Pattern returns the path pattern of the resource.
func (r *Route) Pattern() string { return r.pattern }

// Failed reports whether the resource was stopped because it failed more than
// three times within a minute. It answers 5.03 then.
func (r *Route) Failed() bool { return r.failed.Load() }

// Remove takes the resource away; its path is then answered 4.04. Handlers that
// run go on to their end.
func (r *Route) Remove() { r.node.removeRoute(r) }

// router is the immutable tree of a node's routes. It is replaced, never
// changed, so that the node's goroutines read it without a lock.
type router struct {
	// root is nil where the routes are few and have literal segments only: then
	// they are looked at one by one.
	root   *routeNode
	routes []*Route // in order of registration
}

// fewRoutes is how many are looked at one by one.
const fewRoutes = 8

type routeNode struct {
	static map[string]*routeNode
	param  *routeNode
	leaf   *Route
	tail   *Route
}

// splitPattern checks a pattern such as "/rooms/{room}/temp" or "/files/*".
func splitPattern(pattern string) ([]string, error) {
	bad := func(format string, args ...any) ([]string, error) {
		return nil, fmt.Errorf("actors: path pattern %q: %s", pattern, fmt.Sprintf(format, args...))
	}
	if !strings.HasPrefix(pattern, "/") {
		return bad("it must begin with \"/\"")
	}
	if pattern == "/" {
		return nil, nil
	}
	segments := strings.Split(pattern[1:], "/")
	names := make([]string, 0, 4)
	for i, s := range segments {
		switch {
		case len(s) > 255:
			return bad("segment %d has %d bytes, a Uri-Path option at most 255", i+1, len(s))
		case s == "*" && i < len(segments)-1:
			return bad("\"*\" stands only at the end")
		case strings.HasPrefix(s, "{") != strings.HasSuffix(s, "}"), s == "{}":
			return bad("segment %q is no {name}", s)
		case strings.HasPrefix(s, "{"):
			for _, n := range names {
				if n == s {
					return bad("%s stands in it twice", s)
				}
			}
			names = append(names, s)
		case s == "" && i < len(segments)-1:
			return bad("segment %d is empty", i+1)
		}
	}
	return segments, nil
}

func (r *router) with(route *Route) (*router, error) {
	n := &router{routes: append(append([]*Route{}, r.routes...), route)}
	return n.build()
}

func (r *router) without(route *Route) *router {
	n := &router{}
	for _, x := range r.routes {
		if x != route {
			n.routes = append(n.routes, x)
		}
	}
	n, _ = n.build() // fewer routes cannot clash
	return n
}

func (r *router) build() (*router, error) {
	if r.plain() {
		last := len(r.routes) - 1
		for i := range last { // those before are known to differ
			if slices.Equal(r.routes[i].segments, r.routes[last].segments) {
				return nil, fmt.Errorf("actors: path pattern %q: %q is registered already", r.routes[last].pattern, r.routes[i].pattern)
			}
		}
		return r, nil
	}
	r.root = &routeNode{}
	for _, route := range r.routes {
		at := r.root
		tail := false
		for _, s := range route.segments {
			switch {
			case s == "*":
				tail = true
			case strings.HasPrefix(s, "{"):
				if at.param == nil {
					at.param = &routeNode{}
				}
				at = at.param
			default:
				next := at.static[s]
				if next == nil {
					next = &routeNode{}
					if at.static == nil {
						at.static = map[string]*routeNode{}
					}
					at.static[s] = next
				}
				at = next
			}
		}
		place := &at.leaf
		if tail {
			place = &at.tail
		}
		if *place != nil {
			return nil, fmt.Errorf("actors: path pattern %q: %q is registered already", route.pattern, (*place).pattern)
		}
		*place = route
	}
	return r, nil
}

// plain reports whether no tree is needed.
func (r *router) plain() bool {
	if len(r.routes) > fewRoutes {
		return false
	}
	for _, route := range r.routes {
		for _, s := range route.segments {
			if s == "*" || strings.HasPrefix(s, "{") {
				return false
			}
		}
	}
	return true
}

// lookup finds the route of a request: literal segments before {name}, {name}
// before "*". It allocates nothing.
func (r *router) lookup(o codec.Options) *Route {
	first := 0
	for first < len(o) && o[first].Number < codec.OptionURIPath {
		first++
	}
	last := first
	for last < len(o) && o[last].Number == codec.OptionURIPath {
		last++
	}
	if r.root != nil {
		return r.root.lookup(o[first:last])
	}
	for _, route := range r.routes {
		if route.is(o[first:last]) {
			return route
		}
	}
	return nil
}

// is reports whether the path is that of a route with literal segments.
func (r *Route) is(path codec.Options) bool {
	if len(path) != len(r.segments) {
		return false
	}
	for i := range path {
		if string(path[i].Value) != r.segments[i] {
			return false
		}
	}
	return true
}

func (n *routeNode) lookup(path codec.Options) *Route {
	if len(path) == 0 {
		return n.leaf
	}
	if next := n.static[string(path[0].Value)]; next != nil {
		if route := next.lookup(path[1:]); route != nil {
			return route
		}
	}
	if n.param != nil && len(path[0].Value) > 0 {
		if route := n.param.lookup(path[1:]); route != nil {
			return route
		}
	}
	return n.tail
}
