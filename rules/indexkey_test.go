package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// addTo adds a rule to an index.
func addTo(t *testing.T, x *Index, text string) ID {
	t.Helper()
	r, err := Parse(text)
	require.NoError(t, err)
	id, err := x.Add(0, r)
	require.NoError(t, err)
	return id
}

// TestIndexNearZero: what is as near to 0 as can be is bounded by the numbers
// next to it, behind which there is 0, and not −0: it is among others with that
// bound, and each of them is found again.
func TestIndexNearZero(t *testing.T) {
	for _, near := range []string{"delta <= 0", "abs(value - last.value) < 5e-324"} {
		x := NewIndex(Config{Current: func(s *Sample) { s.SetNumber(0, 0) }})
		addTo(t, x, "value > 1")
		s := NewSample(x.Schema())
		s.SetNumber(0, 0)
		x.Sample(0, s, nil)
		// The same set of corners: from value at most 0, and at least 0.
		id := addTo(t, x, "value <= 0 and value >= 0 and last.value == 0")
		ids := []ID{id}
		for range 2*apart + 2 {
			ids = append(ids, addTo(t, x, near))
		}
		require.ElementsMatch(t, ids, x.Sample(1, s, nil).Selected)
		for i := range ids {
			require.True(t, x.Remove(ids[i]))
			require.Zero(t, x.lost)
			require.ElementsMatch(t, ids[i+1:], x.Sample(time.Duration(i+2), s, nil).Selected)
		}
	}
}

// TestIndexKeysOfAxes: the name of a field can begin with what marks the kind of
// an axis, or the sample that it is of.
func TestIndexKeysOfAxes(t *testing.T) {
	for _, two := range [][2]string{
		{`falling(x == "b")`, `prefix(rev.sx, "b")`},
		{`prefix(rev.sx, "b")`, `falling(x == "b")`},
		{`falling(prefix(x, "b"))`, `prefix(rev.px, "b")`},
	} {
		x := NewIndex(Config{})
		ids := []ID{addTo(t, x, two[0]), addTo(t, x, two[1])}
		s := NewSample(x.Schema())
		tell := func(plain, other string) []ID {
			for slot := range x.Schema().Len() {
				text := other
				if f, _ := x.Schema().Field(slot); f.String() == "x" {
					text = plain
				}
				s.SetString(slot, text)
			}
			return x.Sample(0, s, nil).Selected
		}
		falling := ids[0]
		if two[1][0] == 'f' {
			falling = ids[1]
		}
		begins := ids[0] + ids[1] - falling
		require.Equal(t, []ID{begins}, tell("b", "bb"), two)
		require.Equal(t, []ID{falling}, tell("a", "a"), two)
		require.Empty(t, tell("a", "a"), two)
		require.Equal(t, []ID{begins}, tell("b", "bc"), two)
		for _, id := range ids {
			require.True(t, x.Remove(id))
			require.Zero(t, x.lost)
		}
	}
}

// TestIndexOfOneCornerOnce: alternatives of which one was exact are one when
// neither is any more: no corner is twice in a set.
func TestIndexOfOneCornerOnce(t *testing.T) {
	for _, text := range []string{
		`(a >= 3 or s != "x" and a >= 3) and (v >= 1 or w >= 1 or x >= 1 or y >= 1 or z >= 1)`,
		`(a > 3 or s != "x" and a > 3) and (w > 1 or x > 1 or y > 1 or z > 1 or last.value < 2 and v > 1)`,
	} {
		x := NewIndex(Config{})
		addTo(t, x, "value > 100")
		s := NewSample(x.Schema())
		s.SetNumber(0, 1)
		x.Sample(0, s, nil)
		id := addTo(t, x, text)
		require.Len(t, x.trees, 2)
		require.Equal(t, 1, x.trees[1].n, text)
		require.True(t, x.Remove(id))
		require.Zero(t, x.lost, text)
	}
}
