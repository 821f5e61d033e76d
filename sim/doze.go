package sim

import "time"

// How many members of populations keep their actors at most, and how long those
// keep them who are silent. What is given back costs some microseconds when it is
// needed again, so a moderate number of busy nodes is left alone.
const (
	maxAwake  = 4096
	dozeAfter = time.Second
)

// dozing is the queue of the members of populations that have their actors, in
// the order in which they were looked at last.
type dozing struct {
	ring []hostID
	head int
	n    int
}

// used notes that a node has something to do.
func (w *World) used(h *host) {
	if h.member == 0 || w.live != nil {
		return
	}
	h.active = w.now
	if !h.awake {
		h.awake, h.seen = true, w.now
		w.dozing.push(h.id)
		w.doze(2)
	}
}

// doze lets nodes doze that have been silent, and where there are too many the
// ones that have been so longest; it looks at no more than so many.
func (w *World) doze(limit int) {
	d := &w.dozing
	for range min(limit, d.n) {
		h := w.hosts[d.ring[d.head]]
		if d.n <= maxAwake && w.now.Sub(h.seen) < dozeAfter {
			return // nor is it time for those behind it
		}
		d.pop()
		if h.active == h.seen && (h.node == nil || h.node.Doze()) {
			h.awake = false
			continue
		}
		h.seen, h.active = w.now, w.now
		d.push(h.id)
	}
}

func (d *dozing) push(id hostID) {
	if d.n == len(d.ring) {
		ring := make([]hostID, max(16, 2*d.n))
		n := copy(ring, d.ring[d.head:])
		copy(ring[n:], d.ring[:d.head])
		d.ring, d.head = ring, 0
	}
	d.ring[(d.head+d.n)&(len(d.ring)-1)] = id
	d.n++
}

func (d *dozing) pop() {
	d.head = (d.head + 1) & (len(d.ring) - 1)
	d.n--
}
