package actors

import (
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// notifyAtOnce is how many notifications leave before what has arrived
// meanwhile has its turn: a millisecond or two.
const notifyAtOnce = 256

// pump sends the notifications that may leave now, so many at a time, and
// reports whether there are more.
func (o *observing) pump() (more bool) {
	more = o.evaluate()
	if !o.table.Pending() {
		return more
	}
	now := o.sh.now()
	for range notifyAtOnce {
		n, ok := o.table.Next(now)
		if !ok {
			break
		}
		o.notify(now, &n)
	}
	return more || o.table.Pending()
}

// notify sends one notification, or has it wait for its turn in the peer's
// window.
func (o *observing) notify(now netio.Instant, n *protocol.Notice) {
	sh, p := o.sh, o.place(n.ID)
	if n.Confirmable && !n.Granted {
		// The queue has room for all observers that a peer may have besides
		// what else waits there.
		switch p.peer.Value.window.Acquire(sh.params.NStart, sh.limits.Queue+sh.limits.ObserversPerPeer, turn{observer: n.ID}) {
		case protocol.Queued:
			o.table.Hold(n.ID)
			return
		case protocol.Refused:
			o.table.Skip(n.ID)
			return
		}
	}
	v := o.viewOf(n.Topic)
	e := &v.editions[int(n.Version)%len(v.editions)]
	if v.rules != nil {
		if e = o.editionFor(v, n, now); e == nil {
			o.table.Skip(n.ID)
			return
		}
	} else if n.Refresh && !n.Final {
		if _, ok := o.number(v, now); ok {
			_ = o.encode(v, e) // it could be encoded before
		}
	}
	typ, mid, note := codec.NON, n.MID, ""
	switch {
	case n.Attempt > 1 && !n.Fresh:
		typ, note = codec.CON, "retransmission"
	case n.Attempt > 1:
		typ, mid = codec.CON, sh.conMID(p.peer)
		if sh.node.observer != nil {
			sh.node.observer.Renewed(p.peer.Peer, n.MID, mid)
		}
	case n.Confirmable:
		typ, mid = codec.CON, sh.conMID(p.peer)
		sh.observe(p.peer.Peer, mid, sh.params)
	default:
		mid = sh.nonMID(p.peer)
	}
	if e.long {
		o.shelve(v, e, p.peer)
	}
	dst := to{peer: p.peer.Peer, local: p.local, ifi: p.ifi}
	sh.sendTemplate(&e.tmpl, typ, mid, n.Token, dst, note)
	o.table.Sent(now, n.ID, mid, sh.rand.Float64())
	if sub := o.sub(n.Value); v.rules != nil && sub != nil {
		sub.sent(n.Version)
		sub.tally.count(n.Version)
	}
}

// editionFor returns what a subscriber is sent. What it is asked with whether it
// is still there is the last that it was sent, or what the resource holds.
func (o *observing) editionFor(v *view, n *protocol.Notice, now netio.Instant) *edition {
	sub := o.sub(n.Value)
	switch {
	case n.Final:
		return &v.editions[int(o.table.Version(v.topic))%len(v.editions)]
	case sub == nil:
		return nil
	case !n.Refresh:
		return sub.edition(n.Version)
	}
	res := v.rules.current
	if e := sub.edition(n.Version); e != nil {
		res = e.res
	}
	return o.issue(v, res, now)
}

// sendTemplate queues a message that was encoded before, with its own type,
// message ID and token.
func (sh *shard) sendTemplate(t *codec.Template, typ codec.Type, mid uint16, token codec.Token, dst to, note string) {
	data := sh.writer().template(t, typ, mid, token, dst)
	if sh.tapped() {
		var m codec.Message
		if m.Parse(data) == nil {
			sh.tap(Sent, dst.peer, &m, data, note)
		}
	}
}

// conMID returns a message ID for a CON message that is sent even where all are
// in use.
func (sh *shard) conMID(pe *peerEntry) uint16 {
	now := sh.now()
	mid, _, ok := sh.mids(pe).Next(now, sh.node.exchangeLifetime)
	if !ok {
		sh.stats.rare().midReused.Add(1)
		mid = sh.mids(pe).Force(now)
	}
	return mid
}

// due does what is due for observers: retransmissions, the end of pauses, and
// the end of those that do not acknowledge.
func (o *observing) due(now netio.Instant) {
	for {
		g, ok := o.table.Due(now)
		if !ok {
			return
		}
		o.left(g)
	}
}

// nextDue returns when the shard has something to do, whatever arrives; ok is
// false if never.
func (sh *shard) nextDue() (next netio.Instant, ok bool) {
	next, ok = sh.timers.Next()
	if sh.obs == nil {
		return next, ok
	}
	if at, has := sh.obs.table.Deadline(); has && (!ok || at < next) {
		return at, true
	}
	return next, ok
}
