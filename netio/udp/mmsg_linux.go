package udp

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlWords is the room for control messages of a datagram, in words of 8
// bytes for their alignment: a packet info (40 bytes) and, from the error
// queue, an extended error with the address of an IPv6 router (64 bytes).
const controlWords = 16

type control [controlWords]uint64

// mmsg is what recvmmsg and sendmmsg work on. It is reused for ever: headers
// point to the names, control buffers and vectors with the same index.
type mmsg struct {
	hdrs     []unix.Mmsghdr
	iovs     []unix.Iovec // vectors of datagram i from i*perMsg
	names    []unix.RawSockaddrInet6
	controls []control
}

// newMmsg makes room for n datagrams of perMsg vectors each.
func newMmsg(n, perMsg int) *mmsg {
	m := &mmsg{
		hdrs:     make([]unix.Mmsghdr, n),
		iovs:     make([]unix.Iovec, n*perMsg),
		names:    make([]unix.RawSockaddrInet6, n),
		controls: make([]control, n),
	}
	for i := range m.hdrs {
		h := &m.hdrs[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&m.names[i]))
		h.Iov = &m.iovs[i*perMsg]
		h.SetIovlen(perMsg)
	}
	return m
}

// recvmmsg reads without waiting.
func recvmmsg(fd uintptr, hdrs []unix.Mmsghdr, flags int) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))),
		uintptr(len(hdrs)), uintptr(flags|unix.MSG_DONTWAIT), 0, 0)
	return int(n), e
}

// sendmmsg writes without waiting.
func sendmmsg(fd uintptr, hdrs []unix.Mmsghdr) (int, unix.Errno) {
	n, _, e := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(unsafe.SliceData(hdrs))),
		uintptr(len(hdrs)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), e
}

// memDrops reads the socket's drop counter (Linux 4.12).
func memDrops(fd uintptr) (uint32, bool) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return info[unix.SK_MEMINFO_DROPS], e == 0 && size > unix.SK_MEMINFO_DROPS*4
}

// expect readies header i for reading again: the kernel has overwritten the
// sizes.
func (m *mmsg) expect(i int) {
	h := &m.hdrs[i].Hdr
	h.Namelen = unix.SizeofSockaddrInet6
	h.Control = (*byte)(unsafe.Pointer(&m.controls[i]))
	h.SetControllen(controlWords * 8)
}

// name returns the address that the kernel has put into name i.
func (m *mmsg) name(i int, z *zones) netip.AddrPort {
	if m.hdrs[i].Hdr.Namelen < unix.SizeofSockaddrInet4 {
		return netip.AddrPort{}
	}
	return addrPort(unsafe.Pointer(&m.names[i]), int(m.hdrs[i].Hdr.Namelen), z)
}

// addrPort reads a socket address of size bytes, at least 16.
func addrPort(p unsafe.Pointer, size int, z *zones) netip.AddrPort {
	switch *(*uint16)(p) {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(p)
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), port(&sa.Port))
	case unix.AF_INET6:
		if size >= unix.SizeofSockaddrInet6 {
			sa := (*unix.RawSockaddrInet6)(p)
			return netip.AddrPortFrom(z.scoped(netip.AddrFrom16(sa.Addr).Unmap(), int(sa.Scope_id)), port(&sa.Port))
		}
	}
	return netip.AddrPort{}
}

// port converts from network byte order.
func port(p *uint16) uint16 { return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:]) }

// setName makes name i the destination; scope is the interface of a link-local
// one.
func (m *mmsg) setName(i int, to netip.AddrPort, scope int, is4 bool) {
	if is4 {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&m.names[i]))
		sa.Family, sa.Addr = unix.AF_INET, to.Addr().As4()
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:], to.Port())
		m.hdrs[i].Hdr.Namelen = unix.SizeofSockaddrInet4
		return
	}
	sa := &m.names[i]
	sa.Family, sa.Addr, sa.Scope_id = unix.AF_INET6, to.Addr().As16(), uint32(scope)
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:], to.Port())
	m.hdrs[i].Hdr.Namelen = unix.SizeofSockaddrInet6
}

// setSource asks for a source address (invalid = any) and an interface (0 =
// any) of outgoing datagram i.
func (m *mmsg) setSource(i int, source netip.Addr, ifindex int, is4 bool) {
	h := &m.hdrs[i].Hdr
	if !source.IsValid() && ifindex == 0 {
		h.Control = nil
		h.SetControllen(0)
		return
	}
	c := unsafe.Pointer(&m.controls[i])
	h.Control = (*byte)(c)
	head, body := (*unix.Cmsghdr)(c), unsafe.Add(c, unix.CmsgLen(0))
	if is4 {
		info := (*unix.Inet4Pktinfo)(body)
		*info = unix.Inet4Pktinfo{Ifindex: int32(ifindex)}
		if source.IsValid() {
			info.Spec_dst = source.As4()
		}
		head.Level, head.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		head.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		h.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
		return
	}
	info := (*unix.Inet6Pktinfo)(body)
	*info = unix.Inet6Pktinfo{Ifindex: uint32(ifindex)}
	if source.IsValid() {
		info.Addr = source.As16()
	}
	head.Level, head.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
	head.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
	h.SetControllen(unix.CmsgSpace(unix.SizeofInet6Pktinfo))
}

// addSegment makes outgoing message i one that the kernel cuts into datagrams of
// size bytes.
func (m *mmsg) addSegment(i, size int) {
	h := &m.hdrs[i].Hdr
	at := int(h.Controllen)
	c := unsafe.Add(unsafe.Pointer(&m.controls[i]), at)
	h.Control = (*byte)(unsafe.Pointer(&m.controls[i]))
	head := (*unix.Cmsghdr)(c)
	head.Level, head.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	head.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Add(c, unix.CmsgLen(0))) = uint16(size)
	h.SetControllen(at + unix.CmsgSpace(2))
}

// ancillary is what control messages tell of a datagram.
type ancillary struct {
	dst       netip.Addr // destination, without zone
	ifindex   int
	broadcast bool // to an IPv4 broadcast address
	ee        *unix.SockExtendedErr
	offender  netip.Addr
}

// ancillary reads the control messages of received datagram i.
func (m *mmsg) ancillary(i int, z *zones) (a ancillary) {
	c := unsafe.Pointer(&m.controls[i])
	size := min(int(m.hdrs[i].Hdr.Controllen), controlWords*8)
	for at := 0; size-at >= unix.CmsgLen(0); {
		head := (*unix.Cmsghdr)(unsafe.Add(c, at))
		length := int(head.Len)
		if length < unix.CmsgLen(0) || length > size-at {
			return a
		}
		body, n := unsafe.Add(c, at+unix.CmsgLen(0)), length-unix.CmsgLen(0)
		switch {
		case head.Level == unix.IPPROTO_IP && head.Type == unix.IP_PKTINFO && n >= unix.SizeofInet4Pktinfo:
			info := (*unix.Inet4Pktinfo)(body)
			a.dst, a.ifindex = netip.AddrFrom4(info.Addr), int(info.Ifindex)
			// The kernel names the address that an answer would come from:
			// for unicast it is the destination.
			a.broadcast = info.Addr != info.Spec_dst
		case head.Level == unix.IPPROTO_IPV6 && head.Type == unix.IPV6_PKTINFO && n >= unix.SizeofInet6Pktinfo:
			info := (*unix.Inet6Pktinfo)(body)
			a.dst, a.ifindex = netip.AddrFrom16(info.Addr), int(info.Ifindex)
		case (head.Level == unix.IPPROTO_IP && head.Type == unix.IP_RECVERR ||
			head.Level == unix.IPPROTO_IPV6 && head.Type == unix.IPV6_RECVERR) && n >= extendedErrSize:
			a.ee = (*unix.SockExtendedErr)(body)
			if n-extendedErrSize >= unix.SizeofSockaddrInet4 {
				a.offender = addrPort(unsafe.Add(body, extendedErrSize), n-extendedErrSize, z).Addr()
			}
		}
		at += unix.CmsgSpace(n)
	}
	return a
}

const extendedErrSize = int(unsafe.Sizeof(unix.SockExtendedErr{}))
