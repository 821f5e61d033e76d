package conform

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/coap2/coap2/codec"
)

// probe is what a case works with. Its methods end the case where they cannot
// go on.
type probe struct {
	ctx       context.Context
	cfg       Config
	c         Case
	endpoints []*endpoint
	first     *endpoint
}

// outcome is how a case ends early; it is thrown.
type outcome struct {
	verdict Verdict
	rule    string
	detail  string
	raw     []byte
}

// message is a message that has come.
type message struct {
	codec.Message
	raw []byte
	at  time.Time
}

// fail ends the case: the server has broken a rule ("" is that of the case) with
// a message, or by sending none.
func (p *probe) fail(rule string, m *message, format string, args ...any) {
	o := &outcome{verdict: Fail, rule: rule, detail: fmt.Sprintf(format, args...)}
	if m != nil {
		o.raw = m.raw
	}
	panic(o)
}

// giveUp ends the case: it cannot be said whether the server keeps the rule.
func (p *probe) giveUp(format string, args ...any) {
	panic(&outcome{verdict: Inconclusive, detail: fmt.Sprintf(format, args...)})
}

// should ends the case as inconclusive: the server does other than it should,
// which it may.
func (p *probe) should(m *message, format string, args ...any) {
	o := &outcome{verdict: Inconclusive, detail: "not as it SHOULD be: " + fmt.Sprintf(format, args...)}
	if m != nil {
		o.raw = m.raw
	}
	panic(o)
}

func (p *probe) close() {
	for _, e := range p.endpoints {
		_ = e.conn.Close()
	}
}

// endpoint returns the case's first endpoint.
func (p *probe) endpoint() *endpoint {
	if p.first == nil {
		p.first = p.another()
	}
	return p.first
}

// another makes one more endpoint: another port, so another client.
func (p *probe) another() *endpoint {
	e, err := dial(p)
	if err != nil {
		p.giveUp("no socket: %v", err)
	}
	p.endpoints = append(p.endpoints, e)
	return e
}

// request makes a CON request with a random token; its message ID is the
// endpoint's business. The path may have a query.
func (p *probe) request(method codec.Code, uri string, opts ...codec.Option) *codec.Message {
	path, query, err := codec.ParsePath(uri)
	if err != nil {
		panic(err) // the case's own doing
	}
	m := &codec.Message{Type: codec.CON, Code: method, Token: codec.TokenFromUint64(rand.Uint64())}
	for _, s := range path {
		m.Options = m.Options.Add(codec.URIPath(s))
	}
	for _, q := range query {
		m.Options = m.Options.Add(codec.URIQuery(q))
	}
	m.Options = m.Options.Add(opts...)
	return m
}

// text is a request with a text payload.
func (p *probe) text(method codec.Code, uri, payload string, opts ...codec.Option) *codec.Message {
	m := p.request(method, uri, opts...)
	m.Options = m.Options.Add(codec.UintOption(codec.OptionContentFormat, uint64(codec.TextPlain)))
	m.Payload = []byte(payload)
	return m
}

// do makes an exchange on the first endpoint.
func (p *probe) do(m *codec.Message) *message { return p.endpoint().exchange(m) }

// get makes a GET on the first endpoint.
func (p *probe) get(uri string, opts ...codec.Option) *message {
	return p.do(p.request(codec.GET, uri, opts...))
}

// code checks that a response has one of the codes.
func (p *probe) code(rule string, m *message, codes ...codec.Code) {
	for _, c := range codes {
		if m.Code == c {
			return
		}
	}
	var want []string
	for _, c := range codes {
		want = append(want, c.String())
	}
	p.fail(rule, m, "%s expected, got %v", strings.Join(want, " or "), m.Code)
}

// piggybacked checks the response that a CON request got in its
// acknowledgement.
func (p *probe) piggybacked(m *message) {
	if m.Type != codec.ACK {
		p.giveUp("the response is separate (%v), not piggybacked, which a server may choose", m.Type)
	}
}

// content checks a 2.05 with content, of a format that is said.
func (p *probe) content(rule string, m *message) {
	p.code(rule, m, codec.Content)
	if len(m.Payload) == 0 {
		p.fail(rule, m, "the payload is empty")
	}
	if !m.Options.Has(codec.OptionContentFormat) {
		p.should(m, "no Content-Format option, though there is a payload (RFC 7252 §5.5.1)")
	}
}

// need makes sure that a resource exists and can be read, and returns its
// representation. If it does not, it is made with a PUT, or else the case is
// inconclusive.
func (p *probe) need(uri string) *message {
	m := p.get(uri)
	if m.Code == codec.Content {
		return m
	}
	if m.Code == codec.NotFound {
		if put := p.do(p.text(codec.PUT, uri, "made by coap2 conform")); put.Code.IsSuccess() {
			if m = p.get(uri); m.Code == codec.Content {
				return m
			}
		}
	}
	p.giveUp("the server offers no %s that can be read (%v), and does not let it be made", uri, m.Code)
	return nil
}

// offered ends the case as inconclusive where a response says that the resource
// or the method is not offered.
func (p *probe) offered(what string, m *message) {
	switch m.Code {
	case codec.NotFound, codec.MethodNotAllowed, codec.NotImplemented, codec.Forbidden, codec.Unauthorized:
		p.giveUp("the server does not offer %s (%v)", what, m.Code)
	}
}

// payload returns n bytes in which each says where it is.
func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte((i>>4+i)%26)
	}
	return b
}
