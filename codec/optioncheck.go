package codec

import "fmt"

// Reason says why an option cannot be processed.
type Reason uint8

// The reasons for which a critical option makes a message unacceptable.
const (
	ReasonUnknown  Reason = iota // not understood (RFC 7252 §5.4.1)
	ReasonLength                 // a length outside its range (RFC 7252 §5.4.3)
	ReasonRepeated               // more often than it may occur (RFC 7252 §5.4.5)
)

// String returns "unknown", "length" or "repeated".
func (r Reason) String() string {
	switch r {
	case ReasonUnknown:
		return "unknown"
	case ReasonLength:
		return "length"
	case ReasonRepeated:
		return "repeated"
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// OptionError is a critical option that makes a message unacceptable. A request
// with one is answered with 4.02, a response with one is rejected (RFC 7252
// §5.4.1).
type OptionError struct {
	Number OptionNumber
	Reason Reason
	// Len is the length of the value in bytes.
	Len int
}

// Error returns a text that is fit for the diagnostic payload of a 4.02, and
// therefore has no prefix: "option 9 (OSCORE) is critical and not supported".
func (e *OptionError) Error() string {
	def, known := e.Number.Def()
	name := fmt.Sprintf("option %d", e.Number)
	if known {
		name += " (" + def.Name + ")"
	}
	switch {
	case e.Reason == ReasonRepeated:
		return name + " is critical and occurs more than once"
	case e.Reason == ReasonLength && def.MinLen == def.MaxLen:
		return fmt.Sprintf("%s is critical and has %d bytes, not %d", name, e.Len, def.MaxLen)
	case e.Reason == ReasonLength:
		return fmt.Sprintf("%s is critical and has %d bytes, not %d to %d", name, e.Len, def.MinLen, def.MaxLen)
	}
	return name + " is critical and not supported"
}

// limit is an OptionDef for the hot path: eight bytes, found by number.
type limit struct {
	min, max    uint16
	known, once bool
}

// limits holds the options below 64: all critical ones, and of the others those
// that are met often.
var limits = func() (t [64]limit) {
	for i := range optionDefs {
		if d := &optionDefs[i]; int(d.Number) < len(t) {
			t[d.Number] = d.limit()
		}
	}
	return t
}()

func (d *OptionDef) limit() limit {
	return limit{uint16(d.MinLen), uint16(d.MaxLen), true, !d.Repeatable}
}

func limitOf(n OptionNumber) limit {
	if int(n) < len(limits) {
		return limits[n]
	}
	if d := n.def(); d != nil {
		return d.limit()
	}
	return limit{}
}

// allows reports whether the limit is known and kept by a value of that size.
func (l *limit) allows(size int, repeated bool) bool {
	return l.known && size >= int(l.min) && size <= int(l.max) && !(l.once && repeated)
}

// Check returns nil if all critical options can be processed, else the first
// one that is not understood, has a length outside its range, or occurs more
// often than it may (RFC 7252 §5.4.1, 5.4.3, 5.4.5). Elective options are never
// an error; DropIgnored removes those that break a rule.
//
// understood says which option numbers the caller can process; nil means all of
// the registry. An option that is understood but not in the registry may have
// any length and number. o must be in order, as Parse leaves it.
//
// The result is a pointer, not an error, so that it can be compared with nil;
// convert it only where it is not nil.
func (o Options) Check(understood func(OptionNumber) bool) *OptionError {
	prev := -1
	for i := range o {
		n := o[i].Number
		repeated := int(n) == prev
		prev = int(n)
		if !n.Critical() {
			continue
		}
		// The common case inline; everything else is sorted out below.
		if int(n) < len(limits) && limits[n].allows(len(o[i].Value), repeated) && (understood == nil || understood(n)) {
			continue
		}
		if err := o[i].check(understood, repeated); err != nil {
			return err
		}
	}
	return nil
}

func (o *Option) check(understood func(OptionNumber) bool, repeated bool) *OptionError {
	l := limitOf(o.Number)
	size := len(o.Value)
	switch {
	case understood == nil && !l.known, understood != nil && !understood(o.Number):
		return &OptionError{o.Number, ReasonUnknown, size}
	case !l.known, l.allows(size, repeated):
		return nil
	case l.allows(size, false):
		return &OptionError{o.Number, ReasonRepeated, size}
	}
	return &OptionError{o.Number, ReasonLength, size}
}

// DropIgnored removes, in place, the elective options of the registry that a
// receiver must ignore: those of a length outside their range (RFC 7252 §5.4.3)
// and every occurrence after the first of one that may not be repeated (RFC
// 7252 §5.4.5). Options that are not in the registry stay. o must be in order,
// as Parse leaves it.
func (o Options) DropIgnored() Options {
	prev := -1
	for i := range o {
		n := o[i].Number
		repeated := int(n) == prev
		prev = int(n)
		if n.Critical() || int(n) < len(limits) && limits[n].allows(len(o[i].Value), repeated) {
			continue
		}
		if o[i].ignored(repeated) {
			return o.dropIgnored(i)
		}
	}
	return o
}

func (o Options) dropIgnored(from int) Options {
	kept := o[:from]
	repeated := from > 0 && o[from-1].Number == o[from].Number
	for i := from; i < len(o); i++ {
		opt := o[i]
		// Looked at before o[i] can be overwritten.
		next := i+1 < len(o) && o[i+1].Number == opt.Number
		if !opt.ignored(repeated) {
			kept = append(kept, opt)
		}
		repeated = next
	}
	clear(o[len(kept):])
	return kept
}

// ignored reports whether a receiver must ignore the option; repeated says
// whether one of the same number came before it.
func (o *Option) ignored(repeated bool) bool {
	if o.Number.Critical() {
		return false
	}
	l := limitOf(o.Number)
	return l.known && !l.allows(len(o.Value), repeated)
}
