package scenario

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"sort"
	"strings"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/sim"
)

// Options say how a scenario is run. The zero value runs it as it says, in one
// go.
type Options struct {
	// Until ends the run earlier, or later, than the scenario says; 0 = as it
	// says.
	Until time.Duration
	// Trace takes the trace as text, see sim.World.TraceTo; nil = nobody.
	Trace io.Writer
	// Begin, where set, is called with the World before anything is in it, and
	// End when everything has happened, before the World is closed.
	Begin, End func(w *sim.World)
	// Event, where set, is called with what happens to the actions and faults.
	Event func(e Event)
	// Compared, where set, is called with what happens to the actions in the runs
	// with the strategies that are compared.
	Compared func(strategy string, e Event)
	// Progress, where set, is called now and then, the first time when Slice of
	// virtual time has passed. It returns how much is to pass until it is called
	// again, and an error to end the run, which Run returns.
	Progress func(p Progress) (slice time.Duration, err error)
	// Slice is for Progress; 0 = 10 ms.
	Slice time.Duration
	// strategy is that of all discoveries; "" = what they say.
	strategy strategy
}

// Progress says how far a run is.
type Progress struct {
	// Elapsed is the virtual time that has passed, and Stop when the run ends; 0
	// = when nothing is left to happen.
	Elapsed, Stop time.Duration
	// Deliveries counts the datagrams that have arrived, Answers those that the
	// actions have got.
	Deliveries, Answers uint64
}

// Event is something that happens to an action or a fault.
type Event struct {
	At time.Duration `json:"-"`
	// Name is that of the action or fault, What is what happens: "asks",
	// "answered", "failed", "cancelled", "begins", "ends".
	Name string `json:"name"`
	What string `json:"event"`
	// From and To are the nodes that take part, "" if none does.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Detail says more, the code of an answer for example.
	Detail string `json:"detail,omitempty"`
}

// run is a scenario that runs.
type run struct {
	s        *Scenario
	o        Options
	w        *sim.World
	places   []*place
	tallies  []*tally
	stop     time.Duration
	answers  uint64
	states   states
	feeds    map[stateKey]*feed
	hosts    map[string][]*fed // whose datagrams count for whom
	counting bool
	broken   []string // what made the run fail, besides expectations
	down     map[int]bool
	liar     *sim.Peer // nil while nobody lies
	dns      *dns      // nil while nobody discovers by multicast DNS
	// known is whom askers have found by rounds, if an action remembers it.
	known     map[int][]acquaintance
	remembers bool
	// strategy is that of all discoveries; "" = what they say.
	strategy strategy
}

// place is a group in the World.
type place struct {
	*group
	addr       netip.AddrPort // of the first node
	population *sim.Population
	single     bool
	has        []*lot // by resource: who has it
	plain      *lot   // who is a plain server; nil: nobody
}

// Run runs the scenario in a World of its own. The Report says how that went:
// an expectation that does not hold, an invariant that is violated and a panic
// are no errors. Errors are those of Options.Progress.
func (s *Scenario) Run(seed uint64, o Options) (rep *Report, err error) {
	return s.once(seed, o, (*run).compare)
}

// once runs the scenario, and what is to be done before it is judged.
func (s *Scenario) once(seed uint64, o Options, then func(r *run, seed uint64, rep *Report) error) (rep *Report, err error) {
	r := &run{s: s, o: o, strategy: o.strategy, w: sim.Config{Seed: seed, Unchecked: !s.invariants}.New(), stop: s.stop, down: map[int]bool{}, known: map[int][]acquaintance{},
		states: states{now: map[stateKey]uint64{}, routes: map[stateKey]*actors.Route{}}, feeds: map[stateKey]*feed{}, hosts: map[string][]*fed{}}
	if o.Until > 0 {
		r.stop = o.Until
	}
	defer r.close()
	if o.Begin != nil {
		o.Begin(r.w)
	}
	r.w.TraceTo(o.Trace)
	if err = r.build(); err == nil {
		err = r.play()
	}
	if err != nil {
		return nil, err
	}
	if o.End != nil {
		o.End(r.w)
	}
	rep = r.report(seed)
	r.close() // which looks at everything for a last time
	if then != nil {
		if err := then(r, seed, rep); err != nil {
			return nil, err
		}
	}
	r.judge(rep)
	return rep, nil
}

// close closes the World. Where something has panicked in it that may fail too,
// and nobody is to hear of it a second time.
func (r *run) close() {
	defer func() {
		if p := recover(); p != nil && len(r.broken) == 0 {
			panic(p)
		}
	}()
	r.w.Close()
}

// rand is the randomness of the scenario itself, by purpose.
func (r *run) rand(purpose string) *rand.Rand { return r.w.Rand("scenario", purpose) }

// build makes the nodes, and arms what is to happen.
func (r *run) build() error {
	if err := r.w.Link("", "", r.s.link); err != nil {
		return fmt.Errorf("scenario: link: %w", err)
	}
	for _, g := range r.s.nodes.groups {
		if err := r.settle(g); err != nil {
			return fmt.Errorf("scenario: nodes.%s: %w", g.name, err)
		}
	}
	for _, l := range r.s.links {
		if err := r.connect(l); err != nil {
			return fmt.Errorf("scenario: links.%s: %w", l.name, err)
		}
	}
	for _, x := range r.s.segments {
		if err := r.divide(x); err != nil {
			return fmt.Errorf("scenario: segments.%s: %w", strings.TrimPrefix(x.Name, segmentMark), err)
		}
	}
	for _, a := range r.s.actions {
		r.remembers = r.remembers || a.remember
		t := &tally{}
		r.tallies = append(r.tallies, t)
		if err := r.arm(a, t); err != nil {
			return fmt.Errorf("scenario: run.%s: %w", a.name, err)
		}
	}
	for _, f := range r.s.faults {
		r.armFault(f)
	}
	return nil
}

// settle makes the nodes of a group.
func (r *run) settle(g *group) error {
	p := &place{group: g}
	for _, res := range g.resources {
		p.has = append(p.has, r.lotOf(g, res))
	}
	r.places = append(r.places, p)
	if err := r.equip(g); err != nil {
		return err
	}
	cfg := actors.Config{Params: g.params, SeparateAfter: g.separateAfter}
	shared := p.shared()
	setup := func(i int, n *actors.Node) error { return r.furnish(p, shared, i, n) }
	if !g.pattern.numbered {
		p.single = true
		cfg.Setup = func(n *actors.Node) error { return setup(0, n) }
		_, err := r.w.Node(g.pattern.name(0), cfg)
		p.addr = r.w.Addr(g.pattern.name(0))
		return err
	}
	var err error
	p.population, err = r.w.Nodes(sim.Group{
		Count: g.count, Name: g.pattern.prefix + "%d" + g.pattern.suffix, First: g.pattern.first, Config: cfg, Setup: setup, Raw: r.raw(p),
	})
	if err == nil {
		p.addr = p.population.Addr(0)
	}
	return err
}

// equip sets how the nodes of a group are joined to the network, and how their
// clocks run.
func (r *run) equip(g *group) error {
	if g.iface == (sim.Interface{}) && g.drift == (drift{}) {
		return nil
	}
	of, err := r.set("group/"+g.name, union([]interval{{g.first, g.first + g.count}}), false)
	if err == nil && g.iface != (sim.Interface{}) {
		err = r.w.Interface(of, g.iface)
	}
	if err == nil && g.drift != (drift{}) {
		err = r.w.Drift(sim.Drift{Nodes: of, PPM: g.drift.ppm, Spread: g.drift.spread})
	}
	return err
}

// connect makes the links between some nodes different.
func (r *run) connect(l *link) error {
	var patterns [2]string
	for i, s := range [2]*selector{l.from, l.to} {
		if s == nil {
			continue
		}
		name := fmt.Sprintf("links/%s/%d", l.name, i)
		var err error
		if patterns[i], err = r.set(name, r.chosen(s, name, 0), false); err != nil {
			return err
		}
	}
	return r.w.Link(patterns[0], patterns[1], l.Link)
}

// placeOf returns the group of a node, and which of its nodes it is.
func (r *run) placeOf(i int) (*place, int) {
	k := sort.Search(len(r.places), func(k int) bool { return r.places[k].first > i }) - 1
	return r.places[k], i - r.places[k].first
}

// node returns a node; one that nobody has needed before begins to live.
func (r *run) node(i int) (*actors.Node, error) {
	p, k := r.placeOf(i)
	if p.single {
		return r.w.Lookup(p.pattern.name(0))
	}
	return p.population.Node(k)
}

// addr returns the address of a node.
func (r *run) addr(i int) netip.AddrPort {
	p, k := r.placeOf(i)
	if p.single {
		return p.addr
	}
	return p.population.Addr(k)
}

// nodeAt returns the node that has an address, -1 if none has.
func (r *run) nodeAt(a netip.AddrPort) int {
	if !a.Addr().Is4() {
		return -1
	}
	for _, p := range r.places {
		if k := int(ipv4(a)) - int(ipv4(p.addr)); k >= 0 && k < p.count {
			return p.first + k
		}
	}
	return -1
}

func ipv4(a netip.AddrPort) uint32 {
	b := a.Addr().As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// maxIdle is how long a scenario without stop may take.
const maxIdle = 24 * time.Hour

// play lets it all happen.
func (r *run) play() error {
	if r.o.Progress == nil {
		r.pass(0)
		return nil
	}
	slice := r.o.Slice
	if slice <= 0 {
		slice = 10 * time.Millisecond
	}
	for ended := false; !ended; {
		ended = r.pass(slice)
		p := Progress{Elapsed: r.w.Elapsed(), Stop: r.stop, Deliveries: r.w.NetStats().Delivered, Answers: r.answers}
		var err error
		if slice, err = r.o.Progress(p); err != nil {
			return err
		}
		slice = max(slice, time.Microsecond)
	}
	return nil
}

// pass lets so much time pass, 0 = all there is, and reports whether that was
// the end.
func (r *run) pass(slice time.Duration) (ended bool) {
	defer func() {
		if p := recover(); p != nil {
			r.broken = append(r.broken, fmt.Sprintf("panic: %v\n\n%s", p, debug.Stack()))
			ended = true
		}
	}()
	end := r.stop
	if end == 0 {
		end = maxIdle
	}
	left := end - r.w.Elapsed()
	if slice == 0 || slice > left {
		slice = left
	}
	if r.stop > 0 {
		_ = r.w.RunFor(slice) // its error is a violation, which the report has
		return r.w.Elapsed() >= end
	}
	err := r.w.RunUntilIdle(slice)
	switch {
	case errors.Is(err, sim.ErrInvariant): // as above
	case errors.Is(err, sim.ErrBusy) && slice < left:
		return false
	case errors.Is(err, sim.ErrBusy):
		r.broken = append(r.broken, fmt.Sprintf("after %v there is still something to happen", maxIdle))
	case err != nil:
		r.broken = append(r.broken, err.Error())
	}
	return true
}

// event tells of something that happens.
func (r *run) event(name, what string, from, to int, detail string) {
	if r.o.Event == nil {
		return
	}
	e := Event{At: r.w.Elapsed(), Name: name, What: what, Detail: detail}
	if from >= 0 {
		e.From = r.s.nodes.name(from)
	}
	if to >= 0 {
		e.To = r.s.nodes.name(to)
	}
	r.o.Event(e)
}

// repeat calls f as a schedule says; n counts from 0.
func (r *run) repeat(c *schedule, f func(n int)) {
	var next func(n int)
	next = func(n int) {
		if c.times == 0 || n+1 < c.times {
			r.w.AfterFunc(c.every, func() { next(n + 1) })
		}
		f(n)
	}
	r.w.AfterFunc(c.at, func() { next(0) })
}

// arm prepares an action.
func (r *run) arm(a *action, t *tally) error {
	switch a.verb {
	case discover:
		return r.armDiscovery(a, t)
	case request:
		r.repeat(&a.schedule, func(n int) { r.request(a, t, n) })
	case observe:
		r.repeat(&a.schedule, func(n int) { r.observe(a, t, n) })
	case alter:
		r.repeat(&a.schedule, func(n int) { r.change(a, t, n) })
	case publish:
		r.repeat(&a.schedule, func(n int) { r.publish(a, t, n) })
	case subscribe:
		t.fed = &fed{}
		r.count()
		r.repeat(&a.schedule, func(n int) { r.subscribe(a, t, n) })
	case load, transfer:
		r.repeat(&a.schedule, func(n int) { r.load(a, t, n) })
	}
	return nil
}

// chosen returns who is meant by a selector this time.
func (r *run) chosen(s *selector, purpose string, n int) members {
	return s.resolve(func() *rand.Rand { return r.rand(fmt.Sprintf("%s/%d", purpose, n)) })
}
