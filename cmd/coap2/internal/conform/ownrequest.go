package conform

import (
	"fmt"

	"github.com/coap2/coap2/codec"
)

// requestCases are cases of our own for RFC 7252 §5.
func requestCases() []Case {
	const core = "/.well-known/core"
	return []Case{
		{ID: "C2_REQ_01", Title: "A critical option that is not known: 4.02", Rule: "RFC 7252 §5.4.1", run: func(p *probe) {
			for _, n := range []codec.OptionNumber{65001, 2053, 999} {
				p.code("", p.get(core, codec.OpaqueOption(n, []byte("x"))), codec.BadOption)
			}
		}},
		{ID: "C2_REQ_02", Title: "A critical option that is not known in a non-confirmable request: rejected", Rule: "RFC 7252 §5.4.1, §4.3", run: func(p *probe) {
			e := p.endpoint()
			m := p.request(codec.GET, core, codec.OpaqueOption(65001, []byte("x")))
			m.Type = codec.NON
			e.begin(m)
			e.silence("", "a critical option that is not known, non-confirmable", func(r *message) bool {
				return r.Type == codec.RST || r.Code == codec.BadOption
			})
		}},
		{ID: "C2_REQ_03", Title: "An elective option that is not known is ignored", Rule: "RFC 7252 §5.4.1", run: func(p *probe) {
			for _, n := range []codec.OptionNumber{65000, 2050, 1000} {
				p.code("", p.get(core, codec.OpaqueOption(n, []byte("x"))), codec.Content)
			}
		}},
		{ID: "C2_REQ_04", Title: "A critical option that must not be repeated, repeated: 4.02", Rule: "RFC 7252 §5.4.5", run: func(p *probe) {
			accept := codec.UintOption(codec.OptionAccept, uint64(codec.LinkFormat))
			p.code("", p.get(core, accept, accept), codec.BadOption)
		}},
		{ID: "C2_REQ_05", Title: "A critical option of a wrong length: 4.02", Rule: "RFC 7252 §5.4.3", run: func(p *probe) {
			for _, o := range []codec.Option{
				codec.OpaqueOption(codec.OptionAccept, []byte{0, 0, 40}),
				codec.OpaqueOption(codec.OptionURIPort, []byte{0, 0x16, 0x33}),
				codec.OpaqueOption(codec.OptionIfNoneMatch, []byte{1}),
			} {
				m := p.get(core, o)
				if m.Code != codec.BadOption {
					p.fail("", m, "%v of %d bytes: 4.02 expected, got %v", o.Number, len(o.Value), m.Code)
				}
			}
		}},
		{ID: "C2_REQ_06", Title: "An elective option of a wrong length is ignored", Rule: "RFC 7252 §5.4.3", run: func(p *probe) {
			for _, o := range []codec.Option{codec.OpaqueOption(codec.OptionETag, []byte("123456789")), codec.OpaqueOption(codec.OptionObserve, []byte{0, 0, 0, 0})} {
				m := p.get(core, o)
				if m.Code != codec.Content {
					p.fail("", m, "%v of %d bytes: it is to be ignored, got %v", o.Number, len(o.Value), m.Code)
				}
			}
		}},
		{ID: "C2_REQ_07", Title: "A resource that does not exist: 4.04", Rule: "RFC 7252 §5.9.2.5, §5.8.1", run: func(p *probe) {
			p.code("", p.get("/no-such-resource/at/all"), codec.NotFound)
		}},
		{ID: "C2_REQ_08", Title: "A method that is not known, or not allowed: 4.05", Rule: "RFC 7252 §5.8, §5.9.2.6", run: func(p *probe) {
			p.code("", p.do(p.request(codec.NewCode(0, 31), core)), codec.MethodNotAllowed)
			p.code("", p.do(p.request(codec.DELETE, core)), codec.MethodNotAllowed, codec.Forbidden, codec.Unauthorized)
		}},
		{ID: "C2_REQ_09", Title: "A format that is not offered: 4.06", Rule: "RFC 7252 §5.10.4", run: func(p *probe) {
			m := p.get(core, codec.UintOption(codec.OptionAccept, 65000))
			if m.Code == codec.Content {
				if f, _ := m.Options.ContentFormat(); f != 65000 {
					p.fail("", m, "Accept was 65000, the response is %v", f)
				}
			}
			p.code("", m, codec.NotAcceptable)
		}},
		{ID: "C2_REQ_10", Title: "A request for a proxy: 5.05", Rule: "RFC 7252 §5.10.2, §5.7.2", run: func(p *probe) {
			for _, o := range []codec.Option{codec.ProxyURI("coap://example.invalid/x"), codec.ProxyScheme("http")} {
				m := p.request(codec.GET, core, o)
				if o.Number == codec.OptionProxyScheme {
					m.Options = m.Options.Add(codec.URIHost("example.invalid"))
				}
				r := p.do(m)
				if r.Code.IsSuccess() {
					p.fail("", r, "%v is ignored", o.Number)
				}
				if r.Code == codec.BadOption {
					p.should(r, "a server that is no proxy answers 5.05, not 4.02, where it knows the option")
				}
				p.code("", r, codec.ProxyingNotSupported, codec.BadGateway, codec.GatewayTimeout)
			}
		}},
		{ID: "C2_REQ_11", Title: "Tokens of every length come back", Rule: "RFC 7252 §5.3.1", run: func(p *probe) {
			for _, path := range []string{core, "/no-such-resource"} {
				for n := range codec.MaxTokenLen + 1 {
					m := p.request(codec.GET, path)
					m.Token, _ = codec.MakeToken([]byte{0, 0xff, 0, 1, 2, 3, 4, 5}[:n])
					p.do(m)
				}
			}
		}},
		{ID: "C2_REQ_12", Title: "A payload where it means nothing does no harm", Rule: "RFC 7252 §5.5", run: func(p *probe) {
			m := p.text(codec.GET, core, "a GET with a payload")
			p.code("", p.do(m), codec.Content, codec.BadRequest)
		}},
		{ID: "C2_REQ_13", Title: "A message of 1152 bytes is taken", Rule: "RFC 7252 §4.6", run: func(p *probe) {
			m := p.text(codec.PUT, "/no-such-resource/at/all/either", "")
			m.Payload = payload(1024)
			for i := 0; m.EncodedLen() < 1140; i++ {
				m.Options = m.Options.Add(codec.URIQuery(fmt.Sprintf("argument-number-%02d", i)))
			}
			p.do(m)
		}},
		{ID: "C2_REQ_14", Title: "Uri-Host and Uri-Port of the server itself are understood", Rule: "RFC 7252 §5.10.1", run: func(p *probe) {
			host := p.cfg.Target.Addr().Unmap().WithZone("")
			text := host.String()
			if host.Is6() {
				text = "[" + text + "]"
			}
			p.code("", p.get(core, codec.URIHost(text), codec.URIPort(p.cfg.Target.Port())), codec.Content)
		}},
	}
}
