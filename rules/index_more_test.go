package rules

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (p *pair) values(v map[string]float64) *Sample {
	s := NewSample(&p.all)
	for name, x := range v {
		r, err := Parse("has(" + name + ")")
		if err != nil {
			panic(err)
		}
		slot, _ := p.all.Slot(r.Fields()[0])
		s.SetNumber(slot, x)
	}
	return s
}

// TestIndexLooksAtNobodyElse: of thousands of rules a sample leads only to
// those that it concerns.
func TestIndexLooksAtNobodyElse(t *testing.T) {
	const n = 2000
	for _, tt := range []struct {
		name, rule string
		most       uint64 // looked at one by one, in a walk of 500 steps of at most 3
	}{
		{"level", "value > %d", 0},
		{"rising", "rising(value > %d)", 0},
		{"crosses", "crosses(value, %d)", 0},
		{"c.gt", "(value > %d) != (last.value > %[1]d)", 0},
		{"conjunction", "value > %d and a < 3 and b.c in 1..2", 0},
		{"text", `s == "x%d" and value > 3`, 0},
		{"either", "value in %d..%[1]d or a > 5", 0},
		{"turning switch", "rising(hyst(value, %d, %[2]d))", 8 * 500},
		{"far away", "delta >= %d", 70 * 500},
		{"asleep", "value > %d; pmin=1000h", 0},
		{"forced", "value > %d; pmax=1000h", n * 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			p.sample(t, 0, p.values(map[string]float64{"value": n / 2, "a": 1, "b.c": 3}), 0)
			for i := range n {
				text := fmt.Sprintf(tt.rule+"%.0[3]s", i, i-5, "")
				r, err := Parse(text)
				require.NoError(t, err, text)
				_, err = p.x.Add(0, r)
				require.NoError(t, err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			v := float64(n / 2)
			own := NewSample(p.x.Schema())
			for i := range 500 {
				v += float64(rng.IntN(7) - 3)
				fill(p.values(map[string]float64{"value": v, "a": 1, "b.c": 3}), &p.all, own, p.x.Schema())
				p.x.Sample(time.Duration(i)*time.Second, own, nil)
			}
			require.LessOrEqual(t, p.x.counted, tt.most)
			require.Zero(t, p.x.lost)
		})
	}
}

// TestIndexOfManySleepers: whoever sleeps through more samples than are kept
// wakes to the right one.
func TestIndexOfManySleepers(t *testing.T) {
	p := newPair(t)
	rng := rand.New(rand.NewPCG(3, 4))
	p.sample(t, 0, p.values(map[string]float64{"value": 0}), -1)
	for i := range 12 {
		for _, text := range []string{"value > %d; pmin=%ds", "value <= -%d; pmin=%ds, pmax=9000s", "delta >= %d; pmin=%ds", "value in %d..90; pmin=%ds"} {
			r, err := Parse(fmt.Sprintf(text, 10*i, 300+100*i))
			require.NoError(t, err)
			p.add(t, 0, r)
		}
	}
	longest := 0
	for i := range 2500 {
		// It falls for long, so that every sample is the latest of its height.
		v := 200 - float64(i%250)*1.7 + rng.Float64()
		p.sample(t, time.Duration(i+1)*time.Second, p.values(map[string]float64{"value": v}), i)
		for _, a := range p.x.active {
			longest = max(longest, len(a.stacks[0]), len(a.stacks[1]))
		}
	}
	require.LessOrEqual(t, longest, 65+2*len(p.ids))
	require.Greater(t, longest, 64)
	p.empty(t)
}

// TestIndexFieldsComeAndGo: more different fields than a schema has slots, one
// after the other, and what a slot held before is forgotten.
func TestIndexFieldsComeAndGo(t *testing.T) {
	x := NewIndex(Config{})
	for i := range 3 * MaxFields {
		r, err := Parse(fmt.Sprintf("f%d > prev.f%[1]d", i))
		require.NoError(t, err)
		id, err := x.Add(0, r)
		require.NoError(t, err)
		s := NewSample(x.Schema())
		slot, err := x.Schema().Slot(r.Fields()[0])
		require.NoError(t, err)
		s.SetNumber(slot, float64(i))
		require.Empty(t, x.Sample(0, s, nil).Selected, "prev is of another field")
		s.SetNumber(slot, float64(i+1))
		require.Equal(t, []ID{id}, x.Sample(0, s, nil).Selected)
		require.True(t, x.Remove(id))
	}
	require.LessOrEqual(t, x.Schema().Len(), MaxFields)

	for i := range MaxFields {
		r, err := Parse(fmt.Sprintf("g%d", i))
		require.NoError(t, err)
		_, err = x.Add(0, r)
		require.NoError(t, err)
	}
	r, err := Parse("more")
	require.NoError(t, err)
	_, err = x.Add(0, r)
	require.ErrorIs(t, err, ErrLimit)
	require.Equal(t, MaxFields, x.Len())
	require.False(t, x.Remove(1<<20))
}

// TestNoAllocation: neither an evaluation nor a sample that nobody must be kept
// for allocates.
func TestNoAllocation(t *testing.T) {
	var schema Schema
	r, err := Parse(`(s == "a" or value > 3) and not a in 1..2 and rising(value > 2)`)
	require.NoError(t, err)
	p, err := Compile(r, &schema)
	require.NoError(t, err)
	cur, before := NewSample(&schema), NewSample(&schema)
	require.Zero(t, testing.AllocsPerRun(100, func() { p.Eval(cur, before) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { p.Eval(cur, nil) }))

	x := NewIndex(Config{})
	for i := range 1000 {
		for _, text := range []string{"value > %d", "crosses(value, %d)", "value in %d..500 and a > 1", `s == "%d"`, "(value > %d) != (last.value > %[1]d)"} {
			r, err := Parse(fmt.Sprintf(text, i))
			require.NoError(t, err)
			_, err = x.Add(0, r)
			require.NoError(t, err)
		}
	}
	s := NewSample(x.Schema())
	slot, _ := x.Schema().Slot(Field{})
	now := time.Duration(0)
	step := func() {
		now++
		s.SetNumber(slot, float64(now%7)*100)
		x.Sample(now, s, nil)
	}
	for range 20 {
		step()
	}
	require.Zero(t, testing.AllocsPerRun(100, step))
}
