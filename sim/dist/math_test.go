package dist

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The functions are those of package math, but for the last digits.
func TestMath(t *testing.T) {
	for x := -690.0; x < 690; x += 0.37 {
		require.InEpsilon(t, math.Exp(x), exp(x), 4e-15, "exp(%v)", x)
	}
	require.Equal(t, 1.0, exp(0))
	require.Zero(t, exp(-1000))
	require.True(t, math.IsInf(exp(1000), 1))
	for x := 1e-300; x < 1e300; x *= 1.7 {
		require.InDelta(t, math.Log(x), log(x), 1e-15*max(1, math.Abs(math.Log(x))), "log(%v)", x)
	}
	for z := -38.0; z <= 0; z += 0.173 {
		want := math.Erfc(-z/math.Sqrt2) / 2
		require.InDelta(t, want, normalCDF(z), max(1e-13, 1e-9*want), "Φ(%v)", z)
	}
	require.Zero(t, normalCDF(-40))
	for p := 1e-15; p < 0.5; p *= 1.3 {
		require.InEpsilon(t, p, math.Erfc(-normalQuantile(p)/math.Sqrt2)/2, 1e-12, "quantile of %v", p)
		if p > 1e-6 {
			require.InDelta(t, -normalQuantile(p), normalQuantile(1-p), 1e-9, "symmetry at %v", p)
		}
	}
	require.Zero(t, normalQuantile(0.5))
	require.True(t, math.IsInf(normalQuantile(0), -1) && math.IsInf(normalQuantile(1), 1))
}

// TestBits pins results to the last bit: they must be the same on every machine.
func TestBits(t *testing.T) {
	h := fnv.New64a()
	for p := 1e-12; p < 1; p += 0.00137 {
		for _, v := range []float64{exp(10 * p), log(p), normalCDF(-10 * p), normalQuantile(p)} {
			_ = binary.Write(h, binary.BigEndian, math.Float64bits(v))
		}
	}
	require.Equal(t, uint64(0x68b41bb82d012916), h.Sum64())
}
