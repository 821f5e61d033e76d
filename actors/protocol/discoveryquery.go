package protocol

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrQuery is wrapped by the errors of ParseQuery and Query.Append.
var ErrQuery = errors.New("protocol: not a discovery query")

// MaxQuery is the length in bytes of the longest query, the value of option 300.
const MaxQuery = 255

// QueryKind says whom a Query means.
type QueryKind uint8

// The kinds of queries.
const (
	Everyone QueryKind = iota // every node
	ByName                    // the node with a host name
	AnyOf                     // nodes that have any of some resources
	AllOf                     // nodes that have all of them
)

// String returns the kind's name.
func (k QueryKind) String() string {
	switch k {
	case Everyone:
		return "Everyone"
	case ByName:
		return "ByName"
	case AnyOf:
		return "AnyOf"
	case AllOf:
		return "AllOf"
	}
	return "QueryKind(" + strconv.Itoa(int(k)) + ")"
}

// Query is what a discovery asks for: the value of option 300 in a request. The
// zero value asks for everyone.
type Query struct {
	Kind QueryKind
	// Name is the host name of ByName, in lower case.
	Name string
	// Paths are the resources of AnyOf and AllOf: each begins with "/", without
	// percent-encoding, at least one.
	Paths []string
}

// ParseQuery reads the value of option 300 in a request: nothing, a host name, or
// paths with commas between them (one at the end is accepted), before which a "&"
// stands if all of them are asked for. In a path "%2C" is a comma and "%25" a
// percent sign. What is returned does not refer to b.
func ParseQuery(b []byte) (Query, error) {
	switch {
	case len(b) == 0:
		return Query{}, nil
	case len(b) > MaxQuery:
		return Query{}, fmt.Errorf("%w: it has %d bytes; want at most %d", ErrQuery, len(b), MaxQuery)
	case b[0] != '/' && b[0] != '&':
		name, err := CanonicalName(string(b))
		if err != nil {
			return Query{}, fmt.Errorf("%w: %w", ErrQuery, err)
		}
		return Query{Kind: ByName, Name: name}, nil
	}
	q := Query{Kind: AnyOf}
	s := string(b)
	if s[0] == '&' {
		q.Kind, s = AllOf, s[1:]
	}
	s = strings.TrimSuffix(s, ",")
	q.Paths = make([]string, 0, 1+strings.Count(s, ","))
	for p := range strings.SplitSeq(s, ",") {
		path, err := queryPath(p)
		if err != nil {
			return Query{}, err
		}
		q.Paths = append(q.Paths, path)
	}
	return q, nil
}

func queryPath(s string) (string, error) {
	if s == "" || s[0] != '/' {
		return "", fmt.Errorf(`%w: %.40q is no path; it must begin with "/"`, ErrQuery, s)
	}
	s = strings.ReplaceAll(s, "%2c", "%2C")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "%2C", ","), "%25", "%")
	if err := checkQueryPath(s); err != nil {
		return "", err
	}
	return s, nil
}

func checkQueryPath(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: the path %.40q is not UTF-8", ErrQuery, s)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return fmt.Errorf("%w: the path %.40q has a control character", ErrQuery, s)
		}
	}
	return nil
}

// Append appends the value of option 300.
func (q Query) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	switch q.Kind {
	case Everyone:
		return dst, nil
	case ByName:
		name, err := CanonicalName(q.Name)
		if err != nil {
			return dst, fmt.Errorf("%w: %w", ErrQuery, err)
		}
		return append(dst, name...), nil
	case AllOf:
		dst = append(dst, '&')
	case AnyOf:
	default:
		return dst, fmt.Errorf("%w: kind %v", ErrQuery, q.Kind)
	}
	if len(q.Paths) == 0 {
		return dst[:start], fmt.Errorf("%w: it names no resource", ErrQuery)
	}
	for i, p := range q.Paths {
		if p == "" || p[0] != '/' {
			return dst[:start], fmt.Errorf(`%w: %.40q is no path; it must begin with "/"`, ErrQuery, p)
		}
		if err := checkQueryPath(p); err != nil {
			return dst[:start], err
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		for j := range len(p) {
			switch p[j] {
			case ',':
				dst = append(dst, "%2C"...)
			case '%':
				dst = append(dst, "%25"...)
			default:
				dst = append(dst, p[j])
			}
		}
	}
	if n := len(dst) - start; n > MaxQuery {
		return dst[:start], fmt.Errorf("%w: it has %d bytes; want at most %d", ErrQuery, n, MaxQuery)
	}
	return dst, nil
}

// String returns the query as option 300 has it, "everyone" for that, and "?" for
// one that cannot be written.
func (q Query) String() string {
	if q.Kind == Everyone {
		return "everyone"
	}
	b, err := q.Append(nil)
	if err != nil {
		return "?"
	}
	return string(b)
}
