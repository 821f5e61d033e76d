package udp

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/coap2/coap2/netio"
)

// only returns where the single socket of a family is noted.
func (t *Transport) only(is4 bool) **socket {
	if is4 {
		return &t.only4
	}
	return &t.only6
}

// sourceOf returns the address that a datagram must leave from, or the zero
// Addr if the system shall choose: a group cannot be a source, and the Local of
// a datagram that came by subnet broadcast is known as one only by its mark.
func sourceOf(d *netio.Datagram) netip.Addr {
	local := d.Local.Addr()
	if !local.IsValid() || local.IsUnspecified() || isGroup(local) ||
		d.Multicast && !isGroup(d.Peer.Addr.Addr()) {
		return netip.Addr{}
	}
	return local.Unmap()
}

// route chooses the socket for a datagram: of the right address, and of the
// peer's shard.
func (t *Transport) route(d *netio.Datagram) (*socket, error) {
	s, err := t.address(d)
	if err == nil && s.shards != nil {
		s = s.shards[netio.ShardOf(d.Peer, len(s.shards))]
	}
	return s, err
}

// address chooses the address for a datagram, and returns its first socket.
func (t *Transport) address(d *netio.Datagram) (*socket, error) {
	peer := d.Peer.Addr.Addr().Unmap()
	if !peer.IsValid() || d.Peer.Addr.Port() == 0 {
		return nil, fmt.Errorf("udp: cannot send to %s: want an address and a port", d.Peer.Addr)
	}
	if d.Peer.Session != 0 {
		return nil, fmt.Errorf("udp: cannot send to %s: plain UDP has no sessions", d.Peer)
	}
	if s := *t.only(peer.Is4()); s != nil && (s.any || d.Local.Addr() == s.addr.Addr() || !d.Local.IsValid()) {
		return s, nil
	}
	return t.choose(peer, sourceOf(d), d.Local.Port())
}

var errNoSocket = errors.New("udp: no socket")

// choose picks the socket that fits best, the first of equals: one that is
// bound to the source, then one for all addresses; of these one with the port.
// Without a source a socket that is bound to loopback is no good for
// peers elsewhere, nor the other way round.
func (t *Transport) choose(peer, source netip.Addr, port uint16) (*socket, error) {
	var best *socket
	top := -1
	for _, s := range t.sockets {
		if s.is4 != peer.Is4() {
			continue
		}
		score := 0
		switch own := s.addr.Addr(); {
		case s.any:
			score = 4
		case source.IsValid() && own == source:
			score = 6
		case source.IsValid():
			continue
		case own.IsLoopback() == peer.IsLoopback():
			score = 2
		}
		if port == s.addr.Port() {
			score++
		}
		if score > top {
			best, top = s, score
		}
	}
	switch {
	case best != nil:
		return best, nil
	case source.IsValid():
		return nil, fmt.Errorf("%w with the address %s for sending to %s", errNoSocket, source, peer)
	case peer.Is4():
		return nil, fmt.Errorf("%w for IPv4, cannot send to %s", errNoSocket, peer)
	default:
		return nil, fmt.Errorf("%w for IPv6, cannot send to %s", errNoSocket, peer)
	}
}
