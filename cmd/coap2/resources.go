package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

// demoResources are the resources that serve and demo offer.
type demoResources struct {
	// slow is how long /root/child/private and /separate take; 0 = 3 s and 2 s.
	slow         time.Duration
	tick         *ticker
	random       *actors.Route
	observations []*observation
	seconds      int // that have passed
}

func (d *demoResources) wait(ctx context.Context, usual time.Duration) error {
	if d.slow != 0 {
		usual = d.slow
	}
	return actors.Sleep(ctx, usual)
}

// place is a resource with its path.
type place struct {
	path     string
	resource actors.Resource
	// keep, where set, is given the route: for what is published.
	keep func(*actors.Route)
}

// register adds the resources to a node, in the order in which
// /.well-known/core lists them.
func (d *demoResources) register(n *actors.Node) error {
	private := slowly(d, 3*time.Second, "this is private, and was not easy to find")
	config := newSettings()
	d.tick = newTicker()
	ticks := func(r *actors.Route) { d.tick.routes = append(d.tick.routes, r) }
	places := append([]place{
		{path: "/hello", resource: actors.Resource{
			Inline: true, Attributes: attrs("ct", "0"),
			Get: textOnly("hello world"),
		}},
		{path: "/tick", keep: ticks, resource: actors.Resource{
			Observable: true, Inline: true, Attributes: attrs("ct", "0"),
			Get: d.tick.get, Put: d.tick.put,
		}},
		{path: "/tick-con", keep: ticks, resource: actors.Resource{
			Observable: true, Confirmable: true, Inline: true, Attributes: attrs("ct", "0"),
			Get: d.tick.get, Put: d.tick.put,
		}},
		{path: "/random", keep: func(r *actors.Route) { d.random = r }, resource: actors.Resource{
			Observable: true, Attributes: attrs("ct", "0"),
			Get: only(codec.TextPlain, func(context.Context, *actors.Request) (*actors.Response, error) {
				return actors.Text(strconv.Itoa(rand.IntN(256)))
			}),
		}},
		{path: "/root", resource: actors.Resource{
			Attributes: attrs("rt", "soil", "ct", "50"),
			Get:        only(codec.JSON, getSoil), Fetch: only(codec.JSON, getSoil),
		}},
		{path: "/root/child", resource: actors.Resource{
			Attributes: attrs("rt", "temperature"),
			Post:       postTemperature,
		}},
		{path: "/root/child/private", resource: actors.Resource{
			Separate: true, Hidden: true,
			Get: private, Post: private,
		}},
		{path: "/config", resource: actors.Resource{
			Attributes: attrs("ct", "50"),
			Get:        config.get, Patch: config.patch, IPatch: config.patch,
		}},
	}, slices.Concat(d.plugtest(), large(), d.observable())...)
	for _, p := range places {
		route, err := n.Handle(p.path, p.resource)
		if err != nil {
			return err
		}
		if p.keep != nil {
			p.keep(route)
		}
	}
	return nil
}

// attrs makes attributes from names and values in turn.
func attrs(namesAndValues ...string) []codec.Attr {
	var as []codec.Attr
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		as = append(as, codec.Attr{Name: namesAndValues[i], Value: namesAndValues[i+1]})
	}
	return as
}

// only refuses requests that accept another format than f, which is the only
// one that h answers in (RFC 7252 §5.10.4).
func only(f codec.Format, h actors.Handler) actors.Handler {
	return func(ctx context.Context, r *actors.Request) (*actors.Response, error) {
		if err := offer(r, f); err != nil {
			return nil, err
		}
		return h(ctx, r)
	}
}

func offer(r *actors.Request, f codec.Format) error {
	if want, ok := r.Options.Accept(); ok && want != f {
		return actors.Errorf(codec.NotAcceptable, "this resource comes as %v only", f)
	}
	return nil
}

// textOnly always answers the same.
func textOnly(s string) actors.Handler {
	res, err := actors.Text(s) // one for all: it is only read
	return only(codec.TextPlain, func(context.Context, *actors.Request) (*actors.Response, error) { return res, err })
}

// slowly answers the same, but not soon.
func slowly(d *demoResources, usual time.Duration, s string) actors.Handler {
	return only(codec.TextPlain, func(ctx context.Context, _ *actors.Request) (*actors.Response, error) {
		if err := d.wait(ctx, usual); err != nil {
			return nil, err
		}
		return actors.Text(s)
	})
}

// soil is what /root measures.
type soil struct {
	N *int `json:"N,omitempty"`
	P *int `json:"P,omitempty"`
	K *int `json:"K,omitempty"`
}

// getSoil answers with the values that were asked for, or with all.
func getSoil(_ context.Context, r *actors.Request) (*actors.Response, error) {
	args, err := jsonArguments(r)
	if err != nil {
		return nil, err
	}
	for name := range args {
		if name != "soil" {
			return nil, actors.Errorf(codec.BadRequest, `the only argument is "soil", as in {"soil":"N,P,K"}`)
		}
	}
	n, p, k := 18, 50, 32
	all := soil{&n, &p, &k}
	names, ok := args["soil"]
	if !ok {
		return actors.JSON(all)
	}
	var some soil
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "N":
			some.N = all.N
		case "P":
			some.P = all.P
		case "K":
			some.K = all.K
		default:
			return nil, actors.Errorf(codec.BadRequest, "the soil has N, P and K, not %.32q", strings.TrimSpace(name))
		}
	}
	return actors.JSON(some)
}

// jsonArguments reads the arguments of a request: one JSON object whose values
// are text, in the payload or as the only argument of the query.
func jsonArguments(r *actors.Request) (map[string]string, error) {
	var args map[string]string
	if len(r.Payload) > 0 {
		return args, r.JSON(&args)
	}
	queries := r.Options.Queries()
	if len(queries) == 0 {
		return nil, nil
	}
	if len(queries) > 1 || json.Unmarshal([]byte(queries[0]), &args) != nil {
		return nil, actors.Errorf(codec.BadRequest, `the query must be one JSON object, such as {"soil":"N,P,K"}`)
	}
	return args, nil
}

// postTemperature says what it thinks of a temperature.
func postTemperature(_ context.Context, r *actors.Request) (*actors.Response, error) {
	if err := offer(r, codec.TextPlain); err != nil {
		return nil, err
	}
	var body struct{ Temp *float64 }
	if err := r.JSON(&body); err != nil {
		return nil, err
	}
	switch {
	case body.Temp == nil:
		return nil, actors.Errorf(codec.BadRequest, `the payload must have a temperature, as in {"temp":12.9}`)
	case *body.Temp < 10:
		return actors.Text("It's getting cold !")
	}
	return actors.Text("The temperature is perfect")
}
