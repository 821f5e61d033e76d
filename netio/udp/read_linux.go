package udp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

// persistent is how many failures in a row, of a kind that is not known to
// pass, end a transport.
const persistent = 1000

// read is the reader's goroutine. It returns nil when the socket is closed, else
// why it cannot go on.
func (s *socket) read() error {
	s.allocate()
	s.rearm()
	for {
		err := s.rc.Read(s.readable)
		switch {
		case s.t.dead.Load() || errors.Is(err, net.ErrClosed):
			return nil
		case s.fatal != nil:
			return s.fatal
		case errors.Is(err, os.ErrDeadlineExceeded): // see rouse, and lookEvery
			s.rearm()
		default:
			// The poller refuses to wait after an event that is an error and
			// nothing else, which is an ICMP error while the write buffer is
			// full; until the next event. So look without it.
			s.readErrors.Add(1)
			s.recheck = true
			if cerr := s.rc.Control(func(fd uintptr) { s.tryRead(fd) }); cerr != nil && !s.t.dead.Load() {
				return err
			}
			if s.fatal != nil {
				return s.fatal
			}
			s.t.pause(1)
		}
	}
}

// rearm sets the time of the next look, and lets the next call look into the
// error queue. In this order: who rouses the reader after that is not missed.
func (s *socket) rearm() {
	_ = s.conn.SetReadDeadline(time.Now().Add(s.t.look))
	s.roused.Store(false)
	s.recheck = true
}

// allocate makes the buffers for reading, in the reader's goroutine: a transport
// that is not started needs none.
func (s *socket) allocate() {
	n, longest := s.t.cfg.Batch, s.t.cfg.MaxDatagram
	s.slot = min(slotSize, longest)
	perMsg := 1
	if longest > s.slot {
		perMsg = 2
		s.large = make([]byte, n*largeStride)
	}
	s.small = make([]byte, n*slotStride)
	s.in = make([]netio.Datagram, n)
	s.rx = newMmsg(n, perMsg)
	for i := range n {
		s.rx.expect(i)
		head := &s.rx.iovs[i*perMsg]
		head.Base = &s.small[i*slotStride]
		head.SetLen(s.slot)
		if perMsg == 2 {
			tail := &s.rx.iovs[i*perMsg+1]
			tail.Base = &s.large[i*largeStride+s.slot]
			tail.SetLen(longest - s.slot)
		}
	}
}

// tryRead reads until nothing is left. It reports true only if reading is over.
func (s *socket) tryRead(fd uintptr) bool {
	if s.recheck {
		s.recheck = false
		s.readErrorQueue(fd)
	}
	for idle := true; !s.t.dead.Load(); {
		n, errno := recvmmsg(fd, s.rx.hdrs, 0)
		switch errno {
		case 0:
			idle = false
			s.failures = 0
			s.deliver(n)
			if n < len(s.rx.hdrs) {
				return false // empty, or an error that has set an edge of its own
			}
		case unix.EINTR:
		case unix.EAGAIN:
			if idle { // woken for something else
				s.readErrorQueue(fd)
			}
			return false
		default:
			if s.readFailed(fd, errno) {
				return true
			}
		}
	}
	return false
}

// readFailed handles an error of recvmmsg and reports whether it is the end.
// Most are the mark of an ICMP error.
func (s *socket) readFailed(fd uintptr, errno unix.Errno) bool {
	s.readErrors.Add(1)
	if s.readErrorQueue(fd) > 0 {
		s.failures = 0
		return false
	}
	s.failures++
	switch {
	case errno == unix.ECONNABORTED, // destroyed by an administrator, as ss -K does
		errno == unix.EBADF || errno == unix.ENOTSOCK || errno == unix.EFAULT || errno == unix.EINVAL || errno == unix.ENOSYS,
		!passing(errno) && s.failures >= persistent:
		s.fatal = os.NewSyscallError("recvmmsg", errno)
		return true
	case s.failures > 16:
		s.t.pause(s.failures - 16)
	}
	return false
}

// passing reports whether an error is of a kind that comes with the weather:
// what ICMP messages are turned into, and want of memory.
func passing(errno unix.Errno) bool {
	switch errno {
	case unix.ECONNREFUSED, unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EHOSTDOWN, unix.ENONET, unix.EACCES, unix.EPERM,
		unix.EPROTO, unix.ENOPROTOOPT, unix.EOPNOTSUPP, unix.EMSGSIZE, unix.ENETDOWN, unix.ETIMEDOUT, unix.ENOBUFS, unix.ENOMEM:
		return true
	}
	return false
}

// deliver hands on the n datagrams that were read.
func (s *socket) deliver(n int) {
	k, bytes := 0, 0
	for i := range n {
		h := &s.rx.hdrs[i]
		if h.Hdr.Flags&unix.MSG_TRUNC != 0 {
			s.truncated.Add(1)
			s.rx.expect(i)
			continue
		}
		a := s.rx.ancillary(i, &s.t.zones)
		group := a.broadcast || isGroup(a.dst)
		if group && s.later { // every socket of an address gets a copy
			s.rx.expect(i)
			continue
		}
		d := &s.in[k]
		k++
		d.Data = s.payload(i, int(h.Len))
		d.Peer = netio.Peer{Addr: s.rx.name(i, &s.t.zones)}
		d.Local = s.addr
		if a.dst.IsValid() {
			d.Local = netip.AddrPortFrom(s.t.zones.scoped(a.dst, a.ifindex), s.addr.Port())
		}
		d.Interface = a.ifindex
		d.Multicast = group
		d.Err = nil
		bytes += int(h.Len)
		s.rx.expect(i)
	}
	if k == 0 || s.t.dead.Load() {
		return
	}
	s.datagramsIn.Add(uint64(k))
	s.bytesIn.Add(uint64(bytes))
	s.batchesIn.Add(1)
	s.t.recv.Datagrams(s.in[:k])
}

// payload returns datagram i of n bytes in one piece.
func (s *socket) payload(i, n int) []byte {
	head := s.small[i*slotStride:]
	if n <= s.slot {
		return head[:n:n]
	}
	whole := s.large[i*largeStride:]
	copy(whole[:s.slot], head)
	return whole[:n:n]
}

// readErrorQueue hands on what the error queue holds, and returns how many
// entries it had. The datagrams of the last batch are done with, so their room
// can be used.
func (s *socket) readErrorQueue(fd uintptr) (entries int) {
	for !s.t.dead.Load() {
		n, errno := recvmmsg(fd, s.rx.hdrs, unix.MSG_ERRQUEUE)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			break
		}
		entries += n
		k := 0
		for i := range n {
			if e := s.deliveryError(i); e != nil {
				s.in[k] = netio.Datagram{
					Data: s.payload(i, int(s.rx.hdrs[i].Len)),
					Peer: netio.Peer{Addr: e.Peer},
					Err:  e,
				}
				k++
			}
			s.rx.expect(i)
		}
		if k > 0 && !s.t.dead.Load() {
			s.undelivered.Add(uint64(k))
			s.t.recv.Datagrams(s.in[:k])
		}
	}
	return entries
}

// deliveryError reads entry i from the error queue. Errors that the own
// system found while sending are left out: the write has returned them.
func (s *socket) deliveryError(i int) *DeliveryError {
	a := s.rx.ancillary(i, &s.t.zones)
	if a.ee == nil || a.ee.Origin != unix.SO_EE_ORIGIN_ICMP && a.ee.Origin != unix.SO_EE_ORIGIN_ICMP6 {
		return nil
	}
	e := &DeliveryError{
		Peer:  s.rx.name(i, &s.t.zones),
		From:  a.offender,
		Type:  a.ee.Type,
		Code:  a.ee.Code,
		Cause: unix.Errno(a.ee.Errno),
	}
	if !e.Peer.IsValid() {
		return nil
	}
	if e.From == e.Peer.Addr() {
		e.From = netip.Addr{}
	}
	if a.ee.Errno == uint32(unix.EMSGSIZE) {
		e.MTU = int(a.ee.Info)
	}
	return e
}
