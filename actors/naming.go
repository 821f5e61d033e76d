package actors

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

// naming is what a node knows of names, its own and others': plain state of the
// first shard's goroutine, which the actor "names" works on and which outlives its
// restarts.
type naming struct {
	node  *Node
	cfg   *NamesConfig
	box   *mailbox
	cache protocol.NameCache
	stats atomic.Pointer[protocol.NameCacheStats] // as they were a moment ago
	// lookups are the names that are being asked for, one question each however many
	// wait for it; never ranged over.
	lookups map[string]*nameLookup
	probe   protocol.Probe // without a name if the node has none
	asking  *probing       // nil while it asks nobody
	greets  int            // hellos still to be said
	joined  bool           // groups are
	leaving bool
	due     protocol.Handle // of its timer
	at      netio.Instant   // and its moment
	greetAt netio.Instant
	saveAt  netio.Instant // what has changed is to be kept then; 0 = nothing has
	saving  bool
	storeMu sync.Mutex // around what is done with the store
}

// nameLookup is a question under way.
type nameLookup struct {
	waiting []func(nameAnswer)
	end     func()
}

// nameAnswer is what a lookup has brought.
type nameAnswer struct {
	addrs []netip.AddrPort
	err   error
}

// Messages to the actor "names".
type (
	// findName: somebody wants to know where a name is. again: not from memory.
	findName struct {
		name  string
		again bool
		reply func(nameAnswer)
	}
	// nameFound: a question has been answered, or not.
	nameFound struct {
		name    string
		refresh bool
		host    hostFound
		err     error
	}
	// nameFailed: nobody answers at an address of a name.
	nameFailed struct {
		name string
		addr netip.AddrPort
	}
	// heardName: a node has said hello or goodbye.
	heardName struct {
		name  string
		hello protocol.Hello
		from  netip.AddrPort
	}
	// namesDue: something is to be done.
	namesDue struct{}
	// namesOpen: the socket is open; namesChanged: interfaces have come or gone.
	namesOpen    struct{}
	namesChanged struct{}
	// namesSaved: what was to be kept has been, or not.
	namesSaved struct{ err error }
)

// hostFound is what is known of a host that has been asked for.
type hostFound struct {
	instance protocol.InstanceID
	addrs    []netip.AddrPort
	age      time.Duration
}

const (
	// maxLookups bounds the names that are asked for at one time.
	maxLookups = 256
	// saveAfter is how long changes are gathered before they are kept.
	saveAfter = time.Second
	// greetings is how often a node says hello when it has come, greetEvery apart: a
	// single datagram may be lost.
	greetings  = 2
	greetEvery = time.Second
)

// namesActor is the actor "names".
type namesActor struct{ *naming }

// Receive implements actor.Actor.
func (a namesActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case findName:
		a.onFind(m)
	case nameFound:
		a.onFound(m)
	case nameFailed:
		a.cache.Failed(m.name, m.addr)
		a.changed()
	case heardName:
		a.onHeard(m)
	case namesDue:
		a.due = 0
		a.onDue()
	case namesOpen:
		a.onOpen()
	case namesChanged:
		a.onChanged()
	case namesSaved:
		a.onSaved(m)
	}
	a.arm()
	s := a.cache.Stats()
	a.stats.Store(&s)
}

// newNaming reads what a node knew in its last life. cfg is valid.
func newNaming(n *Node, name string, cfg NamesConfig) *naming {
	m := &naming{node: n, cfg: &cfg, cache: protocol.MakeNameCache(cfg.Cache), lookups: map[string]*nameLookup{}}
	wish, _ := protocol.CanonicalName(name) // "" if there is none
	var id protocol.InstanceID
	last, known := wish, false
	if s := cfg.Store; s != nil {
		b, err := s.Get(namesKey)
		if err == nil && b != nil {
			var kept storedNames
			var rs []protocol.NameRecord
			if kept, id, rs, err = decodeNames(b, n.env.Clock); err == nil {
				m.cache.Restore(n.env.Clock.Now(), rs)
				if known = true; kept.Wish == wish && kept.Name != "" {
					last = kept.Name
				}
			}
		}
		if err != nil {
			n.log.Warn("actors: what the node knew of names is lost; it begins anew", "error", err)
		}
	}
	if !known {
		id = n.newInstance()
		if wish != "" { // who has no name is nobody to remember
			m.changed()
		}
	}
	if wish != "" {
		m.probe = protocol.MakeProbe(cfg.Probe, wish, id)
		m.probe.Resume(last)
	}
	n.identity.Store(&identity{name: m.probe.Name(), id: id})
	m.stats.Store(&protocol.NameCacheStats{})
	return m
}

// newInstance makes an instance ID.
func (n *Node) newInstance() (id protocol.InstanceID) {
	r := n.env.Rand(n.id, "instance")
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

// identity is who a node is for others: its name, "" if it has none, and its
// instance ID.
type identity struct {
	name string
	id   protocol.InstanceID
	held bool // the name is its own; else it is asking whose it is
}

// whoami returns the node's identity, by any goroutine.
func (n *Node) whoami() identity {
	if i := n.identity.Load(); i != nil {
		return *i
	}
	return identity{}
}

func (m *naming) id() protocol.InstanceID { return m.node.identity.Load().id }

func (m *naming) now() netio.Instant { return m.node.shard.now() }

// NameStats returns the counters of what the node knows of others' names.
func (n *Node) NameStats() protocol.NameCacheStats {
	if n.naming == nil {
		return protocol.NameCacheStats{}
	}
	return *n.naming.stats.Load()
}

// onFind answers from memory, or asks the network.
func (m *naming) onFind(f findName) {
	strangers := m.cache.Stats().Heard
	r, state := m.cache.Lookup(m.now(), f.name)
	if m.cache.Stats().Heard != strangers { // it is worth being kept now
		m.changed()
	}
	switch {
	case m.leaving:
		f.reply(nameAnswer{err: ErrStopped})
	case state == protocol.NameFresh && !f.again:
		f.reply(nameAnswer{addrs: r.Addrs})
	case state == protocol.NameAbsent && !f.again:
		f.reply(nameAnswer{err: errNobody})
	case m.lookups[f.name] != nil:
		l := m.lookups[f.name]
		l.waiting = append(l.waiting, f.reply)
	case !m.ask(f.name, false, f.reply):
		f.reply(nameAnswer{err: ErrBusy})
	}
}

// ask asks the network for a name, on a goroutine of its own.
func (m *naming) ask(name string, refresh bool, waiting ...func(nameAnswer)) bool {
	if len(m.lookups) >= maxLookups || m.leaving {
		return false
	}
	n := m.node
	ctx := &taskContext{env: n.env}
	m.lookups[name] = &nameLookup{waiting: waiting, end: func() { ctx.end(ErrStopped) }}
	n.env.Runner.Go(func() {
		defer ctx.end(context.Canceled)
		host, err := n.findHost(ctx, name)
		n.shard.post(m.box, nameFound{name, refresh, host, err})
	})
	return true
}

// onFound tells those who have waited.
func (m *naming) onFound(f nameFound) {
	l := m.lookups[f.name]
	if l == nil {
		return
	}
	delete(m.lookups, f.name)
	now := m.now()
	a := nameAnswer{err: f.err}
	switch {
	case f.err == nil:
		if f.host.age <= 0 { // it is being asked whose the name is
			f.host.age = time.Second
		}
		m.cache.Learn(now, f.name, f.host.instance, f.host.age, f.host.addrs)
		a.addrs = slices.Clone(f.host.addrs)
		m.changed()
	case errors.Is(f.err, errNobody):
		// One question in vain does not take away what is believed for a while yet.
		if !f.refresh || len(l.waiting) > 0 {
			m.cache.Learn(now, f.name, protocol.InstanceID{}, 0, nil)
		}
		m.changed()
	default:
		// The question could not be asked: what is in doubt is better than nothing.
		if r, state := m.cache.Lookup(now, f.name); state == protocol.NameStale || state == protocol.NameFresh {
			var conflict *ConflictError
			if !errors.As(f.err, &conflict) {
				a = nameAnswer{addrs: r.Addrs}
			}
		}
	}
	for _, reply := range l.waiting {
		reply(a)
	}
}

// onDue does what is to be done at this moment.
func (m *naming) onDue() {
	now := m.now()
	for {
		name, ok := m.cache.Refresh(now)
		if !ok {
			break
		}
		if m.lookups[name] == nil {
			m.ask(name, true)
		}
	}
	if m.greets > 0 && m.greetAt <= now {
		m.greet()
	}
	if m.saveAt != 0 && m.saveAt <= now {
		m.save()
	}
}

// arm sets the timer for the next thing to do.
func (m *naming) arm() {
	at := m.cache.Due()
	for _, t := range [...]netio.Instant{m.saveAt, m.greetTime()} {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	sh := m.node.shard
	if m.due != 0 && m.at == at {
		return
	}
	sh.cancel(&m.due)
	if m.at = at; at != 0 && !m.leaving {
		m.due = sh.timers.Add(at, timer{box: m.box, msg: namesDue{}})
	}
}

func (m *naming) greetTime() netio.Instant {
	if m.greets == 0 {
		return 0
	}
	return m.greetAt
}

// changed notes that there is something to be kept.
func (m *naming) changed() {
	if m.cfg.Store != nil && m.saveAt == 0 {
		m.saveAt = m.now().Add(saveAfter)
	}
}

// save writes what is to be kept, on another goroutine.
func (m *naming) save() {
	if m.cfg.Store == nil || m.saving {
		m.saveAt = 0
		return
	}
	m.saveAt, m.saving = 0, true
	put := m.put()
	n := m.node
	n.env.Runner.Go(func() { n.shard.post(m.box, namesSaved{put()}) })
}

// put returns the function that writes what is known at this moment.
func (m *naming) put() func() error {
	n := m.node
	me := *n.identity.Load()
	wish, _ := protocol.CanonicalName(n.log.name)
	b, err := encodeNames(n.env.Clock, me.id, wish, me.name, m.cache.Records(m.now()))
	store := m.cfg.Store
	return func() error {
		if err != nil {
			return err
		}
		m.storeMu.Lock()
		defer m.storeMu.Unlock()
		return store.Put(namesKey, b)
	}
}

func (m *naming) onSaved(s namesSaved) {
	m.saving = false
	if s.err != nil {
		m.node.log.Warn("actors: what the node knows of names could not be kept", "error", s.err)
	}
}

// leave says goodbye and ends the questions; flush, for another goroutine, keeps
// what is known.
func (m *naming) leave() (flush func()) {
	if !m.leaving {
		m.leaving = true
		m.endProbe()
		for _, name := range slices.Sorted(maps.Keys(m.lookups)) {
			l := m.lookups[name]
			l.end()
			for _, reply := range l.waiting {
				reply(nameAnswer{err: ErrStopped})
			}
		}
		clear(m.lookups)
		if m.probe.Held() {
			m.say(protocol.Hello{ID: m.id(), Goodbye: true})
		}
	}
	if m.cfg.Store == nil || m.saveAt == 0 && !m.saving {
		return func() {}
	}
	put := m.put()
	return func() {
		if err := put(); err != nil {
			m.node.log.Warn("actors: what the node knows of names could not be kept", "error", err)
		}
	}
}
