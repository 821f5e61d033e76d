package udp

import (
	"errors"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

// send writes up to a batch of datagrams and returns how many the system took;
// err is about the one after these.
func (s *socket) send(ds []netio.Datagram) (n int, err error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	s.stolen, s.merging = false, s.canMerge
	for {
		s.sent, s.queued, s.used, s.sendErr = 0, 0, 0, nil
		var bad error
		for i := n; i < len(ds); i++ {
			if bad = s.queue(&ds[i]); bad != nil {
				break
			}
		}
		if s.queued > 0 {
			if err := s.write(); err != nil {
				s.sendErr = err
			}
		}
		for i := range s.used {
			s.tx.iovs[i].Base = nil // do not keep the caller's memory alive
		}
		merged := 0
		for _, k := range s.segments[:s.sent] {
			n += k
			if k > 1 {
				merged += k
			}
		}
		if merged > 0 {
			s.merged.Add(uint64(merged))
		}
		if s.sendErr != nil && s.sent < s.queued && s.segments[s.sent] > 1 && s.refusedMerging(s.sendErr) {
			continue
		}
		if s.stolen || dead(s.sendErr) {
			// There is an error to be read; or the socket is dead, which no
			// event tells the reader.
			s.rouse()
		}
		if s.sendErr != nil {
			return n, s.sendErr
		}
		return n, bad
	}
}

// refusedMerging reports whether an error may be about the merging of datagrams
// and not about any of them. Then the rest of the batch goes out unmerged.
func (s *socket) refusedMerging(err error) bool {
	switch {
	case errors.Is(err, unix.EIO): // the interface cannot make the checksums
		s.canMerge = false
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EMSGSIZE): // longer than a packet of this route
	default:
		return false
	}
	s.merging = false
	return true
}

// Limits of what the kernel cuts into datagrams itself (UDP_SEGMENT). It would
// cut 64, but all of them arrive at once when the last is there: peers that wait
// for the first have begun with their next requests meanwhile, if messages are
// shorter. Beyond 16 hardly anything is saved any more.
const (
	maxSegments = 16
	maxMerged   = 65000
)

// queue adds a datagram to the batch: as a message of its own, or at the end of
// the one before if that goes the same way and its datagrams have one length,
// which only the last may fall short of. The kernel takes such a message through
// its layers once, and cuts it where it leaves.
func (s *socket) queue(d *netio.Datagram) error {
	size := len(d.Data)
	if s.merging && s.queued > 0 && s.last.open && size > 0 && size <= s.last.size &&
		s.segments[s.queued-1] < maxSegments && s.last.total+size <= maxMerged &&
		d.Peer == s.last.peer && d.Local == s.last.local && d.Interface == s.last.ifi && d.Multicast == s.last.multicast {
		i := s.queued - 1
		s.vector(d.Data)
		s.segments[i]++
		s.tx.hdrs[i].Hdr.SetIovlen(s.segments[i])
		if s.segments[i] == 2 {
			s.tx.addSegment(i, s.last.size)
		}
		s.last.total += size
		s.last.open = size == s.last.size
		return nil
	}
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
	h := &s.tx.hdrs[i].Hdr
	h.Iov = &s.tx.iovs[s.used]
	h.SetIovlen(1)
	s.vector(d.Data)
	s.segments[i] = 1
	s.last = run{
		peer: d.Peer, local: d.Local, ifi: d.Interface, multicast: d.Multicast, size: size, total: size,
		open: size > 0 && size <= s.t.cfg.MTU && !isGroup(peer),
	}
	s.queued++
	return nil
}

// run is what the last message of a batch has in common with the datagrams that
// may join it.
type run struct {
	peer  netio.Peer
	local netip.AddrPort
	ifi   int
	// multicast says that local is no source.
	multicast bool
	size      int // of all datagrams but the last
	total     int
	open      bool // more may follow
}

// vector adds the bytes of a datagram to the batch.
func (s *socket) vector(data []byte) {
	v := &s.tx.iovs[s.used]
	v.Base = unsafe.SliceData(data)
	v.SetLen(len(data))
	s.used++
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
