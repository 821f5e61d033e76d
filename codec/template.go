package codec

import "slices"

// Template is an encoded message of which type, message ID and token are still
// to be said: what goes to many peers and differs in nothing else, such as the
// notifications of one state of a resource (RFC 7641 §4.2), is encoded once and
// each copy patched. The zero value is the template of nothing; Append then
// writes an empty message's header.
type Template struct {
	code Code
	rest []byte // options and payload
}

// MakeTemplate encodes everything of m but its type, message ID and token. The
// template shares no bytes with m. Errors are those of Message.Append.
func MakeTemplate(m *Message) (Template, error) {
	var t Template
	err := t.Set(m)
	return t, err
}

// Set makes t the template of m, as MakeTemplate does, and uses the memory of
// t again. After an error t is the template of nothing.
func (t *Template) Set(m *Message) error {
	bare := *m
	bare.Token = Token{}
	t.code = Empty
	if t.rest == nil { // most that are made are short, and never grow
		n := HeaderLen + 1 + len(m.Payload)
		for i := range m.Options {
			n += 2 + len(m.Options[i].Value)
		}
		t.rest = make([]byte, 0, n)
	}
	b, err := bare.Append(t.rest[:0])
	if err != nil {
		t.rest = t.rest[:0]
		return err
	}
	t.code = m.Code
	// The header goes: it is written for each copy.
	t.rest = b[:copy(b, b[HeaderLen:])]
	return nil
}

// Append appends a copy of the message, with what the template leaves open, to
// dst and returns the longer slice. It allocates only where dst is too short.
func (t *Template) Append(dst []byte, typ Type, messageID uint16, token Token) []byte {
	dst = slices.Grow(dst, t.Len(token))
	dst = append(dst, Version<<6|byte(typ&3)<<4|token.n, byte(t.code), byte(messageID>>8), byte(messageID))
	dst = append(dst, token.b[:token.n]...)
	return append(dst, t.rest...)
}

// Code returns the code of the message.
func (t *Template) Code() Code { return t.code }

// Len returns the length in bytes of a copy with that token.
func (t *Template) Len(token Token) int { return HeaderLen + int(token.n) + len(t.rest) }

// Patch gives an encoded message another type and message ID in place, as a
// message that is sent again as a new one needs. b must be a message that
// Append has written; one that is shorter than a header is left alone.
func Patch(b []byte, typ Type, messageID uint16) {
	if len(b) < HeaderLen {
		return
	}
	b[0] = b[0]&^0x30 | byte(typ&3)<<4
	b[2], b[3] = byte(messageID>>8), byte(messageID)
}
