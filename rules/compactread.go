package rules

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

type compactReader struct {
	b     []byte
	pos   int
	nodes int
	stack []*node
	when  when
	c     Controls
	seen  [5]bool
	fixed bool // a control has come: the expression is over
}

func (r *compactReader) fail(pos int, expected, found string) *SyntaxError {
	return &SyntaxError{Pos: pos, End: r.pos, Expected: expected, Found: found, compact: true}
}

func (r *compactReader) limit(pos int, expected, found string) *SyntaxError {
	err := r.fail(pos, expected, found)
	err.limit = true
	return err
}

// readCompact parses the compact form; a nil node is no expression.
func readCompact(b []byte) (*node, Controls, error) {
	r := &compactReader{b: b}
	if len(b) > MaxBytes {
		return nil, r.c, r.limit(MaxBytes, fmt.Sprintf("at most %d bytes", MaxBytes), fmt.Sprint(len(b)))
	}
	if len(b) == 0 || b[0] != compactVersion {
		return nil, r.c, r.fail(0, "0x01, with which the compact form begins", r.byteAt(0))
	}
	r.pos = 1
	for r.pos < len(b) {
		if err := r.step(); err != nil {
			return nil, r.c, err
		}
	}
	switch {
	case r.when != now:
		return nil, r.c, r.fail(r.pos, "a field", "the end")
	case len(r.stack) > 1:
		return nil, r.c, r.fail(r.pos, "an operator", "the end")
	case r.nodes > MaxNodes:
		return nil, r.c, r.tooMany(r.pos)
	}
	if which, expected, found := r.c.conflict(); which != "" {
		return nil, r.c, r.fail(r.pos, expected, found)
	}
	if len(r.stack) == 0 {
		return nil, r.c, nil
	}
	return r.stack[0], r.c, nil
}

func (r *compactReader) byteAt(pos int) string {
	if pos >= len(r.b) {
		return "the end"
	}
	return fmt.Sprintf("0x%02x", r.b[pos])
}

func (r *compactReader) tooMany(pos int) error {
	return r.limit(pos, fmt.Sprintf("at most %d nodes", MaxNodes), "more")
}

func (r *compactReader) push(start int, n *node) error {
	// One more may be the duration of a control, which is no node.
	if r.nodes++; r.nodes > MaxNodes+1 {
		return r.tooMany(start)
	}
	n.pos, n.end = start, r.pos
	r.stack = append(r.stack, n)
	return nil
}

func (r *compactReader) step() error {
	start := r.pos
	code := r.b[start]
	r.pos++
	if r.when != now && !(code == codeValue || code == codeField || code >= codeName && code < codeText) {
		return r.fail(start, "a field", r.byteAt(start))
	}
	if r.fixed && !(code >= codeNegative && code < codeOp || code >= codeInteger) {
		return r.fail(start, "a control", r.byteAt(start))
	}
	switch {
	case code >= codeInteger:
		return r.push(start, &node{op: opNumber, num: float64(code - codeInteger)})
	case code >= codeText:
		return r.text(start, int(code-codeText), func(s string) (*node, string) { return &node{op: opString, str: s}, "" })
	case code >= codeName:
		return r.text(start, int(code-codeName)+1, func(s string) (*node, string) {
			f := fieldOfPath(s)
			if path, ok := f.dotted(); !ok || path != s {
				return nil, "a dotted name"
			}
			return r.field(f), ""
		})
	case code >= codeOp && code <= codeLastOp:
		return r.operator(start, opNeg+op(code-codeOp))
	case code >= codeControl && code < codeControl+byte(len(controlNames)):
		return r.control(start, int(code-codeControl))
	case code >= codeUnit && code < codeUnit+byte(len(units)):
		if len(r.stack) == 0 || r.top().op != opNumber {
			return r.fail(start, "a number before the unit", r.byteAt(start))
		}
		ms := milliseconds(numberText(r.top().num), r.top().num, units[code-codeUnit].ms)
		if math.IsInf(ms, 0) {
			return r.fail(start, "a duration that float64 can hold", "a larger one")
		}
		*r.top() = node{op: opDuration, num: ms, pos: r.top().pos, end: r.pos}
		return nil
	}
	switch code {
	case codeValue:
		return r.push(start, r.field(Field{}))
	case codeDelta:
		return r.push(start, &node{op: opDelta})
	case codeAge:
		return r.push(start, &node{op: opAge})
	case codeFalse, codeTrue:
		return r.push(start, &node{op: opBool, num: float64(code - codeFalse)})
	case codePrev:
		r.when = prev
		return nil
	case codeLast:
		r.when = last
		return nil
	case codeField, codeString:
		length, ok := r.varint()
		if !ok || length > MaxBytes {
			return r.fail(start, "a length", "none")
		}
		return r.text(start, int(length), func(s string) (*node, string) {
			if code == codeString {
				return &node{op: opString, str: s}, ""
			}
			f := NewField(s)
			if s == "" || f.kind == Pointer && validPointer(s) >= 0 {
				return nil, "a JSON Pointer or the name of a record"
			}
			return r.field(f), ""
		})
	case codeNegative, codeDecimal, codeFloat32, codeFloat64, codeInt16:
		x, ok := r.number(code)
		if !ok {
			return r.fail(start, "a number", "something else, or the end")
		}
		return r.push(start, &node{op: opNumber, num: x + 0})
	}
	return r.fail(start, "a code of the compact form", r.byteAt(start))
}

func (r *compactReader) top() *node { return r.stack[len(r.stack)-1] }

func (r *compactReader) field(f Field) *node {
	n := &node{op: opField, field: f, when: r.when}
	r.when = now
	return n
}

// text reads so many bytes and pushes what they make.
func (r *compactReader) text(start, length int, make func(string) (*node, string)) error {
	if length > len(r.b)-r.pos {
		return r.fail(start, fmt.Sprintf("%d bytes of text", length), fmt.Sprint(len(r.b)-r.pos))
	}
	s := string(r.b[r.pos : r.pos+length])
	r.pos += length
	if !utf8.ValidString(s) {
		return r.fail(start, "UTF-8", "other bytes")
	}
	n, wrong := make(s)
	if wrong != "" {
		return r.fail(start, wrong, shown(s))
	}
	return r.push(start, n)
}

func (r *compactReader) varint() (uint64, bool) {
	x, n := binary.Uvarint(r.b[r.pos:])
	r.pos += max(n, 0)
	return x, n > 0
}

func (r *compactReader) number(code byte) (float64, bool) {
	rest := r.b[r.pos:]
	x := math.NaN()
	switch {
	case code == codeNegative && len(rest) >= 1:
		r.pos++
		return -float64(rest[0]) - 1, true
	case code == codeDecimal:
		m, n := binary.Varint(rest)
		if n <= 0 || n >= len(rest) {
			return 0, false
		}
		r.pos += n + 1
		x, _ = strconv.ParseFloat(fmt.Sprintf("%de%d", m, int8(rest[n])), 64)
	case code == codeInt16 && len(rest) >= 2:
		r.pos += 2
		x = float64(int16(binary.BigEndian.Uint16(rest)))
	case code == codeFloat32 && len(rest) >= 4:
		r.pos += 4
		x = float64(math.Float32frombits(binary.BigEndian.Uint32(rest)))
	case code == codeFloat64 && len(rest) >= 8:
		r.pos += 8
		x = math.Float64frombits(binary.BigEndian.Uint64(rest))
	}
	return x, !math.IsNaN(x) && !math.IsInf(x, 0)
}

// operator takes its operands from the stack.
func (r *compactReader) operator(start int, o op) error {
	operands := 2
	switch o {
	case opNeg, opNot:
		operands = 1
	case opRange:
		operands = 3
	case opIn:
		if r.pos == len(r.b) || r.b[r.pos] == 0 {
			return r.fail(start, "the number of elements", r.byteAt(r.pos))
		}
		operands = int(r.b[r.pos]) + 1
		r.pos++
	default:
		if o >= opHas {
			operands = functionOf(o).args
		}
	}
	if operands > len(r.stack) {
		return r.fail(start, fmt.Sprintf("%d operands", operands), fmt.Sprint(len(r.stack)))
	}
	at := len(r.stack) - operands
	kids := r.stack[at:]
	r.stack = r.stack[:at]
	if (o == opAnd || o == opOr) && kids[0].op == o {
		kids[0].kids = append(kids[0].kids, kids[1])
		kids[0].end = r.pos
		r.stack = append(r.stack, kids[0])
		return nil
	}
	pos := kids[0].pos
	if err := r.push(start, &node{op: o, kids: append([]*node(nil), kids...)}); err != nil {
		return err
	}
	r.top().pos = pos
	return nil
}

func (r *compactReader) control(start, i int) error {
	name := controlNames[i]
	if r.seen[i] {
		return r.fail(start, "each control once", "a second "+name)
	}
	r.seen[i] = true
	if !r.fixed && len(r.stack) > 2 {
		return r.fail(start, "an operator", "a control")
	}
	r.fixed = true
	d := r.c.period(name)
	if d == nil {
		r.c.Con = true
		return nil
	}
	if len(r.stack) == 0 || r.top().op != opDuration {
		return r.fail(start, "a duration before "+name, "something else")
	}
	period, wrong := periodOf(r.top().num)
	if wrong != "" {
		return r.fail(start, wrong, durationText(r.top().num))
	}
	*d = period
	r.stack = r.stack[:len(r.stack)-1]
	r.nodes--
	return nil
}
