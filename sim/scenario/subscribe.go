package scenario

import (
	"errors"
	"fmt"
	"slices"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/rules"
	"github.com/coap2/coap2/sim"
)

// How somebody subscribes.
const (
	byRules   = "rules"
	byObserve = "observe"
	byMQTT    = "mqtt"
)

func parseWay(s string) (string, error) {
	switch s {
	case byRules, byObserve, byMQTT:
		return s, nil
	}
	return "", fmt.Errorf("want rules, observe or mqtt, not %s", quote(s))
}

// feeding reads what publish and subscribe are about.
func (a *action) feeding(o *object, s *Scenario) {
	name := string(a.verb)
	o.text(name, &a.path)
	if !s.serves(a.path, func(r *resource) bool { return r.signal != nil }) {
		o.fail(name, "nobody has a resource %s with a signal", quote(a.path))
	}
	if a.verb == publish {
		return
	}
	a.to = o.who("to", &s.nodes)
	a.way = byRules
	read(o, "by", &a.way, parseWay)
	a.rule, _ = rules.Parse("")
	read(o, "rule", &a.rule, parseRule)
	o.count("qos", &a.qos, 0, 1)
	o.time("settle", &a.settle)
	if !o.time("for", &a.length) || a.length == 0 {
		o.fail("for", "it says how long they are subscribed; want a time above 0s")
	}
	if a.way == byObserve && a.qos > 0 {
		o.fail("qos", "who only observes cannot ask for it; say confirmable of the resource")
	}
	if a.from != nil && a.to != nil {
		if n := int64(a.from.most()) * int64(a.to.most()); n > maxRequests {
			o.fail("to", "%d nodes subscribe to %d each; at most %d can in all", a.from.most(), a.to.most(), maxRequests)
		}
	}
}

// parseRule reads a rule of which can be said without the subscriber what it
// selects.
func parseRule(text string) (*rules.Rule, error) {
	r, err := rules.Parse(text)
	if err != nil {
		return nil, trimmed(err)
	}
	for _, f := range r.Fields() {
		if f != (rules.Field{}) {
			return nil, fmt.Errorf("the rule looks at %v; samples have value only", f)
		}
	}
	if c := r.Controls(); !r.Shareable() || c.PMin > 0 || c.EPMin > 0 || c.EPMax > 0 {
		return nil, errors.New("want a rule that looks at value and prev.value only, without pmin, epmin and epmax: for others it depends on the subscriber what is selected")
	}
	return r, nil
}

// follower is a subscription of one node to one resource, whatever way.
type follower struct {
	r     *run
	a     *action
	t     *tally
	node  int
	key   stateKey
	feed  *feed
	judge *judge
	until netio.Instant
	o     *actors.Observation // under way

	told  bool
	from  int    // the samples from this one on are to be told
	last  int    // the latest that is known
	known []bool // by number: it is known
}

// subscribe lets every node of from subscribe to every node of to.
func (r *run) subscribe(a *action, t *tally, n int) {
	from, to := r.chosen(a.from, "from/"+a.name, n), r.chosen(a.to, "to/"+a.name, n)
	var b *brokered
	if a.way == byMQTT {
		var err error
		if b, err = r.broker(a, t, n); err != nil {
			r.broken = append(r.broken, err.Error())
			return
		}
	}
	from.each(func(i int) {
		if b == nil {
			r.counts(r.s.nodes.name(i), t.fed)
		}
		var all []*follower
		to.each(func(k int) {
			f := r.feed(stateKey{k, a.path})
			if i == k || f == nil {
				return
			}
			x := &follower{r: r, a: a, t: t, node: i, key: stateKey{k, a.path}, feed: f, judge: f.judge(a.rule), until: r.w.Now().Add(a.length), from: -1}
			all = append(all, x)
			if b == nil {
				x.begin()
			} else {
				b.follow(k, f)
			}
			r.w.AfterFunc(a.length, x.end)
		})
		if b != nil {
			if err := b.subscriber(i, all); err != nil {
				r.broken = append(r.broken, err.Error())
			}
		}
	})
}

func (x *follower) over() bool { return x.r.w.Now() >= x.until }

// begin begins a subscription, or later if the node is down.
func (x *follower) begin() {
	r, a := x.r, x.a
	if x.over() {
		return
	}
	if r.down[x.node] {
		r.w.AfterFunc(pauseWatch, x.begin)
		return
	}
	n, err := r.node(x.node)
	if err != nil {
		r.broken = append(r.broken, err.Error())
		return
	}
	x.told = false
	x.asks()
	since := r.w.Now()
	req := actors.Request{URI: "coap://" + r.addr(x.key.node).String() + a.path}
	done := func(note *actors.Notification, err error) {
		switch {
		case err != nil:
			x.ended(since, err)
		case note.Reason == actors.ReasonPMax || note.Reason == actors.ReasonFirst || note.Renewal || !x.told:
			x.tell(note.Payload, false)
		default:
			x.tell(note.Payload, true)
		}
	}
	if a.way == byObserve {
		x.o = n.Observe(req, done)
	} else {
		x.o = n.SubscribeFunc(actors.Subscription{Request: req, Rule: a.rule.String(), QoS: a.qos}, done)
	}
}

func (x *follower) asks() {
	x.t.asked(x.r.w.Now())
	x.t.open++
	x.r.event(x.a.name, "asks", x.node, x.key.node, "")
}

// tell takes a sample. chosen says that it comes because the rule selects it, and
// not because it is the present one.
func (x *follower) tell(payload []byte, chosen bool) {
	r, t := x.r, x.t
	if !x.told {
		x.told = true
		t.answers++
		t.last = r.w.Now()
		r.answers++
	}
	n, ok := x.feed.numberOf(payload)
	if !ok {
		t.wrong++
		r.event(x.a.name, "is told wrong", x.node, x.key.node, quote(string(payload)))
		return
	}
	if x.from < 0 {
		x.from = n + 1
	}
	for len(x.known) <= n {
		x.known = append(x.known, false)
	}
	selected, again := x.judge.selects(x.feed, n), x.known[n]
	x.known[n], x.last = true, max(x.last, n)
	if !chosen {
		return
	}
	t.fed.notifications++
	switch {
	case !selected:
		t.fed.spurious++
		r.event(x.a.name, "is told needlessly", x.node, x.key.node, string(payload))
	case again:
		t.duplicates++
	default:
		t.fed.selected++
		t.times = append(t.times, r.w.Now().Sub(x.feed.samples[n].at))
		t.sorted = false
	}
}

// ended takes the end of a subscription, and begins another.
func (x *follower) ended(since netio.Instant, err error) {
	x.o = nil
	if x.over() && errors.Is(err, actors.ErrCanceled) {
		x.t.open--
		return
	}
	what, detail := x.t.ended(x.r.w.Now(), since, nil, err)
	x.r.event(x.a.name, what, x.node, x.key.node, detail)
	if !x.over() {
		x.r.w.AfterFunc(pauseWatch, x.begin)
	}
}

// end looks what the subscriber knows when its time is over.
func (x *follower) end() {
	t, latest := x.t, -1
	for n := max(x.from, 0); x.from >= 0 && n < len(x.feed.samples); n++ {
		if !x.judge.selects(x.feed, n) {
			continue
		}
		latest = n
		if x.feed.samples[n].at.Sub(0) < x.a.settle {
			continue
		}
		t.fed.wanted++
		if n >= len(x.known) || !x.known[n] {
			t.fed.missed++
			x.r.event(x.a.name, "has missed", x.node, x.key.node, x.feed.samples[n].text)
		}
	}
	if x.from < 0 || x.last < latest {
		t.behind++
		x.r.event(x.a.name, "is behind", x.node, x.key.node, fmt.Sprintf("sample %d of %d", x.last, latest))
	}
	if x.o != nil {
		x.o.Cancel()
	}
}

// counts lets what a host sends and is sent count.
func (r *run) counts(host string, f *fed) {
	if !slices.Contains(r.hosts[host], f) {
		r.hosts[host] = append(r.hosts[host], f)
	}
}

// count counts the datagrams of those who subscribe.
func (r *run) count() {
	if r.counting {
		return
	}
	r.counting = true
	r.w.Watch(func(t *sim.Transit) {
		if t.Kind != sim.TransitSent {
			return
		}
		from := r.hosts[t.From]
		for _, f := range from {
			f.sent(len(t.Data))
		}
		for _, f := range r.hosts[t.To] {
			if !slices.Contains(from, f) {
				f.sent(len(t.Data))
			}
		}
	})
}

func (f *fed) sent(length int) {
	f.messages++
	f.bytes += uint64(length) + ipAndUDP
}

// ipAndUDP is how long the headers of IPv4 and UDP are.
const ipAndUDP = 20 + 8

// fed is what has come of a subscribe besides.
type fed struct {
	notifications, selected, wanted, missed, spurious, messages, bytes uint64
}

func (f *fed) add(o *fed) {
	f.notifications += o.notifications
	f.selected += o.selected
	f.wanted += o.wanted
	f.missed += o.missed
	f.spurious += o.spurious
	f.messages += o.messages
	f.bytes += o.bytes
}

// value returns a result by its name; ok is false if it is none of these.
func (f *fed) value(name string) (v float64, ok bool) {
	switch name {
	case "notifications":
		return float64(f.notifications), true
	case "selected":
		return float64(f.selected), true
	case "wanted":
		return float64(f.wanted), true
	case "missed":
		return float64(f.missed), true
	case "spurious":
		return float64(f.spurious), true
	case "messages":
		return float64(f.messages), true
	case "bytes":
		return float64(f.bytes), true
	case "bytes_each":
		return ratio(f.bytes, f.selected), true
	}
	return 0, false
}
