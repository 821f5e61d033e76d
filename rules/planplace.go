package rules

import "math"

// treeKey says by what, and for what, a set of corners is sorted.
type treeKey struct {
	axis  [4]*axis
	neg   [4]bool
	mode  cornerMode
	extra uint8
	use   treeUse
}

// treeUse says what it means that something is found in a tree.
type treeUse uint8

const (
	usePlain treeUse = iota // it is selected as it is
	useOnce                 // the same, but more than one box may lead to it
	useSure                 // its rule is true
	useMaybe                // its rule must be evaluated
)

// place is where a box belongs: a corner of the set of a key.
type place struct {
	key   treeKey
	at    [4]float64
	text  string // instead of at[0], where the first axis is a string
	exact bool   // the place holds all that the box says, and that is exact
}

func (pl *place) put(n int, a *axis, bound float64, neg bool) {
	pl.at[n], pl.key.axis[n], pl.key.neg[n] = bound, a, neg
}

func (b *box) place(constant *axis) (pl place) {
	first, second := b.pair()
	if pl.exact = b.exact; first < 0 {
		pl.key.axis[0] = constant
		return pl
	}
	h := &b.h[first]
	pl.put(0, h.axis, h.bound, h.neg)
	n, rest := 1, b.n-1
	if pl.key.mode = cornerLine; h.point {
		pl.key.mode = cornerPoint
		pl.text = h.text
	}
	switch {
	case second >= 0:
		h := &b.h[second]
		pl.put(1, h.axis, h.bound, h.neg)
		n, rest = 2, rest-1
		if pl.key.mode == cornerLine {
			pl.key.mode = cornerPlane
		}
	case pl.key.mode == cornerPoint:
		pl.at[1] = math.Inf(-1)
		n = 2
	}
	for i := range b.h[:b.n] {
		h := &b.h[i]
		switch {
		case i == first || i == second || n == len(pl.at):
		case h.point:
			// Of two points one is looked for; a number can be both ends of
			// an interval.
			if h.axis.str || n+2 > len(pl.at) {
				continue
			}
			pl.put(n, h.axis, h.bound, false)
			pl.put(n+1, h.axis, -h.bound, true)
			n, rest = n+2, rest-1
		default:
			pl.put(n, h.axis, h.bound, h.neg)
			n, rest = n+1, rest-1
		}
	}
	pl.key.extra = uint8(max(n-2, 0))
	pl.exact = b.exact && rest == 0
	return pl
}

// pair chooses the two conditions that leave out most: a point, both ends of an
// interval, the same expression in two samples, or else the first two.
func (b *box) pair() (first, second int) {
	switch b.n {
	case 0:
		return -1, -1
	case 1:
		return 0, -1
	}
	for i := range b.n {
		if b.h[i].point {
			for j := range b.n {
				if j != i && !b.h[j].point {
					return i, j
				}
			}
			return i, -1
		}
	}
	for _, alike := range []func(x, y *axis) bool{
		func(x, y *axis) bool { return x == y },
		func(x, y *axis) bool { return x.text == y.text },
	} {
		for i := range b.n {
			for j := i + 1; j < b.n; j++ {
				if alike(b.h[i].axis, b.h[j].axis) {
					return i, j
				}
			}
		}
	}
	return 0, 1
}
