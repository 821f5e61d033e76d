package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Errors of Parse and Append. They are wrapped with what was found and where;
// compare with errors.Is.
var (
	// ErrTruncated: the bytes end inside a header, token or option.
	ErrTruncated = errors.New("codec: message is truncated")
	// ErrVersion: the version field is not 1. RFC 7252 §3: such messages are
	// ignored in silence.
	ErrVersion = errors.New("codec: unknown version")
	// ErrFormat: the message breaks a format rule of RFC 7252 §3: token length
	// 9 to 15, a reserved nibble, a payload marker without payload, an empty
	// message that carries more than its header.
	ErrFormat = errors.New("codec: message format error")
	// ErrTooManyOptions: more options than MaxOptions.
	ErrTooManyOptions = errors.New("codec: too many options")
	// ErrTooLong: an option value is longer than a message can say.
	ErrTooLong = errors.New("codec: option value is too long")
)

const (
	// Version is the protocol version in the first two bits of every message.
	Version = 1
	// HeaderLen is the length of the fixed header in bytes.
	HeaderLen = 4
	// MaxTokenLen is the longest token in bytes (RFC 7252 §3).
	MaxTokenLen = 8
	// MaxOptions bounds the options of one parsed message, so that a datagram
	// of one-byte options cannot cost more than it may.
	MaxOptions = 256
	// maxOptionLen is the longest value that an option header can express.
	maxOptionLen = 65535 + 269
)

// Message is one CoAP message (RFC 7252 §3). The zero value is a CON empty
// message with message ID 0: a ping.
//
// A Message that Parse has filled refers to the bytes it was parsed from, and
// is valid as long as they are.
type Message struct {
	Type      Type
	Code      Code
	MessageID uint16
	Token     Token
	// Options in order of their numbers; options of equal number keep their
	// order.
	Options Options
	// Payload is nil or empty if there is none.
	Payload []byte
}

// Token correlates a response with its request: 0 to 8 bytes. It is a value
// and can be a map key. The zero value is the empty token.
type Token struct {
	b [MaxTokenLen]byte
	n uint8
}

// MakeToken copies b, which has at most MaxTokenLen bytes, into a Token; more
// bytes are an error that wraps ErrFormat.
func MakeToken(b []byte) (Token, error) {
	if len(b) > MaxTokenLen {
		return Token{}, fmt.Errorf("%w: a token has at most %d bytes, not %d", ErrFormat, MaxTokenLen, len(b))
	}
	var t Token
	t.n = uint8(copy(t.b[:], b))
	return t, nil
}

// TokenFromUint64 makes a token of eight bytes, most significant first.
func TokenFromUint64(v uint64) Token {
	t := Token{n: 8}
	binary.BigEndian.PutUint64(t.b[:], v)
	return t
}

// Len returns the length in bytes, 0 to 8.
func (t Token) Len() int { return int(t.n) }

// Bytes returns a copy of the token's bytes.
func (t Token) Bytes() []byte { return slices.Clone(t.b[:t.n]) }

// AppendTo appends the token's bytes to dst.
func (t Token) AppendTo(dst []byte) []byte { return append(dst, t.b[:t.n]...) }

// String returns the token in hexadecimal; the empty token is "".
func (t Token) String() string { return fmt.Sprintf("%x", t.b[:t.n]) }

// Reset empties the message but keeps the capacity of its Options.
func (m *Message) Reset() { *m = Message{Options: m.Options[:0]} }

// Parse reads one message from b, which holds it whole (one datagram). Token
// aside, the message refers to b. The capacity of m.Options is used again, so
// a Message that is parsed into often allocates nothing.
//
// On an error the message holds what could be read: where len(b) >= 4 and the
// version is 1, Type, Code and MessageID are valid, so that the receiver can
// reject it (RFC 7252 §4.2, 4.3). Parse never panics.
func (m *Message) Parse(b []byte) error {
	m.Token = Token{}
	m.Options = m.Options[:0]
	m.Payload = nil
	if len(b) < HeaderLen {
		m.Type, m.Code, m.MessageID = 0, 0, 0
		return fmt.Errorf("%w: %d bytes, the header has %d", ErrTruncated, len(b), HeaderLen)
	}
	if b[0]>>6 != Version {
		m.Type, m.Code, m.MessageID = 0, 0, 0
		return fmt.Errorf("%w %d", ErrVersion, b[0]>>6)
	}
	m.Type = Type(b[0] >> 4 & 3)
	m.Code = Code(b[1])
	m.MessageID = uint16(b[2])<<8 | uint16(b[3])
	tkl := int(b[0] & 15)
	if tkl > MaxTokenLen {
		return fmt.Errorf("%w: token length %d is reserved", ErrFormat, tkl)
	}
	if m.Code == Empty && (tkl > 0 || len(b) > HeaderLen) {
		// RFC 7252 §4.1: an empty message has a token length of 0 and no
		// bytes after the message ID.
		return fmt.Errorf("%w: an empty message with token length %d and %d bytes after its header", ErrFormat, tkl, len(b)-HeaderLen)
	}
	if len(b) < HeaderLen+tkl {
		return fmt.Errorf("%w: token of %d bytes, %d left", ErrTruncated, tkl, len(b)-HeaderLen)
	}
	m.Token.n = uint8(copy(m.Token.b[:], b[HeaderLen:HeaderLen+tkl]))
	return m.parseOptions(b, HeaderLen+tkl)
}

func (m *Message) parseOptions(b []byte, i int) error {
	number := 0
	for i < len(b) {
		h := b[i]
		if h == 0xff {
			if i+1 == len(b) {
				return fmt.Errorf("%w: payload marker at byte %d without payload", ErrFormat, i)
			}
			m.Payload = b[i+1:]
			return nil
		}
		at := i
		i++
		delta, length := int(h>>4), int(h&15)
		if delta >= 13 || length >= 13 {
			var err error
			if delta, i, err = extended(b, i, delta); err == nil {
				length, i, err = extended(b, i, length)
			}
			if err != nil {
				return fmt.Errorf("%w in the option header at byte %d", err, at)
			}
		}
		number += delta
		if number > 65535 {
			return fmt.Errorf("%w: option number %d at byte %d", ErrFormat, number, at)
		}
		if length > len(b)-i {
			return fmt.Errorf("%w: option %d at byte %d has %d bytes, %d left", ErrTruncated, number, at, length, len(b)-i)
		}
		if len(m.Options) == MaxOptions {
			return fmt.Errorf("%w: more than %d", ErrTooManyOptions, MaxOptions)
		}
		m.Options = append(m.Options, Option{Number: OptionNumber(number), Value: b[i : i+length : i+length]})
		i += length
	}
	return nil
}

// extended reads the extended form of an option nibble (RFC 7252 §3.1) at
// b[i:].
func extended(b []byte, i, nibble int) (value, next int, err error) {
	switch nibble {
	default:
		return nibble, i, nil
	case 13:
		if i >= len(b) {
			return 0, i, ErrTruncated
		}
		return int(b[i]) + 13, i + 1, nil
	case 14:
		if i+2 > len(b) {
			return 0, i, ErrTruncated
		}
		return int(b[i])<<8 + int(b[i+1]) + 269, i + 2, nil
	case 15:
		return 0, i, fmt.Errorf("%w: reserved nibble 15", ErrFormat)
	}
}

// Append appends the encoded message to dst and returns the longer slice. It
// allocates only where dst is too short. Options that are out of order are
// sorted first, in place and stably. An error (a value that is too long, an
// empty message with more than its header) leaves dst as it was.
func (m *Message) Append(dst []byte) ([]byte, error) {
	if m.Code == Empty && (m.Token.n > 0 || len(m.Options) > 0 || len(m.Payload) > 0) {
		return dst, fmt.Errorf("%w: an empty message has no token, options or payload", ErrFormat)
	}
	m.Options.sort()
	start := len(dst)
	dst = append(dst, Version<<6|byte(m.Type&3)<<4|m.Token.n, byte(m.Code), byte(m.MessageID>>8), byte(m.MessageID))
	dst = append(dst, m.Token.b[:m.Token.n]...)
	prev := OptionNumber(0)
	for i := range m.Options {
		o := &m.Options[i]
		if len(o.Value) > maxOptionLen {
			return dst[:start], fmt.Errorf("%w: option %d has %d bytes, at most %d", ErrTooLong, o.Number, len(o.Value), maxOptionLen)
		}
		dst = appendOptionHeader(dst, int(o.Number-prev), len(o.Value))
		dst = append(dst, o.Value...)
		prev = o.Number
	}
	if len(m.Payload) > 0 {
		dst = append(dst, 0xff)
		dst = append(dst, m.Payload...)
	}
	return dst, nil
}

func appendOptionHeader(dst []byte, delta, length int) []byte {
	if delta < 13 && length < 13 {
		return append(dst, byte(delta<<4|length))
	}
	at := len(dst)
	dst = append(dst, 0)
	var hi, lo byte
	hi, dst = appendExtended(dst, delta)
	lo, dst = appendExtended(dst, length)
	dst[at] = hi<<4 | lo
	return dst
}

func appendExtended(dst []byte, v int) (nibble byte, _ []byte) {
	switch {
	case v < 13:
		return byte(v), dst
	case v < 269:
		return 13, append(dst, byte(v-13))
	default:
		v -= 269
		return 14, append(dst, byte(v>>8), byte(v))
	}
}

// Clone returns a copy of the message that shares no bytes with it.
func (m *Message) Clone() *Message {
	c := *m
	c.Options = m.Options.Clone()
	c.Payload = slices.Clone(m.Payload)
	return &c
}

// EncodedLen returns the length in bytes that Append will write. It sorts
// options that are out of order, as Append does.
func (m *Message) EncodedLen() int {
	m.Options.sort()
	n := HeaderLen + int(m.Token.n)
	prev := OptionNumber(0)
	for i := range m.Options {
		o := &m.Options[i]
		n += 1 + extendedLen(int(o.Number-prev)) + extendedLen(len(o.Value)) + len(o.Value)
		prev = o.Number
	}
	if len(m.Payload) > 0 {
		n += 1 + len(m.Payload)
	}
	return n
}

func extendedLen(v int) int {
	switch {
	case v < 13:
		return 0
	case v < 269:
		return 1
	default:
		return 2
	}
}
