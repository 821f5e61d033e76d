package payload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/coap2/coap2/rules"
)

// sampleMode checks that a payload is well-formed (RFC 8949 §5.1) before it is
// read: all lengths are then within it. Arrays and maps may be as long as the
// payload, as those of JSON.
var sampleMode = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		MaxNestedLevels:  maxDepth,
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return m
}()

// Major types (RFC 8949 §3.1).
const (
	cborUint = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// cborScanner reads well-formed CBOR in one pass, and sets what a rule looks
// at.
type cborScanner struct {
	d *Decoder
	s *rules.Sample
	b []byte
	i int
}

func (d *Decoder) cbor(b []byte, s *rules.Sample) error {
	if err := sampleMode.Wellformed(b); err != nil {
		return err
	}
	x := cborScanner{d: d, s: s, b: b}
	slots := d.value
	if x.structured() {
		slots = nil // value is a member, if anything
	}
	return x.value(d.root, slots)
}

// structured reports whether the item is an array or a map, tagged or not.
func (x *cborScanner) structured() bool {
	at := x.i
	defer func() { x.i = at }()
	for {
		switch major, _, tag := x.head(); {
		case major != cborTag:
			return major == cborArray || major == cborMap
		case tag == 4: // a number that is made of two
			_, ok := x.fraction()
			return !ok
		}
	}
}

// head reads the head of an item: its major type, its additional information
// and its argument.
func (x *cborScanner) head() (major int, info byte, arg uint64) {
	major, info = int(x.b[x.i]>>5), x.b[x.i]&31
	x.i++
	switch info {
	case 24:
		arg = uint64(x.b[x.i])
		x.i++
	case 25:
		arg = uint64(binary.BigEndian.Uint16(x.b[x.i:]))
		x.i += 2
	case 26:
		arg = uint64(binary.BigEndian.Uint32(x.b[x.i:]))
		x.i += 4
	case 27:
		arg = binary.BigEndian.Uint64(x.b[x.i:])
		x.i += 8
	default:
		arg = uint64(info)
	}
	return major, info, arg
}

const indefinite = 31

// value reads an item; m has what is looked for in it, slots what is the item
// itself.
func (x *cborScanner) value(m *member, slots []int) error {
	start := x.i
	major, info, arg := x.head()
	switch major {
	case cborUint, cborNegative:
		x.d.setNumber(slots, x.s, integer(major, arg))
	case cborBytes:
		x.d.setOther(slots, x.s)
		x.skipText(info, arg)
	case cborText:
		x.i = start
		text, err := x.text()
		if err == nil && len(slots) > 0 {
			if !utf8.Valid(text) {
				return errors.New("a text that is not UTF-8")
			}
			x.d.setText(slots, x.s, text)
		}
		return err
	case cborArray:
		x.d.setOther(slots, x.s)
		return x.elements(info, arg, func(i int) error {
			k := x.d.element(m, i)
			return x.value(k, k.slotsOf())
		})
	case cborMap:
		x.d.setOther(slots, x.s)
		return x.members(info, arg, func(name []byte) error {
			k, err := x.d.kid(m, name)
			if err != nil {
				return err
			}
			return x.value(k, k.slotsOf())
		})
	case cborTag:
		return x.tagged(arg, m, slots)
	default:
		x.simple(info, arg, slots)
	}
	return nil
}

func integer(major int, arg uint64) float64 {
	switch {
	case major != cborNegative:
		return float64(arg)
	case arg == math.MaxUint64:
		return -0x1p64
	}
	return -float64(arg + 1) // rounded once
}

func (x *cborScanner) simple(info byte, arg uint64, slots []int) {
	switch {
	case info == 20, info == 21:
		x.d.setBool(slots, x.s, info == 21)
	case info == 22, info == 23: // null and undefined are as if it were missing
	case info >= 25 && info <= 27:
		x.d.setNumber(slots, x.s, float(info, arg))
	default:
		x.d.setOther(slots, x.s)
	}
}

func float(info byte, arg uint64) float64 {
	switch info {
	case 25:
		return half(uint16(arg))
	case 26:
		return float64(math.Float32frombits(uint32(arg)))
	}
	return math.Float64frombits(arg)
}

// half reads a half-precision number (RFC 8949, appendix D).
func half(h uint16) float64 {
	exp, mantissa := int(h>>10&31), float64(h&1023)
	var x float64
	switch {
	case exp == 0:
		x = math.Ldexp(mantissa, -24)
	case exp != 31:
		x = math.Ldexp(mantissa+1024, exp-25)
	case mantissa == 0:
		x = math.Inf(1)
	default:
		x = math.NaN()
	}
	if h>>15 != 0 {
		return -x
	}
	return x
}

// skipText skips the content of a string, in pieces or not.
func (x *cborScanner) skipText(info byte, arg uint64) {
	if info != indefinite {
		x.i += int(arg)
		return
	}
	for x.b[x.i] != 0xFF {
		_, _, n := x.head()
		x.i += int(n)
	}
	x.i++
}

// text reads a string; it is valid until the next one is read.
func (x *cborScanner) text() ([]byte, error) {
	_, info, arg := x.head()
	start := x.i
	if info != indefinite {
		x.i += int(arg)
		return x.b[start:x.i], nil
	}
	out := x.d.scratch[:0]
	for x.b[x.i] != 0xFF {
		_, _, n := x.head()
		out = append(out, x.b[x.i:x.i+int(n)]...)
		x.i += int(n)
	}
	x.i++
	x.d.scratch = out
	return out, nil
}

// more reports whether an array or map goes on.
func (x *cborScanner) more(info byte, i int, arg uint64) bool {
	if info != indefinite {
		return uint64(i) < arg
	}
	if x.b[x.i] != 0xFF {
		return true
	}
	x.i++
	return false
}

func (x *cborScanner) elements(info byte, arg uint64, f func(i int) error) error {
	for i := 0; x.more(info, i, arg); i++ {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// members reads a map; f reads the value of each member. The name of a member
// that is an integer is its digits, that of any other nil.
func (x *cborScanner) members(info byte, arg uint64, f func(name []byte) error) error {
	for i := 0; x.more(info, i, arg); i++ {
		var name []byte
		digits := &x.d.digits
		switch major := int(x.b[x.i] >> 5); major {
		case cborText:
			text, err := x.text()
			if err != nil {
				return err
			}
			name = text
		case cborUint, cborNegative:
			_, _, n := x.head()
			if major == cborUint {
				name = strconv.AppendUint(digits[:0], n, 10)
			} else if n < math.MaxInt64 {
				name = strconv.AppendInt(digits[:0], -1-int64(n), 10)
			}
		default:
			if err := x.value(nil, nil); err != nil {
				return err
			}
		}
		if err := f(name); err != nil {
			return err
		}
	}
	return nil
}

// tagged reads what a tag is about: a number may be made of several items, all
// else is what is tagged.
func (x *cborScanner) tagged(tag uint64, m *member, slots []int) error {
	switch tag {
	case 2, 3: // bignums
		if v, ok := x.bignum(tag); ok {
			x.d.setNumber(slots, x.s, v)
			return nil
		}
	case 4:
		if f, ok := x.fraction(); ok {
			if len(slots) > 0 {
				x.d.setNumber(slots, x.s, f.number())
			}
			return nil
		}
	}
	return x.value(m, slots)
}

// bignum reads an integer of any length, in pieces or not. One that float64
// cannot hold is unknown.
func (x *cborScanner) bignum(tag uint64) (float64, bool) {
	if int(x.b[x.i]>>5) != cborBytes {
		return 0, false
	}
	digits, _ := x.text() // which reads bytes as well
	digits = bytes.TrimLeft(digits, "\x00")
	major := int(tag) - 2
	if len(digits) <= 8 {
		var n uint64
		for _, c := range digits {
			n = n<<8 | uint64(c)
		}
		return integer(major, n), true
	}
	if len(digits) > 128 {
		return math.NaN(), true
	}
	top, rest := binary.BigEndian.Uint64(digits), digits[8:]
	v := float64(top)
	switch full := len(bytes.TrimLeft(rest, "\xFF")) == 0; {
	case major == cborNegative && full: // −1 − n has nothing but zeros behind top + 1
		if v = 0x1p64; top < math.MaxUint64 {
			v = float64(top + 1)
		}
	case major == cborNegative || len(bytes.TrimLeft(rest, "\x00")) > 0:
		v = float64(top | 1) // there is more: top has bits enough that it rounds as the whole does
	}
	if v = math.Ldexp(v, 8*len(rest)); math.IsInf(v, 0) {
		return math.NaN(), true
	}
	if major == cborNegative {
		v = -v
	}
	return v, true
}

// decimal is the number mantissa · 10^exp of a decimal fraction (RFC 8949
// §3.4.4), which is not calculated before it is needed.
type decimal struct {
	mantissa, exp   uint64
	negative, below bool // the mantissa, the exponent: −1 − that
}

func (f decimal) number() float64 {
	var digits [64]byte
	b := digits[:0]
	if f.negative {
		b = append(b, '-')
		f.mantissa++
	}
	b = append(strconv.AppendUint(b, f.mantissa, 10), 'e')
	if f.below {
		b = append(b, '-')
		f.exp++
	}
	return parseNumber(strconv.AppendUint(b, f.exp, 10))
}

// fraction reads [exponent, mantissa] of integers.
func (x *cborScanner) fraction() (f decimal, ok bool) {
	start := x.i
	if major, _, n := x.head(); major == cborArray && n == 2 {
		if f.exp, f.below, ok = x.integer(); ok {
			f.exp = min(f.exp, 1<<16) // no mantissa makes up for that
			f.mantissa, f.negative, ok = x.integer()
		}
	}
	if ok = ok && !(f.negative && f.mantissa == math.MaxUint64); !ok {
		x.i = start
	}
	return f, ok
}

// integer reads an item that is an integer; false, and nothing is read, if it is
// none. (In a string what follows the head is no head.)
func (x *cborScanner) integer() (n uint64, negative, ok bool) {
	if int(x.b[x.i]>>5) > cborNegative {
		return 0, false, false
	}
	major, _, n := x.head()
	return n, major == cborNegative, true
}

func (x *cborScanner) fail(expected string) error {
	return fmt.Errorf("CBOR, byte %d: expected %s", x.i, expected)
}
