package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/sim"
)

// TestDriftIsExact: what stretch says is the first moment at which the clock shows
// so much more.
func TestDriftIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		age := time.Duration(rapid.Int64Range(0, int64(10000*time.Hour)).Draw(t, "age"))
		d := time.Duration(rapid.Int64Range(1, int64(1000*time.Hour)).Draw(t, "d"))
		at, stretch := sim.DriftOf(age, rapid.Int64Range(-500_000_000, 500_000_000).Draw(t, "ppb"))
		now := at(age)
		then := age + stretch(d)
		require.GreaterOrEqual(t, at(then), now+d)
		require.Less(t, at(then-1), now+d)
	})
	_, stretch := sim.DriftOf(time.Hour, 1)
	require.Positive(t, stretch(1<<63-1))
	require.Equal(t, time.Duration(-5), stretch(-5))
}
