package udp

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

// engine is what a socket needs on Linux.
//
// Reading happens inside one call of RawConn.Read, whose function never says
// that it is done: between two of its calls the poller keeps the edges that
// arrive, so a batch that was not full needs no second system call to learn
// that the socket is empty.
//
// An ICMP error is an entry in the error queue, and a mark on the socket that
// makes the next call fail, whatever that is about. When it is a write
// that takes the mark away, the writer wakes the reader (see rouse), for the
// edge of the error may have been spent on datagrams.
type engine struct {
	rc syscall.RawConn

	// Of the reader.
	rx       *mmsg
	small    []byte // slot of datagram i at i*slotStride
	large    []byte // whole of a long datagram i at i*largeStride
	slot     int    // bytes of a slot in use
	in       []netio.Datagram
	recheck  bool // look into the error queue
	failures int  // in a row, of reading
	fatal    error
	readable func(uintptr) bool

	// Of the writers, in turn.
	sending  sync.Mutex
	tx       *mmsg
	segments []int // datagrams in message i
	sent     int   // messages
	queued   int   // messages
	used     int   // vectors
	last     run
	canMerge bool // the kernel knows UDP_SEGMENT
	merging  bool // it is used for the present batch
	stolen   bool // an error that may belong to another datagram was met
	sendErr  error
	writable func(uintptr) bool

	roused atomic.Bool
}

const (
	slotSize    = 2112 // 33 cache lines
	slotStride  = slotSize
	largeStride = 64 << 10
)

// prepare sets the options of a new socket.
func (s *socket) prepare() error {
	rc, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	s.rc = rc
	level, must, may := unix.IPPROTO_IP, [][2]int{{unix.IP_PKTINFO, 1}, {unix.IP_RECVERR, 1}, {unix.IP_MULTICAST_LOOP, 1}},
		[][2]int{{unix.IP_MULTICAST_ALL, 0}}
	if !s.is4 {
		level, must = unix.IPPROTO_IPV6, [][2]int{{unix.IPV6_RECVPKTINFO, 1}, {unix.IPV6_RECVERR, 1}, {unix.IPV6_MULTICAST_LOOP, 1}}
		may = [][2]int{{unix.IPV6_MULTICAST_ALL, 0}} // since Linux 4.20
	}
	var errs []error
	if err := rc.Control(func(fd uintptr) {
		for _, o := range must {
			if err := unix.SetsockoptInt(int(fd), level, o[0], o[1]); err != nil {
				errs = append(errs, os.NewSyscallError("setsockopt", err))
			}
		}
		for _, o := range may {
			_ = unix.SetsockoptInt(int(fd), level, o[0], o[1])
		}
		// A kernel before 4.18 would send a merged message as one datagram.
		_, err := unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT)
		s.canMerge = err == nil
	}); err != nil {
		return err
	}
	s.writable = s.trySend
	s.readable = s.tryRead
	s.tx = newMmsg(s.t.cfg.Batch, 1)
	s.segments = make([]int, s.t.cfg.Batch)
	return errors.Join(errs...)
}

// rouse makes the reader look into the error queue.
func (s *socket) rouse() {
	if s.roused.CompareAndSwap(false, true) {
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// noFamily reports whether an error means that the machine lacks IPv4 or IPv6.
func noFamily(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EPROTONOSUPPORT)
}

// inUse reports whether an error means that a port is taken.
func inUse(err error) bool { return errors.Is(err, unix.EADDRINUSE) }

// buffers returns the sizes of the socket's buffers. The kernel doubles what is
// asked for, to pay for its own structures, and tells the double.
func (s *socket) buffers() (read, write int) {
	_ = s.rc.Control(func(fd uintptr) {
		read, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		write, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	return read / 2, write / 2
}

// countDrops asks the kernel what it has dropped. SO_MEMINFO costs nothing per
// datagram, unlike the control message of SO_RXQ_OVFL. The kernel counts modulo
// 2^32.
func (s *socket) countDrops() {
	_ = s.rc.Control(func(fd uintptr) {
		if drops, ok := memDrops(fd); ok {
			s.kernelDrops.Store(uint64(drops))
		}
	})
}
