package udp

import (
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

// send writes up to a batch of datagrams and returns how many the system took;
// err is about the one after these.
func (s *socket) send(ds []netio.Datagram) (int, error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.sent, s.queued, s.stolen, s.sendErr = 0, 0, false, nil
	var bad error
	for i := range ds {
		if bad = s.queue(&ds[i]); bad != nil {
			break
		}
	}
	if s.queued > 0 {
		if err := s.rc.Write(s.writable); err != nil {
			s.sendErr = err
		}
	}
	for i := range s.queued {
		s.tx.iovs[i].Base = nil // do not keep the caller's memory alive
	}
	if s.stolen || dead(s.sendErr) {
		// There is an error to be read; or the socket is dead, which no event
		// tells the reader.
		s.rouse()
	}
	if s.sendErr != nil {
		return s.sent, s.sendErr
	}
	return s.sent, bad
}

// queue adds a datagram to the batch.
func (s *socket) queue(d *netio.Datagram) error {
	i := s.queued
	peer, source := d.Peer.Addr.Addr().Unmap(), sourceOf(d)
	ifindex, err := s.t.zones.outgoing(peer, source, d.Interface)
	if err != nil {
		return err
	}
	s.tx.setName(i, d.Peer.Addr, ifindex, s.is4)
	if !s.any {
		// A bound socket needs no source, except that IPv4 forgets its own
		// when it is told an interface.
		source = netip.Addr{}
		if ifindex != 0 {
			source = s.addr.Addr()
		}
	}
	s.tx.setSource(i, source, ifindex, s.is4)
	s.tx.iovs[i].Base = unsafe.SliceData(d.Data)
	s.tx.iovs[i].SetLen(len(d.Data))
	s.queued++
	return nil
}

// trySend writes what is queued, as far as there is room. It reports true when
// nothing is left to wait for.
func (s *socket) trySend(fd uintptr) bool {
	for try := 1; s.sent < s.queued; {
		rest := s.tx.hdrs[s.sent:s.queued]
		n, errno := sendmmsg(fd, rest)
		switch {
		case errno == 0 && n > 0:
			try = 1
			s.sent += n
			// A datagram that fails after others have been taken makes the
			// count short and its error is lost.
			s.stolen = s.stolen || n < len(rest)
		case errno == unix.EINTR:
		case errno == unix.EAGAIN || errno == 0:
			return false
		case try < attempts(errno):
			try++
			s.stolen = true
		default:
			s.sendErr = os.NewSyscallError("sendmmsg", errno)
			return true
		}
	}
	return true
}

// attempts returns how often a datagram is tried that fails with an error: the
// failure may be the mark that an ICMP message about another datagram has left
// on the socket. Trying again takes one mark away, but while the reader empties
// the error queue every entry leaves the mark of the next. Some errors are never
// said of a datagram itself; the others are believed sooner, because a
// destination without a route should not cost much.
func attempts(errno unix.Errno) int {
	switch errno {
	case unix.ECONNREFUSED, unix.EPROTO, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET:
		return 1000
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EOPNOTSUPP, unix.EMSGSIZE:
		return 16
	}
	return 1
}
