package rules

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

const million = 1_000_000

// filled makes an index of a million rules, and says what it takes of memory
// for each.
func filled(b *testing.B, rule func(i int) string) (*Index, func([3]float64) *Sample, float64) {
	b.Helper()
	x := NewIndex(Config{})
	schema := x.Schema()
	// The fields first, so that what the resource holds has them.
	r, err := Parse(rule(0))
	if err != nil {
		b.Fatal(err)
	}
	first, err := x.Add(0, r)
	if err != nil {
		b.Fatal(err)
	}
	var slots []int
	for _, f := range r.Fields() {
		slot, _ := schema.Slot(f)
		slots = append(slots, slot)
	}
	s := NewSample(schema)
	sample := func(v [3]float64) *Sample {
		for i, slot := range slots {
			s.SetNumber(slot, v[i])
		}
		return s
	}
	x.Sample(0, sample([3]float64{}), nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range million {
		r, err := Parse(rule(i))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := x.Add(0, r); err != nil {
			b.Fatal(err)
		}
	}
	x.Remove(first)
	runtime.GC()
	runtime.ReadMemStats(&after)
	return x, sample, float64(after.HeapAlloc-before.HeapAlloc) / million
}

// medians times single calls. Their median is what they take where nobody takes
// the processor away, on a busy machine too; it includes reading the clock.
type medians struct {
	start time.Time
	all   []time.Duration
}

func (m *medians) begin() { m.start = time.Now() }
func (m *medians) end()   { m.all = append(m.all, time.Since(m.start)) }

func (m *medians) median() float64 {
	slices.Sort(m.all)
	return float64(m.all[len(m.all)/2])
}

// run samples the index, and reports what a sample met.
func runIndex(b *testing.B, x *Index, bytes float64, next func(i int) *Sample) {
	b.Helper()
	now := time.Duration(0)
	for i := range 100 { // the slices of results grow
		now += time.Second
		x.Sample(now, next(i), nil)
	}
	selected, counted := 0, x.counted
	var ms medians
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		s := next(i)
		now += time.Second
		ms.begin()
		selected += len(x.Sample(now, s, nil).Selected)
		ms.end()
	}
	b.StopTimer()
	b.ReportMetric(ms.median(), "median-ns/sample")
	b.ReportMetric(float64(selected)/float64(b.N), "selected/op")
	b.ReportMetric(float64(x.counted-counted)/float64(b.N), "looked-at/op")
	b.ReportMetric(bytes, "B/rule")
}

// BenchmarkIndexThresholds: a million distinct thresholds, of which a sample
// concerns ten.
func BenchmarkIndexThresholds(b *testing.B) {
	order := rand.New(rand.NewPCG(1, 2)).Perm(million)
	kinds := []struct {
		name  string
		rule  string
		level bool
	}{
		{"level", "value > %d", true}, // the lowest ten are below the value
		{"crosses", "crosses(value, %d)", false},
		{"rising", "rising(value > %d)", false},
		{"interval", "value in %d..%[2]d", false},
		{"equal", "value == %d", false},
		{"cgt", "(value > %d) != (last.value > %[1]d)", false},
	}
	for _, k := range kinds {
		b.Run(k.name, func(b *testing.B) {
			x, sample, bytes := filled(b, func(i int) string {
				if k.name == "interval" {
					return fmt.Sprintf(k.rule, order[i], order[i]+9)
				}
				if k.name == "equal" {
					return fmt.Sprintf(k.rule, order[i]/10)
				}
				return fmt.Sprintf(k.rule, order[i])
			})
			rng := rand.New(rand.NewPCG(3, 4))
			v := float64(million / 2)
			runIndex(b, x, bytes, func(i int) *Sample {
				switch {
				case k.level:
					return sample([3]float64{9.5 + float64(i%2)/10})
				case k.name == "interval":
					return sample([3]float64{float64(rng.IntN(million))})
				case k.name == "equal":
					return sample([3]float64{float64(rng.IntN(million / 10))})
				case k.name == "rising":
					// Twenty up, then as much down: ten a sample.
					return sample([3]float64{v + float64(i%2)*20})
				}
				if v += 10; rng.IntN(2) == 0 {
					v -= 20
				}
				return sample([3]float64{v})
			})
		})
	}
}

// BenchmarkIndexBeginnings: a million beginnings of a string, of which a sample
// has up to six.
func BenchmarkIndexBeginnings(b *testing.B) {
	x, _, bytes := filled(b, func(i int) string { return fmt.Sprintf(`prefix(id, "sensor-%d")`, i) })
	rng := rand.New(rand.NewPCG(9, 10))
	s := NewSample(x.Schema())
	ids := make([]string, 1<<14)
	for i := range ids {
		ids[i] = fmt.Sprintf("sensor-%d", rng.IntN(million))
	}
	runIndex(b, x, bytes, func(i int) *Sample {
		s.SetString(0, ids[i%len(ids)])
		return s
	})
}

// BenchmarkIndexConjunctions: a million rules on two fields, of which a sample
// matches a thousandth, however the two share that.
func BenchmarkIndexConjunctions(b *testing.B) {
	for _, c := range []struct {
		name   string
		va, vb float64 // shares of the thresholds below the values
	}{{"both", 0.0316, 0.0316}, {"first", 0.001, 1}, {"second", 1, 0.001}, {"half", 0.5, 0.002}} {
		b.Run(c.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(5, 6))
			x, sample, bytes := filled(b, func(int) string {
				return fmt.Sprintf("a > %.9f and b > %.9f", rng.Float64(), rng.Float64())
			})
			runIndex(b, x, bytes, func(i int) *Sample {
				return sample([3]float64{c.va + float64(i%3)*1e-6, c.vb + float64(i%5)*1e-6})
			})
		})
	}
	b.Run("three", func(b *testing.B) {
		rng := rand.New(rand.NewPCG(5, 6))
		x, sample, bytes := filled(b, func(int) string {
			return fmt.Sprintf("a > %.9f and b < %.9f and c > %.9f", rng.Float64(), rng.Float64(), rng.Float64())
		})
		runIndex(b, x, bytes, func(i int) *Sample { return sample([3]float64{0.1 + float64(i%3)*1e-6, 0.9, 0.1}) })
	})
}

// look reads a rule: it has just been parsed where it is added.
func look(r *Rule) float64 {
	sum := float64(r.code.shape[0] + r.code.shape[len(r.code.shape)-1])
	for _, n := range r.code.nums {
		sum += n
	}
	for _, s := range r.code.strs {
		sum += float64(s[0])
	}
	return sum
}

// BenchmarkIndexAddRemove adds and removes one of a million.
func BenchmarkIndexAddRemove(b *testing.B) {
	for _, k := range []struct{ name, rule string }{
		{"threshold", "value > %[1]d"}, {"conjunction", "value > %[1]d and hum < %[2]d"}, {"three", "a > %[1]d and b < %[2]d and c > %[1]d"},
		{"crosses", "crosses(value, %[1]d)"}, {"cgt", "(value > %[1]d) != (last.value > %[1]d)"}, {"text", "id == \"sensor-%[1]d\""},
		{"beginning", "prefix(id, \"sensor-%[1]d\")"},
		{"either", "value > %[1]d or hum < %[2]d"}, {"delta", "delta >= %[1]d"}, {"pmin", "value > %[1]d; pmin=10s"}, {"pmax", "value > %[1]d; pmax=10s"},
		{"hyst", "rising(hyst(value, %[1]d, -%[2]d))"}, {"unsorted", "s != \"%[1]d\""},
	} {
		b.Run(k.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(7, 8))
			rule := func(i int) string { return fmt.Sprintf(k.rule, rng.IntN(1<<30), rng.IntN(1<<30)) }
			x, _, bytes := filled(b, rule)
			// Half of the pool is in. What goes and what comes have nothing to do
			// with each other, so that neither finds the other's memory in a cache.
			const pool = 1 << 15
			rs, ids, in := make([]*Rule, pool), make([]ID, pool), make([]bool, pool)
			for i := range pool {
				r, err := Parse(rule(i))
				if err != nil {
					b.Fatal(err)
				}
				rs[i] = r
				if in[i] = i < pool/2; in[i] {
					ids[i], _ = x.Add(0, r)
				}
			}
			var add, remove medians
			looked := 0.0
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				gone := i * 7919 % pool
				come := (gone + pool/2) % pool
				if !in[gone] {
					gone, come = come, gone
				}
				remove.begin()
				x.Remove(ids[gone])
				remove.end()
				looked += look(rs[come])
				add.begin()
				ids[come], _ = x.Add(0, rs[come])
				add.end()
				in[gone], in[come] = false, true
			}
			b.ReportMetric(add.median(), "median-ns/add")
			b.ReportMetric(remove.median(), "median-ns/remove")
			b.ReportMetric(bytes, "B/rule")
		})
	}
}
