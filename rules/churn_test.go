package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestIndexChurn: whatever comes and goes, always other rules, fields and texts,
// an index has room for those who are there and for no more.
func TestIndexChurn(t *testing.T) {
	kinds := []string{
		"value > %d", "value > %d and a < %[1]d", "value in [%d, -7, -9]", "value > %d or a < -%[1]d", `s == "x%d"`, `s in ["x%d", "y%[1]d"]`, `s != "%d"`,
		"value * %d > 3", "f%d > 3", "delta >= %d", "age > %dms", "hyst(value, %d, -5)", "rising(hyst(value, %d, -5))", "(value > %d) != (last.value > %[1]d)",
		"value > %d; pmin=%[1]dms", "delta >= %d; pmin=5s", "value > %d; pmax=%[1]dms", "value > -%d; epmin=%[1]dms", "true; epmax=%dms", `s != "%d"; pmin=9s`, "f%d > prev.f%[1]d; pmax=1h",
	}
	const (
		live  = 100
		steps = 12_000
	)
	x := NewIndex(Config{})
	var ids []ID
	now := time.Duration(0)
	for i := range steps {
		r, err := Parse(fmt.Sprintf(kinds[i%len(kinds)], i+1))
		require.NoError(t, err)
		id, err := x.Add(now, r)
		require.NoError(t, err)
		if ids = append(ids, id); len(ids) > live {
			at := i * 7919 % len(ids)
			require.True(t, x.Remove(ids[at]))
			ids[at] = ids[len(ids)-1]
			ids = ids[:live]
		}
		if i%5 == 0 {
			now += 700 * time.Millisecond
			s := NewSample(x.Schema())
			for slot := range s.Len() {
				if f, ok := x.Schema().Field(slot); ok && f.Name() == "/s" {
					s.SetString(slot, fmt.Sprintf("x%d", i))
				} else {
					s.SetNumber(slot, float64(i%17*3000))
				}
			}
			x.Sample(now, s, i)
		} else if i%3 == 0 {
			now += 100 * time.Millisecond
			x.Advance(now)
		}
	}
	require.Zero(t, x.lost)
	require.Equal(t, live, x.Len())
	const room = 3 * (live + 1) // a rule has three boxes, or two texts, at most
	require.LessOrEqual(t, len(x.subs), room)
	require.LessOrEqual(t, len(x.texts), room)
	require.LessOrEqual(t, len(x.trees), room)
	require.LessOrEqual(t, len(x.axes), 2*room)
	require.LessOrEqual(t, len(x.shapeOf), live+1)
	require.LessOrEqual(t, len(x.groups), live+1)
	require.LessOrEqual(t, len(x.controls), live+1)
	require.LessOrEqual(t, len(x.timers), live+1)
	require.LessOrEqual(t, x.schema.Len(), room)
	for _, list := range []int{cap(x.free), cap(x.freeShape), cap(x.freeText), cap(x.freeTree), cap(x.freeGroup), cap(x.due), cap(x.maybe), cap(x.sure)} {
		require.LessOrEqual(t, list, 4*room)
	}
	for _, id := range ids {
		require.True(t, x.Remove(id))
	}
	(&pair{x: x}).empty(t)
}
