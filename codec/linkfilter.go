package codec

import (
	"fmt"
	"strings"
)

// Filter selects links by one attribute or by the target (RFC 6690 §4.1).
type Filter struct {
	// Name of the attribute, or "href" for the target.
	Name string
	// Value is what the attribute must be, or begin with.
	Value string
	// Prefix is true if it is enough that the attribute begins with Value. With
	// an empty Value it is enough that the link has the attribute.
	Prefix bool
}

// ParseFilter reads a filter, "rt=temp*", from the value of a Uri-Query option,
// in which no percent-encoding is left (RFC 7252 §6.4): it is not undone again.
// A "*" at the end makes a prefix of what precedes it.
func ParseFilter(query string) (Filter, error) {
	name, value, ok := strings.Cut(query, "=")
	if !ok || !validAttrName(name) {
		return Filter{}, fmt.Errorf("codec: bad filter %s: a filter is the name of an attribute or href, =, and a value, such as rt=temp*", quoteShort(query))
	}
	value, prefix := strings.CutSuffix(value, "*")
	return Filter{Name: name, Value: value, Prefix: prefix}, nil
}

// String returns the filter as ParseFilter reads it.
func (f Filter) String() string {
	if f.Prefix {
		return f.Name + "=" + f.Value + "*"
	}
	return f.Name + "=" + f.Value
}

// Match reports whether the filter selects l. The attributes rt, if, rel, rev
// and ct hold several values, separated by spaces, of which one must match. A
// target matches as it is written or with its percent-encoding undone. Match
// allocates nothing.
func (f Filter) Match(l *Link) bool {
	if f.Name == "href" {
		return f.match(l.Target) || f.matchDecoded(l.Target)
	}
	multiple := false
	switch f.Name {
	case "rt", "if", "rel", "rev", "ct":
		multiple = true
	}
	for i := range l.Attrs {
		a := &l.Attrs[i]
		if a.Name != f.Name {
			continue
		}
		if f.Prefix && f.Value == "" {
			return true
		}
		if !multiple {
			if f.match(a.Value) {
				return true
			}
			continue
		}
		for rest, more := a.Value, true; more; {
			var one string
			one, rest, more = strings.Cut(rest, " ")
			if (one != "" || a.Value == "") && f.match(one) {
				return true
			}
		}
	}
	return false
}

func (f Filter) match(value string) bool {
	if f.Prefix {
		return strings.HasPrefix(value, f.Value)
	}
	return value == f.Value
}

// matchDecoded compares with target as it is without percent-encoding.
func (f Filter) matchDecoded(target string) bool {
	at := 0
	for i := 0; i < len(target); i++ {
		if at == len(f.Value) {
			return f.Prefix
		}
		c := target[i]
		if c == '%' && i+2 < len(target) && isHex(target[i+1]) && isHex(target[i+2]) {
			hi, _ := unhex(target[i+1])
			lo, _ := unhex(target[i+2])
			c = hi<<4 | lo
			i += 2
		}
		if c != f.Value[at] {
			return false
		}
		at++
	}
	return at == len(f.Value)
}

// Filters selects the links that all its filters select; the zero value selects
// every link.
type Filters []Filter

// ParseFilters reads the filters of a request, one from each Uri-Query option:
// ParseFilters(options.Queries()).
func ParseFilters(queries []string) (Filters, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	fs := make(Filters, len(queries))
	for i, q := range queries {
		var err error
		if fs[i], err = ParseFilter(q); err != nil {
			return nil, err
		}
	}
	return fs, nil
}

// Match reports whether all filters select l. It allocates nothing.
func (fs Filters) Match(l *Link) bool {
	for i := range fs {
		if !fs[i].Match(l) {
			return false
		}
	}
	return true
}
