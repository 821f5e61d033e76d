package codec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of what a URI may hold.
const (
	// MaxURILen is the longest URI that is read, in bytes.
	MaxURILen = 16384
	// MaxURIParts is the largest number of path segments and query arguments
	// together: with a Uri-Host and a Uri-Port they fit into one message.
	MaxURIParts = MaxOptions - 2
	// maxPart is the longest host, path segment or query argument: the length
	// limit of Uri-Host, Uri-Path and Uri-Query (RFC 7252 §5.10).
	maxPart = 255
)

// URI is a CoAP URI in parts that are not percent-encoded (RFC 7252 §6). What
// ParseURI and URIFromOptions return is in normal form (RFC 7252 §6.3), and
// equal URIs then have equal parts.
type URI struct {
	// Scheme is "coap", "coaps", or one of those of RFC 8323, in lower case.
	Scheme string
	// Host is a name in lower case or an address literal, without the brackets
	// of IPv6, with its zone if it has one: "fe80::1%eth0".
	Host string
	// Port is the port; 0 means the default of the scheme. ParseURI always
	// sets it.
	Port uint16
	// Path holds the segments: nil for "/", {"a", ""} for "/a/". No segment is
	// "." or "..".
	Path []string
	// Query holds the arguments: nil without a query, {""} for "?".
	Query []string
}

// URIError says what is wrong with a URI, and where.
type URIError struct {
	// Part is the part that is wrong: "scheme", "userinfo", "host", "port",
	// "path", "query" or "fragment", or "length" for the whole.
	Part string
	// Input is the text that was read.
	Input string
	// Pos is the byte in Input at which it is wrong, or -1 where no text was
	// read.
	Pos int
	// Msg says what is wrong and what to do.
	Msg string
}

// Error returns one line, fit for a terminal whatever Input holds.
func (e *URIError) Error() string {
	if e.Pos < 0 {
		return "codec: bad URI " + e.Part + " " + quoteShort(e.Input) + ": " + e.Msg
	}
	return fmt.Sprintf("codec: bad URI %s in %s at byte %d: %s", e.Part, quoteShort(e.Input), e.Pos, e.Msg)
}

// DefaultPort returns the default port of a scheme in lower case (RFC 7252
// §6.1, 6.2, RFC 8323 §8); ok is false if it is not one of CoAP's.
func DefaultPort(scheme string) (port uint16, ok bool) {
	switch scheme {
	case "coap", "coap+tcp":
		return 5683, true
	case "coaps", "coaps+tcp":
		return 5684, true
	case "coap+ws":
		return 80, true
	case "coaps+ws":
		return 443, true
	}
	return 0, false
}

// port returns the port, with the default filled in.
func (u URI) port() uint16 {
	if u.Port != 0 {
		return u.Port
	}
	p, _ := DefaultPort(u.Scheme)
	return p
}

// Addr returns the address and port if the host is an address literal. An
// IPv4-mapped IPv6 address is returned as IPv4.
func (u URI) Addr() (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(u.Host)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), u.port()), true
}

// String composes the URI in normal form (RFC 7252 §6.5): ParseURI reads it
// back. An IPv6 zone is written as RFC 6874 says.
func (u URI) String() string {
	b := make([]byte, 0, 64)
	b = append(b, u.Scheme...)
	b = append(b, "://"...)
	b = appendHost(b, u.Host)
	if def, _ := DefaultPort(u.Scheme); u.Port != 0 && u.Port != def {
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(u.Port), 10)
	}
	return string(u.appendResource(b))
}

// Resource composes path and query, as they follow the host: "/a/b?x=1".
func (u URI) Resource() string { return string(u.appendResource(nil)) }

func (u URI) appendResource(b []byte) []byte {
	for _, s := range u.Path {
		b = append(b, '/')
		b = appendEncoded(b, s, charUnreserved|charSubDelim|charAmp|charPath)
	}
	if len(u.Path) == 0 {
		b = append(b, '/')
	}
	for i, s := range u.Query {
		if i == 0 {
			b = append(b, '?')
		} else {
			b = append(b, '&')
		}
		b = appendEncoded(b, s, charUnreserved|charSubDelim|charPath|charQuery)
	}
	return b
}

// appendHost appends a host as it stands in a URI: IPv6 in brackets, a name
// percent-encoded.
func appendHost(b []byte, host string) []byte {
	addr, zone, zoned := strings.Cut(host, "%")
	if !strings.Contains(addr, ":") {
		return appendEncoded(b, host, charUnreserved|charSubDelim|charAmp)
	}
	b = append(b, '[')
	b = append(b, addr...)
	if zoned {
		b = append(b, "%25"...)
		b = appendEncoded(b, zone, charUnreserved)
	}
	return append(b, ']')
}

// Classes of characters (RFC 3986 §2, 3.3, 3.4).
const (
	charUnreserved uint8 = 1 << iota
	charSubDelim         // without "&"
	charAmp              // "&", the sub-delim that separates arguments
	charPath             // ":" and "@"
	charQuery            // "/" and "?"
)

var charClass = func() (t [256]uint8) {
	for _, class := range [...]struct {
		chars string
		bit   uint8
	}{
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", charUnreserved},
		{"!$'()*+,;=", charSubDelim},
		{"&", charAmp},
		{":@", charPath},
		{"/?", charQuery},
	} {
		for i := range len(class.chars) {
			t[class.chars[i]] |= class.bit
		}
	}
	return t
}()

const upperHex = "0123456789ABCDEF"

// appendEncoded appends s with every byte percent-encoded that is not in the
// classes.
func appendEncoded(b []byte, s string, classes uint8) []byte {
	for i := range len(s) {
		c := s[i]
		if charClass[c]&classes != 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return b
}

// unhex returns the value of a hexadecimal digit.
func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
