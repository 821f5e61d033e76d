package page

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/coap2/coap2/codec"
)

// datagram is what was sent, once however often, and what each byte of it means.
type datagram struct {
	Data    string `json:"d"` // base64
	Summary int    `json:"s"`
	// Fields are triples: how many bytes, the word for what they are, and the one
	// for what they say. They cover Data from its beginning.
	Fields []int `json:"f"`
}

// decode says what each byte of a datagram means.
func decode(data []byte, w *words) datagram {
	g := datagram{Data: base64.StdEncoding.EncodeToString(data)}
	field := func(n int, name, value string) {
		if n > 0 {
			g.Fields = append(g.Fields, n, w.of(name), w.of(value))
		}
	}
	var m codec.Message
	if err := m.Parse(data); err != nil {
		g.Summary = w.of("no CoAP")
		field(len(data), "no CoAP", strings.TrimPrefix(err.Error(), "codec: "))
		return g
	}
	g.Summary = w.of(summary(&m))
	field(1, "Version, type, token length", fmt.Sprintf("1, %v, %d", m.Type, m.Token.Len()))
	field(1, "Code", codeText(m.Code))
	field(2, "Message ID", fmt.Sprintf("0x%04x", m.MessageID))
	field(m.Token.Len(), "Token", m.Token.String())
	before := codec.OptionNumber(0)
	used := codec.HeaderLen + m.Token.Len()
	for i := range m.Options {
		o := &m.Options[i]
		n := 1 + extended(int(o.Number-before)) + extended(len(o.Value)) + len(o.Value)
		before = o.Number
		name, value, _ := strings.Cut(o.String(), ":")
		field(n, "Option "+name, value)
		used += n
	}
	if len(m.Payload) > 0 {
		field(len(data)-used-len(m.Payload), "Payload marker", "0xff")
		field(len(m.Payload), "Payload", payloadText(m.Payload))
	}
	return g
}

// extended returns how many bytes follow the nibble of an option's delta or length
// (RFC 7252 §3.1).
func extended(v int) int {
	switch {
	case v < 13:
		return 0
	case v < 269:
		return 1
	}
	return 2
}

// maxPayloadText is how much of a payload is shown as text; all of it is there as
// bytes.
const maxPayloadText = 200

func payloadText(b []byte) string {
	more := ""
	if len(b) > maxPayloadText {
		b, more = b[:maxPayloadText], "…"
	}
	return string(codec.AppendPrintable(nil, b)) + more
}

func codeText(c codec.Code) string {
	if c.IsRequest() && c.Name() != "" {
		return c.Name()
	}
	return c.String()
}

// summary is what stands at an arrow.
func summary(m *codec.Message) string {
	s := m.Type.String() + " " + codeText(m.Code)
	if m.Code.IsRequest() {
		s += " " + string(codec.AppendPrintable(nil, []byte(m.Options.Path())))
		for _, q := range m.Options.Queries() {
			s += " ?" + string(codec.AppendPrintable(nil, []byte(q)))
		}
	}
	if n := len(m.Payload); n > 0 {
		s += fmt.Sprintf(" (%d bytes)", n)
	}
	return s
}
