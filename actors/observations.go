package actors

import "slices"

// The node's list of its own observations: in it from Observe until done has
// been told the end.

// addObservation puts an observation on the list and begins it; false if the
// node is stopped. What is posted under the lock comes before the end.
func (n *Node) addObservation(o *Observation) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return false
	}
	o.listed = true
	if o.next = n.watching; o.next != nil {
		o.next.prev = o
	}
	n.watching = o
	n.watched++
	o.post(observationBegins{o})
	return true
}

// dropObservation takes an observation off the list.
func (n *Node) dropObservation(o *Observation) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !o.listed {
		return
	}
	o.listed = false
	n.watched--
	if o.prev != nil {
		o.prev.next = o.next
	} else {
		n.watching = o.next
	}
	if o.next != nil {
		o.next.prev = o.prev
	}
	o.prev, o.next = nil, nil
}

// openObservations returns the list, the oldest first.
func (n *Node) openObservations() []*Observation {
	n.mu.Lock()
	defer n.mu.Unlock()
	var os []*Observation
	for o := n.watching; o != nil; o = o.next {
		os = append(os, o)
	}
	slices.Reverse(os)
	return os
}

// endObservations ends all, before the endpoints refuse to say farewell.
func (a *nodeActor) endObservations() {
	for _, o := range a.node.openObservations() {
		o.post(observationEnds{o, ErrStopped})
	}
}

// renewObservations has all registered again: the node's socket is another.
func (n *Node) renewObservations() {
	for _, o := range n.openObservations() {
		o.Renew()
	}
}
