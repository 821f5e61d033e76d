package actors

import (
	"net/netip"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// observing is the part of a shard that serves observers (RFC 7641 §4). It is
// plain data of the shard's goroutine, made with the first observer, and
// outlives every actor: a resource that starts again has its observers.
type observing struct {
	sh    *shard
	table *protocol.Observers
	// places say where each observer is, by ObserverID.Index, in pages, so that
	// a growing table leaves no old one behind.
	places []*[placesPerPage]whereabouts
	views  []*view // by the low half of the TopicID, less 1

	msg   codec.Message // what is being encoded, and room for it
	opts  codec.Options
	value []byte
	key   []byte

	// Of subscriptions, which are observers with rules: by the value that the
	// table has of them, less 1, by number, and how many each peer has.
	subs     []*subscription
	freeSubs []uint64
	byNumber map[uint32]*subscription
	perPeer  map[uint64]int
	work     []*ruleSet // those that have something to evaluate
	longest  int        // the most evaluations in a turn

	// registering are the registrations whose handlers have not answered yet.
	registering map[registering]underWay
	begun       uint64 // registrations ever

	// Besides those that the table counts: registrations for which a resource
	// had no room, and states that waited too long to come to the table.
	refused, conflated, dropped uint64
	// samples that went through rules, that were replaced before they could,
	// notifications that rules have selected, and leases that have ended.
	samples, unevaluated, selected, expired, undecoded uint64
}

const placesPerPage = 64

// whereabouts are where notifications for an observer go.
type whereabouts struct {
	peer  *peerEntry
	local netip.AddrPort
	ifi   int
}

// observers returns the shard's table of observers, which is made when it is
// needed.
func (sh *shard) observers() *observing {
	if sh.obs == nil {
		n := sh.node
		cfg := n.settings.observers
		cfg.Max, cfg.MaxPerPeer = sh.limits.Observers, sh.limits.ObserversPerPeer
		// An observer keeps its peer from being forgotten, and sources are
		// easily forged: three quarters of the peers remain for others.
		cfg.MaxPeers = max(sh.limits.Peers/4, 1)
		cfg.Seed = sh.rand.Uint64()
		sh.obs = &observing{sh: sh, table: protocol.NewObservers(cfg)}
		sh.stats.observing.Store(&observingCounters{})
	}
	return sh.obs
}

// observable looks at the Observe option of a request for an observable
// resource. One that registers is served as any other, and becomes an
// observation with a good answer; one that deregisters does so now (RFC 7641
// §4.1).
func (e *endpoint) observable(in *incoming) {
	v, ok := in.msg.Options.Uint(codec.OptionObserve)
	if !ok || in.group || in.stream != nil || in.has2 && in.block2.Num > 0 || in.msg.Code != codec.GET && in.msg.Code != codec.FETCH {
		return
	}
	switch v {
	case 0:
		e.sh.observers().begin(in)
		in.changes = in.route.watch().sites[e.sh.index].changes.Load()
	case 1:
		e.sh.withdraw(in)
	}
}

// registering says which registrations a deregistration is about.
type registering struct {
	tokenKey
	route *Route
}

// underWay counts registrations that have not been answered. Those up to a
// number are withdrawn: the network has brought a deregistration that was sent
// after them, and the present state of a slow resource, which is all that they
// get then, is no reason to remember them.
type underWay struct {
	n         int
	withdrawn uint64
}

// begin notes a registration, until ends.
func (o *observing) begin(in *incoming) {
	if o.registering == nil {
		o.registering = map[registering]underWay{}
	}
	o.begun++
	in.observe, in.registration = true, o.begun
	key := registering{tokenKey{in.peer.ID, in.msg.Token}, in.route}
	u := o.registering[key]
	u.n++
	o.registering[key] = u
}

// ends forgets a registration, if a request is one: it has been answered, or
// never will be.
func (o *observing) ends(in *incoming) {
	if in.registration == 0 {
		return
	}
	key := registering{tokenKey{in.peer.ID, in.msg.Token}, in.route}
	u := o.registering[key]
	if u.n--; u.n <= 0 {
		delete(o.registering, key)
	} else {
		o.registering[key] = u
	}
	in.registration = 0
}

// withdrawn reports whether a registration has been withdrawn before its answer.
func (o *observing) withdrawn(in *incoming) bool {
	return in.registration <= o.registering[registering{tokenKey{in.peer.ID, in.msg.Token}, in.route}].withdrawn
}

// withdraw does what a deregistration asks for: it ends the observation, and
// what would become one.
func (sh *shard) withdraw(in *incoming) {
	if sh.obs == nil {
		return
	}
	key := registering{tokenKey{in.peer.ID, in.msg.Token}, in.route}
	if u, ok := sh.obs.registering[key]; ok {
		u.withdrawn = sh.obs.begun
		sh.obs.registering[key] = u
	}
	sh.deregister(in)
}

// deregister ends the observation that a request with the same token began, if
// it is one of the same resource.
func (sh *shard) deregister(in *incoming) {
	if sh.obs == nil {
		return
	}
	o := sh.obs
	id, ok := o.table.Find(in.peer.ID, in.msg.Token)
	if !ok {
		return
	}
	if t, ok := o.table.TopicOf(id); ok && o.viewOf(t).watch.route == in.route {
		o.remove(id)
	}
}

// register makes an observer of who has made a request that is being answered
// with m, and puts the Observe option into m; whole is the answer before it was
// cut into blocks. Where there is no room the answer is that of a resource that
// cannot be observed (RFC 7641 §4.1).
func (sh *shard) register(in *incoming, whole, m *codec.Message) {
	if sh.obs.withdrawn(in) {
		in.observe = false
		return
	}
	if !notifiable(m.Code) {
		sh.deregister(in) // the client takes an error for the end of it, too
		return
	}
	now := sh.now()
	if g := in.peer.Value.guard; sh.echo != nil && g != nil && !g.flow.Proven(now) {
		// Notifications are many answers to one request: they go only to an
		// address that is no forgery (RFC 9175 §2.4).
		m.Code, m.Payload = codec.Unauthorized, nil
		m.Options = codec.Options{codec.Echo(sh.echo.Append(nil, now, in.peer.Peer))}
		in.unasked = true
		return
	}
	o := sh.observers()
	w := in.route.watch()
	s := &w.sites[sh.index]
	if in.cut || in.unwanted(m.Code) || in.route.removed.Load() {
		o.refuse()
		return
	}
	v := o.viewFor(w, in)
	if v == nil {
		o.refuse()
		return
	}
	if most := in.route.resource.Observers; most > 0 && s.observers.Load() >= int64(max(most/len(w.sites), 1)) && !o.knows(in, v) {
		o.refuse()
		o.dropEmpty(v)
		return
	}
	if v.known && whole.Code == codec.Content && formatOf(whole.Options) != v.format {
		// For those who have observed it so far, that is its end.
		o.end(v, otherFormat)
		v = o.viewFor(w, in)
	}
	if in.joins != nil {
		o.subscribe(in, v, whole, m)
		return
	}
	id, result, old := o.table.Put(now, v.topic, in.peer.ID, in.msg.Token, 0, in.route.resource.Confirmable)
	switch {
	case old.ID == 0:
	case old.ID == id:
		o.leaveWindow(in.peer, &old)
	default:
		o.left(old)
	}
	if result == protocol.ObserverRefused {
		o.dropEmpty(v)
		return
	}
	if result == protocol.ObserverAdded || old.ID != id {
		o.settle(id, in)
		s.observers.Add(1)
	} else {
		p := o.place(id)
		p.local, p.ifi = in.dst.local, in.dst.ifi
	}
	v.begin(o, now, whole)
	o.opts = append(o.opts[:0], m.Options...).Remove(codec.OptionObserve)
	m.Options = o.withObserve(v.seq)
	if s.changes.Load() != in.changes {
		// It may have been answered before the state changed, and put in after
		// the others were told.
		o.refresh(v)
	}
}

// begin makes the answer to a registration the latest version of a view that
// has none yet, and sees to the sequence number.
func (v *view) begin(o *observing, now netio.Instant, m *codec.Message) {
	v.seq = o.firstNumber(v, now)
	v.noteFormat(m.Code, m.Options)
	version := o.table.Version(v.topic)
	if e := &v.editions[int(version)%len(v.editions)]; e.version != version || e.res == nil {
		*e = edition{version: version, res: &Response{Code: m.Code, Options: m.Options.Clone().Remove(codec.OptionObserve), Payload: append([]byte(nil), m.Payload...)}}
	}
}

func (o *observing) place(id protocol.ObserverID) *whereabouts {
	at := id.Index()
	return &o.places[at/placesPerPage][at%placesPerPage]
}

// settle notes where an observer is.
func (o *observing) settle(id protocol.ObserverID, in *incoming) {
	for id.Index()/placesPerPage >= len(o.places) {
		o.places = append(o.places, new([placesPerPage]whereabouts))
	}
	*o.place(id) = whereabouts{peer: in.peer, local: in.dst.local, ifi: in.dst.ifi}
	o.sh.peers.Pin(in.peer)
}

// leaveWindow gives back an observer's place in its peer's window, or in the
// queue for it.
func (o *observing) leaveWindow(pe *peerEntry, g *protocol.Gone) {
	switch {
	case g.Placed:
		o.settled(pe, g.MID, g.Reason == protocol.GoneCancelled || g.Reason == protocol.GoneFinished)
		o.sh.unexpect(pe)
	case pe.Value.window.Queued() > 0:
		o.sh.leaveQueue(pe, turn{observer: g.ID})
	}
}

// settled tells that no acknowledgement of a notification is awaited any more.
func (o *observing) settled(pe *peerEntry, mid uint16, answered bool) {
	if ob := o.sh.node.observer; ob != nil {
		ob.Settled(pe.Peer, mid, answered)
	}
}

// remove ends an observation.
func (o *observing) remove(id protocol.ObserverID) {
	if g, ok := o.table.Remove(id); ok {
		o.left(g)
	}
}

// left gives back what an observer that is gone has held.
func (o *observing) left(g protocol.Gone) {
	p := o.place(g.ID)
	pe := p.peer
	*p = whereabouts{}
	o.leaveWindow(pe, &g)
	o.sh.peers.Unpin(pe)
	v := o.viewOf(g.Topic)
	v.site.observers.Add(-1)
	if v.rules != nil {
		v.site.subscribers.Add(-1)
		if sub := o.sub(g.Value); sub != nil {
			o.unsubscribe(sub)
		}
	}
	o.dropEmpty(v)
}

// dropEmpty drops a view that nobody has.
func (o *observing) dropEmpty(v *view) {
	if o.table.Len(v.topic) == 0 {
		o.dropView(v)
	}
}

// knows reports whether a registration is that of somebody who observes the
// resource already: it takes no room.
func (o *observing) knows(in *incoming, v *view) bool {
	if id, ok := o.table.Find(in.peer.ID, in.msg.Token); ok {
		if t, ok := o.table.TopicOf(id); ok && o.viewOf(t).watch == v.watch {
			return true
		}
	}
	return in.joins != nil && o.resumed(in, v) != nil
}

// refuse counts a registration for which there is no room.
func (o *observing) refuse() { o.refused++ }

// unregister ends the observation that an answer has begun which did not reach
// its peer, or which the peer has rejected.
func (sh *shard) unregister(in *incoming) {
	if in != nil && in.observe {
		sh.deregister(in)
	}
}

// acknowledged handles an empty ACK or a RST that belongs to no exchange: it may
// be the answer to a notification. It reports whether it was.
func (o *observing) acknowledged(pe *peerEntry, mid uint16, reset bool) bool {
	if reset {
		g, ok := o.table.Reset(pe.ID, mid)
		if ok {
			o.left(g)
		}
		return ok
	}
	g, gone, ok := o.table.Ack(o.sh.now(), pe.ID, mid)
	switch {
	case gone:
		o.left(g)
	case ok:
		o.settled(pe, mid, true)
		o.sh.unexpect(pe)
	}
	return ok
}

// observed reports whether the shard has observers, or observes: then it is not
// idle, whatever it is doing.
func (sh *shard) observed() bool {
	return sh.obs != nil && sh.obs.table.Count() > 0 || len(sh.observations) > 0
}
