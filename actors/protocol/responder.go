package protocol

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Defaults of ResponderConfig.
const (
	// DefaultMaxLeisure is the longest window that a Responder spreads its answers
	// over because it is asked to.
	DefaultMaxLeisure = 60 * time.Second
	// DefaultResponderRate is how many answers a second one source gets, and
	// DefaultResponderBurst how many at once after a pause.
	DefaultResponderRate  = 8
	DefaultResponderBurst = 32
)

const (
	maxResponderSources = 64 // that are told apart
	// allSources is how much more all of them get than one.
	allSources = 8
	// maxDiscoveryFilters is how many filters a request has at most: each is
	// compared with every link. RFC 6690 §4.1 knows requests with one.
	maxDiscoveryFilters = 8
)

// DiscoveryRequest is a GET of /.well-known/core as a node that knows CoAP 2 reads
// it.
type DiscoveryRequest struct {
	// Discovery: it has option 300, and Query is what that says.
	Discovery bool
	Query     Query
	// Round is option 316; the zero Round where there is none (Paced is false
	// then), or a bad one.
	Round Round
	Paced bool
	// Filters are those of RFC 6690 but for ep, which is about the node's name.
	Filters codec.Filters
	Names   codec.Filters
}

// ParseDiscovery reads a request. Its error, one of codec or an ErrQuery, is fit
// for the diagnostic payload of a 4.00. The Round refers to o.
func ParseDiscovery(o codec.Options) (DiscoveryRequest, error) {
	var d DiscoveryRequest
	var value []byte
	if value, d.Discovery = o.Get(codec.OptionDiscovery); d.Discovery {
		var err error
		if d.Query, err = ParseQuery(value); err != nil {
			return d, err
		}
		if value, d.Paced = o.Get(codec.OptionDiscoveryRound); d.Paced {
			// A bad one is an elective option that cannot be understood: it is
			// as if it were not there (RFC 7252 §5.4.1).
			if d.Round, err = ParseRound(value); err != nil || len(value) == 0 {
				d.Round, d.Paced = Round{}, false
			}
		}
	}
	count := 0
	for v := range o.Values(codec.OptionURIQuery) {
		if count++; count > maxDiscoveryFilters {
			return d, fmt.Errorf("at most %d filters", maxDiscoveryFilters)
		}
		f, err := codec.ParseFilter(string(v))
		if err != nil {
			return d, err
		}
		if f.Name == "ep" {
			f.Value = strings.ToLower(f.Value)
			d.Names = append(d.Names, f)
		} else {
			d.Filters = append(d.Filters, f)
		}
	}
	return d, nil
}

// Concerns reports whether the request is for a node at all, whatever it has: the
// name that is asked for, and that of ep, are its own, and the round does not
// silence it. name is canonical, or "".
func (d *DiscoveryRequest) Concerns(name string, id InstanceID) bool {
	for _, f := range d.Names {
		if f.Prefix && !strings.HasPrefix(name, f.Value) || !f.Prefix && f.Value != name {
			return false
		}
	}
	if d.Discovery && d.Query.Kind == ByName {
		return d.Query.Name == name
	}
	return !d.Paced || d.Round.Asks(id)
}

// Select returns the links that answer the request, and whether the node is one
// that it looks for: it has any, or all, of the resources that are asked for, if
// any are, and links that the filters select, if there are any. Filters count for
// each of the resources. The answer to a request for a host has no links.
func (d *DiscoveryRequest) Select(links []codec.Link) (selected []codec.Link, ok bool) {
	if !d.Discovery {
		selected = d.filter(links)
		return selected, len(selected) > 0
	}
	switch d.Query.Kind {
	case ByName:
		return nil, len(d.Filters) == 0 || len(d.filter(links)) > 0
	case AnyOf, AllOf:
		found := make([]bool, len(d.Query.Paths))
		for i := range links {
			l := &links[i]
			k := slices.Index(d.Query.Paths, l.Target)
			if k < 0 || !d.Filters.Match(l) {
				continue
			}
			for ; k < len(found); k++ { // a path may be there twice
				found[k] = found[k] || d.Query.Paths[k] == l.Target
			}
			selected = append(selected, *l)
		}
		if d.Query.Kind == AllOf && slices.Contains(found, false) || len(selected) == 0 {
			return nil, false
		}
		return selected, true
	}
	selected = d.filter(links)
	return selected, len(selected) > 0 || len(d.Filters) == 0
}

func (d *DiscoveryRequest) filter(links []codec.Link) []codec.Link {
	if len(d.Filters) == 0 {
		return links
	}
	var kept []codec.Link
	for i := range links {
		if d.Filters.Match(&links[i]) {
			kept = append(kept, links[i])
		}
	}
	return kept
}

// ResponderConfig says how a Responder answers. The zero value is for a network of
// unknown size.
type ResponderConfig struct {
	// Leisure is DEFAULT_LEISURE (RFC 7252 §8.2), where nothing else is known; 0 =
	// the default of Params.
	Leisure time.Duration
	// MaxLeisure bounds the window that a request may ask for; 0 =
	// DefaultMaxLeisure.
	MaxLeisure time.Duration
	// Group is the number of nodes that may answer, and Rate how many bytes a
	// second the network takes: with both known the leisure is at least S·G/R for
	// answers of S bytes (RFC 7252 §8.2).
	Group int
	Rate  float64
	// PerSecond is how many answers a second one source gets, after a pause Burst
	// at once; 0 = DefaultResponderRate and DefaultResponderBurst. All sources
	// together get eight times as much.
	PerSecond, Burst int
}

// Responder is the answering side of a discovery: when, and how often.
type Responder struct {
	cfg     ResponderConfig
	all     Rate
	sources []responderSource
	// Limited counts the answers that were not given because of the rate.
	Limited uint64
}

type responderSource struct {
	addr netip.Addr
	rate Rate
}

// NewResponder returns a Responder.
func NewResponder(cfg ResponderConfig) *Responder {
	if cfg.Leisure <= 0 {
		cfg.Leisure = Params{}.WithDefaults().DefaultLeisure
	}
	if cfg.MaxLeisure <= 0 {
		cfg.MaxLeisure = DefaultMaxLeisure
	}
	if cfg.PerSecond <= 0 {
		cfg.PerSecond = DefaultResponderRate
	}
	if cfg.Burst <= 0 {
		cfg.Burst = DefaultResponderBurst
	}
	return &Responder{cfg: cfg}
}

// Leisure returns the time over which the answer to a multicast request is to be
// spread, if it has so many bytes. A host answers at once, as nobody else does, or
// within the window that is asked for: it may be the question that is in its way.
func (r *Responder) Leisure(d *DiscoveryRequest, size int) time.Duration {
	floor := GroupLeisure(size, r.cfg.Group, r.cfg.Rate)
	switch {
	case d.Discovery && d.Query.Kind == ByName:
		return min(d.Round.Window, r.cfg.MaxLeisure)
	case d.Paced:
		return max(min(d.Round.Window, r.cfg.MaxLeisure), floor)
	case floor > 0:
		return floor
	}
	return r.cfg.Leisure
}

// Allow reports whether a source may get another answer now. Sources of IPv6 are
// told apart by their first 64 bits: who has one such network has all addresses of
// it.
func (r *Responder) Allow(now netio.Instant, from netip.Addr) bool {
	from = from.Unmap()
	if from.Is6() && !from.IsLinkLocalUnicast() {
		if p, err := from.WithZone("").Prefix(64); err == nil {
			from = p.Addr()
		}
	}
	interval := time.Second / time.Duration(r.cfg.PerSecond)
	if wait := r.all.full.Sub(now) - interval/allSources*time.Duration(r.cfg.Burst*allSources-1); wait > 0 {
		r.Limited++
		return false
	}
	at := slices.IndexFunc(r.sources, func(s responderSource) bool { return s.addr == from })
	if at < 0 {
		at = len(r.sources)
		if at < maxResponderSources {
			r.sources = append(r.sources, responderSource{addr: from})
		} else { // instead of the one that has been quiet longest
			at = 0
			for i := range r.sources {
				if r.sources[i].rate.full < r.sources[at].rate.full {
					at = i
				}
			}
			r.sources[at] = responderSource{addr: from}
		}
	}
	if _, ok := r.sources[at].rate.Allow(now, interval, r.cfg.Burst); !ok {
		r.Limited++
		return false
	}
	r.all.full = max(r.all.full, now).Add(interval / allSources)
	return true
}
