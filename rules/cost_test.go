package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// made compiles a rule and counts what an evaluation calls.
func made(t require.TestingT, r *Rule) int {
	schema := &Schema{}
	_, err := Compile(r, schema)
	require.NoError(t, err)
	return newCompiler(r.expr, schema, true).made
}

// TestCostIsABound: no evaluation does more than its rule costs.
func TestCostIsABound(t *testing.T) {
	var xs []string
	for i := range 30 {
		xs = append(xs, fmt.Sprint(i))
	}
	list := "[" + strings.Join(xs, ", ") + "]"
	sum := "(a + b + (c + d)) * (a - b - (c - d)) + (a * b - c / d)"
	for _, text := range []string{
		"a in " + list, sum + " in " + list, "rising(" + sum + " in [1, 2, 3])", "prev.a in " + list, "age / 1s in " + list,
		sum + " in a..b", "(a > b and c > d or has(e)) in [a, b, (c > d), true]", "a in [b, c, d]", "a in [b, 1, 2]", "abs(a) in [b, 1, 2]",
		"hyst(a, b + c + d, b - c - d)", "rising(hyst(a, b + c + d, b - c - d))", "crosses(a + b, c * d)", "changed(" + sum + ")",
		`s in ["a", "b", "c"]`, `prefix(s, r) == (a in [b, c])`, "a in [(b > 1), c, true]", "delta in [a, b]", "a in b..c", "1 in [a, b]",
	} {
		r, err := Parse(text)
		require.NoError(t, err, text)
		require.LessOrEqual(t, made(t, r), r.Cost(), text)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := drawRule(t, false)
		require.LessOrEqual(t, made(t, r), r.Cost(), r.String())
	})
}
