package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestIndexOfBeginnings compares rules about beginnings of a string, which come
// and go, with the same one by one.
func TestIndexOfBeginnings(t *testing.T) {
	forms := []string{
		`prefix(s, %q)`, `not prefix(s, %q)`, `prefix(s, %q) and a > 1`, `prefix(s, %q) and prefix(s, %q)`, `prefix(s, %q) or prefix(s, %q)`,
		`prefix(s, %q) and s == %q`, `prefix(s, %q) or s == %q`, `rising(prefix(s, %q))`, `falling(prefix(s, %q))`, `changed(prefix(s, %q))`,
		`prefix(s, %q) and not prefix(s, %q)`, `prefix(prev.s, %q)`, `prefix(prev.s, %q) and prefix(s, %q)`, `prefix(s, last.s)`, `prefix(%q, s)`,
		`prefix(last.s, %q)`, `prefix(s, prev.s) and prefix(s, %q)`, `prefix(s, %q); pmin=3s`, `prefix(s, %q); pmax=5s`, `prefix(m, %q)`, `prefix(s, %q) and m == %q`,
	}
	rng := rand.New(rand.NewPCG(11, 12))
	word := func() string {
		b := make([]byte, rng.IntN(6))
		for i := range b {
			b[i] = "ab"[rng.IntN(2)]
		}
		return string(b)
	}
	p := newPair(t)
	slot := func(field string) int {
		r, err := Parse("has(" + field + ")")
		require.NoError(t, err)
		i, err := p.all.Slot(r.Fields()[0])
		require.NoError(t, err)
		return i
	}
	text, mixed, number := slot("s"), slot("m"), slot("a")
	for i := range 600 {
		now := time.Duration(i) * time.Second
		for len(p.ids) < 3*len(forms) {
			form := forms[rng.IntN(len(forms))]
			words := []any{word(), word()}
			r, err := Parse(fmt.Sprintf(form, words[:strings.Count(form, "%q")]...))
			require.NoError(t, err, form)
			p.add(t, now, r)
		}
		s := NewSample(&p.all)
		switch rng.IntN(8) {
		case 0: // it is missing
		case 1:
			s.SetNumber(text, 1)
		default:
			s.SetString(text, word())
		}
		if s.SetNumber(mixed, 1); rng.IntN(2) == 0 {
			s.SetString(mixed, word())
		}
		s.SetNumber(number, float64(rng.IntN(4)))
		p.sample(t, now, s, i)
		for range rng.IntN(8) {
			p.remove(t, rng.IntN(len(p.ids)))
		}
		p.advance(t, now+time.Second/2)
	}
	p.empty(t)
	require.Empty(t, p.x.codes)
}

// TestBeginningsAreFound: of very many beginnings only those of a string are
// looked at, and in time that its own length and not their number bounds.
func TestBeginningsAreFound(t *testing.T) {
	x := NewIndex(Config{})
	add := func(text string) ID {
		r, err := Parse(fmt.Sprintf("prefix(id, %q)", text))
		require.NoError(t, err)
		id, err := x.Add(0, r)
		require.NoError(t, err)
		return id
	}
	for i := range 5000 {
		add(fmt.Sprintf("floor%d/", i))
	}
	all, floor, room, long := add(""), add("floor77"), add("floor77/room5"), add(strings.Repeat("x", 400))
	first := x.Schema()
	s := NewSample(first)
	s.SetString(0, "floor77/room5/temp")
	r := x.Sample(0, s, nil)
	require.ElementsMatch(t, []ID{all, floor, room, 77}, r.Selected)
	before := x.Evaluations()
	require.Len(t, x.Sample(1, s, nil).Selected, 4)
	require.LessOrEqual(t, x.Evaluations()-before, uint64(11), "the axis, lengths 0, 7 to 10 and 13, and four beginnings")
	s.SetString(0, strings.Repeat("x", 400))
	require.ElementsMatch(t, []ID{all, long}, x.Sample(2, s, nil).Selected)
	require.True(t, x.Remove(all))
	s.SetString(0, strings.Repeat("x", 399))
	require.Empty(t, x.Sample(3, s, nil).Selected)
	require.Len(t, x.shapes, 1, "they share their code")
}

// TestBeginningsInManySets: as many beginnings as a string can have, and sets of
// few rules each, do not cost what both together would, and are counted.
func TestBeginningsInManySets(t *testing.T) {
	const lengths, sets = 300, 100
	x := NewIndex(Config{})
	long := strings.Repeat("x", lengths)
	var want []ID
	for i := range lengths {
		want = append(want, addTo(t, x, fmt.Sprintf("prefix(s, %q)", long[:i])))
	}
	for i := range sets {
		addTo(t, x, fmt.Sprintf(`prefix(s, "y") and value * %d > 5`, i+2))
		want = append(want, addTo(t, x, fmt.Sprintf(`prefix(s, "xx") and value * %d > 5`, i+2)))
	}
	s := NewSample(x.Schema())
	for slot := range x.Schema().Len() {
		if f, _ := x.Schema().Field(slot); f.String() == "s" {
			s.SetString(slot, long)
		} else {
			s.SetNumber(slot, 7)
		}
	}
	require.ElementsMatch(t, want, x.Sample(0, s, nil).Selected)
	// The axes, the lengths, and what is looked for in the sets.
	require.EqualValues(t, 1+sets+lengths+lengths+2*sets, x.Evaluations())
}
