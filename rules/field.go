package rules

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FieldKind says how a field is looked for in a payload.
type FieldKind uint8

const (
	// BareValue is `value`: the payload itself where that is a number, a text
	// or a truth value, else the member of that name.
	BareValue FieldKind = iota
	// Pointer is a member of a JSON or CBOR structure, named by a JSON Pointer
	// (RFC 6901). A dotted name is one: `a.b` is `/a/b`.
	Pointer
	// Record is a SenML record (RFC 8428), named by its name.
	Record
)

// Field names a part of a payload. Fields can be compared with ==; the zero
// Field is `value`.
type Field struct {
	kind FieldKind
	name string
}

// NewField makes the field that `$"name"` means in a rule: a JSON Pointer if
// the name begins with a slash, else a SenML record.
func NewField(name string) Field {
	if strings.HasPrefix(name, "/") {
		return Field{Pointer, name}
	}
	return Field{Record, name}
}

// Kind says how the field is looked for.
func (f Field) Kind() FieldKind { return f.kind }

// Name is the JSON Pointer or the name of the record; "value" for `value`.
func (f Field) Name() string {
	if f.kind == BareValue {
		return "value"
	}
	return f.name
}

// Tokens are the names of the members on the way to the field, outermost
// first (RFC 6901 §4). `value` has one, a SenML record none.
func (f Field) Tokens() []string {
	switch f.kind {
	case BareValue:
		return []string{"value"}
	case Record:
		return nil
	}
	ts := strings.Split(f.name[1:], "/")
	for i, t := range ts {
		ts[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return ts
}

// String is the field as a rule writes it.
func (f Field) String() string {
	if f.kind == BareValue {
		return "value"
	}
	if path, ok := f.dotted(); ok {
		return path
	}
	return "$" + quote(f.name)
}

// dotted is the field as a dotted name, if it has one.
func (f Field) dotted() (string, bool) {
	if f.kind != Pointer {
		return "", false
	}
	ids := strings.Split(f.name[1:], "/")
	for i, id := range ids {
		if !isIdentifier(id) || i == 0 && isReserved(id) {
			return "", false
		}
	}
	return strings.Join(ids, "."), true
}

// fieldOfPath makes the field of a dotted name.
func fieldOfPath(path string) Field {
	return Field{Pointer, "/" + strings.ReplaceAll(path, ".", "/")}
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i])) {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// isReserved tells the words that are no fields.
func isReserved(s string) bool {
	switch s {
	case "value", "delta", "age", "prev", "last", "and", "or", "not", "in", "true", "false",
		"pmin", "pmax", "epmin", "epmax", "con":
		return true
	}
	return slices.Contains(functionNames, s)
}

// validPointer reports the first offset at which s is no JSON Pointer, or -1.
func validPointer(s string) int {
	for i := range len(s) {
		if s[i] == '~' && (i+1 == len(s) || s[i+1] != '0' && s[i+1] != '1') {
			return i
		}
	}
	return -1
}

// quote writes a JSON string in which nothing can harm a terminal. It is the
// one spelling that a string has in canonical text.
func quote(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r > 0xFFFF:
			r -= 0x10000
			b = appendEscape(appendEscape(b, 0xD800+r>>10), 0xDC00+r&0x3FF)
		default:
			b = appendEscape(b, r)
		}
	}
	return string(append(b, '"'))
}

func appendEscape(b []byte, r rune) []byte {
	hex := strconv.FormatUint(uint64(r)+0x10000, 16)
	return append(append(b, '\\', 'u'), hex[1:]...)
}
