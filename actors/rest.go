package actors

import (
	"context"
	"fmt"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// Rest completes a response that is the first block of a longer one and came
// without a request of its own: a notification (RFC 7959 §2.6), or the answer of
// a node to a request that was sent to its group (§2.8). What is missing is
// fetched from that node, first.Peer, by unicast. req is what was asked: method,
// URI and options, Observe excepted; its Body, To and From are not used.
//
// A response that is complete is returned as it is.
func (n *Node) Rest(ctx context.Context, req Request, first *Response) (*Response, error) {
	if t := taskOf(ctx); t != nil && t.inline {
		return nil, ErrInline
	}
	if !first.incomplete() {
		return first, nil
	}
	return n.await(ctx, req, func(done func(*Response, error)) *Call { return n.goRest(req, first, done) })
}

// goRest is Rest that returns at once, for a response that is incomplete; done is
// called as that of Go.
func (n *Node) goRest(req Request, first *Response, done func(*Response, error)) *Call {
	req.Body, req.To, req.From = nil, nil, 0
	if req.Method == 0 {
		req.Method = codec.GET
	}
	req.Options = req.Options.Clone().Remove(codec.OptionObserve)
	if req.MaxBody == 0 {
		req.MaxBody = protocol.DefaultDownloadMax
	}
	return n.begin(req, first, done)
}

// incomplete reports whether a response is the first of several blocks.
func (r *Response) incomplete() bool {
	b, has, err := r.Options.Block(codec.OptionBlock2)
	return err == nil && has && b.More && b.Num == 0 && r.Code.IsSuccess()
}

// badBlock reports that a response which came without a request of its own is a
// part that is not the first, or has a Block2 option that means nothing.
func (r *Response) badBlock() error {
	b, has, err := r.Options.Block(codec.OptionBlock2)
	switch {
	case !r.Code.IsSuccess():
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrBadResponse, err)
	case has && b.Num > 0:
		return fmt.Errorf("%w: it is block %v, asked for was the first", ErrBadResponse, b)
	}
	return nil
}

// resume makes a call go on with a response that came otherwise. It is asked
// only where blocks are missing.
func (c *Call) resume(first *Response) error {
	t := c.transfer
	m := &codec.Message{Code: first.Code, Options: first.Options, Payload: first.Payload}
	if _, err := t.proto.Next(); err != nil {
		return err
	}
	step := t.proto.Response(m)
	if step.Verdict == protocol.BlockFailed {
		return step.Err
	}
	t.take(m, step)
	return nil
}
