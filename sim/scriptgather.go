package sim

import (
	"context"

	"github.com/coap2/coap2/codec"
)

// gather makes a request to a group, which has a number as other requests have.
func (p *performance) gather(a *args) error {
	method := codec.GET
	if a.flag("fetch") {
		method = codec.FETCH
	}
	name, n, target, r := p.request(a, method)
	most := a.number("most")
	if err := a.done(); err != nil {
		return err
	}
	id := len(p.calls) + 1
	p.w.Notef(name, "#%d gathers %s", id, target)
	p.open++
	ctx, cancel := context.WithCancel(p.w.Context())
	p.calls = append(p.calls, cancel)
	p.w.Go(func(context.Context) {
		defer cancel()
		heard := 0
		for res, err := range n.Gather(ctx, r) {
			if res == nil {
				p.w.Notef(name, "#%d %s", id, ending(nil, err))
				continue
			}
			copied := *res
			copied.Separate = false // as all are
			p.w.Notef(name, "#%d hears from %s: %s", id, p.w.nameOf(res.Peer.Addr), ending(&copied, err))
			if heard++; heard == most {
				break
			}
		}
		p.open--
		p.w.Notef(name, "#%d has gathered %d answers", id, heard)
	})
	return nil
}
