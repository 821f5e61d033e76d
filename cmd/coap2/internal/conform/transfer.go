package conform

import (
	"bytes"
	"strconv"

	"github.com/coap2/coap2/codec"
)

// maxWhole is the longest body that is fetched.
const maxWhole = 4 << 20

// whole reads a representation, all its blocks if it has several, and returns
// the first response and the body.
func (p *probe) whole(path string, opts ...codec.Option) (*message, []byte) {
	first := p.get(path, opts...)
	return first, p.rest(p.endpoint(), p.request(codec.GET, path, opts...), first)
}

// rest fetches what follows a first response of a request, which may have come as
// a notification, and returns the whole body. Each request has a token of its
// own.
func (p *probe) rest(e *endpoint, like *codec.Message, first *message) []byte {
	b, has, _ := first.Options.Block(codec.OptionBlock2)
	if !has || !first.Code.IsSuccess() {
		return first.Payload
	}
	if b.Num != 0 {
		p.fail("RFC 7959 §2.4", first, "the first block has number %d", b.Num)
	}
	p.sized(first, b)
	body := bytes.Clone(first.Payload)
	etag, tagged := first.Options.Get(codec.OptionETag)
	for b.More {
		next := codec.Block{Num: uint32(len(body) / b.Size()), SZX: b.SZX}
		m := p.fetch(e, like, next)
		if m.Code != first.Code {
			p.fail("RFC 7959 §2.4", m, "block %d is %v, the first one was %v", next.Num, m.Code, first.Code)
		}
		if now, ok := m.Options.Get(codec.OptionETag); ok != tagged || !bytes.Equal(now, etag) {
			p.giveUp("the representation changed while it was fetched")
		}
		b = p.block2(m, next)
		body = append(body, m.Payload...)
		if len(body) > maxWhole {
			p.giveUp("the representation is longer than %d bytes", maxWhole)
		}
	}
	return body
}

// fetch asks for one block.
func (p *probe) fetch(e *endpoint, like *codec.Message, b codec.Block) *message {
	m := p.request(like.Code, "/")
	m.Options = like.Options.Clone().Remove(codec.OptionBlock1).Remove(codec.OptionBlock2).Remove(codec.OptionObserve).Remove(codec.OptionSize1).Add(codec.Block2(b))
	if like.Code == codec.FETCH {
		m.Payload = like.Payload
	}
	return e.exchange(m)
}

// block2 checks the Block2 option of a response to a request for a block, and
// returns it.
func (p *probe) block2(m *message, asked codec.Block) codec.Block {
	b, has, _ := m.Options.Block(codec.OptionBlock2)
	switch {
	case !has:
		p.fail("RFC 7959 §2.4", m, "no Block2 option in the response to a request for block %d", asked.Num)
	case b.SZX > asked.SZX:
		p.fail("RFC 7959 §2.4", m, "blocks of %d bytes, asked for were at most %d", b.Size(), asked.Size())
	case b.Offset() != asked.Offset():
		p.fail("RFC 7959 §2.4", m, "block %v begins at byte %d, asked for was %d", b, b.Offset(), asked.Offset())
	}
	p.sized(m, b)
	return b
}

// sized checks that a block is as long as its option says.
func (p *probe) sized(m *message, b codec.Block) {
	if b.More && len(m.Payload) != b.Size() {
		p.fail("RFC 7959 §2.2", m, "block %v, which is not the last, has %d bytes", b, len(m.Payload))
	}
	if len(m.Payload) > b.Size() {
		p.fail("RFC 7959 §2.2", m, "block %v has %d bytes", b, len(m.Payload))
	}
}

// upload sends a body in blocks of at most the given size and returns the final
// response, whatever it is. lose is asked for each block whether its response
// gets lost, so that the request is sent again.
func (p *probe) upload(e *endpoint, method codec.Code, path string, body []byte, szx uint8, opts ...codec.Option) *message {
	for from := 0; ; {
		b := codec.Block{Num: uint32(from >> (szx + 4)), SZX: szx}
		to := min(from+b.Size(), len(body))
		b.More = to < len(body)
		m := p.text(method, path, string(body[from:to]), opts...)
		m.Options = m.Options.Add(codec.Block1(b))
		if from == 0 {
			m.Options = m.Options.Add(codec.Size1(uint32(len(body))))
		}
		r := e.exchange(m)
		got, has, _ := r.Options.Block(codec.OptionBlock1)
		if !r.Code.IsSuccess() || !b.More {
			if r.Code == codec.Continue {
				p.fail("RFC 7959 §2.5", r, "2.31 (Continue) to the last block")
			}
			if has && r.Code.IsSuccess() && got.Num != b.Num {
				p.fail("RFC 7959 §2.3", r, "the response is for block %d, sent was %d", got.Num, b.Num)
			}
			return r
		}
		switch {
		case !has:
			p.fail("RFC 7959 §2.3", r, "%v without Block1 option in response to block %v", r.Code, b)
		case got.Num != b.Num:
			p.fail("RFC 7959 §2.3", r, "the response is for block %d, sent was %d", got.Num, b.Num)
		case got.SZX > b.SZX:
			p.fail("RFC 7959 §2.3", r, "blocks of %d bytes are asked for; the client had chosen %d", got.Size(), b.Size())
		case r.Code == codec.Continue && !got.More:
			p.fail("RFC 7959 §2.3, §2.5", r, "2.31 (Continue) with the M bit unset")
		case r.Code != codec.Continue && got.More:
			p.fail("RFC 7959 §2.3, §2.5", r, "%v with the M bit set", r.Code)
		}
		from = to
		szx = got.SZX
	}
}

// large returns the path of a resource of more than n bytes, and its body. If
// /large does not exist, it is made, or another one taken.
func (p *probe) large(n int) (path string, body []byte) {
	if _, body = p.whole("/large"); len(body) > n {
		return "/large", body
	}
	want := payload(n + n/2 + 7)
	if r := p.upload(p.endpoint(), codec.PUT, "/large", want, 6); r.Code.IsSuccess() {
		if m, body := p.whole("/large"); m.Code == codec.Content {
			if !bytes.Equal(body, want) {
				p.fail("RFC 7959 §2.4, §2.5", m, "%d bytes were PUT to /large in blocks, %d others came back", len(want), len(body))
			}
			return "/large", body
		}
	}
	for _, l := range p.links("") {
		for _, v := range linkValues(&l, "sz") {
			if sz, err := strconv.Atoi(v); err == nil && sz > n && sz < maxWhole {
				if m, body := p.whole(l.Target); m.Code == codec.Content && len(body) > n {
					return l.Target, body
				}
			}
		}
	}
	p.giveUp("the server has no /large of more than %d bytes, and does not let it be made", n)
	return "", nil
}
