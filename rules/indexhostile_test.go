package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestIndexTellsTypesApart: conditions of the same text are different ones where
// a field is taken for a text in one rule and for a number in another.
func TestIndexTellsTypesApart(t *testing.T) {
	for _, texts := range [][]string{
		{`m == m`, `m in ["a", m]`},
		{`m in ["a", m]`, `m == m`},
		{`m <= value`, `m in "a"..value`},
		{`m in [1, value]`, `m in ["a", value]`},
		{`m in ["a", value]`, `m in [1, value]`, `changed(m == value)`},
	} {
		p := newPair(t)
		for _, text := range texts {
			r, err := Parse(text)
			require.NoError(t, err, text)
			p.add(t, 0, r)
		}
		m, _ := p.all.Slot(NewField("/m"))
		v, _ := p.all.Slot(Field{})
		for i := range 9 {
			s := NewSample(&p.all)
			for j, slot := range []int{m, v} {
				switch (i / (1 + 2*j)) % 3 {
				case 0:
					s.SetNumber(slot, 3)
				case 1:
					s.SetString(slot, "b")
				default:
					s.SetBool(slot, true)
				}
			}
			p.sample(t, time.Duration(i)*time.Second, s, i)
		}
		p.empty(t)
	}
}

// TestPlansAreBounded: conditions of conditions that are the same do not double
// the plan with every level.
func TestPlansAreBounded(t *testing.T) {
	for _, form := range []string{"%s", "changed(%s)", "%s and delta >= 1"} {
		text := "has(f0)"
		for i := 1; i < 13; i++ {
			text = fmt.Sprintf("(%s) == has(f%d)", text, i)
		}
		text = fmt.Sprintf(form, text)
		r, err := Parse(text)
		require.NoError(t, err)
		x := NewIndex(Config{})
		_, err = x.Add(0, r)
		require.NoError(t, err)
		n := 0
		var count func(p *plan)
		count = func(p *plan) {
			n++
			for _, k := range p.kids {
				count(k)
			}
		}
		for _, s := range x.shapes {
			count(s.plan)
		}
		require.LessOrEqual(t, n, 8*maxPlan)
	}
}

// TestIndexOfManySleepersOnManyAxes: what is kept for those who sleep is in
// proportion to them, also where each looks at something else.
func TestIndexOfManySleepersOnManyAxes(t *testing.T) {
	p := newPair(t)
	p.sample(t, 0, p.values(map[string]float64{"value": 1e6}), 0)
	const n = 200
	for i := range n {
		r, err := Parse(fmt.Sprintf("value * %d > -1e9; pmin=1h", i+2))
		require.NoError(t, err)
		_, err = p.x.Add(0, r)
		require.NoError(t, err)
	}
	s := NewSample(p.x.Schema())
	most := 0
	for i := range 3 * n {
		s.SetNumber(0, 1e6-float64(i))
		require.Empty(t, p.x.Sample(time.Duration(i)*time.Second, s, nil).Selected)
		kept := 0
		for _, a := range p.x.active {
			kept += len(a.stacks[0]) + len(a.stacks[1])
		}
		most = max(most, kept)
	}
	require.LessOrEqual(t, most, 67*n)
}

// TestIndexCountsWhatItCalculates: rules that have nothing in common are work for
// every sample, also if none of them is looked at.
func TestIndexCountsWhatItCalculates(t *testing.T) {
	x := NewIndex(Config{})
	const n = 500
	for i := range n {
		r, err := Parse(fmt.Sprintf("value * %d > 1e9", i+2))
		require.NoError(t, err)
		_, err = x.Add(0, r)
		require.NoError(t, err)
	}
	s := NewSample(x.Schema())
	s.SetNumber(0, 1)
	before := x.Evaluations()
	require.Empty(t, x.Sample(0, s, nil).Selected)
	require.EqualValues(t, n, x.Evaluations()-before)
}
