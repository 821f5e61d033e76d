package actors

import (
	"context"
	"net/netip"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// How a node comes by its name, says that it has come, and listens to others who do.

// probing is the question whose the node's name is.
type probing struct {
	call *groupCall
	m    *naming
}

// onOpen joins the groups and begins to ask for the own name.
func (m *naming) onOpen() {
	n := m.node
	if m.leaving || !n.hearsGroups() {
		return
	}
	if err := n.joinAllNodes(); err != nil {
		if m.probe.Name() != "" {
			n.log.Warn("actors: nobody can find the node by its name: its socket hears no group. It must listen on all addresses of a network with multicast, or others be told its address (Config.Resolve)", "error", err)
		}
		return
	}
	m.joined = true
	if m.probe.Name() != "" {
		m.tell(m.probe.Start(m.now()))
	}
}

// onChanged says hello on interfaces that have come.
func (m *naming) onChanged() {
	n := m.node
	n.places = groupPlaces{}
	if !m.joined {
		m.onOpen()
		return
	}
	if m.probe.Held() {
		m.greets, m.greetAt = greetings, m.now()
		m.onDue()
	}
}

// tell does what the probe wants, and lets the world know who the node is.
func (m *naming) tell(step protocol.ProbeStep) {
	n := m.node
	before := n.whoami()
	now := identity{name: m.probe.Name(), id: before.id, held: m.probe.Held()}
	if now != before {
		n.identity.Store(&now)
		if now.name != before.name || now.held {
			m.changed()
		}
	}
	if now.name != before.name && before.name != "" {
		n.log.Warn("actors: the name is another node's", "name", before.name, "other", m.probe.Winner(), "now", now.name)
	}
	switch step {
	case protocol.ProbeAsk:
		// In a turn of its own: this may be the answer to another question.
		m.startProbe()
	case protocol.ProbeHeld:
		m.endProbe()
		m.greets, m.greetAt = greetings, m.now()
		m.onDue()
	case protocol.ProbeLost:
		m.endProbe()
		m.greets = 0
	}
	if step != protocol.ProbeWait && m.cfg.Changed != nil && (step != protocol.ProbeAsk) {
		n.shard.guardUser("Config.Names.Changed", func() { m.cfg.Changed(now.name) })
	}
	m.arm()
}

// startProbe asks for the name that the probe has now. The first question has been
// counted by the probe.
func (m *naming) startProbe() {
	m.endProbe()
	p := &probing{m: m}
	first := true
	h := &hostCall{node: m.node, name: m.probe.Name(),
		next: func(now netio.Instant) (bool, netio.Instant) {
			if m.asking != p {
				return false, 0
			}
			if first {
				first = false
				return true, m.probe.Due()
			}
			step := m.probe.Step(now)
			if step == protocol.ProbeHeld {
				m.asking = nil
				m.tell(step)
				return false, 0
			}
			return step == protocol.ProbeAsk, m.probe.Due()
		},
		heard: func(now netio.Instant, a hostAnswer) netio.Instant {
			if m.asking == p {
				if step := m.probe.Answer(now, a.id, a.age <= 0); step != protocol.ProbeWait {
					m.tell(step)
				}
			}
			return 0
		},
		over: func(err error) {
			if m.asking != p {
				return
			}
			// Who cannot ask cannot be asked: the interfaces may come yet.
			m.asking, m.joined = nil, false
			if !m.leaving {
				m.node.log.Warn("actors: the node could not ask whether its name is free", "name", m.probe.Name(), "error", err)
			}
		},
	}
	g, err := m.node.callGroup(h)
	if err != nil {
		if !m.leaving {
			m.node.log.Warn("actors: the node could not ask whether its name is free", "name", m.probe.Name(), "error", err)
		}
		return
	}
	p.call, m.asking = g, p
}

func (m *naming) endProbe() {
	if p := m.asking; p != nil {
		m.asking = nil
		p.call.cancel(context.Canceled)
	}
}

// greet says hello.
func (m *naming) greet() {
	m.greets--
	m.greetAt = m.now().Add(greetEvery)
	if m.probe.Held() {
		m.say(protocol.Hello{ID: m.id()})
	}
}

// say sends a hello or goodbye to everybody, who is asked not to answer.
func (m *naming) say(h protocol.Hello) {
	n := m.node
	places, err := n.allNodesPlaces()
	if err != nil {
		return
	}
	id, ok := n.groupMID()
	if !ok {
		return
	}
	msg := codec.Message{Type: codec.NON, Code: codec.POST, MessageID: id, Options: coreOptions(
		codec.NoResponse(2|8|16),
		codec.StringOption(codec.OptionDiscovery, m.probe.Name()),
		codec.OpaqueOption(codec.OptionDiscoveryRound, h.Append(nil)),
	)}
	for _, to := range places {
		_, _ = n.shard.send(&msg, to, "")
	}
}

// NameEvent is a hello or goodbye that was heard.
type NameEvent struct {
	Name     string
	Instance protocol.InstanceID
	Addr     netip.AddrPort
	// Goodbye: the node goes. Anybody can say so.
	Goodbye bool
}

// hear is the handler of POST /.well-known/core: hello and goodbye.
func (n *Node) hear(r *Request) (*Response, error) {
	value, named := r.Options.Get(codec.OptionDiscovery)
	round, _ := r.Options.Get(codec.OptionDiscoveryRound)
	hello, err := protocol.ParseHello(round)
	m := n.naming
	if m == nil || !named || err != nil {
		return nil, &CodeError{Code: codec.MethodNotAllowed}
	}
	name, err := protocol.CanonicalName(string(value))
	if err != nil {
		return nil, Errorf(codec.BadRequest, "%v", err)
	}
	n.shard.post(m.box, heardName{name, hello, r.Peer.Addr})
	return Status(codec.Changed)
}

// onHeard takes note of a hello or goodbye.
func (m *naming) onHeard(e heardName) {
	n := m.node
	me := n.whoami()
	if e.hello.ID == me.id || m.leaving {
		return
	}
	now := m.now()
	if e.name == me.name && !e.hello.Goodbye && me.held {
		if step := m.probe.Doubt(now, e.hello.ID); step != protocol.ProbeWait {
			n.log.Warn("actors: another node claims the name; it is asked", "name", e.name, "other", e.hello.ID, "address", e.from)
			m.tell(step)
		}
	}
	if protocol.IsLocalName(e.name) {
		if e.hello.Goodbye {
			m.cache.Goodbye(now, e.name, e.hello.ID, e.from)
		} else {
			m.cache.Hello(now, e.name, e.hello.ID, e.from)
		}
	}
	if f := m.cfg.Heard; f != nil {
		n.shard.guardUser("Config.Names.Heard", func() { f(NameEvent{e.name, e.hello.ID, e.from, e.hello.Goodbye}) })
	}
}
