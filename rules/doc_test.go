package rules

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocumentation: what the documentation of the package shows as rules are
// rules, and it has every word of the language.
func TestDocumentation(t *testing.T) {
	b, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	text := strings.ReplaceAll(string(b), "\n// ", "\n")
	_, recipes, ok := strings.Cut(text, "# Recipes\n")
	require.True(t, ok)
	recipes, _, ok = strings.Cut(recipes, "# Bounds")
	require.True(t, ok)
	n := 0
	for line := range strings.Lines(recipes) {
		line, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			continue
		}
		rule := regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(line), 2)[0]
		_, err := Parse(rule)
		require.NoError(t, err, rule)
		n++
	}
	require.Greater(t, n, 10)
	for _, m := range regexp.MustCompile(`as in "([^"]+)",|write (.* and .*), or\n|"(not has\(temp\))"|"(delta [^"]+)"|anything: (.*)\.\n`).FindAllStringSubmatch(text, -1) {
		rule := strings.Join(m[1:], "")
		_, err := Parse(rule)
		require.NoError(t, err, rule)
		n++
	}
	require.Greater(t, n, 17)
	for _, word := range append([]string{"value", "delta", "age", "prev", "last", "and", "or", "not", "in", "true", "false"}, append(functionNames, controlNames...)...) {
		require.True(t, isReserved(word), word)
		require.Regexp(t, `\b`+word+`\b`, text)
	}
	for _, u := range units {
		require.Regexp(t, `\b`+u.name+`\b`, text)
	}
}
