package rules

import (
	"cmp"
	"math"
	"slices"
)

// lengthUse says how many corners there are for beginnings of a length.
type lengthUse struct{ length, users int }

// code numbers a string that a rule compares an axis with.
func (x *Index) code(a *axis, s string) float64 {
	if a.prefix {
		a.count(len(s), 1)
	}
	i, ok := x.codes[s]
	switch n := len(x.freeText); {
	case ok:
	case n > 0:
		i = x.freeText[n-1]
		x.freeText = x.freeText[:n-1]
	default:
		i = uint32(len(x.texts))
		x.texts = append(x.texts, text{})
	}
	if !ok {
		x.codes[s] = i
		x.texts[i].text = s
	}
	x.texts[i].users++
	return float64(i)
}

func (x *Index) uncode(a *axis, code float64) {
	i := uint32(code)
	t := &x.texts[i]
	if a.prefix {
		a.count(len(t.text), -1)
	}
	if t.users--; t.users == 0 {
		delete(x.codes, t.text)
		t.text = ""
		x.freeText = append(x.freeText, i)
	}
}

// count counts the corners of beginnings of a length.
func (a *axis) count(length, more int) {
	i, ok := slices.BinarySearchFunc(a.lengths, length, func(l lengthUse, n int) int { return cmp.Compare(l.length, n) })
	if !ok {
		a.lengths = slices.Insert(a.lengths, i, lengthUse{length: length})
	}
	if a.lengths[i].users += more; a.lengths[i].users == 0 {
		a.lengths = slices.Delete(a.lengths, i, i+1)
	}
}

// textValue is the number of the string that a sample has; NaN if no rule has
// it.
func (x *Index) textValue(s *Sample, slot int) float64 {
	if s.cell[slot].kind == String {
		if c, ok := x.codes[s.cell[slot].str]; ok {
			return float64(c)
		}
	}
	return math.NaN()
}

// prefixes finds the numbers of all beginnings, of the string that a sample has,
// that rules name; NaN if there are none. None is longer than a rule may be.
func (x *Index) prefixes(a *axis, s *Sample) float64 {
	a.found = a.found[:0]
	if c := &s.cell[a.slot]; c.kind == String {
		for _, l := range a.lengths {
			if l.length > len(c.str) {
				break
			}
			x.measured++
			if code, ok := x.codes[c.str[:l.length]]; ok {
				a.found = append(a.found, float64(code))
			}
		}
	}
	if len(a.found) == 0 {
		return math.NaN()
	}
	slices.Sort(a.found)
	return 0
}

// lookAtBeginnings finds those of one tree whose beginning is among the found
// ones. Of a long string there can be hundreds, and trees of one corner each: so
// the fewer ones are looked for among the others.
func (x *Index) lookAtBeginnings(t *tree, found []float64, at *[4]float64) {
	x.measured += uint64(min(t.n, len(found)))
	if len(found) <= t.n {
		for _, at[0] = range found {
			x.lookAt(t, at)
		}
		return
	}
	before := math.NaN()
	for _, l := range t.leaves {
		for _, p := range l.p {
			if p == before {
				continue
			}
			before = p
			if _, ok := slices.BinarySearch(found, p); ok {
				at[0] = p
				x.lookAt(t, at)
			}
		}
	}
}
