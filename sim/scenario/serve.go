package scenario

import (
	"bytes"
	"context"
	"math/rand/v2"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// lot says which nodes of a group have a resource.
type lot struct {
	all  bool
	bits []uint64
	n    int
}

func (l *lot) has(i int) bool { return l.all || l.bits[i/64]>>(i%64)&1 == 1 }

// lotOf draws who has a resource.
func (r *run) lotOf(g *group, res *resource) *lot {
	if res.count == 0 && (res.share == 0 || res.share == 1) || res.count == g.count {
		return &lot{all: true, n: g.count}
	}
	l := &lot{bits: make([]uint64, (g.count+63)/64)}
	random := r.rand("resource/" + g.name + res.path)
	left, wanted := g.count, res.count
	for i := range g.count {
		take := false
		if res.count > 0 {
			take = random.IntN(left) < wanted
			left--
		} else {
			take = random.Float64() < res.share
		}
		if take {
			wanted--
			l.bits[i/64] |= 1 << (i % 64)
			l.n++
		}
	}
	return l
}

// link is how a resource is listed.
func (res *resource) link() codec.Link {
	l := codec.Link{Target: res.path, Attrs: res.options.Attributes}
	if res.options.Observable {
		l.Attrs = append(append([]codec.Attr{}, l.Attrs...), codec.Attr{Name: "obs", Bare: true})
	}
	return l
}

// listing returns the resources that a filter finds in a group: a node that has
// one of them is expected to answer.
func (p *place) listing(filters codec.Filters) []*lot {
	var lots []*lot
	for i, res := range p.resources {
		if l := res.link(); !res.options.Hidden && filters.Match(&l) {
			lots = append(lots, p.has[i])
		}
	}
	return lots
}

// shared returns the resources whose handlers need nothing of their node; nil
// for the others.
func (p *place) shared() []*actors.Resource {
	shared := make([]*actors.Resource, len(p.resources))
	for i, res := range p.resources {
		if res.state == 0 && res.signal == nil && res.delay.from == res.delay.to && chanceless(res.fail) && chanceless(res.panics) {
			made := res.make(nil, nil, nil, stateKey{})
			shared[i] = &made
		}
	}
	return shared
}

func chanceless(p float64) bool { return p == 0 || p == 1 }

// furnish gives a node what it serves.
func (r *run) furnish(p *place, shared []*actors.Resource, i int, n *actors.Node) error {
	for k, res := range p.resources {
		if !p.has[k].has(i) {
			continue
		}
		made := shared[k]
		if made == nil {
			key := stateKey{p.first + i, res.path}
			own := res.make(r.w.Rand(p.pattern.name(i), "resource"+res.path), &r.states, r.feed(key), key)
			made = &own
		}
		route, err := n.Handle(res.path, *made)
		if err != nil {
			return err
		}
		if res.state > 0 {
			r.states.routes[stateKey{p.first + i, res.path}] = route
		}
		if f := r.feeds[stateKey{p.first + i, res.path}]; f != nil {
			f.route = route
		}
	}
	return nil
}

// make makes a resource; nothing in it is left to chance where random is nil.
func (res *resource) make(random *rand.Rand, s *states, f *feed, key stateKey) actors.Resource {
	h := func(ctx context.Context, q *actors.Request) (*actors.Response, error) {
		if d := res.delay.draw(random); d > 0 {
			if err := actors.Sleep(ctx, d); err != nil {
				return nil, err
			}
		}
		if happens(res.panics, random) {
			panic("the scenario says so")
		}
		if happens(res.fail, random) {
			return nil, actors.Errorf(codec.InternalServerError, "the scenario says so")
		}
		switch {
		case res.echo && len(q.Payload) > 0:
			return actors.Bytes(codec.OctetStream, bytes.Clone(q.Payload))
		case res.state > 0:
			return s.serve(key, res)
		case f != nil:
			return f.serve()
		}
		return actors.Bytes(codec.TextPlain, res.payload)
	}
	made := res.options
	for _, m := range res.methods {
		switch m {
		case codec.GET:
			made.Get = h
		case codec.POST:
			made.Post = h
		case codec.PUT:
			made.Put = h
		case codec.DELETE:
			made.Delete = h
		case codec.FETCH:
			made.Fetch = h
		case codec.PATCH:
			made.Patch = h
		case codec.IPATCH:
			made.IPatch = h
		}
	}
	return made
}

func happens(p float64, r *rand.Rand) bool {
	return p >= 1 || p > 0 && r.Float64() < p
}

// draw returns a time of the span.
func (s span) draw(r *rand.Rand) time.Duration {
	if s.to <= s.from {
		return s.from
	}
	return s.from + time.Duration(r.Int64N(int64(s.to-s.from)+1))
}
