package scenario

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHello(t *testing.T) {
	for _, name := range []string{"hello", "discovery-1000", "load"} {
		s, err := Load(name)
		require.NoError(t, err)
		rep, err := s.Run(1, Options{})
		require.NoError(t, err)
		b, err := json.MarshalIndent(rep, "", "  ")
		require.NoError(t, err)
		t.Logf("%s", b)
		require.True(t, rep.Passed)
	}
}
