package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

const topic = "sensor"

// mqttBus is Mosquitto, with clients that speak MQTT 5.
type mqttBus struct {
	broker *process
	addr   string
	qos    byte

	mu    sync.Mutex
	conns []*net.TCPConn
	pub   *mqttClient
	acks  chan struct{} // of what the publisher sends
	fault
}

type mqttClient struct {
	conn *net.TCPConn
	in   *bufio.Reader
	id   uint16
}

func newMQTT(qos byte, cpu int) (bus, error) {
	p, addr, err := startMosquitto(cpu)
	if err != nil {
		return nil, err
	}
	b := &mqttBus{broker: p, addr: addr, qos: qos, acks: make(chan struct{}, 1)}
	if b.pub, err = b.connect("publisher"); err != nil {
		return nil, errors.Join(err, b.close())
	}
	go b.listen(b.pub, nil)
	return b, nil
}

// connect makes a client and waits until the broker has accepted it.
func (b *mqttBus) connect(id string) (*mqttClient, error) {
	conn, err := net.Dial("tcp4", b.addr)
	if err != nil {
		return nil, err
	}
	c := &mqttClient{conn: conn.(*net.TCPConn), in: bufio.NewReaderSize(conn, 2048)}
	b.mu.Lock()
	b.conns = append(b.conns, c.conn)
	b.mu.Unlock()
	p := packets.NewControlPacket(packets.CONNECT)
	m := p.Content.(*packets.Connect)
	m.ClientID, m.CleanStart, m.KeepAlive = id, true, 600
	answer, err := c.ask(p)
	if err != nil {
		return nil, err
	}
	if ack, ok := answer.Content.(*packets.Connack); !ok || ack.ReasonCode != 0 {
		return nil, fmt.Errorf("CONNECT was answered %v", answer)
	}
	return c, nil
}

// ask sends a packet and returns the next that comes.
func (c *mqttClient) ask(p *packets.ControlPacket) (*packets.ControlPacket, error) {
	_ = c.conn.SetDeadline(time.Now().Add(answerTimeout))
	defer func() { _ = c.conn.SetDeadline(time.Time{}) }()
	if _, err := p.WriteTo(c.conn); err != nil {
		return nil, err
	}
	return packets.ReadPacket(c.in)
}

func (b *mqttBus) subscribe(on func(payload []byte)) error {
	b.mu.Lock()
	n := len(b.conns)
	b.mu.Unlock()
	c, err := b.connect(fmt.Sprintf("s%d", n))
	if err != nil {
		return err
	}
	p := packets.NewControlPacket(packets.SUBSCRIBE)
	m := p.Content.(*packets.Subscribe)
	m.PacketID = 1
	m.Subscriptions = []packets.SubOptions{{Topic: topic, QoS: b.qos}}
	answer, err := c.ask(p)
	if err != nil {
		return err
	}
	if ack, ok := answer.Content.(*packets.Suback); !ok || len(ack.Reasons) != 1 || ack.Reasons[0] != b.qos {
		return fmt.Errorf("SUBSCRIBE was answered %v", answer)
	}
	go b.listen(c, on)
	return nil
}

func (b *mqttBus) listen(c *mqttClient, on func([]byte)) {
	for {
		p, err := packets.ReadPacket(c.in)
		if err != nil {
			b.fail(err)
			return
		}
		switch m := p.Content.(type) {
		case *packets.Publish:
			if m.QoS > 0 { // success needs no reason (MQTT 5 §3.4.2.1)
				if _, err := c.conn.Write([]byte{packets.PUBACK << 4, 2, byte(m.PacketID >> 8), byte(m.PacketID)}); err != nil {
					b.fail(err)
				}
			}
			on(m.Payload)
		case *packets.Puback:
			b.acks <- struct{}{}
		}
	}
}

func (b *mqttBus) publish(payload []byte) error {
	p := packets.NewControlPacket(packets.PUBLISH)
	m := p.Content.(*packets.Publish)
	m.Topic, m.Payload, m.QoS = topic, payload, b.qos
	if b.qos > 0 {
		b.pub.id = max(b.pub.id+1, 1)
		m.PacketID = b.pub.id
	}
	if _, err := p.WriteTo(b.pub.conn); err != nil || b.qos == 0 {
		return err
	}
	select {
	case <-b.acks:
		return nil
	case <-time.After(answerTimeout):
		return errors.New("the broker does not answer")
	}
}

func (b *mqttBus) wire() (t traffic) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		one, err := segments(c)
		if err != nil {
			b.fail(err)
		}
		t = t.plus(one)
	}
	return t
}

func (b *mqttBus) pid() int { return b.broker.cmd.Process.Pid }

func (b *mqttBus) close() error {
	b.end()
	for _, c := range b.conns {
		_ = c.Close()
	}
	b.broker.stop()
	return b.err()
}
