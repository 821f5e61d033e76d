package actors

// How a node stops: every shard refuses new requests and tells the node when
// those that it serves are finished. When all have, own calls end, for until
// then a handler of any shard may depend on them; when there are none left the
// socket goes, and the actors with it.

// onStop refuses new requests and lets those being served finish.
func (e *endpoint) onStop() {
	e.sh.stopping = true
	if e.sh.blockwise != nil {
		e.sh.blockwise.endStreams()
	}
	e.sh.checkQuiet()
}

// onStopNow ends what is still being served.
func (e *endpoint) onStopNow() {
	for _, s := range e.sh.slots {
		if s.in != nil {
			if s.in.ctx != nil {
				s.in.ctx.end(ErrStopped)
			}
			e.sh.served(s)
		}
	}
}

// tellEndpoints posts a message to the endpoint of every shard.
func (a *nodeActor) tellEndpoints(msg any) {
	for _, sh := range a.node.shards {
		sh.post(sh.endpoint, msg)
	}
}

// onQuiet: one more shard serves nothing any more.
func (a *nodeActor) onQuiet() {
	if a.quiet++; a.quiet == len(a.node.shards) {
		a.endCalls()
		a.checkDrained()
	}
}

func (a *nodeActor) endCalls() {
	a.node.endGroupCalls()
	for _, c := range a.node.openCalls() {
		sh := c.sh.Load()
		sh.post(sh.endpoint, cancelCall{c, ErrStopped})
	}
}

// checkDrained: when nothing is open any more the socket goes, then the actors.
func (a *nodeActor) checkDrained() {
	n := a.node
	n.mu.Lock()
	open := n.calls != nil
	n.mu.Unlock()
	if a.closing || open || a.quiet < len(n.shards) {
		return
	}
	a.closing = true
	if a.sup != nil {
		a.sup.ResumeChildren(a.transport.pid) // it may be waiting for its back-off
	}
	n.shard.post(a.transport, stopNode{})
}
