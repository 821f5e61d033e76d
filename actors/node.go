package actors

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Node is a CoAP node: server and client at once, on one transport. Its methods
// may be called from any goroutine. Make one with Start.
type Node struct {
	// What every message needs comes first, and then the first shard.
	*settings
	env        *Env
	transport  atomic.Pointer[netio.Transport] // nil while the socket is down
	router     atomic.Pointer[router]
	lastText   atomic.Pointer[byte] // the URI of the last request
	lastTarget atomic.Pointer[target]
	tap        func(TapEvent)
	observer   Observer
	groups     atomic.Pointer[groups] // nil until a group is called
	shards     []*shard
	shard      *shard       // the first: home of the node's own actors
	inlineCtx  *taskContext // of Inline handlers
	mu         sync.Mutex
	calls      *Call        // doubly linked; guarded by mu, as are those up to gone
	watching   *Observation // doubly linked
	stopped    bool
	gone       bool // it has ended
	unnamed    bool // its name is a label for logs only
	asleep     bool // it has no actors: see Doze; of the goroutine of the first shard
	adopt      bool // the transport is open and at work, and waits for its actor; as asleep
	home       shard

	id  string // unique in the process, the name of its actors
	log nodeLog
	cfg *Config // of a node whose transport the Env opens
	// identify says who a peer has proved to be, wherever it is; false: nobody
	// knows. nil for plain UDP, where nobody ever does.
	identify  func(netio.Peer) (string, bool)
	identity  atomic.Pointer[identity]  // who it is for others; nil = nobody has asked
	responder atomic.Pointer[responder] // nil until somebody discovers
	hosts     map[string]netip.AddrPort // Config.Resolve, by canonical name
	naming    *naming                   // nil if the network is not asked for names
	open      func() (netio.Transport, error)
	tapMu     sync.Mutex // Config.Tap is called by one shard at a time

	// Guarded by mu:
	middleware []Middleware
	seq        uint64
	watched    int // how many are in watching
	local      []netip.AddrPort
	counted    netio.Transport // the last one; its drops come on top of
	dropped    uint64          // those of all before it
	done       []Signal        // of those that wait for the end

	// The rest belongs to the goroutine of the first shard.
	box         *mailbox        // of its own actor
	socket      *mailbox        // the transport's
	opened      netio.Transport // opened by Start, not yet taken by its actor
	places      groupPlaces     // where groups are
	openedAt    netio.Instant
	failures    int // of sockets that did not live long, in a row
	incarnation int

	only   [1]*shard // room for shards
	end    sync.Once
	detach []func()
}

// Start opens the transport and begins to serve. It returns when the node can
// be asked; /.well-known/core is there, everything else is added with Handle.
func Start(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	env := cfg.Env
	if env == nil {
		env = SystemEnv()
	}
	n := &Node{settings: env.settingsOf(&cfg), env: env, log: nodeLog{cfg.Log, cfg.Name}, tap: cfg.Tap}
	if n.log.base == nil {
		n.log.base = env.Log
	}
	n.id = "node" + env.System.ProcessRegistry.NextId()
	if cfg.Name != "" {
		n.id += "." + cfg.Name
	}
	if env.Observe != nil {
		n.observer = env.Observe(n.id)
	}
	n.inlineCtx = &taskContext{env: env, inline: true}
	n.open = cfg.Open
	if n.open == nil {
		if env.Open == nil {
			return nil, errors.New("actors: Config.Open is nil, and the Env has no transport of its own")
		}
		again := cfg
		again.Setup = nil
		n.cfg, n.open = &again, n.openAgain
	}
	n.shards = n.only[:0]
	for i := range max(cfg.Shards, 1) {
		sh := &n.home
		if i > 0 {
			sh = &shard{}
		}
		sh.init(n, i)
		n.shards = append(n.shards, sh)
	}
	n.shard = &n.home
	n.hosts = cfg.hosts()
	n.unnamed = cfg.Names.Mode == NamesOff
	if cfg.namesOn(env) {
		n.naming = newNaming(n, cfg.Name, cfg.Names)
	}
	r, err := (&router{}).with(n.coreRoute())
	if err != nil {
		return nil, err
	}
	n.router.Store(r)
	if cfg.Setup != nil {
		if err := cfg.Setup(n); err != nil {
			return nil, err
		}
	}
	if n.opened, err = n.open(); err != nil {
		return nil, fmt.Errorf("actors: opening the transport: %w", err)
	}
	szx := blockSZX(cfg.BlockSize, n.opened.MTU())
	for _, sh := range n.shards {
		sh.szx = szx
		var stop func()
		sh.loop.wake, stop = env.Runner.Attach(sh.loop.drain)
		n.detach = append(n.detach, stop)
	}
	if err := n.spawn(); err != nil {
		return nil, err
	}
	return n, nil
}

// openAgain opens the Env's transport. A socket that replaces one that died has
// its port, even if that was of the system's choosing: peers know no other.
func (n *Node) openAgain() (netio.Transport, error) {
	if local := n.Addrs(); len(local) > 0 {
		again := *n.cfg
		again.Listen = make([]string, len(local))
		for i, a := range local {
			again.Listen[i] = a.String()
		}
		if t, err := n.env.Open(&again); err == nil {
			return t, nil
		}
	}
	return n.env.Open(n.cfg)
}

// spawn starts the actors, on the caller's goroutine: when it returns they are
// there.
func (n *Node) spawn() error {
	n.shard.loop.enter()
	box, err := n.shard.spawn(n.env.System.Root, roleNode, n.id, nil)
	n.box = box
	n.shard.loop.leave()
	if err != nil {
		_ = n.opened.Close()
		n.leave()
		return fmt.Errorf("actors: starting the node: %w", err)
	}
	return nil
}

// leave gives the run queues' goroutines back.
func (n *Node) leave() {
	for _, stop := range n.detach {
		stop()
	}
}

// setTransport tells the shards and the node's users about the socket; nil while
// there is none.
func (n *Node) setTransport(t netio.Transport) {
	if t == nil {
		n.transport.Store(nil)
		return
	}
	n.transport.Store(&t)
	local := t.Local()
	n.mu.Lock()
	n.local = local
	n.dropped += dropped(n.counted)
	n.counted = t
	n.mu.Unlock()
}

// Name returns the node's name, "" if it has none. Where another node had the one
// that was configured it is a numbered one (NamesConfig).
func (n *Node) Name() string {
	if n.naming == nil {
		return n.log.name
	}
	return n.whoami().name
}

// Addrs returns the addresses on which the node receives, with their ports. An
// unspecified address means all addresses of the machine.
func (n *Node) Addrs() []netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]netip.AddrPort(nil), n.local...)
}

// families says whether the node can send to IPv4 and to IPv6 addresses.
func (n *Node) families() (v4, v6 bool) {
	for _, a := range n.Addrs() {
		if a.Addr().Is4() {
			v4 = true
		} else {
			v6 = true
		}
	}
	return v4, v6
}

// Use adds a middleware around every handler, those that are there and those
// that will be. The one added first is the outermost. The built-in
// /.well-known/core is wrapped too.
func (n *Node) Use(m Middleware) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.middleware = append(n.middleware, m)
	for _, r := range n.router.Load().routes {
		n.wrap(r)
	}
}

// wrap puts the middleware around a route's handlers; n.mu is held, or n not
// yet shared.
func (n *Node) wrap(r *Route) {
	if len(n.middleware) == 0 && !r.resource.offers() {
		return
	}
	var hs [8]Handler
	for i := range hs {
		hs[i] = r.resource.handler(codec.Code(i))
	}
	r.resource.offer(&hs)
	for i, h := range hs {
		if h == nil {
			continue
		}
		for j := len(n.middleware) - 1; j >= 0; j-- {
			h = n.middleware[j](h)
		}
		hs[i] = h
	}
	r.handlers.Store(&hs)
}

// Handle serves a resource at a path. The pattern's segments are literal,
// {name} for exactly one segment (see Request.PathValue), or, at the end, "*"
// for the rest of the path. Literal segments win over {name}, {name} over "*".
// A pattern that is malformed or taken is an error, as is a resource without a
// handler.
func (n *Node) Handle(pattern string, res Resource) (*Route, error) {
	if err := res.validate(); err != nil {
		return nil, fmt.Errorf("actors: resource %q: %w", pattern, err)
	}
	segments, err := splitPattern(pattern)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return nil, fmt.Errorf("actors: resource %q: %w", pattern, ErrStopped)
	}
	route := n.newRoute(pattern, segments, &res)
	r, err := n.router.Load().with(route)
	if err != nil {
		return nil, err
	}
	n.router.Store(r)
	return route, nil
}

func (n *Node) newRoute(pattern string, segments []string, res *Resource) *Route {
	n.seq++
	route := &Route{node: n, pattern: pattern, segments: segments, resource: res, seq: n.seq, sites: make([]site, len(n.shards))}
	n.wrap(route)
	return route
}

func (n *Node) removeRoute(route *Route) {
	n.mu.Lock()
	n.router.Store(n.router.Load().without(route))
	n.mu.Unlock()
	route.removed.Store(true)
	for _, sh := range n.shards {
		if sh.resources != nil { // else nothing has been spawned yet
			sh.post(sh.resources, removed{route})
		}
	}
}

// addCall puts a call on the list of those that Stop ends; false if the node is
// stopped.
func (n *Node) addCall(c *Call) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return false
	}
	c.listed = true
	if c.next = n.calls; c.next != nil {
		c.next.prev = c
	}
	n.calls = c
	return true
}

// dropCall takes a call off the list. It reports whether a node that stops has
// been waiting for just this.
func (n *Node) dropCall(c *Call) (last bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !c.listed {
		return false
	}
	c.listed = false
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		n.calls = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
	return n.stopped && !n.gone && n.calls == nil
}

func (n *Node) openCalls() []*Call {
	n.mu.Lock()
	defer n.mu.Unlock()
	var cs []*Call
	for c := n.calls; c != nil; c = c.next {
		cs = append(cs, c)
	}
	slices.Reverse(cs) // the oldest first
	return cs
}

// soon runs f on the first shard's goroutine, or here where the node has ended.
func (n *Node) soon(f func()) { n.soonAt(n.shard, f) }

// soonAt runs f on a shard's goroutine, or here where the node has ended.
func (n *Node) soonAt(sh *shard, f func()) {
	n.mu.Lock()
	gone := n.gone
	if !gone {
		// Under the lock: what is scheduled before ended is still run.
		sh.loop.Schedule(f)
	}
	n.mu.Unlock()
	if gone {
		f()
	}
}

// Stop ends the node. New requests are refused (5.03), those being served are
// finished, then own calls that are still open end with ErrStopped, and the
// socket is closed. When ctx ends first, what is still open is cut off, the
// contexts of handlers end, and Stop returns the context's error. A second Stop
// waits for the same end.
//
// Stop must not be called from an Inline handler or from a callback; another
// handler that calls it waits for its own end, until ctx ends.
func (n *Node) Stop(ctx context.Context) error {
	n.rouse()
	if n.box == nil {
		return fmt.Errorf("actors: Stop: %w", errNotStarted)
	}
	s := n.env.Runner.NewSignal()
	n.mu.Lock()
	n.stopped = true
	gone := n.gone
	if !gone {
		n.done = append(n.done, s)
	}
	n.mu.Unlock()
	var err error
	if !gone {
		n.shard.post(n.box, stopNode{})
		if err = s.Wait(ctx); err != nil {
			n.shard.post(n.box, stopNow{})
			// A shard may be waiting for room to send, and would not hear it.
			if t := n.transport.Load(); t != nil {
				if h, ok := (*t).(netio.Hurrier); ok {
					h.Hurry()
				}
			}
			_ = s.Wait(context.Background())
			err = fmt.Errorf("actors: Stop: what was open has been cut off: %w", err)
		}
	}
	n.end.Do(n.leave)
	return err
}

// ended is called on the first shard's goroutine when its last actor has
// stopped.
func (n *Node) ended() {
	n.shard.disarm()
	for _, sh := range n.shards[1:] {
		sh.loop.Schedule(sh.disarm)
	}
	n.inlineCtx.end(ErrStopped)
	if n.naming != nil {
		n.naming.leaving = true
	}
	n.mu.Lock()
	n.stopped, n.gone = true, true
	done := n.done
	n.done = nil
	n.mu.Unlock()
	// None is open unless the node itself has failed.
	for _, c := range n.openCalls() {
		if sh := c.sh.Load(); sh == n.shard {
			sh.finish(c, nil, ErrStopped)
		} else {
			sh.loop.Schedule(func() { sh.finish(c, nil, ErrStopped) })
		}
	}
	n.endGroupCalls()
	for _, o := range n.openObservations() {
		o.finish(nil, o.failure(ErrStopped))
	}
	for _, s := range done {
		s.Set()
	}
}

// Stats returns the node's counters.
func (n *Node) Stats() Stats {
	s := Stats{Dropped: map[string]uint64{}}
	for _, sh := range n.shards {
		sh.stats.add(&s)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s.Observe.Observations = n.watched
	s.SystemDrops = n.dropped + dropped(n.counted)
	return s
}

// dropped asks a transport what the system has dropped.
func dropped(t netio.Transport) uint64 {
	if d, ok := t.(netio.DropCounter); ok {
		return d.Dropped()
	}
	return 0
}

// URI returns a URI for a path of this node, at its first address (the loopback
// address where that is unspecified): for demonstrations and tests.
func (n *Node) URI(path string) string {
	addrs := n.Addrs()
	if len(addrs) == 0 {
		return ""
	}
	a := addrs[0]
	if a.Addr().IsUnspecified() {
		ip := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if a.Addr().Is6() {
			ip = netip.IPv6Loopback()
		}
		a = netip.AddrPortFrom(ip, a.Port())
	}
	return "coap://" + a.String() + path
}
