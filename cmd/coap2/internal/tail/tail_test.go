package tail_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/cmd/coap2/internal/tail"
)

func TestWriter(t *testing.T) {
	w := &tail.Writer{Max: 4}
	require.Empty(t, w.String())
	for _, step := range []struct{ write, kept string }{
		{"ab", "ab"}, {"cd", "abcd"}, {"e", "bcde"}, {" ", "cde"}, {"fghijk", "hijk"}, {"lmno", "lmno"},
	} {
		n, err := w.Write([]byte(step.write))
		require.NoError(t, err)
		require.Equal(t, len(step.write), n)
		require.Equal(t, step.kept, w.String())
	}

	var zero tail.Writer
	_, _ = zero.Write([]byte(strings.Repeat("a", tail.DefaultMax)))
	_, _ = zero.Write([]byte("b"))
	require.Len(t, zero.String(), tail.DefaultMax)
	require.True(t, strings.HasSuffix(zero.String(), "ab"))
}
