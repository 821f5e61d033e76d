package mqtt

import (
	"encoding/binary"
	"errors"
)

// Kinds of MQTT packets (MQTT 5 §2.1.2; those of 3.1.1 are the same).
const (
	connect     = 1
	connack     = 2
	publish     = 3
	puback      = 4
	subscribe   = 8
	suback      = 9
	pingreq     = 12
	pingresp    = 13
	publishDup  = 8 // flags of publish
	publishKeep = 1
)

// packet is an MQTT packet, as far as the model needs one.
type packet struct {
	kind    byte
	flags   byte
	id      uint16 // packet identifier, where there is one
	client  string // connect: the client identifier
	fresh   bool   // connect: clean session; connack: there is no session
	keep    uint16 // connect: keep-alive in seconds
	topic   string // publish, subscribe
	payload []byte
	qos     byte // publish, subscribe, suback
}

var errMalformed = errors.New("mqtt: malformed packet")

// appendPacket appends a packet of a version of the protocol, 4 or 5.
func appendPacket(dst []byte, p *packet, version int) []byte {
	var b []byte
	flags := p.flags
	properties := func() {
		if version == 5 {
			b = append(b, 0) // none
		}
	}
	switch p.kind {
	case connect: // §3.1
		b = appendString(b, "MQTT")
		b = append(b, byte(version), flag(p.fresh)<<1)
		b = binary.BigEndian.AppendUint16(b, p.keep)
		properties()
		b = appendString(b, p.client)
	case connack: // §3.2
		b = append(b, flag(!p.fresh), 0)
		properties()
	case publish: // §3.3
		flags |= p.qos << 1
		b = appendString(b, p.topic)
		if p.qos > 0 {
			b = binary.BigEndian.AppendUint16(b, p.id)
		}
		properties()
		b = append(b, p.payload...)
	case puback: // §3.4: success needs no reason, nor properties
		b = binary.BigEndian.AppendUint16(b, p.id)
	case subscribe: // §3.8
		flags = 2
		b = binary.BigEndian.AppendUint16(b, p.id)
		properties()
		b = append(appendString(b, p.topic), p.qos)
	case suback: // §3.9
		b = binary.BigEndian.AppendUint16(b, p.id)
		properties()
		b = append(b, p.qos)
	}
	dst = append(dst, p.kind<<4|flags)
	n := len(b)
	for n >= 128 {
		dst = append(dst, byte(n)|128)
		n >>= 7
	}
	return append(append(dst, byte(n)), b...)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// parsePacket reads the first packet of a stream, and returns how long it is; 0
// = it is not there as a whole yet. It shares memory with b.
func parsePacket(b []byte, version int) (p packet, n int, err error) {
	length, at := 0, 1
	for shift := 0; ; shift += 7 {
		if len(b) <= at {
			return p, 0, nil
		}
		if shift > 21 {
			return p, 0, errMalformed
		}
		length |= int(b[at]&127) << shift
		at++
		if b[at-1] < 128 {
			break
		}
	}
	if len(b)-at < length {
		return p, 0, nil
	}
	r := reader{b: b[at : at+length]}
	properties := func() {
		if version == 5 {
			r.take(int(r.byte()))
		}
	}
	p.kind, p.flags = b[0]>>4, b[0]&15
	switch p.kind {
	case connect:
		if r.string() != "MQTT" || int(r.byte()) != version {
			return p, 0, errMalformed
		}
		p.fresh = r.byte()&2 != 0
		p.keep = r.uint16()
		properties()
		p.client = r.string()
	case connack:
		p.fresh = r.byte()&1 == 0
		if r.byte() != 0 {
			return p, 0, errMalformed
		}
		properties()
	case publish:
		p.qos = p.flags >> 1 & 3
		p.topic = r.string()
		if p.qos > 0 {
			p.id = r.uint16()
		}
		properties()
		p.payload, r.b = r.b, nil
	case puback:
		p.id = r.uint16()
	case subscribe, suback:
		p.id = r.uint16()
		properties()
		if p.kind == subscribe {
			p.topic = r.string()
		}
		p.qos = r.byte()
	case pingreq, pingresp:
	default:
		return p, 0, errMalformed
	}
	if r.short || len(r.b) > 0 {
		return p, 0, errMalformed
	}
	return p, at + length, nil
}

// reader reads fields; once one is not there, all the others are not.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.short, r.b = true, nil
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) byte() byte {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if v := r.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (r *reader) string() string { return string(r.take(int(r.uint16()))) }
