package rules

import "math/bits"

// mostGone is how many corners of a leaf may be gone before it is closed up.
const mostGone = leafSize / 8

// len returns how many corners there are.
func (l *leaf) len() int { return len(l.id) - l.nGone }

func (l *leaf) isGone(i int) bool { return l.gone[i/64]>>(i%64)&1 != 0 }

// leave takes a corner of a line out.
func (c *corners) leave(l *leaf, i int) {
	l.gone[i/64] |= 1 << (i % 64)
	if l.nGone++; l.nGone > mostGone {
		c.close(l)
	}
}

// close moves what is there together.
func (c *corners) close(l *leaf) {
	n := 0
	for i, id := range l.id {
		if !l.isGone(i) {
			l.p[n], l.id[n] = l.p[i], id
			n++
		}
	}
	l.p, l.id = l.p[:n], l.id[:n]
	l.gone, l.nGone = [leafSize / 64]uint64{}, 0
	c.mark(l, 0)
}

// gap returns a place for a corner that is to stand at i or just before it, if a
// corner has left one there.
func (l *leaf) gap(i int) (int, bool) {
	switch {
	case i < len(l.id) && l.isGone(i):
	case i > 0 && l.isGone(i-1):
		i--
	default:
		return 0, false
	}
	l.gone[i/64] &^= 1 << (i % 64)
	l.nGone--
	return i, true
}

// shiftGone makes room for a corner at i.
func (l *leaf) shiftGone(i int) {
	carry := uint64(0)
	for w := i / 64; w < len(l.gone); w++ {
		below := uint64(0) // what stays
		if w == i/64 {
			below = l.gone[w] & (1<<(i%64) - 1)
		}
		above := l.gone[w] &^ below
		l.gone[w], carry = below|above<<1|carry, above>>63
	}
}

// first appends those of the first n of a leaf that are there.
func (l *leaf) first(n int, dst []ID) []ID {
	from := 0
	if l.nGone > 0 {
		for w, word := range l.gone {
			for ; word != 0; word &= word - 1 {
				i := w*64 + bits.TrailingZeros64(word)
				if i >= n {
					return append(dst, l.id[from:n]...)
				}
				dst = append(dst, l.id[from:i]...)
				from = i + 1
			}
		}
	}
	return append(dst, l.id[from:n]...)
}
