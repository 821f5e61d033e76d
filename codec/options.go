package codec

import (
	"bytes"
	"iter"
	"slices"
	"strings"
)

// OptionNumber is the number of an option. Its low bits say how a node that
// does not know it treats it (RFC 7252 §5.4).
type OptionNumber uint16

// Option is one option instance. Which form its Value has (opaque, uint,
// string, empty) is said by the registry: see OptionNumber.Def.
type Option struct {
	Number OptionNumber
	Value  []byte
}

// Options is a list of options in order of their numbers. Options of equal
// number keep the order in which they were added. The zero value is ready to
// use.
type Options []Option

// sort puts the options in order; a list that is in order costs one pass.
func (o Options) sort() {
	for i := 1; i < len(o); i++ {
		if o[i].Number < o[i-1].Number {
			slices.SortStableFunc(o, func(a, b Option) int { return int(a.Number) - int(b.Number) })
			return
		}
	}
}

// Add returns the list with opts put in their places, after those of the same
// number.
func (o Options) Add(opts ...Option) Options {
	for _, opt := range opts {
		i := len(o)
		for i > 0 && o[i-1].Number > opt.Number {
			i--
		}
		o = slices.Insert(o, i, opt)
	}
	return o
}

// Set returns the list with opt as the only option of its number.
func (o Options) Set(opt Option) Options { return o.Remove(opt.Number).Add(opt) }

// Remove returns the list without the options of number n.
func (o Options) Remove(n OptionNumber) Options {
	return slices.DeleteFunc(o, func(opt Option) bool { return opt.Number == n })
}

// Get returns the value of the first option of number n, and whether there is
// one.
func (o Options) Get(n OptionNumber) ([]byte, bool) {
	for i := range o {
		if o[i].Number == n {
			return o[i].Value, true
		}
		if o[i].Number > n {
			break
		}
	}
	return nil, false
}

// Has reports whether there is an option of number n.
func (o Options) Has(n OptionNumber) bool {
	_, ok := o.Get(n)
	return ok
}

// Values ranges over the values of all options of number n, in order.
func (o Options) Values(n OptionNumber) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range o {
			if o[i].Number == n && !yield(o[i].Value) {
				return
			}
		}
	}
}

// Uint returns the value of the first option of number n as an unsigned
// integer (RFC 7252 §3.2); ok is false if there is none or if it is longer than
// eight bytes.
func (o Options) Uint(n OptionNumber) (v uint64, ok bool) {
	b, ok := o.Get(n)
	if !ok {
		return 0, false
	}
	return ParseUint(b)
}

// ContentFormat returns the Content-Format option; ok is false without one.
func (o Options) ContentFormat() (Format, bool) {
	v, ok := o.Uint(OptionContentFormat)
	if !ok || v > 65535 {
		return 0, false
	}
	return Format(v), true
}

// Accept returns the Accept option; ok is false without one.
func (o Options) Accept() (Format, bool) {
	v, ok := o.Uint(OptionAccept)
	if !ok || v > 65535 {
		return 0, false
	}
	return Format(v), true
}

// Path returns the Uri-Path options joined by "/", with a leading "/". Segments
// are as they are on the wire, neither percent-encoded nor checked: a segment
// may hold a "/". Without Uri-Path options it returns "/".
func (o Options) Path() string { return o.join(OptionURIPath) }

// LocationPath returns the Location-Path options as Path returns Uri-Path.
func (o Options) LocationPath() string { return o.join(OptionLocationPath) }

func (o Options) join(n OptionNumber) string {
	var sb strings.Builder
	for v := range o.Values(n) {
		sb.WriteByte('/')
		sb.Write(v)
	}
	if sb.Len() == 0 {
		return "/"
	}
	return sb.String()
}

// Queries returns the values of the Uri-Query options, as on the wire.
func (o Options) Queries() []string { return o.strings(OptionURIQuery) }

func (o Options) strings(n OptionNumber) []string {
	var s []string
	for v := range o.Values(n) {
		s = append(s, string(v))
	}
	return s
}

// Query returns what follows "key=" in the first Uri-Query option that begins
// so, and whether there is one; an option that is the bare key gives "".
func (o Options) Query(key string) (string, bool) {
	for v := range o.Values(OptionURIQuery) {
		if k, val, ok := bytes.Cut(v, []byte{'='}); string(k) == key {
			if !ok {
				return "", true
			}
			return string(val), true
		}
	}
	return "", false
}

// Clone returns a copy that shares no bytes with o.
func (o Options) Clone() Options {
	if o == nil {
		return nil
	}
	n := 0
	for i := range o {
		n += len(o[i].Value)
	}
	buf := make([]byte, 0, n)
	c := make(Options, len(o))
	for i := range o {
		at := len(buf)
		buf = append(buf, o[i].Value...)
		c[i] = Option{Number: o[i].Number, Value: buf[at:len(buf):len(buf)]}
	}
	return c
}

// AppendUint appends v in the shortest form (RFC 7252 §3.2): no bytes for 0.
func AppendUint(dst []byte, v uint64) []byte {
	for shift := 56; shift >= 0; shift -= 8 {
		if v>>shift != 0 {
			dst = append(dst, byte(v>>shift))
		}
	}
	return dst
}

// ParseUint reads an unsigned integer of 0 to 8 bytes; leading zero bytes are
// allowed (RFC 7252 §3.2). Longer values give ok = false.
func ParseUint(b []byte) (v uint64, ok bool) {
	if len(b) > 8 {
		return 0, false
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, true
}

// UintOption makes an option whose value is v in its shortest form.
func UintOption(n OptionNumber, v uint64) Option {
	return Option{Number: n, Value: AppendUint(nil, v)}
}

// StringOption makes an option whose value is s.
func StringOption(n OptionNumber, s string) Option {
	return Option{Number: n, Value: []byte(s)}
}
