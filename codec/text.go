package codec

import (
	"strconv"
	"unicode/utf8"
)

// Nothing that came from a network, a file or a flag may reach a terminal
// unescaped: control characters and escape sequences, bytes that are not UTF-8,
// and invisible characters that change the direction of text. The functions here
// do that for the whole package.

// Printable reports whether b is text that can be shown as it is: UTF-8, and
// nothing but printable characters, spaces, tabs and line ends.
func Printable(b []byte) bool {
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 || !strconv.IsPrint(r) {
			return false
		}
		i += size
	}
	return true
}

// AppendPrintable appends text to dst as it can be shown on a terminal: line
// ends and tabs stay, everything else that is not printable, and every byte that
// is not UTF-8, is escaped as in a Go string: "\x1b", "\u202e".
func AppendPrintable(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\n' || c == '\t':
			dst = append(dst, c)
			i++
		case c == '\r' && i+1 < len(text) && text[i+1] == '\n':
			i++
		default:
			dst, i = appendRune(dst, text, i)
		}
	}
	return dst
}

// appendQuoted appends text in quotation marks, on one line, with the characters
// escaped that AppendPrintable escapes, and quotes, backslashes and line ends.
// What would need more than max bytes of text is cut, and "…" follows.
func appendQuoted(dst, text []byte, max int) []byte {
	shown := cutText(text, max)
	dst = append(dst, '"')
	for i := 0; i < len(shown); {
		if c := shown[i]; c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
			i++
			continue
		}
		dst, i = appendRune(dst, shown, i)
	}
	dst = append(dst, '"')
	if len(shown) < len(text) {
		dst = append(dst, "…"...)
	}
	return dst
}

// appendWord appends text as it is if that cannot be misread, else quoted.
func appendWord(dst, text []byte, max int) []byte {
	if len(text) == 0 || len(text) > max {
		return appendQuoted(dst, text, max)
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 || r == ' ' || r == '"' || r == '\\' || !strconv.IsPrint(r) {
			return appendQuoted(dst, text, max)
		}
		i += size
	}
	return append(dst, text...)
}

// appendRune appends the character at text[i:], escaped if it is not printable.
func appendRune(dst, text []byte, i int) (_ []byte, next int) {
	r, size := utf8.DecodeRune(text[i:])
	switch {
	case r == utf8.RuneError && size <= 1:
		dst = append(dst, '\\', 'x', lowerHex[text[i]>>4], lowerHex[text[i]&15])
	case strconv.IsPrint(r):
		dst = append(dst, text[i:i+size]...)
	case r == '\n':
		dst = append(dst, `\n`...)
	case r == '\r':
		dst = append(dst, `\r`...)
	case r == '\t':
		dst = append(dst, `\t`...)
	case r < utf8.RuneSelf:
		dst = append(dst, '\\', 'x', lowerHex[r>>4], lowerHex[r&15])
	case r <= 0xffff:
		dst = append(dst, '\\', 'u')
		dst = appendHexDigits(dst, uint32(r), 4)
	default:
		dst = append(dst, '\\', 'U')
		dst = appendHexDigits(dst, uint32(r), 8)
	}
	return dst, i + size
}

// cutText returns at most max bytes of text, without the first part of a
// character that would be cut in two.
func cutText(text []byte, max int) []byte {
	if len(text) <= max {
		return text
	}
	cut := max
	for cut > 0 && cut > max-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

const lowerHex = "0123456789abcdef"

func appendHexDigits(dst []byte, v uint32, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, lowerHex[v>>shift&15])
	}
	return dst
}

// appendHex appends at most max bytes of b in hexadecimal, and "…" if there are
// more.
func appendHex(dst, b []byte, max int) []byte {
	for _, c := range b[:min(len(b), max)] {
		dst = append(dst, lowerHex[c>>4], lowerHex[c&15])
	}
	if len(b) > max {
		dst = append(dst, "…"...)
	}
	return dst
}

// quoteShort quotes input of unknown origin and length for an error message.
func quoteShort(s string) string {
	const most = 80
	if len(s) > most+utf8.UTFMax {
		// Enough for appendQuoted to see that there is more.
		s = s[:most+utf8.UTFMax]
	}
	return string(appendQuoted(nil, []byte(s), most))
}
