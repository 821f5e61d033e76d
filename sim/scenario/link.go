package scenario

import (
	"fmt"
	"strings"

	"github.com/coap2/coap2/sim"
	"github.com/coap2/coap2/sim/dist"
)

// linksOf reads where the network is different.
func (d *decoder) linksOf(o *object, s *Scenario) {
	o.each("links", func(name string, at pos, v *value, path string) {
		if !d.named(name, at, path, "a link") {
			return
		}
		lo := d.object(v, path, linkKeys)
		l := &link{name: name, Link: s.link}
		if lo.find("from") != nil {
			l.from = lo.who("from", &s.nodes)
		}
		if lo.find("to") != nil {
			l.to = lo.who("to", &s.nodes)
		}
		d.linkOf(lo, &l.Link)
		s.links = append(s.links, l)
	})
}

func (d *decoder) linkOf(o *object, l *sim.Link) {
	o.latency("latency", l)
	o.bool("in_order", &l.InOrder)
	o.share("loss", &l.Loss)
	read(o, "bursts", &l.Bursts, func(s string) (*dist.GilbertElliott, error) {
		g, err := dist.ParseGilbertElliott(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			return nil, fmt.Errorf("want two to four probabilities P,R,H,K from 0 to 1, such as 0.01,0.2, not %s", quote(s))
		}
		return &g, nil
	})
	o.share("duplicate", &l.Duplicate)
	o.share("corrupt", &l.Corrupt)
	o.share("reorder", &l.Reorder)
	o.time("reorder_by", &l.ReorderBy)
	o.through(&l.Rate, &l.MTU)
	read(o, "oversize", &l.Oversize, func(s string) (sim.Oversize, error) {
		x, err := sim.ParseOversize(s)
		if err != nil {
			err = fmt.Errorf("want fragment, blackhole or toobig, not %s", quote(s))
		}
		return x, err
	})
	if err := l.Validate(); err != nil && len(d.errs) == 0 {
		d.add(o.v.pos, o.path, "%s", strings.TrimPrefix(err.Error(), "sim: "))
	}
}

// latency reads a delay: a time, two, or the name of a distribution and what
// belongs to it.
func (o *object) latency(name string, l *sim.Link) {
	read(o, name, l, func(s string) (sim.Link, error) {
		x := *l
		x.Latency, x.Jitter, x.Delay = 0, 0, nil
		words := strings.Fields(s)
		if len(words) == 3 && (words[0] == "normal" || words[0] == "lognormal") {
			t, err := dist.Parse(words[0] + ":" + words[1] + "," + words[2])
			if err == nil {
				x.Delay = t
				return x, nil
			}
		} else if between, err := parseSpan(s); err == nil {
			x.Latency, x.Jitter = between.from, between.to-between.from
			return x, nil
		}
		return x, fmt.Errorf(`want a time such as 20ms, two such as 10ms..50ms, "normal MEAN DEVIATION" such as normal 20ms 5ms, or "lognormal MEDIAN SIGMA" such as lognormal 20ms 0.5, not %s`, quote(s))
	})
}

// through reads what limits how much passes; mtu may be nil.
func (o *object) through(r *sim.Rate, mtu *int) {
	read(o, "bandwidth", &r.Bandwidth, parseBandwidth)
	o.size("queue", &r.Queue, 1<<30)
	if r.Queue > 0 && r.Bandwidth == 0 && o.find("queue") != nil {
		o.fail("queue", "nothing waits where there is no bandwidth to wait for; add it, or leave queue out")
	}
	if mtu != nil && o.size("mtu", mtu, 65575) && *mtu < 68 {
		o.fail("mtu", "want at least 68 bytes, which every network carries, not %d", *mtu)
	}
}
