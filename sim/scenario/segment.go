package scenario

import (
	"fmt"
	"strings"

	"github.com/coap2/coap2/sim"
)

// segment is a part of the network whose nodes are neighbours.
type segment struct {
	nodes *selector
	sim.Segment
	ether *ether // nil without radio
}

// segmentsOf reads which nodes are neighbours, and what they share.
func (d *decoder) segmentsOf(o *object, s *Scenario) {
	o.each("segments", func(name string, at pos, v *value, path string) {
		if !d.named(name, at, path, "a segment") {
			return
		}
		so := d.object(v, path, segmentKeys)
		x := &segment{nodes: so.who("nodes", &s.nodes), Segment: sim.Segment{Name: segmentMark + name, Nodes: "*"}}
		var up string
		if so.text("up", &up) {
			x.Up = segmentMark + up
			if !s.hasSegment(x.Up) {
				so.fail("up", "there is no segment %s before this one", quote(up))
			}
		}
		read(so, "border", &x.Border, func(s string) (sim.Scope, error) {
			scope, err := sim.ParseScope(s)
			if err != nil {
				err = fmt.Errorf("want interface, link, realm, admin, site, org or global, not %s", quote(s))
			}
			return scope, err
		})
		if so.bool("bridge", &x.Bridge) && x.Bridge && x.Border > 0 {
			so.fail("bridge", "a bridge lets everything through; border is for routers")
		}
		so.through(&x.Rate, nil)
		if m := so.find("medium"); m != nil {
			mo := d.object(m, path+".medium", mediumKeys)
			if mo.find("bandwidth") == nil {
				d.add(m.pos, path+".medium", `"bandwidth" is missing; it says how fast frames are sent`)
			}
			var r sim.Rate
			mo.through(&r, nil)
			x.Medium.Bandwidth, x.Medium.Queue = r.Bandwidth, r.Queue
			mo.size("overhead", &x.Medium.Overhead, 65575)
		}
		if v := so.find("radio"); v != nil {
			x.ether = d.radioOf(d.object(v, path+".radio", radioKeys))
			for _, k := range []string{"medium", "up", "bridge", "bandwidth", "queue", "border"} {
				if so.find(k) != nil {
					so.fail(k, "it does not go with radio, which nothing joins to other segments")
				}
			}
		}
		s.segments = append(s.segments, x)
	})
}

// segmentMark begins the names that segments have in the World.
const segmentMark = "segment/"

func (s *Scenario) hasSegment(name string) bool {
	for _, x := range s.segments {
		if x.Name == name {
			return true
		}
	}
	return false
}

// divide makes the segments.
func (r *run) divide(x *segment) error {
	name := "in/" + strings.TrimPrefix(x.Name, segmentMark)
	var err error
	seg := x.Segment
	who := r.chosen(x.nodes, name, 0)
	if seg.Nodes, err = r.set(name, who, false); err != nil {
		return err
	}
	if x.ether != nil {
		if seg.Radio, err = r.tune(x.ether, x.Name, who); err != nil {
			return err
		}
	}
	return r.w.Segment(seg)
}

// parseBandwidth reads 10KiB/s, or in bits 250kbit/s, as bytes in a second.
func parseBandwidth(s string) (int, error) {
	wrong := fmt.Errorf("want a size in a second, such as 10KiB/s, or bits, such as 250kbit/s, not %s", quote(s))
	amount, ok := strings.CutSuffix(s, "/s")
	if !ok {
		return 0, wrong
	}
	n, err := 0, error(nil)
	if digits, bits := strings.CutSuffix(strings.TrimSpace(amount), "bit"); bits {
		unit := 1
		if d, ok := strings.CutSuffix(digits, "k"); ok {
			digits, unit = d, 1000
		} else if d, ok := strings.CutSuffix(digits, "M"); ok {
			digits, unit = d, 1_000_000
		}
		n, err = parseCount(strings.TrimSpace(digits), 1, maxBits/unit)
		n = n * unit / 8
	} else {
		n, err = parseSize(strings.TrimSpace(amount), 1<<30)
	}
	if err != nil || n == 0 {
		return 0, wrong
	}
	return n, nil
}

// maxBits is how many bits at most pass in a second, where that is said in bits.
const maxBits = 2_000_000_000
