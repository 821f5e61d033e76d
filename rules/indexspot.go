package rules

// spot is a corner that comes to a tree, or goes.
type spot struct {
	tree int32
	k    corner
	leaf int // where in the tree it belongs
	// read is made of what has been read, and means nothing: what nobody keeps a
	// compiler does not read.
	read float64
}

// approach finds the leaves of corners. To find one of a million is to wait for
// memory, several times, each time for what says where to look next. So it takes
// a step for all of them before it takes the next one: what it reads for one
// comes while the others wait too.
func (x *Index) approach(spots []spot) {
	for i := range spots {
		s := &spots[i]
		s.leaf = x.trees[s.tree].leafOf(s.k)
	}
	for i := range spots {
		s := &spots[i]
		if t := x.trees[s.tree]; t.n > 0 {
			s.read = float64(t.leaves[s.leaf].nGone)
		}
	}
	for i := range spots {
		s := &spots[i]
		if t := x.trees[s.tree]; t.n > 0 {
			l := t.leaves[s.leaf]
			s.read += t.touch(l, l.near(t.by(&s.k)))
		}
	}
}

// moved reports whether the leaf of a spot may be another one since an earlier
// spot has been dealt with.
func moved(spots []spot, i int) bool {
	for _, o := range spots[:i] {
		if o.tree == spots[i].tree {
			return true
		}
	}
	return false
}

// enter inserts corners into trees.
func (x *Index) enter(spots []spot) {
	x.approach(spots)
	for i := range spots {
		s := &spots[i]
		if t := x.trees[s.tree]; moved(spots, i) {
			t.insert(s.k)
		} else {
			t.insertIn(s.k, s.leaf)
		}
	}
}

// take takes corners out of trees, and a tree away with its last one.
func (x *Index) take(spots []spot) {
	x.approach(spots)
	for i := range spots {
		s := &spots[i]
		t := x.trees[s.tree]
		found := false
		if moved(spots, i) {
			found = t.remove(s.k)
		} else {
			found = t.removeFrom(s.k, s.leaf)
		}
		if !found {
			x.lost++
		}
		if t.n == 0 {
			x.drop(s.tree)
		}
	}
}
