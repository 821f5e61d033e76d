package protocol

// Warm reads, step by step, the memory that the next message needs, and returns
// a number that says nothing; see actors.Node.Warm.
func (d *Dedup) Warm(step int) int {
	t := &d.idem
	if step == 0 {
		return t.live + int(t.answers.end) + int(d.secret[0]) + int(d.hits)
	}
	v := 0
	if n := len(t.entries); n > 0 {
		v += int(t.entries[int(t.end)&(n-1)].sizeFlags) + int(t.oldest().sizeFlags)
	}
	if len(t.answers.chunks) > 0 {
		v += len(t.answers.chunks[0])
	}
	return v
}

// WarmKey reads the place of a key, and that of the next answer.
func (d *Dedup) WarmKey(key DedupKey) int {
	t := &d.idem
	if len(t.slots) == 0 {
		return 0
	}
	v := int(t.slots[hashKey(&d.secret, key)>>t.shift])
	if r := &t.answers; len(r.chunks) == 1 {
		v += int(r.chunks[0][int(r.end)&(r.size-1)])
	}
	return v
}

// Warm is that of Dedup.
func (p *Peers[T]) Warm(step int) int {
	if step == 0 {
		return p.max + p.pinned
	}
	if len(p.few) > 0 && p.few[0] != nil {
		return 1
	}
	return 0
}

// WarmEntry reads what changes in an entry when it is used.
func (p *Peers[T]) WarmEntry(e *PeerEntry[T]) int { return int(e.pins) }

// Warm is that of Dedup.
func (d *Deadlines[T]) Warm() int {
	v := 0
	if len(d.heap) > 0 {
		v += int(d.heap[0].slot)
	}
	if len(d.slots) > 0 {
		v += int(d.slots[0].gen)
	}
	return v
}
