package bench

import (
	"fmt"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/rules"
)

// both is an expression in both languages.
type both struct{ ours, theirs string }

func (a both) join(ours, theirs string, b both) both {
	return both{"(" + a.ours + " " + ours + " " + b.ours + ")", "(" + a.theirs + " " + theirs + " " + b.theirs + ")"}
}

func pick(t *rapid.T, from ...string) string { return rapid.SampledFrom(from).Draw(t, "") }

func drawNumber(t *rapid.T, depth int) both {
	n := rapid.IntRange(0, 8).Draw(t, "")
	switch {
	case n == 8 && depth <= 5:
		by := pick(t, "4", "0.3", "7")
		return drawNumber(t, depth+1).join("/", "/", both{by, by})
	case n < 3 || depth > 5:
		f := pick(t, "a", "b", "c")
		return both{f, f}
	case n < 5:
		x := fmt.Sprintf("%.2f", float64(rapid.IntRange(0, 20).Draw(t, ""))/4)
		return both{x, x}
	case n == 5:
		k := drawNumber(t, depth+1)
		return both{"abs(" + k.ours + ")", "abs(" + k.theirs + ")"}
	case n == 6:
		k := drawNumber(t, depth+1)
		return both{"-(" + k.ours + ")", "-(" + k.theirs + ")"}
	}
	o := pick(t, "+", "-", "*")
	return drawNumber(t, depth+1).join(o, o, drawNumber(t, depth+1))
}

func drawText(t *rapid.T) both {
	s := pick(t, "s", "r", `"a"`, `"ab"`, `""`, `"b"`)
	return both{s, s}
}

func drawCondition(t *rapid.T, depth int) both {
	n := rapid.IntRange(0, 11).Draw(t, "")
	if depth > 5 {
		n %= 5
	}
	o := pick(t, "==", "!=", "<", "<=", ">", ">=")
	if n == 11 {
		x, y, z := drawNumber(t, depth+1), drawNumber(t, depth+1), drawNumber(t, depth+1)
		return both{"(" + x.ours + " in [" + y.ours + ", 1.5, " + z.ours + "])",
			"((" + x.theirs + ") == (" + y.theirs + ") or (" + x.theirs + ") == 1.5 or (" + x.theirs + ") == (" + z.theirs + "))"}
	}
	switch n {
	case 0, 1:
		return drawNumber(t, depth+1).join(o, o, drawNumber(t, depth+1))
	case 2:
		return drawText(t).join(o, o, drawText(t))
	case 3:
		x, from, to := drawNumber(t, depth+1), drawNumber(t, depth+1), drawNumber(t, depth+1)
		return both{x.ours + " in " + from.ours + ".." + to.ours,
			"(" + x.theirs + " >= " + from.theirs + " and " + x.theirs + " <= " + to.theirs + ")"}
	case 4:
		f := pick(t, "p", "q", "true")
		return both{f, f}
	case 5:
		return drawText(t).join("in", "in", both{`["a", "b", s]`, `["a", "b", s]`})
	case 6:
		s, p := drawText(t), drawText(t)
		return both{"prefix(" + s.ours + ", " + p.ours + ")", "(" + s.theirs + " startsWith " + p.theirs + ")"}
	case 7:
		k := drawCondition(t, depth+1)
		return both{"not (" + k.ours + ")", "not (" + k.theirs + ")"}
	case 8:
		e := pick(t, "==", "!=")
		a, b := drawCondition(t, depth+1), drawCondition(t, depth+1)
		return both{"(" + a.ours + ") " + e + " (" + b.ours + ")", "((" + a.theirs + ") " + e + " (" + b.theirs + "))"}
	case 9:
		return drawCondition(t, depth+1).join("or", "||", drawCondition(t, depth+1))
	}
	return drawCondition(t, depth+1).join("and", "&&", drawCondition(t, depth+1))
}

// TestSameAsExpr: where nothing is unknown, a rule without state is what the
// same expression is in expr.
func TestSameAsExpr(t *testing.T) {
	type env struct {
		A float64 `expr:"a"`
		B float64 `expr:"b"`
		C float64 `expr:"c"`
		S string  `expr:"s"`
		R string  `expr:"r"`
		P bool    `expr:"p"`
		Q bool    `expr:"q"`
	}
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		e := drawCondition(t, 0)
		r, err := rules.Parse(e.ours)
		if err != nil {
			require.ErrorIs(t, err, rules.ErrLimit, e.ours)
			return
		}
		compared++
		theirs, err := expr.Compile(e.theirs, expr.Env(env{}), expr.AsBool())
		require.NoError(t, err, e.theirs)
		var schema rules.Schema
		program, err := rules.Compile(r, &schema)
		require.NoError(t, err)
		for range 5 {
			number := func(name string) float64 { return float64(rapid.IntRange(-8, 20).Draw(t, name)) / 4 }
			v := env{number("a"), number("b"), number("c"), pick(t, "", "a", "ab", "b", "ba"), pick(t, "", "a", "ab"), rapid.Bool().Draw(t, "p"), rapid.Bool().Draw(t, "q")}
			s := rules.NewSample(&schema)
			for slot := range schema.Len() {
				f, _ := schema.Field(slot)
				switch f.String() {
				case "a":
					s.SetNumber(slot, v.A)
				case "b":
					s.SetNumber(slot, v.B)
				case "c":
					s.SetNumber(slot, v.C)
				case "s":
					s.SetString(slot, v.S)
				case "r":
					s.SetString(slot, v.R)
				case "p":
					s.SetBool(slot, v.P)
				case "q":
					s.SetBool(slot, v.Q)
				}
			}
			want, err := expr.Run(theirs, v)
			require.NoError(t, err)
			require.NotEqual(t, rules.Unknown, program.Eval(s, nil))
			require.Equal(t, want, program.Eval(s, nil) == rules.True, "%s\n%s\n%+v", e.ours, e.theirs, v)
		}
	})
	require.Positive(t, compared)
}
