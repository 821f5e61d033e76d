package codec

import (
	"fmt"
	"strings"
)

// Bounds of what ParseLinks accepts.
const (
	MaxLinks     = 16384 // links in one document
	MaxLinkAttrs = 256   // attributes of one link
)

// Link is a link of RFC 6690: a target with attributes.
type Link struct {
	// Target is the URI reference between "<" and ">", as written: often a
	// path, "/sensors/temp", percent-encoded where it must be.
	Target string
	// Attrs in order; nil if there are none.
	Attrs []Attr
}

// Attr is an attribute of a link.
type Attr struct {
	// Name as written: "rt", "title*".
	Name string
	// Value without quotes and escapes.
	Value string
	// Bare is true if there is a name only, as in ";obs".
	Bare bool
}

// Attr returns the value of the first attribute of that name, and whether there
// is one.
func (l *Link) Attr(name string) (value string, ok bool) {
	for i := range l.Attrs {
		if l.Attrs[i].Name == name {
			return l.Attrs[i].Value, true
		}
	}
	return "", false
}

// String returns the link in link format, with what could harm a terminal
// escaped.
func (l Link) String() string { return string(AppendPrintable(nil, AppendLinks(nil, l))) }

// LinkError says what is wrong with a link-format document, and where.
type LinkError struct {
	Pos int // byte at which it is wrong
	Msg string
}

// Error returns one line.
func (e *LinkError) Error() string {
	return fmt.Sprintf("codec: bad link format at byte %d: %s", e.Pos, e.Msg)
}

// ParseLinks reads a document in link format (RFC 6690 §2). White space around
// links, attributes and "=", and empty elements between commas and semicolons
// are tolerated. Errors are *LinkError; the links before the error are returned
// with it. The links do not refer to b.
func ParseLinks(b []byte) ([]Link, error) {
	p := linkParser{s: string(b)}
	for {
		p.skip()
		switch {
		case p.i == len(p.s):
			return p.links, nil
		case p.s[p.i] == ',':
			p.i++
			continue
		}
		if len(p.links) == MaxLinks {
			return p.links, &LinkError{p.i, fmt.Sprintf("more than %d links", MaxLinks)}
		}
		if err := p.link(); err != nil {
			return p.links, err
		}
	}
}

// linkParser reads s from i on. The values of the result are parts of s.
type linkParser struct {
	s     string
	i     int
	links []Link
}

// skip passes over white space.
func (p *linkParser) skip() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\r', '\n':
			p.i++
		default:
			return
		}
	}
}

func (p *linkParser) link() error {
	if p.s[p.i] != '<' {
		return &LinkError{p.i, `a link begins with "<"`}
	}
	start := p.i + 1
	for p.i = start; ; p.i++ {
		if p.i == len(p.s) {
			return &LinkError{start - 1, `the "<" has no ">"`}
		}
		c := p.s[p.i]
		if c == '>' {
			break
		}
		if c < ' ' || c == 0x7f || c == '<' || c == '"' {
			return &LinkError{p.i, fmt.Sprintf("a target cannot have the character %U", c)}
		}
	}
	l := Link{Target: p.s[start:p.i]}
	p.i++
	for {
		p.skip()
		if p.i == len(p.s) || p.s[p.i] == ',' {
			p.links = append(p.links, l)
			return nil
		}
		if p.s[p.i] != ';' {
			return &LinkError{p.i, `"," or ";" must follow`}
		}
		p.i++
		p.skip()
		if p.i == len(p.s) || p.s[p.i] == ';' || p.s[p.i] == ',' {
			continue
		}
		if len(l.Attrs) == MaxLinkAttrs {
			return &LinkError{p.i, fmt.Sprintf("more than %d attributes", MaxLinkAttrs)}
		}
		a, err := p.attr()
		if err != nil {
			return err
		}
		l.Attrs = append(l.Attrs, a)
	}
}

func (p *linkParser) attr() (Attr, error) {
	start := p.i
	for p.i < len(p.s) && isAttrNameChar(p.s[p.i]) {
		p.i++
	}
	a := Attr{Name: p.s[start:p.i]}
	if !validAttrName(a.Name) {
		return Attr{}, &LinkError{start, "an attribute begins with its name"}
	}
	p.skip()
	if p.i == len(p.s) || p.s[p.i] != '=' {
		a.Bare = true
		return a, nil
	}
	p.i++
	p.skip()
	if p.i < len(p.s) && p.s[p.i] == '"' {
		var err error
		a.Value, err = p.quoted()
		return a, err
	}
	start = p.i
	for p.i < len(p.s) && isTokenChar(p.s[p.i]) {
		p.i++
	}
	a.Value = p.s[start:p.i]
	return a, nil
}

// quoted reads a quoted string, in which a backslash stands before a character
// that is meant literally.
func (p *linkParser) quoted() (string, error) {
	start := p.i
	var unescaped []byte
	from := p.i + 1 // what follows is not in unescaped yet
	for p.i++; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '"':
			v := p.s[from:p.i]
			p.i++
			if unescaped != nil {
				v = string(append(unescaped, v...))
			}
			return v, nil
		case '\\':
			unescaped = append(unescaped, p.s[from:p.i]...)
			p.i++
			from = p.i
		}
	}
	return "", &LinkError{start, "the quoted string has no end"}
}

// isAttrNameChar reports whether c may be in the name of an attribute (parmname
// of RFC 5987 §3.2.1, and the "*" at its end).
func isAttrNameChar(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("!#$&+-.^_`|~*", c) >= 0
}

// validAttrName reports whether name can be written as the name of an attribute.
func validAttrName(name string) bool {
	for i := range len(name) {
		if !isAttrNameChar(name[i]) || name[i] == '*' && i != len(name)-1 {
			return false
		}
	}
	return name != "" && name != "*"
}

// isTokenChar reports whether c may be in a value without quotes (ptokenchar of
// RFC 6690 §2).
func isTokenChar(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`",;\`, c) < 0
}

// AppendLinks appends links in link format (RFC 6690 §2): numbers, language tags
// and extended values ("title*") without quotes, all others in quotes.
// Characters that a target cannot have are percent-encoded, and an attribute
// whose name cannot be written is left out. ParseLinks reads the rest back.
func AppendLinks(dst []byte, links ...Link) []byte {
	for i := range links {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '<')
		for _, c := range []byte(links[i].Target) {
			if c <= ' ' || c >= 0x7f || strings.IndexByte("<>\"\\^`{|}", c) >= 0 {
				dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
			} else {
				dst = append(dst, c)
			}
		}
		dst = append(dst, '>')
		for j := range links[i].Attrs {
			dst = links[i].Attrs[j].append(dst)
		}
	}
	return dst
}

func (a *Attr) append(dst []byte) []byte {
	if !validAttrName(a.Name) {
		return dst
	}
	dst = append(dst, ';')
	dst = append(dst, a.Name...)
	if a.Bare {
		return dst
	}
	dst = append(dst, '=')
	if a.unquoted() {
		return append(dst, a.Value...)
	}
	dst = append(dst, '"')
	for i := range len(a.Value) {
		if c := a.Value[i]; c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, a.Value[i])
	}
	return append(dst, '"')
}

// unquoted reports whether the value is written without quotes.
func (a *Attr) unquoted() bool {
	if a.Value == "" {
		return false
	}
	token, digits := true, true
	for i := range len(a.Value) {
		token = token && isTokenChar(a.Value[i])
		digits = digits && '0' <= a.Value[i] && a.Value[i] <= '9'
	}
	switch a.Name {
	case "rt", "if", "rel", "rev", "title", "anchor", "type", "media":
		return false
	case "hreflang":
		return token
	}
	return digits || token && strings.HasSuffix(a.Name, "*")
}
