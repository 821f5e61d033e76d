package rules

import "math"

// upTo returns how many of a sorted slice are at most x.
func upTo(s []float64, x float64) int {
	lo, hi := 0, len(s)
	for lo < hi {
		if m := int(uint(lo+hi) >> 1); s[m] <= x {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// fromStart is upTo where the answer is expected to be small: it looks at no
// more memory than it must.
func fromStart(s []float64, x float64) int {
	n := 0
	for step := 8; n < len(s); step *= 2 {
		end := min(n+step, len(s))
		if s[end-1] > x {
			for s[n] <= x {
				n++
			}
			return n
		}
		n = end
	}
	return n
}

// match appends what is looked for: at[0] is x, at[1] y, and at[2] and at[3] are
// what t and u must not be above. None of them is a NaN.
func (c *corners) match(at *[4]float64, dst []ID) []ID {
	x, y := at[0], at[1]
	if c.mode == cornerPoint {
		return c.points(at, dst)
	}
	k := upTo(c.low, x)
	if k == 0 {
		return dst
	}
	// All leaves but the last are left of x as a whole.
	edge := c.leaves[k-1]
	if c.mode == cornerLine {
		for _, l := range c.leaves[:k-1] {
			dst = l.first(len(l.id), dst)
		}
		return edge.first(upTo(edge.p, x), dst)
	}
	for b, low := range c.blocks[:(k+blockSize-1)/blockSize] {
		if low > y {
			continue
		}
		for i := b * blockSize; i < min((b+1)*blockSize, k-1); i++ {
			if c.minS[i] <= y {
				l := c.leaves[i]
				dst = c.among(l, fromStart(l.s, y), at, dst)
			}
		}
	}
	for i, s := range edge.s {
		if s > y {
			break
		}
		if edge.p[i] <= x && c.meets(edge, i, at) {
			dst = append(dst, edge.id[i])
		}
	}
	return dst
}

// among appends those of the first n of a leaf whose t and u are low enough.
func (c *corners) among(l *leaf, n int, at *[4]float64, dst []ID) []ID {
	switch c.extra {
	case 0:
		return append(dst, l.id[:n]...)
	case 1:
		for i, t := range l.t[:n] {
			if t <= at[2] {
				dst = append(dst, l.id[i])
			}
		}
	default:
		for i, t := range l.t[:n] {
			if t <= at[2] && l.u[i] <= at[3] {
				dst = append(dst, l.id[i])
			}
		}
	}
	return dst
}

func (c *corners) meets(l *leaf, i int, at *[4]float64) bool {
	return (c.extra < 1 || l.t[i] <= at[2]) && (c.extra < 2 || l.u[i] <= at[3])
}

func (c *corners) points(at *[4]float64, dst []ID) []ID {
	if len(c.leaves) == 0 {
		return dst
	}
	x, y := at[0], at[1]
	first := corner{p: x, s: math.Inf(-1)}
	for i := c.leafOf(first); i < len(c.leaves) && c.low[i] <= x; i++ {
		l := c.leaves[i]
		for j := c.lower(l, x); j < len(l.id); j++ {
			if l.p[j] > x || l.s[j] > y {
				return dst
			}
			if c.meets(l, j, at) {
				dst = append(dst, l.id[j])
			}
		}
	}
	return dst
}
