package conform

import (
	"bytes"
	"time"

	"github.com/coap2/coap2/codec"
)

// observing is the group of the cases that observe /obs.
const observing = "observe"

// observeCases are TD_COAP_OBS_01 to 14.
func observeCases() []Case {
	return []Case{
		{ID: "TD_COAP_OBS_01", Title: "Handle resource observation with CON messages", Rule: "RFC 7641 §3, §4", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			for range 3 {
				o.confirmable(o.next())
			}
		}},
		{ID: "TD_COAP_OBS_02", Title: "Handle resource observation with NON messages", Rule: "RFC 7641 §3, §4", group: observing, run: func(p *probe) {
			o := p.observe(codec.NON, "/obs-non")
			non := false
			for range 3 {
				non = o.next().Type == codec.NON || non
			}
			if !non {
				p.should(o.last, "of three notifications none is non-confirmable")
			}
		}},
		{ID: "TD_COAP_OBS_04", Title: "Client detection of deregistration (Max-Age)", Rule: "RFC 7641 §3.3.1, §4.1", group: observing, run: func(p *probe) {
			// The server's part of it: a registration that is renewed with the
			// same token is one registration.
			o := p.observe(codec.CON, "/obs")
			o.next()
			again := *o.request
			r := o.e.exchange(&again)
			p.code("", r, codec.Content)
			if !r.Options.Has(codec.OptionObserve) {
				p.fail("", r, "a registration that is renewed is not accepted")
			}
			// Its number need not be greater than those of the notifications
			// before it.
			o.seq, o.seqAt, o.last = o.sequence(r), r.at, r
			o.next()
			o.once()
		}},
		{ID: "TD_COAP_OBS_05", Title: "Server detection of deregistration (client OFF)", Rule: "RFC 7641 §4.5, RFC 7252 §4.2", run: clientOff},
		{ID: "TD_COAP_OBS_06", Title: "Server detection of deregistration (explicit RST)", Rule: "RFC 7641 §3.6, §4.2", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.next()
			m := o.await()
			o.e.empty(codec.RST, m.MessageID)
			o.ended("after a reset")
		}},
		{ID: "TD_COAP_OBS_07", Title: "Server cleans the observers list on DELETE", Rule: "RFC 7641 §4.2", alone: true, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.next()
			r := p.another().exchange(p.request(codec.DELETE, o.path))
			p.offered("DELETE of "+o.path, r)
			p.code("", r, codec.Deleted)
			o.finally(codec.NotFound)
		}},
		{ID: "TD_COAP_OBS_08", Title: "Server cleans the observers list when observed resource content-format changes", Rule: "RFC 7641 §4.2", alone: true, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.next()
			f := codec.JSON
			if o.format == uint64(codec.JSON) {
				f = codec.TextPlain
			}
			m := p.request(codec.PUT, o.path, codec.UintOption(codec.OptionContentFormat, uint64(f)))
			m.Payload = []byte(`"another format"`)
			r := p.another().exchange(m)
			if !r.Code.IsSuccess() {
				p.giveUp("%s does not take another format (%v)", o.path, r.Code)
			}
			if now := p.get(o.path); formatOf(now) != uint64(f) {
				p.giveUp("%s was written in another format, but is not read in it", o.path)
			}
			o.finally(codec.NotAcceptable)
		}},
		{ID: "TD_COAP_OBS_09", Title: "Update of the observed resource", Rule: "RFC 7641 §4.2", alone: true, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.next()
			other := p.another()
			for _, value := range []string{"one", "another"} {
				m := o.put(value)
				if r := other.exchange(m); !r.Code.IsSuccess() {
					p.giveUp("%s cannot be changed with a PUT (%v)", o.path, r.Code)
				}
				end := time.Now().Add(p.cfg.Change)
				for {
					n := o.take(time.Until(end))
					if n == nil {
						p.fail("", o.last, "%q was PUT, and no notification with it came", value)
					}
					if string(n.Payload) == value {
						break
					}
				}
			}
		}},
		{ID: "TD_COAP_OBS_10", Title: "GET does not cancel resource observation", Rule: "RFC 7641 §3.6", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.next()
			r := o.e.exchange(p.request(codec.GET, o.path))
			p.code("", r, codec.Content)
			if r.Options.Has(codec.OptionObserve) {
				p.fail("RFC 7641 §4.1", r, "an Observe option in the response to a GET without one")
			}
			o.next()
			o.next()
		}},
		{ID: "TD_COAP_OBS_11", Title: "Handle resource observation with CON messages (lossy case)", Rule: "RFC 7641 §4.5, RFC 7252 §4.2", group: observing, run: lossyObservation},
		{ID: "TD_COAP_OBS_12", Title: "GET with Observe=1 does cancel resource observation", Rule: "RFC 7641 §3.6", group: observing, run: func(p *probe) {
			o := p.observe(codec.CON, "/obs")
			o.next()
			o.cancel()
			o.ended("after a GET with Observe 1")
		}},
		{ID: "TD_COAP_OBS_13", Title: "Handle observation of large resources (with Block2)", Rule: "RFC 7959 §2.6", run: func(p *probe) { p.observeLarge("/obs-large") }},
		{ID: "TD_COAP_OBS_14", Title: "Handle observation of variable size large resources (with Block2)", Rule: "RFC 7959 §2.6", run: func(p *probe) {
			o := p.observeNamed(codec.CON, "/obs-pumping", 40, 1500)
			o.wholeBody(o.first)
			blocks, single := 0, 0
			for i := 0; i < 6 && (blocks == 0 || single == 0); i++ {
				n := o.next()
				if b, has, _ := n.Options.Block(codec.OptionBlock2); has && b.More {
					blocks++
				} else {
					single++
				}
				o.wholeBody(n)
			}
			if blocks == 0 || single == 0 {
				p.giveUp("of six notifications %d came in blocks and %d in one message", blocks, single)
			}
		}},
	}
}

// clientOff: a client that does not acknowledge is given up in the end. With the
// parameters of RFC 7252 that takes up to 93 s.
func clientOff(p *probe) {
	o := p.observe(codec.CON, "/obs")
	o.next()
	first := o.await()
	gap, last := time.Duration(0), first
	for i := range 4 {
		n := o.e.wait(40*time.Second, o.isNotification)
		if n == nil {
			if i == 0 {
				p.fail("", first, "a confirmable notification that is not acknowledged is not retransmitted")
			}
			p.giveUp("%d retransmissions, RFC 7252 §4.8 has 4 by default", i)
		}
		o.numbered(n)
		d := n.at.Sub(last.at)
		if d <= gap {
			p.fail("RFC 7252 §4.2", n, "retransmission %d came %v after the one before, which came after %v: the timeout is to double", i+1, d, gap)
		}
		gap, last = d, n
	}
	// Silence from now on: for the last timeout, and after it.
	m := o.e.wait(2*gap+3*time.Second, o.isNotification)
	if m != nil {
		p.fail("", m, "after the last timeout a notification still comes")
	}
	o.provoke()
	if m = o.e.wait(p.cfg.Quiet+time.Second, o.isNotification); m != nil {
		p.fail("", m, "an observer that has not acknowledged anything is still sent notifications")
	}
}

// lossyObservation: notifications that are not acknowledged at once are
// retransmitted, and never is there more than one under way.
func lossyObservation(p *probe) {
	o := p.observe(codec.CON, "/obs")
	for range 2 {
		m := o.await()
		o.provoke()
		// The acknowledgement is lost: what comes meanwhile is the same message
		// or, in its place, a newer state.
		again := o.e.wait(p.cfg.Change, o.isNotification)
		if again == nil {
			p.fail("", m, "a confirmable notification that is not acknowledged is not retransmitted")
		}
		if d := again.at.Sub(m.at); d < time.Second {
			p.fail("RFC 7641 §4.5, RFC 7252 §4.7", again, "a second notification %v after the first, which was not acknowledged: NSTART is 1", d)
		}
		if again.MessageID == m.MessageID && !bytes.Equal(again.raw, m.raw) {
			p.fail("RFC 7252 §4.4", again, "another message with the same message ID; the first was %x", m.raw)
		}
		o.accept(again)
	}
}

// observeLarge observes a resource whose representations come in blocks.
func (p *probe) observeLarge(path string) {
	o := p.observeNamed(codec.CON, path, 1500, 1700)
	o.wholeBody(o.first)
	for range 2 {
		n := o.next()
		b, has, _ := n.Options.Block(codec.OptionBlock2)
		if !has || !b.More {
			p.giveUp("a notification came in one message")
		}
		if b.Num != 0 {
			p.fail("", n, "a notification begins with block %d", b.Num)
		}
		if body := o.wholeBody(n); len(body) <= b.Size() {
			p.fail("", n, "%d bytes in all; its first block was not the last", len(body))
		}
	}
}
