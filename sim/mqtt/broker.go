package mqtt

import (
	"net/netip"
	"slices"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// Broker takes messages and hands them on to those who have subscribed.
type Broker struct {
	stack    *stack
	sessions map[string]*session
	topics   map[string]*topic
}

// session is what the broker knows of a client, connected or not.
type session struct {
	client string
	out    outbox
	link   *link // nil while it is away
}

// link is a connection of a client.
type link struct {
	b       *Broker
	conn    *conn
	stream  stream
	session *session // nil before CONNECT
	keep    time.Duration
	heard   netio.Instant
	timer   netio.Timer
}

// topic has those who have subscribed, in the order in which they did.
type topic struct {
	subscribers []subscriber
	kept        []byte // the retained message
	has         bool
}

type subscriber struct {
	session *session
	qos     byte
}

// NewBroker lets a peer be a broker. Its profile must be valid.
func NewBroker(c Clock, peer *sim.Peer, p Profile) *Broker {
	b := &Broker{stack: newStack(c, peer, p), sessions: map[string]*session{}, topics: map[string]*topic{}}
	b.stack.accept = func(c *conn) {
		l := &link{b: b, conn: c, stream: stream{version: b.stack.profile.Version}}
		c.onData = l.data
		c.onDown = l.ended
	}
	return b
}

// Addr returns where clients reach it.
func (b *Broker) Addr() netip.AddrPort { return b.stack.peer.Addr() }

// Dropped counts messages that found no room in a queue.
func (b *Broker) Dropped(client string) uint64 {
	if s := b.sessions[client]; s != nil {
		return s.out.dropped
	}
	return 0
}

func (l *link) send(p *packet) { l.conn.write(appendPacket(nil, p, l.stream.version)) }

func (l *link) data(d []byte) {
	l.heard = l.b.stack.clock.Now()
	if !l.stream.feed(d, l.packet) && !l.conn.gone {
		l.conn.close()
		l.ended()
	}
}

func (l *link) ended() {
	stop(&l.timer)
	if l.session != nil && l.session.link == l {
		l.session.link = nil
	}
}

func (l *link) packet(p *packet) bool {
	if (p.kind == connect) == (l.session != nil) {
		return false
	}
	switch p.kind {
	case connect:
		l.connect(p)
	case subscribe:
		l.subscribe(p)
	case publish:
		if p.qos > 0 {
			l.send(&packet{kind: puback, id: p.id})
		}
		l.b.publish(p)
	case puback:
		l.session.out.acked(p.id, l.send)
	case pingreq:
		l.send(&packet{kind: pingresp})
	default:
		return false
	}
	return !l.conn.gone
}

func (l *link) connect(p *packet) {
	s := l.b.sessions[p.client]
	known := s != nil && !p.fresh
	if s == nil {
		s = &session{client: p.client}
		l.b.sessions[p.client] = s
	}
	if old := s.link; old != nil { // MQTT 5 §3.1.4: the older connection ends
		old.conn.close()
		old.ended()
	}
	if !known {
		s.out = outbox{}
		l.b.forget(s)
	}
	s.out.profile = &l.b.stack.profile
	s.link, l.session = l, s
	l.send(&packet{kind: connack, fresh: !known})
	if l.keep = time.Duration(p.keep) * time.Second * 3 / 2; l.keep > 0 {
		l.watch(l.keep)
	}
	s.out.resume(l.send)
}

// watch gives up a client that is silent (MQTT 5 §3.1.2.10).
func (l *link) watch(in time.Duration) {
	l.timer = l.b.stack.clock.AfterFunc(in, func() {
		left := l.keep - l.b.stack.clock.Now().Sub(l.heard)
		if left > 0 {
			l.watch(left)
			return
		}
		l.conn.close()
		l.ended()
	})
}

func (b *Broker) forget(s *session) {
	for _, t := range b.topics {
		t.subscribers = slices.DeleteFunc(t.subscribers, func(x subscriber) bool { return x.session == s })
	}
}

func (b *Broker) topic(name string) *topic {
	t := b.topics[name]
	if t == nil {
		t = &topic{}
		b.topics[name] = t
	}
	return t
}

func (l *link) subscribe(p *packet) {
	t := l.b.topic(p.topic)
	i := slices.IndexFunc(t.subscribers, func(x subscriber) bool { return x.session == l.session })
	if i < 0 {
		i = len(t.subscribers)
		t.subscribers = append(t.subscribers, subscriber{session: l.session})
	}
	t.subscribers[i].qos = p.qos
	l.send(&packet{kind: suback, id: p.id, qos: p.qos})
	if t.has {
		l.session.out.put(packet{kind: publish, flags: publishKeep, topic: p.topic, payload: t.kept, qos: p.qos}, l.send)
	}
}

// publish hands a message on.
func (b *Broker) publish(p *packet) {
	t := b.topic(p.topic)
	payload := slices.Clone(p.payload)
	if p.flags&publishKeep != 0 {
		t.kept, t.has = payload, true
	}
	for _, x := range t.subscribers {
		x.session.out.put(packet{kind: publish, topic: p.topic, payload: payload, qos: min(x.qos, p.qos)}, x.session.sender())
	}
}

// sender returns how to send to a client; nil = it is away.
func (s *session) sender() func(*packet) {
	if s.link == nil {
		return nil
	}
	return s.link.send
}
