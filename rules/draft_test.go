package rules

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestControlsAreTheDraft: what draft-ietf-core-conditional-attributes says of
// c.pmin, c.pmax, c.epmin and c.epmax holds of every stream of samples, if time
// does its work when it is due:
//   - two notifications are at least c.pmin and at most c.pmax apart;
//   - two evaluations are at least c.epmin and at most c.epmax apart;
//   - what is wanted within c.pmin is sent at its end, unless a later one is.
func TestControlsAreTheDraft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var params []string
		period := func(name string, low, high int) time.Duration {
			if !rapid.Bool().Draw(t, name) {
				return 0
			}
			ms := rapid.IntRange(low, high).Draw(t, name)
			params = append(params, fmt.Sprintf("c.%s=%d.%03d", name, ms/1000, ms%1000))
			return time.Duration(ms) * time.Millisecond
		}
		pmin, pmax := period("pmin", 1, 3000), period("pmax", 3000, 9000)
		epmin, epmax := period("epmin", 1, 3000), period("epmax", 3001, 9000)
		params = append(params, rapid.SampledFrom([][]string{{"c.gt=2"}, {"c.st=1"}, {"c.band", "c.gt=2"}}).Draw(t, "condition")...)
		r, err := FromQuery(params)
		require.NoError(t, err)
		require.Equal(t, Controls{PMin: pmin, PMax: pmax, EPMin: epmin, EPMax: epmax}, r.Controls())

		schema := &Schema{}
		p, err := Compile(r, schema)
		require.NoError(t, err)
		s := NewSample(schema)
		s.SetNumber(0, 0)
		w := NewWatch(p, 0, s, 0)
		now, notified, evaluated, newest := time.Duration(0), time.Duration(0), time.Duration(0), 0
		check := func(sel Selection) {
			if sel.Evaluated {
				require.GreaterOrEqual(t, now-evaluated, epmin)
				evaluated = now
			}
			if epmax > 0 {
				require.LessOrEqual(t, now-evaluated, epmax)
			}
			if sel.Reason != NotSelected {
				require.GreaterOrEqual(t, now-notified, pmin)
				notified = now
				if sel.Reason != Delayed {
					require.Equal(t, newest, sel.Ref)
				}
			}
			if pmax > 0 {
				require.LessOrEqual(t, now-notified, pmax)
			}
			if sel.Evaluated && sel.Truth == True && sel.Reason == NotSelected {
				at, ok := w.Next()
				require.True(t, ok && pmin > 0 && at <= max(notified+pmin, now), "it waits")
			}
		}
		for newest < 20 {
			next := now + time.Duration(rapid.IntRange(1, 5000).Draw(t, "wait"))*time.Millisecond
			for at, ok := w.Next(); ok && at < next; at, ok = w.Next() {
				require.Greater(t, at, now)
				now = at
				check(w.Advance(now))
			}
			now = next
			newest++
			s.SetNumber(0, float64(rapid.IntRange(0, 4).Draw(t, "value")))
			check(w.Sample(now, s, newest))
		}
	})
}
