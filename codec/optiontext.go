package codec

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxShownValue bounds how much of an option value is shown on one line.
const maxShownValue = 64

// String returns name and value on one line, such as "Uri-Path:hello",
// "Accept:50(application/json)", "Block2:2/1/128", "ETag:0x0a0b",
// "If-None-Match". Long values are cut, and nothing in it can harm a terminal.
func (o Option) String() string { return string(o.appendText(nil)) }

func (o *Option) appendText(dst []byte) []byte {
	dst = o.appendName(dst)
	if len(o.Value) == 0 {
		if d := o.Number.def(); d != nil && d.ValueKind == KindEmpty {
			return dst
		}
	}
	dst = append(dst, ':')
	return o.appendValue(dst, maxShownValue)
}

func (o *Option) appendName(dst []byte) []byte {
	if d := o.Number.def(); d != nil {
		return append(dst, d.Name...)
	}
	return strconv.AppendUint(append(dst, "Option "...), uint64(o.Number), 10)
}

// appendValue appends the value in the form that its kind has, in hexadecimal if
// it cannot have that kind, at most max bytes of it.
func (o *Option) appendValue(dst []byte, max int) []byte {
	kind := KindOpaque
	if d := o.Number.def(); d != nil {
		kind = d.ValueKind
	}
	v, isUint := ParseUint(o.Value)
	switch {
	case kind == KindString:
		return appendWord(dst, o.Value, max)
	case kind == KindAny && len(o.Value) > 0 && Printable(o.Value):
		// Text that looks like hexadecimal would be taken for it.
		if _, hex := cutHexPrefix(string(o.Value)); !hex {
			return appendWord(dst, o.Value, max)
		}
	case kind == KindUint && isUint:
		return strconv.AppendUint(dst, v, 10)
	case kind == KindFormat && isUint:
		dst = strconv.AppendUint(dst, v, 10)
		if v <= 65535 && Format(v).def() != nil {
			dst = append(dst, '(')
			dst = append(dst, Format(v).String()...)
			dst = append(dst, ')')
		}
		return dst
	case kind == KindBlock:
		if b, err := ParseBlock(o.Value); err == nil {
			return append(dst, b.String()...)
		}
	}
	return appendHex(append(dst, "0x"...), o.Value, max)
}

// ParseOption makes an option from text, as a person writes it: name is the name
// of an option or a number (see ParseOptionNumber), and value is, by the kind of
// the option,
//
//	uint      a decimal number
//	format    a content format (see ParseFormat)
//	block     number/more/size, "2/1/128", or a decimal number
//	string    the text itself
//	opaque    0x and hexadecimal digits, or the text itself
//	empty     nothing
//
// Options that are not in the registry are opaque. A value of a length that the
// option cannot have is an error.
func ParseOption(name, value string) (Option, error) {
	n, err := ParseOptionNumber(name)
	if err != nil {
		return Option{}, err
	}
	def, _ := n.Def()
	o := Option{Number: n}
	switch def.ValueKind {
	case KindEmpty:
		if value != "" {
			return Option{}, fmt.Errorf("codec: option %s has no value; %s is too much", n, quoteShort(value))
		}
		return o, nil
	case KindString:
		if !utf8.ValidString(value) {
			return Option{}, fmt.Errorf("codec: option %s is text in UTF-8, %s is not", n, quoteShort(value))
		}
		o.Value = []byte(value)
	case KindUint:
		o.Value, err = parseUintValue(&def, value)
	case KindFormat:
		var f Format
		if f, err = ParseFormat(value); err != nil {
			return Option{}, fmt.Errorf("codec: option %s: %w", n, err)
		}
		o.Value = AppendUint(nil, uint64(f))
	case KindBlock:
		o.Value, err = parseBlockValue(&def, value)
	default:
		o.Value = []byte(value)
		if digits, ok := cutHexPrefix(value); ok {
			if o.Value, err = hex.DecodeString(digits); err != nil {
				return Option{}, fmt.Errorf("codec: option %s: %s: 0x is followed by pairs of hexadecimal digits", n, quoteShort(value))
			}
		}
	}
	if err != nil {
		return Option{}, err
	}
	if len(o.Value) < def.MinLen || len(o.Value) > def.MaxLen {
		if def.MinLen == def.MaxLen {
			return Option{}, fmt.Errorf("codec: option %s has %d bytes, not %d", n, def.MaxLen, len(o.Value))
		}
		return Option{}, fmt.Errorf("codec: option %s has %d to %d bytes, not %d", n, def.MinLen, def.MaxLen, len(o.Value))
	}
	return o, nil
}

func cutHexPrefix(s string) (digits string, ok bool) {
	if digits, ok = strings.CutPrefix(s, "0x"); ok {
		return digits, true
	}
	return strings.CutPrefix(s, "0X")
}

func parseUintValue(def *OptionDef, value string) ([]byte, error) {
	// The shortest form has no bytes for 0, so that an option of at least one
	// byte begins with 1.
	least, most := uint64(0), uint64(1)<<(8*def.MaxLen)-1
	if def.MinLen > 0 {
		least = 1
	}
	v, err := strconv.ParseUint(value, 10, 64)
	if err != nil || v < least || v > most {
		return nil, fmt.Errorf("codec: option %s is a number from %d to %d, not %s", def.Name, least, most, quoteShort(value))
	}
	return AppendUint(nil, v), nil
}

func parseBlockValue(def *OptionDef, value string) ([]byte, error) {
	if !strings.Contains(value, "/") {
		b, err := parseUintValue(def, value)
		if err == nil {
			_, err = ParseBlock(b)
		}
		return b, err
	}
	parts := strings.Split(value, "/")
	if len(parts) == 3 && (parts[1] == "0" || parts[1] == "1") {
		num, err := strconv.ParseUint(parts[0], 10, 32)
		size, err2 := strconv.ParseUint(parts[2], 10, 16)
		for szx := uint8(0); szx <= MaxSZX && err == nil && err2 == nil && num <= MaxBlockNum; szx++ {
			if b := (Block{Num: uint32(num), More: parts[1] == "1", SZX: szx}); b.Size() == int(size) {
				return b.Append(nil), nil
			}
		}
	}
	return nil, fmt.Errorf("codec: option %s is number/more/size, such as 2/1/128: a number up to %d, more 0 or 1, a size of 16, 32, 64, 128, 256, 512 or 1024; not %s",
		def.Name, MaxBlockNum, quoteShort(value))
}
