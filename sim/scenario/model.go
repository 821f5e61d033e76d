package scenario

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/signal"
)

// group is nodes that are alike.
type group struct {
	pos
	name          string
	pattern       pattern
	count         int
	first         int // the number of the first of them in the population
	resources     []*resource
	params        protocol.Params
	separateAfter time.Duration
	iface         sim.Interface
	drift         drift
	plain         float64 // share of nodes that know nothing of CoAP 2
}

// drift is by how many millionths a clock is fast, and by how much more or less
// at most.
type drift struct{ ppm, spread float64 }

// link is a part of the network that is different.
type link struct {
	name     string
	from, to *selector // nil = all
	sim.Link
}

// resource is what nodes of a group serve.
type resource struct {
	pos
	path     string
	share    float64 // of the nodes have it; 0 = all, unless count says otherwise
	count    int     // of them have it; 0 = share decides
	payload  []byte
	methods  []codec.Code
	delay    span
	fail     float64
	panics   float64
	state    int           // the length of its state; 0 = it has none
	maxAge   time.Duration // of a state
	echo     bool
	signal   *signal.Signal  // what it samples; nil = nothing
	decimals int             // of a sample
	options  actors.Resource // without handlers
}

func (d *decoder) scenario(root *value, file string) *Scenario {
	s := &Scenario{file: file, seed: 1, seeds: Seeds{1, 100}, invariants: true, link: sim.Link{Latency: time.Millisecond}}
	o := d.object(root, "", fileKeys)
	var version int
	if o.find("version") == nil {
		d.add(root.pos, "", `"version: 1" is missing; it says which format this is`)
	} else {
		o.count("version", &version, 1, 1)
	}
	s.name = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(file), ".yaml"), ".yml")
	o.text("name", &s.name)
	o.text("about", &s.about)
	o.seed("seed", &s.seed)
	read(o, "seeds", &s.seeds, ParseSeeds)
	o.time("stop", &s.stop)
	o.bool("invariants", &s.invariants)
	o.find("base") // of which there is nothing left to say
	d.population(o, &s.nodes)
	if v := o.find("link"); v != nil {
		lo := d.object(v, "link", linkKeys)
		for _, k := range []string{"from", "to"} {
			if lo.find(k) != nil {
				lo.fail(k, "link is for all nodes; what is different between some of them stands in links")
			}
		}
		d.linkOf(lo, &s.link)
	}
	if len(s.nodes.groups) > 0 && len(d.errs) == 0 {
		// What follows speaks of the nodes.
		d.linksOf(o, s)
		d.segmentsOf(o, s)
		d.actionsOf(o, s)
		d.faultsOf(o, s)
		d.strategiesOf(o, s)
		d.expectOf(o, s)
	}
	return s
}

func (d *decoder) population(o *object, p *population) {
	if o.find("nodes") == nil {
		d.add(o.v.pos, "", `"nodes" is missing; a scenario needs at least one group of nodes`)
		return
	}
	o.each("nodes", func(name string, at pos, v *value, path string) {
		if !isName(name) {
			d.add(at, path, "%s is no name for a group; want letters, digits, - and _, and not all or of", quote(name))
			return
		}
		g := d.groupOf(name, at, d.object(v, path, groupKeys))
		if p.total+g.count > maxNodes {
			d.add(at, path, "these are %d nodes too many; a scenario has at most %d", p.total+g.count-maxNodes, maxNodes)
			return
		}
		g.first = p.total
		p.total += g.count
		p.groups = append(p.groups, g)
	})
	if name, g := p.clash(); g != nil {
		d.add(g.pos, "nodes."+g.name, "another group has a node %q too", name)
	}
	if len(p.groups) == 0 && len(d.errs) == 0 {
		d.add(o.v.get("nodes").pos, "nodes", "there is no group; a scenario needs at least one")
	}
}

func (d *decoder) groupOf(name string, at pos, o *object) *group {
	g := &group{pos: at, name: name, count: 1}
	o.count("count", &g.count, 1, maxNodes)
	given := o.find("count") != nil
	g.pattern = pattern{prefix: name, numbered: g.count > 1}
	v := o.find("host")
	if text, ok := "", false; v != nil {
		if text, ok = d.plain(v, o.at("host"), `a name, "s{i}" or "s[0-99]"`); ok {
			p, count, err := parsePattern(text)
			switch {
			case err != nil:
				o.fail("host", "%v", err)
			case !p.numbered && g.count > 1:
				o.fail("host", `%d nodes cannot have the same name; write "%s{i}"`, g.count, text)
			case given && count != 0 && count != g.count:
				o.fail("host", "%s is %d nodes, and count is %d", quote(text), count, g.count)
			default:
				g.pattern = p
				if count != 0 {
					g.count = count
				}
			}
		}
	}
	o.time("separate_after", &g.separateAfter)
	o.size("receive_buffer", &g.iface.BufferBytes, 1<<30)
	o.count("receive_datagrams", &g.iface.Buffer, 1, 1<<20)
	o.time("receive_time", &g.iface.Service)
	o.through(&g.iface.Rate, &g.iface.MTU)
	read(o, "drift", &g.drift, parseDrift)
	if o.share("plain", &g.plain) && g.plain > 0 && !g.pattern.numbered {
		o.fail("plain", "it is one node; plain is for groups of several")
	}
	if v := o.find("params"); v != nil {
		d.paramsOf(d.object(v, o.at("params"), paramKeys), &g.params)
	}
	o.each("resources", func(path string, at pos, v *value, where string) {
		if r := d.resourceOf(path, at, d.object(v, where, resourceKeys), g.count); r != nil {
			g.resources = append(g.resources, r)
		}
	})
	return g
}

// parseDrift reads "50ppm", or "-20ppm..50ppm".
func parseDrift(s string) (drift, error) {
	var at [2]float64
	a, b, two := strings.Cut(s, "..")
	if !two {
		b = a
	}
	for i, word := range [2]string{a, b} {
		digits, ok := strings.CutSuffix(strings.TrimSpace(word), "ppm")
		v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if !ok || err != nil || !(v >= -maxDrift && v <= maxDrift) || i == 1 && v < at[0] {
			return drift{}, fmt.Errorf("want by how many millionths the clocks are fast, from -%d to %d, such as 50ppm, or any between two, -20ppm..50ppm, not %s", maxDrift, maxDrift, quote(s))
		}
		at[i] = v
	}
	return drift{(at[0] + at[1]) / 2, (at[1] - at[0]) / 2}, nil
}

// maxDrift is by how many millionths a clock can be fast or slow.
const maxDrift = 100_000

func (d *decoder) paramsOf(o *object, p *protocol.Params) {
	o.time("ack_timeout", &p.AckTimeout)
	o.number("ack_random_factor", &p.AckRandomFactor, 1, 10)
	if o.count("max_retransmit", &p.MaxRetransmit, 0, 16) && p.MaxRetransmit == 0 {
		p.MaxRetransmit = -1 // there 0 is the default
	}
	o.count("nstart", &p.NStart, 1, 1<<20)
	o.time("leisure", &p.DefaultLeisure)
	o.number("probing_rate", &p.ProbingRate, 0.001, 1e9)
	o.time("max_latency", &p.MaxLatency)
	o.time("processing_delay", &p.ProcessingDelay)
	for _, k := range []string{"ack_timeout", "leisure", "max_latency", "processing_delay"} {
		if v := o.find(k); v != nil && v.kind == scalar && strings.Trim(v.text, "0nuµmsh") == "" {
			o.fail(k, "want a time above 0s, not %s", quote(v.text))
		}
	}
	if err := p.Validate(); err != nil {
		d.add(o.v.pos, o.path, "%s", strings.TrimPrefix(err.Error(), "protocol: "))
	}
}

// allMethods are what a resource can be asked.
var allMethods = [...]codec.Code{codec.GET, codec.POST, codec.PUT, codec.DELETE, codec.FETCH, codec.PATCH, codec.IPATCH}

// maxState is the longest state, which travels in blocks.
const maxState = 1 << 20

// maxPayload is the longest representation: it must fit into a message.
const maxPayload = 60_000

func (d *decoder) resourceOf(path string, at pos, o *object, nodes int) *resource {
	switch err := checkPath(path); {
	case err != nil || path == "/" || strings.ContainsAny(path, "{}*?"):
		d.add(at, o.path, "want a path such as /temp, not %s", quote(path))
		return nil
	case path == corePath:
		d.add(at, o.path, "%s is there by itself: it lists the others", path)
		return nil
	}
	r := &resource{pos: at, path: path, payload: []byte("hello"), methods: allMethods[:]}
	if o.share("share", &r.share) && r.share == 0 {
		o.fail("share", "nobody has this resource; leave it out")
	}
	o.count("count", &r.count, 1, nodes)
	if r.count > 0 && r.share > 0 {
		o.fail("count", "share and count both say how many nodes have it; use one of them")
	}
	r.payload = o.body("text", r.payload)
	if o.find("methods") != nil {
		r.methods = nil
		for _, v := range o.words("methods", "methods such as GET, PUT") {
			for word := range strings.SplitSeq(v.text, ",") {
				c, err := codec.ParseMethod(strings.TrimSpace(word))
				if err != nil {
					d.add(v.pos, o.at("methods"), "%s is no method; they are GET POST PUT DELETE FETCH PATCH iPATCH", quote(strings.TrimSpace(word)))
					continue
				}
				r.methods = append(r.methods, c)
			}
		}
	}
	o.size("state", &r.state, maxState)
	r.maxAge = time.Minute
	o.time("max_age", &r.maxAge)
	o.bool("echo", &r.echo)
	switch {
	case r.state > 0 && (o.find("text") != nil || o.find("size") != nil):
		o.fail("state", "text and size say what it answers; use one of them")
	case r.state == 0 && o.find("max_age") != nil:
		o.fail("max_age", "it is for a state, which the resource does not have")
	}
	o.span("delay", &r.delay)
	o.share("fail", &r.fail)
	o.share("panic", &r.panics)
	res := &r.options
	o.bool("separate", &res.Separate)
	o.bool("inline", &res.Inline)
	o.bool("observable", &res.Observable)
	if r.state > 0 {
		res.Observable = true
	}
	o.signalOf(r)
	o.bool("hidden", &res.Hidden)
	o.count("concurrency", &res.Concurrency, 1, 1<<20)
	o.count("backlog", &res.Backlog, 1, 1<<20)
	if res.Inline && (r.delay.to > 0 || res.Separate || res.Concurrency > 0 || res.Backlog > 0) {
		o.fail("inline", "an inline handler cannot have delay, separate, concurrency or backlog: it never waits")
	}
	o.each("attributes", func(name string, at pos, v *value, path string) {
		text, ok := d.plain(v, path, "text")
		attr := codec.Attr{Name: name, Value: text}
		if ok && !isAttr(attr) {
			d.add(at, path, "%s=%s is no attribute of a link (RFC 6690)", name, quote(text))
			return
		}
		res.Attributes = append(res.Attributes, attr)
	})
	return r
}

// isAttr reports whether an attribute is read as it is written.
func isAttr(a codec.Attr) bool {
	links, err := codec.ParseLinks(codec.AppendLinks(nil, codec.Link{Target: "/x", Attrs: []codec.Attr{a}}))
	return err == nil && len(links) == 1 && len(links[0].Attrs) == 1 && links[0].Attrs[0] == a
}

// body reads text, or size bytes of anything.
func (o *object) body(name string, otherwise []byte) []byte {
	var text string
	var size int
	hasText, hasSize := o.text(name, &text), o.size("size", &size, maxPayload)
	switch {
	case hasText && hasSize:
		o.fail("size", "%s and size both give the payload; use one of them", name)
	case hasSize:
		return []byte(strings.Repeat("x", size))
	case hasText && len(text) > maxPayload:
		o.fail(name, "the text has %d bytes; a message carries at most %d", len(text), maxPayload)
	case hasText:
		return []byte(text)
	}
	return otherwise
}

const corePath = "/.well-known/core"

// checkPath reports what is wrong with the path of a request.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("a path begins with /")
	}
	_, err := codec.ParseURI("coap://h" + path)
	return err
}

func (d *decoder) expectOf(o *object, s *Scenario) {
	v := o.find("expect")
	if v == nil {
		return
	}
	if v.kind != list {
		d.add(v.pos, "expect", "want a list of comparisons, such as \"- answers >= 990\", not %s", v.describe())
		return
	}
	for _, c := range v.items {
		text, ok := d.plain(c, "expect", "a comparison such as answers >= 990")
		if !ok {
			continue
		}
		x, err := parseExpectation(text, s.actions, s.compare)
		if err != nil {
			d.add(c.pos, "expect", "%v", err)
			continue
		}
		x.pos = c.pos
		s.expect = append(s.expect, x)
	}
}

// groupAddr reads the address of a group of nodes.
func groupAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("want the address of a group, such as 224.0.1.187, not %s", quote(s))
	}
	return a, nil
}
