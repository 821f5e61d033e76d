package actors

// onStop refuses new requests, lets those being served finish, and ends own
// calls once nothing is being served that may depend on them.
func (e *endpoint) onStop() {
	sh := e.sh
	if sh.stopping {
		return
	}
	sh.stopping = true
	sh.drained = func() { sh.post(sh.node.pid, drained{}) }
	e.endCallsIfQuiet()
	sh.checkDrained()
}

func (e *endpoint) endCallsIfQuiet() {
	if e.sh.serving == 0 {
		e.endCalls()
	}
}

func (e *endpoint) endCalls() {
	for _, c := range e.sh.node.openCalls() {
		e.sh.post(e.sh.endpoint, cancelCall{c, ErrStopped})
	}
}

// onStopNow ends what is still open.
func (e *endpoint) onStopNow() {
	for _, s := range e.sh.slots {
		if s.in != nil {
			if s.in.ctx != nil {
				s.in.ctx.end(ErrStopped)
			}
			e.sh.served(s)
		}
	}
	e.endCalls()
}
