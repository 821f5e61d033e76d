package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// strategy is how nodes discover.
type strategy string

const (
	wellKnownCore strategy = "well-known-core"
	single        strategy = "single"
	rounds        strategy = "rounds"
	mdnsAvahi     strategy = "mdns"
	mdnsHashicorp strategy = "mdns-hashicorp"
)

// approach is what a strategy does: arm prepares all that an action does.
type approach struct {
	strategy strategy
	about    string
	arm      func(r *run, a *action, t *tally) error
}

// approaches are all strategies, in the order in which Help shows them.
func approaches() []approach {
	return []approach{
		{wellKnownCore, "a multicast GET of RFC 6690, as plain clients make it", (*run).armWellKnownCore},
		{rounds, "the rounds of CoAP 2", (*run).armRounds},
		{single, "the same with the query of CoAP 2, once", (*run).armSingle},
		{mdnsAvahi, "multicast DNS, as Avahi does it", (*run).armMDNS},
		{mdnsHashicorp, "multicast DNS, as the Go package hashicorp/mdns does it", (*run).armMDNSHashicorp},
	}
}

func parseStrategy(s string) (strategy, error) {
	var names []string
	for _, w := range approaches() {
		if s == string(w.strategy) {
			return w.strategy, nil
		}
		names = append(names, string(w.strategy))
	}
	return "", fmt.Errorf("want %s, not %s", strings.Join(names, ", "), quote(s))
}

func strategyHelp() string {
	var parts []string
	for _, w := range approaches() {
		parts = append(parts, string(w.strategy)+" ("+w.about+")")
	}
	return strings.Join(parts, ", ")
}

// armDiscovery prepares an action by its strategy.
func (r *run) armDiscovery(a *action, t *tally) error {
	for _, w := range approaches() {
		if w.strategy == r.by(a) {
			return w.arm(r, a, t)
		}
	}
	return nil
}

// target is who is looked for.
type target struct {
	query   protocol.Query
	queries []string
	filters codec.Filters
}

func (t *target) everyone() bool {
	return t.query.Kind == protocol.Everyone && len(t.queries) == 0
}

// parseTarget reads a QUERY of the action discover.
func parseTarget(s string) (t target, err error) {
	kind, rest, _ := strings.Cut(s, " ")
	switch kind {
	case "", "all":
		return t, nil
	case "name":
		name, err := protocol.CanonicalName(strings.TrimSpace(rest))
		if err != nil {
			return t, err
		}
		t.query = protocol.Query{Kind: protocol.ByName, Name: name}
		return t, nil
	case "has":
		if all, ok := strings.CutPrefix(rest, "all "); ok {
			rest = "&" + all
		}
		t.query, err = protocol.ParseQuery([]byte(strings.ReplaceAll(rest, " ", "")))
		if k := t.query.Kind; err == nil && k != protocol.AnyOf && k != protocol.AllOf {
			err = fmt.Errorf("after \"has\" want paths, such as /temp,/hum")
		}
		return t, err
	}
	for q := range strings.SplitSeq(s, "&") {
		t.queries = append(t.queries, q)
	}
	if t.filters, err = codec.ParseFilters(t.queries); err != nil {
		return t, fmt.Errorf("%s is no filter (RFC 6690 §4.1); want one such as rt=temperature or href=/temp*, or all, has /PATH, name NODE", quote(s))
	}
	return t, nil
}

// options are those of a plain GET that finds the target, or more nodes where
// plain servers cannot tell: it is for the asker to sift.
func (t *target) options() codec.Options {
	o := codec.Options{codec.StringOption(codec.OptionURIPath, ".well-known"), codec.StringOption(codec.OptionURIPath, "core")}
	queries := t.queries
	if t.query.Kind == protocol.AnyOf && len(t.query.Paths) == 1 {
		queries = append(queries, "href="+t.query.Paths[0])
	}
	for _, q := range queries {
		o = o.Add(codec.StringOption(codec.OptionURIQuery, q))
	}
	return o
}

func (r *run) armWellKnownCore(a *action, t *tally) error {
	return r.armAskers(a, t, a.target.options())
}

func (r *run) armSingle(a *action, t *tally) error {
	q, err := a.target.query.Append(nil)
	if err != nil {
		return err
	}
	plain := target{queries: a.target.queries}
	return r.armAskers(a, t, plain.options().Add(codec.OpaqueOption(codec.OptionDiscovery, q)))
}

// finds is what one discovery has found so far, whatever its strategy.
type finds struct {
	r     *run
	a     *action
	t     *tally
	asker int
	since netio.Instant
	want  []uint64 // bits, by node
	found []uint64
}

// seek begins a discovery: it counts as asked.
func (r *run) seek(a *action, t *tally, asker int) finds {
	words := (r.s.nodes.total + 63) / 64
	f := finds{r: r, a: a, t: t, asker: asker, since: r.w.Now(), found: make([]uint64, words), want: t.wanted}
	if f.want == nil { // it is the same every time
		t.wanted = make([]uint64, words)
		f.want = t.wanted
		for _, p := range r.places {
			wants := p.wants(&a.target)
			for i := range p.count {
				if wants(i) {
					k := p.first + i
					f.want[k/64] |= 1 << (k % 64)
					t.wantedN++
				}
			}
		}
	}
	t.watch(r, a, asker)
	t.asked(r.w.Now())
	t.expected += t.wantedN
	if len(r.down) > 0 { // who is down cannot answer
		f.want = slices.Clone(f.want)
		for i := range r.s.nodes.total {
			if r.down[i] && f.want[i/64]>>(i%64)&1 == 1 {
				f.want[i/64] &^= 1 << (i % 64)
				t.expected--
			}
		}
	}
	r.event(a.name, "asks", asker, -1, "")
	return f
}

// answer takes an answer of a node, -1 where it is of nobody.
func (f *finds) answer(i int, success bool, detail string) {
	r, t := f.r, f.t
	if i >= 0 && success && f.a.target.everyone() && f.want[i/64]>>(i%64)&1 == 0 {
		return // a node without resources says so to CoAP 2, and nothing to others
	}
	if i < 0 || !success || f.want[i/64]>>(i%64)&1 == 0 {
		t.others++
		return
	}
	if f.found[i/64]>>(i%64)&1 == 1 {
		t.duplicates++
		return
	}
	f.found[i/64] |= 1 << (i % 64)
	t.responders++
	t.answered(r.w.Now(), f.since)
	t.found = append(t.found, r.w.Now().Sub(f.since))
	t.foundSorted = false
	r.answers++
	r.event(f.a.name, "answered", f.asker, i, detail)
}

// wants returns who of a group is looked for, by number.
func (p *place) wants(t *target) func(i int) bool {
	switch t.query.Kind {
	case protocol.ByName:
		return func(i int) bool { return strings.EqualFold(p.pattern.name(i), t.query.Name) }
	case protocol.AnyOf, protocol.AllOf:
		var lots []*lot
		for _, path := range t.query.Paths {
			l := &lot{bits: make([]uint64, (p.count+63)/64)}
			for i, res := range p.resources {
				if res.path == path && !res.options.Hidden {
					l = p.has[i]
				}
			}
			lots = append(lots, l)
		}
		all := t.query.Kind == protocol.AllOf
		return func(i int) bool {
			for _, l := range lots {
				if l.has(i) != all {
					return !all
				}
			}
			return all
		}
	}
	lots := p.listing(t.filters)
	return func(i int) bool {
		for _, l := range lots {
			if l.has(i) {
				return true
			}
		}
		return false
	}
}
