package scenario

import (
	"net/netip"
	"strings"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// schedule is when something happens.
type schedule struct {
	at, every time.Duration
	times     int // 0 = without end
}

// verb is what an action or a fault does.
type verb string

const (
	discover verb = "discover"
	request  verb = "request"
	load     verb = "load"
	transfer verb = "transfer"
	observe  verb = "observe"
	alter    verb = "change"

	publish   verb = "publish"
	subscribe verb = "subscribe"

	crash     verb = "crash"
	partition verb = "partition"
	disturb   verb = "disturb"
	lie       verb = "lie"
	kill      verb = "kill"
	rebind    verb = "rebind"
)

var (
	actionVerbs = map[verb]*section{discover: discoverKeys, request: requestKeys, load: loadKeys, transfer: transferKeys, observe: observeKeys, alter: changeKeys, publish: publishKeys, subscribe: subscribeKeys}
	faultVerbs  = map[verb]*section{crash: crashKeys, partition: partitionKeys, disturb: disturbKeys, lie: lieKeys, kill: killKeys, rebind: rebindKeys}
)

// action is something that nodes do.
type action struct {
	pos
	name string
	verb verb
	schedule
	from *selector

	// discover
	target   target
	strategy strategy
	remember bool
	group    netip.Addr
	wait     time.Duration

	// observe, change, publish and subscribe
	path string

	// subscribe
	way    string
	rule   *rules.Rule
	qos    int
	settle time.Duration // samples before count neither as wanted nor as missed

	// request and load
	to      *selector
	asks    []ask
	payload []byte
	non     float64
	cancel  float64
	timeout time.Duration

	// load
	interval    time.Duration // between the requests of a node; 0 = outstanding counts
	outstanding int
	length      time.Duration // 0 = to the end
	count       int           // of requests of a node; 0 = any
}

// ask is a request.
type ask struct {
	method codec.Code
	path   string
}

// metrics returns the results that an action has.
func (a *action) metrics() [][]metric {
	switch a.verb {
	case discover:
		return [][]metric{actionMetrics, discoverMetrics}
	case observe:
		return [][]metric{actionMetrics, observeMetrics}
	case transfer:
		return [][]metric{actionMetrics, transferMetrics}
	case subscribe:
		return [][]metric{actionMetrics, subscribeMetrics}
	}
	return [][]metric{actionMetrics}
}

// Bounds of what a scenario can ask for.
const (
	maxAskers   = 10_000    // nodes that discover in one action
	maxRequests = 5_000_000 // of one action at one time
)

// verbOf finds which of the verbs a mapping has, and reads its keys.
func (d *decoder) verbOf(v *value, at pos, path string, what string, verbs map[verb]*section, order ...verb) (*object, verb) {
	if !d.isMapping(v, path) {
		return nil, ""
	}
	var found []string
	for _, w := range order {
		if v.get(string(w)) != nil {
			found = append(found, string(w))
		}
	}
	words := strings.Join(wordsOf(order), ", ")
	switch len(found) {
	case 1:
		w := verb(found[0])
		o := d.object(v, path, verbs[w])
		if o.find(found[0]) == nil {
			d.add(at, o.at(found[0]), "the value is missing")
			return nil, ""
		}
		return o, w
	case 0:
		for _, e := range v.entries {
			if near := nearest(e.name, wordsOf(order)); near != "" {
				d.add(e.pos, path, "unknown key %q; did you mean %q?", e.name, near)
				return nil, ""
			}
		}
		d.add(at, path, "it says not what %s is; want one of the keys %s", what, words)
	default:
		d.add(at, path, "it is %s at once; want one of the keys %s", strings.Join(found, " and "), words)
	}
	return nil, ""
}

func wordsOf(order []verb) []string {
	words := make([]string, len(order))
	for i := range order {
		words[i] = string(order[i])
	}
	return words
}

func (d *decoder) actionsOf(o *object, s *Scenario) {
	o.each("run", func(name string, at pos, v *value, path string) {
		if !d.named(name, at, path, "an action") {
			return
		}
		ao, w := d.verbOf(v, at, path, "the action", actionVerbs, discover, request, load, transfer, observe, alter, publish, subscribe)
		if ao == nil {
			return
		}
		a := &action{pos: at, name: name, verb: w}
		ao.schedule(&a.schedule, s)
		a.from = ao.who("from", &s.nodes)
		switch w {
		case discover:
			a.discovery(ao)
		case observe, alter:
			a.watching(ao, s)
		case publish, subscribe:
			a.feeding(ao, s)
		default:
			a.asking(ao, s)
		}
		s.actions = append(s.actions, a)
	})
}

// named checks the name of an action or a fault.
func (d *decoder) named(name string, at pos, path, what string) bool {
	if isName(name) {
		return true
	}
	d.add(at, path, "%s is no name for %s; want letters, digits, - and _", quote(name), what)
	return false
}

// schedule reads at, every and times.
func (o *object) schedule(c *schedule, s *Scenario) {
	o.time("at", &c.at)
	if o.time("every", &c.every) && c.every == 0 {
		o.fail("every", "want a time above 0s")
	}
	o.count("times", &c.times, 1, 1_000_000_000)
	switch {
	case c.every == 0 && c.times > 1:
		o.fail("times", "without every it happens once")
	case c.every == 0:
		c.times = 1
	case c.times == 0 && s.stop == 0:
		o.fail("every", "this goes on for ever; times says how often, or stop when the scenario ends")
	}
	if s.stop > 0 && c.at >= s.stop {
		o.fail("at", "the scenario stops at %v, before this happens", s.stop)
	}
}

// who reads a selector that must be there.
func (o *object) who(name string, p *population) *selector {
	words := o.words(name, "the nodes that are meant")
	if len(words) == 0 {
		if o.find(name) == nil {
			o.add(o.v.pos, o.path, "%q is missing; it says which nodes are meant", name)
		}
		return nil
	}
	var texts []string
	for _, v := range words {
		texts = append(texts, v.text)
	}
	s, err := p.selector(strings.Join(texts, ","))
	if err != nil {
		o.add(words[0].pos, o.at(name), "%v", err)
		return nil
	}
	return s
}

func (a *action) discovery(o *object) {
	var query string
	o.text("discover", &query)
	var err error
	if a.target, err = parseTarget(query); err != nil {
		o.fail("discover", "%v", err)
	}
	a.strategy = wellKnownCore
	read(o, "strategy", &a.strategy, parseStrategy)
	o.bool("remember", &a.remember)
	a.group = netip.AddrFrom4([4]byte{224, 0, 1, 187})
	read(o, "group", &a.group, groupAddr)
	a.wait = 10 * time.Second
	if o.time("wait", &a.wait) && a.wait == 0 {
		o.fail("wait", "want a time above 0s")
	}
	if a.from != nil && a.from.most() > maxAskers {
		o.fail("from", "%d nodes discover; at most %d can", a.from.most(), maxAskers)
	}
}

func (a *action) asking(o *object, s *Scenario) {
	name := string(a.verb)
	for _, v := range o.words(name, "a request such as GET /temp") {
		method, path, _ := strings.Cut(strings.TrimSpace(v.text), " ")
		c, err := codec.ParseMethod(method)
		path = strings.TrimSpace(path)
		switch {
		case err != nil && strings.HasPrefix(method, "/"):
			o.add(v.pos, o.at(name), "the method is missing; want a request such as GET %s", method)
		case err != nil:
			o.add(v.pos, o.at(name), "%s is no method; want a request such as GET /temp", quote(method))
		case checkPath(path) != nil:
			o.add(v.pos, o.at(name), "%s is no path; want a request such as GET /temp", quote(path))
		default:
			a.asks = append(a.asks, ask{c, path})
		}
	}
	a.to = o.who("to", &s.nodes)
	a.payload = o.body("payload", nil)
	o.share("non", &a.non)
	o.share("cancel", &a.cancel)
	if o.time("timeout", &a.timeout) && a.timeout == 0 {
		o.fail("timeout", "want a time above 0s")
	}
	if a.verb == transfer {
		for _, q := range a.asks {
			switch {
			case q.method == codec.GET && !s.serves(q.path, func(r *resource) bool { return r.state > 0 }):
				o.fail(name, "nobody has a resource %s with a state", q.path)
			case q.method != codec.GET && !s.serves(q.path, func(r *resource) bool { return r.echo }):
				o.fail(name, "nobody has a resource %s with echo", q.path)
			}
		}
	}
	if a.verb != request {
		a.loading(o, s)
		return
	}
	if a.from != nil && a.to != nil {
		if n := int64(a.from.most()) * int64(a.to.most()) * int64(max(len(a.asks), 1)); n > maxRequests {
			o.fail("to", "%d nodes ask %d each, which are %d requests; at most %d can be made at one time", a.from.most(), a.to.most(), n, maxRequests)
		}
	}
}

// serves reports whether a resource is as it is to be.
func (s *Scenario) serves(path string, fits func(*resource) bool) bool {
	for _, g := range s.nodes.groups {
		for _, r := range g.resources {
			if r.path == path && fits(r) {
				return true
			}
		}
	}
	return false
}

// watching reads what observe and change are about.
func (a *action) watching(o *object, s *Scenario) {
	name := string(a.verb)
	o.text(name, &a.path)
	if !s.serves(a.path, func(r *resource) bool { return r.state > 0 }) {
		o.fail(name, "nobody has a resource %s with a state", quote(a.path))
	}
	if a.verb == alter {
		return
	}
	a.to = o.who("to", &s.nodes)
	o.share("non", &a.non)
	if !o.time("for", &a.length) || a.length == 0 {
		o.fail("for", "it says how long is observed; want a time above 0s")
	}
	if a.from != nil && a.to != nil {
		if n := int64(a.from.most()) * int64(a.to.most()); n > maxRequests {
			o.fail("to", "%d nodes observe %d each; at most %d can in all", a.from.most(), a.to.most(), maxRequests)
		}
	}
}

func (a *action) loading(o *object, s *Scenario) {
	var rate float64
	if o.rate("rate", &rate) {
		a.interval = max(time.Duration(float64(time.Second)/rate), 1)
	}
	o.count("outstanding", &a.outstanding, 1, 65536)
	if a.interval > 0 && a.outstanding > 0 {
		o.fail("outstanding", "rate and outstanding both say how much is asked; use one of them")
	}
	if a.interval == 0 && a.outstanding == 0 {
		a.outstanding = 1
	}
	if o.time("for", &a.length) && a.length == 0 {
		o.fail("for", "want a time above 0s")
	}
	o.count("count", &a.count, 1, 1_000_000_000)
	if a.length == 0 && a.count == 0 && s.stop == 0 {
		o.add(o.v.pos, o.path, "this load has no end; for says how long it lasts, count how many requests a node makes, or stop when the scenario ends")
	}
	if a.from != nil && int64(a.from.most())*int64(max(a.outstanding, 1)) > maxRequests {
		o.fail("from", "%d nodes with %d requests each are too much; at most %d can be open", a.from.most(), a.outstanding, maxRequests)
	}
}
