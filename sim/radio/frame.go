package radio

import (
	"encoding/binary"

	"github.com/coap2/coap2/netio"
)

// Frame is a frame when it begins.
type Frame struct {
	At netio.Instant
	// Station sends it, to Next or Everyone.
	Station, Next int
	// Datagram is what it is of; Index says which of its Fragments.
	Datagram *Datagram
	Index    int
	// Hops is how many hops it has left, Number its own: the same when it is sent
	// again, and in its acknowledgement. The air has the last 8 bits of it.
	Hops, Number int
	// Ack: it acknowledges that frame. Request: it wants to be acknowledged.
	Ack, Request bool
}

func (f *signal) frame(now netio.Instant, request bool) *Frame {
	return &Frame{At: now, Station: f.from, Next: f.next, Datagram: f.d, Index: f.frag, Hops: f.hops, Number: int(f.number), Ack: f.of != nil, Request: request}
}

// Size returns the length of the frame, MAC header and FCS included.
func (f *Frame) Size() int {
	if f.Ack {
		return ackSize
	}
	return f.Datagram.frags[f.Index].Size
}

// pan is the number of the network.
const pan = 0xabcd

func short(station int) uint16 {
	if station == Everyone {
		return 0xffff
	}
	return uint16(station)
}

// Append appends the frame without its FCS to b. The Datagram must have a
// Payload.
func (f *Frame) Append(b []byte) []byte {
	d := f.Datagram
	h, frag, le, be := &d.Header, d.frags[f.Index], binary.LittleEndian, binary.BigEndian
	if f.Ack {
		return append(le.AppendUint16(b, 0x0002), byte(f.Number))
	}
	control := uint16(0x8841) // data, one PAN, short addresses
	if f.Request {
		control |= 0x20
	}
	b = le.AppendUint16(b, control)
	b = append(b, byte(f.Number))
	b = le.AppendUint16(b, pan)
	b = le.AppendUint16(b, short(f.Next))
	b = le.AppendUint16(b, short(f.Station))
	if d.mesh {
		b = append(b, 0b10_1_1_1111, byte(f.Hops))
		b = be.AppendUint16(b, short(h.From))
		b = be.AppendUint16(b, short(h.To))
		if h.To == Everyone {
			b = append(b, 0b01_010000, byte(int(d.number)+f.Index))
		}
	}
	if len(d.frags) > 1 {
		dispatch := uint16(0b11000 << 11)
		if f.Index > 0 {
			dispatch = 0b11100 << 11
		}
		b = be.AppendUint16(b, dispatch|uint16(ipUDP+d.Size))
		b = be.AppendUint16(b, d.number)
		if f.Index > 0 {
			b = append(b, byte((ipUDP+frag.Begin)/8))
		}
	}
	if f.Index == 0 {
		b = h.Append(b, d.checksum())
	}
	return append(b, d.Payload[frag.Begin:frag.End]...)
}

// linkLocal returns the address of a station: fe80::ff:fe00:XXXX (RFC 6282
// §3.2.2).
func linkLocal(station int) [16]byte {
	a := [16]byte{0: 0xfe, 1: 0x80, 11: 0xff, 12: 0xfe}
	binary.BigEndian.PutUint16(a[14:], short(station))
	return a
}

// checksum returns the checksum of UDP (RFC 8200 §8.1).
func (d *Datagram) checksum() uint16 {
	h := &d.Header
	src, dst := linkLocal(h.From), linkLocal(h.To)
	if h.To == Everyone {
		dst = h.group()
	}
	size := uint32(8 + d.Size)
	sum := uint32(17) + 2*size + uint32(h.Source) + uint32(h.Dest)
	for _, b := range [...][]byte{src[:], dst[:], d.Payload} {
		for i, x := range b {
			sum += uint32(x) << (8 * (1 - i&1))
		}
	}
	for sum>>16 > 0 {
		sum = sum&0xffff + sum>>16
	}
	if sum == 0xffff {
		return 0xffff // 0 would be none
	}
	return ^uint16(sum)
}
