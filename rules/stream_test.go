package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStreams: what a subscription selects, sample by sample, one a second: m is
// matched, d delayed, f forced, - not selected; ~ before it if time brought it
// about between two samples.
func TestStreams(t *testing.T) {
	for _, tt := range []struct {
		rule string
		held any // nil = none
		in   []any
		want string
	}{
		{"hyst(value, 30, 25)", 27, []any{27, 30, 26, 25, 27}, "- m m - -"},
		{"hyst(value, 30, 25)", 30, []any{27, "x", 26, 24}, "m - m -"},
		{"hyst(value, 30, 25)", nil, []any{27, 30, 29}, "- m m"},
		{"hyst(value, 30, 30)", 0, []any{30, 29.9, 30}, "m - m"},
		{"not hyst(value, 30, 25)", 30, []any{27, 25, 27, "x"}, "- m m -"},
		{"value == 27 and hyst(value, 30, 25)", 20, []any{27, 30, 27, 20, 27}, "- - m - -"},
		{"hyst(value, 30, 25) and value == 27", 20, []any{27, 30, 27, 20, 27}, "- - m - -"},
		{"value != 27 or not hyst(value, 30, 25)", 20, []any{27, 30, 27, 20, 27}, "m m - m m"},
		{"hyst(value, a, 25)", 20, []any{map[string]any{"value": 30, "a": 30}, map[string]any{"value": 20}, map[string]any{"value": 27, "a": 30}}, "m - m"},
		{"hyst(value, 30, a)", 30, []any{map[string]any{"value": 20}, map[string]any{"value": 27, "a": 25}, map[string]any{"a": 25},
			map[string]any{"value": 25, "a": 25}}, "- m - -"},
		{"rising(hyst(value, 30, 25))", 20, []any{30, 27, 30, 25, 31, 32}, "m - - - m -"},
		{"rising(hyst(value, 30, 25))", nil, []any{30, 20, 30}, "- - m"},
		{"falling(hyst(value, 30, 25))", 35, []any{26, 25, 24, 31, 20}, "- m - - m"},
		{"changed(hyst(value, 30, 25))", 20, []any{30, 29, 25, 26, "x", 30}, "m - m - - -"},
		{"rising(value > 20)", 10, []any{21, 22, 20, 21, "x", 21}, "m - - m - -"},
		{"rising(value > 20)", nil, []any{21, 20, 21}, "- - m"},
		{"crosses(value, 20)", 20, []any{21, 20, 19, 22, 22}, "m m - m -"},
		{"changed(value)", 1, []any{1, 2, "x", "x", "y", true, true, false}, "- m - - m - - m"},
		{"delta >= 2", 0, []any{1, 2, 3, 4, 2}, "- m - m m"},
		{"delta >= 2", nil, []any{1, 5, 9}, "- - -"},
		{"delta >= 2 or not has(last.value)", nil, []any{"x", 1, 2, 3}, "m - - -"},
		{"prev.value < last.value", 5, []any{4, 6, 3}, "- m -"},
		{"age >= 2s", 0, []any{1, 1, 1, 1, 1}, "- m - m -"},
		{"value == \"eight888\"", "x", []any{"eight889", "eight888", "eight88", 5}, "- m - -"},
		{"value == \"seven77\" or value == \"eight888\"", "x", []any{"eight889", "eight888", "seven77", 5}, "- m m -"},
		{"> 1; pmin=2500ms", 0, []any{2, 3, 0, 0, 5}, "- - ~d - - m"},
		{"> 1; pmin=2s", 0, []any{2, 3, 4, 5}, "- m - m"},
		{"false; pmax=1500ms", 0, []any{1, 2, 3, 4}, "- ~f - f -"},
		{"true; pmin=2s, pmax=2s", 0, []any{1, 2, 3, 4}, "- m - m"},
		{"true; epmin=1500ms", 0, []any{1, 2, 3, 4}, "- ~m - m -"},
		{"rising(> 1); epmax=400ms", 0, []any{2, 2, 0, 2}, "m - - m"},
		{"rising(hyst(value, 3, 1)); epmax=400ms", 0, []any{4, 4, 0, 4}, "m - - m"},
		{"changed(value); epmax=400ms", 0, []any{1, 1, 2}, "m - m"},
		{"age >= 1500ms; epmax=500ms", 0, []any{1, 1, 1, 1}, "- ~m - m -"},
	} {
		r, err := Parse(tt.rule)
		require.NoError(t, err, tt.rule)
		schema := &Schema{}
		p, err := Compile(r, schema)
		require.NoError(t, err)
		sample := func(v any) *Sample {
			s := NewSample(schema)
			for slot := range schema.Len() {
				v := v
				if members, ok := v.(map[string]any); ok {
					f, _ := schema.Field(slot)
					v = members[f.String()]
				}
				switch x := v.(type) {
				case int:
					s.SetNumber(slot, float64(x))
				case float64:
					s.SetNumber(slot, x)
				case string:
					s.SetString(slot, x)
				case bool:
					s.SetBool(slot, x)
				}
			}
			return s
		}
		var held *Sample
		if tt.held != nil {
			held = sample(tt.held)
		}
		w := NewWatch(p, 0, held, nil)
		var got []string
		letter := map[Reason]string{NotSelected: "-", Matched: "m", Delayed: "d", Forced: "f"}
		for i, v := range tt.in {
			now := time.Duration(i+1) * time.Second
			for at, ok := w.Next(); ok && at < now; at, ok = w.Next() {
				if s := w.Advance(at); s.Reason != NotSelected {
					got = append(got, "~"+letter[s.Reason])
				}
			}
			got = append(got, letter[w.Sample(now, sample(v), nil).Reason])
		}
		require.Equal(t, tt.want, strings.Join(got, " "), "%s: %v, %v", tt.rule, tt.held, tt.in)
	}
}
