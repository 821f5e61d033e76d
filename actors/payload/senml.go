package payload

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// senmlVersion is the version of RFC 8428; a later one must not be used (§4.4).
const senmlVersion = 10

// Fields of a record that play a part here.
type senmlField int

const (
	senmlOther senmlField = iota
	senmlBaseVersion
	senmlBaseName
	senmlBaseValue
	senmlName
	senmlValue
	senmlString
	senmlBool
	senmlData
	senmlSum
)

// senmlLabel returns what a label means; an error if one must be understood and
// is not (§4.4).
func senmlLabel(label []byte) (senmlField, error) {
	switch string(label) {
	case "bver":
		return senmlBaseVersion, nil
	case "bn":
		return senmlBaseName, nil
	case "bv":
		return senmlBaseValue, nil
	case "n":
		return senmlName, nil
	case "v":
		return senmlValue, nil
	case "vs":
		return senmlString, nil
	case "vb":
		return senmlBool, nil
	case "vd":
		return senmlData, nil
	case "s":
		return senmlSum, nil
	}
	if n := len(label); n > 0 && label[n-1] == '_' {
		return 0, fmt.Errorf("SenML: the label %s, which must be understood, is not", codec.AppendPrintable(nil, label[:min(n, 40)]))
	}
	return senmlOther, nil
}

// senmlNumber returns what a label of the CBOR representation means (§6, table
// 4).
func senmlNumber(label []byte) senmlField {
	switch string(label) {
	case "-1":
		return senmlBaseVersion
	case "-2":
		return senmlBaseName
	case "-5":
		return senmlBaseValue
	case "0":
		return senmlName
	case "2":
		return senmlValue
	case "3":
		return senmlString
	case "4":
		return senmlBool
	case "5":
		return senmlSum
	case "8":
		return senmlData
	}
	return senmlOther
}

// record is a SenML record, and the base of those that follow.
type record struct {
	base      []byte // of names; belongs to the pack
	baseValue numeral
	bases     uint32 // of values so far; 0 = there is none

	pack bool // one is being read

	name  []byte
	has   senmlField // which value it has
	value numeral
	text  []byte
	truth bool
	seen  uint16
}

// begin forgets all but the base.
func (r *record) begin() {
	r.name, r.has, r.text, r.seen = r.name[:0], 0, r.text[:0], 0
}

// once notes a field, which a record has once at most.
func (r *record) once(f senmlField) error {
	if f != senmlOther && r.seen>>f&1 != 0 {
		return errors.New("SenML: a label twice in a record")
	}
	r.seen |= 1 << f
	return nil
}

func (r *record) setText(f senmlField, text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("SenML: a text that is not UTF-8")
	}
	switch f {
	case senmlBaseName:
		r.base = append(r.base[:0], text...)
	case senmlName:
		r.name = append(r.name[:0], text...)
	case senmlString:
		r.text, r.has = append(r.text[:0], text...), f
	}
	return nil
}

func (r *record) setNumber(f senmlField, n numeral, b []byte) error {
	switch f {
	case senmlBaseVersion:
		if !n.integer(b) {
			return errors.New("SenML: a version that is no integer")
		}
		if n.number(b) > senmlVersion {
			return errors.New("SenML: a version later than 10")
		}
	case senmlBaseValue:
		r.baseValue = n
		r.bases++
	case senmlValue:
		r.value, r.has = n, f
	case senmlSum:
		if r.has == 0 {
			r.has = f
		}
	}
	return nil
}

// put sets what rules look at. A record answers to its name and to its whole
// name, with the base; the last one of a name counts, and for value the last
// one of all.
func (d *Decoder) put(r *record, s *rules.Sample) {
	if r.has == 0 && r.bases > 0 { // §4.5.4: the base is the value
		r.has, r.value = senmlValue, numeral{}
	}
	if r.has == 0 {
		return
	}
	d.putSlots(d.value, r, s)
	d.putSlots(d.records[string(r.name)], r, s)
	// A base may be much longer than all names that are looked for, and stand for
	// very many records.
	if len(r.base) > 0 && len(r.base)+len(r.name) <= d.longest {
		d.name = append(append(d.name[:0], r.base...), r.name...)
		d.putSlots(d.records[string(d.name)], r, s)
	}
}

func (d *Decoder) putSlots(slots []int, r *record, s *rules.Sample) {
	for _, slot := range slots {
		d.late[slot].set = false
	}
	switch r.has {
	case senmlValue:
		for _, slot := range slots {
			d.late[slot] = late{set: true, value: r.value, base: r.baseValue, bases: r.bases}
		}
	case senmlString:
		d.setText(slots, s, r.text)
	case senmlBool:
		d.setBool(slots, s, r.truth)
	default:
		d.setOther(slots, s)
	}
}

// begin makes ready for a pack.
func (d *Decoder) begin() *record {
	r := &d.record
	*r = record{base: r.base[:0], name: r.name, text: r.text, pack: true}
	return r
}

func (d *Decoder) senmlJSON(b []byte, s *rules.Sample) error {
	x := jsonScanner{d: d, s: s, b: b}
	r := d.begin()
	x.space()
	if x.peek() != '[' {
		return x.fail("an array of records")
	}
	err := x.elements(func(int) error {
		x.space()
		if x.peek() != '{' {
			return x.fail("a record")
		}
		r.begin()
		err := x.members(true, func(label []byte) error { return x.senmlField(r, label) })
		d.put(r, s)
		return err
	})
	if err != nil {
		return err
	}
	d.finish(b, s)
	return x.end()
}

func (x *jsonScanner) senmlField(r *record, label []byte) error {
	f, err := senmlLabel(label)
	if err == nil {
		err = r.once(f)
	}
	if err != nil {
		return err
	}
	x.space()
	c := x.peek()
	switch {
	case f == senmlOther:
	case f == senmlBaseName || f == senmlName || f == senmlString:
		if c != '"' {
			return x.fail("a string")
		}
		text, err := x.text(true)
		if err != nil {
			return err
		}
		return r.setText(f, text)
	case f == senmlBool:
		if c != 't' && c != 'f' {
			return x.fail("true or false")
		}
		r.truth, r.has = c == 't', f
	case f == senmlData:
		r.has = f
	default:
		n, ok := number(x.b[x.i:])
		if !ok {
			return x.fail("a number")
		}
		err := r.setNumber(f, numeral{kind: numeralText, from: uint32(x.i), to: uint32(x.i + n)}, x.b)
		x.i += n
		return err
	}
	return x.value(nil, nil)
}

func (d *Decoder) senmlCBOR(b []byte, s *rules.Sample) error {
	if err := sampleMode.Wellformed(b); err != nil {
		return err
	}
	x := cborScanner{d: d, s: s, b: b}
	r := d.begin()
	major, info, arg := x.head()
	if major != cborArray {
		return x.fail("an array of records before")
	}
	err := x.elements(info, arg, func(int) error {
		major, info, arg := x.head()
		if major != cborMap {
			return x.fail("a record before")
		}
		r.begin()
		// A label that is a number has a meaning of its own: "0" and 0 are
		// different.
		start := x.i
		err := x.members(info, arg, func(label []byte) error {
			err := x.senmlField(r, label, int(x.b[start]>>5) != cborText)
			start = x.i
			return err
		})
		d.put(r, s)
		return err
	})
	if err == nil {
		d.finish(b, s)
	}
	return err
}

func (x *cborScanner) senmlField(r *record, label []byte, numbered bool) error {
	var f senmlField
	var err error
	if numbered {
		f = senmlNumber(label)
	} else {
		f, err = senmlLabel(label)
	}
	if err == nil {
		err = r.once(f)
	}
	if err != nil {
		return err
	}
	major := int(x.b[x.i] >> 5)
	switch {
	case f == senmlOther:
	case f == senmlBaseName || f == senmlName || f == senmlString:
		if major != cborText {
			return x.fail("a text")
		}
		text, err := x.text()
		if err != nil {
			return err
		}
		return r.setText(f, text)
	case f == senmlBool:
		c := x.b[x.i]
		if c != 0xF4 && c != 0xF5 {
			return x.fail("true or false")
		}
		r.truth, r.has = c == 0xF5, f
	case f == senmlData:
		r.has = f
	default:
		v, ok := x.number()
		if !ok {
			return x.fail("a number")
		}
		return r.setNumber(f, v, x.b)
	}
	return x.value(nil, nil)
}

// number reads an item that is a number; false, and nothing is read, if it is
// none.
func (x *cborScanner) number() (numeral, bool) {
	start := x.i
	major, info, arg := x.head()
	switch {
	case major == cborUint || major == cborNegative:
		return numeral{x: integer(major, arg)}, true
	case major == cborSimple && info >= 25 && info <= 27:
		return numeral{x: float(info, arg)}, true
	case major == cborTag && (arg == 2 || arg == 3):
		if v, ok := x.bignum(arg); ok {
			return numeral{x: v}, true
		}
	case major == cborTag && arg == 4:
		from := uint32(x.i)
		if _, ok := x.fraction(); ok {
			return numeral{kind: numeralDecimal, from: from}, true
		}
	}
	x.i = start
	return numeral{}, false
}
