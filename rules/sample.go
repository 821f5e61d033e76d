package rules

import (
	"fmt"
	"math"
)

// MaxFields bounds the different fields that the rules of one resource look at.
const MaxFields = 256

// Schema numbers the fields that the rules of a resource look at: what is
// decoded of a payload is these fields, each into its slot. The zero Schema is
// empty and ready for use.
type Schema struct {
	slots   map[Field]int
	fields  []Field
	users   []int // shapes of an Index that use a slot; 0 = free
	free    []int
	version int
}

// Slot returns the slot of a field, a new one if it has none yet. The error is
// ErrLimit: there are MaxFields already.
func (s *Schema) Slot(f Field) (int, error) {
	if i, ok := s.slots[f]; ok {
		return i, nil
	}
	if len(s.slots) >= MaxFields {
		return 0, fmt.Errorf("rules: field %s: %w: the rules of a resource look at %d fields at most", shownField(f), ErrLimit, MaxFields)
	}
	if s.slots == nil {
		s.slots = map[Field]int{}
	}
	s.version++
	i := len(s.fields)
	if n := len(s.free); n > 0 {
		i = s.free[n-1]
		s.free = s.free[:n-1]
		s.fields[i] = f
	} else {
		s.fields = append(s.fields, f)
		s.users = append(s.users, 0)
	}
	s.slots[f] = i
	return i, nil
}

// add gives slots to all fields of a rule, or to none of them, and returns them.
func (s *Schema) add(r *Rule) ([]int, error) {
	missing := 0
	fields := r.Fields()
	for _, f := range fields {
		if _, ok := s.slots[f]; !ok {
			missing++
		}
	}
	if len(s.slots)+missing > MaxFields {
		return nil, fmt.Errorf("rules: %w: the rules of a resource look at %d fields at most", ErrLimit, MaxFields)
	}
	slots := make([]int, len(fields))
	for i, f := range fields {
		slots[i], _ = s.Slot(f)
	}
	return slots, nil
}

// use and release count who needs a slot.
func (s *Schema) use(slots []int) {
	for _, i := range slots {
		s.users[i]++
	}
}

func (s *Schema) release(slots []int) {
	for _, i := range slots {
		if s.users[i]--; s.users[i] == 0 {
			delete(s.slots, s.fields[i])
			s.free = append(s.free, i)
			s.version++
		}
	}
}

// Len is the number of slots.
func (s *Schema) Len() int { return len(s.fields) }

// Field returns the field of a slot; false if no rule looks at it any more.
func (s *Schema) Field(slot int) (Field, bool) {
	f := s.fields[slot]
	i, ok := s.slots[f]
	return f, ok && i == slot
}

// Has reports whether a field has a slot.
func (s *Schema) Has(f Field) bool {
	_, ok := s.slots[f]
	return ok
}

// Version changes whenever a field gets a slot or loses it.
func (s *Schema) Version() int { return s.version }

// Kind is what a sample has in a slot.
type Kind uint8

const (
	// Missing: the payload has no such field, or null.
	Missing Kind = iota
	// Number is a float64; a NaN is as unknown as what is missing.
	Number
	// String is a text.
	String
	// Bool is true or false.
	Bool
	// Other is there, but nothing that a rule can compare: an object, an
	// array, bytes.
	Other

	boolTrue // a Bool that is true; Bool itself is false
)

// String names the kind.
func (k Kind) String() string {
	if k > Other {
		return "invalid"
	}
	return [...]string{"missing", "number", "string", "bool", "other"}[k]
}

// Sample is a decoded payload: the fields of a Schema. The zero Sample has no
// fields; all that a rule looks for in it is missing.
type Sample struct {
	cell []cell
}

// cell is what a sample has in a slot.
type cell struct {
	num  float64 // a NaN for all but numbers, so that rules need not look at the kind
	key  uint64  // of a text: whatever has another key is another text
	str  string
	kind Kind
}

var missing = cell{num: math.NaN(), key: noText}

// Keys of texts: one of up to seven bytes is all in its key.
const (
	longText = 0xFF << 56
	noText   = 0xFE << 56
)

func textKey(s string) uint64 {
	key := uint64(len(s)) << 56
	if len(s) > 7 {
		key = longText
		s = s[:7]
	}
	for i := range len(s) {
		key |= uint64(s[i]) << (8 * i)
	}
	return key
}

// NewSample makes a sample for all fields of a schema, all of them missing.
func NewSample(s *Schema) *Sample {
	x := &Sample{}
	x.Reset(s.Len())
	return x
}

// Reset makes all slots missing, and at least n of them.
func (s *Sample) Reset(n int) {
	for i := range s.cell {
		s.cell[i] = missing
	}
	s.grow(n)
}

func (s *Sample) grow(n int) {
	for len(s.cell) < n {
		s.cell = append(s.cell, missing)
	}
}

// Len is the number of slots.
func (s *Sample) Len() int { return len(s.cell) }

// SetNumber puts a number into a slot. Infinities are numbers.
func (s *Sample) SetNumber(slot int, x float64) {
	s.cell[slot] = cell{num: x + 0, key: noText, kind: Number}
}

// SetString puts a text into a slot. The sample keeps it.
func (s *Sample) SetString(slot int, x string) {
	s.cell[slot] = cell{num: math.NaN(), key: textKey(x), str: x, kind: String}
}

// SetBool puts true or false into a slot.
func (s *Sample) SetBool(slot int, x bool) {
	s.cell[slot] = cell{num: math.NaN(), key: noText, kind: Bool}
	if x {
		s.cell[slot].kind = boolTrue
	}
}

// SetOther puts something into a slot that is there and cannot be compared.
func (s *Sample) SetOther(slot int) {
	s.cell[slot] = cell{num: math.NaN(), key: noText, kind: Other}
}

// Kind says what is in a slot.
func (s *Sample) Kind(slot int) Kind {
	if slot >= len(s.cell) {
		return Missing
	}
	if k := s.cell[slot].kind; k != boolTrue {
		return k
	}
	return Bool
}

// Number is the number in a slot, NaN if there is none.
func (s *Sample) Number(slot int) float64 {
	if slot >= len(s.cell) {
		return math.NaN()
	}
	return s.cell[slot].num
}

// Text is the text in a slot, "" if there is none.
func (s *Sample) Text(slot int) string {
	if slot >= len(s.cell) {
		return ""
	}
	return s.cell[slot].str
}

// Bool reports whether a slot holds true.
func (s *Sample) Bool(slot int) bool { return slot < len(s.cell) && s.cell[slot].kind == boolTrue }

// copyFrom makes s the same as o, with at least n slots.
func (s *Sample) copyFrom(o *Sample, n int) {
	s.cell = append(s.cell[:0], o.cell...)
	s.grow(n)
}

// clone returns a copy with at least n slots.
func (s *Sample) clone(n int) *Sample {
	c := &Sample{cell: make([]cell, 0, max(n, len(s.cell)))}
	c.copyFrom(s, n)
	return c
}
