package conform

import (
	"bytes"
	"strings"

	"github.com/coap2/coap2/codec"
)

// ownBlockCases are cases of our own for RFC 7959.
func ownBlockCases() []Case {
	const to = "/large-update"
	block1 := func(num uint32, more bool, szx uint8) codec.Option {
		return codec.Block1(codec.Block{Num: num, More: more, SZX: szx})
	}
	// put sends one block to a resource that takes them.
	put := func(p *probe, num uint32, more bool, szx uint8, n int, opts ...codec.Option) *message {
		m := p.text(codec.PUT, to, strings.Repeat("x", n), opts...)
		m.Options = m.Options.Add(block1(num, more, szx))
		return p.do(m)
	}
	// takes makes sure that there is such a resource.
	takes := func(p *probe) {
		m := p.upload(p.another(), codec.PUT, to, payload(300), 3)
		p.offered("PUT to "+to, m)
		p.noBlocks(m)
		if !m.Code.IsSuccess() {
			p.giveUp("a PUT of 300 bytes in blocks to %s: %v", to, m.Code)
		}
	}
	return []Case{
		{ID: "C2_BLOCK_01", Title: "The reserved size exponent 7: 4.00", Rule: "RFC 7959 §2.2", run: func(p *probe) {
			path, _ := p.large(64)
			p.code("", p.get(path, codec.OpaqueOption(codec.OptionBlock2, []byte{7})), codec.BadRequest)
			m := p.text(codec.PUT, "/no-such-resource", "x")
			m.Options = m.Options.Add(codec.OpaqueOption(codec.OptionBlock1, []byte{7}))
			p.code("", p.do(m), codec.BadRequest, codec.NotFound, codec.MethodNotAllowed)
		}},
		{ID: "C2_BLOCK_02", Title: "A Block option of four bytes: 4.02", Rule: "RFC 7959 §2.1, RFC 7252 §5.4.3", run: func(p *probe) {
			p.code("", p.get("/.well-known/core", codec.OpaqueOption(codec.OptionBlock2, []byte{1, 0, 0, 2})), codec.BadOption, codec.BadRequest)
		}},
		{ID: "C2_BLOCK_03", Title: "A block of any number can be asked for, with any size", Rule: "RFC 7959 §2.4", run: func(p *probe) {
			path, body := p.large(1024)
			for szx := uint8(0); szx <= codec.MaxSZX; szx++ {
				asked := codec.Block{Num: uint32((len(body) - 1) >> (szx + 4)), SZX: szx}
				for _, num := range []uint32{asked.Num, asked.Num / 2, 0} {
					asked.Num = num
					m := p.fetch(p.another(), p.request(codec.GET, path), asked)
					p.code("", m, codec.Content)
					b := p.block2(m, asked)
					end := min(int(b.Offset())+b.Size(), len(body))
					if !bytes.Equal(m.Payload, body[b.Offset():end]) {
						p.fail("", m, "the bytes of block %v are not those of the representation", b)
					}
					if b.More != (end < len(body)) {
						p.fail("", m, "the M bit of block %v is wrong: the representation has %d bytes", b, len(body))
					}
				}
			}
		}},
		{ID: "C2_BLOCK_04", Title: "A block past the end is an error", Rule: "RFC 7959 §2.4", run: func(p *probe) {
			path, body := p.large(64)
			for _, num := range []uint32{uint32(len(body)>>6) + 1, codec.MaxBlockNum} {
				m := p.fetch(p.another(), p.request(codec.GET, path), codec.Block{Num: num, SZX: 2})
				if m.Code.IsSuccess() {
					p.fail("", m, "block %d of 64 bytes of a representation of %d bytes: %v with %d bytes", num, len(body), m.Code, len(m.Payload))
				}
			}
		}},
		{ID: "C2_BLOCK_05", Title: "The M bit of a Block2 option in a request is ignored", Rule: "RFC 7959 §2.4", run: func(p *probe) {
			path, _ := p.large(64)
			asked := codec.Block{More: true, SZX: 2}
			m := p.fetch(p.endpoint(), p.request(codec.GET, path), asked)
			p.code("", m, codec.Content)
			p.block2(m, asked)
		}},
		{ID: "C2_BLOCK_06", Title: "A request body without its beginning: 4.08", Rule: "RFC 7959 §2.5, §2.9.2", run: func(p *probe) {
			takes(p)
			p.code("", put(p, 3, false, 2, 10), codec.RequestEntityIncomplete)
		}},
		{ID: "C2_BLOCK_07", Title: "A request body with a gap: 4.08", Rule: "RFC 7959 §2.5, §2.9.2", run: func(p *probe) {
			takes(p)
			first := put(p, 0, true, 2, 64)
			p.code("RFC 7959 §2.5", first, codec.Continue, codec.Changed, codec.Created)
			if first.Code != codec.Continue {
				p.giveUp("the server acts on each block (%v)", first.Code)
			}
			p.code("", put(p, 2, false, 2, 10), codec.RequestEntityIncomplete)
		}},
		{ID: "C2_BLOCK_08", Title: "A block whose length is not what its option says: an error", Rule: "RFC 7959 §2.2, §2.3", run: func(p *probe) {
			takes(p)
			for _, n := range []int{63, 65} {
				if m := put(p, 0, true, 2, n); m.Code.IsSuccess() {
					p.should(m, "block 0/1/64 with %d bytes is taken: %v", n, m.Code)
				}
			}
		}},
		{ID: "C2_BLOCK_09", Title: "Block 0 begins anew", Rule: "RFC 7959 §2.5", alone: true, run: func(p *probe) {
			takes(p)
			put(p, 0, true, 2, 64)
			put(p, 1, true, 2, 64)
			body := payload(200)
			m := p.upload(p.endpoint(), codec.PUT, to, body, 2)
			p.code("", m, codec.Changed, codec.Created)
			if got, back := p.whole(to); got.Code == codec.Content && !bytes.Equal(back, body) {
				p.fail("", got, "after a transfer that was begun twice %d bytes are read, sent were %d", len(back), len(body))
			}
		}},
		{ID: "C2_BLOCK_10", Title: "Transfers of two clients at once do not mix", Rule: "RFC 7959 §2.5", alone: true, run: func(p *probe) {
			takes(p)
			p.interleaved(to, p.endpoint(), p.another(), nil, nil)
		}},
		{ID: "C2_BLOCK_11", Title: "Transfers of one client at once are told apart by Request-Tag", Rule: "RFC 9175 §3.3", alone: true, run: func(p *probe) {
			takes(p)
			e := p.endpoint()
			p.interleaved(to, e, e, []byte("a"), []byte("b"))
		}},
		{ID: "C2_BLOCK_12", Title: "A client may go on with smaller blocks", Rule: "RFC 7959 §2.3", alone: true, run: func(p *probe) {
			takes(p)
			body := payload(64 + 16*3 + 5)
			send := func(num uint32, more bool, szx uint8, part []byte) *message {
				m := p.text(codec.PUT, to, string(part))
				m.Options = m.Options.Add(block1(num, more, szx))
				return p.do(m)
			}
			p.code("", send(0, true, 2, body[:64]), codec.Continue, codec.Changed, codec.Created)
			for i := range uint32(3) {
				p.code("", send(4+i, true, 0, body[64+16*i:80+16*i]), codec.Continue, codec.Changed, codec.Created)
			}
			p.code("", send(7, false, 0, body[112:]), codec.Changed, codec.Created)
			if got, back := p.whole(to); got.Code == codec.Content && !bytes.Equal(back, body) {
				p.fail("", got, "%d bytes were sent, %d others are read", len(body), len(back))
			}
		}},
		{ID: "C2_BLOCK_13", Title: "A body that is announced as too long: 4.13 at once, or taken", Rule: "RFC 7959 §2.9.3, §4", run: func(p *probe) {
			takes(p)
			m := put(p, 0, true, 6, 1024, codec.Size1(1<<32-1))
			p.code("", m, codec.RequestEntityTooLarge, codec.Continue, codec.Changed)
			if m.Code != codec.RequestEntityTooLarge {
				p.should(m, "a body of 4 GiB is announced, and the server begins to take it")
			}
		}},
		{ID: "C2_BLOCK_14", Title: "The size of a representation is said when asked for", Rule: "RFC 7959 §4", run: func(p *probe) {
			path, body := p.large(64)
			m := p.get(path, codec.Block2(codec.Block{SZX: 2}), codec.Size2(0))
			p.code("", m, codec.Content)
			size, ok := m.Options.Uint(codec.OptionSize2)
			if !ok {
				p.should(m, "no Size2 option")
			}
			if int(size) != len(body) {
				p.should(m, "Size2 is %d, the representation has %d bytes", size, len(body))
			}
		}},
		{ID: "C2_BLOCK_15", Title: "Transfers over a network that loses and repeats succeed", Rule: "RFC 7959 §2.3, RFC 7252 §4.5", alone: true, run: lossyTransfer},
	}
}

// interleaved sends two bodies to a resource, block by block in turn; the one
// that is completed last has to be there whole.
func (p *probe) interleaved(path string, one, two *endpoint, tag1, tag2 []byte) {
	bodies := [2][]byte{bytes.Repeat([]byte("1"), 200), bytes.Repeat([]byte("2"), 200)}
	for num := range uint32(4) {
		for i, e := range []*endpoint{one, two} {
			part := bodies[i][64*num : min(64*num+64, 200)]
			m := p.text(codec.PUT, path, string(part), codec.Block1(codec.Block{Num: num, More: num < 3, SZX: 2}))
			if tag := [2][]byte{tag1, tag2}[i]; tag != nil {
				m.Options = m.Options.Add(codec.RequestTag(tag))
			}
			r := e.exchange(m)
			if r.Code == codec.RequestEntityIncomplete {
				p.giveUp("the server takes one transfer at a time (4.08)")
			}
			p.code("", r, codec.Continue, codec.Changed, codec.Created)
		}
	}
	if got, back := p.whole(path); got.Code == codec.Content && !bytes.Equal(back, bodies[1]) {
		p.fail("", got, "two bodies were sent at once; what is read is neither (%d bytes)", len(back))
	}
}

// lossyTransfer sends each request twice, or loses its first response.
func lossyTransfer(p *probe) {
	const path = "/large-update"
	body := payload(700)
	e := p.endpoint()
	for from := 0; from < len(body); from += 64 {
		to := min(from+64, len(body))
		m := p.text(codec.PUT, path, string(body[from:to]), codec.Block1(codec.Block{Num: uint32(from / 64), More: to < len(body), SZX: 2}))
		b := e.begin(m)
		e.sendRaw(b) // twice
		mine := func(r *message) bool { return r.MessageID == m.MessageID || r.Token == m.Token }
		if e.wait(p.cfg.Timeout, mine) == nil { // the response is lost
			p.fail("RFC 7252 §4.2", nil, "no response to block %d", from/64)
		}
		r := e.repeat(b, mine)
		if r == nil {
			p.fail("RFC 7252 §4.2", nil, "no response to a retransmission of block %d", from/64)
		}
		p.offered("PUT to "+path, r)
		p.noBlocks(r)
		if r.Type == codec.CON {
			e.empty(codec.ACK, r.MessageID)
		}
		p.code("", r, codec.Continue, codec.Changed, codec.Created)
		e.held = nil
	}
	if got, back := p.whole(path); got.Code == codec.Content && !bytes.Equal(back, body) {
		p.fail("", got, "%d bytes were sent, %d others are read", len(body), len(back))
	}
}
