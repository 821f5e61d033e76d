package load

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// receive takes a batch that a socket has brought, and sends what it sets free.
// The goroutine is that of the socket's reader.
func (s *socket) receive(ds []netio.Datagram) {
	l := s.l
	l.mu.Lock()
	if l.phase == over {
		l.mu.Unlock()
		return
	}
	now := l.clock.Now()
	for i := range ds {
		l.room(s.out)
		if ds[i].Err != nil {
			l.undelivered(now, s, &ds[i])
			continue
		}
		l.datagram(now, s, &ds[i])
	}
	if l.ramped < len(l.slots) {
		l.ramp(now, s.out)
	}
	l.stamp(s.out)
	l.mu.Unlock()
	l.send(s.out)
}

// send sends what is in an outbox, without the lock, and ends requests that the
// system refuses to send.
func (l *Load) send(out *outbox) {
	for out.send(); len(out.refused) > 0; out.send() {
		l.mu.Lock()
		now := l.clock.Now()
		refused := out.refused
		out.refused = nil
		for _, r := range refused {
			if s := &l.slots[r.index]; s.gen == r.gen && s.outstanding() {
				l.fail(now, r.index, out, Refused, r.err.Error())
			}
		}
		l.stamp(out)
		l.mu.Unlock()
	}
}

// datagram handles one datagram.
func (l *Load) datagram(now netio.Instant, via *socket, d *netio.Datagram) {
	if d.Peer.Addr != l.cfg.Target {
		l.res.Stray++
		return
	}
	m := &via.out.msg
	if err := m.Parse(d.Data); err != nil {
		why := ""
		if l.first() {
			why = err.Error()
		}
		l.failed(Malformed, why)
		return
	}
	switch {
	case m.Code == codec.Empty:
		l.empty(now, via, d, m)
	case m.Code.IsResponse() && m.Type != codec.RST:
		l.response(now, via, d, m)
	default:
		why := ""
		if l.first() {
			why = "a message that is no response: " + m.String()
		}
		l.failed(Malformed, why)
	}
}

// empty handles an acknowledgement, a reset or a ping.
func (l *Load) empty(now netio.Instant, via *socket, d *netio.Datagram, m *codec.Message) {
	if m.Type == codec.CON { // RFC 7252 §4.3
		via.out.empty(codec.RST, d, via, m.MessageID)
		return
	}
	i, ok := l.find(via, d, m.MessageID)
	switch {
	case !ok:
		l.res.Late++
	case m.Type == codec.RST:
		l.fail(now, i, via.out, Reset, "reset by the server")
	case m.Type == codec.ACK && l.slots[i].state == sending:
		l.slots[i].tx.Stop()
		l.slots[i].state = waiting
	}
}

// find finds the slot whose request had a message ID.
func (l *Load) find(via *socket, d *netio.Datagram, mid uint16) (int32, bool) {
	at := via.endpoint
	if l.spread {
		var ok bool
		if at, ok = l.byAddr[d.Local.Addr()]; !ok {
			return 0, false
		}
	}
	e := &l.endpoints[at]
	if e.socket != via {
		return 0, false
	}
	for i := e.first; i >= 0; i = l.slots[i].next {
		if l.slots[i].mid == mid {
			return i, true
		}
	}
	return 0, false
}

// recent is how many requests of a slot ago a response is late rather than
// mistaken.
const recent = 1 << 16

// response handles a response.
func (l *Load) response(now netio.Instant, via *socket, d *netio.Datagram, m *codec.Message) {
	if m.Type == codec.CON {
		// Whatever it is worth: without it, it would come again.
		via.out.empty(codec.ACK, d, via, m.MessageID)
		l.room(via.out)
	}
	i, gen, ok := l.request(m.Token)
	s := &l.slots[i]
	switch {
	case ok && s.gen == gen && s.outstanding():
	case ok && s.gen-gen < recent:
		l.res.Late++
		return
	default:
		l.mismatch(d, "with a token that no request had: ", m)
		return
	}
	e := &l.endpoints[s.endpoint]
	switch {
	case e.socket != via || l.spread && e.local.Addr() != d.Local.Addr():
		l.mismatch(d, "to an endpoint that has not asked for it: ", m)
		return
	case m.Type == codec.ACK && m.MessageID != s.mid:
		l.mismatch(d, "whose message ID is not that of its request: ", m)
		return
	case !m.Code.IsSuccess():
		why := ""
		if l.first() {
			if why = m.Code.String(); len(m.Payload) > 0 {
				why += ": " + string(m.Payload[:min(len(m.Payload), maxShown)])
			}
		}
		l.fail(now, i, via.out, Code, why)
		return
	}
	if !l.wanted {
		l.want, l.wanted = bytes.Clone(m.Payload), true
	}
	if l.cfg.Check == Same && !bytes.Equal(m.Payload, l.want) {
		why := ""
		if l.first() {
			why = fmt.Sprintf("the payload %s instead of %s", shown(m.Payload), shown(l.want))
		}
		l.fail(now, i, via.out, Payload, why)
		return
	}
	l.res.Responses++
	if l.phase == measuring {
		l.res.Answered++
	}
	l.res.Latency.Add(now.Sub(s.sent))
	l.release(now, i, via.out)
	l.launch(now, i, via.out)
}

// request reads a token: which use of which slot it is. The slot exists even
// where ok is false.
func (l *Load) request(t codec.Token) (slot int32, gen uint32, ok bool) {
	var b [tokenLen]byte
	_ = t.AppendTo(b[:0])
	v := binary.BigEndian.Uint64(b[:]) ^ l.key
	if t.Len() != tokenLen || v>>32 >= uint64(len(l.slots)) {
		return 0, 0, false
	}
	return int32(v >> 32), uint32(v), true
}

// mismatch counts a response that belongs to no request.
func (l *Load) mismatch(d *netio.Datagram, why string, m *codec.Message) {
	if l.first() {
		why = fmt.Sprintf("a response to %v %s%v", d.Local, why, m)
	}
	l.failed(Mismatch, why)
}

// maxShown is how much of a payload is shown.
const maxShown = 64

func shown(b []byte) string {
	if len(b) > maxShown {
		return fmt.Sprintf("%q… (%d bytes)", b[:maxShown], len(b))
	}
	return fmt.Sprintf("%q", b)
}

// undelivered handles the news that a datagram did not reach the server.
func (l *Load) undelivered(now netio.Instant, via *socket, d *netio.Datagram) {
	if d.Peer.Addr != l.cfg.Target || len(d.Data) < tokenAt+tokenLen {
		return
	}
	t, err := codec.MakeToken(d.Data[tokenAt : tokenAt+tokenLen])
	if i, gen, ok := l.request(t); err == nil && ok && l.slots[i].gen == gen && l.slots[i].outstanding() {
		l.fail(now, i, via.out, Unreachable, d.Err.Error())
	}
}
