package protocol

import (
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestGroupIDs(t *testing.T) {
	const lifetime = 145 * time.Second
	var g GroupIDs
	for i := range groupIDs {
		id, _, ok := g.Next(t0, lifetime)
		require.True(t, ok)
		require.Equal(t, uint16(FirstGroupID+i), id)
	}
	_, free, ok := g.Next(t0.Add(time.Second), lifetime)
	require.False(t, ok)
	require.Equal(t, t0.Add(lifetime), free)
	id, _, ok := g.Next(free, lifetime)
	require.True(t, ok)
	require.Equal(t, uint16(FirstGroupID), id)
}

// Wherever it begins and however fast: an ID is of the range, and not in use.
func TestGroupIDsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g GroupIDs
		g.Init(rapid.Uint16().Draw(t, "start"))
		now := t0
		busy := map[uint16]netio.Instant{}
		for range rapid.IntRange(1, 30).Draw(t, "bursts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(60*time.Second)).Draw(t, "pause")))
			lifetime := time.Duration(rapid.Int64Range(0, int64(200*time.Second)).Draw(t, "lifetime"))
			for range rapid.IntRange(1, 900).Draw(t, "burst") {
				id, free, ok := g.Next(now, lifetime)
				if !ok {
					require.Greater(t, free, now)
					probe := g
					_, _, ok = probe.Next(free, lifetime)
					require.True(t, ok)
					break
				}
				require.GreaterOrEqual(t, id, uint16(FirstGroupID))
				require.LessOrEqual(t, busy[id], now)
				busy[id] = now.Add(lifetime)
			}
		}
	})
}
