package rules

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokNumber
	tokDuration
	tokString
	tokField // $"…"
	tokWord
	tokSign
)

type token struct {
	kind     tokenKind
	pos, end int
	text     string  // of words and signs
	num      float64 // duration in milliseconds
	str      string
}

// String is the token as an error shows it.
func (t token) String() string {
	switch t.kind {
	case tokEnd:
		return "the end"
	case tokNumber:
		return "number " + t.text
	case tokDuration:
		return "duration " + t.text
	case tokString:
		return "string " + shown(t.str)
	case tokField:
		return "field $" + shown(t.str)
	}
	return shown(t.text)
}

func (t token) is(sign string) bool   { return t.kind == tokSign && t.text == sign }
func (t token) word(word string) bool { return t.kind == tokWord && t.text == word }

// units are the units of durations, in milliseconds.
var units = []struct {
	name string
	ms   int64
}{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}}

const unitNames = "a unit: ms, s, m, h or d"

type lexer struct {
	text string
	pos  int
}

func (l *lexer) fail(pos, end int, expected, found string) *SyntaxError {
	return &SyntaxError{Pos: pos, End: end, Expected: expected, Found: found, Rule: l.text}
}

// peek is the byte at pos+i, 0 behind the end.
func (l *lexer) peek(i int) byte {
	if l.pos+i < len(l.text) {
		return l.text[l.pos+i]
	}
	return 0
}

// rune returns the character at pos as an error shows it, and its length.
func (l *lexer) rune() (string, int) {
	r, n := utf8.DecodeRuneInString(l.text[l.pos:])
	if r == utf8.RuneError && n <= 1 {
		return fmt.Sprintf("byte 0x%02x, which is not UTF-8", l.text[l.pos]), 1
	}
	return shown(string(r)), n
}

func (l *lexer) next() (token, error) {
	for c := l.peek(0); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = l.peek(0) {
		l.pos++
	}
	start := l.pos
	if start == len(l.text) {
		return token{kind: tokEnd, pos: start, end: start}, nil
	}
	c := l.text[start]
	switch {
	case isDigit(c):
		return l.number()
	case isLetter(c):
		for isLetter(l.peek(0)) || isDigit(l.peek(0)) {
			l.pos++
		}
		return token{kind: tokWord, pos: start, end: l.pos, text: l.text[start:l.pos]}, nil
	case c == '"':
		s, err := l.quoted()
		return token{kind: tokString, pos: start, end: l.pos, str: s}, err
	case c == '$':
		l.pos++
		if l.peek(0) != '"' {
			return token{}, l.fail(start, l.pos, `a field, written $"…"`, `"$"`)
		}
		s, err := l.quoted()
		return token{kind: tokField, pos: start, end: l.pos, str: s}, err
	case c == '.' && isDigit(l.peek(1)) && (start == 0 || !isLetter(l.text[start-1]) && !isDigit(l.text[start-1])):
		return token{}, l.fail(start, start+1, "digits on both sides of the point, as in 0.5", `"."`)
	}
	for _, sign := range [...]string{"==", "!=", "<=", ">=", "&&", "||", "..", "<", ">", "=", "!", "+", "-", "*", "/", "(", ")", "[", "]", ",", ";", "."} {
		if len(l.text)-start >= len(sign) && l.text[start:start+len(sign)] == sign {
			l.pos += len(sign)
			return token{kind: tokSign, pos: start, end: l.pos, text: sign}, nil
		}
	}
	found, n := l.rune()
	expected := "a name, number, string or operator"
	if r, _ := utf8.DecodeRuneInString(l.text[start:]); unicode.IsLetter(r) {
		expected = `a name in ASCII; others are written $"/…"`
	}
	switch c {
	case '&':
		expected = `"and" or "&&"`
	case '|':
		expected = `"or" or "||"`
	case '\'':
		expected = `a string in "double quotes"`
	}
	return token{}, l.fail(start, start+n, expected, found)
}

func (l *lexer) digits() bool {
	start := l.pos
	for isDigit(l.peek(0)) {
		l.pos++
	}
	return l.pos > start
}

// number reads a number, or a duration.
func (l *lexer) number() (token, error) {
	start := l.pos
	l.digits()
	if l.peek(0) == '.' && l.peek(1) != '.' {
		l.pos++
		if !l.digits() {
			return token{}, l.fail(start, l.pos, "digits on both sides of the point, as in 1.0", shown(l.text[start:l.pos]))
		}
	}
	if l.peek(0)|0x20 == 'e' && (isDigit(l.peek(1)) || (l.peek(1) == '+' || l.peek(1) == '-') && isDigit(l.peek(2))) {
		l.pos += 2
		l.digits()
	}
	t := token{kind: tokNumber, pos: start, end: l.pos, text: l.text[start:l.pos]}
	x, err := strconv.ParseFloat(t.text, 64)
	if err != nil || math.IsInf(x, 0) {
		return token{}, l.fail(start, l.pos, "a number that float64 can hold", shown(t.text))
	}
	t.num = x
	if !isLetter(l.peek(0)) {
		return t, nil
	}
	at := l.pos
	for isLetter(l.peek(0)) || isDigit(l.peek(0)) {
		l.pos++
	}
	for _, u := range units {
		if l.text[at:l.pos] == u.name {
			ms := milliseconds(t.text, x, u.ms)
			if math.IsInf(ms, 0) {
				return token{}, l.fail(start, l.pos, "a duration that float64 can hold", shown(l.text[start:l.pos]))
			}
			return token{kind: tokDuration, pos: start, end: l.pos, text: l.text[start:l.pos], num: ms}, nil
		}
	}
	return token{}, l.fail(at, l.pos, unitNames, shown(l.text[at:l.pos]))
}

// milliseconds is the duration of text units, rounded once: 1.001s is 1001 ms.
func milliseconds(text string, x float64, unit int64) float64 {
	if x == 0 || unit == 1 {
		return x // also what is too small for a float64, and would be a huge fraction
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return x * float64(unit)
	}
	ms, _ := r.Mul(r, new(big.Rat).SetInt64(unit)).Float64()
	return ms
}

// quoted reads a JSON string (RFC 8259 §7).
func (l *lexer) quoted() (string, error) {
	start := l.pos
	l.pos++
	var b []byte
	for {
		if l.pos >= len(l.text) {
			return "", l.fail(start, l.pos, `the closing quote "`, "the end")
		}
		switch c := l.text[l.pos]; {
		case c == '"':
			l.pos++
			return string(b), nil
		case c < ' ':
			return "", l.fail(l.pos, l.pos+1, `an escape sequence, such as \n`, fmt.Sprintf("byte 0x%02x", c))
		case c == '\\':
			r, err := l.escape()
			if err != nil {
				return "", err
			}
			b = utf8.AppendRune(b, r)
		default:
			found, n := l.rune()
			if n == 1 && c >= utf8.RuneSelf {
				return "", l.fail(l.pos, l.pos+1, "UTF-8", found)
			}
			b = append(b, l.text[l.pos:l.pos+n]...)
			l.pos += n
		}
	}
}

func (l *lexer) escape() (rune, error) {
	start := l.pos
	c := l.peek(1)
	l.pos += 2
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := l.hex4()
		if ok && utf16.IsSurrogate(r) {
			ok = l.peek(0) == '\\' && l.peek(1) == 'u'
			if ok {
				l.pos += 2
				var low rune
				low, ok = l.hex4()
				r = utf16.DecodeRune(r, low)
				ok = ok && r != utf8.RuneError
			}
		}
		if ok {
			return r, nil
		}
	}
	l.pos = min(l.pos, len(l.text))
	return 0, l.fail(start, l.pos, `an escape sequence of JSON, such as \" or \u20ac`, shown(l.text[start:l.pos]))
}

func (l *lexer) hex4() (rune, bool) {
	if l.pos+4 > len(l.text) {
		l.pos = len(l.text)
		return 0, false
	}
	x, err := strconv.ParseUint(l.text[l.pos:l.pos+4], 16, 16)
	l.pos += 4
	return rune(x), err == nil && l.text[l.pos-4] != '+'
}
