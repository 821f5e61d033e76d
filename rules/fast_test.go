package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBranchesAreGoneToOnce: a rule of ten lists of four has a million ways
// through it, and as many branches as it has constants.
func TestBranchesAreGoneToOnce(t *testing.T) {
	var lists []string
	for i := range 10 {
		lists = append(lists, fmt.Sprintf("f%d in [1,2,3,4]", i))
	}
	r, err := Parse(strings.Join(lists, " and "))
	require.NoError(t, err)
	p, err := Compile(r, &Schema{})
	require.NoError(t, err)
	n := 0
	p.shape.fast.each(map[*branch]bool{}, func(*branch) { n++ })
	require.Equal(t, 4*10+2, n)
	require.NotNil(t, p.plain)

	for text, plain := range map[string]bool{
		`a > 1 and s == "x" and abs(b.c) < 2`: true,
		"a > 1 and value > prev.value":        false,
		"a > 1 and on":                        false,
		"a > 1 and a + b.c > 2":               false,
		"not a in 1..2 or value == 3":         true,
	} {
		r, err := Parse(text)
		require.NoError(t, err)
		p, err := Compile(r, &Schema{})
		require.NoError(t, err)
		require.Equal(t, plain, p.plain != nil, text)
	}
}
