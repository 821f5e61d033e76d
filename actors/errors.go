package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Errors of requests. They are wrapped with what was asked of whom; compare
// with errors.Is.
var (
	// ErrTimeout: no answer came, though a CON was retransmitted as often as
	// the parameters say, or Request.Timeout passed.
	ErrTimeout = errors.New("timeout: no answer")
	// ErrReset: the peer answered with a Reset: it got the message and cannot
	// or will not process it.
	ErrReset = errors.New("reset by peer")
	// ErrUnreachable: the network said that the peer cannot be reached, or the
	// system refused to send.
	ErrUnreachable = errors.New("unreachable")
	// ErrCanceled: the call was cancelled.
	ErrCanceled = errors.New("request cancelled")
	// ErrBusy: a bound of Config.Limits is reached.
	ErrBusy = errors.New("too many requests outstanding")
	// ErrMessageIDs: all 61,440 message IDs towards the peer are in use.
	ErrMessageIDs = errors.New("no message ID is free")
	// ErrStopped: the node has been stopped.
	ErrStopped = errors.New("node is stopped")
	// ErrInline: a blocking call from an Inline handler, which would stall its
	// node. Use Node.Go there, or do not declare the resource Inline.
	ErrInline = errors.New("actors: a blocking call in an Inline handler; use Node.Go, or drop Inline")
	// ErrBadResponse: the response carries a critical option that is not
	// understood.
	ErrBadResponse = errors.New("response is not understood")
)

// RequestError says which request failed and why. Err wraps one of the
// sentinels above, or the context's error.
type RequestError struct {
	Method codec.Code
	URI    string
	Peer   netio.Peer
	Err    error
}

// Error implements error.
func (e *RequestError) Error() string {
	where := e.URI
	if p := e.Peer.String(); e.Peer.Addr.IsValid() && !strings.Contains(where, p) {
		where += " (" + p + ")"
	}
	return fmt.Sprintf("actors: %s %s: %v", methodName(e.Method), where, e.Err)
}

// Unwrap returns Err.
func (e *RequestError) Unwrap() error { return e.Err }

// Timeout reports whether the request failed because time ran out, as
// net.Error has it.
func (e *RequestError) Timeout() bool {
	return errors.Is(e.Err, ErrTimeout) || errors.Is(e.Err, context.DeadlineExceeded)
}

func methodName(c codec.Code) string {
	switch c {
	case codec.Empty:
		return "ping"
	case codec.GET:
		return "GET"
	case codec.POST:
		return "POST"
	case codec.PUT:
		return "PUT"
	case codec.DELETE:
		return "DELETE"
	case codec.FETCH:
		return "FETCH"
	case codec.PATCH:
		return "PATCH"
	case codec.IPATCH:
		return "iPATCH"
	}
	return fmt.Sprintf("%d.%02d", c.Class(), c.Detail())
}

// CodeError is a response that is no success: what Get and its sisters return
// for one, and what a handler returns to make one.
type CodeError struct {
	// Code is the response code, 4.xx or 5.xx.
	Code codec.Code
	// Diagnostic is the diagnostic payload (RFC 7252 §5.5.2): short text for
	// people.
	Diagnostic string
	// Options of the response, Max-Age for example; may be nil.
	Options codec.Options
	// Response is the whole response, for a client; nil in a handler's.
	Response *Response
}

// Errorf makes a CodeError for a handler to return.
func Errorf(c codec.Code, format string, args ...any) error {
	return &CodeError{Code: c, Diagnostic: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *CodeError) Error() string {
	s := fmt.Sprintf("coap: %v", e.Code)
	if e.Diagnostic != "" {
		// It is a stranger's text: what is not printable is escaped.
		s += ": " + string(codec.AppendPrintable(nil, []byte(e.Diagnostic)))
	}
	return s
}
