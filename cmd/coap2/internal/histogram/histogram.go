package histogram

import (
	"math"
	"math/bits"
	"time"
)

const (
	// stepBits: each power of two is divided into 128 buckets of equal width,
	// so that a bucket is at most 1/128 of its values wide, and its middle is
	// off by half of that at most: 0.4 %.
	stepBits = 7
	steps    = 1 << stepBits
	// maxBits: 2^42 ns are 73 minutes; what is longer counts as that.
	maxBits = 42
	buckets = (maxBits - stepBits + 1) * steps
)

// Histogram counts durations. The zero value is empty. It takes 37 kB, of which
// only those cache lines are touched whose durations occur. It is not safe for
// concurrent use.
type Histogram struct {
	counts   [buckets]uint64
	n        uint64
	sum      float64 // of nanoseconds
	min, max time.Duration
}

// bucket returns the index for a duration: durations below 128 ns have a bucket
// each, then follow 128 for every power of two.
func bucket(d time.Duration) int {
	v := uint64(min(max(d, 0), 1<<maxBits-1))
	shift := max(bits.Len64(v)-stepBits-1, 0)
	return shift<<stepBits + int(v>>shift)
}

// middle returns the duration in the middle of a bucket.
func middle(i int) time.Duration {
	if i < 2*steps {
		return time.Duration(i)
	}
	shift := i>>stepBits - 1
	low := uint64(i-shift<<stepBits) << shift
	return time.Duration(low + 1<<shift/2)
}

// Add counts one duration; a negative one counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(d)]++
	if h.n == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.n++
	h.sum += float64(d)
}

// Merge counts everything that another histogram has counted.
func (h *Histogram) Merge(o *Histogram) {
	if o.n == 0 {
		return
	}
	for i := range h.counts {
		h.counts[i] += o.counts[i]
	}
	if h.n == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	h.n += o.n
	h.sum += o.sum
}

// Count returns how many durations were counted.
func (h *Histogram) Count() uint64 { return h.n }

// Min returns the shortest duration, exactly; 0 if there is none.
func (h *Histogram) Min() time.Duration { return h.min }

// Max returns the longest duration, exactly; 0 if there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean returns the mean of all durations; 0 if there are none.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(math.Round(h.sum / float64(h.n)))
}

// Quantile returns the shortest duration that at least the part q of all
// durations do not exceed, off by 0.4 % at most: Quantile(0.5) is the median. q
// is held to 0 (the minimum) to 1 (the maximum). Without durations it is 0.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(1)
	if r := math.Ceil(q * float64(h.n)); r > 1 { // and not NaN
		rank = min(uint64(r), h.n)
	}
	switch rank {
	case h.n:
		return h.max
	case 1:
		return h.min
	}
	seen := uint64(0)
	for i := range h.counts {
		if seen += h.counts[i]; seen >= rank {
			return min(max(middle(i), h.min), h.max)
		}
	}
	return 0
}
