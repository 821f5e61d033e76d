package protocol

// Warm reads, step by step, the memory that the next message needs, and returns
// a number that says nothing; see actors.Node.Warm.
func (d *Dedup) Warm(step int) int {
	t := &d.idem
	if step == 0 {
		return t.live + int(t.answers.end) + d.reserve + d.kept.live + int(d.secret[3]) + int(d.hits)
	}
	v := 0
	if n := len(t.entries); n > 0 {
		v += int(t.entries[int(t.end)&(n-1)].sizeFlags)
	}
	if n := len(t.slots); n > 0 {
		v += int(t.slots[0])
	}
	if len(t.answers.chunks) > 0 {
		v += len(t.answers.chunks[0])
	}
	return v
}

// WarmKey reads the place of a key.
func (d *Dedup) WarmKey(key DedupKey) int {
	t := &d.idem
	if len(t.slots) == 0 {
		return 0
	}
	return int(t.slots[hashKey(&d.secret, key)>>t.shift])
}

// Warm is that of Dedup.
func (p *Peers[T]) Warm(step int) int {
	if step == 0 {
		return p.max + p.pinned
	}
	v := 0
	for _, e := range p.few {
		v += int(e.pins) + int(e.ID)
	}
	return v
}

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
