package codec

import (
	"fmt"
	"strconv"
	"strings"
)

// codeNames holds the registered codes: RFC 7252 §12.1, RFC 7959 §6, RFC 8132
// §6, RFC 8516 §4, RFC 8768 §6.
var codeNames = [256]string{
	Empty:                    "0.00 Empty",
	GET:                      "0.01 GET",
	POST:                     "0.02 POST",
	PUT:                      "0.03 PUT",
	DELETE:                   "0.04 DELETE",
	FETCH:                    "0.05 FETCH",
	PATCH:                    "0.06 PATCH",
	IPATCH:                   "0.07 iPATCH",
	Created:                  "2.01 Created",
	Deleted:                  "2.02 Deleted",
	Valid:                    "2.03 Valid",
	Changed:                  "2.04 Changed",
	Content:                  "2.05 Content",
	Continue:                 "2.31 Continue",
	BadRequest:               "4.00 Bad Request",
	Unauthorized:             "4.01 Unauthorized",
	BadOption:                "4.02 Bad Option",
	Forbidden:                "4.03 Forbidden",
	NotFound:                 "4.04 Not Found",
	MethodNotAllowed:         "4.05 Method Not Allowed",
	NotAcceptable:            "4.06 Not Acceptable",
	RequestEntityIncomplete:  "4.08 Request Entity Incomplete",
	Conflict:                 "4.09 Conflict",
	PreconditionFailed:       "4.12 Precondition Failed",
	RequestEntityTooLarge:    "4.13 Request Entity Too Large",
	UnsupportedContentFormat: "4.15 Unsupported Content-Format",
	UnprocessableEntity:      "4.22 Unprocessable Entity",
	TooManyRequests:          "4.29 Too Many Requests",
	InternalServerError:      "5.00 Internal Server Error",
	NotImplemented:           "5.01 Not Implemented",
	BadGateway:               "5.02 Bad Gateway",
	ServiceUnavailable:       "5.03 Service Unavailable",
	GatewayTimeout:           "5.04 Gateway Timeout",
	ProxyingNotSupported:     "5.05 Proxying Not Supported",
	HopLimitReached:          "5.08 Hop Limit Reached",
}

// String returns number and name, "2.05 Content" or "0.01 GET", and for a code
// that is not registered the number alone: "2.17".
func (c Code) String() string {
	if s := codeNames[c]; s != "" {
		return s
	}
	return string([]byte{'0' + c.Class(), '.', '0' + c.Detail()/10, '0' + c.Detail()%10})
}

// Name returns the name alone, "Content" or "GET", or "" for a code that is not
// registered.
func (c Code) Name() string {
	if s := codeNames[c]; s != "" {
		return s[len("0.00 "):]
	}
	return ""
}

// ParseCode reads a code in its dotted form, "2.05", or what Code.String
// returns.
func ParseCode(s string) (Code, error) {
	number, name, named := strings.Cut(s, " ")
	if len(number) == 4 && number[1] == '.' && number[0] >= '0' && number[0] <= '7' {
		detail, err := strconv.ParseUint(number[2:], 10, 8)
		if c := NewCode(number[0]-'0', uint8(detail)); err == nil && detail <= 31 && (!named || strings.EqualFold(name, c.Name())) {
			return c, nil
		}
	}
	return 0, fmt.Errorf("codec: %s is not a code; codes are written as 2.05, class 0 to 7 and detail 00 to 31", quoteShort(s))
}

// ParseMethod reads the name of a method in upper or lower case, "GET" or
// "get", or its dotted form, "0.01".
func ParseMethod(s string) (Code, error) {
	for c := GET; c <= IPATCH; c++ {
		if strings.EqualFold(s, c.Name()) {
			return c, nil
		}
	}
	if c, err := ParseCode(s); err == nil && c.IsRequest() {
		return c, nil
	}
	return 0, fmt.Errorf("codec: %s is not a method; methods are GET, POST, PUT, DELETE, FETCH, PATCH, iPATCH", quoteShort(s))
}
