package sim

import (
	"fmt"
	"net/netip"

	"github.com/coap2/coap2/netio"
)

// Peer is a host without a node: it sends what it is told to, and tells what it
// receives. It plays the parts that a node never would.
type Peer struct {
	w    *World
	host *host
	// OnReceive, where set, is called with every datagram that arrives, and for
	// every error that the network reports. It must not block, and not keep the
	// Data.
	OnReceive func(d netio.Datagram)
}

// Peer makes a Peer with a name, at the next free address, or at the one given
// (see World.Node).
func (w *World) Peer(name string, listen ...string) (*Peer, error) {
	s, err := w.peer(name, listen)
	if err != nil {
		return nil, err
	}
	p := &Peer{w: w, host: s.host}
	return p, s.Start(netio.Receiver{Datagrams: p.receive})
}

func (w *World) peer(name string, listen []string) (*socket, error) {
	defer w.hold()()
	if w.closed {
		return nil, fmt.Errorf("sim: peer %q: %w", name, ErrClosed)
	}
	h, err := w.addHost(name, listen)
	if err != nil {
		return nil, err
	}
	return w.open(h)
}

// startRaw opens the socket of a member of a population that has no node.
func (w *World) startRaw(h *host, f func(p *Peer, d netio.Datagram)) error {
	release := w.hold()
	h.down = false
	s, err := w.open(h)
	release()
	if err != nil {
		return err
	}
	p := &Peer{w: w, host: h}
	p.OnReceive = func(d netio.Datagram) { f(p, d) }
	return s.Start(netio.Receiver{Datagrams: p.receive})
}

func (p *Peer) receive(ds []netio.Datagram) {
	if p.OnReceive == nil {
		return
	}
	for _, d := range ds {
		p.OnReceive(d)
	}
}

// Name returns what the peer is called.
func (p *Peer) Name() string { return p.host.name }

// Addr returns the peer's (first) address.
func (p *Peer) Addr() netip.AddrPort { return p.host.addrs[0] }

// Send sends data to an address, which may be a group's.
func (p *Peer) Send(to netip.AddrPort, data []byte) error {
	defer p.w.hold()()
	return p.w.send(p.host, &netio.Datagram{Data: data, Peer: netio.Peer{Addr: to}})
}

// Inject sends data to an address as if it came from a node or peer, which knows
// nothing of it.
func (w *World) Inject(from string, to netip.AddrPort, data []byte) error {
	id, ok := w.idOf(from)
	if !ok {
		return fmt.Errorf("sim: there is no node or peer %q", from)
	}
	h, err := w.wake(id)
	if err != nil {
		return err
	}
	defer w.hold()()
	return w.send(h, &netio.Datagram{Data: data, Peer: netio.Peer{Addr: to}})
}
