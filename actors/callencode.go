package actors

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/coap2/coap2/codec"
)

// encode makes the call's message, on the caller's goroutine. dest decides which
// options the URI gives it (RFC 7252 §6.4).
func (c *Call) encode(req *Request, u codec.URI, dest netip.AddrPort) error {
	m := codec.Message{Code: req.Method}
	if req.NonConfirmable {
		m.Type = codec.NON
	}
	if req.Method != codec.Empty && c.node.wantsTransfer(req) {
		return c.encodeTransfer(req, u, dest)
	}
	var room [16]codec.Option
	if req.Method != codec.Empty {
		m.Token = c.token
		if !c.req.ownToken {
			m.Token = codec.TokenFromUint64(0) // stamp puts the real one here
		}
		m.Options, m.Payload = u.AppendOptions(room[:0], dest).Add(req.Options...), req.Payload
	}
	data, err := appendDatagram(make([]byte, 0, m.EncodedLen()), &m)
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

// resolve finds the addresses of a host that the node's socket can send to.
func (n *Node) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if n.env.Resolve == nil {
		return nil, fmt.Errorf("host %q is no address, and this node cannot resolve names", host)
	}
	addrs, err := n.env.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	v4, v6 := n.families()
	var usable []netip.Addr
	for _, a := range addrs {
		if a.Is4() && v4 || !a.Is4() && v6 {
			usable = append(usable, a)
		}
	}
	if len(usable) > 0 {
		return usable, nil
	}
	return nil, fmt.Errorf("host %q has only addresses (%v) of a family that this node does not listen on", host, addrs)
}
