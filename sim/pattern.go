package sim

import (
	"fmt"
	"strconv"
	"strings"
)

// A pattern says which nodes are meant. It is a name, or several joined by ",",
// in which "*" stands for any characters, "[0-49]" for a number in these bounds
// (leading zeros do not matter), and "@lab" for the nodes of the Segment or set
// "lab". "" and "*" are all nodes.

// pattern is a pattern that has been read: one of its parts must fit.
type pattern []part

// part is a set, or pieces that follow each other in the name.
type part struct {
	set    string
	pieces []piece
}

// piece is literal text, any text, or a number from lo to hi.
type piece struct {
	kind   pieceKind
	text   string
	lo, hi uint64
}

type pieceKind uint8

const (
	literal pieceKind = iota
	anything
	number
)

// maxWild bounds the work of matching: each "*" is tried at each place.
const maxWild = 3

// ValidatePattern reports what is wrong with a pattern for nodes, if anything.
// See the package documentation for what patterns are.
func ValidatePattern(s string) error {
	_, err := parsePattern(s)
	return err
}

// parsePattern reads a pattern; nil means all nodes.
func parsePattern(s string) (pattern, error) {
	if s == "" || s == "*" {
		return nil, nil
	}
	var p pattern
	for _, word := range strings.Split(s, ",") {
		x, err := parsePart(word)
		if err != nil {
			return nil, fmt.Errorf("sim: pattern %q: %w", s, err)
		}
		p = append(p, x)
	}
	return p, nil
}

func parsePart(word string) (x part, err error) {
	if name, ok := strings.CutPrefix(word, "@"); ok {
		if !isSetName(name) {
			return x, fmt.Errorf("%q is no name of a set", name)
		}
		return part{set: name}, nil
	}
	if word == "" {
		return x, fmt.Errorf("a name is empty")
	}
	wild := 0
	for rest := word; rest != ""; {
		i := strings.IndexAny(rest, "*[]@%")
		if i < 0 {
			i = len(rest)
		}
		if i > 0 {
			x.pieces = append(x.pieces, piece{kind: literal, text: rest[:i]})
			rest = rest[i:]
			continue
		}
		switch rest[0] {
		case '*':
			if wild++; wild > maxWild {
				return x, fmt.Errorf("%q has more than %d *", word, maxWild)
			}
			x.pieces = append(x.pieces, piece{kind: anything})
			rest = rest[1:]
		case '[':
			inner, after, ok := strings.Cut(rest[1:], "]")
			lo, hi, isRange := strings.Cut(inner, "-")
			if !isRange {
				hi = lo
			}
			a, err1 := strconv.ParseUint(lo, 10, 63)
			b, err2 := strconv.ParseUint(hi, 10, 63)
			if !ok || err1 != nil || err2 != nil || a > b {
				return x, fmt.Errorf("%q: want numbers such as [0-49] after %q", word, word[:len(word)-len(rest)])
			}
			x.pieces = append(x.pieces, piece{kind: number, lo: a, hi: b})
			rest = after
		default:
			return x, fmt.Errorf("%q: %q cannot stand in a name", word, rest[0])
		}
	}
	return x, nil
}

// isSetName reports whether a Segment or a set can have this name.
func isSetName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-_./", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// match reports whether a name fits; in tells of membership in a set.
func (p pattern) match(name string, in func(set, name string) bool) bool {
	if p == nil {
		return true
	}
	for i := range p {
		if x := &p[i]; x.set != "" && in(x.set, name) || x.set == "" && matchPieces(x.pieces, name) {
			return true
		}
	}
	return false
}

func matchPieces(ps []piece, s string) bool {
	for len(ps) > 0 {
		switch p := &ps[0]; p.kind {
		case literal:
			rest, ok := strings.CutPrefix(s, p.text)
			if !ok {
				return false
			}
			s = rest
		case number:
			// All the digits that are there, so that s[1-3] is not s12.
			n := 0
			for n < len(s) && s[n] >= '0' && s[n] <= '9' {
				n++
			}
			v, err := strconv.ParseUint(s[:n], 10, 63)
			if err != nil || v < p.lo || v > p.hi {
				return false
			}
			s = s[n:]
		default:
			if len(ps) == 1 {
				return true
			}
			for i := 0; i <= len(s); i++ {
				if matchPieces(ps[1:], s[i:]) {
					return true
				}
			}
			return false
		}
		ps = ps[1:]
	}
	return s == ""
}

// plain returns the name if the pattern is nothing but one.
func (p pattern) plain() (name string, ok bool) {
	if len(p) != 1 || p[0].set != "" || len(p[0].pieces) != 1 || p[0].pieces[0].kind != literal {
		return "", false
	}
	return p[0].pieces[0].text, true
}
