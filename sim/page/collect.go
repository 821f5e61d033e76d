package page

import (
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/scenario"
)

// Limits bound what a page keeps of a run. Zero values are the defaults.
type Limits struct {
	// Messages is how many copies of datagrams, and how many events of actions, can
	// be looked at one by one; 0 = 150,000.
	Messages int
	// Datagrams is how many different ones are kept with their bytes; 0 = 10,000.
	Datagrams int
	// Nodes is how many are on the map; 0 = 20,000.
	Nodes int
	// Samples is how often what radios spend is looked at, each time for each of
	// the nodes; 0 = 100,000. It is 8 to 200 times a node.
	Samples int
}

func (l Limits) filled() Limits {
	if l.Messages <= 0 {
		l.Messages = 150_000
	}
	if l.Datagrams <= 0 {
		l.Datagrams = 10_000
	}
	if l.Nodes <= 0 {
		l.Nodes = 20_000
	}
	if l.Samples <= 0 {
		l.Samples = 100_000
	}
	return l
}

// Collector takes what happens in one run of a scenario.
type Collector struct {
	s      *scenario.Scenario
	limits Limits
	w      *sim.World
	words  words
	extra  words // names of hosts that are no nodes of the scenario

	messages  []message
	grams     []datagram
	gramOf    map[string]int
	exchanges []exchange
	byToken   map[tokenKey]int
	byID      map[idKey]int
	events    []event
	marks     []mark
	curves    []*Curve // by action, as they are met
	compared  map[string][]*Curve
	traffic   *histogram
	groups    []shown
	nodes     [][5]int64 // sent, received, lost on the way to it, bytes received, copies lost of what it sent
	survey    survey
	left      leftOut
	end       int64
}

// message is a copy of a datagram.
type message struct {
	sent, end int64 // µs
	from, to  int
	cause     sim.Cause
	gram      int // + 1; 0 = its bytes are not kept
	exchange  int
}

// exchange is messages that belong together.
type exchange struct {
	client, server int // server -1 = a group
	label          int
	start          int64
	n              int
}

type tokenKey struct {
	client string
	token  codec.Token
}

type idKey struct {
	sender, receiver string
	id               uint16
}

type event struct {
	at       int64
	action   int
	what     int
	from, to int // -1 = none
}

// mark is when a fault begins or ends.
type mark struct {
	At     int64  `json:"t"`
	Name   string `json:"name"`
	Begins bool   `json:"begins"`
	Detail string `json:"detail,omitempty"`
}

// leftOut counts what there is too much of.
type leftOut struct {
	Messages  int `json:"messages"`
	Datagrams int `json:"datagrams"`
	Events    int `json:"events"`
	Nodes     int `json:"nodes"`
}

// What is counted over time.
const (
	countSent = iota
	countDelivered
	countLost
	countBytes
	counts
)

// whats are the words of events.
var whats = []string{"asks", "answered", "failed", "cancelled"}

// NewCollector makes a Collector for a run.
func NewCollector(s *scenario.Scenario, limits Limits) *Collector {
	c := &Collector{
		s: s, limits: limits.filled(), gramOf: map[string]int{}, byToken: map[tokenKey]int{}, byID: map[idKey]int{}, compared: map[string][]*Curve{}, traffic: newHistogram(counts),
	}
	c.choose()
	c.left.Nodes = s.Nodes() - len(c.nodes)
	return c
}

// shown is a group of nodes, of which the first are on the map.
type shown struct {
	scenario.NodeGroup
	kept, at int // how many, and the number of the first of them on the map
}

// choose decides which nodes are on the map: small groups in full, before large
// ones.
func (c *Collector) choose() {
	for _, g := range c.s.Groups() {
		c.groups = append(c.groups, shown{NodeGroup: g})
	}
	order := make([]int, len(c.groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return c.groups[i].Count - c.groups[j].Count })
	room := c.limits.Nodes
	for _, i := range order {
		g := &c.groups[i]
		g.kept = min(g.Count, room)
		room -= g.kept
	}
	n := 0
	for i := range c.groups {
		c.groups[i].at = n
		n += c.groups[i].kept
	}
	c.nodes = make([][5]int64, n)
}

// Begin is for scenario.Options.Begin.
func (c *Collector) Begin(w *sim.World) {
	c.w = w
	w.Watch(c.transit)
}

// End is for scenario.Options.End, which Begin and Progress need.
func (c *Collector) End(*sim.World) { c.survey.end(c) }

// Progress returns what is for scenario.Options.Progress: it looks where nodes are
// that move while nobody sends, and calls next, nil = nobody.
func (c *Collector) Progress(next func(p scenario.Progress) (time.Duration, error)) func(p scenario.Progress) (time.Duration, error) {
	return func(p scenario.Progress) (slice time.Duration, err error) {
		slice = time.Hour
		if next != nil {
			slice, err = next(p)
		}
		if wait := c.survey.wait(c, p.Elapsed.Microseconds()); wait > 0 {
			slice = min(slice, time.Duration(wait)*time.Microsecond)
		}
		return slice, err
	}
}

// Event is for scenario.Options.Event.
func (c *Collector) Event(e scenario.Event) {
	at := e.At.Microseconds()
	c.end = max(c.end, at)
	if e.What == "begins" || e.What == "ends" {
		if len(c.marks) < c.limits.Messages {
			c.marks = append(c.marks, mark{at, e.Name, e.What == "begins", e.Detail})
		}
		return
	}
	action := slices.Index(c.s.Actions(), e.Name)
	what := slices.Index(whats, e.What)
	if action < 0 || what < 0 {
		return
	}
	if e.What == "answered" {
		curve(c.s, &c.curves, action).add(e.At)
	}
	if len(c.events) >= c.limits.Messages {
		c.left.Events++
		return
	}
	c.events = append(c.events, event{at, action, what, c.nodeOf(e.From), c.nodeOf(e.To)})
}

// Compared is for scenario.Options.Compared.
func (c *Collector) Compared(strategy string, e scenario.Event) {
	if action := slices.Index(c.s.Actions(), e.Name); action >= 0 && e.What == "answered" {
		curves := c.compared[strategy]
		curve(c.s, &curves, action).add(e.At)
		c.compared[strategy] = curves
	}
}

// curve returns the curve of an action.
func curve(s *scenario.Scenario, curves *[]*Curve, action int) *Curve {
	for len(*curves) <= action {
		*curves = append(*curves, &Curve{Action: s.Actions()[len(*curves)]})
	}
	return (*curves)[action]
}

// maxExtra is how many names there are besides those of nodes.
const maxExtra = 1000

// nodeOf returns the number of a node: those that are not of the scenario follow
// after it. -1 = it is not shown.
func (c *Collector) nodeOf(name string) int {
	if name == "" {
		return -1
	}
	if base, _, ok := strings.Cut(name, "~"); ok && base != "" {
		name = base // a host from which a node discovers
	}
	if i := c.s.NodeIndex(name); i >= 0 {
		k := sort.Search(len(c.groups), func(k int) bool { return c.groups[k].First > i }) - 1
		g := &c.groups[k]
		if i -= g.First; i >= g.kept {
			return -1
		}
		return g.at + i
	}
	if _, ok := c.extra.index[name]; !ok && len(c.extra.List) >= maxExtra {
		return -1
	}
	return len(c.nodes) + c.extra.of(name)
}

// since is a moment as the page has it.
func since(d time.Duration) int64 { return d.Microseconds() }

// transit takes what happens to a datagram.
func (c *Collector) transit(t *sim.Transit) {
	at := since(t.At.Sub(sim.Epoch))
	c.end = max(c.end, at)
	c.survey.pass(c, at)
	from, to := c.nodeOf(t.From), c.nodeOf(t.To)
	c.count(t, at, from, to)
	if len(c.messages) >= c.limits.Messages {
		if t.Kind != sim.TransitSent {
			c.left.Messages++
		}
		return
	}
	x, gram := c.place(t, from, to)
	if t.Kind == sim.TransitSent {
		return
	}
	if from < 0 || to < 0 {
		c.left.Messages++
		return
	}
	if from == to && t.From != t.To {
		return // what a node asks a group, and gets itself
	}
	c.exchanges[x].n++
	c.messages = append(c.messages, message{since(t.Sent.Sub(sim.Epoch)), at, from, to, t.Cause, gram, x})
}

func (c *Collector) count(t *sim.Transit, at int64, from, to int) {
	add := func(node, kind int, n int64) {
		if node >= 0 && node < len(c.nodes) {
			c.nodes[node][kind] += n
		}
	}
	switch t.Kind {
	case sim.TransitSent:
		c.traffic.add(at, countSent, 1)
		add(from, 0, 1)
	case sim.TransitDelivered:
		c.traffic.add(at, countDelivered, 1)
		c.traffic.add(at, countBytes, int64(len(t.Data)))
		add(to, 1, 1)
		add(to, 3, int64(len(t.Data)))
	case sim.TransitLost:
		c.traffic.add(at, countLost, 1)
		add(to, 2, 1)
		add(from, 4, 1)
	}
}

// place returns the exchange that a datagram belongs to, and where its bytes are
// kept, + 1.
func (c *Collector) place(t *sim.Transit, from, to int) (x, gram int) {
	gram, ok := c.gramOf[string(t.Data)]
	if !ok && len(c.grams) < c.limits.Datagrams {
		c.grams = append(c.grams, decode(t.Data, &c.words))
		gram = len(c.grams)
		c.gramOf[string(t.Data)] = gram
	} else if !ok && t.Kind == sim.TransitSent {
		c.left.Datagrams++
	}
	var m codec.Message
	if m.Parse(t.Data) != nil {
		return c.exchangeOf(tokenKey{client: t.From + " " + t.Dest.String()}, from, to, "no CoAP, to "+t.Dest.String(), t), gram
	}
	switch {
	case m.Code.IsRequest():
		x = c.exchangeOf(tokenKey{t.From, m.Token}, from, to, summary(&m), t)
		c.byID[idKey{t.From, t.To, m.MessageID}] = x
	case m.Code.IsResponse():
		x = c.exchangeOf(tokenKey{t.To, m.Token}, to, from, summary(&m)+", unasked", t)
		c.byID[idKey{t.From, t.To, m.MessageID}] = x
	default:
		if x, ok = c.byID[idKey{t.To, t.From, m.MessageID}]; ok && m.Type != codec.CON {
			return x, gram
		}
		if x, ok = c.byID[idKey{t.From, t.To, m.MessageID}]; ok && m.Type == codec.CON {
			return x, gram // a ping again
		}
		x = c.newExchange(from, to, summary(&m), t)
		c.byID[idKey{t.From, t.To, m.MessageID}] = x
	}
	return x, gram
}

func (c *Collector) exchangeOf(k tokenKey, client, server int, label string, t *sim.Transit) int {
	x, ok := c.byToken[k]
	if !ok {
		x = c.newExchange(client, server, label, t)
		c.byToken[k] = x
	}
	return x
}

func (c *Collector) newExchange(client, server int, label string, t *sim.Transit) int {
	if t.Multicast {
		server = -1
	}
	c.exchanges = append(c.exchanges, exchange{client, server, c.words.of(label), since(t.Sent.Sub(sim.Epoch)), 0})
	return len(c.exchanges) - 1
}
