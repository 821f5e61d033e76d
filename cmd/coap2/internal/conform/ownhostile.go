package conform

import (
	"math/rand/v2"
	"time"

	"github.com/coap2/coap2/codec"
)

// hostileCases are what no correct client ever sends.
func hostileCases() []Case {
	const core = "/.well-known/core"
	return []Case{
		{ID: "C2_HOSTILE_01", Title: "Random bytes do no harm", Rule: "RFC 7252 §11.1", run: func(p *probe) {
			e := p.another()
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 2000 {
				b := make([]byte, r.IntN(200))
				for j := range b {
					b[j] = byte(r.Uint32())
				}
				if len(b) > 0 && i%2 == 0 {
					b[0] = b[0]&0x3f | 0x40 // often enough of our version
				}
				e.sendRaw(b)
				if i%50 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			p.endpoint().alive("2000 datagrams of random bytes")
		}},
		{ID: "C2_HOSTILE_02", Title: "A request that is cut off anywhere is not answered with content", Rule: "RFC 7252 §3, §4.2", run: func(p *probe) {
			e := p.another()
			m := p.request(codec.GET, core, codec.UintOption(codec.OptionAccept, uint64(codec.LinkFormat)), codec.Block2(codec.Block{SZX: 6}))
			for n := range m.EncodedLen() {
				b := e.encode(m)
				var parsed codec.Message
				if parsed.Parse(b[:n]) == nil {
					continue // it ends between two options
				}
				e.sendRaw(b[:n])
			}
			e.silence("", "requests that are cut off", func(r *message) bool { return r.Type == codec.RST || r.Code.Class() == 4 })
			p.endpoint().alive("requests that are cut off")
		}},
		{ID: "C2_HOSTILE_03", Title: "Bits that were flipped on the way do no harm", Rule: "RFC 7252 §11.1", run: func(p *probe) {
			e := p.another()
			m := p.text(codec.GET, core, "payload", codec.Block2(codec.Block{SZX: 2}), codec.Observe(0), codec.ETag([]byte("etag")))
			b := e.encode(m)
			for i := range 8 * len(b) {
				b[i/8] ^= 1 << (i % 8)
				e.sendRaw(b)
				b[i/8] ^= 1 << (i % 8)
				if i%50 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			p.endpoint().alive("requests with flipped bits")
		}},
		{ID: "C2_HOSTILE_04", Title: "A datagram as long as UDP has them does no harm", Rule: "RFC 7252 §4.6", run: func(p *probe) {
			e := p.another()
			m := p.text(codec.PUT, "/no-such-resource", "")
			for _, n := range []int{1500, 9000, 65000} {
				m.Payload = payload(n)
				e.begin(m)
			}
			p.endpoint().alive("datagrams of up to 65000 bytes")
		}},
		{ID: "C2_HOSTILE_05", Title: "An empty datagram does no harm", Rule: "RFC 7252 §3", run: func(p *probe) {
			e := p.another()
			for n := range codec.HeaderLen {
				e.sendRaw([]byte{0x40, 1, 0}[:min(n, 3)])
			}
			e.silence("", "datagrams shorter than a header", nil)
			p.endpoint().alive("datagrams shorter than a header")
		}},
		{ID: "C2_HOSTILE_06", Title: "Hundreds of options do no harm", Rule: "RFC 7252 §11.1", run: func(p *probe) {
			e := p.another()
			b := []byte{0x40, byte(codec.GET), 0, 1}
			for range 1200 {
				b = append(b, 0x00) // option 0, again and again
			}
			e.sendRaw(b)
			b = []byte{0x40, byte(codec.GET), 0, 2, 0xb0}
			for range 1200 {
				b = append(b, 0x00) // empty path segments
			}
			e.sendRaw(b)
			p.endpoint().alive("requests with 1200 options")
		}},
		{ID: "C2_HOSTILE_07", Title: "Option numbers beyond 65535 are a format error", Rule: "RFC 7252 §3.1, §4.2", run: func(p *probe) {
			e := p.endpoint()
			mid := e.nextMID()
			b := []byte{0x40, byte(codec.GET), byte(mid >> 8), byte(mid), 0xe0, 0xff, 0xff, 0xe0, 0xff, 0xff}
			m := e.repeat(b, func(m *message) bool { return m.MessageID == mid })
			if m != nil && m.Code.IsSuccess() {
				p.fail("", m, "an option number beyond 65535 is taken")
			}
			if m == nil || m.Type != codec.RST && m.Code != codec.BadOption {
				p.should(m, "it is not rejected with a reset")
			}
		}},
		{ID: "C2_HOSTILE_08", Title: "Transfers that are never finished do no harm", Rule: "RFC 7959 §2.5, §7", alone: true, run: func(p *probe) {
			const path = "/large-update"
			body := payload(300)
			m := p.upload(p.endpoint(), codec.PUT, path, body, 3)
			p.offered("PUT to "+path, m)
			p.noBlocks(m)
			for range 100 {
				e := p.another()
				begun := p.text(codec.PUT, path, string(payload(1024)), codec.Block1(codec.Block{More: true, SZX: 6}))
				e.begin(begun)
				time.Sleep(time.Millisecond)
			}
			p.another().alive("100 transfers that were begun and left")
			if m = p.upload(p.another(), codec.PUT, path, body, 3); !m.Code.IsSuccess() {
				p.fail("", m, "after 100 transfers that were begun and left, an honest one fails: %v", m.Code)
			}
		}},
		{ID: "C2_HOSTILE_09", Title: "A flood of requests with critical options does no harm", Rule: "RFC 7252 §5.4.1", run: func(p *probe) {
			e := p.another()
			for i := range 1000 {
				m := p.request(codec.GET, core, codec.OpaqueOption(codec.OptionNumber(2*i+3001), []byte("x")))
				e.begin(m)
				if i%50 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
			p.endpoint().alive("1000 requests with critical options that nobody knows")
		}},
	}
}
