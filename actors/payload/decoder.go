package payload

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// ErrMalformed is what a payload is that is not of its content format
// (errors.Is).
var ErrMalformed = errors.New("payload: malformed")

// maxDepth bounds the nesting of a payload.
const maxDepth = 32

// maxKept bounds, in bytes, each text and each buffer that a decoder keeps from
// one payload for the next.
const maxKept = 4096

// Decoder decodes payloads into samples: the fields of a schema, which may
// change between two payloads. It is used by one goroutine at a time.
type Decoder struct {
	schema  *rules.Schema
	version int
	root    *member
	value   []int            // slots of the bare value
	records map[string][]int // slots of SenML records, by name
	longest int              // of these names
	late    []late           // by slot
	bases   []base
	texts   []string // what was last decoded into a slot: mostly the same again
	pass    uint64   // numbers the payloads
	scratch []byte
	name    []byte
	record  record
	digits  [24]byte
}

// member is a name on the way to fields.
type member struct {
	slots []int
	kids  map[string]*member
	pass  uint64 // of the payload that it was seen in
}

// NewDecoder makes a decoder of the fields of a schema.
func NewDecoder(schema *rules.Schema) *Decoder { return &Decoder{schema: schema, version: -1} }

// prepare brings the decoder up to date with its schema.
func (d *Decoder) prepare() {
	if d.version == d.schema.Version() {
		return
	}
	d.version = d.schema.Version()
	d.root, d.value, d.records = &member{}, nil, map[string][]int{}
	d.texts, d.late, d.longest = make([]string, d.schema.Len()), make([]late, d.schema.Len()), 0
	for slot := range d.schema.Len() {
		f, ok := d.schema.Field(slot)
		if !ok {
			continue
		}
		tokens := f.Tokens()
		switch f.Kind() {
		case rules.BareValue:
			d.value = append(d.value, slot)
		case rules.Record:
			d.lookFor(f.Name(), slot)
			continue
		default:
			if len(tokens) == 1 { // in SenML a name is that of a record
				d.lookFor(tokens[0], slot)
			}
		}
		m := d.root
		for _, token := range tokens {
			if m.kids == nil {
				m.kids = map[string]*member{}
			}
			if m.kids[token] == nil {
				m.kids[token] = &member{}
			}
			m = m.kids[token]
		}
		m.slots = append(m.slots, slot)
	}
}

// lookFor has a slot filled by SenML records of a name.
func (d *Decoder) lookFor(name string, slot int) {
	d.records[name] = append(d.records[name], slot)
	d.longest = max(d.longest, len(name))
}

// Decode fills a sample with what a payload of a content format has of the
// fields of the schema; all others are missing. known says whether the message
// had a content format: one without is taken for text. Where the payload is
// malformed the error is ErrMalformed, and all fields are missing. What is of no
// format that has fields is there as a whole, and cannot be compared.
func (d *Decoder) Decode(f codec.Format, known bool, b []byte, s *rules.Sample) error {
	d.prepare()
	d.pass++
	s.Reset(d.schema.Len())
	var err error
	switch media, _, _ := f.MediaType(); {
	case !known || f.IsText() && !f.IsJSON():
		d.text(b, s)
	case media == "application/senml+json" || media == "application/sensml+json":
		err = d.senmlJSON(b, s)
	case media == "application/senml+cbor" || media == "application/sensml+cbor":
		err = d.senmlCBOR(b, s)
	case f.IsJSON():
		err = d.json(b, s)
	case f.IsCBOR() && !strings.HasSuffix(media, "cbor-seq"): // a sequence is not one item
		err = d.cbor(b, s)
	default:
		for _, slot := range d.value {
			s.SetOther(slot)
		}
	}
	d.forget()
	if err != nil {
		s.Reset(d.schema.Len())
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// forget forgets a pack, and lets go of room that only a large one needs: there
// may be very many decoders.
func (d *Decoder) forget() {
	r := &d.record
	if r.pack {
		clear(d.late)
		r.pack = false
	}
	for _, b := range []*[]byte{&d.scratch, &d.name, &r.base, &r.name, &r.text} {
		if cap(*b) > maxKept {
			*b = nil
		}
	}
}

// text takes a payload as a number if it is one, true or false, or a text.
func (d *Decoder) text(b []byte, s *rules.Sample) {
	if len(d.value) == 0 {
		return
	}
	from, to := 0, len(b)
	for from < to && isSpace(b[from]) {
		from++
	}
	for to > from && isSpace(b[to-1]) {
		to--
	}
	b = b[from:to]
	if n, ok := number(b); ok && n == len(b) {
		d.setNumber(d.value, s, parseNumber(b))
		return
	}
	switch {
	case string(b) == "true", string(b) == "false":
		d.setBool(d.value, s, len(b) == 4)
	case utf8.Valid(b):
		d.setText(d.value, s, b)
	default:
		d.setOther(d.value, s)
	}
}

func (d *Decoder) setNumber(slots []int, s *rules.Sample, x float64) {
	for _, slot := range slots {
		s.SetNumber(slot, x)
	}
}

func (d *Decoder) setBool(slots []int, s *rules.Sample, x bool) {
	for _, slot := range slots {
		s.SetBool(slot, x)
	}
}

func (d *Decoder) setOther(slots []int, s *rules.Sample) {
	for _, slot := range slots {
		s.SetOther(slot)
	}
}

// setText makes a string only where it is not the one of the payload before. Long
// ones are not kept for that.
func (d *Decoder) setText(slots []int, s *rules.Sample, b []byte) {
	if len(b) > maxKept && len(slots) > 0 {
		text := string(b)
		for _, slot := range slots {
			s.SetString(slot, text)
		}
		return
	}
	for _, slot := range slots {
		if d.texts[slot] != string(b) {
			d.texts[slot] = string(b)
		}
		s.SetString(slot, d.texts[slot])
	}
}

// kid returns the member of a name that a rule looks at, nil if none does, and
// an error if the payload has it twice.
func (d *Decoder) kid(m *member, name []byte) (*member, error) {
	if m == nil || name == nil {
		return nil, nil
	}
	k := m.kids[string(name)]
	if k == nil {
		return nil, nil
	}
	if k.pass == d.pass {
		return nil, fmt.Errorf("the member %s twice", codec.AppendPrintable(nil, name[:min(len(name), 40)]))
	}
	k.pass = d.pass
	return k, nil
}

// element returns the member that an element of an array is.
func (d *Decoder) element(m *member, i int) *member {
	if m == nil || m.kids == nil {
		return nil
	}
	var digits [20]byte
	return m.kids[string(strconv.AppendInt(digits[:0], int64(i), 10))]
}

func (m *member) slotsOf() []int {
	if m == nil {
		return nil
	}
	return m.slots
}

// parseNumber reads a number of JSON. One that float64 cannot hold is unknown.
func parseNumber(b []byte) float64 {
	x, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return math.NaN()
	}
	return x
}
