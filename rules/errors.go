package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrLimit is what a rule that breaks a bound is (errors.Is): too long, too many
// nodes, too deep, too costly, or a resource with too many fields.
var ErrLimit = errors.New("rules: limit reached")

// SyntaxError says where a rule is wrong, what was found there and what was
// expected. Its text is safe for a terminal.
type SyntaxError struct {
	// Pos and End are byte offsets in what was parsed: the mistake is in
	// [Pos, End).
	Pos, End int
	Expected string
	Found    string
	// Rule is the text that was parsed, "" for the compact form.
	Rule string

	compact bool
	limit   bool
}

// Col is the column of the mistake in the text, from 1, counted in characters;
// in the compact form the byte, from 0.
func (e *SyntaxError) Col() int {
	if e.compact {
		return e.Pos
	}
	return utf8.RuneCountInString(e.Rule[:min(max(e.Pos, 0), len(e.Rule))]) + 1
}

// Diagnostic is the error as one line without the name of the package, as it is
// sent in the payload of a 4.00 response.
func (e *SyntaxError) Diagnostic() string {
	unit := "col"
	if e.compact {
		unit = "byte"
	}
	return fmt.Sprintf("%s %d: expected %s, found %s", unit, e.Col(), e.Expected, e.Found)
}

// Error is the diagnostic with the name of the package.
func (e *SyntaxError) Error() string { return "rules: " + e.Diagnostic() }

// Is makes errors.Is(err, ErrLimit) true for a rule that breaks a bound.
func (e *SyntaxError) Is(target error) bool { return target == ErrLimit && e.limit }

// Picture shows the mistake on three lines: the rule, a caret under it, and
// what is wrong. Of a long rule only the surroundings are shown. The compact
// form has no picture, only the diagnostic.
func (e *SyntaxError) Picture() string {
	if e.compact {
		return e.Diagnostic()
	}
	const before, width = 50, 76
	text := []rune(e.Rule)
	col := min(e.Col()-1, len(text))
	marked := utf8.RuneCountInString(e.Rule[min(max(e.Pos, 0), len(e.Rule)):min(max(e.End, e.Pos, 0), len(e.Rule))])
	start := max(0, col-before)
	stop := min(len(text), start+width)
	line := text[start:stop]
	for i, r := range line {
		switch {
		case i == 0 && start > 0, start+i == stop-1 && stop < len(text):
			line[i] = '…'
		case !unicode.IsPrint(r) || r == utf8.RuneError:
			line[i] = '?'
		}
	}
	at := col - start
	return fmt.Sprintf("%s\n%s%s\nexpected %s, found %s", string(line), strings.Repeat(" ", columns(line[:at])),
		strings.Repeat("^", max(1, columns(line[at:min(at+marked, len(line))]))), e.Expected, e.Found)
}

// columns is how many columns of a terminal a text takes, near enough to point
// at something behind it.
func columns(text []rune) int {
	n := 0
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me):
		case r < 0xFF61 && unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
			r >= 0x3001 && r <= 0x303E, r >= 0xFF01 && r <= 0xFF60, r >= 0x1F300 && r <= 0x1FAFF, r >= 0x20000 && r <= 0x3FFFD:
			n += 2
		default:
			n++
		}
	}
	return n
}

// QueryError is a conditional query parameter (c.*) that cannot be understood.
type QueryError struct {
	// Param is the name of the parameter, such as "c.gt".
	Param    string
	Expected string
	Found    string
}

// Diagnostic is the error as one line without the name of the package.
func (e *QueryError) Diagnostic() string {
	return fmt.Sprintf("%s: expected %s, found %s", e.Param, e.Expected, e.Found)
}

// Error is the diagnostic with the name of the package.
func (e *QueryError) Error() string { return "rules: " + e.Diagnostic() }

// shown quotes something of a stranger's for an error text.
func shown(s string) string {
	const most = 40
	short, cut := s, ""
	if utf8.RuneCountInString(s) > most {
		short, cut = string([]rune(s)[:most]), "…"
	}
	q := quote(strings.ToValidUTF8(short, "\uFFFD"))
	return q[:len(q)-1] + cut + `"`
}
