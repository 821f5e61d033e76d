package sim

import (
	"context"
	"fmt"
	"strings"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// discover looks for nodes; it has a number as requests have.
func (p *performance) discover(a *args) error {
	name := a.word("the node")
	n := p.nodes[name]
	text := a.word("whom to look for")
	q := actors.Query{CoAP2: !a.flag("plain")}
	most := a.number("most")
	q.Wait = a.duration("wait")
	if where, ok := a.text("where"); ok {
		q.Filters = strings.Split(where, "&")
	}
	if err := a.done(); err != nil {
		return err
	}
	if n == nil {
		return fmt.Errorf("there is no node %q", name)
	}
	if text != "everyone" {
		w, err := protocol.ParseQuery([]byte(text))
		if err != nil {
			return err
		}
		q.Name, q.Resources, q.All = w.Name, w.Paths, w.Kind == protocol.AllOf
	}
	id := len(p.calls) + 1
	p.w.Notef(name, "#%d discovers %s", id, text)
	p.open++
	ctx, cancel := context.WithCancel(p.w.Context())
	p.calls = append(p.calls, cancel)
	p.w.Go(func(context.Context) {
		defer cancel()
		found := 0
		for f, err := range n.Discover(ctx, q) {
			switch {
			case err != nil:
				p.w.Notef(name, "#%d %v", id, err)
				continue
			case f.Again:
				p.w.Notef(name, "#%d finds %s again, at %s", id, f.Name, p.w.nameOf(f.Addrs[0]))
				continue
			}
			kind := ""
			if f.Plain {
				kind = ", a plain server"
			}
			p.w.Notef(name, "#%d finds %q%s, at %s after %v: %s", id, f.Name, kind, p.w.nameOf(f.Addrs[0]), f.Delay, codec.AppendLinks(nil, f.Links...))
			if found++; found == most {
				break
			}
		}
		p.open--
		p.w.Notef(name, "#%d has found %d nodes", id, found)
	})
	return nil
}
