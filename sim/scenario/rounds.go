package scenario

import (
	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
)

// acquaintance is a node that an asker has found.
type acquaintance struct {
	id   protocol.InstanceID
	node int
}

// armRounds lets nodes discover as package actors does it.
func (r *run) armRounds(a *action, t *tally) error {
	q := actors.Query{
		Name: a.target.query.Name, Resources: a.target.query.Paths, All: a.target.query.Kind == protocol.AllOf,
		Filters: a.target.queries, Wait: a.wait,
	}
	r.repeat(&a.schedule, func(n int) {
		from := r.chosen(a.from, "from/"+a.name, n)
		from.each(func(i int) {
			if r.down[i] {
				return
			}
			f := r.seek(a, t, i)
			q := q
			if a.remember {
				for _, k := range r.known[i] {
					q.Known = append(q.Known, k.id)
					f.answer(k.node, true, "known")
				}
			}
			if f.want[i/64]>>(i%64)&1 == 1 {
				t.expected-- // it does not find itself
			}
			node, err := r.node(i)
			if err == nil {
				t.open++
				_, err = node.Search(q, func(found actors.Found, err error, end bool) { f.searched(found, err, end) })
			}
			if err != nil {
				r.broken = append(r.broken, err.Error())
			}
		})
	})
	return nil
}

// searched takes what a search has found.
func (f *finds) searched(found actors.Found, err error, end bool) {
	switch {
	case end:
		f.t.open--
		if err != nil {
			f.t.others++
			f.r.event(f.a.name, "failed", f.asker, -1, cause(err))
		}
	case err != nil: // two nodes of one name, both of which have been told
		f.t.others++
	default:
		r, node := f.r, f.r.nodeAt(found.Addrs[0])
		if r.remembers && found.Instance != (protocol.InstanceID{}) {
			r.known[f.asker] = append(r.known[f.asker], acquaintance{found.Instance, node})
		}
		f.answer(node, true, "")
	}
}
