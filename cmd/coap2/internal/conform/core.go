package conform

import (
	"bytes"
	"time"

	"github.com/coap2/coap2/codec"
)

// coreCases are TD_COAP_CORE_01 to 19.
func coreCases() []Case {
	return []Case{
		{ID: "TD_COAP_CORE_01", Title: "Perform GET transaction (CON mode)", Rule: "RFC 7252 §5.8.1, §4.2, §5.2.1", run: func(p *probe) {
			p.need("/test")
			m := p.get("/test")
			p.piggybacked(m)
			p.content("", m)
		}},
		{ID: "TD_COAP_CORE_02", Title: "Perform DELETE transaction (CON mode)", Rule: "RFC 7252 §5.8.4", alone: true, run: func(p *probe) { p.deletes(codec.CON) }},
		{ID: "TD_COAP_CORE_03", Title: "Perform PUT transaction (CON mode)", Rule: "RFC 7252 §5.8.3", alone: true, run: func(p *probe) { p.writes(codec.CON, codec.PUT) }},
		{ID: "TD_COAP_CORE_04", Title: "Perform POST transaction (CON mode)", Rule: "RFC 7252 §5.8.2", alone: true, run: func(p *probe) { p.writes(codec.CON, codec.POST) }},
		{ID: "TD_COAP_CORE_05", Title: "Perform GET transaction (NON mode)", Rule: "RFC 7252 §5.8.1, §5.2.3", run: func(p *probe) {
			p.need("/test")
			m := p.request(codec.GET, "/test")
			m.Type = codec.NON
			r := p.do(m)
			p.content("", r)
			p.non(r)
		}},
		{ID: "TD_COAP_CORE_06", Title: "Perform DELETE transaction (NON mode)", Rule: "RFC 7252 §5.8.4, §5.2.3", alone: true, run: func(p *probe) { p.deletes(codec.NON) }},
		{ID: "TD_COAP_CORE_07", Title: "Perform PUT transaction (NON mode)", Rule: "RFC 7252 §5.8.3, §5.2.3", alone: true, run: func(p *probe) { p.writes(codec.NON, codec.PUT) }},
		{ID: "TD_COAP_CORE_08", Title: "Perform POST transaction (NON mode)", Rule: "RFC 7252 §5.8.2, §5.2.3", alone: true, run: func(p *probe) { p.writes(codec.NON, codec.POST) }},
		{ID: "TD_COAP_CORE_09", Title: "Perform GET transaction with separate response (CON mode, no piggyback)", Rule: "RFC 7252 §5.2.2", run: func(p *probe) {
			m := p.separate(codec.CON, 4)
			if !m.Options.Has(codec.OptionContentFormat) {
				p.should(m, "no Content-Format option (RFC 7252 §5.5.1)")
			}
		}},
		{ID: "TD_COAP_CORE_10", Title: "Perform GET transaction containing non-empty Token (CON mode)", Rule: "RFC 7252 §5.3.1", run: func(p *probe) {
			p.need("/test")
			for n := 1; n <= codec.MaxTokenLen; n++ {
				m := p.request(codec.GET, "/test")
				m.Token, _ = codec.MakeToken([]byte("\x00\xffabcdef")[:n])
				p.content("", p.do(m))
			}
		}},
		{ID: "TD_COAP_CORE_11", Title: "Perform GET transaction containing non-empty Token with a separate response (CON mode)", Rule: "RFC 7252 §5.3.1, §5.2.2", run: func(p *probe) {
			p.separate(codec.CON, 8)
		}},
		{ID: "TD_COAP_CORE_12", Title: "Perform GET transaction using empty Token (CON mode)", Rule: "RFC 7252 §5.3.1", run: func(p *probe) {
			p.need("/test")
			m := p.request(codec.GET, "/test")
			m.Token = codec.Token{}
			p.content("", p.do(m))
		}},
		{ID: "TD_COAP_CORE_13", Title: "Perform GET transaction containing several URI-Path options (CON mode)", Rule: "RFC 7252 §5.10.1, §6.5", run: func(p *probe) {
			p.need("/seg1/seg2/seg3")
			p.content("", p.get("/seg1/seg2/seg3"))
			for _, wrong := range []string{"/seg1/seg2", "/seg1/seg3/seg2", "/seg1seg2seg3", "/seg1/seg2/seg3/seg4"} {
				if m := p.get(wrong); m.Code == codec.Content && bytes.Equal(m.Payload, p.get("/seg1/seg2/seg3").Payload) {
					p.fail("", m, "%s is answered as /seg1/seg2/seg3", wrong)
				}
			}
			// One segment that holds slashes is not three segments.
			m := p.request(codec.GET, "/", codec.URIPath("seg1/seg2/seg3"))
			if r := p.do(m); r.Code == codec.Content && bytes.Equal(r.Payload, p.get("/seg1/seg2/seg3").Payload) {
				p.fail("RFC 7252 §6.5", r, "a segment with slashes in it is taken for three segments")
			}
		}},
		{ID: "TD_COAP_CORE_14", Title: "Perform GET transaction containing several URI-Query options (CON mode)", Rule: "RFC 7252 §5.10.1, §6.5", run: func(p *probe) {
			p.need("/query")
			p.content("", p.get("/query?first=1&second=2&third=3"))
		}},
		{ID: "TD_COAP_CORE_15", Title: "Perform GET transaction (CON mode, piggybacked response) in a lossy context", Rule: "RFC 7252 §4.2, §4.5", run: func(p *probe) {
			p.need("/test")
			e := p.endpoint()
			// The response is lost three times: each retransmission has to bring
			// it again, and it is the same.
			m := p.request(codec.GET, "/test")
			b := e.encode(m)
			mine := func(r *message) bool { return r.MessageID == m.MessageID || r.Token == m.Token }
			first := e.repeat(b, mine)
			if first == nil {
				p.fail("", nil, "no answer to a GET")
			}
			for range 3 {
				r := e.repeat(b, mine)
				if r == nil {
					p.fail("", nil, "a retransmitted request is not answered")
				}
				p.answers(m, r)
				if r.Type == codec.ACK && r.Code != codec.Empty && !bytes.Equal(r.raw, first.raw) {
					p.should(r, "the response to a retransmitted GET is another one (RFC 7252 §4.5)")
				}
			}
		}},
		{ID: "TD_COAP_CORE_16", Title: "Perform GET transaction (CON mode, delayed response) in a lossy context", Rule: "RFC 7252 §4.2, §4.5, §5.2.2", run: lossySeparate},
		{ID: "TD_COAP_CORE_17", Title: "Perform GET transaction with a separate response (NON mode)", Rule: "RFC 7252 §5.2.3, §4.3", run: func(p *probe) {
			p.non(p.separate(codec.NON, 4))
		}},
		{ID: "TD_COAP_CORE_18", Title: "Perform POST transaction with responses containing several Location-Path options (CON mode)", Rule: "RFC 7252 §5.10.7", alone: true, run: func(p *probe) {
			p.do(p.request(codec.DELETE, "/location1/location2/location3"))
			m := p.do(p.text(codec.POST, "/test", "create me"))
			p.offered("POST to /test", m)
			if m.Code == codec.Changed && !m.Options.Has(codec.OptionLocationPath) {
				p.giveUp("a POST to /test creates nothing (%v)", m.Code)
			}
			p.code("", m, codec.Created)
			p.location(m, codec.OptionLocationPath, "/", 3)
		}},
		{ID: "TD_COAP_CORE_19", Title: "Perform POST transaction with responses containing several Location-Query options (CON mode)", Rule: "RFC 7252 §5.10.7", alone: true, run: func(p *probe) {
			m := p.do(p.text(codec.POST, "/location-query", "create me"))
			p.offered("POST to /location-query", m)
			p.code("", m, codec.Created, codec.Changed)
			p.location(m, codec.OptionLocationQuery, "?&", 2)
		}},
	}
}

// non checks that the response to a NON request is NON, which it should be.
func (p *probe) non(r *message) {
	if r.Type != codec.NON {
		p.should(r, "the response to a non-confirmable request is %v (RFC 7252 §5.2.3)", r.Type)
	}
}

// deletes checks a DELETE.
func (p *probe) deletes(t codec.Type) {
	p.need("/test")
	m := p.request(codec.DELETE, "/test")
	m.Type = t
	r := p.do(m)
	p.offered("DELETE of /test", r)
	p.code("", r, codec.Deleted)
	if t == codec.NON {
		p.non(r)
	}
}

// writes checks a PUT or POST.
func (p *probe) writes(t codec.Type, method codec.Code) {
	m := p.text(method, "/test", "some text")
	m.Type = t
	r := p.do(m)
	p.offered(method.Name()+" to /test", r)
	p.code("", r, codec.Changed, codec.Created)
	if t == codec.NON {
		p.non(r)
	}
	if method == codec.PUT {
		if got := p.get("/test"); got.Code == codec.Content && string(got.Payload) != "some text" {
			p.should(got, "what was PUT is not what is read afterwards")
		}
	}
}

// location checks options of a Location.
func (p *probe) location(m *message, n codec.OptionNumber, never string, count int) {
	got := 0
	for v := range m.Options.Values(n) {
		got++
		if bytes.ContainsAny(v, never) {
			p.fail("", m, "the %v option %q holds one of %q", n, v, never)
		}
	}
	if got == 0 {
		p.giveUp("the response has no %v option", n)
	}
	if got != count {
		p.giveUp("the response has %d %v options, the description says %d", got, n, count)
	}
}

// slowPaths are resources that answer late: that of the description, and what
// other servers have.
var slowPaths = []string{"/separate", "/async?2", "/async"}

// separate makes a request that is answered separately, and returns the
// response. The token has so many bytes.
func (p *probe) separate(t codec.Type, tokenLen int) *message {
	for _, path := range slowPaths {
		m := p.request(codec.GET, path)
		m.Type = t
		m.Token, _ = codec.MakeToken([]byte("separate")[:tokenLen])
		r := p.separateOnce(m)
		if r.Code == codec.NotFound {
			continue
		}
		if r.Type == codec.ACK {
			p.giveUp("%s is answered at once", path)
		}
		p.code("", r, codec.Content)
		if len(r.Payload) == 0 {
			p.fail("", r, "the payload is empty")
		}
		return r
	}
	p.giveUp("the server offers no /separate")
	return nil
}

func (p *probe) separateOnce(m *codec.Message) *message {
	e := p.endpoint()
	b := e.encode(m)
	// The paths are tried with one token: what comes late to one of them is told
	// by its message ID.
	mine := func(r *message) bool {
		if r.Type == codec.ACK || r.Type == codec.RST {
			return r.MessageID == m.MessageID
		}
		return r.Token == m.Token
	}
	var r *message
	if m.Type == codec.NON {
		if r = e.repeat(b, mine); r == nil {
			p.fail("", nil, "no response to a non-confirmable request within %v", p.cfg.Timeout)
		}
	} else {
		if r = e.repeat(b, mine); r == nil {
			p.fail("", nil, "neither acknowledgement nor response within %v", p.cfg.Timeout)
		}
		if r.Type == codec.ACK && r.Code == codec.Empty {
			if r.Token.Len() > 0 || len(r.raw) != 4 {
				p.fail("RFC 7252 §4.1", r, "an empty acknowledgement of %d bytes", len(r.raw))
			}
			r = e.wait(p.cfg.Change, func(r *message) bool { return r.Token == m.Token && r.Code != codec.Empty })
			if r == nil {
				p.fail("", nil, "an empty acknowledgement, and no response within %v", p.cfg.Change)
			}
		}
	}
	p.answers(m, r)
	if r.Type == codec.CON {
		e.empty(codec.ACK, r.MessageID)
		e.silenceFor(p.cfg.Quiet, "RFC 7252 §4.2", "after the separate response was acknowledged", func(x *message) bool { return x.MessageID == r.MessageID && time.Since(r.at) < p.cfg.Quiet/2 })
	}
	return r
}

// lossySeparate loses the acknowledgement and the first copies of a separate
// response.
func lossySeparate(p *probe) {
	e := p.endpoint()
	var m *codec.Message
	var r *message
	for _, path := range slowPaths {
		m = p.request(codec.GET, path)
		b := e.encode(m)
		if r = e.repeat(b, func(r *message) bool { return r.MessageID == m.MessageID || r.Token == m.Token }); r == nil {
			p.fail("", nil, "no answer to a GET of %s", path)
		}
		if r.Code != codec.NotFound {
			// The acknowledgement was lost: the request comes again, and must not
			// be answered twice.
			e.sendRaw(b)
			break
		}
	}
	if r.Type == codec.ACK && r.Code != codec.Empty {
		p.giveUp("the server has no /separate that it answers separately (%v)", r.Code)
	}
	isResponse := func(r *message) bool { return r.Token == m.Token && r.Code != codec.Empty }
	if r.Code == codec.Empty {
		if r = e.wait(p.cfg.Change, isResponse); r == nil {
			p.fail("RFC 7252 §5.2.2", nil, "no separate response within %v", p.cfg.Change)
		}
	}
	p.answers(m, r)
	if r.Type != codec.CON {
		p.giveUp("the separate response is %v, and is not retransmitted", r.Type)
	}
	// It is lost twice; the copies have its message ID, and come ever later.
	first, last := r, r
	var gap time.Duration
	for i := range 2 {
		next := e.wait(p.cfg.Change, isResponse)
		if next == nil {
			p.fail("RFC 7252 §4.2", nil, "a separate response that is not acknowledged is not retransmitted")
		}
		if next.MessageID != first.MessageID {
			p.fail("RFC 7252 §4.2, §4.5", next, "the retransmission has message ID %d, the first copy had %d", next.MessageID, first.MessageID)
		}
		if !bytes.Equal(next.raw, first.raw) {
			p.fail("RFC 7252 §4.2", next, "the retransmission differs from the first copy, %x", first.raw)
		}
		d := next.at.Sub(last.at)
		if i == 0 && d < time.Second {
			p.fail("RFC 7252 §4.2, §4.8.1", next, "retransmitted after %v", d)
		}
		if i > 0 && d <= gap {
			p.fail("RFC 7252 §4.2", next, "the second retransmission came %v after the first, which came after %v: the timeout is to double", d, gap)
		}
		gap, last = d, next
	}
	e.empty(codec.ACK, r.MessageID)
	e.silenceFor(2*gap+time.Second, "RFC 7252 §4.2", "the response was acknowledged", func(x *message) bool {
		return x.Type == codec.ACK && x.MessageID == m.MessageID && x.Code == codec.Empty // of the request that came again
	})
}
