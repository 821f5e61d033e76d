package conform

import (
	"bytes"
	"fmt"

	"github.com/coap2/coap2/codec"
)

// messageCases are cases of our own for RFC 7252 §3 and §4.
func messageCases() []Case {
	get := func(p *probe) *codec.Message {
		m := p.request(codec.GET, "/.well-known/core")
		m.MessageID = p.endpoint().nextMID()
		return m
	}
	// malformed is a CON GET, made wrong; it has to be rejected, and must not
	// be answered.
	malformed := func(id, title, rule string, change func([]byte) []byte) Case {
		return Case{ID: id, Title: title, Rule: rule, run: func(p *probe) {
			e := p.endpoint()
			e.rejected(change(encode(get(p))), rule, title)
			// The same, non-confirmable: never an answer other than a reset.
			m := get(p)
			m.Type = codec.NON
			e.sendRaw(change(encode(m)))
			e.silence("RFC 7252 §4.3", title+", non-confirmable", func(r *message) bool { return r.Type == codec.RST })
		}}
	}
	// ignored is sent and must get no answer.
	ignored := func(id, title, rule string, make func(p *probe) [][]byte) Case {
		return Case{ID: id, Title: title, Rule: rule, run: func(p *probe) {
			for _, b := range make(p) {
				p.endpoint().sendRaw(b)
			}
			p.endpoint().silence(rule, title, nil)
			p.endpoint().alive(title)
		}}
	}
	cases := []Case{
		ignored("C2_MSG_01", "Other versions are ignored in silence", "RFC 7252 §3", func(p *probe) [][]byte {
			var all [][]byte
			for _, version := range []byte{0, 2, 3} {
				b := encode(get(p))
				b[0] = b[0]&0x3f | version<<6
				all = append(all, b)
			}
			return all
		}),
		malformed("C2_MSG_02", "A payload marker without payload is a format error", "RFC 7252 §3, §4.2", func(b []byte) []byte { return append(b, 0xff) }),
		malformed("C2_MSG_03", "The option nibble 15 is a format error", "RFC 7252 §3.1, §4.2", func(b []byte) []byte { return append(b, 0x0f, 0, 0) }),
		malformed("C2_MSG_04", "An option that is cut off is a format error", "RFC 7252 §3.1, §4.2", func(b []byte) []byte { return append(b, 0x05, 1, 2) }),
		malformed("C2_MSG_05", "A token that is cut off is a format error", "RFC 7252 §3, §4.2", func(b []byte) []byte { return b[:codec.HeaderLen+4] }),
		{ID: "C2_MSG_06", Title: "Token lengths 9 to 15 are a format error", Rule: "RFC 7252 §3, §4.2", run: func(p *probe) {
			for tkl := byte(9); tkl < 16; tkl++ {
				b := encode(&codec.Message{Code: codec.GET, MessageID: p.endpoint().nextMID()})
				b[0] |= tkl
				p.endpoint().rejected(append(b, make([]byte, 20)...), "", fmt.Sprintf("a token length of %d", tkl))
			}
		}},
		{ID: "C2_MSG_07", Title: "An empty message with more than its header is a format error", Rule: "RFC 7252 §4.1, §4.2", run: func(p *probe) {
			for _, more := range [][]byte{{0xff, 1}, {0x60}, {1, 2, 3}} {
				b := append(encode(&codec.Message{MessageID: p.endpoint().nextMID()}), more...)
				p.endpoint().rejected(b, "", fmt.Sprintf("an empty message with %x after its header", more))
			}
		}},
		{ID: "C2_MSG_08", Title: "Codes of reserved classes are rejected", Rule: "RFC 7252 §4.2", run: func(p *probe) {
			for _, class := range []uint8{1, 6, 7} {
				m := get(p)
				m.Code = codec.NewCode(class, 1)
				p.endpoint().rejected(encode(m), "", fmt.Sprintf("the code %d.01", class))
			}
		}},
		ignored("C2_MSG_09", "Requests in an acknowledgement or reset are ignored", "RFC 7252 §4.2", func(p *probe) [][]byte {
			var all [][]byte
			for _, t := range []codec.Type{codec.ACK, codec.RST} {
				m := get(p)
				m.Type = t
				all = append(all, encode(m))
			}
			return all
		}),
		ignored("C2_MSG_10", "Acknowledgements and resets of nothing are ignored", "RFC 7252 §4.2", func(p *probe) [][]byte {
			var all [][]byte
			for _, t := range []codec.Type{codec.ACK, codec.RST} {
				all = append(all, encode(&codec.Message{Type: t, MessageID: p.endpoint().nextMID()}))
			}
			return append(all, encode(&codec.Message{Type: codec.ACK, Code: codec.Content, MessageID: p.endpoint().nextMID(), Token: codec.TokenFromUint64(5)}))
		}),
		ignored("C2_MSG_11", "Malformed acknowledgements and resets are ignored", "RFC 7252 §4.2", func(p *probe) [][]byte {
			var all [][]byte
			for _, t := range []codec.Type{codec.ACK, codec.RST} {
				m := get(p)
				m.Type = t
				all = append(all, append(encode(m), 0xff))
			}
			return all
		}),
		{ID: "C2_MSG_12", Title: "Confirmable responses that nobody expects are rejected", Rule: "RFC 7252 §4.2, §5.3.2", run: func(p *probe) {
			m := &codec.Message{Type: codec.CON, Code: codec.Content, MessageID: p.endpoint().nextMID(), Token: codec.TokenFromUint64(77), Payload: []byte("unasked")}
			p.endpoint().rejected(encode(m), "", "an unexpected confirmable response")
		}},
		{ID: "C2_MSG_13", Title: "A non-confirmable empty message is not answered with content", Rule: "RFC 7252 §4.3", run: func(p *probe) {
			p.endpoint().sendRaw(encode(&codec.Message{Type: codec.NON, MessageID: p.endpoint().nextMID()}))
			p.endpoint().silence("", "an empty non-confirmable message", func(r *message) bool { return r.Type == codec.RST })
		}},
		{ID: "C2_MSG_14", Title: "A duplicate of a confirmable request gets the same answer, and is executed once", Rule: "RFC 7252 §4.5", alone: true, run: duplicatePost},
		{ID: "C2_MSG_15", Title: "A duplicate of a non-confirmable request is answered at most once", Rule: "RFC 7252 §4.5", run: func(p *probe) {
			m := get(p)
			m.Type = codec.NON
			b := encode(m)
			e := p.endpoint()
			if e.repeat(b, func(r *message) bool { return r.Token == m.Token }) == nil {
				p.fail("RFC 7252 §5.2.3", nil, "no response to a non-confirmable request")
			}
			e.sendRaw(b)
			if r := e.wait(p.cfg.Quiet, func(r *message) bool { return r.Token == m.Token }); r != nil {
				p.should(r, "a duplicate of a non-confirmable request is answered again")
			}
		}},
		{ID: "C2_MSG_16", Title: "Message IDs of a server's own messages are not used twice", Rule: "RFC 7252 §4.4", run: func(p *probe) {
			e := p.endpoint()
			seen := map[uint16]bool{}
			for range 50 {
				m := get(p)
				m.Type = codec.NON
				r := e.exchange(m)
				if r.Type != codec.NON {
					p.giveUp("the response to a non-confirmable request is %v", r.Type)
				}
				if seen[r.MessageID] {
					p.fail("", r, "message ID %d was used before", r.MessageID)
				}
				seen[r.MessageID] = true
			}
		}},
		{ID: "C2_MSG_17", Title: "Requests that are under way together are told apart", Rule: "RFC 7252 §5.3.1", run: together},
		{ID: "C2_MSG_18", Title: "The same message ID from another endpoint is another message", Rule: "RFC 7252 §4.4", run: func(p *probe) {
			one, two := p.endpoint(), p.another()
			m := get(p)
			first := one.exchangeRaw(encode(m), m)
			m.Token = codec.TokenFromUint64(4711)
			second := two.exchangeRaw(encode(m), m)
			p.code("", second, first.Code)
		}},
	}
	return cases
}

// duplicatePost sends a POST or PUT three times with one message ID.
func duplicatePost(p *probe) {
	e := p.endpoint()
	for _, path := range []string{"/large-create", "/test", "/location-query"} {
		m := p.text(codec.POST, path, "once")
		b := e.encode(m)
		mine := func(r *message) bool { return r.MessageID == m.MessageID || r.Token == m.Token }
		first := e.repeat(b, mine)
		if first == nil {
			p.fail("RFC 7252 §4.2", nil, "no answer to a POST to %s", path)
		}
		if first.Type != codec.ACK || !first.Code.IsSuccess() {
			continue
		}
		for range 2 {
			r := e.repeat(b, mine)
			if r == nil {
				p.fail("", nil, "a duplicate of a POST to %s is not answered", path)
			}
			if !bytes.Equal(r.raw, first.raw) {
				p.fail("", r, "the duplicate of a POST gets another answer than the first copy, %x", first.raw)
			}
		}
		return
	}
	p.giveUp("the server takes no POST that it answers at once")
}

// together sends requests for several resources at once.
func together(p *probe) {
	e := p.endpoint()
	paths := []string{"/.well-known/core", "/no-such-resource", "/.well-known/core?rt=no-such-type", "/"}
	want := map[codec.Token]codec.Code{}
	var requests []*codec.Message
	for _, path := range paths {
		m := p.request(codec.GET, path)
		want[m.Token] = p.get(path).Code
		requests = append(requests, m)
	}
	var raws [][]byte
	for _, m := range requests {
		raws = append(raws, e.begin(m))
	}
	for i, m := range requests {
		mine := func(r *message) bool {
			return r.Code != codec.Empty && (r.Token == m.Token || r.MessageID == m.MessageID && r.Type == codec.ACK)
		}
		r := e.wait(p.cfg.Quiet, mine)
		if r == nil {
			r = e.repeat(raws[i], mine)
		}
		if r == nil {
			p.fail("RFC 7252 §5.2", nil, "one of several requests at once is not answered: %v", m)
		}
		p.answers(m, r)
		if r.Type == codec.CON {
			e.empty(codec.ACK, r.MessageID)
		}
		if r.Code != want[m.Token] {
			p.fail("", r, "%v expected, as when %v is asked alone", want[m.Token], m)
		}
	}
}
