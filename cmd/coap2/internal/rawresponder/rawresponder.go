package rawresponder

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// maxTail keeps the response within a datagram.
const maxTail = 60000

// Config says what to answer. The zero value answers 2.05 without payload, on
// port 5683.
type Config struct {
	// Listen is the address to listen on, HOST:PORT; "" = ":5683".
	Listen string
	// Code, Options and Payload are those of every response; zero code = 2.05.
	Code    codec.Code
	Options codec.Options
	Payload []byte
}

// Responder is a responder at work.
type Responder struct {
	transport *udp.Transport
}

// Start opens the socket and begins to answer.
func Start(cfg Config) (*Responder, error) {
	if cfg.Code == 0 {
		cfg.Code = codec.Content
	}
	if !cfg.Code.IsResponse() {
		return nil, fmt.Errorf("rawresponder: %v is not the code of a response", cfg.Code)
	}
	m := codec.Message{Code: cfg.Code, Options: slices.Clone(cfg.Options), Payload: cfg.Payload}
	b, err := m.Append(nil)
	if err == nil && len(b) > maxTail {
		err = fmt.Errorf("a response of %d bytes; at most %d fit", len(b), maxTail)
	}
	if err != nil {
		return nil, fmt.Errorf("rawresponder: %w", err)
	}
	var uc udp.Config
	if cfg.Listen != "" {
		uc.Addrs = []string{cfg.Listen}
	}
	t, err := udp.Open(uc)
	if err != nil {
		return nil, fmt.Errorf("rawresponder: %w", err)
	}
	// Each of the sockets has a goroutine, and each goroutine a box.
	boxes := make(chan *box, len(t.Local()))
	for range cap(boxes) {
		boxes <- newBox(t, byte(cfg.Code), b[codec.HeaderLen:])
	}
	err = t.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) {
		b := <-boxes
		b.answer(ds)
		boxes <- b
	}})
	if err != nil {
		_ = t.Close()
		return nil, fmt.Errorf("rawresponder: %w", err)
	}
	return &Responder{t}, nil
}

// Addrs returns the addresses that it answers on.
func (r *Responder) Addrs() []netip.AddrPort { return r.transport.Local() }

// Close ends it.
func (r *Responder) Close() error { return r.transport.Close() }

// box holds the answers to a batch.
type box struct {
	t    *udp.Transport
	code byte
	tail []byte // options and payload, which follow the token
	out  []netio.Datagram
	buf  []byte
	mid  uint16 // of the next NON
}

func newBox(t *udp.Transport, code byte, tail []byte) *box {
	const batch = udp.DefaultBatch
	return &box{t: t, code: code, tail: tail, out: make([]netio.Datagram, 0, batch),
		buf: make([]byte, 0, batch*(codec.HeaderLen+codec.MaxTokenLen+len(tail)))}
}

func (b *box) answer(ds []netio.Datagram) {
	b.out, b.buf = b.out[:0], b.buf[:0]
	for i := range ds {
		if d := &ds[i]; d.Err == nil && !d.Multicast {
			b.add(d)
		}
	}
	for at := 0; at < len(b.out); at++ { // what cannot be sent is lost
		n, err := b.t.WriteBatch(b.out[at:])
		at += n
		if err == nil {
			break
		}
	}
}

// add adds the answer to a datagram, if it has one: a response for a request, a
// reset for a ping.
func (b *box) add(d *netio.Datagram) {
	in := d.Data
	if len(in) < codec.HeaderLen || in[0]>>6 != codec.Version {
		return
	}
	typ, code, token := codec.Type(in[0]>>4&3), codec.Code(in[1]), int(in[0]&15)
	at := len(b.buf)
	switch {
	case len(in) < codec.HeaderLen+token || token > codec.MaxTokenLen:
		return
	case code == codec.Empty && typ == codec.CON && len(in) == codec.HeaderLen:
		b.buf = append(b.buf, codec.Version<<6|byte(codec.RST)<<4, 0, in[2], in[3])
	case !code.IsRequest():
		return
	case typ == codec.CON:
		b.buf = append(b.buf, codec.Version<<6|byte(codec.ACK)<<4|byte(token), b.code, in[2], in[3])
		b.buf = append(append(b.buf, in[codec.HeaderLen:codec.HeaderLen+token]...), b.tail...)
	case typ == codec.NON:
		b.mid++
		b.buf = append(b.buf, codec.Version<<6|byte(codec.NON)<<4|byte(token), b.code)
		b.buf = binary.BigEndian.AppendUint16(b.buf, b.mid)
		b.buf = append(append(b.buf, in[codec.HeaderLen:codec.HeaderLen+token]...), b.tail...)
	default:
		return
	}
	// The buffer has room for a batch; a longer one makes it grow, once, and the
	// answers before stay where they are.
	b.out = append(b.out, netio.Datagram{Data: b.buf[at:], Peer: d.Peer, Local: d.Local, Interface: d.Interface})
}
