package examples

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeQuotesTheExamples compares the programs in the README with the
// files they are quoted from.
func TestReadmeQuotesTheExamples(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	quotes := regexp.MustCompile("(?s)<!-- (examples/[a-z]+/main.go) -->\n```go\n(.*?)```\n").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, quotes, 5)
	for _, q := range quotes {
		b, err := os.ReadFile("../" + q[1])
		require.NoError(t, err)
		require.Equal(t, string(b), q[2], "the README's copy of %s", q[1])
		require.Less(t, strings.Count(q[2], "\n"), 40, q[1])
	}
}
