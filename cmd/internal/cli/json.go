package cli

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// EncodeJSON encodes v as one JSON object on a line, or on several for people.
// Nothing in it can harm a terminal.
func EncodeJSON(v any, indent bool) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if indent {
		e.SetIndent("", "  ")
	}
	if err := e.Encode(v); err != nil {
		panic(err) // our own types can be encoded
	}
	return escapeJSON(buf.Bytes())
}

// escapeJSON escapes, as JSON does, the characters that package json leaves as
// they are and that are not printable: some of them change what a terminal
// shows.
func escapeJSON(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		switch {
		case r == '\n' || strconv.IsPrint(r):
			out = append(out, b[i:i+size]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = appendEscape(appendEscape(out, hi), lo)
		default:
			out = appendEscape(out, r)
		}
		i += size
	}
	return out
}

func appendEscape(b []byte, r rune) []byte {
	return append(append(b, '\\', 'u'), hex.EncodeToString([]byte{byte(r >> 8), byte(r)})...)
}
