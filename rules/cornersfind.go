package rules

import (
	"math"
	"math/bits"
	"sort"
)

const noMark = math.MaxUint64

func newLeaf() *leaf {
	l := &leaf{}
	for b := range l.marks {
		l.marks[b] = noMark
	}
	return l
}

// sorted returns what a leaf is sorted by.
func (c *corners) sorted(l *leaf) []float64 {
	if c.mode == cornerPlane {
		return l.s
	}
	return l.p
}

// mark makes the marks from place i on again.
func (c *corners) mark(l *leaf, i int) {
	s := c.sorted(l)
	for b := i / apart; b < len(l.marks); b++ {
		if end := (b+1)*apart - 1; end < len(s) {
			l.marks[b] = ordered(s[end])
		} else {
			l.marks[b] = noMark
		}
	}
}

// by returns by which of its numbers a corner is sorted in a leaf.
func (c *corners) by(k *corner) float64 {
	if c.mode == cornerPlane {
		return k.s
	}
	return k.p
}

// near returns the place from which on, by the marks, a number is to be looked
// for.
func (l *leaf) near(x float64) int {
	n, want := uint64(0), ordered(x)
	for i := range l.marks {
		_, less := bits.Sub64(l.marks[i], want, 0)
		n += less
	}
	return int(n) * apart
}

// ordered are bits in the order of the numbers. There is no NaN, and among corners
// no −0; looked for it is as good as 0, as nothing is between.
func ordered(x float64) uint64 {
	b := math.Float64bits(x)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// touch reads what there is at place i of a leaf. Its result means nothing.
func (c *corners) touch(l *leaf, i int) float64 {
	if i >= len(l.id) {
		return 0
	}
	sum := float64(l.id[i]) + l.p[i]
	if c.mode != cornerLine {
		sum += l.s[i]
	}
	if c.extra > 0 {
		sum += l.t[i]
	}
	if c.extra > 1 {
		sum += l.u[i]
	}
	return sum
}

// lower returns the place of the first that is sorted by x, or by more.
func (c *corners) lower(l *leaf, x float64) int {
	s, lo := c.sorted(l), l.near(x)
	for end := min(lo+apart, len(s)); lo < end && s[lo] < x; {
		lo++
	}
	return lo
}

// find returns the place of k in a leaf. It looks at no more memory than it
// must: at what the leaf is sorted by, and at the rest where that is equal.
func (c *corners) find(l *leaf, k corner) int {
	want, first := c.by(&k), c.sorted(l)
	lo := c.lower(l, want)
	hi := lo
	for step := 1; hi < len(first) && first[hi] == want; step *= 2 {
		if hi += step; hi >= len(first) || first[hi] != want {
			hi -= step
			hi += 1 + upTo(first[hi+1:min(hi+step, len(first))], want)
			break
		}
	}
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		at := corner{p: l.p[m], id: l.id[m]}
		if c.mode != cornerLine {
			at.s = l.s[m]
		}
		if at.compare(k) < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// leafOf returns the leaf in which k is, or would be.
func (c *corners) leafOf(k corner) int {
	hi := upTo(c.low, k.p)
	if hi > 0 && c.low[hi-1] == k.p { // perhaps before others that begin with the same p
		lo := sort.SearchFloat64s(c.low[:hi], k.p)
		for lo < hi {
			if m := int(uint(lo+hi) >> 1); c.lowest(m).compare(k) <= 0 {
				lo = m + 1
			} else {
				hi = m
			}
		}
	}
	return max(hi-1, 0)
}
