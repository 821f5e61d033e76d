package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsLocalName(t *testing.T) {
	for name, want := range map[string]bool{
		"node1": true, "node1.local": true, "a.b.local": true, "local": true,
		"": false, "localhost": false, "example.com": false, "node1.locale": false,
	} {
		require.Equal(t, want, IsLocalName(name), name)
	}
}

func TestNumberedName(t *testing.T) {
	require.Equal(t, "node1-2.local", NumberedName("node1.local", 2))
	require.Equal(t, "node1-10", NumberedName("node1", 10))
	label := strings.Repeat("a", 63)
	require.Equal(t, label[:61]+"-2.b", NumberedName(label+".b", 2))
	longest := strings.Join([]string{label, label, label, label[:61]}, ".")
	for _, n := range []int{2, 99} {
		got := NumberedName(longest, n)
		_, err := CanonicalName(got)
		require.NoError(t, err)
	}
}
