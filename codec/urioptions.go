package codec

import (
	"fmt"
	"net/netip"
	"unicode/utf8"
)

// AppendOptions returns dst with the options that name u in a request which is
// sent to dest (RFC 7252 §6.4): Uri-Host unless the host is a literal of dest's
// address, Uri-Port unless the port is dest's, and a Uri-Path for every segment
// and a Uri-Query for every argument. A zone is known to this node only and is
// not compared or sent (RFC 6874 §1).
//
// The zero dest stands for the place that u names: no Uri-Port, and Uri-Host for
// names only.
func (u URI) AppendOptions(dst Options, dest netip.AddrPort) Options {
	size := len(u.Host) + len("[]") + 2
	for _, s := range u.Path {
		size += len(s)
	}
	for _, s := range u.Query {
		size += len(s)
	}
	// One buffer holds all the values.
	buf := make([]byte, 0, size)
	add := func(n OptionNumber, value []byte) {
		dst = dst.Add(Option{Number: n, Value: value[len(buf):len(value):len(value)]})
		buf = value
	}
	addr, err := netip.ParseAddr(u.Host)
	if err != nil {
		add(OptionURIHost, append(buf, u.Host...))
	} else if dest.IsValid() && addr.Unmap().WithZone("") != dest.Addr().Unmap().WithZone("") {
		value := buf
		if addr.Is6() {
			value = append(value, '[')
			value = addr.WithZone("").AppendTo(value)
			value = append(value, ']')
		} else {
			value = addr.AppendTo(value)
		}
		add(OptionURIHost, value)
	}
	if port := u.port(); dest.IsValid() && port != dest.Port() {
		add(OptionURIPort, AppendUint(buf, uint64(port)))
	}
	for _, s := range u.Path {
		add(OptionURIPath, append(buf, s...))
	}
	for _, s := range u.Query {
		add(OptionURIQuery, append(buf, s...))
	}
	return dst
}

// URIFromOptions composes the URI of a request that was sent to dest (RFC 7252
// §6.5); the scheme is "coap", or "coaps" where it came over DTLS, or the value
// of Proxy-Scheme. Proxy-Uri is not looked at. A host, port, segment or argument
// that no URI can have is a *URIError.
func URIFromOptions(scheme string, o Options, dest netip.AddrPort) (URI, error) {
	u := URI{Scheme: lowerASCII(scheme), Port: dest.Port()}
	defaultPort, ok := DefaultPort(u.Scheme)
	if !ok {
		return URI{}, &URIError{"scheme", scheme, -1, "not a scheme of CoAP"}
	}
	var err error
	if u.Host, err = hostFromOptions(o, dest); err != nil {
		return URI{}, err
	}
	if v, ok := o.Get(OptionURIPort); ok {
		port, ok := ParseUint(v)
		if !ok || port == 0 || port > 65535 {
			return URI{}, &URIError{"port", fmt.Sprintf("0x%x", v), -1, "a port is a number from 1 to 65535"}
		}
		u.Port = uint16(port)
	}
	if u.Port == 0 {
		u.Port = defaultPort
	}
	for v := range o.Values(OptionURIPath) {
		if msg := checkPart(v); msg != "" {
			return URI{}, &URIError{"path", string(v), -1, msg}
		}
		if s := string(v); s == "." || s == ".." {
			return URI{}, &URIError{"path", s, -1, "a Uri-Path option is not a dot segment"}
		}
		u.Path = append(u.Path, string(v))
	}
	if len(u.Path) == 1 && u.Path[0] == "" {
		u.Path = nil // "/" either way
	}
	for v := range o.Values(OptionURIQuery) {
		if msg := checkPart(v); msg != "" {
			return URI{}, &URIError{"query", string(v), -1, msg}
		}
		u.Query = append(u.Query, string(v))
	}
	if n := len(u.Path) + len(u.Query); n > MaxURIParts {
		return URI{}, &URIError{"path", "", -1, fmt.Sprintf("%d segments and arguments, at most %d", n, MaxURIParts)}
	}
	return u, nil
}

func hostFromOptions(o Options, dest netip.AddrPort) (string, error) {
	v, ok := o.Get(OptionURIHost)
	if !ok {
		if !dest.IsValid() {
			return "", &URIError{"host", "", -1, "neither a Uri-Host option nor a destination address"}
		}
		return dest.Addr().Unmap().String(), nil
	}
	host := string(v)
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		if a, err := netip.ParseAddr(host[1 : len(host)-1]); err == nil && a.Is6() && a.Zone() == "" {
			return a.String(), nil
		}
		return "", &URIError{"host", host, -1, "not an IPv6 address"}
	}
	if !utf8.ValidString(host) {
		return "", &URIError{"host", host, -1, "not UTF-8"}
	}
	host = lowerASCII(host)
	if msg := checkName(host); msg != "" {
		return "", &URIError{"host", host, -1, msg}
	}
	return host, nil
}

// checkPart says what is wrong with the value of a Uri-Path or Uri-Query option.
func checkPart(v []byte) string {
	if len(v) > maxPart {
		return fmt.Sprintf("%d bytes, at most %d", len(v), maxPart)
	}
	if !utf8.Valid(v) {
		return "not UTF-8"
	}
	return ""
}
