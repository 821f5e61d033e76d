//go:build planted

package scenario

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
)

// TestPlantedShrinks: of what chaos finds little is left: at most 5 nodes and 5
// faults.
func TestPlantedShrinks(t *testing.T) {
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
			seed := uint64(0)
			for len(runTest(t, s, seed).Violations) == 0 {
				seed++
			}
			k, err := Shrink("chaos", nil, ShrinkOptions{Seed: seed})
			require.NoError(t, err)
			t.Logf("%d nodes, %d faults, %d actions, %v; %d runs\n%s", k.To.Nodes, k.To.Faults, k.To.Actions, k.To.Span, k.Runs, k.Text)
			require.LessOrEqual(t, k.To.Nodes, 5)
			require.LessOrEqual(t, k.To.Faults, 5)
			require.True(t, k.Complete)

			// With and without the mistake.
			small, err := Parse("small.yaml", k.Text)
			require.NoError(t, err)
			require.False(t, runTest(t, small, small.Seed()).Passed)
			protocol.Planted = protocol.NoBug
			require.True(t, runTest(t, small, small.Seed()).Passed)
		})
	}
}
