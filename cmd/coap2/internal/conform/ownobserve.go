package conform

import (
	"github.com/coap2/coap2/codec"
)

// ownObserveCases are cases of our own for RFC 7641.
func ownObserveCases() []Case {
	return []Case{
		{ID: "C2_OBS_01", Title: "A resource that cannot be observed is read all the same", Rule: "RFC 7641 §4.1", run: func(p *probe) {
			m := p.get("/.well-known/core", codec.Observe(0))
			p.code("", m, codec.Content)
		}},
		{ID: "C2_OBS_02", Title: "An error response has no Observe option", Rule: "RFC 7641 §4.1, §4.2", run: func(p *probe) {
			m := p.get("/no-such-resource", codec.Observe(0))
			p.code("", m, codec.NotFound)
			if m.Options.Has(codec.OptionObserve) {
				p.fail("", m, "an Observe option in an error response")
			}
		}},
		{ID: "C2_OBS_03", Title: "Observe is ignored with methods that it is not defined for", Rule: "RFC 7641 §2", alone: true, run: func(p *probe) {
			m := p.do(p.text(codec.PUT, "/test", "text", codec.Observe(0)))
			p.offered("PUT to /test", m)
			if m.Options.Has(codec.OptionObserve) {
				p.fail("", m, "an Observe option in the response to a PUT")
			}
		}},
		{ID: "C2_OBS_04", Title: "Sequence numbers increase", Rule: "RFC 7641 §4.4", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			for range 6 {
				o.next() // each is compared with the one before
				if o.silent {
					break
				}
			}
		}},
		{ID: "C2_OBS_05", Title: "An observer with the empty token", Rule: "RFC 7641 §3.1, RFC 7252 §5.3.1", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			path := o.path
			o.cancel()
			e := p.another()
			m := p.request(codec.GET, path, codec.Observe(0))
			m.Token = codec.Token{}
			r := e.exchange(m)
			p.code("", r, codec.Content)
			if !r.Options.Has(codec.OptionObserve) {
				p.fail("", r, "a registration with the empty token is not accepted")
			}
			o.e, o.request = e, m
			o.seq, o.seqAt = o.sequence(r), r.at
			o.next()
			o.cancel()
		}},
		{ID: "C2_OBS_06", Title: "Nobody else can cancel an observation with a GET", Rule: "RFC 7641 §3.6, §4.1", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.next()
			forged := *o.request
			forged.Options = forged.Options.Clone().Set(codec.Observe(1))
			p.another().exchange(&forged)
			o.next()
			o.cancel()
		}},
		{ID: "C2_OBS_07", Title: "Nobody else can cancel an observation with a reset", Rule: "RFC 7641 §3.6, §4.2", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			m := o.await()
			p.another().empty(codec.RST, m.MessageID)
			o.accept(m)
			o.next()
			o.cancel()
		}},
		{ID: "C2_OBS_08", Title: "A reset to a non-confirmable notification cancels, too", Rule: "RFC 7641 §3.6, §4.2", group: observing, run: func(p *probe) {
			o := p.observe(codec.NON, "/obs-non")
			for range 3 {
				m := o.next()
				if m.Type == codec.NON {
					o.e.empty(codec.RST, m.MessageID)
					o.ended("after a reset to a non-confirmable notification")
					return
				}
			}
			p.giveUp("no notification is non-confirmable")
		}},
		{ID: "C2_OBS_09", Title: "Two clients observe, each with its own token", Rule: "RFC 7641 §4.1", group: observing, run: func(p *probe) {
			one := p.observe(codec.CON, "/obs")
			two := p.register(codec.CON, one.path)
			if two == nil {
				p.fail("", nil, "%s takes one observer only", one.path)
			}
			one.next()
			two.silent = true
			two.next()
			one.cancel()
			one.ended("after it was cancelled")
			two.silent = one.silent
			two.next()
			two.cancel()
		}},
		{ID: "C2_OBS_10", Title: "A cancellation of what was never registered is a GET", Rule: "RFC 7641 §3.6, §4.1", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.cancel()
			m := p.get(o.path, codec.Observe(1))
			p.code("", m, codec.Content)
			if m.Options.Has(codec.OptionObserve) {
				p.fail("", m, "an Observe option in the response to a GET with Observe 1")
			}
		}},
		{ID: "C2_OBS_11", Title: "Observe values other than 0 and 1 register nothing", Rule: "RFC 7641 §2", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.cancel()
			m := p.get(o.path, codec.Observe(7))
			p.code("", m, codec.Content)
			if m.Options.Has(codec.OptionObserve) {
				p.should(m, "Observe 7 is taken for a registration")
			}
		}},
		{ID: "C2_OBS_12", Title: "A flood of registrations of one client does no harm", Rule: "RFC 7641 §4.1, §7", alone: true, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.cancel()
			e := p.another()
			accepted := 0
			for range 500 {
				r := e.exchange(p.request(codec.GET, o.path, codec.Observe(0)))
				if r.Options.Has(codec.OptionObserve) {
					accepted++
				}
				for _, m := range e.held {
					if m.Type == codec.CON {
						e.empty(codec.RST, m.MessageID)
					}
				}
				e.held = nil
			}
			p.another().alive("500 registrations")
			again := p.register(codec.CON, o.path)
			if again == nil {
				p.giveUp("after %d registrations were accepted, another client cannot register", accepted)
			}
			again.next()
			again.cancel()
		}},
	}
}
