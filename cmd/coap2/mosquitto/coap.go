package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/codec"
)

// coapBus is a CoAP 2 node in a process of its own. Its clients speak in
// datagrams, as simply as those of MQTT do.
type coapBus struct {
	server *process
	addr   string
	con    bool
	rule   func(i int) string // the rule of subscriber i; nil = none

	mu   sync.Mutex
	subs []*coapClient
	pub  *coapClient
	fault
}

// coapClient is a socket, and what has passed through it.
type coapClient struct {
	conn           net.Conn
	packets, bytes atomic.Uint64
	id             uint16
}

func newCoAP(con bool, rule func(i int) string, cpu int) (bus, error) {
	p, addr, err := startServer(con, cpu)
	if err != nil {
		return nil, err
	}
	b := &coapBus{server: p, addr: addr, con: con, rule: rule}
	if b.pub, err = b.dial(); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *coapBus) dial() (*coapClient, error) {
	c, err := net.Dial("udp4", b.addr)
	return &coapClient{conn: c}, err
}

func (c *coapClient) write(m *codec.Message) error {
	d, err := m.Append(nil)
	if err != nil {
		return err
	}
	c.count(len(d))
	_, err = c.conn.Write(d)
	return err
}

func (c *coapClient) read(buf []byte, m *codec.Message) error {
	n, err := c.conn.Read(buf)
	if err != nil {
		return err
	}
	c.count(n)
	return m.Parse(buf[:n])
}

func (c *coapClient) count(n int) {
	c.packets.Add(1)
	c.bytes.Add(uint64(n) + udpHeaders)
}

// ask sends a CON request until it is answered.
func (c *coapClient) ask(req *codec.Message, res *codec.Message, buf []byte) error {
	c.id++
	req.MessageID = c.id
	defer func() { _ = c.conn.SetReadDeadline(time.Time{}) }()
	for wait := 2 * time.Second; wait < answerTimeout; wait *= 2 {
		if err := c.write(req); err != nil {
			return err
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(wait))
		for {
			err := c.read(buf, res)
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				break
			}
			if err != nil {
				return err
			}
			if res.Type == codec.ACK && res.MessageID == req.MessageID {
				return nil
			}
		}
	}
	return errors.New("the server does not answer")
}

func (b *coapBus) subscribe(on func(payload []byte)) error {
	c, err := b.dial()
	if err != nil {
		return err
	}
	b.mu.Lock()
	i := len(b.subs)
	b.subs = append(b.subs, c)
	b.mu.Unlock()
	req := codec.Message{Type: codec.CON, Code: codec.GET, Token: codec.TokenFromUint64(uint64(i) + 1)}
	req.Options = codec.Options{codec.Observe(0), codec.URIPath("sensor")}
	if b.rule != nil {
		req.Options = append(req.Options, codec.OpaqueOption(codec.OptionRule, []byte(b.rule(i))))
	}
	buf := make([]byte, 2048)
	var m codec.Message
	if err := c.ask(&req, &m, buf); err != nil {
		return err
	}
	if m.Code != codec.Content || !m.Options.Has(codec.OptionObserve) || b.rule != nil && !m.Options.Has(codec.OptionRule) {
		return fmt.Errorf("the subscription was answered %v", &m)
	}
	go b.listen(c, req.Token, buf, on)
	return nil
}

func (b *coapBus) listen(c *coapClient, token codec.Token, buf []byte, on func([]byte)) {
	var m codec.Message
	last := -1 // message ID, to know a repetition
	for {
		if err := c.read(buf, &m); err != nil {
			b.fail(err)
			return
		}
		if m.Code != codec.Content || m.Token != token {
			b.fail(fmt.Errorf("a subscriber was told %v", &m))
			continue
		}
		if m.Type == codec.CON {
			if err := c.write(&codec.Message{Type: codec.ACK, MessageID: m.MessageID}); err != nil {
				b.fail(err)
			}
		}
		if int(m.MessageID) != last {
			last = int(m.MessageID)
			on(m.Payload)
		}
	}
}

func (b *coapBus) publish(payload []byte) error {
	req := codec.Message{Type: codec.CON, Code: codec.PUT, Token: codec.TokenFromUint64(1), Payload: payload,
		Options: codec.Options{codec.URIPath("sensor")}}
	var res codec.Message
	buf := make([]byte, 256)
	if err := b.pub.ask(&req, &res, buf); err != nil {
		return err
	}
	if res.Code != codec.Changed {
		return fmt.Errorf("a sample was answered %v", &res)
	}
	return nil
}

func (b *coapBus) wire() (t traffic) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range append(b.subs[:len(b.subs):len(b.subs)], b.pub) {
		t = t.plus(traffic{c.packets.Load(), c.bytes.Load()})
	}
	return t
}

func (b *coapBus) pid() int { return b.server.cmd.Process.Pid }

func (b *coapBus) close() error {
	b.end()
	for _, c := range append(b.subs, b.pub) {
		if c != nil && c.conn != nil {
			_ = c.conn.Close()
		}
	}
	b.server.stop()
	return b.err()
}
