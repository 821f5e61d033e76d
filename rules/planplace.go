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

// place says where a box belongs. exact is false also where the place does not
// hold all that the box says.
func (b *box) place(constant *axis) (k treeKey, at [4]halfSpace, exact bool) {
	first, second := b.pair()
	n, rest := 0, b.n
	put := func(h halfSpace) {
		at[n], k.axis[n], k.neg[n] = h, h.axis, h.neg
		n++
	}
	if first < 0 {
		k.axis[0] = constant
		return k, at, b.exact
	}
	put(b.h[first])
	rest--
	if k.mode = cornerLine; at[0].point {
		k.mode = cornerPoint
	}
	if second >= 0 {
		put(b.h[second])
		rest--
		if k.mode == cornerLine {
			k.mode = cornerPlane
		}
	} else if k.mode == cornerPoint {
		at[n].bound = math.Inf(-1)
		n++
	}
	for i, h := range b.h[:b.n] {
		switch {
		case i == first || i == second || n == len(at):
		case h.point:
			// Of two points one is looked for; a number can be both ends of
			// an interval.
			if h.axis.str || n+2 > len(at) {
				continue
			}
			put(halfSpace{axis: h.axis, bound: h.bound})
			put(halfSpace{axis: h.axis, bound: -h.bound, neg: true})
			rest--
		default:
			put(h)
			rest--
		}
	}
	k.extra = uint8(max(n-2, 0))
	return k, at, b.exact && rest == 0
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
