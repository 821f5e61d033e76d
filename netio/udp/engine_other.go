//go:build !linux

package udp

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/coap2/coap2/netio"
)

// engine is what a socket needs where datagrams go one by one.
type engine struct {
	p4     *ipv4.PacketConn // one of them
	p6     *ipv6.PacketConn
	writes sync.Mutex // keeps the datagrams of a batch together
}

// packetInfo: the system tells the destination of a datagram and lets the
// source be chosen.
const packetInfo = runtime.GOOS != "windows"

// persistent is how many failures in a row end a transport.
const persistent = 1000

// prepare sets the options of a new socket. Systems differ in what they know of
// them, and a socket works without.
func (s *socket) prepare() error {
	if s.is4 {
		s.p4 = ipv4.NewPacketConn(s.conn)
		_ = s.p4.SetMulticastLoopback(true)
		if packetInfo {
			_ = s.p4.SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
		}
		return nil
	}
	s.p6 = ipv6.NewPacketConn(s.conn)
	_ = s.p6.SetMulticastLoopback(true)
	if packetInfo {
		_ = s.p6.SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
	}
	return nil
}

// read is the reader's goroutine. It returns nil when the socket is closed, else
// why it cannot go on.
func (s *socket) read() error {
	buf := make([]byte, s.t.cfg.MaxDatagram+1)
	in := make([]netio.Datagram, 1)
	for failures := 0; ; {
		n, d, err := s.readOne(buf)
		switch {
		case s.t.dead.Load() || errors.Is(err, net.ErrClosed):
			return nil
		case err != nil && tooLong(err):
			s.truncated.Add(1)
		case err != nil:
			// Mostly the echo of an ICMP error about some datagram sent before
			// (WSAECONNRESET on Windows), which does not say which.
			s.readErrors.Add(1)
			if failures++; failures >= persistent {
				return err
			}
			if failures > 16 {
				s.t.pause(failures - 16)
			}
		case n > s.t.cfg.MaxDatagram:
			failures = 0
			s.truncated.Add(1)
		default:
			failures = 0
			d.Data = buf[:n:n]
			s.datagramsIn.Add(1)
			s.bytesIn.Add(uint64(n))
			s.batchesIn.Add(1)
			in[0] = d
			s.t.recv.Datagrams(in)
		}
	}
}

// readOne waits for a datagram.
func (s *socket) readOne(buf []byte) (n int, d netio.Datagram, err error) {
	var src net.Addr
	var dst net.IP
	if s.is4 {
		var cm *ipv4.ControlMessage
		n, cm, src, err = s.p4.ReadFrom(buf)
		if cm != nil {
			dst, d.Interface = cm.Dst, cm.IfIndex
		}
	} else {
		var cm *ipv6.ControlMessage
		n, cm, src, err = s.p6.ReadFrom(buf)
		if cm != nil {
			dst, d.Interface = cm.Dst, cm.IfIndex
		}
	}
	if from, ok := src.(*net.UDPAddr); ok {
		ap := from.AddrPort()
		d.Peer.Addr = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	if !s.any {
		d.Local = s.addr
	}
	if a, ok := netip.AddrFromSlice(dst); ok {
		a = a.Unmap()
		d.Multicast = isGroup(a)
		d.Local = netip.AddrPortFrom(s.t.zones.scoped(a, d.Interface), s.addr.Port())
	}
	return n, d, err
}

// send writes datagrams one by one and returns how many the system took; err is
// about the one after these. A write waits while there is no room.
func (s *socket) send(ds []netio.Datagram) (int, error) {
	s.writes.Lock()
	defer s.writes.Unlock()
	for i := range ds {
		if err := s.sendOne(&ds[i]); err != nil {
			return i, err
		}
	}
	return len(ds), nil
}

func (s *socket) sendOne(d *netio.Datagram) error {
	peer, source := d.Peer.Addr.Addr().Unmap(), sourceOf(d)
	ifindex, err := s.t.zones.outgoing(peer, source, d.Interface)
	if err != nil {
		return err
	}
	to := &net.UDPAddr{IP: peer.AsSlice(), Port: int(d.Peer.Addr.Port()), Zone: peer.Zone()}
	if ifindex != 0 && peer.Is6() && to.Zone == "" {
		to.Zone = s.t.zones.name(ifindex)
	}
	if !s.any && ifindex == 0 {
		source = netip.Addr{}
	}
	if !packetInfo || !source.IsValid() && ifindex == 0 {
		return again(func() error {
			_, err := s.conn.WriteToUDP(d.Data, to)
			return err
		})
	}
	if s.is4 {
		return again(func() error {
			_, err := s.p4.WriteTo(d.Data, &ipv4.ControlMessage{Src: source.AsSlice(), IfIndex: ifindex}, to)
			return err
		})
	}
	return again(func() error {
		_, err := s.p6.WriteTo(d.Data, &ipv6.ControlMessage{Src: source.AsSlice(), IfIndex: ifindex}, to)
		return err
	})
}

// again tries a second time: the first failure may be the echo of an ICMP error
// about another datagram.
func again(f func() error) error {
	err := f()
	if err == nil || errors.Is(err, net.ErrClosed) {
		return err
	}
	return f()
}

// noFamily reports whether an error means that the machine lacks IPv4 or IPv6.
func noFamily(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) ||
		errors.Is(err, syscall.EPROTONOSUPPORT) || winsock(err, 10043, 10047, 10049)
}

// inUse reports whether an error means that a port is taken, or a group joined.
func inUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || winsock(err, 10013, 10048)
}

// tooLong reports whether an error means that the buffer was too short.
func tooLong(err error) bool { return winsock(err, 10040) }

// winsock reports whether err is one of these errors of Windows sockets, whose
// numbers differ from those of package syscall.
func winsock(err error, codes ...syscall.Errno) bool {
	var errno syscall.Errno
	if runtime.GOOS != "windows" || !errors.As(err, &errno) {
		return false
	}
	for _, c := range codes {
		if errno == c {
			return true
		}
	}
	return false
}

// buffers: what the system gave cannot be asked portably.
func (s *socket) buffers() (read, write int) { return 0, 0 }

// countDrops: the system does not tell.
func (s *socket) countDrops() {}
