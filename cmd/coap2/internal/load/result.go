package load

import (
	"time"

	"github.com/coap2/coap2/cmd/coap2/internal/histogram"
)

// Kind is a kind of error.
type Kind uint8

// The kinds of errors. Those up to Payload are the end of a request; the others
// are messages that belong to no request, or cannot be read.
const (
	// Timeout: the response is missing.
	Timeout Kind = iota
	// Reset: the server rejected the request.
	Reset
	// Unreachable: the network said that the server cannot be reached.
	Unreachable
	// Refused: the own system would not send the request.
	Refused
	// Code: the response is no success.
	Code
	// Payload: the payload is not the expected one.
	Payload
	// Malformed: a message cannot be read, or makes no sense in its place.
	Malformed
	// Mismatch: token, message ID or addresses of a response are not those of a
	// request.
	Mismatch

	// Kinds is the number of kinds.
	Kinds
)

// String returns "timeout", "reset", …
func (k Kind) String() string {
	switch k {
	case Timeout:
		return "timeout"
	case Reset:
		return "reset"
	case Unreachable:
		return "unreachable"
	case Refused:
		return "refused"
	case Code:
		return "code"
	case Payload:
		return "payload"
	case Malformed:
		return "malformed"
	case Mismatch:
		return "mismatch"
	}
	return "unknown"
}

// Result is what came of a load, or what has come of it so far.
type Result struct {
	// Requests counts requests, Responses those that were answered as they
	// should be. The rest of them is in Errors, or outstanding.
	Requests, Responses uint64
	// Elapsed is the time in which requests were counted, and Answered how many
	// right responses came in it: their quotient is the rate. Responses that
	// came after the end, to requests made before, are in Responses only.
	Elapsed  time.Duration
	Answered uint64
	// Latency has the time from each request to its response.
	Latency histogram.Histogram
	// Retransmissions counts confirmable requests that were sent again.
	Retransmissions uint64
	// Late counts responses that came when their request had ended, mostly
	// because two copies of it were answered.
	Late uint64
	// Stray counts datagrams from others than the server.
	Stray uint64
	// Renewed counts endpoints that had used all their message IDs and were
	// replaced.
	Renewed uint64
	// Dropped counts datagrams that came while the own socket was full, or were
	// too long for it, since the start.
	Dropped uint64
	// Errors counts what went wrong, by kind, and FirstError says more of the
	// first: text from a stranger, not all of it printable.
	Errors     [Kinds]uint64
	FirstError string
	// Measuring: the warm-up is over.
	Measuring bool
	// Interrupted: it was stopped before its end.
	Interrupted bool
	// Endpoints and Sockets are how many there are at a time.
	Endpoints, Sockets int
}

// Failed returns the number of errors of all kinds.
func (r *Result) Failed() (n uint64) {
	for _, e := range r.Errors {
		n += e
	}
	return n
}

// Rate returns right responses per second.
func (r *Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Answered) / r.Elapsed.Seconds()
}
