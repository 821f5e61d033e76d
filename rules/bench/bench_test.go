package bench

import (
	"testing"

	"cel.dev/cel-go/cel"
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/rules"
)

// The rule of expr's own benchmark.
const (
	ours   = `(Origin == "MOW" or Country == "RU") and (Value >= 100 or Adults == 1)`
	theirs = `(Origin == "MOW" || Country == "RU") && (Value >= 100 || Adults == 1)`
)

// payload is what it is evaluated for.
type payload struct {
	Origin, Country string
	Adults, Value   float64
}

var last = payload{"XYZ", "RU", 1, 99} // the last operand of both alternatives decides

func (p payload) asMap() map[string]any {
	return map[string]any{"Origin": p.Origin, "Country": p.Country, "Adults": p.Adults, "Value": p.Value}
}

// program compiles a rule, and makes a sample of a payload.
func program(t testing.TB, text string, p payload) (*rules.Program, *rules.Sample) {
	t.Helper()
	r, err := rules.Parse(text)
	require.NoError(t, err)
	var schema rules.Schema
	c, err := rules.Compile(r, &schema)
	require.NoError(t, err)
	s := rules.NewSample(&schema)
	for name, v := range p.asMap() {
		slot, err := schema.Slot(rules.NewField("/" + name))
		require.NoError(t, err)
		if slot >= s.Len() {
			continue // the rule does not look at it
		}
		switch x := v.(type) {
		case string:
			s.SetString(slot, x)
		case float64:
			s.SetNumber(slot, x)
		}
	}
	return c, s
}

// BenchmarkFourComparisons evaluates the rule with decoded fields at hand, in
// the way that each library recommends for many evaluations.
func BenchmarkFourComparisons(b *testing.B) {
	for _, c := range []struct {
		name string
		p    payload
	}{{"first", payload{"MOW", "RU", 1, 100}}, {"last", last}} {
		b.Run("rules/"+c.name, func(b *testing.B) {
			p, s := program(b, ours, c.p)
			b.ReportAllocs()
			for b.Loop() {
				if p.Eval(s, nil) != rules.True {
					b.Fatal("not true")
				}
			}
		})
		b.Run("expr-map/"+c.name, func(b *testing.B) {
			env := c.p.asMap()
			p, err := expr.Compile(theirs, expr.Env(env), expr.AsBool())
			require.NoError(b, err)
			runExpr(b, p, env)
		})
		b.Run("expr-struct/"+c.name, func(b *testing.B) {
			p, err := expr.Compile(theirs, expr.Env(payload{}), expr.AsBool())
			require.NoError(b, err)
			runExpr(b, p, c.p)
		})
		b.Run("cel/"+c.name, func(b *testing.B) {
			env, err := cel.NewEnv(cel.Variable("Origin", cel.StringType), cel.Variable("Country", cel.StringType),
				cel.Variable("Adults", cel.DoubleType), cel.Variable("Value", cel.DoubleType))
			require.NoError(b, err)
			ast, issues := env.Compile(`(Origin == "MOW" || Country == "RU") && (Value >= 100.0 || Adults == 1.0)`)
			require.NoError(b, issues.Err())
			p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
			require.NoError(b, err)
			vars, err := cel.NewActivation(c.p.asMap())
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				v, _, err := p.Eval(vars)
				if err != nil || v.Value() != true {
					b.Fatal("not true")
				}
			}
		})
	}
}

func runExpr(b *testing.B, p *vm.Program, env any) {
	b.ReportAllocs()
	var machine vm.VM
	for b.Loop() {
		v, err := machine.Run(p, env)
		if err != nil || v != true {
			b.Fatal("not true")
		}
	}
}

// BenchmarkSimple evaluates simple rules.
func BenchmarkSimple(b *testing.B) {
	for _, text := range []string{
		"Value > 20", "Value in 20..100", "Value > 20 and Adults < 5", `Origin == "XYZ"`, "not Value > 100", "has(Value)", "abs(Value) > 5", `Country in ["DE", "RU"]`,
	} {
		b.Run(text, func(b *testing.B) {
			p, s := program(b, text, last)
			b.ReportAllocs()
			for b.Loop() {
				if p.Eval(s, nil) != rules.True {
					b.Fatal("not true")
				}
			}
		})
	}
}
