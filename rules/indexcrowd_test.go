package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestIndexOfCrowds compares an index with the same subscriptions one by one,
// where there are so many of a kind that their leaves have marks and are split,
// and where the numbers are those at which rounding and signs matter.
func TestIndexOfCrowds(t *testing.T) {
	for seed := range uint64(4) {
		crowd(t, seed, 250)
	}
}

func crowd(t *testing.T, seed uint64, steps int) {
	forms := []string{
		"value > %s", "value >= %s and a < %s", "value in %s..%s", "value == %s", "delta >= %s", "delta <= %s", "abs(value - last.value) < %s",
		"crosses(value, %s)", "(value > %s) != (last.value > %[1]s)", "value > %s or a <= %s", "value in %s..%s or a in %s..%s", "value <= %s and value >= %s and last.value == 0",
		"rising(hyst(value, %s, -1.1e308))", "a > %s and value < %s and b.c >= %s", "value - last.value > %s", "value > %s; pmin=3s", `(a >= %s or s != "x" and a >= %[1]s) and (value >= 1 or b.c >= %s)`,
	}
	written := []string{"0", "-0", "5e-324", "-5e-324", "1e-300", "1", "-1", "2", "3", "0.5", "1e308", "-1e308", "2.0000000000000004"}
	told := []float64{0, math.Copysign(0, -1), 5e-324, -5e-324, 1, -1, 2, 3, 0.5, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN(), 2.0000000000000004}
	rng := rand.New(rand.NewPCG(seed, 13))
	number := func() any {
		if rng.IntN(3) == 0 {
			return written[rng.IntN(len(written))]
		}
		return fmt.Sprint(rng.IntN(9) - 4)
	}
	p := newPair(t)
	var slots []int
	for _, name := range []string{"value", "a", "b.c"} {
		r, err := Parse(name + " > 0")
		require.NoError(t, err)
		slot, err := p.all.Slot(r.Fields()[0])
		require.NoError(t, err)
		slots = append(slots, slot)
	}
	few := forms[rng.IntN(len(forms)):]
	few = few[:min(4, len(few))]
	for i := range steps {
		now := time.Duration(i) * time.Second
		for range rng.IntN(12) {
			form := few[rng.IntN(len(few))]
			args := []any{number(), number(), number(), number()}
			if n := strings.Count(form, "%s"); n < len(args) {
				args = args[:n]
			}
			r, err := Parse(fmt.Sprintf(form, args...))
			require.NoError(t, err, form)
			p.add(t, now, r)
		}
		s := NewSample(&p.all)
		for _, slot := range slots {
			switch rng.IntN(12) {
			case 0:
			case 1, 2, 3:
				s.SetNumber(slot, told[rng.IntN(len(told))])
			default:
				s.SetNumber(slot, float64(rng.IntN(9)-4))
			}
		}
		p.sample(t, now, s, i)
		most := 400 // then they become few again
		if i > steps/2 {
			most = 400 * (steps - i) / steps
		}
		for len(p.ids) > 0 && (len(p.ids) > most || rng.IntN(3) == 0) {
			p.remove(t, rng.IntN(len(p.ids)))
		}
		for _, tr := range p.x.trees {
			if tr != nil {
				for _, l := range tr.leaves {
					requireMarks(t, &tr.corners, l)
				}
			}
		}
	}
	p.empty(t)
}
