package codec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseURI reads an absolute CoAP URI (RFC 7252 §6.1 to 6.4, RFC 3986): scheme,
// host and port, path and query. Names become lower case, percent-encoding is
// undone once, dot segments are removed, percent-encoded ones too. IPv6 literals
// may have a zone, "%25eth0" (RFC 6874) or "%eth0". A fragment and a userinfo
// are errors, and so are bytes that are not UTF-8. Errors are *URIError.
func ParseURI(s string) (URI, error) {
	if err := checkURILen(s); err != nil {
		return URI{}, err
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || strings.ContainsAny(scheme, "/?#") {
		return URI{}, &URIError{"scheme", s, 0, "an absolute URI begins with a scheme, such as coap://"}
	}
	u := URI{Scheme: lowerASCII(scheme)}
	port, ok := DefaultPort(u.Scheme)
	if !ok {
		return URI{}, &URIError{"scheme", s, 0, "the schemes of CoAP are coap, coaps, coap+tcp, coaps+tcp, coap+ws and coaps+ws"}
	}
	at := len(s) - len(rest)
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	p := uriParser{input: s}
	if u.Host, u.Port, ok = p.authority(at, rest[:end], port, false); !ok {
		return URI{}, p.err
	}
	if u.Path, u.Query, ok = p.resource(at+end, rest[end:]); !ok {
		return URI{}, p.err
	}
	return u, nil
}

// ParsePath reads a path with an optional query, "/a/b?x=1", as ParseURI does.
// The leading "/" may be missing. Errors are *URIError.
func ParsePath(s string) (path, query []string, err error) {
	if err := checkURILen(s); err != nil {
		return nil, nil, err
	}
	p := uriParser{input: s}
	path, query, ok := p.resource(0, s)
	if !ok {
		return nil, nil, p.err
	}
	return path, query, nil
}

// ParseHostPort reads "HOST" or "HOST:PORT". The host is returned as in
// URI.Host; an IPv6 literal needs its brackets only where a port follows. An
// absent or empty port gives defaultPort. Errors are *URIError.
func ParseHostPort(s string, defaultPort uint16) (host string, port uint16, err error) {
	if err := checkURILen(s); err != nil {
		return "", 0, err
	}
	p := uriParser{input: s}
	if host, port, ok := p.authority(0, s, defaultPort, true); ok {
		return host, port, nil
	}
	return "", 0, p.err
}

func checkURILen(s string) error {
	if len(s) > MaxURILen {
		return &URIError{"length", s, MaxURILen, fmt.Sprintf("%d bytes, at most %d", len(s), MaxURILen)}
	}
	return nil
}

// uriParser reads parts of input. Its methods take the place at which their text
// begins in input, for errors, and return ok = false after fail.
type uriParser struct {
	input string
	err   *URIError
}

func (p *uriParser) fail(part string, pos int, msg string) {
	p.err = &URIError{part, p.input, pos, msg}
}

// authority reads host and port. bare allows an IPv6 literal without brackets.
func (p *uriParser) authority(at int, s string, port uint16, bare bool) (host string, _ uint16, ok bool) {
	if i := strings.IndexByte(s, '@'); i >= 0 {
		p.fail("userinfo", at, `CoAP has no "user@" before the host`)
		return "", 0, false
	}
	var rest string
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			p.fail("host", at, `the "[" has no "]"`)
			return "", 0, false
		}
		host, ok = p.ipv6(at+1, s[1:end])
		rest = s[end+1:]
		if ok && rest != "" && rest[0] != ':' {
			p.fail("host", at+end+1, `only ":" and a port may follow the "]"`)
			return "", 0, false
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 && strings.IndexByte(s[i+1:], ':') >= 0 {
		if !bare {
			p.fail("host", at, "an IPv6 address is written in brackets: [2001:db8::1]")
			return "", 0, false
		}
		host, ok = p.ipv6(at, s)
	} else {
		if i < 0 {
			i = len(s)
		}
		host, ok = p.name(at, s[:i])
		rest = s[i:]
	}
	if !ok {
		return "", 0, false
	}
	if len(rest) > 1 {
		v, err := strconv.ParseUint(rest[1:], 10, 16)
		if err != nil || v == 0 {
			p.fail("port", at+len(s)-len(rest)+1, "a port is a number from 1 to 65535")
			return "", 0, false
		}
		port = uint16(v)
	}
	return host, port, true
}

// ipv6 reads an IPv6 literal with an optional zone, without the brackets.
func (p *uriParser) ipv6(at int, s string) (host string, ok bool) {
	literal, zone, zoned := strings.Cut(s, "%")
	a, err := netip.ParseAddr(literal)
	if err != nil || !a.Is6() {
		p.fail("host", at, "not an IPv6 address")
		return "", false
	}
	if !zoned {
		return a.String(), true
	}
	at += len(literal) + 1
	if strings.HasPrefix(zone, "25") {
		// RFC 6874: "%25" is the "%" between address and zone, and the zone may
		// be percent-encoded.
		if zone, ok = p.decode("host", at+2, zone[2:], charUnreserved); !ok {
			return "", false
		}
	}
	if zone == "" || len(zone) > maxZone {
		p.fail("host", at, fmt.Sprintf("a zone has 1 to %d bytes", maxZone))
		return "", false
	}
	for i := range len(zone) {
		// Not "%" and "]", which would end it, and nothing that a terminal
		// could take amiss.
		if c := zone[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`%/[]?#@"\<>`, c) >= 0 {
			p.fail("host", at, "a zone is the name or number of a network interface")
			return "", false
		}
	}
	return a.WithZone(zone).String(), true
}

// maxZone is well above the longest name of an interface.
const maxZone = 64

// name reads an IPv4 literal or a registered name.
func (p *uriParser) name(at int, s string) (host string, ok bool) {
	if s == "" {
		p.fail("host", at, "the host is missing")
		return "", false
	}
	host, ok = p.decode("host", at, s, charUnreserved|charSubDelim|charAmp)
	if !ok {
		return "", false
	}
	host = lowerASCII(host)
	if msg := checkName(host); msg != "" {
		p.fail("host", at, msg)
		return "", false
	}
	return host, true
}

// checkName says what is wrong with a host that is not an IPv6 literal, after
// percent-decoding; "" if nothing is.
func checkName(host string) string {
	if host == "" || len(host) > maxPart {
		return fmt.Sprintf("a host has 1 to %d bytes, not %d", maxPart, len(host))
	}
	digits := true
	for _, r := range host {
		if r < utf8.RuneSelf && charClass[r]&(charUnreserved|charSubDelim|charAmp) == 0 || r >= utf8.RuneSelf && !unicode.IsPrint(r) {
			return fmt.Sprintf("a host cannot have the character %U", r)
		}
		digits = digits && (r == '.' || '0' <= r && r <= '9')
	}
	if digits && strings.Count(host, ".") == 3 {
		// 256.0.0.1 and 010.0.0.1 are names by RFC 3986, and never meant so.
		if _, err := netip.ParseAddr(host); err != nil {
			return "not an IPv4 address: it has four numbers from 0 to 255 without leading zeros"
		}
	}
	return ""
}

// resource reads what follows the authority: path, query and fragment.
func (p *uriParser) resource(at int, s string) (path, query []string, ok bool) {
	if i := strings.IndexByte(s, '#'); i >= 0 {
		p.fail("fragment", at+i, `a CoAP request has no fragment; leave out "#" and what follows, or write it as %23`)
		return nil, nil, false
	}
	raw, args, hasQuery := strings.Cut(s, "?")
	parts := strings.Count(raw, "/")
	if hasQuery {
		parts += strings.Count(args, "&") + 1
	}
	if parts > MaxURIParts {
		p.fail("path", at, fmt.Sprintf("more than %d segments and arguments", MaxURIParts))
		return nil, nil, false
	}
	if path, ok = p.path(at, raw); !ok {
		return nil, nil, false
	}
	if !hasQuery {
		return path, nil, true
	}
	at += len(raw) + 1
	query = make([]string, 0, strings.Count(args, "&")+1)
	for more := true; more; {
		var arg string
		n := len(args)
		arg, args, more = strings.Cut(args, "&")
		v, ok := p.part("query", at, arg, charUnreserved|charSubDelim|charPath|charQuery)
		if !ok {
			return nil, nil, false
		}
		query = append(query, v)
		at += n - len(args)
	}
	return path, query, true
}

// path reads the segments of a path and removes the dot segments (RFC 3986
// §5.2.4). It looks at decoded segments, because "%2E" is equivalent to "." (RFC
// 3986 §6.2.2.2) and a Uri-Path option must not be "." or ".." (RFC 7252
// §5.10.1).
func (p *uriParser) path(at int, s string) (path []string, ok bool) {
	if strings.HasPrefix(s, "/") {
		s = s[1:]
		at++
	}
	if s == "" {
		return nil, true
	}
	path = make([]string, 0, strings.Count(s, "/")+1)
	for more := true; more; {
		var raw string
		n := len(s)
		raw, s, more = strings.Cut(s, "/")
		segment, ok := p.part("path", at, raw, charUnreserved|charSubDelim|charAmp|charPath)
		if !ok {
			return nil, false
		}
		switch segment {
		case ".", "..":
			if segment == ".." && len(path) > 0 {
				path = path[:len(path)-1]
			}
			if !more {
				// What a dot segment at the end names is a directory.
				path = append(path, "")
			}
		default:
			path = append(path, segment)
		}
		at += n - len(s)
	}
	if len(path) == 1 && path[0] == "" {
		return nil, true
	}
	return path, true
}

// part reads a segment or an argument.
func (p *uriParser) part(part string, at int, s string, classes uint8) (string, bool) {
	v, ok := p.decode(part, at, s, classes)
	if ok && len(v) > maxPart {
		p.fail(part, at, fmt.Sprintf("a segment or argument has at most %d bytes, not %d", maxPart, len(v)))
		return "", false
	}
	return v, ok
}

// decode undoes the percent-encoding of s, whose other characters must be in the
// classes.
func (p *uriParser) decode(part string, at int, s string, classes uint8) (string, bool) {
	encoded := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				p.fail(part, at+i, `two hexadecimal digits must follow "%"; the character itself is written as %25`)
				return "", false
			}
			encoded = true
			i += 2
		} else if charClass[c]&classes == 0 {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				p.fail(part, at+i, "not UTF-8")
				return "", false
			}
			p.fail(part, at+i, fmt.Sprintf("the character %U is not allowed here; write it as %s", r, appendEncoded(nil, s[i:i+size], 0)))
			return "", false
		}
	}
	if !encoded {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			hi, _ := unhex(s[i+1])
			lo, _ := unhex(s[i+2])
			c = hi<<4 | lo
			i += 2
		}
		b = append(b, c)
	}
	if !utf8.Valid(b) {
		p.fail(part, at, "what is percent-encoded is not UTF-8")
		return "", false
	}
	return string(b), true
}

func isHex(c byte) bool {
	_, ok := unhex(c)
	return ok
}

// lowerASCII turns A to Z into lower case and leaves other letters alone.
func lowerASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
