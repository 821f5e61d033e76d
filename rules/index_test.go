package rules

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// allFields are the fields of generated rules.
func allFields() []Field {
	var fs []Field
	for _, n := range append(append(append([]string{mixed}, numberFields...), stringFields...), boolFields...) {
		r, err := Parse("has(" + n + ")")
		if err != nil {
			panic(err)
		}
		fs = append(fs, r.Fields()...)
	}
	slices.SortFunc(fs, compareFields)
	return slices.Compact(fs)
}

// fill puts what s has into the slots of another schema.
func fill(from *Sample, fromSchema *Schema, to *Sample, toSchema *Schema) {
	to.Reset(toSchema.Len())
	for slot := range toSchema.Len() {
		f, ok := toSchema.Field(slot)
		i, known := fromSchema.slots[f]
		if !ok || !known {
			continue
		}
		to.cell[slot] = from.cell[i]
	}
}

// pair is an index and the same subscriptions one by one.
type pair struct {
	x       *Index
	all     Schema // every field
	current *Sample
	ref     any
	ids     []ID
	watches map[ID]*Watch
	rules   map[ID]*Rule
}

func newPair(t require.TestingT) *pair {
	p := &pair{watches: map[ID]*Watch{}, rules: map[ID]*Rule{}}
	for _, f := range allFields() {
		_, err := p.all.Slot(f)
		require.NoError(t, err)
	}
	p.x = NewIndex(Config{Current: func(s *Sample) { fill(p.current, &p.all, s, p.x.Schema()) }})
	return p
}

func (p *pair) add(t require.TestingT, now time.Duration, r *Rule) {
	id, err := p.x.Add(now, r)
	require.NoError(t, err)
	require.NotContains(t, p.ids, id)
	program, err := Compile(r, &p.all)
	require.NoError(t, err)
	p.ids = append(p.ids, id)
	p.watches[id], p.rules[id] = NewWatch(program, now, p.current, p.ref), r
}

func (p *pair) remove(t require.TestingT, i int) {
	id := p.ids[i]
	require.True(t, p.x.Remove(id))
	require.False(t, p.x.Remove(id))
	p.ids = slices.Delete(p.ids, i, i+1)
	delete(p.watches, id)
	delete(p.rules, id)
	require.Zero(t, p.x.lost)
}

// outcome is what happened to one subscription.
type outcome struct {
	Reason Reason
	Ref    any
}

func (p *pair) compare(t require.TestingT, r *Result, ref any, one func(*Watch) Selection) {
	got := map[ID]outcome{}
	for _, id := range r.Selected {
		require.NotContains(t, got, id)
		got[id] = outcome{Matched, ref}
	}
	for _, l := range r.Late {
		require.NotContains(t, got, l.ID)
		got[l.ID] = outcome{l.Reason, l.Ref}
	}
	for _, id := range p.ids {
		want := one(p.watches[id])
		if want.Reason != NotSelected || got[id].Reason != NotSelected {
			require.Equal(t, outcome{want.Reason, want.Ref}, got[id], "%d: %s", id, p.rules[id])
		}
		delete(got, id)
	}
	require.Empty(t, got)
	require.Zero(t, p.x.lost)
	// What waits is known to the index: it is never late.
	at, ok := p.x.Next()
	for _, id := range p.ids {
		if next, waits := p.watches[id].Next(); waits {
			require.True(t, ok && at <= next, "%s: %v, %v", p.rules[id], at, next)
		}
	}
}

func (p *pair) sample(t require.TestingT, now time.Duration, s *Sample, ref any) {
	p.current, p.ref = s, ref
	own := &Sample{}
	fill(s, &p.all, own, p.x.Schema())
	p.compare(t, p.x.Sample(now, own, ref), ref, func(w *Watch) Selection { return w.Sample(now, s, ref) })
}

func (p *pair) advance(t require.TestingT, now time.Duration) {
	p.compare(t, p.x.Advance(now), nil, func(w *Watch) Selection { return w.Advance(now) })
}

// empty checks that nothing is left when all have gone.
func (p *pair) empty(t require.TestingT) {
	for len(p.ids) > 0 {
		p.remove(t, len(p.ids)-1)
	}
	x := p.x
	require.Zero(t, x.Len())
	require.Empty(t, x.shapes)
	require.Empty(t, x.axes)
	require.Empty(t, x.active)
	require.Empty(t, x.codes)
	require.Len(t, x.freeText, len(x.texts))
	require.Empty(t, x.treeOf)
	require.Empty(t, x.groupOf)
	require.Empty(t, x.controls)
	require.Empty(t, x.timers)
	require.Empty(t, x.schema.slots)
	for i, tr := range x.trees {
		require.Nil(t, tr, i)
	}
}

// likely are rules of the kinds that an index sorts.
func (g *generator) likely() string {
	n := func() string { return fmt.Sprint(float64(rapid.IntRange(-2, 10).Draw(g.t, "")) / 2) }
	f := func() string { return g.pick(numberFields...) }
	cmp := func() string { return f() + g.pick(" < ", " <= ", " > ", " >= ", " == ", " != ") + n() }
	switch rapid.IntRange(0, 21).Draw(g.t, "") {
	case 0, 1:
		return cmp()
	case 2:
		return cmp() + " and " + cmp()
	case 3:
		return cmp() + " and " + cmp() + " and " + cmp()
	case 4:
		return cmp() + " or " + cmp()
	case 5:
		return g.pick("rising", "falling", "changed") + "(" + cmp() + ")"
	case 6:
		return "crosses(" + f() + "," + n() + ")"
	case 7:
		return "delta" + g.pick(" >= ", " > ", " < ", " <= ", " == ") + n()
	case 8:
		return "delta >= " + n() + " or age >= " + g.pick("1s", "3s", "2.5s")
	case 9:
		v := n()
		return "(value > " + v + ") != (last.value > " + v + ")"
	case 10:
		return "hyst(" + f() + ", 3, 1)"
	case 11:
		return g.pick("rising", "falling", "changed") + "(hyst(" + f() + ", 3, 1)) and " + cmp()
	case 12:
		return "s == " + g.str() + g.pick("", " and "+cmp(), " or "+cmp())
	case 13:
		return `s in ["a", "b", "` + n() + `"]`
	case 14:
		return f() + " in " + n() + ".." + n() + g.pick("", " and "+cmp())
	case 15:
		return f() + " in [" + n() + "," + n() + "]"
	case 16:
		return "value " + g.pick("-", "+") + " last.value " + g.pick(">=", "<", ">", "<=") + n()
	case 17:
		return f() + g.pick(" > ", " < ") + "last." + f() + g.pick("", "+ 1")
	case 18:
		return "abs(" + f() + " - last." + f() + ")" + g.pick(" >= ", " < ") + n()
	case 19:
		return "not (" + cmp() + " and " + g.pick("on", cmp(), "prefix(s, \"a\")") + ")"
	case 20:
		return "a * 2 + 1 > " + n() + g.pick("", " and changed(m)")
	}
	return g.pick("true", "on", "not on", "has(m)", "age >= 2s", "age > 1s and value > 1", "rising(on)", "a > b.c", "changed(s)", "last.value - value > 1", "false", "last.on")
}

func drawLikely(t *rapid.T) *Rule {
	for {
		g := &generator{t: t}
		text := g.likely()
		if g.chance(3) {
			text = g.cond()
		}
		if g.chance(2) {
			text += g.controls()
		}
		if r, err := Parse(text); err == nil {
			return r
		}
	}
}

// TestIndexIsOneByOne: an index selects what a Watch for each subscription
// does, while subscriptions come and go, and whatever the clock does.
func TestIndexIsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(t)
		now := time.Duration(rapid.IntRange(0, 3).Draw(t, "start")) * time.Second
		var pool []*Rule
		for range rapid.IntRange(1, 6).Draw(t, "rules") {
			pool = append(pool, drawLikely(t))
		}
		for i := range rapid.IntRange(5, 40).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 4).Draw(t, "wait")) * 500 * time.Millisecond
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1:
				p.add(t, now, rapid.SampledFrom(pool).Draw(t, "rule"))
			case 2:
				if len(p.ids) > 0 {
					p.remove(t, rapid.IntRange(0, len(p.ids)-1).Draw(t, "which"))
				}
			case 3:
				p.advance(t, now)
			case 4:
				if at, ok := p.x.Next(); ok {
					now = max(now, at)
					p.advance(t, now)
					if at, ok := p.x.Next(); ok {
						require.Greater(t, at, now)
					}
				}
			case 5:
				if at, ok := p.x.Next(); ok {
					now = max(now, at)
				}
				p.sample(t, now, drawSample(t, &p.all), i)
			default:
				p.sample(t, now, drawSample(t, &p.all), i)
			}
		}
		p.empty(t)
	})
}

// TestBoundariesAreExact: what is found from what boundary on is what the
// comparison says, for numbers where rounding matters.
func TestBoundariesAreExact(t *testing.T) {
	ns := []float64{0, 1, -1, 0.1, 0.3, 1e-300, -1e-320, 1e16, -1e16, 1 << 53, 3, 0.7, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()}
	rapid.Check(t, func(t *rapid.T) {
		number := func(name string) float64 {
			x := rapid.SampledFrom(ns).Draw(t, name)
			for range rapid.IntRange(0, 3).Draw(t, "up") {
				x = math.Nextafter(x, math.Inf(1))
			}
			return x
		}
		c, d := number("last"), number("bound")
		if math.IsNaN(d) || math.IsInf(d, 0) {
			return
		}
		op := rapid.SampledFrom([]string{">", ">=", "<", "<="}).Draw(t, "op")
		left := rapid.SampledFrom([]string{"delta", "value - last.value", "last.value - value", "value + last.value", "abs(last.value - value)"}).Draw(t, "left")
		r, err := Parse(fmt.Sprintf("%s %s %s", left, op, numberText(d)))
		require.NoError(t, err)
		p := newPair(t)
		value := func(v float64) *Sample {
			s := NewSample(&p.all)
			slot, _ := p.all.Slot(Field{})
			s.SetNumber(slot, v)
			return s
		}
		p.sample(t, 0, value(c), 0)
		p.add(t, 0, r)
		for i := range 6 {
			v := number("value")
			switch rapid.IntRange(0, 3).Draw(t, "near") {
			case 0:
				v = c + d
			case 1:
				v = c - d
			case 2:
				v = math.Nextafter(c+d, v)
			}
			p.sample(t, time.Duration(i)*time.Second, value(v), i)
		}
	})
}
