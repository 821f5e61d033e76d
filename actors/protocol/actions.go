package protocol

import "strconv"

// Action is what Classify tells the receiver of a message to do.
type Action uint8

// The actions of Classify. The zero value is Drop.
const (
	// Drop: ignore the message in silence.
	Drop Action = iota
	// SendReset: reject the message with a reset of the same message ID
	// (RFC 7252 §4.2, §4.3).
	SendReset
	// Ping: an empty CON message; answer with a reset (RFC 7252 §4.3).
	Ping
	// Request: a request that can be acted on.
	Request
	// Response: a response in a message of its own; acknowledge it if it is
	// CON and expected.
	Response
	// PiggybackedResponse: an acknowledgement with a response in it.
	PiggybackedResponse
	// EmptyAck: an acknowledgement without a response.
	EmptyAck
	// Reset: the peer has rejected a message.
	Reset
	// BadOption: a CON request with a critical option that is not understood;
	// answer 4.02 (RFC 7252 §5.4.1).
	BadOption
)

var actionNames = [...]string{
	Drop:                "Drop",
	SendReset:           "SendReset",
	Ping:                "Ping",
	Request:             "Request",
	Response:            "Response",
	PiggybackedResponse: "PiggybackedResponse",
	EmptyAck:            "EmptyAck",
	Reset:               "Reset",
	BadOption:           "BadOption",
}

// String returns the action's name.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "Action(" + strconv.Itoa(int(a)) + ")"
}

// Reason says what was wrong with a message, for counters and logs.
type Reason uint8

// The reasons of Classify. The zero value is ReasonNone.
const (
	// ReasonNone: nothing was wrong.
	ReasonNone Reason = iota
	// ReasonVersion: the version is not 1.
	ReasonVersion
	// ReasonTruncated: the message ends too early.
	ReasonTruncated
	// ReasonFormat: another message format error.
	ReasonFormat
	// ReasonTooManyOptions: more options than codec.MaxOptions.
	ReasonTooManyOptions
	// ReasonReservedClass: the class of the code is 1, 3, 6 or 7.
	ReasonReservedClass
	// ReasonEmptyNON: a non-confirmable message that is empty.
	ReasonEmptyNON
	// ReasonRequestInACK: an acknowledgement that carries a request.
	ReasonRequestInACK
	// ReasonNonEmptyRST: a reset that is not empty.
	ReasonNonEmptyRST
	// ReasonMulticast: sent to a group, but not a NON request.
	ReasonMulticast
	// ReasonCriticalOption: a critical option that is not understood or not
	// well-formed.
	ReasonCriticalOption

	// Reasons is the number of reasons: the length of an array of counters.
	Reasons = int(iota)
)

var reasonNames = [Reasons]string{
	ReasonNone:           "none",
	ReasonVersion:        "version",
	ReasonTruncated:      "truncated",
	ReasonFormat:         "format",
	ReasonTooManyOptions: "too many options",
	ReasonReservedClass:  "reserved code class",
	ReasonEmptyNON:       "empty NON",
	ReasonRequestInACK:   "request in ACK",
	ReasonNonEmptyRST:    "non-empty RST",
	ReasonMulticast:      "not for multicast",
	ReasonCriticalOption: "critical option",
}

// String returns the reason in a few words.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "Reason(" + strconv.Itoa(int(r)) + ")"
}
