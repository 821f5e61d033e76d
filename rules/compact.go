package rules

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// The compact form is the byte 0x01 and then the expression in postfix order
// (operands before their operator), and then each control behind its duration.
// An expression that is just true is left out.
//
//	01       value
//	02 03    delta, age
//	04 05    false, true
//	06 07    the field that follows is of the sample before, of the last one selected
//	08 n…    field, by its JSON Pointer or the name of its record: length and bytes
//	09 n…    string: length and bytes
//	0A b     integer −(b+1)
//	0B m e   number m·10^e: m a zigzag varint, e one signed byte
//	0C …     number, 4 bytes of float32, big-endian
//	0D …     number, 8 bytes of float64, big-endian
//	0E …     integer, 2 bytes, big-endian, two's complement
//	10–14    the number before is a duration in ms, s, m, h, d
//	18–1C    the duration before is pmin, pmax, epmin, epmax; con
//	20–29    neg add sub mul div, eq ne lt le gt; 2A ge
//	2B n     in: the n elements and what is looked for are before
//	2C       in a range
//	2D–2F    and, or (of two; in a row they become one), not
//	30–37    has abs changed rising falling crosses hyst prefix
//	40–5F    field with a dotted name of 1 to 32 bytes, which follow
//	60–7F    string of 0 to 31 bytes, which follow
//	80–FF    integer 0 to 127
//
// Lengths are varints. A number is written in the shortest of its forms, any of
// them is read.
const (
	compactVersion = 0x01

	codeValue    = 0x01
	codeDelta    = 0x02
	codeAge      = 0x03
	codeFalse    = 0x04
	codeTrue     = 0x05
	codePrev     = 0x06
	codeLast     = 0x07
	codeField    = 0x08
	codeString   = 0x09
	codeNegative = 0x0A
	codeDecimal  = 0x0B
	codeFloat32  = 0x0C
	codeFloat64  = 0x0D
	codeInt16    = 0x0E
	codeUnit     = 0x10 // one for each unit
	codeControl  = 0x18 // one for each control
	codeOp       = 0x20 // one for each operator, from opNeg
	codeIn       = codeOp + byte(opIn-opNeg)
	codeLastOp   = codeOp + byte(opPrefix-opNeg)
	codeName     = 0x40
	codeText     = 0x60
	codeInteger  = 0x80
)

// Compact is the compact form of the rule, which is the same for all its
// spellings. ParseCompact(r.Compact()) is r.
func (r *Rule) Compact() []byte {
	b := []byte{compactVersion}
	if !r.expr.isTrue() {
		b = appendCompact(b, r.expr)
	}
	for i, name := range controlNames {
		if d := r.controls.period(name); d != nil && *d > 0 {
			b = append(appendCompactDuration(b, inMS(*d)), codeControl+byte(i))
		}
	}
	if r.controls.Con {
		b = append(b, codeControl+byte(len(controlNames)-1))
	}
	return b
}

func appendCompact(b []byte, n *node) []byte {
	switch n.op {
	case opNumber:
		return appendCompactNumber(b, n.num)
	case opDuration:
		return appendCompactDuration(b, n.num)
	case opString:
		return appendCompactString(b, n.str)
	case opBool:
		return append(b, codeFalse+byte(n.num))
	case opField:
		return appendCompactField(b, n)
	case opDelta:
		return append(b, codeDelta)
	case opAge:
		return append(b, codeAge)
	case opAnd, opOr:
		b = appendCompact(b, n.kids[0])
		for _, k := range n.kids[1:] {
			b = append(appendCompact(b, k), codeOp+byte(n.op-opNeg))
		}
		return b
	}
	for _, k := range n.kids {
		b = appendCompact(b, k)
	}
	b = append(b, codeOp+byte(n.op-opNeg))
	if n.op == opIn {
		b = append(b, byte(len(n.kids)-1))
	}
	return b
}

func appendCompactField(b []byte, n *node) []byte {
	switch n.when {
	case prev:
		b = append(b, codePrev)
	case last:
		b = append(b, codeLast)
	}
	if n.field.kind == BareValue {
		return append(b, codeValue)
	}
	if path, ok := n.field.dotted(); ok && len(path) <= 32 {
		return append(append(b, codeName+byte(len(path)-1)), path...)
	}
	return appendCompactBytes(append(b, codeField), n.field.name)
}

func appendCompactString(b []byte, s string) []byte {
	if len(s) < 32 {
		return append(append(b, codeText+byte(len(s))), s...)
	}
	return appendCompactBytes(append(b, codeString), s)
}

func appendCompactBytes(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendCompactNumber writes the shortest form that is exact.
func appendCompactNumber(b []byte, x float64) []byte {
	if x == math.Trunc(x) && x >= -256 && x < 128 {
		if x < 0 {
			return append(b, codeNegative, byte(-x-1))
		}
		return append(b, codeInteger+byte(x))
	}
	if x == math.Trunc(x) && x >= -1<<15 && x < 1<<15 {
		return binary.BigEndian.AppendUint16(append(b, codeInt16), uint16(int16(x)))
	}
	short := 9
	best := binary.BigEndian.AppendUint64([]byte{codeFloat64}, math.Float64bits(x))
	if f := float32(x); float64(f) == x {
		short = 5
		best = binary.BigEndian.AppendUint32([]byte{codeFloat32}, math.Float32bits(f))
	}
	if d, ok := decimal(x); ok && len(d) <= short {
		best = d
	}
	return append(b, best...)
}

// decimal writes x as an integer times a power of ten, if its shortest text
// allows that.
func decimal(x float64) ([]byte, bool) {
	text := strconv.FormatFloat(x, 'e', -1, 64) // d.ddde±dd
	mantissa, exp, _ := strings.Cut(text, "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	m, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return nil, false
	}
	e, err := strconv.Atoi(exp)
	e -= len(fraction)
	for ; e > 127 && m == m*10/10; e-- { // 1e128 is 10·10^127
		m *= 10
	}
	if err != nil || e < -128 || e > 127 {
		return nil, false
	}
	return append(binary.AppendVarint([]byte{codeDecimal}, m), byte(int8(e))), true
}

func appendCompactDuration(b []byte, ms float64) []byte {
	i := len(units) - 1
	for ; i > 0; i-- {
		if ms != 0 && math.Abs(ms) < 1<<53 && math.Mod(ms, float64(units[i].ms)) == 0 {
			break
		}
	}
	return append(appendCompactNumber(b, ms/float64(units[i].ms)), codeUnit+byte(i))
}
