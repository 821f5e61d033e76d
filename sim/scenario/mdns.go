package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/sim/mdns"
)

// querierMark and responderMark are what the hosts add to the names of nodes from
// which these ask and answer by multicast DNS.
const (
	querierMark   = askerMark + "mdns"
	responderMark = askerMark + "responder"
)

// dns is multicast DNS in a World: all nodes take part.
type dns struct {
	profile  mdns.Profile
	queriers map[int]*mdns.Querier
	seekers  map[int]*finds // by node: what it looks for
}

var errTwoProfiles = errors.New("nodes speak multicast DNS in one way only; use one of its strategies")

func (r *run) armMDNS(a *action, t *tally) error { return r.armDNS(a, t, mdns.Avahi()) }

func (r *run) armMDNSHashicorp(a *action, t *tally) error { return r.armDNS(a, t, mdns.Hashicorp()) }

// armDNS prepares an action that discovers by multicast DNS.
func (r *run) armDNS(a *action, t *tally, p mdns.Profile) error {
	if r.dns != nil && r.dns.profile != p {
		return errTwoProfiles
	}
	if r.dns == nil {
		r.dns = &dns{profile: p, queriers: map[int]*mdns.Querier{}, seekers: map[int]*finds{}}
		if err := r.respond(); err != nil {
			return err
		}
	}
	question := a.target.question()
	r.repeat(&a.schedule, func(n int) {
		from := r.chosen(a.from, "from/"+a.name, n)
		from.each(func(i int) {
			if r.down[i] {
				return
			}
			q, err := r.querier(i)
			if err != nil {
				r.broken = append(r.broken, err.Error())
				return
			}
			f := r.seek(a, t, i)
			r.dns.seekers[i] = &f
			stop := q.Browse(question)
			r.w.AfterFunc(a.wait, stop)
		})
	})
	return nil
}

// question is what multicast DNS can ask for; where that is more than what is
// looked for, the querier sifts.
func (t *target) question() mdns.Question {
	switch {
	case t.query.Kind == protocol.ByName:
		return mdns.Question{Host: strings.TrimSuffix(t.query.Name, ".local")}
	case t.query.Kind == protocol.AnyOf && len(t.query.Paths) == 1:
		return mdns.Question{Subtype: subtype(t.query.Paths[0])}
	}
	return mdns.Question{}
}

// subtype is what nodes with a resource register themselves as.
func subtype(path string) string { return strings.ReplaceAll(strings.Trim(path, "/"), "/", "-") }

// querier returns the host from which a node asks.
func (r *run) querier(i int) (*mdns.Querier, error) {
	if q := r.dns.queriers[i]; q != nil {
		return q, nil
	}
	p, err := r.w.Peer(r.s.nodes.name(i)+querierMark, fmt.Sprintf(":%d", mdns.Port))
	if err != nil {
		return nil, err
	}
	q := mdns.NewQuerier(r.w, p, &r.dns.profile)
	q.OnFound = func(name string) {
		if f := r.dns.seekers[i]; f != nil {
			f.answer(r.s.nodes.index(name), true, "mDNS")
		}
	}
	r.dns.queriers[i] = q
	return q, nil
}

// respond lets all nodes that serve something answer by multicast DNS: each is an
// instance of a service, with what it serves as subtypes and in its TXT record.
func (r *run) respond() error {
	ear, profile := &mdns.Ear{}, &r.dns.profile
	linkLocal := netip.MustParseAddr("fe80::").As16()
	for i := range r.s.nodes.total {
		name := r.s.nodes.name(i)
		x := mdns.Instance{Name: name, Service: 5683}
		place, k := r.placeOf(i)
		for at, res := range place.resources {
			if place.has[at].has(k) && !res.options.Hidden {
				x.Subtypes = append(x.Subtypes, subtype(res.path))
				x.TXT = append(x.TXT, "path="+res.path)
			}
		}
		if len(x.TXT) == 0 {
			continue
		}
		p, err := r.w.Peer(name+responderMark, fmt.Sprintf(":%d", mdns.Port))
		if err == nil {
			err = r.w.Join(name+responderMark, mdns.Group().Addr())
		}
		if err != nil {
			return err
		}
		v4, v6 := p.Addr().Addr().As4(), linkLocal
		copy(v6[12:], v4[:])
		x.Addr = []netip.Addr{netip.AddrFrom4(v4), netip.AddrFrom16(v6)}
		mdns.NewResponder(r.w, p, profile, x, r.w.Rand(name, "mdns"), ear).Silent = func() bool { return r.down[i] }
	}
	return nil
}
