package mqtt

import (
	"net/netip"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// Client publishes and subscribes. When its connection ends it makes another,
// and goes on with its session.
type Client struct {
	// OnMessage, where set, is called with every message. It must not keep the
	// payload.
	OnMessage func(topic string, payload []byte)
	// OnSubscribed, where set, is called when the broker has accepted a
	// subscription.
	OnSubscribed func(topic string)

	stack  *stack
	broker netip.AddrPort
	id     string
	out    outbox
	topics []string // what it has subscribed to

	port    byte
	conn    *conn // nil while there is none
	stream  stream
	ready   bool // the broker has accepted the connection
	session bool // the broker may know this client
	pause   time.Duration
	said    netio.Instant // when something was sent last
	waiting bool          // for a PINGRESP
	timer   netio.Timer
	asked   map[uint16]string
}

// NewClient lets a peer be a client with an identifier. Its profile must be valid.
func NewClient(c Clock, peer *sim.Peer, broker netip.AddrPort, id string, p Profile) *Client {
	k := &Client{stack: newStack(c, peer, p), broker: broker, id: id, asked: map[uint16]string{}}
	k.out.profile = &k.stack.profile
	return k
}

// Connect connects, now and whenever the connection has ended, until Close.
func (k *Client) Connect() {
	if k.conn != nil {
		return
	}
	k.port++
	k.ready, k.waiting = false, false
	k.stream = stream{version: k.stack.profile.Version}
	k.conn = k.stack.dial(k.broker, k.port)
	k.conn.onData, k.conn.onDown = k.data, k.lost
	k.send(&packet{kind: connect, client: k.id, fresh: !k.session, keep: uint16(k.stack.profile.KeepAlive / time.Second)})
}

// Close ends the connection, and makes no other.
func (k *Client) Close() {
	stop(&k.timer)
	if k.conn != nil {
		k.conn.close()
		k.conn, k.ready = nil, false
	}
}

// Connected reports whether the broker has accepted the connection.
func (k *Client) Connected() bool { return k.ready }

// Subscribe subscribes to a topic, once and for all.
func (k *Client) Subscribe(topic string) {
	k.topics = append(k.topics, topic)
	if k.ready {
		k.subscribe(topic)
	}
}

// Publish sends a message. Without a connection one of QoS 1 waits; one of QoS 0
// is dropped.
func (k *Client) Publish(topic string, payload []byte) {
	p := packet{kind: publish, topic: topic, payload: payload, qos: byte(k.stack.profile.QoS)}
	if k.stack.profile.Retain {
		p.flags = publishKeep
	}
	k.out.put(p, k.sender())
}

// Dropped counts messages that could not be sent, and found no room to wait.
func (k *Client) Dropped() uint64 { return k.out.dropped }

func (k *Client) sender() func(*packet) {
	if !k.ready {
		return nil
	}
	return k.send
}

func (k *Client) send(p *packet) {
	k.said = k.stack.clock.Now()
	k.conn.write(appendPacket(nil, p, k.stream.version))
}

func (k *Client) subscribe(topic string) {
	id := k.out.nextID()
	k.asked[id] = topic
	k.send(&packet{kind: subscribe, id: id, topic: topic, qos: byte(k.stack.profile.QoS)})
}

// Pauses between attempts to connect.
const (
	firstPause = time.Second
	lastPause  = 2 * time.Minute
)

// lost makes another connection after a pause.
func (k *Client) lost() {
	k.conn, k.ready = nil, false
	stop(&k.timer)
	k.pause = min(max(2*k.pause, firstPause), lastPause)
	k.timer = k.stack.clock.AfterFunc(k.pause, k.Connect)
}

func (k *Client) data(d []byte) {
	if !k.stream.feed(d, k.packet) && k.conn != nil {
		k.conn.close()
		k.lost()
	}
}

func (k *Client) packet(p *packet) bool {
	switch p.kind {
	case connack:
		k.ready, k.session, k.pause = true, true, 0
		k.keepAlive(k.stack.profile.KeepAlive)
		clear(k.asked)
		for _, t := range k.topics { // known or not: what was asked last may be lost
			k.subscribe(t)
		}
		k.out.resume(k.send)
	case suback:
		topic, ok := k.asked[p.id]
		delete(k.asked, p.id)
		if ok && k.OnSubscribed != nil {
			k.OnSubscribed(topic)
		}
	case publish:
		if k.OnMessage != nil {
			k.OnMessage(p.topic, p.payload)
		}
		if p.qos > 0 && k.conn != nil {
			k.send(&packet{kind: puback, id: p.id})
		}
	case puback:
		k.out.acked(p.id, k.sender())
	case pingresp:
		k.waiting = false
	default:
		return false
	}
	return k.conn != nil
}

// keepAlive says something when nothing was said for the time agreed on, and
// gives up a broker that does not answer within as long.
func (k *Client) keepAlive(in time.Duration) {
	stop(&k.timer)
	k.timer = k.stack.clock.AfterFunc(in, func() {
		every := k.stack.profile.KeepAlive
		silent := k.stack.clock.Now().Sub(k.said)
		switch {
		case silent < every:
			k.keepAlive(every - silent)
		case k.waiting:
			k.conn.close()
			k.lost()
		default:
			k.waiting = true
			k.send(&packet{kind: pingreq})
			k.keepAlive(every)
		}
	})
}
