package scenario

import (
	"fmt"

	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/mqtt"
)

// brokered is a subscribe by the model of MQTT: a broker, a publisher beside each
// node that publishes, and a client beside each node that subscribes.
type brokered struct {
	r       *run
	a       *action
	t       *tally
	broker  *mqtt.Broker
	mark    string // ends the names of its hosts
	clients map[int]*mqtt.Client
}

// broker makes a broker.
func (r *run) broker(a *action, t *tally, n int) (*brokered, error) {
	b := &brokered{r: r, a: a, t: t, mark: askerMark + a.name, clients: map[int]*mqtt.Client{}}
	if n > 0 {
		b.mark += fmt.Sprintf("-%d", n)
	}
	peer, err := b.peer("broker")
	if err == nil {
		b.broker = mqtt.NewBroker(r.w, peer, b.profile())
	}
	return b, err
}

func (b *brokered) profile() mqtt.Profile { return mqtt.Profile{QoS: b.a.qos, Retain: true} }

func (b *brokered) peer(name string) (*sim.Peer, error) {
	b.r.counts(name+b.mark, b.t.fed)
	return b.r.w.Peer(name + b.mark)
}

func (b *brokered) topic(node int) string { return b.r.s.nodes.name(node) + b.a.path }

// follow connects the publisher beside a node, and publishes what it has.
func (b *brokered) follow(node int, f *feed) {
	if b.clients[node] != nil {
		return
	}
	c, err := b.client(node, "publisher-")
	if err != nil {
		b.r.broken = append(b.r.broken, err.Error())
		return
	}
	b.clients[node] = c
	f.brokers = append(f.brokers, b)
	c.Connect()
	b.publishNow(node, f)
	b.r.w.AfterFunc(b.a.length, c.Close)
}

// publishNow publishes the present sample when there is a connection.
func (b *brokered) publishNow(node int, f *feed) {
	if c := b.clients[node]; c.Connected() {
		c.Publish(b.topic(node), []byte(f.samples[len(f.samples)-1].text))
	} else {
		b.r.w.AfterFunc(pauseAnswered, func() { b.publishNow(node, f) })
	}
}

func (b *brokered) publish(node int, s *sample) {
	if c := b.clients[node]; c.Connected() || b.a.qos > 0 {
		c.Publish(b.topic(node), []byte(s.text))
	}
}

func (b *brokered) client(node int, kind string) (*mqtt.Client, error) {
	name := b.r.s.nodes.name(node)
	p, err := b.peer(kind + name)
	if err != nil {
		return nil, err
	}
	return mqtt.NewClient(b.r.w, p, b.broker.Addr(), kind+name, b.profile()), nil
}

// subscriber connects the client beside a node.
func (b *brokered) subscriber(node int, all []*follower) error {
	if len(all) == 0 {
		return nil
	}
	c, err := b.client(node, "subscriber-")
	if err != nil {
		return err
	}
	byTopic := map[string]*follower{}
	for _, x := range all {
		x.asks()
		topic := b.topic(x.key.node)
		byTopic[topic] = x
		c.Subscribe(topic)
	}
	c.OnMessage = func(topic string, payload []byte) {
		if x := byTopic[topic]; x != nil && !x.over() {
			x.tell(payload, x.told)
		}
	}
	c.Connect()
	b.r.w.AfterFunc(b.a.length, func() {
		b.t.open -= uint64(len(all))
		c.Close()
	})
	return nil
}
