//go:build planted

package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
)

// TestPlanted: every mistake that this build can make is found within 1,000
// seeds of chaos, and without one nothing is.
func TestPlanted(t *testing.T) {
	defer func() { protocol.Planted = protocol.NoBug }()
	for b := range protocol.Bugs {
		bug := protocol.Bug(b)
		t.Run(bug.String(), func(t *testing.T) {
			protocol.Planted = bug
			for seed := range uint64(1000) {
				c := runChaos(t, seed)
				if bug == protocol.NoBug {
					require.Empty(t, c.wrong, "seed %d", seed)
					if seed == 100 {
						return
					}
				} else if len(c.wrong) > 0 {
					t.Logf("seed %d: %s", seed, c.wrong[0])
					return
				}
			}
			t.Error("it was not found")
		})
	}
}
