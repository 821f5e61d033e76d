package scenario

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// plainServer is a node that knows nothing of CoAP 2, and answers as a server of
// libcoap 4.3 does: to a multicast GET /.well-known/core after a random part of
// its leisure, with all its links, or with those that one filter finds, or with an
// empty 2.05 where it finds none; not at all where No-Response (RFC 7967) says so.
// Several queries are one to it, joined by "&", and that finds nothing.
type plainServer struct {
	r       *run
	node    int
	links   []codec.Link
	served  map[string][]byte
	leisure time.Duration
	random  *rand.Rand
	mid     uint16
}

// plainOf returns which nodes of a group are plain, nil if none is.
func (r *run) plainOf(g *group) *lot {
	n := int(g.plain*float64(g.count) + 0.5)
	if n == 0 {
		return nil
	}
	return r.lotOf(g, &resource{path: " plain", count: n})
}

// raw returns what makes hosts of the plain nodes of a group.
func (r *run) raw(p *place) func(i int) func(*sim.Peer, netio.Datagram) {
	p.plain = r.plainOf(p.group)
	if p.plain == nil {
		return nil
	}
	return func(i int) func(*sim.Peer, netio.Datagram) {
		if !p.plain.has(i) {
			return nil
		}
		s := &plainServer{r: r, node: p.first + i, served: map[string][]byte{}, leisure: p.params.WithDefaults().DefaultLeisure}
		s.random = r.w.Rand(p.pattern.name(i), "plain")
		s.mid = uint16(s.random.Uint32())
		for k, res := range p.resources {
			if p.has[k].has(i) {
				s.served[res.path] = res.payload
				if !res.options.Hidden {
					s.links = append(s.links, res.link())
				}
			}
		}
		return s.receive
	}
}

// suppressed is the bit of No-Response for success (RFC 7967 §2.1).
const suppressed = 1 << (2 - 1)

func (s *plainServer) receive(p *sim.Peer, d netio.Datagram) {
	var m codec.Message
	if d.Err != nil || m.Parse(d.Data) != nil || !m.Code.IsRequest() || d.Multicast && (m.Type != codec.NON || m.Code != codec.GET) {
		return
	}
	var path, query []string
	quiet := false
	for _, o := range m.Options {
		switch o.Number {
		case codec.OptionURIPath:
			path = append(path, string(o.Value))
		case codec.OptionURIQuery:
			query = append(query, string(o.Value))
		case codec.OptionNoResponse:
			quiet = len(o.Value) == 1 && o.Value[0]&suppressed != 0
		}
	}
	a := codec.Message{Type: codec.NON, Code: codec.Content, Token: m.Token}
	if m.Type == codec.CON {
		a.Type, a.MessageID = codec.ACK, m.MessageID
	}
	what := "/" + strings.Join(path, "/")
	payload, served := s.served[what]
	switch {
	case what == corePath:
		if payload = s.list(query); len(payload) > 0 {
			a.Options = codec.Options{codec.ContentFormat(codec.LinkFormat)}
		}
	case d.Multicast:
		return
	case !served || m.Code != codec.GET:
		a.Code, payload, quiet = codec.NotFound, nil, false
	}
	if quiet {
		return
	}
	a.Payload = payload
	wait := time.Duration(0)
	if d.Multicast {
		wait = time.Duration(s.random.Int64N(int64(s.leisure) + 1))
	}
	to := d.Peer.Addr
	s.r.w.AfterFunc(wait, func() { s.send(p, to, &a) })
}

// list returns the links that a filter finds.
func (s *plainServer) list(query []string) []byte {
	if len(query) == 0 {
		return codec.AppendLinks(nil, s.links...)
	}
	filters, err := codec.ParseFilters([]string{strings.Join(query, "&")})
	if err != nil {
		return nil
	}
	var found []codec.Link
	for i := range s.links {
		if filters.Match(&s.links[i]) {
			found = append(found, s.links[i])
		}
	}
	return codec.AppendLinks(nil, found...)
}

func (s *plainServer) send(p *sim.Peer, to netip.AddrPort, a *codec.Message) {
	if s.r.down[s.node] {
		return
	}
	if a.Type != codec.ACK {
		s.mid++
		a.MessageID = s.mid
	}
	if data, err := a.Append(nil); err == nil {
		_ = p.Send(to, data) // who asked has gone
	}
}
