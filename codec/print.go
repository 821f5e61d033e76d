package codec

import (
	"bytes"
	"strconv"
)

// Bounds of what is printed of one message.
const (
	maxLineOptions = 32   // options on one line
	maxLinePayload = 64   // bytes of payload on one line
	maxDumpOptions = 64   // options in a dump
	maxDumpValue   = 1034 // bytes of an option value in a dump
	maxDumpText    = 8192 // bytes of a text payload in a dump
	maxDumpHex     = 1024 // bytes of another payload in a dump
)

// String returns the message on one line:
//
//	CON [0x1234] GET token=a1b2 Uri-Path:hello Accept:50(application/json)
//	ACK [0x1234] 2.05 Content token=a1b2 Content-Format:0(text/plain;charset=utf-8) 2 bytes "hi"
//
// It is bounded in length, and nothing in it can harm a terminal.
func (m Message) String() string {
	b := make([]byte, 0, 128)
	b = append(b, m.Type.String()...)
	b = append(b, " [0x"...)
	b = appendHexDigits(b, uint32(m.MessageID), 4)
	b = append(b, "] "...)
	b = append(b, m.Code.short()...)
	if m.Token.n > 0 {
		b = append(b, " token="...)
		b = appendHex(b, m.Token.b[:m.Token.n], MaxTokenLen)
	}
	for i := range m.Options[:min(len(m.Options), maxLineOptions)] {
		b = append(b, ' ')
		b = m.Options[i].appendText(b)
	}
	if more := len(m.Options) - maxLineOptions; more > 0 {
		b = append(b, " … "...)
		b = appendCount(b, more, "more option")
	}
	if len(m.Payload) > 0 {
		b = append(b, ' ')
		b = appendCount(b, len(m.Payload), "byte")
		b = append(b, ' ')
		if Printable(cutText(m.Payload, maxLinePayload)) {
			b = appendQuoted(b, m.Payload, maxLinePayload)
		} else {
			b = appendHex(append(b, "0x"...), m.Payload, maxLinePayload/2)
		}
	}
	return string(b)
}

// short returns a method's name alone, and other codes with their numbers.
func (c Code) short() string {
	if name := c.Name(); name != "" && c.IsRequest() {
		return name
	}
	return c.String()
}

func appendCount(b []byte, n int, noun string) []byte {
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, ' ')
	b = append(b, noun...)
	if n != 1 {
		b = append(b, 's')
	}
	return b
}

// AppendDump appends the whole message on several lines, each with a line end:
// the header, every option with its name, number and value, and the payload, as
// text if it is printable, else in hexadecimal. It is bounded in length, and
// nothing in it can harm a terminal.
//
//	CON 0.01 GET, message ID 0x7d35, token 20
//	  Uri-Path (11): temperature
//	  no payload
func (m *Message) AppendDump(dst []byte) []byte {
	dst = append(dst, m.Type.String()...)
	dst = append(dst, ' ')
	dst = append(dst, m.Code.String()...)
	dst = append(dst, ", message ID 0x"...)
	dst = appendHexDigits(dst, uint32(m.MessageID), 4)
	if m.Token.n > 0 {
		dst = append(dst, ", token "...)
		dst = appendHex(dst, m.Token.b[:m.Token.n], MaxTokenLen)
	}
	dst = append(dst, '\n')
	for i := range m.Options[:min(len(m.Options), maxDumpOptions)] {
		o := &m.Options[i]
		dst = append(dst, "  "...)
		if d := o.Number.def(); d != nil {
			dst = append(dst, d.Name...)
			dst = append(dst, " ("...)
			dst = strconv.AppendUint(dst, uint64(o.Number), 10)
			dst = append(dst, ')')
		} else {
			dst = o.appendName(dst)
		}
		if len(o.Value) > 0 || o.Number != OptionIfNoneMatch {
			dst = append(dst, ": "...)
			dst = o.appendValue(dst, maxDumpValue)
		}
		dst = append(dst, '\n')
	}
	if more := len(m.Options) - maxDumpOptions; more > 0 {
		dst = append(dst, "  … "...)
		dst = append(appendCount(dst, more, "more option"), '\n')
	}
	if len(m.Payload) == 0 {
		return append(dst, "  no payload\n"...)
	}
	dst = append(dst, "  payload, "...)
	dst = append(appendCount(dst, len(m.Payload), "byte"), ":\n"...)
	return appendDumpPayload(dst, m.Payload)
}

func appendDumpPayload(dst, payload []byte) []byte {
	shown := cutText(payload, maxDumpText)
	if Printable(shown) {
		for line := range bytes.Lines(shown) {
			dst = append(dst, "    "...)
			dst = AppendPrintable(dst, bytes.TrimRight(line, "\r\n"))
			dst = append(dst, '\n')
		}
	} else {
		shown = payload[:min(len(payload), maxDumpHex)]
		dst = appendHexDump(dst, shown)
	}
	if more := len(payload) - len(shown); more > 0 {
		dst = append(dst, "    … "...)
		dst = append(appendCount(dst, more, "more byte"), '\n')
	}
	return dst
}

// appendHexDump appends 16 bytes a line: offset, hexadecimal, ASCII.
func appendHexDump(dst, b []byte) []byte {
	const width = 16
	for at := 0; at < len(b); at += width {
		dst = append(dst, "    "...)
		dst = appendHexDigits(dst, uint32(at), 4)
		dst = append(dst, ' ')
		row := b[at:min(len(b), at+width)]
		for i := range width {
			if i%8 == 0 {
				dst = append(dst, ' ')
			}
			if i < len(row) {
				dst = append(dst, lowerHex[row[i]>>4], lowerHex[row[i]&15], ' ')
			} else {
				dst = append(dst, "   "...)
			}
		}
		dst = append(dst, " |"...)
		for _, c := range row {
			if c < ' ' || c > '~' {
				c = '.'
			}
			dst = append(dst, c)
		}
		dst = append(dst, "|\n"...)
	}
	return dst
}
