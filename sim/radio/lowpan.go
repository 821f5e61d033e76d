package radio

import (
	"encoding/binary"
	"net/netip"
)

// Sizes of headers and the like.
const (
	macHeader  = 9 // frame control 2, number 1, PAN 2, short addresses 2 + 2
	fcs        = 2
	meshHeader = 6 // RFC 4944 §5.2: dispatch, deep hops left, short addresses 2 + 2
	bc0        = 2 // RFC 4944 §11.1: dispatch and number of a broadcast
	frag1      = 4 // RFC 4944 §5.3
	fragN      = 5
	ipUDP      = 40 + 8
	// MTU is the longest IPv6 packet (RFC 4944 §4).
	MTU = 1280
)

// Header is what IPHC compresses: the headers of an IPv6 and UDP datagram between
// stations, whose link-local addresses are made of their short ones, and are
// elided.
type Header struct {
	// From and To are stations; To is Everyone for a group.
	From, To int
	// Group is who a multicast datagram is for. An IPv4 group is taken for the
	// link-local one of IPv6 that ends in the same byte; All CoAP Nodes,
	// 224.0.1.187, for ff02::fd.
	Group netip.Addr
	// Source and Dest are the ports.
	Source, Dest uint16
	// HopLimit of the datagram: 1, 64 and 255 are elided.
	HopLimit int
}

// group returns the address of the group in IPv6.
func (h *Header) group() [16]byte {
	if h.Group.Is6() && !h.Group.Is4In6() {
		return h.Group.As16()
	}
	a := [16]byte{0xff, 0x02, 15: 0xfd}
	if g := h.Group.Unmap(); g.Is4() && g != netip.AddrFrom4([4]byte{224, 0, 1, 187}) {
		a[15] = g.As4()[3]
	}
	return a
}

// Append appends the compressed header (RFC 6282 §3, §4.3) to b; the checksum is
// as given.
func (h *Header) Append(b []byte, checksum uint16) []byte {
	first, second := byte(0b011_11_1_00), byte(0b0_0_11_0_0_11) // TF elided, NH compressed; SAM 11, DAM 11
	var inline []byte
	switch h.HopLimit {
	case 1:
		first |= 1
	case 64:
		first |= 2
	case 255:
		first |= 3
	default:
		inline = append(inline, byte(h.HopLimit))
	}
	if h.To == Everyone {
		g := h.group()
		second |= 0b1000 // M
		switch {
		case g[1] == 0x02 && zero(g[2:15]):
			inline = append(inline, g[15])
		case zero(g[2:13]):
			second = second&^3 | 2
			inline = append(append(inline, g[1]), g[13:]...)
		case zero(g[2:11]):
			second = second&^3 | 1
			inline = append(append(inline, g[1]), g[11:]...)
		default:
			second &^= 3
			inline = append(inline, g[:]...)
		}
	}
	b = append(append(b, first, second), inline...)
	src, dst := h.Source, h.Dest
	switch {
	case src&0xfff0 == 0xf0b0 && dst&0xfff0 == 0xf0b0:
		b = append(b, 0b11110_0_11, byte(src&0xf)<<4|byte(dst&0xf))
	case dst&0xff00 == 0xf000:
		b = append(b, 0b11110_0_01, byte(src>>8), byte(src), byte(dst))
	case src&0xff00 == 0xf000:
		b = append(b, 0b11110_0_10, byte(src), byte(dst>>8), byte(dst))
	default:
		b = append(b, 0b11110_0_00, byte(src>>8), byte(src), byte(dst>>8), byte(dst))
	}
	return binary.BigEndian.AppendUint16(b, checksum)
}

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// Size returns the length of the compressed header.
func (h *Header) Size() int {
	var scratch [32]byte
	return len(h.Append(scratch[:0], 0))
}

// Fragment is the part of a datagram's payload that is in one frame.
type Fragment struct {
	// Begin and End are where it is in the payload; Size is the length of the
	// frame, MAC header and FCS included.
	Begin, End, Size int
}

// Fragments returns the frames in which a datagram goes with a compressed header of
// a length and a payload of a length, below a mesh header or not; none if it is
// longer than MTU. Each but the last carries a multiple of 8 bytes of the
// datagram as it was before compression (RFC 4944 §5.3).
func Fragments(header, payload int, mesh, broadcast bool) []Fragment {
	extra := macHeader + fcs
	if mesh {
		extra += meshHeader
		if broadcast {
			extra += bc0
		}
	}
	if ipUDP+payload > MTU || payload < 0 {
		return nil
	}
	if extra+header+payload <= MaxFrame {
		return []Fragment{{0, payload, extra + header + payload}}
	}
	var list []Fragment
	for at, head := 0, frag1+header; at < payload; head = fragN {
		end := min(payload, at+(MaxFrame-extra-head)&^7)
		list = append(list, Fragment{at, end, extra + head + end - at})
		at = end
	}
	return list
}
