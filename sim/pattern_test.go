package sim

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPattern(t *testing.T) {
	in := func(set, name string) bool { return set == "lab" && strings.HasPrefix(name, "l") }
	for _, c := range []struct{ pattern, fits, not string }{
		{"", "a b7 n.local", ""},
		{"*", "a b7", ""},
		{"a", "a", "b aa"},
		{"a,b", "a b", "c ab"},
		{"s[0-49]", "s0 s7 s49 s007", "s50 s s-1 s4x xs4"},
		{"s[10]", "s10", "s1 s100 s11"},
		{"s[2-11]", "s2 s9 s10 s11", "s1 s12 s22"},
		{"s[0-9].lab[1-2]", "s3.lab1", "s3.lab3 s10.lab1"},
		{"s*", "s sx s12", "xs"},
		{"*x*", "x axb", "ab"},
		{"a*b*c", "abc axxbxxc abbcc", "acb ab"},
		{"*[1-2]", "a1 a2 a12", "a3 a1b"},
		{"@lab,q", "lx q", "qq x"},
		{"@none", "", "a none"},
	} {
		require.NoError(t, ValidatePattern(c.pattern))
		p, err := parsePattern(c.pattern)
		require.NoError(t, err)
		for _, name := range strings.Fields(c.fits) {
			require.True(t, p.match(name, in), "%q fits %q", name, c.pattern)
		}
		for _, name := range strings.Fields(c.not) {
			require.False(t, p.match(name, in), "%q does not fit %q", name, c.pattern)
		}
	}
	for pattern, want := range map[string]string{
		"a,": "a name is empty", "s[": "want numbers", "s[]": "want numbers", "s[b-c]": "want numbers", "s[3-2]": "want numbers", "s[-1]": "want numbers",
		"s]": "cannot stand in a name", "@": "no name of a set", "@a b": "no name of a set", "a@b": "cannot stand", "5%": "cannot stand", "****": "more than 3",
		"s[99999999999999999999]": "want numbers",
	} {
		require.ErrorContains(t, ValidatePattern(pattern), want, pattern)
	}
}

// FuzzPattern: what is a pattern matches in a time that its length bounds.
func FuzzPattern(f *testing.F) {
	f.Add("s[0-49],@lab,*x*", "s7")
	f.Add("*a*a*a", "aaaaaaaaaaaaaaaaaaaaaab")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 300 || len(name) > 253 {
			return
		}
		p, err := parsePattern(pattern)
		if err != nil {
			return
		}
		ok := p.match(name, func(string, string) bool { return false })
		if plain, is := p.plain(); is {
			require.Equal(t, plain == name, ok)
		}
	})
}
