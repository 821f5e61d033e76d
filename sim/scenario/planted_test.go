//go:build planted

package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
)

// TestPlanted: the shipped chaos finds every mistake that this build can make
// within 1,000 seeds.
func TestPlanted(t *testing.T) {
	defer func() { protocol.Planted = protocol.NoBug }()
	s, err := Load("chaos")
	require.NoError(t, err)
	for b := range protocol.Bugs {
		bug := protocol.Bug(b)
		if bug == protocol.NoBug {
			continue
		}
		t.Run(bug.String(), func(t *testing.T) {
			protocol.Planted = bug
			for seed := range uint64(1000) {
				if rep := runTest(t, s, seed); len(rep.Violations) > 0 {
					t.Logf("seed %d: %s", seed, rep.Violations[0])
					return
				}
			}
			t.Error("it was not found")
		})
	}
}
