package sim

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/coap2/coap2/netio"
)

// socket is a netio.Transport of the World's network.
type socket struct {
	w        *World
	host     *host
	receiver netio.Receiver
	groups   []netip.Addr
	closed   bool
}

// Start implements netio.Transport.
func (s *socket) Start(r netio.Receiver) error {
	defer s.w.hold()()
	if s.closed {
		return netio.ErrClosed
	}
	s.receiver = r
	return nil
}

// WriteTo implements netio.Transport.
func (s *socket) WriteTo(d netio.Datagram) error {
	defer s.w.hold()()
	if s.closed {
		return netio.ErrClosed
	}
	return s.w.send(s.host, &d)
}

// WriteBatch implements netio.Transport.
func (s *socket) WriteBatch(ds []netio.Datagram) (int, error) {
	defer s.w.hold()()
	for i := range ds {
		if s.closed {
			return i, netio.ErrClosed
		}
		if err := s.w.send(s.host, &ds[i]); err != nil {
			return i, err
		}
	}
	return len(ds), nil
}

// Join implements netio.Transport. The network has one interface, of any name.
func (s *socket) Join(group netip.Addr, _ string) error {
	defer s.w.hold()()
	if s.closed {
		return netio.ErrClosed
	}
	if group = group.Unmap().WithZone(""); !group.IsMulticast() {
		return fmt.Errorf("sim: cannot join %v: it is no multicast address", group)
	}
	if !s.member(group) {
		s.groups = append(s.groups[:len(s.groups):len(s.groups)], group)
	}
	return nil
}

func (s *socket) member(group netip.Addr) bool { return isMember(s.groups, group) }

func isMember(groups []netip.Addr, group netip.Addr) bool {
	for _, g := range groups {
		if g == group {
			return true
		}
	}
	return false
}

// Leave ends what Join has begun, that of the groups that are joined from the
// beginning included.
func (s *socket) Leave(group netip.Addr, _ string) error {
	defer s.w.hold()()
	if s.closed {
		return netio.ErrClosed
	}
	if group = group.Unmap().WithZone(""); !s.member(group) {
		return fmt.Errorf("sim: cannot leave %v: it was not joined", group)
	}
	s.groups = slices.DeleteFunc(slices.Clone(s.groups), func(g netip.Addr) bool { return g == group })
	return nil
}

// Join makes the socket of a node a member of a group, as its transport's Join
// does: until the socket is closed.
func (w *World) Join(name string, group netip.Addr) error {
	s, err := w.socketOf(name)
	if err != nil {
		return err
	}
	return s.Join(group, "")
}

// Leave ends what Join has begun. The groups that all sockets have joined, All
// CoAP Nodes, can be left too.
func (w *World) Leave(name string, group netip.Addr) error {
	s, err := w.socketOf(name)
	if err != nil {
		return err
	}
	return s.Leave(group, "")
}

func (w *World) socketOf(name string) (*socket, error) {
	id, ok := w.idOf(name)
	if !ok {
		return nil, fmt.Errorf("sim: there is no node or peer %q", name)
	}
	h, err := w.wake(id)
	if err != nil {
		return nil, err
	}
	defer w.hold()()
	if h.sock == nil {
		return nil, fmt.Errorf("sim: %q has no open socket", name)
	}
	return h.sock, nil
}

// Local implements netio.Transport.
func (s *socket) Local() []netip.AddrPort { return append([]netip.AddrPort(nil), s.host.addrs...) }

// MTU implements netio.Transport.
func (s *socket) MTU() int {
	defer s.w.hold()()
	if m := s.w.iface(s.w.classOf(s.host.id)).MTU; m > 0 {
		return min(mtu, m-40-udpHeader)
	}
	return mtu
}

// Close implements netio.Transport.
func (s *socket) Close() error {
	defer s.w.hold()()
	s.shut()
	return nil
}

func (s *socket) shut() {
	s.closed = true
	if s.host.sock == s {
		s.host.sock = nil
		s.w.flush(s.host.id)
	}
}
