package scenario

import (
	"time"
)

// fault is something that goes wrong.
type fault struct {
	pos
	name string
	verb verb
	schedule
	length time.Duration // 0 = to the end
	who    *selector

	// partition
	against *selector // nil = all others
	way     way

	// disturb
	delay                    span
	loss, duplicate, corrupt float64

	share    float64 // lie
	failures int     // kill
}

// way is which datagrams a partition loses, as seen from its nodes.
type way uint8

const (
	both way = iota
	in
	out
)

func (d *decoder) faultsOf(o *object, s *Scenario) {
	o.each("faults", func(name string, at pos, v *value, path string) {
		if !d.named(name, at, path, "a fault") {
			return
		}
		fo, w := d.verbOf(v, at, path, "the fault", faultVerbs, crash, partition, disturb, lie, kill, rebind)
		if fo == nil {
			return
		}
		f := &fault{pos: at, name: name, verb: w}
		fo.schedule(&f.schedule, s)
		if fo.sec.key("for") != nil {
			if fo.time("for", &f.length) && f.length == 0 {
				fo.fail("for", "want a time above 0s")
			}
			if f.every > 0 && f.length == 0 {
				fo.fail("every", "it begins again without having ended; for says how long it lasts")
			}
		}
		f.who = fo.who(string(w), &s.nodes)
		switch w {
		case partition:
			f.partition(fo, &s.nodes)
		case disturb:
			f.disturb(fo)
		case lie:
			if !fo.share("share", &f.share) && fo.find("share") == nil {
				d.add(at, path, "\"share\" is missing; it says of how many messages somebody lies")
			}
		case kill:
			fo.count("failures", &f.failures, 0, 1000)
		}
		s.faults = append(s.faults, f)
	})
}

func (f *fault) partition(o *object, p *population) {
	if o.find("against") != nil {
		f.against = o.who("against", p)
	}
	var word string
	if o.text("way", &word) {
		ways := map[string]way{"both": both, "in": in, "out": out}
		w, ok := ways[word]
		if !ok {
			o.fail("way", "want both, in (nothing reaches these nodes) or out (nothing leaves them), not %s", quote(word))
		}
		f.way = w
	}
	if f.who != nil && f.against == nil && f.who.most() >= p.total {
		o.fail(string(partition), "%s are all nodes; nobody is left from whom they could be parted", quote(f.who.text))
	}
}

func (f *fault) disturb(o *object) {
	o.span("delay", &f.delay)
	o.share("loss", &f.loss)
	o.share("duplicate", &f.duplicate)
	o.share("corrupt", &f.corrupt)
	if f.delay.to == 0 && f.loss == 0 && f.duplicate == 0 && f.corrupt == 0 {
		o.add(o.v.pos, o.path, "it disturbs nothing; want delay, loss, duplicate or corrupt")
	}
}
