package conform

import (
	"slices"
	"strings"

	"github.com/coap2/coap2/codec"
)

// linkCases are TD_COAP_LINK_01 to 09.
func linkCases() []Case {
	return []Case{
		{ID: "TD_COAP_LINK_01", Title: "Access to well-known interface for resource discovery", Rule: "RFC 6690 §4, RFC 7252 §7.2", run: func(p *probe) {
			if len(p.links("")) == 0 {
				p.should(nil, "/.well-known/core lists nothing")
			}
		}},
		{ID: "TD_COAP_LINK_02", Title: "Use filtered requests for limiting discovery results", Rule: "RFC 6690 §4.1", run: func(p *probe) { p.filtered("rt", "", false) }},
		{ID: "TD_COAP_LINK_03", Title: "Handle empty prefix value strings", Rule: "RFC 6690 §4.1", run: func(p *probe) { p.filtered("rt", "*", false) }},
		{ID: "TD_COAP_LINK_04", Title: "Filter discovery results in presence of multiple rt attributes", Rule: "RFC 6690 §3.1, §4.1", run: func(p *probe) { p.filtered("rt", "", true) }},
		{ID: "TD_COAP_LINK_05", Title: "Filter discovery results using if attribute and prefix value strings", Rule: "RFC 6690 §3.2, §4.1", run: func(p *probe) { p.filtered("if", "prefix", false) }},
		{ID: "TD_COAP_LINK_06", Title: "Filter discovery results using sz attribute and prefix value strings", Rule: "RFC 6690 §3.3, §4.1", run: func(p *probe) { p.filtered("sz", "*", false) }},
		{ID: "TD_COAP_LINK_07", Title: "Filter discovery results using href attribute and complete value strings", Rule: "RFC 6690 §4.1", run: func(p *probe) { p.filtered("href", "", false) }},
		{ID: "TD_COAP_LINK_08", Title: "Filter discovery results using href attribute and prefix value strings", Rule: "RFC 6690 §4.1", run: func(p *probe) { p.filtered("href", "prefix", false) }},
		{ID: "TD_COAP_LINK_09", Title: "Arrange link descriptions hierarchically", Rule: "RFC 6690 §5", run: hierarchical},
	}
}

// links reads /.well-known/core, all its blocks, with an optional filter. Where
// nothing matches, a server may also answer 4.04 to a filter.
func (p *probe) links(filter string) []codec.Link {
	path := "/.well-known/core"
	var opts []codec.Option
	if filter != "" {
		opts = append(opts, codec.URIQuery(filter))
	}
	m, body := p.whole(path, opts...)
	if filter != "" && m.Code == codec.NotFound {
		return nil
	}
	p.code("RFC 6690 §4, RFC 7252 §7.2", m, codec.Content)
	if f, ok := m.Options.ContentFormat(); len(body) > 0 && (!ok || f != codec.LinkFormat) {
		p.fail("RFC 6690 §4", m, "Content-Format is not 40 (application/link-format)")
	}
	links, err := codec.ParseLinks(body)
	if err != nil {
		p.fail("RFC 6690 §2", m, "the link format: %v", err)
	}
	return links
}

// filtered filters by a name of which the links have values: by a value (kind
// ""), by any ("*"), or by a prefix, best one that selects some links and not
// all. several wants a value beside others in one attribute.
func (p *probe) filtered(name, kind string, several bool) {
	all := p.links("")
	var filter codec.Filter
	var want []string
	for _, value := range candidates(all, name, kind, several) {
		f, err := codec.ParseFilter(name + "=" + value)
		if err != nil {
			continue
		}
		var targets []string
		for i := range all {
			if f.Match(&all[i]) {
				targets = append(targets, all[i].Target)
			}
		}
		if filter, want = f, targets; len(want) < len(all) {
			break
		}
	}
	if want == nil {
		p.giveUp("no link has an attribute %s to filter by", name)
	}
	var got []string
	for _, l := range p.links(filter.String()) {
		got = append(got, l.Target)
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == len(all) {
		p.giveUp("all links match %s: it cannot be seen whether the server filters", filter)
	}
	if !slices.Equal(want, got) {
		p.fail("", nil, "?%s selects %v, expected were %v", filter, got, want)
	}
	if none := p.links(name + "=no-such-thing"); len(none) > 0 {
		p.fail("", nil, "?%s=no-such-thing selects %d links", name, len(none))
	}
}

// candidates returns what can be asked for.
func candidates(all []codec.Link, name, kind string, several bool) (values []string) {
	for i := range all {
		for _, v := range linkValues(&all[i], name) {
			for _, field := range strings.Fields(v) {
				switch {
				case several && !strings.Contains(v, " "):
				case kind == "*":
					return []string{"*"}
				case kind == "prefix":
					for n := len(field) - 1; n > 0; n-- {
						values = append(values, field[:n]+"*")
					}
				default:
					values = append(values, field)
				}
			}
		}
	}
	return values
}

func linkValues(l *codec.Link, name string) []string {
	if name == "href" {
		return []string{l.Target}
	}
	var vs []string
	for _, a := range l.Attrs {
		if a.Name == name && !a.Bare {
			vs = append(vs, a.Value)
		}
	}
	return vs
}

func hierarchical(p *probe) {
	for _, l := range p.links("") {
		if !slices.Contains(linkValues(&l, "ct"), "40") || l.Target == "/.well-known/core" || !strings.HasPrefix(l.Target, "/") {
			continue
		}
		m, body := p.whole(l.Target)
		p.code("", m, codec.Content)
		if f, _ := m.Options.ContentFormat(); f != codec.LinkFormat {
			p.fail("", m, "%s is not in link format, though its link says so", l.Target)
		}
		subs, err := codec.ParseLinks(body)
		if err != nil || len(subs) == 0 {
			p.fail("", m, "%s lists nothing that can be read: %v", l.Target, err)
		}
		for _, sub := range subs {
			if strings.HasPrefix(sub.Target, "/") {
				p.code("", p.get(sub.Target), codec.Content)
			}
		}
		return
	}
	p.giveUp("no resource lists others (ct=40)")
}
