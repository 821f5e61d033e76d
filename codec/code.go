package codec

import "strconv"

// Type is the message type of RFC 7252 §4: how a message wants to be
// acknowledged.
type Type uint8

// The four message types (RFC 7252 §3).
const (
	CON Type = 0 // confirmable: retransmitted until acknowledged or reset
	NON Type = 1 // non-confirmable: sent once
	ACK Type = 2 // acknowledgement, perhaps with a piggybacked response
	RST Type = 3 // reset: the message arrived but could not be processed
)

// String returns "CON", "NON", "ACK" or "RST".
func (t Type) String() string {
	switch t {
	case CON:
		return "CON"
	case NON:
		return "NON"
	case ACK:
		return "ACK"
	case RST:
		return "RST"
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

// Code is the code of a message: three bits of class, five of detail
// (RFC 7252 §3). 0.00 is the empty message, class 0 holds the methods,
// classes 2, 4 and 5 hold the responses, class 7 the signals of RFC 8323.
type Code uint8

// Empty is code 0.00: a message that is neither request nor response.
const Empty Code = 0

// Methods (RFC 7252 §12.1.1, RFC 8132 §6).
const (
	GET    Code = 1 // 0.01
	POST   Code = 2 // 0.02
	PUT    Code = 3 // 0.03
	DELETE Code = 4 // 0.04
	FETCH  Code = 5 // 0.05
	PATCH  Code = 6 // 0.06
	IPATCH Code = 7 // 0.07
)

// Response codes (RFC 7252 §12.1.2, RFC 7959 §6, RFC 8132 §6, RFC 8516 §4,
// RFC 8768 §6).
const (
	Created  Code = 2<<5 | 1  // 2.01
	Deleted  Code = 2<<5 | 2  // 2.02
	Valid    Code = 2<<5 | 3  // 2.03
	Changed  Code = 2<<5 | 4  // 2.04
	Content  Code = 2<<5 | 5  // 2.05
	Continue Code = 2<<5 | 31 // 2.31

	BadRequest               Code = 4 << 5    // 4.00
	Unauthorized             Code = 4<<5 | 1  // 4.01
	BadOption                Code = 4<<5 | 2  // 4.02
	Forbidden                Code = 4<<5 | 3  // 4.03
	NotFound                 Code = 4<<5 | 4  // 4.04
	MethodNotAllowed         Code = 4<<5 | 5  // 4.05
	NotAcceptable            Code = 4<<5 | 6  // 4.06
	RequestEntityIncomplete  Code = 4<<5 | 8  // 4.08
	Conflict                 Code = 4<<5 | 9  // 4.09
	PreconditionFailed       Code = 4<<5 | 12 // 4.12
	RequestEntityTooLarge    Code = 4<<5 | 13 // 4.13
	UnsupportedContentFormat Code = 4<<5 | 15 // 4.15
	UnprocessableEntity      Code = 4<<5 | 22 // 4.22
	TooManyRequests          Code = 4<<5 | 29 // 4.29

	InternalServerError  Code = 5 << 5   // 5.00
	NotImplemented       Code = 5<<5 | 1 // 5.01
	BadGateway           Code = 5<<5 | 2 // 5.02
	ServiceUnavailable   Code = 5<<5 | 3 // 5.03
	GatewayTimeout       Code = 5<<5 | 4 // 5.04
	ProxyingNotSupported Code = 5<<5 | 5 // 5.05
	HopLimitReached      Code = 5<<5 | 8 // 5.08
)

// NewCode makes the code class.detail; class is 0..7, detail 0..31.
func NewCode(class, detail uint8) Code { return Code(class<<5 | detail&31) }

// Class returns the class, 0..7: the digit before the point.
func (c Code) Class() uint8 { return uint8(c) >> 5 }

// Detail returns the detail, 0..31: the two digits after the point.
func (c Code) Detail() uint8 { return uint8(c) & 31 }

// IsRequest reports whether c is a method code, known or not: 0.01 to 0.31.
func (c Code) IsRequest() bool { return c != Empty && c < 1<<5 }

// IsResponse reports whether c is a response code, known or not: classes 2,
// 4 and 5. Classes 1, 3, 6 and 7 are reserved on datagrams (RFC 7252 §3) and
// are neither.
func (c Code) IsResponse() bool {
	cl := c.Class()
	return cl == 2 || cl == 4 || cl == 5
}

// IsSuccess reports whether c is a 2.xx response.
func (c Code) IsSuccess() bool { return c.Class() == 2 }

// Idempotent reports whether a request with this method may be executed twice
// with the effect of once (RFC 7252 §5.1, RFC 8132 §2): GET, PUT, DELETE and
// FETCH. iPATCH is idempotent as a method, but a repeat that arrives after
// another change would undo it, so duplicates of it are remembered as those of
// POST and PATCH are.
func (c Code) Idempotent() bool {
	return c == GET || c == PUT || c == DELETE || c == FETCH
}
