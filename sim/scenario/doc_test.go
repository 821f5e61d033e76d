package scenario

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the reference into doc.go, and golden files")

// TestReference: the package documentation has the reference of the language as
// Help says it.
func TestReference(t *testing.T) {
	const begin, end = "// # Reference\n//\n", "package scenario\n"
	var b strings.Builder
	for line := range strings.Lines(Help()) {
		b.WriteString(strings.TrimRight("//\t"+line, "\t\n") + "\n")
	}
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile("doc.go", []byte(before+begin+b.String()+end), 0o600))
		return
	}
	require.Equal(t, b.String()+end, rest, "doc.go; go test ./sim/scenario -run Reference -update writes it")
}

// TestEveryKey: a file may use all keys together, and what the tables have is
// read. (A key that the tables lack makes the parser panic.)
func TestEveryKey(t *testing.T) {
	text, err := os.ReadFile("testdata/every-key.yaml")
	require.NoError(t, err)
	d := &decoder{asked: map[*key]bool{}}
	s, err := parse(d, "testdata/every-key.yaml", text, nil)
	require.NoError(t, err)
	d.asked[fileKeys.key("base")] = true
	for _, sec := range sections() {
		for i := range sec.keys {
			k := &sec.keys[i]
			require.True(t, d.asked[k], "%s: nobody reads %s", sec.title, k.name)
			require.Contains(t, string(text)+"base:", k.name+":", "%s: testdata/every-key.yaml lacks %s", sec.title, k.name)
			require.NotEmpty(t, k.form)
			require.NotEmpty(t, k.doc)
			require.LessOrEqual(t, len(k.name), nameWidth-3)
		}
	}
	rep, err := s.Run(1, Options{})
	require.NoError(t, err)
	require.True(t, rep.Passed, "%v", rep.Violations)
}
