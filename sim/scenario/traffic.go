package scenario

import (
	"slices"

	"github.com/coap2/coap2/sim"
)

// traffic is what was sent in the network while somebody discovered.
type traffic struct {
	queries, responses        uint64 // datagrams of the askers, and of all others
	queryBytes, responseBytes uint64 // with their headers
	collisions, drops, frames uint64
	retries, givenUp          uint64
	energy                    spent
}

// datagramHeaders is what IP (version 4) and UDP add to each datagram.
const datagramHeaders = 20 + 8

// traffic returns what has been sent so far; the askers of t are those who ask.
func (r *run) traffic(a *action, t *tally) traffic {
	net := r.w.NetStats()
	x := traffic{collisions: net.Collisions, drops: droppedIn(&net), frames: net.Frames, retries: net.Retries, givenUp: net.GivenUp, energy: spentOn(net.Energy)}
	for _, i := range t.askers {
		name := r.s.nodes.name(i)
		for _, host := range [...]string{name, name + askerMark + a.name, name + querierMark} {
			n, bytes := r.w.SentBy(host)
			x.queries += n
			x.queryBytes += bytes + n*datagramHeaders
		}
	}
	x.responses = net.Sent - x.queries
	x.responseBytes = net.SentBytes + net.Sent*datagramHeaders - x.queryBytes
	return x
}

func (x *traffic) plus(y, less traffic) {
	x.queries += y.queries - less.queries
	x.responses += y.responses - less.responses
	x.queryBytes += y.queryBytes - less.queryBytes
	x.responseBytes += y.responseBytes - less.responseBytes
	x.collisions += y.collisions - less.collisions
	x.drops += y.drops - less.drops
	x.frames += y.frames - less.frames
	x.retries += y.retries - less.retries
	x.givenUp += y.givenUp - less.givenUp
	x.energy.plus(y.energy, less.energy)
}

// watch counts what is sent from now on, until the answers no longer count.
func (t *tally) watch(r *run, a *action, asker int) {
	if !slices.Contains(t.askers, asker) {
		if t.watching > 0 { // what it has sent before is not of this discovery
			t.sent.plus(r.traffic(a, t), t.before)
		}
		t.askers = append(t.askers, asker)
		t.before = r.traffic(a, t)
	}
	if t.watching++; t.watching == 1 {
		t.before = r.traffic(a, t)
	}
	r.w.AfterFunc(a.wait, func() {
		if t.watching--; t.watching == 0 {
			t.sent.plus(r.traffic(a, t), t.before)
		}
	})
}

// unwatch ends that at the end of the run.
func (t *tally) unwatch(r *run, a *action) {
	if t.watching > 0 {
		t.watching = 0
		t.sent.plus(r.traffic(a, t), t.before)
	}
}

// droppedIn counts what found no room: in queues, and in receive buffers.
func droppedIn(n *sim.NetStats) uint64 { return n.Lost[sim.LostInQueue] + n.Lost[sim.LostInBuffer] }
