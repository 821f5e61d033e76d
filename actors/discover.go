package actors

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Query says whom a discovery looks for, and how. The zero value is everyone.
type Query struct {
	// Name is a host name; with it Resources must be empty.
	Name string
	// Resources are paths, such as "/root/child": nodes are looked for that have
	// any of them or, with All, that have all.
	Resources []string
	All       bool
	// Filters are those of RFC 6690 §4.1, such as "rt=temp*" or "if=sensor": only
	// resources count that all of them select. Plain servers take one at most into
	// account, and what they say is filtered here.
	Filters []string

	// Wait bounds the discovery; 0 = it ends when nobody else can be expected to
	// answer.
	Wait time.Duration
	// CoAP2 looks for nodes that know CoAP 2 only. Otherwise a discovery lasts at
	// least as long as plain servers take to answer (DEFAULT_LEISURE).
	CoAP2 bool
	// Known are instances that are known already: they are asked to keep quiet, and
	// are not found again.
	Known []protocol.InstanceID
	// Expect is about how many nodes will answer; 0 = that is not known.
	Expect int
}

// Everyone looks for all nodes.
func Everyone() Query { return Query{} }

// Name looks for the node with a host name.
func Name(name string) Query { return Query{Name: name} }

// Has looks for nodes that have any of some resources.
func Has(paths ...string) Query { return Query{Resources: paths} }

// HasAll looks for nodes that have all of some resources.
func HasAll(paths ...string) Query { return Query{Resources: paths, All: true} }

// Where adds filters of RFC 6690 §4.1, such as "rt=temp*".
func (q Query) Where(filters ...string) Query {
	q.Filters = append(slices.Clone(q.Filters), filters...)
	return q
}

// parse checks the query, and returns it as it is sent, and as an answer is read.
func (q *Query) parse() (protocol.Query, protocol.DiscoveryRequest, error) {
	var w protocol.Query
	switch {
	case q.Name != "" && len(q.Resources) > 0:
		return w, protocol.DiscoveryRequest{}, fmt.Errorf("actors: Query has Name and Resources; want one of them")
	case q.Name != "":
		name, err := protocol.CanonicalName(q.Name)
		if err != nil {
			return w, protocol.DiscoveryRequest{}, err
		}
		w = protocol.Query{Kind: protocol.ByName, Name: name}
	case len(q.Resources) > 0:
		w = protocol.Query{Kind: protocol.AnyOf, Paths: slices.Clone(q.Resources)}
		if q.All {
			w.Kind = protocol.AllOf
		}
	}
	if _, err := w.Append(nil); err != nil {
		return w, protocol.DiscoveryRequest{}, err
	}
	filters, err := codec.ParseFilters(q.Filters)
	if err == nil && len(filters) > maxQueryFilters {
		err = fmt.Errorf("actors: Query has %d filters; want at most %d", len(filters), maxQueryFilters)
	}
	return w, protocol.DiscoveryRequest{Discovery: true, Query: w, Filters: filters}, err
}

// maxQueryFilters leaves room for ep among those that a node reads.
const maxQueryFilters = 7

// Found is a node that has been found.
type Found struct {
	// Name is the node's host name, "" if it has none; of a plain server it is its
	// address.
	Name string
	// Addrs are its addresses: the one that it has answered from.
	Addrs []netip.AddrPort
	// Instance tells nodes apart whatever they are called; zero of a plain server.
	Instance protocol.InstanceID
	// Links are the resources that were looked for, with their attributes; those of a
	// host that was asked for by its name are not told.
	Links []codec.Link
	// Delay is the time from the beginning of the discovery to the answer.
	Delay time.Duration
	// MaxAge is for how long the name may be believed.
	MaxAge time.Duration
	// Plain: a CoAP server that does not know CoAP 2.
	Plain bool
	// Again: the node has been found before, and this is another address of it.
	Again bool
}

// Discover looks for nodes on the network, and yields each as its answer comes:
//
//	for f, err := range node.Discover(ctx, actors.Has("/root", "/root/child")) { … }
//
// All CoAP Nodes are asked, on every interface that can. A host is asked for at once
// and, until it answers, again. For everything else there are rounds: a few nodes
// answer the first, and from how many that were follows how many may answer the
// next, and over which time; who is known is silenced. It ends when several rounds in
// a row have been empty, which takes seconds, after Query.Wait, with the context,
// whose error it yields last, or by break. Who has found what he looks for breaks.
//
// Each node is yielded once, and once more for each further address (Found.Again);
// the node itself is not. Errors that wrap a *ConflictError say that two nodes have
// one name: the loop may go on. All others are the last. At most 1,024 answers wait
// for the loop; those for which there is no room are asked for again.
func (n *Node) Discover(ctx context.Context, q Query) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		if t := taskOf(ctx); t != nil && t.inline {
			yield(Found{}, ErrInline)
			return
		}
		l := &discoveryLoop{node: n}
		s, err := n.search(q, l)
		if err != nil {
			yield(Found{}, err)
			return
		}
		defer s.Cancel()
		for {
			v := l.take(ctx)
			if v.end && v.err == nil || !yield(v.found, v.err) || v.end {
				return
			}
		}
	}
}

// Search is a discovery under way; see Node.Search.
type Search struct{ call *groupCall }

// Cancel ends the search; the callback is still told the end, with ErrCanceled.
func (s *Search) Cancel() { s.call.cancel(ErrCanceled) }

// Search is Discover with a callback, and returns at once. found is called for each
// node, and once in the end, with an empty Found and the error, nil if it was
// complete; a *ConflictError before that is not the end. It is called on the node's
// goroutine, which it must not block.
func (n *Node) Search(q Query, found func(f Found, err error, end bool)) (*Search, error) {
	return n.search(q, discoveryFunc(found))
}

// discoveryUser is who wants to know what is found; it is told on the goroutine of
// the node's first shard.
type discoveryUser interface {
	// room reports whether another node can be told.
	room() bool
	tell(f Found, err error, end bool)
}

type discoveryFunc func(f Found, err error, end bool)

func (discoveryFunc) room() bool                          { return true }
func (d discoveryFunc) tell(f Found, err error, end bool) { d(f, err, end) }

// discoveryLoop hands what is found to the loop of a Discover.
type discoveryLoop struct {
	node   *Node
	mu     sync.Mutex
	queue  []discoveryNews
	signal Signal
}

type discoveryNews struct {
	found Found
	err   error
	end   bool
}

func (l *discoveryLoop) room() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) < maxGathered
}

func (l *discoveryLoop) tell(f Found, err error, end bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, discoveryNews{f, err, end})
	if l.signal != nil {
		l.signal.Set()
		l.signal = nil
	}
}

// take waits for what is next.
func (l *discoveryLoop) take(ctx context.Context) discoveryNews {
	for {
		l.mu.Lock()
		if len(l.queue) > 0 {
			v := l.queue[0]
			l.queue[0] = discoveryNews{}
			l.queue = l.queue[1:]
			l.mu.Unlock()
			return v
		}
		s := l.node.env.Runner.NewSignal()
		l.signal = s
		l.mu.Unlock()
		if s.Wait(ctx) != nil {
			return discoveryNews{err: fmt.Errorf("actors: discovery: %w", context.Cause(ctx)), end: true}
		}
	}
}

// foundAt is when and where an answer came.
type foundAt struct {
	round int
	at    netio.Instant
	from  netip.AddrPort
}
