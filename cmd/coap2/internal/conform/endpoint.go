package conform

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/coap2/coap2/codec"
)

// endpoint is a client: a socket. It does what it is told, and nothing by
// itself.
type endpoint struct {
	p    *probe
	conn *net.UDPConn
	mid  uint16
	// held are messages that came while others were waited for.
	held []*message
	buf  [1 << 16]byte
}

func dial(p *probe) (*endpoint, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.cfg.Target))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(1 << 20)
	return &endpoint{p: p, conn: conn, mid: uint16(rand.Uint32())}, nil
}

// nextMID returns a message ID that was not used before.
func (e *endpoint) nextMID() uint16 {
	e.mid++
	return e.mid
}

// sendRaw sends bytes.
func (e *endpoint) sendRaw(b []byte) {
	if _, err := e.conn.Write(b); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
		e.p.giveUp("a datagram of %d bytes could not be sent: %v", len(b), err)
	}
}

// encode gives a message a new message ID and encodes it.
func (e *endpoint) encode(m *codec.Message) []byte {
	m.MessageID = e.nextMID()
	return encode(m)
}

func encode(m *codec.Message) []byte {
	b, err := m.Append(nil)
	if err != nil {
		panic(err) // the case's own doing
	}
	return b
}

// begin gives a message a new message ID and sends it, once.
func (e *endpoint) begin(m *codec.Message) []byte {
	b := e.encode(m)
	e.sendRaw(b)
	return b
}

// empty sends an ACK or RST.
func (e *endpoint) empty(t codec.Type, mid uint16) {
	e.sendRaw(encode(&codec.Message{Type: t, MessageID: mid}))
}

// read returns the next message that comes within d, or nil. Whatever comes has
// to be a well-formed message.
func (e *endpoint) read(d time.Duration) *message {
	deadline := time.Now().Add(d)
	for {
		if err := e.conn.SetReadDeadline(deadline); err != nil {
			e.p.giveUp("the socket: %v", err)
		}
		n, err := e.conn.Read(e.buf[:])
		if ctxErr := e.p.ctx.Err(); ctxErr != nil {
			e.p.giveUp("%v", ctxErr)
		}
		switch {
		case err == nil:
			m := &message{raw: append([]byte(nil), e.buf[:n]...), at: time.Now()}
			if err := m.Parse(m.raw); err != nil {
				e.p.fail("RFC 7252 §3", m, "not a well-formed message: %v", err)
			}
			e.p.wellMade(m)
			return m
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case errors.Is(err, syscall.ECONNREFUSED):
			// Nobody listens, at this moment.
			if time.Now().After(deadline) {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		default:
			e.p.giveUp("the socket: %v", err)
		}
	}
}

// wellMade checks what holds for every message.
func (p *probe) wellMade(m *message) {
	switch {
	case m.Code.IsRequest():
		return // a server may be a client, too
	case m.Type == codec.RST && m.Code != codec.Empty:
		p.fail("RFC 7252 §4.2", m, "a reset that is not empty")
	case m.Type == codec.NON && m.Code == codec.Empty:
		p.fail("RFC 7252 §4.3", m, "an empty message that is non-confirmable")
	case m.Code != codec.Empty && !m.Code.IsResponse():
		p.fail("RFC 7252 §3", m, "the code %v is reserved", m.Code)
	}
	if m.Code == codec.Empty {
		return
	}
	if bad := m.Options.Check(nil); bad != nil {
		p.fail("RFC 7252 §5.4", m, "%v", bad)
	}
	for _, n := range []codec.OptionNumber{codec.OptionBlock1, codec.OptionBlock2} {
		if _, _, err := m.Options.Block(n); err != nil {
			p.fail("RFC 7959 §2.2", m, "%v: %v", n, err)
		}
	}
	for _, n := range []codec.OptionNumber{codec.OptionURIHost, codec.OptionURIPath, codec.OptionURIQuery, codec.OptionAccept, codec.OptionIfMatch, codec.OptionIfNoneMatch} {
		if m.Options.Has(n) {
			p.fail("RFC 7252 §5.10", m, "%v in a response", n)
		}
	}
}

// wait returns the first message, of those held or to come within d, that is
// wanted, or nil. The others are held.
func (e *endpoint) wait(d time.Duration, want func(*message) bool) *message {
	for i, m := range e.held {
		if want(m) {
			e.held = append(e.held[:i], e.held[i+1:]...)
			return m
		}
	}
	end := time.Now().Add(d)
	for {
		m := e.read(time.Until(end))
		if m == nil {
			return nil
		}
		if want(m) {
			return m
		}
		if len(e.held) < 1000 {
			e.held = append(e.held, m)
		}
	}
}

// resend is when a request is sent again: soon, as the server may be next door,
// and then as RFC 7252 §4.2 says.
var resend = []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// repeat sends b, again and again, until a message comes that is wanted, or
// Config.Timeout is over; then it returns nil.
func (e *endpoint) repeat(b []byte, want func(*message) bool) *message {
	end := time.Now().Add(e.p.cfg.Timeout)
	for _, d := range resend {
		e.sendRaw(b)
		if m := e.wait(min(d, time.Until(end)), want); m != nil || time.Now().After(end) {
			return m
		}
	}
	return e.wait(time.Until(end), want)
}

// exchange sends a request, CON or NON, under a new message ID and returns the
// response, which it acknowledges if it is separate and CON. It checks what holds
// for each exchange.
func (e *endpoint) exchange(m *codec.Message) *message {
	return e.exchangeRaw(e.encode(m), m)
}

// exchangeRaw does so with bytes that m describes.
func (e *endpoint) exchangeRaw(b []byte, m *codec.Message) *message {
	mine := func(r *message) bool {
		return r.MessageID == m.MessageID && (r.Type == codec.ACK || r.Type == codec.RST)
	}
	response := func(r *message) bool {
		return mine(r) || r.Code.IsResponse() && r.Token == m.Token && (r.Type == codec.CON || r.Type == codec.NON)
	}
	r := e.repeat(b, response)
	if r == nil {
		e.p.fail("RFC 7252 §4.2, §5.2", nil, "no answer to %v within %v", m, e.p.cfg.Timeout)
	}
	if r.Type == codec.ACK && r.Code == codec.Empty {
		if m.Type != codec.CON {
			e.p.fail("RFC 7252 §4.3", r, "a non-confirmable message was acknowledged")
		}
		if r = e.wait(e.p.cfg.Timeout, func(r *message) bool { return response(r) && r.Code != codec.Empty }); r == nil {
			e.p.fail("RFC 7252 §5.2.2", nil, "an empty acknowledgement, and then no response to %v within %v", m, e.p.cfg.Timeout)
		}
	}
	e.p.answers(m, r)
	if r.Type == codec.CON {
		e.empty(codec.ACK, r.MessageID)
	}
	return r
}

// answers checks that a message can be the response to a request.
func (p *probe) answers(m *codec.Message, r *message) {
	switch {
	case r.Type == codec.RST:
		p.fail("", r, "%v was rejected with a reset", m)
	case r.Type == codec.ACK && r.MessageID != m.MessageID:
		p.fail("RFC 7252 §4.2", r, "an acknowledgement of message ID %d, not of %d", r.MessageID, m.MessageID)
	case r.Type == codec.ACK && m.Type != codec.CON:
		p.fail("RFC 7252 §4.3", r, "a non-confirmable message was acknowledged")
	case r.Token != m.Token:
		p.fail("RFC 7252 §5.3.1", r, "the token is %q, that of the request was %q", r.Token, m.Token)
	}
}

// silence checks that for Config.Quiet nothing comes that is not allowed.
func (e *endpoint) silence(rule, what string, allowed func(*message) bool) {
	e.silenceFor(e.p.cfg.Quiet, rule, what, allowed)
}

func (e *endpoint) silenceFor(d time.Duration, rule, what string, allowed func(*message) bool) {
	m := e.wait(d, func(m *message) bool { return allowed == nil || !allowed(m) })
	if m != nil {
		e.p.fail(rule, m, "%s: silence expected, got %v", what, &m.Message)
	}
}

// rejected sends a CON message, or what should be one, and checks that it is
// rejected with a reset.
func (e *endpoint) rejected(b []byte, rule, what string) {
	mid := uint16(b[2])<<8 | uint16(b[3])
	m := e.repeat(b, func(m *message) bool { return m.MessageID == mid })
	switch {
	case m == nil:
		e.p.fail(rule, nil, "%s: a reset expected, nothing came", what)
	case m.Type != codec.RST:
		e.p.fail(rule, m, "%s: a reset expected, got %v", what, &m.Message)
	}
}

// alive checks that the server still answers.
func (e *endpoint) alive(after string) {
	m := e.p.request(codec.GET, "/.well-known/core")
	b := e.encode(m)
	if e.repeat(b, func(r *message) bool { return r.MessageID == m.MessageID || r.Token == m.Token }) == nil {
		e.p.fail("", nil, "after %s the server does not answer any more", after)
	}
}
