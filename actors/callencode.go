package actors

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"unsafe"

	"github.com/coap2/coap2/codec"
)

// target is what a URI says of a request. A node remembers that of the URI for
// which it was asked twice in a row: clients often ask for the same again.
type target struct {
	text    string
	uri     codec.URI
	dest    netip.AddrPort // if literal
	literal bool
	options codec.Options // for dest; nil unless it is remembered
}

// parse makes the target of a URI.
func (t *target) parse(uri string) (err error) {
	if t.uri, err = codec.ParseURI(uri); err != nil {
		return err
	}
	t.text = uri
	t.dest, t.literal = t.uri.Addr()
	return nil
}

// target returns the target of a URI, which is here if it has to be parsed.
func (n *Node) target(uri string, here *target) (*target, error) {
	if t := n.lastTarget.Load(); t != nil && t.text == uri {
		return t, nil
	}
	if text := unsafe.StringData(uri); n.lastText.Swap(text) == text && text != nil {
		t := &target{}
		if err := t.parse(uri); err != nil {
			return nil, err
		}
		t.options = t.uri.AppendOptions(nil, t.dest)
		n.lastTarget.Store(t)
		return t, nil
	}
	return here, here.parse(uri)
}

// encode makes the call's message, on the caller's goroutine. dest decides which
// options the URI gives it (RFC 7252 §6.4).
func (c *Call) encode(req *Request, at *target, dest netip.AddrPort) error {
	m := codec.Message{Code: req.Method}
	if req.NonConfirmable {
		m.Type = codec.NON
	}
	if req.Method != codec.Empty && c.node.wantsTransfer(req) {
		return c.encodeTransfer(req, at.uri, dest)
	}
	var room [16]codec.Option
	if req.Method != codec.Empty {
		m.Token = c.token
		if !c.req.ownToken {
			m.Token = codec.TokenFromUint64(0) // stamp puts the real one here
		}
		m.Options, m.Payload = append(room[:0], at.options...), req.Payload
		if dest != at.dest || at.options == nil {
			m.Options = at.uri.AppendOptions(room[:0], dest)
		}
		m.Options = m.Options.Add(req.Options...)
	}
	data := c.room[:0]
	if n := m.EncodedLen(); n > len(c.room) {
		data = make([]byte, 0, n)
	}
	data, err := appendDatagram(data, &m)
	c.data = data
	return err
}

// encodeTransfer is encode for a request that begins a block-wise transfer.
func (c *Call) encodeTransfer(req *Request, u codec.URI, dest netip.AddrPort) (err error) {
	m := codec.Message{Code: req.Method, Token: c.token}
	if req.NonConfirmable {
		m.Type = codec.NON
	}
	if !c.req.ownToken {
		m.Token = codec.TokenFromUint64(0)
	}
	m.Options, m.Payload = u.AppendOptions(nil, dest).Add(req.Options.Clone()...), slices.Clone(req.Payload)
	c.transfer, err = c.node.newTransfer(req, &m)
	return err
}

// stamp writes what is known only now into the encoded message.
func (c *Call) stamp(mid uint16) {
	binary.BigEndian.PutUint16(c.data[2:], mid)
	c.token.AppendTo(c.data[codec.HeaderLen:codec.HeaderLen])
}
