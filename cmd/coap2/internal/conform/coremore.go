package conform

import (
	"bytes"

	"github.com/coap2/coap2/codec"
)

// coreMoreCases are TD_COAP_CORE_20 to 31.
func coreMoreCases() []Case {
	return []Case{
		{ID: "TD_COAP_CORE_20", Title: "Perform GET transaction containing the Accept option (CON mode)", Rule: "RFC 7252 §5.10.4", run: func(p *probe) {
			for _, f := range []codec.Format{codec.TextPlain, codec.XML} {
				m := p.get("/multi-format", codec.UintOption(codec.OptionAccept, uint64(f)))
				p.offered("/multi-format", m)
				if m.Code == codec.NotAcceptable {
					p.giveUp("/multi-format does not come as %v", f)
				}
				p.content("", m)
				if got, ok := m.Options.ContentFormat(); !ok || got != f {
					p.fail("", m, "Accept was %v, the response is %v", f, got)
				}
			}
			m := p.get("/multi-format", codec.UintOption(codec.OptionAccept, uint64(codec.EXI)))
			p.code("RFC 7252 §5.10.4", m, codec.NotAcceptable)
		}},
		{ID: "TD_COAP_CORE_21", Title: "Perform GET transaction containing the ETag option (CON mode)", Rule: "RFC 7252 §5.10.6", alone: true, run: func(p *probe) {
			first := p.tagged("/validate")
			etag, _ := first.Options.Get(codec.OptionETag)
			m := p.get("/validate", codec.ETag(etag))
			if m.Code == codec.Content && bytes.Equal(m.Payload, first.Payload) {
				p.should(m, "an ETag that matches does not get 2.03 (RFC 7252 §5.10.6.2)")
			}
			p.code("", m, codec.Valid)
			p.valid(m, etag)
			// One of several.
			m = p.get("/validate", codec.ETag([]byte("other")), codec.ETag(etag))
			p.code("", m, codec.Valid)
			p.valid(m, etag)
			if put := p.do(p.text(codec.PUT, "/validate", string(first.Payload)+" changed")); !put.Code.IsSuccess() {
				p.giveUp("/validate cannot be changed with a PUT (%v)", put.Code)
			}
			m = p.get("/validate", codec.ETag(etag))
			p.code("", m, codec.Content)
			if now, _ := m.Options.Get(codec.OptionETag); bytes.Equal(now, etag) {
				p.fail("", m, "the representation has changed, its ETag has not")
			}
			if bytes.Equal(m.Payload, first.Payload) {
				p.fail("", m, "after the PUT the representation is as it was")
			}
		}},
		{ID: "TD_COAP_CORE_22", Title: "Perform GET transaction with responses containing the ETag option and requests containing the If-Match option (CON mode)", Rule: "RFC 7252 §5.10.8.1", alone: true, run: func(p *probe) {
			first := p.tagged("/validate")
			etag, _ := first.Options.Get(codec.OptionETag)
			text := string(first.Payload)
			m := p.do(p.text(codec.PUT, "/validate", text+" one", codec.IfMatch(etag)))
			p.conditional(m)
			p.code("", m, codec.Changed)
			second := p.tagged("/validate")
			etag2, _ := second.Options.Get(codec.OptionETag)
			if bytes.Equal(etag, etag2) {
				p.fail("RFC 7252 §5.10.6", second, "the representation has changed, its ETag has not")
			}
			if string(second.Payload) != text+" one" {
				p.fail("", second, "the payload is not what was PUT")
			}
			m = p.do(p.text(codec.PUT, "/validate", text+" two"))
			p.code("", m, codec.Changed)
			m = p.do(p.text(codec.PUT, "/validate", text+" three", codec.IfMatch(etag2)))
			p.code("", m, codec.PreconditionFailed)
			if got := p.get("/validate"); string(got.Payload) != text+" two" {
				p.fail("", got, "a PUT whose precondition failed has changed the resource")
			}
			// An empty If-Match: it exists.
			m = p.do(p.text(codec.PUT, "/validate", text, codec.IfMatch(nil)))
			p.code("RFC 7252 §5.10.8.1", m, codec.Changed)
		}},
		{ID: "TD_COAP_CORE_23", Title: "Perform PUT transaction containing the If-None-Match option (CON mode)", Rule: "RFC 7252 §5.10.8.2", alone: true, run: func(p *probe) {
			p.do(p.request(codec.DELETE, "/create1"))
			m := p.do(p.text(codec.PUT, "/create1", "new", codec.IfNoneMatch()))
			p.offered("creation of /create1", m)
			p.conditional(m)
			p.code("", m, codec.Created)
			m = p.do(p.text(codec.PUT, "/create1", "newer", codec.IfNoneMatch()))
			p.code("", m, codec.PreconditionFailed)
			if got := p.get("/create1"); got.Code == codec.Content && string(got.Payload) != "new" {
				p.fail("", got, "a PUT whose precondition failed has changed the resource")
			}
			p.do(p.request(codec.DELETE, "/create1"))
		}},
		{ID: "TD_COAP_CORE_31", Title: "Perform CoAP Ping (CON mode)", Rule: "RFC 7252 §4.3", run: func(p *probe) {
			e := p.endpoint()
			for range 3 {
				ping := &codec.Message{MessageID: e.nextMID()}
				b, _ := ping.Append(nil)
				m := e.repeat(b, func(m *message) bool { return m.MessageID == ping.MessageID })
				if m == nil {
					p.fail("", nil, "an empty confirmable message is not answered")
				}
				if m.Type != codec.RST || len(m.raw) != codec.HeaderLen {
					p.fail("", m, "a reset of four bytes expected, got %v", &m.Message)
				}
			}
		}},
	}
}

// tagged reads a resource that has an entity-tag.
func (p *probe) tagged(path string) *message {
	m := p.need(path)
	if !m.Options.Has(codec.OptionETag) {
		p.giveUp("%s has no ETag", path)
	}
	return m
}

// valid checks a 2.03.
func (p *probe) valid(m *message, etag []byte) {
	if got, _ := m.Options.Get(codec.OptionETag); !bytes.Equal(got, etag) {
		p.fail("RFC 7252 §5.9.1.3", m, "the ETag of the 2.03 is %x, not %x", got, etag)
	}
	if len(m.Payload) > 0 {
		p.fail("RFC 7252 §5.9.1.3", m, "a 2.03 with a payload")
	}
}

// conditional ends the case where the server says that it does not understand
// the option.
func (p *probe) conditional(m *message) {
	if m.Code == codec.BadOption {
		p.giveUp("the server does not support conditional requests here (4.02)")
	}
}
