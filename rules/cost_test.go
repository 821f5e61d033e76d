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

// TestCosts: what rules cost, which decides which are taken.
func TestCosts(t *testing.T) {
	for _, tt := range []struct {
		text string
		cost int
	}{
		{"true", 1}, {"> 20", 3}, {"delta >= 0.5 or age >= 10m", 7}, {`s == "x"`, 11}, {`s in ["x", "y"]`, 20}, {`s in "x".."y"`, 20}, {`prefix(s, "x")`, 11},
		{"a == b", 11}, {"(a > 1) == b", 5}, {"has(a)", 2}, {"a in [1, 2, 3]", 5}, {"a + b in 1..c", 6}, {"not a", 2}, {"abs(-(a)) > 1", 5},
		{"changed(a)", 11}, {`changed(s == "x")`, 23}, {"changed(a + 1)", 7}, {"rising(a)", 3}, {"falling(a > 1)", 7}, {"crosses(a, 1)", 5},
		{"hyst(a, 2, 1)", 7}, {"rising(hyst(a, 2, 1))", 15}, {"a and b and c", 4},
	} {
		r, err := Parse(tt.text)
		require.NoError(t, err)
		require.Equal(t, tt.cost, r.Cost(), tt.text)
	}
}
