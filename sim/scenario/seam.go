package scenario

import (
	"github.com/coap2/coap2/sim"
)

// counters are those of the network.
type counters struct {
	w *sim.World
	n struct{ sent, delivered, bytes, lost, duplicated uint64 }
}

func (c *counters) begin(w *sim.World) {
	c.w = w
	w.Fault(sim.Fault{Match: func(p *sim.Packet) bool {
		c.n.delivered++
		c.n.bytes += uint64(len(p.Data))
		return false
	}})
}

func (c *counters) deliveries() uint64 { return c.n.delivered }

func (c *counters) report(rep *Report) {
	rep.Deliveries, rep.Bytes = c.n.delivered, c.n.bytes
}

// violations are the invariants that do not hold.
func (r *run) violations() []string { return nil }

// armFault prepares a fault.
func (r *run) armFault(f *fault) {
	r.repeat(&f.schedule, func(n int) { r.strike(f, n) })
}

func (r *run) strike(f *fault, n int) {}
