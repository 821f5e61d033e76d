package protocol

import "github.com/coap2/coap2/codec"

// Unwanted reports whether a response with that code is not to be sent to a
// request with those options: because its No-Response option says so (RFC 7967
// §2.1), or, where it has none and was sent to a group, because the response is
// an error, from which nobody learns anything (RFC 7252 §8.2). A confirmable
// request then gets an empty acknowledgement (RFC 7967 §2.1).
func Unwanted(request codec.Options, code codec.Code, multicast bool) bool {
	if mask, ok := request.Uint(codec.OptionNoResponse); ok {
		return code.Class() > 0 && mask>>(code.Class()-1)&1 != 0
	}
	return multicast && !code.IsSuccess()
}

// DefaultHopLimit is the Hop-Limit that a proxy gives a request which has none
// (RFC 8768 §3).
const DefaultHopLimit = 16

// BadHopLimit reports whether a request has a Hop-Limit option of 0 or more than
// 255, which proxies and servers alike answer with 4.00 (RFC 8768 §3).
func BadHopLimit(request codec.Options) bool {
	value, has := request.Get(codec.OptionHopLimit)
	if !has {
		return false
	}
	v, ok := codec.ParseUint(value)
	return !ok || v == 0 || v > 255
}

// NextHop is what a proxy does with the Hop-Limit option of a request (RFC 8768
// §3): hops is the value with which it is forwarded. If code is not 0 it is not
// forwarded, but answered with that code: 5.08 at the end of its hops, 4.00 for
// one that is not 1 to 255. It is for applications that forward requests: a node
// does not, and serves whatever arrives.
func NextHop(request codec.Options) (hops uint8, code codec.Code) {
	if BadHopLimit(request) {
		return 0, codec.BadRequest
	}
	v, ok := request.Uint(codec.OptionHopLimit)
	switch {
	case !ok:
		return DefaultHopLimit, 0
	case v == 1:
		return 0, codec.HopLimitReached
	}
	return uint8(v - 1), 0
}
