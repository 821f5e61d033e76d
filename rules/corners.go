package rules

import (
	"cmp"
	"slices"
)

// ID is a subscription in an Index. The number of one that was removed is given
// again.
type ID uint32

// groupBit marks what stands for several subscriptions.
const groupBit ID = 1 << 31

// cornerMode says what is looked for among corners.
type cornerMode uint8

const (
	cornerLine  cornerMode = iota // p ≤ x
	cornerPlane                   // p ≤ x and s ≤ y
	cornerPoint                   // p = x and s ≤ y
)

const (
	leafSize  = 256
	apart     = 16 // corners of a leaf between two marks
	blockSize = 64 // leaves whose smallest s is kept together
)

// corner is a point (p, s, t, u). All corners are in the order p, s, id.
type corner struct {
	p, s, t, u float64
	id         ID
}

func (a corner) compare(b corner) int {
	switch {
	case a.p < b.p:
		return -1
	case a.p > b.p:
		return 1
	case a.s < b.s:
		return -1
	case a.s > b.s:
		return 1
	}
	return cmp.Compare(a.id, b.id)
}

// corners is a set of corners that finds those below and to the left of a point
// in about the time that it takes to write them down. It is a list of leaves in
// the order of the corners; in a leaf of a plane the corners are in the order of
// s, so that those of a leaf that is left of the point are the beginning of it;
// a leaf, and a block of leaves, with no s low enough is passed over.
type corners struct {
	mode   cornerMode
	extra  int // of t and u, how many are used: they must be at most z and w
	n      int
	leaves []*leaf
	low    []float64 // the least p of each leaf
	rest   []lowRest // and s and id of that corner, or less
	minS   []float64 // the least s of each leaf, in a plane
	blocks []float64 // the least s of each block
}

type lowRest struct {
	s  float64
	id ID
}

type leaf struct {
	// marks are each sixteenth of what the leaf is sorted by (ordered), and noMark
	// where there is none. They say in which two lines of memory a corner is.
	marks [leafSize / apart]uint64
	p     []float64
	id    []ID
	// gone says, on a line, which of them have been taken out, and nGone how many
	// these are. They keep the others in their places: to close the gap at once
	// would be to touch most of a leaf that is probably in no cache.
	gone    [leafSize / 64]uint64
	nGone   int
	s, t, u []float64 // s only in a plane or of points, t and u as extra says
}

func (c *corners) at(l *leaf, i int) corner {
	k := corner{p: l.p[i], id: l.id[i]}
	if c.mode != cornerLine {
		k.s = l.s[i]
	}
	if c.extra > 0 {
		k.t = l.t[i]
	}
	if c.extra > 1 {
		k.u = l.u[i]
	}
	return k
}

func (c *corners) lowest(i int) corner {
	return corner{p: c.low[i], s: c.rest[i].s, id: c.rest[i].id}
}

func (c *corners) insert(k corner) { c.insertIn(k, c.leafOf(k)) }

// insertIn is insert where leafOf has found the leaf.
func (c *corners) insertIn(k corner, i int) {
	c.n++
	if len(c.leaves) == 0 {
		c.addLeaf(0, newLeaf(), k)
	}
	l := c.leaves[i]
	if len(l.id) >= leafSize && l.nGone > 0 {
		c.close(l)
	}
	if len(l.id) >= leafSize {
		if i == len(c.leaves)-1 && k.compare(c.greatest(l)) > 0 {
			// In rising order leaves stay full.
			i++
			l = newLeaf()
			c.addLeaf(i, l, k)
		} else {
			c.split(i)
			i = c.leafOf(k)
			l = c.leaves[i]
		}
	}
	if k.compare(c.lowest(i)) < 0 {
		c.low[i], c.rest[i] = k.p, lowRest{k.s, k.id}
	}
	j := c.find(l, k)
	if l.nGone > 0 {
		if free, ok := l.gap(j); ok {
			l.p[free], l.id[free] = k.p, k.id
			if free%apart == apart-1 {
				l.marks[free/apart] = ordered(k.p)
			}
			return
		}
		l.shiftGone(j)
	}
	l.id = insertAt(l.id, j, k.id)
	l.p = insertAt(l.p, j, k.p)
	if c.mode != cornerLine {
		l.s = insertAt(l.s, j, k.s)
		c.lowered(i, k.s)
	}
	if c.extra > 0 {
		l.t = insertAt(l.t, j, k.t)
	}
	if c.extra > 1 {
		l.u = insertAt(l.u, j, k.u)
	}
	c.mark(l, j)
}

// insertAt grows a slice of a leaf in few steps, and never beyond a leaf.
func insertAt[T any](s []T, i int, x T) []T {
	if len(s) == cap(s) {
		grown := make([]T, len(s), min(max(4, 2*len(s)), leafSize))
		copy(grown, s)
		s = grown
	}
	s = s[:len(s)+1]
	copy(s[i+1:], s[i:])
	s[i] = x
	return s
}

func (c *corners) greatest(l *leaf) corner {
	k := c.at(l, len(l.id)-1)
	if c.mode == cornerPlane {
		for i := range l.id {
			if at := c.at(l, i); at.compare(k) > 0 {
				k = at
			}
		}
	}
	return k
}

// remove takes a corner out; false if it is not there.
func (c *corners) remove(k corner) bool {
	if len(c.leaves) == 0 {
		return false
	}
	return c.removeFrom(k, c.leafOf(k))
}

// removeFrom is remove where leafOf has found the leaf.
func (c *corners) removeFrom(k corner, i int) bool {
	l := c.leaves[i]
	j := c.find(l, k)
	if j == len(l.id) || l.id[j] != k.id || l.isGone(j) || c.at(l, j).compare(k) != 0 {
		return false
	}
	c.n--
	if c.mode == cornerLine {
		c.leave(l, j)
		c.shrunk(i)
		return true
	}
	l.id = slices.Delete(l.id, j, j+1)
	l.p = slices.Delete(l.p, j, j+1)
	l.s = slices.Delete(l.s, j, j+1)
	if c.extra > 0 {
		l.t = slices.Delete(l.t, j, j+1)
	}
	if c.extra > 1 {
		l.u = slices.Delete(l.u, j, j+1)
	}
	c.mark(l, j)
	c.shrunk(i)
	return true
}

// shrunk sees to a leaf from which a corner has been taken.
func (c *corners) shrunk(i int) {
	n := c.leaves[i].len()
	switch {
	case n == 0:
		c.dropLeaf(i)
	case n < leafSize/4 && i+1 < len(c.leaves) && n+c.leaves[i+1].len() <= leafSize/2:
		c.merge(i)
	case n < leafSize/4 && i > 0 && n+c.leaves[i-1].len() <= leafSize/2:
		c.merge(i - 1)
	default:
		c.refresh(i)
	}
}

func (c *corners) addLeaf(i int, l *leaf, low corner) {
	c.leaves = slices.Insert(c.leaves, i, l)
	c.low = slices.Insert(c.low, i, low.p)
	c.rest = slices.Insert(c.rest, i, lowRest{low.s, low.id})
	if c.mode == cornerPlane {
		c.minS = slices.Insert(c.minS, i, low.s)
		c.reblock(i)
	}
}

func (c *corners) dropLeaf(i int) {
	c.leaves = slices.Delete(c.leaves, i, i+1)
	c.low = slices.Delete(c.low, i, i+1)
	c.rest = slices.Delete(c.rest, i, i+1)
	if c.mode == cornerPlane {
		c.minS = slices.Delete(c.minS, i, i+1)
		c.reblock(i)
	}
}

// all returns the corners of a leaf in order.
func (c *corners) all(l *leaf) []corner {
	ks := make([]corner, 0, len(l.id))
	for i := range l.id {
		if !l.isGone(i) {
			ks = append(ks, c.at(l, i))
		}
	}
	if c.mode == cornerPlane {
		slices.SortFunc(ks, corner.compare)
	}
	return ks
}

// fill makes a leaf of corners.
func (c *corners) fill(l *leaf, ks []corner) {
	if c.mode == cornerPlane {
		slices.SortFunc(ks, func(a, b corner) int {
			if a.s != b.s {
				return cmp.Compare(a.s, b.s)
			}
			return a.compare(b)
		})
	}
	size := leafSize
	if len(ks) < leafSize/4 {
		size = len(ks)
	}
	*l = leaf{id: make([]ID, 0, size), p: make([]float64, 0, size)}
	for _, k := range ks {
		l.id, l.p = append(l.id, k.id), append(l.p, k.p)
		if c.mode != cornerLine {
			l.s = insertAt(l.s, len(l.s), k.s)
		}
		if c.extra > 0 {
			l.t = insertAt(l.t, len(l.t), k.t)
		}
		if c.extra > 1 {
			l.u = insertAt(l.u, len(l.u), k.u)
		}
	}
	c.mark(l, 0)
}

func (c *corners) split(i int) {
	ks := c.all(c.leaves[i])
	half := len(ks) / 2
	right, low := newLeaf(), ks[half]
	c.fill(right, slices.Clone(ks[half:]))
	c.fill(c.leaves[i], ks[:half])
	c.addLeaf(i+1, right, low)
	c.refresh(i)
	c.refresh(i + 1)
}

// merge takes the leaf behind i into i.
func (c *corners) merge(i int) {
	c.fill(c.leaves[i], append(c.all(c.leaves[i]), c.all(c.leaves[i+1])...))
	c.dropLeaf(i + 1)
	c.refresh(i)
}

// refresh recalculates what is known of a leaf.
func (c *corners) refresh(i int) {
	if c.mode != cornerPlane {
		return
	}
	c.minS[i] = c.leaves[i].s[0]
	b := i / blockSize
	c.blocks[b] = slices.Min(c.minS[b*blockSize : min((b+1)*blockSize, len(c.minS))])
}

func (c *corners) lowered(i int, s float64) {
	if c.mode == cornerPlane {
		c.minS[i] = min(c.minS[i], s)
		c.blocks[i/blockSize] = min(c.blocks[i/blockSize], s)
	}
}

// reblock recalculates the blocks from leaf i on.
func (c *corners) reblock(i int) {
	b := i / blockSize
	c.blocks = c.blocks[:min(b, len(c.blocks))]
	for from := b * blockSize; from < len(c.minS); from += blockSize {
		c.blocks = append(c.blocks, slices.Min(c.minS[from:min(from+blockSize, len(c.minS))]))
	}
}
