package payload

import (
	"bytes"
	"math"

	"github.com/coap2/coap2/rules"
)

// numeral is a number as it stands in a pack. It is calculated only where a rule
// looks at it, once the pack has been read: of very many records few count, and
// to calculate what is next to nothing, 3e-324, takes as long as to read a
// thousand bytes.
type numeral struct {
	x        float64
	from, to uint32 // where it stands in the payload
	kind     numeralKind
}

type numeralKind uint8

const (
	numeralFloat numeralKind = iota
	numeralText
	numeralDecimal
)

// number calculates a number of the payload b.
func (n *numeral) number(b []byte) float64 {
	switch n.kind {
	case numeralText:
		return parseNumber(b[n.from:n.to])
	case numeralDecimal:
		x := cborScanner{b: b, i: int(n.from)}
		f, _ := x.fraction() // it has been read before
		return f.number()
	}
	return n.x
}

// integer reports whether it is written as an integer.
func (n *numeral) integer(b []byte) bool {
	switch n.kind {
	case numeralText:
		return !bytes.ContainsAny(b[n.from:n.to], ".eE")
	case numeralDecimal:
		return false
	}
	return n.x == math.Trunc(n.x)
}

// late is a number that a slot gets in the end.
type late struct {
	value numeral
	base  numeral
	bases uint32 // which base it is; 0 = none
	set   bool
}

// base is what a base value is.
type base struct {
	bases uint32
	x     float64
}

// finish calculates the numbers that count, of the payload b.
func (d *Decoder) finish(b []byte, s *rules.Sample) {
	d.bases = d.bases[:0]
	for slot := range d.late {
		if l := &d.late[slot]; l.set {
			s.SetNumber(slot, l.value.number(b)+d.baseOf(b, l))
		}
	}
}

// baseOf calculates a base but once: it may be long.
func (d *Decoder) baseOf(payload []byte, l *late) float64 {
	if l.bases == 0 {
		return 0
	}
	for _, b := range d.bases {
		if b.bases == l.bases {
			return b.x
		}
	}
	b := base{l.bases, l.base.number(payload)}
	d.bases = append(d.bases, b)
	return b.x
}
