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
	kind  numeralKind
	x     float64
	text  []byte
	parts decimal
}

type numeralKind uint8

const (
	numeralFloat numeralKind = iota
	numeralText
	numeralDecimal
)

func (n *numeral) number() float64 {
	switch n.kind {
	case numeralText:
		return parseNumber(n.text)
	case numeralDecimal:
		return n.parts.number()
	}
	return n.x
}

// integer reports whether it is written as an integer.
func (n *numeral) integer() bool {
	switch n.kind {
	case numeralText:
		return !bytes.ContainsAny(n.text, ".eE")
	case numeralDecimal:
		return false
	}
	return n.x == math.Trunc(n.x)
}

// late is a number that a slot gets in the end.
type late struct {
	set   bool
	value numeral
	base  numeral
	bases int // which base it is; 0 = none
}

// base is what a base value is.
type base struct {
	bases int
	x     float64
}

// finish calculates the numbers that count.
func (d *Decoder) finish(s *rules.Sample) {
	d.bases = d.bases[:0]
	for slot := range d.late {
		if l := &d.late[slot]; l.set {
			s.SetNumber(slot, l.value.number()+d.baseOf(l))
		}
	}
}

// baseOf calculates a base but once: it may be long.
func (d *Decoder) baseOf(l *late) float64 {
	if l.bases == 0 {
		return 0
	}
	for _, b := range d.bases {
		if b.bases == l.bases {
			return b.x
		}
	}
	b := base{l.bases, l.base.number()}
	d.bases = append(d.bases, b)
	return b.x
}
