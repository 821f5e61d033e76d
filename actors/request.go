package actors

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coap2/coap2/actors/payload"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"net/netip"
)

// Request is a request: one that a client makes, or one that a handler was
// given.
//
// A handler's Request, its Options and its Payload are valid until the handler
// returns; what is to be kept must be copied (Options.Clone, slices.Clone).
type Request struct {
	// Method is codec.GET, POST, …; 0 = GET for a client.
	Method codec.Code
	// URI is the target of a client's request, absolute: "coap://host/path".
	// Empty in a handler's; see Path.
	URI string
	// Options are, for a client, the options besides those that the URI gives;
	// for a handler, all of them.
	Options codec.Options
	// Payload is the body; nil = none. One that is longer than a block travels in
	// blocks (RFC 7959), which neither client nor handler notices.
	Payload []byte
	// Body is the payload where it is better read than held in memory; Payload
	// is nil then.
	//
	// A client's is read block by block as it is sent, by another goroutine, which
	// may still be reading when the request has been cancelled. Where the peer
	// wants it from the start again, it must be an io.Seeker.
	//
	// A handler has one if its resource has Resource.Stream, to be read while it
	// comes. Its error, other than io.EOF, says that the rest will not come.
	Body io.Reader
	// Size is the length of a client's Body in bytes, if it is known; 0 = it is
	// what there is until io.EOF.
	Size int64
	// NonConfirmable: a client sends the request as NON, and a handler's was.
	NonConfirmable bool

	// Timeout bounds a client's request, from the call to the response. 0 = a
	// CON request is given up when it is not acknowledged (after 62 to 93 s
	// with default parameters), or when no response has followed within
	// MAX_TRANSMIT_WAIT (93 s) of the acknowledgement; a NON request after
	// MAX_TRANSMIT_WAIT. A context's deadline counts too. The wait for a turn
	// (NSTART, and for NON requests PROBING_RATE: RFC 7252 §4.7) is part of it.
	Timeout time.Duration
	// Params override the node's transmission parameters where not zero.
	Params protocol.Params
	// Token is the token; zero = one that cannot be guessed. A client that sets
	// it must not have two requests with it outstanding.
	Token codec.Token
	// ZeroToken sends the empty token, which suits one request at a time.
	ZeroToken bool

	// To, where set, is written what a client receives, block by block and in
	// order, by another goroutine; Response.Payload is nil then. The payload of an
	// error response is not written. If the representation changes meanwhile the
	// request fails with protocol.ErrBodyChanged.
	To io.Writer
	// From is where a client wants the response's payload to begin, in bytes:
	// the rest of what it has already. FromETag is the entity-tag of that; if it
	// has changed, the request fails with protocol.ErrBodyChanged.
	From     int64
	FromETag []byte
	// BlockSize is the size of the blocks that a client wants, both ways: 16, 32,
	// 64, … 1024; 0 = Config.BlockSize for what it sends, and what the peer likes
	// for what it gets.
	BlockSize int
	// MaxBody is the longest payload in bytes that a client takes in blocks; 0 = 8
	// MiB, or any with To; negative = any.
	MaxBody int64
	// Progress, where set, is called on the node's goroutine after each block. It
	// must not block.
	Progress func(Progress)

	// Peer is who sent a handler's request.
	Peer netio.Peer
	// Local is the own address that a handler's request was sent to.
	Local netip.AddrPort
	// Multicast: a handler's request came to a group.
	Multicast bool

	route *Route
	node  *Node
	// paced: the answer to a group is to be spread over leisure.
	leisure time.Duration
	paced   bool
	dest    netip.AddrPort // whom to ask, if that is known already
	// observation: the request registers it, and it is told the answer.
	observation *Observation
}

// Path returns the path of a handler's request, with a leading "/"; see
// codec.Options.Path.
func (r *Request) Path() string { return r.Options.Path() }

// PathValue returns what the path has in place of {name} in the pattern of the
// resource, or of the "*" at its end (segments joined by "/"); "" if the
// pattern has no such part.
func (r *Request) PathValue(name string) string {
	if r.route == nil {
		return ""
	}
	at := -1
	for i, s := range r.route.segments {
		if s == "{"+name+"}" || s == "*" && name == "*" {
			at = i
		}
	}
	if at < 0 {
		return ""
	}
	var rest []string
	i := 0
	for v := range r.Options.Values(codec.OptionURIPath) {
		if i >= at {
			rest = append(rest, string(v))
			if name != "*" {
				break
			}
		}
		i++
	}
	return strings.Join(rest, "/")
}

// Query returns the value of a "key=value" argument of the query, "" for a bare
// key, and whether there is one.
func (r *Request) Query(key string) (string, bool) { return r.Options.Query(key) }

// Route returns the resource that serves a handler's request: a handler that
// changes its state tells the observers by Route().Changed().
func (r *Request) Route() *Route { return r.route }

// Node returns the node that serves a handler's request.
func (r *Request) Node() *Node { return r.node }

// JSON decodes the payload into v. Its error is fit to be returned by a
// handler: 4.15 if a Content-Format says something else, 4.00 with the reason
// if it is not JSON.
func (r *Request) JSON(v any) error {
	if err := r.wants(codec.JSON); err != nil {
		return err
	}
	if err := json.Unmarshal(r.Payload, v); err != nil {
		return &CodeError{Code: codec.BadRequest, Diagnostic: "payload is not the JSON expected: " + err.Error()}
	}
	return nil
}

// CBOR decodes the payload into v, as JSON does.
func (r *Request) CBOR(v any) error {
	if err := r.wants(codec.CBOR); err != nil {
		return err
	}
	if err := payload.UnmarshalCBOR(r.Payload, v); err != nil {
		return &CodeError{Code: codec.BadRequest, Diagnostic: "payload is not the CBOR expected: " + err.Error()}
	}
	return nil
}

func (r *Request) wants(f codec.Format) error {
	if got, ok := r.Options.ContentFormat(); ok && got != f {
		return &CodeError{Code: codec.UnsupportedContentFormat, Diagnostic: fmt.Sprintf("Content-Format is %v, expected %v", got, f)}
	}
	return nil
}

// Response is a response: one that a handler gives, or one that a client got. The
// runtime only reads what a handler gives, so it may give the same one each time.
type Response struct {
	// Code is the response code. In a handler's, 0 means the usual one: 2.05
	// for GET and FETCH, 2.04 for POST, PUT, PATCH and iPATCH, 2.02 for DELETE.
	Code codec.Code
	// Options besides those that the runtime adds.
	Options codec.Options
	// Payload is the body; nil = none. A handler must not change it afterwards if
	// it is longer than a block: the peer fetches it block by block (RFC 7959).
	Payload []byte
	// Body is, for a handler, the body where it is better read than held in
	// memory: block by block, as the peer asks for it, on goroutines. Size is its
	// length in bytes; negative = not known, it ends where ReadAt says io.EOF. It
	// must not change. If it is an io.Closer it is closed when nobody can ask for
	// more of it: EXCHANGE_LIFETIME (247 s) after it was last asked for, or earlier
	// where Config.Limits want the room.
	// For a client Size is the length of the payload, also of one that was written
	// to Request.To, from its beginning even with Request.From.
	Body io.ReaderAt
	Size int64
	// Peer is who answered; set in a client's.
	Peer netio.Peer
	// Separate: the response came in a message of its own, after an ACK; set in
	// a client's.
	Separate bool
}

// JSON decodes the payload into v, whatever the Content-Format says.
func (r *Response) JSON(v any) error {
	if err := json.Unmarshal(r.Payload, v); err != nil {
		return fmt.Errorf("actors: response payload is not the JSON expected: %w", err)
	}
	return nil
}

// CBOR decodes the payload into v, whatever the Content-Format says.
func (r *Response) CBOR(v any) error {
	if err := payload.UnmarshalCBOR(r.Payload, v); err != nil {
		return fmt.Errorf("actors: response payload is not the CBOR expected: %w", err)
	}
	return nil
}

// ContentFormat returns the Content-Format; ok is false without one.
func (r *Response) ContentFormat() (codec.Format, bool) { return r.Options.ContentFormat() }

// JSON makes a response with v as JSON. It returns two values so that a handler
// can return them as they are.
func JSON(v any) (*Response, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("actors: response as JSON: %w", err)
	}
	return Bytes(codec.JSON, b)
}

// CBOR makes a response with v as CBOR (RFC 8949, core deterministic encoding).
func CBOR(v any) (*Response, error) {
	b, err := payload.MarshalCBOR(v)
	if err != nil {
		return nil, fmt.Errorf("actors: response as CBOR: %w", err)
	}
	return Bytes(codec.CBOR, b)
}

// Text makes a text/plain response.
func Text(s string) (*Response, error) { return Bytes(codec.TextPlain, []byte(s)) }

// Bytes makes a response with payload b in format f.
func Bytes(f codec.Format, b []byte) (*Response, error) {
	x := &struct { // one allocation
		Response
		format [1]codec.Option
	}{}
	x.format[0] = codec.ContentFormat(f)
	x.Options, x.Payload = x.format[:], b
	return &x.Response, nil
}

// Status makes a response of a code without payload.
func Status(c codec.Code, opts ...codec.Option) (*Response, error) {
	return &Response{Code: c, Options: codec.Options(nil).Add(opts...)}, nil
}

// Handler answers a request. The context ends when the peer can no longer be
// waiting, when the node stops, and when the handler has returned; that of
// Inline handlers, which all share, only when the node has ended.
//
// A *CodeError becomes that response. Any other error, and a panic, becomes
// 5.00 without details, which are logged: what went wrong inside is not told to
// strangers. A nil Response with a nil error is the usual code without payload.
type Handler func(ctx context.Context, r *Request) (*Response, error)

// Middleware wraps every handler of a node; see Node.Use.
type Middleware func(next Handler) Handler
