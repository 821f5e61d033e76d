package codec

import (
	"fmt"
	"strconv"
	"strings"
)

// Option numbers: RFC 7252 §5.10, RFC 7641, RFC 7959, RFC 7967, RFC 8613,
// RFC 8768, RFC 9175 and the CoAP 2 profile.
const (
	OptionIfMatch        OptionNumber = 1
	OptionURIHost        OptionNumber = 3
	OptionETag           OptionNumber = 4
	OptionIfNoneMatch    OptionNumber = 5
	OptionObserve        OptionNumber = 6
	OptionURIPort        OptionNumber = 7
	OptionLocationPath   OptionNumber = 8
	OptionOSCORE         OptionNumber = 9
	OptionURIPath        OptionNumber = 11
	OptionContentFormat  OptionNumber = 12
	OptionMaxAge         OptionNumber = 14
	OptionURIQuery       OptionNumber = 15
	OptionHopLimit       OptionNumber = 16
	OptionAccept         OptionNumber = 17
	OptionLocationQuery  OptionNumber = 20
	OptionBlock2         OptionNumber = 23
	OptionBlock1         OptionNumber = 27
	OptionSize2          OptionNumber = 28
	OptionProxyURI       OptionNumber = 35
	OptionProxyScheme    OptionNumber = 39
	OptionSize1          OptionNumber = 60
	OptionEcho           OptionNumber = 252
	OptionNoResponse     OptionNumber = 258
	OptionRequestTag     OptionNumber = 292
	OptionDiscovery      OptionNumber = 300 // CoAP 2: a discovery's query, or the answering node's name
	OptionDiscoveryRound OptionNumber = 316 // CoAP 2: pacing and silencing, or the instance ID
	OptionNotification   OptionNumber = 400 // CoAP 2: the number of a subscription
	OptionRule           OptionNumber = 410 // CoAP 2: the rule of a subscription
)

// Kind is the form of an option's value (RFC 7252 §3.2).
type Kind uint8

// The forms of values. KindFormat and KindBlock are uints with a meaning of
// their own; KindAny is a value of ours that is text or bytes.
const (
	KindEmpty  Kind = iota // no bytes
	KindOpaque             // bytes
	KindUint               // unsigned integer, most significant byte first
	KindString             // UTF-8 text
	KindFormat             // uint: the number of a content format
	KindBlock              // uint: number, more and size of a block (RFC 7959 §2.2)
	KindAny                // text where it is printable, else bytes
)

// String returns "empty", "opaque", "uint", "string", "format", "block" or
// "any".
func (k Kind) String() string {
	switch k {
	case KindEmpty:
		return "empty"
	case KindOpaque:
		return "opaque"
	case KindUint:
		return "uint"
	case KindString:
		return "string"
	case KindFormat:
		return "format"
	case KindBlock:
		return "block"
	case KindAny:
		return "any"
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// OptionDef is what the registry says about an option.
type OptionDef struct {
	Number    OptionNumber
	Name      string // as in its RFC: "Uri-Path"
	ValueKind Kind
	// MinLen and MaxLen bound the length of the value in bytes.
	MinLen, MaxLen int
	// Repeatable is true if the option may occur more than once.
	Repeatable bool
}

// optionDefs is the registry, in order of numbers.
var optionDefs = [...]OptionDef{
	{OptionIfMatch, "If-Match", KindOpaque, 0, 8, true},                   // RFC 7252 §5.10
	{OptionURIHost, "Uri-Host", KindString, 1, 255, false},                // RFC 7252 §5.10
	{OptionETag, "ETag", KindOpaque, 1, 8, true},                          // RFC 7252 §5.10
	{OptionIfNoneMatch, "If-None-Match", KindEmpty, 0, 0, false},          // RFC 7252 §5.10
	{OptionObserve, "Observe", KindUint, 0, 3, false},                     // RFC 7641 §2
	{OptionURIPort, "Uri-Port", KindUint, 0, 2, false},                    // RFC 7252 §5.10
	{OptionLocationPath, "Location-Path", KindString, 0, 255, true},       // RFC 7252 §5.10
	{OptionOSCORE, "OSCORE", KindOpaque, 0, 255, false},                   // RFC 8613 §2
	{OptionURIPath, "Uri-Path", KindString, 0, 255, true},                 // RFC 7252 §5.10
	{OptionContentFormat, "Content-Format", KindFormat, 0, 2, false},      // RFC 7252 §5.10
	{OptionMaxAge, "Max-Age", KindUint, 0, 4, false},                      // RFC 7252 §5.10
	{OptionURIQuery, "Uri-Query", KindString, 0, 255, true},               // RFC 7252 §5.10
	{OptionHopLimit, "Hop-Limit", KindUint, 1, 1, false},                  // RFC 8768 §3
	{OptionAccept, "Accept", KindFormat, 0, 2, false},                     // RFC 7252 §5.10
	{OptionLocationQuery, "Location-Query", KindString, 0, 255, true},     // RFC 7252 §5.10
	{OptionBlock2, "Block2", KindBlock, 0, 3, false},                      // RFC 7959 §2.1
	{OptionBlock1, "Block1", KindBlock, 0, 3, false},                      // RFC 7959 §2.1
	{OptionSize2, "Size2", KindUint, 0, 4, false},                         // RFC 7959 §4
	{OptionProxyURI, "Proxy-Uri", KindString, 1, 1034, false},             // RFC 7252 §5.10
	{OptionProxyScheme, "Proxy-Scheme", KindString, 1, 255, false},        // RFC 7252 §5.10
	{OptionSize1, "Size1", KindUint, 0, 4, false},                         // RFC 7252 §5.10
	{OptionEcho, "Echo", KindOpaque, 1, 40, false},                        // RFC 9175 §2.2.1
	{OptionNoResponse, "No-Response", KindUint, 0, 1, false},              // RFC 7967 §2
	{OptionRequestTag, "Request-Tag", KindOpaque, 0, 8, true},             // RFC 9175 §3.2.1
	{OptionDiscovery, "Discovery", KindString, 0, 255, false},             // CoAP 2
	{OptionDiscoveryRound, "Discovery-Round", KindOpaque, 0, 1024, false}, // CoAP 2
	{OptionNotification, "Notification", KindUint, 0, 4, false},           // CoAP 2
	{OptionRule, "Rule", KindAny, 1, 512, false},                          // CoAP 2
}

// Def returns what is known about option n; ok is false if the registry of
// this package does not have it. The definition is then the one that RFC 7252
// §5.4 leaves: opaque, of any length, as often as one likes, without a name.
func (n OptionNumber) Def() (def OptionDef, ok bool) {
	if d := n.def(); d != nil {
		return *d, true
	}
	return OptionDef{Number: n, ValueKind: KindOpaque, MaxLen: maxOptionLen, Repeatable: true}, false
}

func (n OptionNumber) def() *OptionDef {
	lo, hi := 0, len(optionDefs)
	for lo < hi {
		mid := (lo + hi) / 2
		switch d := &optionDefs[mid]; {
		case d.Number == n:
			return d
		case d.Number < n:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return nil
}

// Critical reports whether a node that does not understand option n must
// reject the message; it ignores others, the elective options (RFC 7252
// §5.4.1, 5.4.6).
func (n OptionNumber) Critical() bool { return n&1 != 0 }

// Unsafe reports whether a proxy that does not understand option n must not
// forward it (RFC 7252 §5.4.2, 5.4.6).
func (n OptionNumber) Unsafe() bool { return n&2 != 0 }

// NoCacheKey reports whether option n, which is safe to forward, is no part of
// the cache key (RFC 7252 §5.4.2, 5.4.6). It is false for unsafe options.
func (n OptionNumber) NoCacheKey() bool { return n&0x1e == 0x1c }

// String returns the name, such as "Uri-Path", or "Option 1234" for a number
// that is not in the registry.
func (n OptionNumber) String() string {
	if d := n.def(); d != nil {
		return d.Name
	}
	return "Option " + strconv.Itoa(int(n))
}

// ParseOptionNumber reads the name of an option, in upper or lower case, its
// number, or what OptionNumber.String returns.
func ParseOptionNumber(s string) (OptionNumber, error) {
	for i := range optionDefs {
		if strings.EqualFold(optionDefs[i].Name, s) {
			return optionDefs[i].Number, nil
		}
	}
	digits := s
	if len(s) > len("option ") && strings.EqualFold(s[:len("option ")], "option ") {
		digits = s[len("option "):]
	}
	v, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("codec: %s is neither the name of an option, such as Uri-Path, nor a number from 0 to 65535", quoteShort(s))
	}
	return OptionNumber(v), nil
}
