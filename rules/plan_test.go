package rules

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestInfiniteDistance: what has no number is not near, however far near is.
func TestInfiniteDistance(t *testing.T) {
	for _, text := range []string{"delta <= 1 / 0", "delta < 1 / 0", "delta >= 1 / 0", "delta > 1 / 0", "1 / 0 in delta..1 / 0", "not delta > 1 / 0",
		"abs(a - last.a) <= last.b", "abs(a - last.a) < last.b", "abs(a - last.a) >= last.b", "delta <= 1.7976931348623157e308",
		"value - last.value <= 1 / 0", "value + last.value >= -1 / 0", "value <= 1 / 0", "value < 1 / 0", "value >= -1 / 0"} {
		r, err := Parse(text)
		require.NoError(t, err)
		for _, held := range []float64{0, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
			p := newPair(t)
			sample := func(v float64) *Sample {
				s := NewSample(&p.all)
				for slot := range p.all.Len() {
					s.SetNumber(slot, v)
				}
				return s
			}
			p.sample(t, 0, sample(held), 0)
			p.add(t, 0, r)
			missing := NewSample(&p.all)
			for i, s := range []*Sample{missing, sample(1), missing, sample(math.Inf(1)), sample(math.Inf(1)), sample(math.NaN()), sample(math.Inf(-1)),
				sample(-math.MaxFloat64), missing, sample(0)} {
				p.sample(t, time.Duration(i+1)*time.Second, s, i+1)
			}
		}
	}
}
