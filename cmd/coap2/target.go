package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coap2/coap2/codec"
)

// parseTarget reads a URI as people write it. The scheme may be missing: then
// it is coap. ":5683/x" means that port of localhost. Characters that a URI can
// only have percent-encoded, such as those of JSON or of other languages, may
// stand as they are in path and query.
func parseTarget(s string) (codec.URI, error) {
	switch {
	case s == "":
		return codec.URI{}, fmt.Errorf("the URI is empty; write one such as coap://localhost/hello")
	case hasScheme(s):
	case s[0] == '/':
		return codec.URI{}, fmt.Errorf("the URI %q has no host; write coap://HOST%s", s, s)
	case strings.HasPrefix(s, "coap:/"), strings.HasPrefix(s, "coaps:/"):
		return codec.URI{}, fmt.Errorf(`in the URI %q two slashes follow the scheme: coap://HOST/PATH`, s)
	case len(s) > 1 && s[0] == ':' && '0' <= s[1] && s[1] <= '9':
		s = "coap://localhost" + s
	default:
		s = "coap://" + s
	}
	u, err := codec.ParseURI(escapeURI(s))
	if err != nil {
		return codec.URI{}, err
	}
	if u.Scheme != "coap" {
		return codec.URI{}, fmt.Errorf("the scheme %s:// is not supported; only coap://, which is CoAP over UDP", u.Scheme)
	}
	if a, err := netip.ParseAddr(u.Host); err == nil && a.IsMulticast() {
		return codec.URI{}, fmt.Errorf("%s is the address of a group; name one node", u.Host)
	}
	return u, nil
}

// hasScheme reports whether the first "/" of s is that of "scheme://".
func hasScheme(s string) bool {
	at := strings.Index(s, "://")
	return at >= 0 && strings.IndexAny(s, "/?#") == at+1
}

// escapeURI percent-encodes what cannot stand in the path and the query of a
// URI and cannot mean anything else there. The rest, "%" and "#" among it, is
// left for the parser to judge.
func escapeURI(s string) string {
	_, rest, _ := strings.Cut(s, "://")
	start := strings.IndexAny(rest, "/?#")
	if start < 0 {
		return s
	}
	start += len(s) - len(rest)
	b := []byte(s[:start])
	for i := start; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		encode := size > 1 && strconv.IsPrint(r) || strings.IndexByte(" \"<>[\\]^`{|}", s[i]) >= 0
		for _, c := range []byte(s[i : i+size]) {
			if encode {
				b = fmt.Appendf(b, "%%%02X", c)
			} else {
				b = append(b, c)
			}
		}
		i += size
	}
	return string(b)
}
