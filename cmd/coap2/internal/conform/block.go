package conform

import (
	"bytes"

	"github.com/coap2/coap2/codec"
)

// blockCases are TD_COAP_BLOCK_01 to 06.
func blockCases() []Case {
	return []Case{
		{ID: "TD_COAP_BLOCK_01", Title: "Handle GET blockwise transfer for large resource (early negotiation)", Rule: "RFC 7959 §2.4", run: func(p *probe) { p.early(2) }},
		{ID: "TD_COAP_BLOCK_02", Title: "Handle GET blockwise transfer for large resource (late negotiation)", Rule: "RFC 7959 §2.4", run: lateNegotiation},
		{ID: "TD_COAP_BLOCK_03", Title: "Handle PUT blockwise transfer for large resource", Rule: "RFC 7959 §2.3, §2.5", alone: true, run: func(p *probe) {
			for _, szx := range []uint8{6, 2} {
				body := payload(1500)
				m := p.upload(p.endpoint(), codec.PUT, "/large-update", body, szx)
				p.offered("PUT to /large-update", m)
				p.noBlocks(m)
				p.code("", m, codec.Changed, codec.Created)
				if got, back := p.whole("/large-update"); got.Code == codec.Content && !bytes.Equal(body, back) {
					p.fail("", got, "%d bytes were PUT, %d others are read", len(body), len(back))
				}
			}
		}},
		{ID: "TD_COAP_BLOCK_04", Title: "Handle POST blockwise transfer for creating large resource", Rule: "RFC 7959 §2.3, §2.5", alone: true, run: func(p *probe) {
			body := payload(1500)
			m := p.upload(p.endpoint(), codec.POST, "/large-create", body, 5)
			p.offered("POST to /large-create", m)
			p.noBlocks(m)
			p.code("", m, codec.Created)
			var path []codec.Option
			for v := range m.Options.Values(codec.OptionLocationPath) {
				if bytes.ContainsRune(v, '/') {
					p.fail("RFC 7252 §5.10.7", m, "the Location-Path option %q holds a slash", v)
				}
				path = append(path, codec.URIPath(string(v)))
			}
			if len(path) == 0 {
				p.fail("RFC 7252 §5.8.2", m, "2.01 without Location-Path")
			}
			like := p.request(codec.GET, "/", path...)
			first := p.do(like)
			p.code("", first, codec.Content)
			if back := p.rest(p.endpoint(), like, first); !bytes.Equal(body, back) {
				p.fail("", first, "%d bytes were POSTed, %d others are read", len(body), len(back))
			}
			p.do(p.request(codec.DELETE, "/", path...))
		}},
		{ID: "TD_COAP_BLOCK_05", Title: "Handle POST with two-way blockwise transfer", Rule: "RFC 7959 §2.7", run: func(p *probe) {
			body := payload(1500)
			m := p.upload(p.endpoint(), codec.POST, "/large-post", body, 4)
			p.offered("POST to /large-post", m)
			p.noBlocks(m)
			p.code("", m, codec.Changed, codec.Content, codec.Created)
			b, has, _ := m.Options.Block(codec.OptionBlock2)
			if !has || !b.More {
				p.giveUp("the response is not in blocks")
			}
			like := p.text(codec.POST, "/large-post", "")
			if back := p.rest(p.endpoint(), like, m); len(back) <= b.Size() {
				p.fail("", m, "the response has %d bytes in all, its first block was not the last", len(back))
			}
		}},
		{ID: "TD_COAP_BLOCK_06", Title: "Handle GET blockwise transfer for large resource (early negotiation, 16 byte block size)", Rule: "RFC 7959 §2.4", run: func(p *probe) { p.early(0) }},
	}
}

// noBlocks ends the case where the server does not know Block options.
func (p *probe) noBlocks(m *message) {
	if m.Code == codec.BadOption {
		p.giveUp("the server does not support Block1 here (4.02)")
	}
}

// early fetches a representation in blocks of a size that the first request asks
// for.
func (p *probe) early(szx uint8) {
	path, want := p.large(1024)
	like := p.request(codec.GET, path)
	asked := codec.Block{SZX: szx}
	first := p.fetch(p.endpoint(), like, asked)
	p.code("", first, codec.Content)
	if b := p.block2(first, asked); !b.More {
		p.fail("", first, "the first of many blocks has no M bit")
	}
	if body := p.rest(p.endpoint(), like, first); !bytes.Equal(body, want) {
		p.fail("", first, "%d bytes came in blocks of %d, of which the representation does not consist", len(body), asked.Size())
	}
}

// lateNegotiation asks without Block2 and goes on with smaller blocks.
func lateNegotiation(p *probe) {
	path, want := p.large(1024)
	e := p.endpoint()
	first := p.get(path)
	p.code("", first, codec.Content)
	b, has, _ := first.Options.Block(codec.OptionBlock2)
	if !has {
		p.giveUp("%d bytes came in one message", len(first.Payload))
	}
	if b.Num != 0 || !b.More {
		p.fail("", first, "the first block is %v", b)
	}
	p.sized(first, b)
	body := bytes.Clone(first.Payload)
	if b.SZX > 2 {
		b.SZX = 2
	}
	for more := true; more; {
		next := codec.Block{Num: uint32(len(body) / b.Size()), SZX: b.SZX}
		m := p.fetch(e, p.request(codec.GET, path), next)
		p.code("", m, codec.Content)
		b = p.block2(m, next)
		body = append(body, m.Payload...)
		more = b.More
	}
	if !bytes.Equal(body, want) {
		p.fail("", first, "%d bytes came, of which the representation does not consist", len(body))
	}
}
