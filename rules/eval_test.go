package rules

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// plainRule draws what most rules are: comparisons of fields with constants.
func plainRule(t *rapid.T) string {
	g := &generator{t: t, stateless: true}
	var cs []string
	for range rapid.IntRange(1, 4).Draw(t, "") {
		x := g.pick("value", "a", "abs(a)", "abs(value)")
		cs = append(cs, g.pick("", "not ")+g.pick(
			x+g.pick("==", "!=", "<", "<=", ">", ">=")+g.pick("", "-")+g.number(), x+" in "+g.number()+".."+g.number(),
			x+" in ["+g.number()+", "+g.number()+"]", "s"+g.pick("==", "!=")+g.pick(`""`, `"ab"`, `"seven77"`, `"eight888"`, `"eight889"`)))
	}
	return strings.Join(cs, g.pick(" and ", " or "))
}

// TestEvalIsTheWalk: of one sample, and the one before, with too few slots or
// with none of them, Program.Eval says what the walk over the rule as it was
// written says; and so does the code that rules share.
func TestEvalIsTheWalk(t *testing.T) {
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{t: t}
		text := g.cond()
		if rapid.Bool().Draw(t, "plain") {
			text = plainRule(t)
		}
		r, err := Parse(text)
		if err != nil {
			return
		}
		schema := &Schema{}
		raw := rawProgram(t, text, schema)
		p, err := Compile(r, schema)
		require.NoError(t, err)
		shared := newCompiler(r.expr, schema, true).s
		if p.plain != nil {
			plain++
		}
		for range 20 {
			samples := []*Sample{drawSample(t, schema), drawSample(t, schema)}
			for _, s := range samples {
				if rapid.IntRange(0, 9).Draw(t, "short") == 0 {
					s.cell = s.cell[:rapid.IntRange(0, len(s.cell)).Draw(t, "slots")]
				}
			}
			cur, before := samples[0], samples[1]
			if rapid.IntRange(0, 3).Draw(t, "first") == 0 {
				before = nil
			}
			e := env{cur: cur, prev: before, last: p.none, age: math.NaN()}
			if before == nil {
				e.prev = p.none
			}
			want := newWalker(raw, &e).truth(raw.rule.expr, now)
			require.Equal(t, want, p.Eval(cur, before), text)
			require.Equal(t, want, p.Eval(cur, before), text)
			cur.grow(schema.Len())
			e.prev.grow(schema.Len())
			e.nums, e.strs = r.nums, r.strs
			require.Equal(t, want, shared.root(&e), text)
		}
	})
	require.Positive(t, plain)
}

// TestUnknown: of every operator and call, with what is known and what is not.
func TestUnknown(t *testing.T) {
	const T, F, U = True, False, Unknown
	// one is a number, nan a NaN, pos and neg infinities, t and f truth values, o an object; m is missing.
	// Before there were only one, t and s.
	now := map[string]any{"one": 1.0, "nan": math.NaN(), "pos": math.Inf(1), "neg": math.Inf(-1), "zero": math.Copysign(0, -1),
		"t": true, "f": false, "s": "ab", "o": nil}
	before := map[string]any{"one": 0.0, "t": false, "s": "ab"}
	for _, tt := range []struct {
		text string
		want Truth
	}{
		{"m == 1", U}, {"m != 1", U}, {"not m == 1", U}, {"not (m == 1 and t)", U}, {"m", U}, {"not m", U}, {"!m", U},
		{"nan == nan", U}, {"nan != 1", U}, {"nan < 1", U}, {"nan >= 1", U}, {"abs(nan) > 0", U}, {"-(nan) > 0", U}, {"nan + 1 > 0", U}, {"nan * 0 == 0", U},
		{"s == 1", U}, {"s != 1", U}, {"s + 1 > 0", U}, {"one == s", U}, {"one != s", U}, {`one == "1"`, U}, {"t > 0", U}, {"t == 1", U}, {"o == o", U}, {"o > 1", U}, {"o", U}, {"one", U}, {"s", U},
		{"t < f", U}, {"t == f", F}, {"t != f", T}, {"s == s", T}, {"s < s", F}, {`s < "b"`, T}, {`s >= "ab"`, T}, {"o != o", U}, {"m == m", U},
		{"pos > 1e308", T}, {"pos == pos", T}, {"pos - pos == 0", U}, {"neg < -1e308", T}, {"pos + neg == 0", U}, {"pos > 1.7976931348623157e308", T}, {"pos <= 1.7976931348623157e308", F}, {"neg < -1.7976931348623157e308", T}, {"abs(neg) == pos", T}, {"zero * pos == 0", U},
		{"zero == 0", T}, {"zero == -0", T}, {"zero < 0", F}, {"zero > -5e-324", T}, {"one / zero == pos", T}, {"1 / zero > 0", T}, {"-1 / zero == neg", T}, {"one / (0 * -1) == pos", T}, {"zero / zero == 0", U}, {"one / (zero * -1) > 0", T},
		{"m and f", F}, {"f and m", F}, {"m and t", U}, {"t and m", U}, {"m or t", T}, {"t or m", T}, {"m or f", U}, {"f or m", U}, {"m and m", U}, {"m or not m", U}, {"m and not m", U}, {"m and t and f", F}, {"m or f or t", T},
		{"(m > 1) == (m > 1)", U}, {"(m > 1) != t", U}, {"(one > 0) == t", T},
		{"m in [1, 2]", U}, {"one in [2, 1]", T}, {"one in [m, 1]", T}, {"one in [m, 2]", U}, {"one in [2, nan, 3]", U}, {"one in [2, 3]", F}, {"one + 0 in [m, 1]", T}, {"one + 0 in [m, 2]", U}, {"one + 0 in [2, 3]", F}, {"nan + 0 in [2, 3]", U},
		{`s in ["b", "ab"]`, T}, {`s in ["b", m]`, U}, {"t in [f, m]", U}, {"t in [f, m, true]", T}, {"(one > 0) in [f, m]", U}, {"(one > 0) in [f, t]", T}, {"o in [o, one]", U}, {"one in [o, one]", T},
		{"one in 0..m", U}, {"one in 2..m", F}, {"one in m..0", F}, {"m in 0..1", U}, {"one in 1..1", T}, {"one in 2..0", F}, {"m in 2..0", U}, {"one in 5..1", F}, {"one + 1 in 2..2", T}, {"one + 1 in 3..m", F}, {"m + 1 in 5..1", U}, {`s in "ab".."ab"`, T}, {`s in "a"..m`, U}, {"pos in neg..pos", T},
		{"has(m)", F}, {"has(o)", T}, {"has(nan)", T}, {"has(prev.nan)", F}, {"has(last.one)", F}, {"not has(m)", T},
		{"prev.one == 0", T}, {"prev.nan == 0", U}, {"last.one == 0", U}, {"not last.one == 0", U}, {"delta > 0", U}, {"age > 0s", U}, {"age >= 0s or t", T}, {"not age > 0s", U},
		{"changed(one)", T}, {"changed(s)", F}, {"changed(nan)", U}, {"changed(m)", U}, {"changed(pos)", U}, {"not changed(m)", U}, {"changed(t)", T}, {"changed(one > 5)", F},
		{"rising(t)", T}, {"falling(t)", F}, {"rising(f)", F}, {"falling(f)", U}, {"rising(m)", U}, {"rising(one > 0)", T}, {"rising(pos > 0)", U}, {"rising(nan > 0)", U}, {"rising(not t)", F}, {"falling(not t)", T}, {"rising(has(pos))", T},
		{"crosses(one, 0.5)", T}, {"crosses(one, 1)", F}, {"crosses(one, 0)", T}, {"crosses(pos, 1)", U}, {"crosses(one, m)", U}, {"crosses(nan, 1)", U},
		{"hyst(one, 1, 0)", F}, {"hyst(m, 1, 0)", U}, {"not hyst(m, 1, 0)", U}, {"hyst(one, m, 0)", U}, {"hyst(one, 1, nan)", U},
		{`prefix(s, "a")`, T}, {`prefix(s, "")`, T}, {`prefix(s, m)`, U}, {`prefix(one, "1")`, U}, {`prefix(s, "abc")`, F}, {`prefix("abc", s)`, T},
		{"0 / 0 == 0 / 0", U}, {"1 / 0 > 1e308", T}, {"1 / 0 == 2 / 0", T}, {"changed(0 / 0)", U}, {"1 in [0 / 0, 1]", T}, {"1 in 0 / 0..0", F},
	} {
		r, err := Parse(tt.text)
		require.NoError(t, err, tt.text)
		schema := &Schema{}
		p, err := Compile(r, schema)
		require.NoError(t, err)
		raw := rawProgram(t, tt.text, schema)
		fill := func(values map[string]any) *Sample {
			s := NewSample(schema)
			for slot := range schema.Len() {
				f, _ := schema.Field(slot)
				switch v, ok := values[f.String()]; x := v.(type) {
				case float64:
					s.SetNumber(slot, x)
				case bool:
					s.SetBool(slot, x)
				case string:
					s.SetString(slot, x)
				case nil:
					if ok {
						s.SetOther(slot)
					}
				}
			}
			return s
		}
		cur, prev := fill(now), fill(before)
		require.Equal(t, tt.want, p.Eval(cur, prev), tt.text)
		e := env{cur: cur, prev: prev, last: p.none, age: math.NaN()}
		require.Equal(t, tt.want, newWalker(raw, &e).truth(raw.rule.expr, 0), tt.text)
		negated, err := Parse(fmt.Sprintf("not (%s)", tt.text))
		require.NoError(t, err)
		q, err := Compile(negated, schema)
		require.NoError(t, err)
		require.Equal(t, tt.want.not(), q.Eval(cur, prev), negated.String())
	}
}
