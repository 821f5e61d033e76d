package payload

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/coap2/coap2/rules"
)

// jsonScanner reads JSON (RFC 8259) in one pass, and sets what a rule looks at.
type jsonScanner struct {
	d     *Decoder
	s     *rules.Sample
	b     []byte
	i     int
	depth int
}

func (d *Decoder) json(b []byte, s *rules.Sample) error {
	x := jsonScanner{d: d, s: s, b: b}
	slots := d.value
	x.space()
	if c := x.peek(); c == '{' || c == '[' {
		slots = nil // value is a member, if anything
	}
	if err := x.value(d.root, slots); err != nil {
		return err
	}
	return x.end()
}

func (x *jsonScanner) end() error {
	if x.space(); x.i < len(x.b) {
		return x.fail("the end")
	}
	return nil
}

func (x *jsonScanner) fail(expected string) error {
	return fmt.Errorf("JSON, byte %d: expected %s", x.i, expected)
}

var errDeep = errors.New("nested deeper than 32 levels")

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (x *jsonScanner) space() {
	for x.i < len(x.b) && isSpace(x.b[x.i]) {
		x.i++
	}
}

func (x *jsonScanner) peek() byte {
	if x.i < len(x.b) {
		return x.b[x.i]
	}
	return 0
}

// next skips space and takes a sign, if it is there.
func (x *jsonScanner) next(sign byte) bool {
	x.space()
	if x.peek() != sign {
		return false
	}
	x.i++
	return true
}

// value reads a value; m has what is looked for in it, slots what is the value
// itself.
func (x *jsonScanner) value(m *member, slots []int) error {
	x.space()
	switch c := x.peek(); {
	case c == '{':
		x.d.setOther(slots, x.s)
		return x.object(m)
	case c == '[':
		x.d.setOther(slots, x.s)
		return x.array(m)
	case c == '"':
		text, err := x.text(len(slots) > 0)
		if err == nil && len(slots) > 0 {
			x.d.setText(slots, x.s, text)
		}
		return err
	case c == '-' || c >= '0' && c <= '9':
		n, ok := number(x.b[x.i:])
		if !ok {
			x.i += n
			return x.fail("a digit")
		}
		if len(slots) > 0 {
			x.d.setNumber(slots, x.s, parseNumber(x.b[x.i:x.i+n]))
		}
		x.i += n
		return nil
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if len(x.b)-x.i >= len(word) && string(x.b[x.i:x.i+len(word)]) == word {
			x.i += len(word)
			if word != "null" { // null is as if it were missing
				x.d.setBool(slots, x.s, word == "true")
			}
			return nil
		}
	}
	return x.fail("a value")
}

func (x *jsonScanner) enter() error {
	x.i++
	if x.depth++; x.depth > maxDepth {
		return errDeep
	}
	return nil
}

func (x *jsonScanner) object(m *member) error {
	return x.members(m != nil && m.kids != nil, func(name []byte) error {
		k, err := x.d.kid(m, name)
		if err != nil {
			return err
		}
		return x.value(k, k.slotsOf())
	})
}

// members reads an object; f reads the value of each member. The name is valid
// until f reads on, and nil if it is not wanted.
func (x *jsonScanner) members(names bool, f func(name []byte) error) error {
	if err := x.enter(); err != nil {
		return err
	}
	if !x.next('}') {
		for {
			x.space()
			if x.peek() != '"' {
				return x.fail("a member")
			}
			name, err := x.text(names)
			if err != nil {
				return err
			}
			if !x.next(':') {
				return x.fail(`":"`)
			}
			if err := f(name); err != nil {
				return err
			}
			if x.next('}') {
				break
			}
			if !x.next(',') {
				return x.fail(`"," or "}"`)
			}
		}
	}
	x.depth--
	return nil
}

func (x *jsonScanner) array(m *member) error {
	return x.elements(func(i int) error {
		k := x.d.element(m, i)
		return x.value(k, k.slotsOf())
	})
}

// elements reads an array; f reads each element.
func (x *jsonScanner) elements(f func(i int) error) error {
	if err := x.enter(); err != nil {
		return err
	}
	if !x.next(']') {
		for i := 0; ; i++ {
			if err := f(i); err != nil {
				return err
			}
			if x.next(']') {
				break
			}
			if !x.next(',') {
				return x.fail(`"," or "]"`)
			}
		}
	}
	x.depth--
	return nil
}

// text reads a string. Only where it is wanted it is made; it is valid until
// the next one is.
func (x *jsonScanner) text(wanted bool) ([]byte, error) {
	start := x.i + 1
	plain := true
	for i := start; i < len(x.b); i++ {
		switch c := x.b[i]; {
		case c == '"':
			text := x.b[start:i]
			x.i = i + 1
			switch {
			case !wanted:
				return nil, nil
			case !utf8.Valid(text):
				return nil, x.fail("UTF-8")
			case plain:
				return text, nil
			}
			return x.unescape(text)
		case c == '\\':
			plain = false
			n := escape(x.b[i:])
			if n == 0 {
				x.i = i
				return nil, x.fail("an escape sequence")
			}
			i += n - 1
		case c < ' ':
			x.i = i
			return nil, x.fail("an escape sequence")
		}
	}
	x.i = len(x.b)
	return nil, x.fail(`the closing "`)
}

// escape returns the length of the escape sequence that b begins with, 0 if it
// is none.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

func (x *jsonScanner) unescape(text []byte) ([]byte, error) {
	out := x.d.scratch[:0]
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		i++ // text has been looked at: what follows is an escape sequence
		switch text[i] {
		case '"', '\\', '/':
			out = append(out, text[i])
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(text[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(0)
				if len(text) > i+2 && text[i+1] == '\\' && text[i+2] == 'u' {
					low, _ = hex4(text[i+3:])
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return nil, x.fail("both halves of a surrogate pair before")
				}
				i += 6
			}
			out = utf8.AppendRune(out, r)
		}
	}
	x.d.scratch = out
	return out, nil
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil
}

// number returns the length of the number that b begins with, or of what of it
// is there.
func number(b []byte) (int, bool) {
	i := 0
	at := func(c byte) bool { return i < len(b) && b[i] == c }
	digits := func() bool {
		start := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > start
	}
	if at('-') {
		i++
	}
	if at('0') {
		i++
	} else if !digits() {
		return i, false
	}
	if at('.') {
		i++
		if !digits() {
			return i, false
		}
	}
	if at('e') || at('E') {
		i++
		if at('+') || at('-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}
