package actors

import (
	"context"
	"time"

	"github.com/coap2/coap2/codec"
)

// Do makes a request and waits for the response. A response that is no success
// is returned together with a *CodeError; every other failure is a
// *RequestError without response.
//
// The context's end cancels the request at any moment. From an Inline handler
// Do returns ErrInline at once.
func (n *Node) Do(ctx context.Context, req Request) (*Response, error) {
	if req.Method == 0 {
		req.Method = codec.GET
	}
	return n.do(ctx, req)
}

func (n *Node) do(ctx context.Context, req Request) (*Response, error) {
	if t := taskOf(ctx); t != nil && t.inline {
		return nil, ErrInline
	}
	return n.await(ctx, req, func(done func(*Response, error)) *Call { return n.start(req, done) })
}

// await waits for a call; req is what it is for.
func (n *Node) await(ctx context.Context, req Request, start func(func(*Response, error)) *Call) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, &RequestError{Method: req.Method, URI: req.URI, Err: context.Cause(ctx)}
	}
	var res *Response
	var err error
	s := n.env.Runner.NewSignal()
	c := start(func(r *Response, e error) {
		res, err = r, e
		s.Set()
	})
	if werr := s.Wait(ctx); werr != nil {
		c.cancel(werr)
		// The node's goroutine ends every call that is cancelled, so this wait
		// is short; it makes res and err safe to read.
		_ = s.Wait(context.Background())
	}
	return res, err
}

// Get makes a GET request; see Do.
func (n *Node) Get(ctx context.Context, uri string, opts ...codec.Option) (*Response, error) {
	return n.Do(ctx, Request{Method: codec.GET, URI: uri, Options: opts})
}

// Delete makes a DELETE request; see Do.
func (n *Node) Delete(ctx context.Context, uri string, opts ...codec.Option) (*Response, error) {
	return n.Do(ctx, Request{Method: codec.DELETE, URI: uri, Options: opts})
}

// Post makes a POST request with a payload in format f; see Do.
func (n *Node) Post(ctx context.Context, uri string, f codec.Format, payload []byte, opts ...codec.Option) (*Response, error) {
	return n.Do(ctx, Request{Method: codec.POST, URI: uri, Options: withFormat(f, opts), Payload: payload})
}

// Put makes a PUT request with a payload in format f; see Do.
func (n *Node) Put(ctx context.Context, uri string, f codec.Format, payload []byte, opts ...codec.Option) (*Response, error) {
	return n.Do(ctx, Request{Method: codec.PUT, URI: uri, Options: withFormat(f, opts), Payload: payload})
}

func withFormat(f codec.Format, opts []codec.Option) codec.Options {
	return codec.Options{codec.ContentFormat(f)}.Add(opts...)
}

// Ping asks a node whether it is there: an empty CON, which is answered with a
// Reset (RFC 7252 §4.3). It returns how long that took. The host is that of a
// URI such as "coap://192.0.2.1".
func (n *Node) Ping(ctx context.Context, uri string) (time.Duration, error) {
	start := n.env.Clock.Now()
	_, err := n.do(ctx, Request{Method: codec.Empty, URI: uri})
	return n.env.Clock.Now().Sub(start), err
}
