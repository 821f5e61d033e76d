package mqtt

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// Flags of a segment.
const (
	flagSYN = 1 << iota
	flagACK
	flagRST
)

// A segment begins with a header that is 8 bytes shorter than TCP's: sequence
// number, acknowledgement number, length of the header in words and flags, the
// client's port, a checksum, and the options as zeros. The rest is data.
const (
	plainHeader = 20 - 8
	timestamps  = 12
	synPlain    = 4  // MSS
	synOptions  = 20 // MSS, selective acknowledgements, timestamps, window scale
	mss         = 1460
)

type segment struct {
	seq, ack uint32
	flags    byte
	port     byte
	data     []byte
}

func (p *Profile) headerLen(flags byte) int {
	switch {
	case flags&flagSYN != 0 && p.NoTimestamps:
		return plainHeader + synPlain
	case flags&flagSYN != 0:
		return plainHeader + synOptions
	case p.NoTimestamps:
		return plainHeader
	}
	return plainHeader + timestamps
}

// maxData is how much data a segment holds.
func (p *Profile) maxData() int {
	if p.NoTimestamps {
		return mss
	}
	return mss - timestamps
}

func (p *Profile) encode(s *segment) []byte {
	n := p.headerLen(s.flags)
	b := make([]byte, n, n+len(s.data))
	binary.BigEndian.PutUint32(b, s.seq)
	binary.BigEndian.PutUint32(b[4:], s.ack)
	b[8], b[9] = byte(n/4)<<4|s.flags, s.port
	b = append(b, s.data...)
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	return b
}

func decode(b []byte) (s segment, ok bool) {
	if len(b) < plainHeader {
		return s, false
	}
	n := int(b[8]>>4) * 4
	if n < plainHeader || n > len(b) || checksum(b) != 0 {
		return s, false
	}
	return segment{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), b[8] & 15, b[9], b[n:]}, true
}

// checksum is that of RFC 1071: over bytes that have it, it is 0.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// stack is the TCP of a host.
type stack struct {
	clock   Clock
	peer    *sim.Peer
	profile Profile
	conns   map[connKey]*conn
	// accept, where set, is called with new connections; nil = there are none.
	accept func(c *conn)
}

type connKey struct {
	addr netip.AddrPort
	port byte
}

func newStack(c Clock, peer *sim.Peer, p Profile) *stack {
	s := &stack{clock: c, peer: peer, profile: p.withDefaults(), conns: map[connKey]*conn{}}
	peer.OnReceive = s.receive
	return s
}

func (s *stack) receive(d netio.Datagram) {
	if d.Err != nil {
		return // TCP takes what ICMP says for a hint (RFC 9293 §3.9.2.2)
	}
	seg, ok := decode(d.Data)
	if !ok {
		return
	}
	k := connKey{d.Peer.Addr, seg.port}
	c := s.conns[k]
	switch {
	case c != nil:
		c.receive(&seg)
	case seg.flags == flagSYN && s.accept != nil:
		c = s.open(k)
		c.rcvNxt = seg.seq + 1
		s.accept(c)
		c.transmit()
	case seg.flags&flagRST == 0:
		s.send(k, &segment{seq: seg.ack, flags: flagRST, port: seg.port})
	}
}

func (s *stack) send(k connKey, seg *segment) {
	_ = s.peer.Send(k.addr, s.profile.encode(seg)) // what is lost is sent again
}

func (s *stack) open(k connKey) *conn {
	c := &conn{stack: s, key: k, rto: time.Second, cwnd: 10 * s.profile.maxData(), threshold: 1 << 30}
	s.conns[k] = c
	return c
}

// dial begins a connection.
func (s *stack) dial(addr netip.AddrPort, port byte) *conn {
	c := s.open(connKey{addr, port})
	c.dialed = true
	c.transmit()
	return c
}

// Retransmissions after which a connection is given up (Linux, tcp(7):
// tcp_syn_retries and tcp_retries2).
const (
	synRetries  = 6
	dataRetries = 15
	maxRTO      = 120 * time.Second
)

// conn is one end of a connection. Its SYN has sequence number 0, its data begin
// with 1.
type conn struct {
	stack *stack
	key   connKey

	onData func(b []byte)
	onDown func()

	dialed, up, gone bool

	una, nxt  uint32 // first byte that is not acknowledged, and first not sent
	out       []byte // data from una (or 1) on
	cwnd      int
	threshold int
	duplicate int
	rto       time.Duration
	srtt, dev time.Duration
	timedTo   uint32 // what an acknowledgement of measures a round trip; 0 = nothing
	timedAt   netio.Instant
	retries   int
	recover   uint32 // what was sent before may be lost, up to here
	timer     netio.Timer

	rcvNxt  uint32
	early   []segment // what came before its turn, in order
	pending int       // bytes that are not acknowledged yet
	ackAt   netio.Timer
}

// write sends data, when its turn comes.
func (c *conn) write(b []byte) {
	if c.gone {
		return
	}
	c.out = append(c.out, b...)
	c.transmit()
}

// close ends the connection; the other side is told.
func (c *conn) close() {
	if !c.gone {
		c.stack.send(c.key, &segment{seq: c.nxt, ack: c.rcvNxt, flags: flagRST | flagACK, port: c.key.port})
		c.end()
	}
}

func (c *conn) end() {
	c.gone = true
	stop(&c.timer)
	stop(&c.ackAt)
	delete(c.stack.conns, c.key)
}

func stop(t *netio.Timer) {
	if *t != nil {
		(*t).Stop()
		*t = nil
	}
}

func (c *conn) down() {
	c.end()
	if c.onDown != nil {
		c.onDown()
	}
}

// flags returns what every segment says.
func (c *conn) flags() byte {
	f := byte(0)
	if c.nxt == 0 {
		f |= flagSYN
	}
	if !c.dialed || c.up {
		f |= flagACK
	}
	return f
}

// transmit sends what may be sent now.
func (c *conn) transmit() {
	if c.nxt == 0 {
		c.emit(0, 0)
		c.nxt = 1
		c.measure()
		c.arm()
		return
	}
	if !c.up {
		return
	}
	for {
		sent := int(c.nxt - c.una)
		n := min(len(c.out)-sent, c.stack.profile.maxData(), c.cwnd-sent)
		if n <= 0 || n < c.stack.profile.maxData() && sent > 0 && !c.stack.profile.NoDelay {
			return
		}
		c.emit(sent, n)
		c.nxt += uint32(n)
		c.measure()
		if c.timer == nil {
			c.arm()
		}
	}
}

// measure times what was just sent, unless something is timed already.
func (c *conn) measure() {
	if c.timedTo == 0 {
		c.timedTo, c.timedAt = c.nxt, c.stack.clock.Now()
	}
}

// emit sends n bytes from an offset in out, and acknowledges what was received.
func (c *conn) emit(from, n int) {
	s := &segment{seq: c.una + uint32(from), ack: c.rcvNxt, flags: c.flags(), port: c.key.port, data: c.out[from : from+n]}
	stop(&c.ackAt)
	c.pending = 0
	c.stack.send(c.key, s)
}

// acknowledge sends nothing but an acknowledgement.
func (c *conn) acknowledge() {
	c.pending = 0
	stop(&c.ackAt)
	c.stack.send(c.key, &segment{seq: c.nxt, ack: c.rcvNxt, flags: flagACK, port: c.key.port})
}

func (c *conn) arm() {
	stop(&c.timer)
	c.timer = c.stack.clock.AfterFunc(c.rto, c.timeout)
}

// timeout sends the oldest segment again (RFC 6298 §5.4 to §5.6).
func (c *conn) timeout() {
	c.timer = nil
	c.retries++
	if c.una == 0 && c.retries > synRetries || c.retries > dataRetries {
		c.down()
		return
	}
	c.rto = min(2*c.rto, maxRTO)
	c.again()
	c.cwnd, c.duplicate = c.stack.profile.maxData(), 0
	c.arm()
}

// again sends the oldest segment again.
func (c *conn) again() {
	c.timedTo = 0 // an acknowledgement would not say of which (Karn)
	if c.una == 0 {
		c.nxt = 0
		c.emit(0, 0)
		c.nxt = 1
		return
	}
	full := c.stack.profile.maxData()
	sent := int(c.nxt - c.una)
	c.threshold, c.recover = max(sent/2, 2*full), c.nxt
	c.emit(0, min(sent, full))
}
