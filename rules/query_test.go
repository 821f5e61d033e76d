package rules

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestFromQuery(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"rt=temp&if=x&c.other=1", ""},
		{"c.gt=25", "(value > 25) != (last.value > 25)"},
		{"c.lt=-5.50", "(value < -5.5) != (last.value < -5.5)"},
		{"c.gt=25&c.lt=5&c.st=2", "(value < 5) != (last.value < 5) or (value > 25) != (last.value > 25) or delta >= 2"},
		{"c.st=0.5&c.pmin=10&c.pmax=60", "delta >= 0.5; pmin=10s, pmax=1m"},
		{"c.edge=1", "rising(value)"},
		{"c.edge=false", "falling(value)"},
		{"c.band&c.gt=5&c.lt=10", "value in 5..10"},
		{"c.band&c.gt=5&c.lt=5", "value in 5..5"},
		{"c.gt=10&c.lt=5&c.band", "value < 5 or value > 10"},
		{"c.lt=5&c.band", "value >= 5"},
		{"c.gt=5&c.band", "value <= 5"},
		{"c.band&c.gt=5&c.st=1", "value <= 5 or delta >= 1"},
		{"c.pmin=0.5", "true; pmin=500ms"},
		{"c.pmin=0.0001", "true; pmin=1ms"},
		{"c.pmin=2.007&c.pmax=+2.011", "true; pmin=2007ms, pmax=2011ms"},
		{"c.epmin=.5&c.epmax=2.", "true; epmin=500ms, epmax=2s"},
		{`c.pmin="10"`, "true; pmin=10s"},
		{"c.epmin=1&c.epmax=2&c.con=1", "true; epmin=1s, epmax=2s, con"},
		{"c.con=0", "true"},
		{"c.pmax=2&c.pmin=2", "true; pmin=2s, pmax=2s"},
		{"c.gt=+1&x=y", "(value > 1) != (last.value > 1)"},
	} {
		r, err := FromQuery(strings.Split(tt.in, "&"))
		require.NoError(t, err, tt.in)
		if tt.want == "" {
			require.Nil(t, r)
			continue
		}
		require.Equal(t, tt.want, r.String(), tt.in)
	}
	for _, tt := range []struct{ in, want string }{
		{"c.gt", `c.gt: expected a decimal number, found ""`},
		{"c.gt=x", `c.gt: expected a decimal number, found "x"`},
		{"c.gt=1e5", `c.gt: expected a decimal number, found "1e5"`},
		{"c.gt=.", `c.gt: expected a decimal number, found "."`},
		{"c.gt=--1", `c.gt: expected a decimal number, found "--1"`},
		{"c.gt=NaN", `c.gt: expected a decimal number, found "NaN"`},
		{"c.gt=0x1p4", `c.gt: expected a decimal number, found "0x1p4"`},
		{"c.gt=" + strings.Repeat("9", 400), `c.gt: expected a decimal number, found "` + strings.Repeat("9", 40) + `…"`},
		{"c.gt=1&c.gt=2", `c.gt: expected the parameter once, found a second one`},
		{"c.st=0", `c.st: expected a number above 0, found "0"`},
		{"c.pmin=0", `c.pmin: expected a number above 0, found "0"`},
		{"c.pmax=-1", `c.pmax: expected a number above 0, found "-1"`},
		{"c.pmax=3153600001", `c.pmax: expected a number of seconds of at most 3153600000, found "3153600001"`},
		{"c.pmax=1&c.pmin=2", `c.pmax: expected pmax of at least pmin, which is 2s, found 1s`},
		{"c.epmax=2&c.epmin=2", `c.epmax: expected epmax above epmin, which is 2s, found 2s`},
		{"c.edge=10", `c.edge: expected a truth value: 0, 1, false or true, found "10"`},
		{"c.con=yes", `c.con: expected a truth value: 0, 1, false or true, found "yes"`},
		{"c.band", `c.band: expected c.gt or c.lt beside it, found neither`},
		{"c.band&c.st=1", `c.band: expected c.gt or c.lt beside it, found neither`},
		{"c.band=1&c.gt=1", `c.band: expected no value, found "1"`},
	} {
		_, err := FromQuery(strings.Split(tt.in, "&"))
		var qe *QueryError
		require.ErrorAs(t, err, &qe, tt.in)
		require.Equal(t, tt.want, qe.Diagnostic(), tt.in)
		require.Equal(t, "rules: "+tt.want, err.Error())
	}
}

// draft is the text of draft-ietf-core-conditional-attributes §3.4 on its
// parameters, for a scalar and for a boolean resource, without the controls.
type draft struct {
	gt, lt, st *float64
	band       bool
	edge       *bool
}

func (d draft) notify(v, reported float64, state, before *bool) bool {
	crossed := func(limit float64, beyond func(x, limit float64) bool) bool {
		return beyond(v, limit) != beyond(reported, limit)
	}
	above := func(x, limit float64) bool { return x > limit }
	below := func(x, limit float64) bool { return x < limit }
	scalar := state == nil
	switch {
	case !scalar:
	case d.band && d.gt == nil:
		if v >= *d.lt {
			return true
		}
	case d.band && d.lt == nil:
		if v <= *d.gt {
			return true
		}
	case d.band && *d.gt <= *d.lt:
		if *d.gt <= v && v <= *d.lt {
			return true
		}
	case d.band:
		if *d.gt < v || v < *d.lt {
			return true
		}
	default:
		if d.gt != nil && crossed(*d.gt, above) || d.lt != nil && crossed(*d.lt, below) {
			return true
		}
	}
	if scalar && d.st != nil && math.Abs(v-reported) >= *d.st {
		return true
	}
	if d.edge != nil && !scalar && before != nil {
		return *d.edge && *state && !*before || !*d.edge && !*state && *before
	}
	return false
}

// TestQueryIsTheDraft: what the translated parameters select is what the
// draft's text says.
func TestQueryIsTheDraft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d draft
		var params []string
		number := func(name string, low int) *float64 {
			if !rapid.Bool().Draw(t, name) {
				return nil
			}
			x := float64(rapid.IntRange(low, 8).Draw(t, name)) / 2
			params = append(params, fmt.Sprintf("%s=%g", name, x))
			return &x
		}
		d.gt, d.lt, d.st = number("c.gt", -8), number("c.lt", -8), number("c.st", 1)
		if d.gt != nil || d.lt != nil {
			if d.band = rapid.Bool().Draw(t, "band"); d.band {
				params = append(params, "c.band")
			}
		}
		if rapid.Bool().Draw(t, "edge") {
			on := rapid.Bool().Draw(t, "edge")
			d.edge = &on
			params = append(params, fmt.Sprintf("c.edge=%v", on))
		}
		r, err := FromQuery(params)
		require.NoError(t, err)
		if r == nil {
			return
		}
		schema := &Schema{}
		p, err := Compile(r, schema)
		require.NoError(t, err)
		scalar := rapid.Bool().Draw(t, "scalar")
		draw := func() (*Sample, float64, *bool) {
			s := NewSample(schema)
			if scalar {
				v := float64(rapid.IntRange(-8, 8).Draw(t, "value")) / 2
				s.SetNumber(0, v)
				return s, v, nil
			}
			b := rapid.Bool().Draw(t, "state")
			s.SetBool(0, b)
			return s, 0, &b
		}
		first, reported, before := draw()
		w := NewWatch(p, 0, first, nil)
		for i := range 20 {
			s, v, state := draw()
			want := d.notify(v, reported, state, before)
			if want {
				reported = v
			}
			before = state
			got := w.Sample(time.Duration(i+1)*time.Second, s, nil)
			require.Equal(t, want, got.Reason == Matched, "%s at %v", r, v)
		}
	})
}
