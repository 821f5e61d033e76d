package scenario

import (
	"fmt"
	"slices"
	"time"
)

// passes makes the scenario smaller until nothing more helps: first what makes
// runs short and takes much away at a time.
func (k *shrinker) passes() error {
	if err := k.expectations(); err != nil {
		return err
	}
	for {
		before := k.root
		for _, pass := range []func() error{
			k.time, k.faults, k.sections, k.time, k.nodes, k.single, k.counts, k.details, k.time,
		} {
			if err := pass(); err != nil {
				return err
			}
		}
		if k.root == before {
			return nil
		}
	}
}

// expectations leaves only what fails: of a violation nothing.
func (k *shrinker) expectations() error {
	if k.root.get("expect") == nil {
		return nil
	}
	c := k.root.clone()
	if k.last.at > 0 {
		c.remove("expect")
	} else {
		x := c.get("expect")
		x.items = slices.DeleteFunc(x.items, func(v *value) bool { return v.text != k.last.text })
	}
	_, err := k.try(c)
	return err
}

// time ends it right after it has failed, or in half the time.
func (k *shrinker) time() error {
	s, err := k.scenario(k.root)
	if err != nil {
		return err
	}
	if at := k.last.at; at > 0 {
		stop := at.Truncate(time.Millisecond) + 2*time.Millisecond
		if s.stop == 0 || stop < s.stop {
			_, err = k.until(s, stop)
		}
		return err
	}
	for stop := s.stop / 2; stop > time.Millisecond; stop /= 2 {
		if ok, err := k.until(s, stop.Truncate(time.Millisecond)); !ok || err != nil {
			return err
		}
	}
	return nil
}

// until ends it at a time; what would begin later is taken away.
func (k *shrinker) until(s *Scenario, stop time.Duration) (bool, error) {
	c := k.root.clone()
	late := func(section, name string, at time.Duration) {
		if v := c.get(section); v != nil && at >= stop {
			v.remove(name)
		}
	}
	for _, a := range s.actions {
		late("run", a.name, a.at)
	}
	for _, f := range s.faults {
		late("faults", f.name, f.at)
	}
	c.set("stop", stop.String())
	return k.try(c)
}

// sections takes away actions, links and groups of nodes, many at a time first.
func (k *shrinker) sections() error {
	for _, name := range [...]string{"run", "links", "nodes"} {
		if err := k.section(name); err != nil {
			return err
		}
	}
	return nil
}

func (k *shrinker) faults() error { return k.section("faults") }

// section takes away entries of a part of the scenario: all of them, halves,
// quarters and so on.
func (k *shrinker) section(name string) error {
	entries := func() int {
		if v := k.root.get(name); v != nil {
			return len(v.entries)
		}
		return 0
	}
	for size := entries(); size > 0; size /= 2 {
		for i := 0; i < entries(); {
			c := k.root.clone()
			v := c.get(name)
			v.entries = slices.Delete(v.entries, i, min(i+size, len(v.entries)))
			if len(v.entries) == 0 {
				c.remove(name)
			}
			ok, err := k.try(c)
			if err != nil {
				return err
			}
			if !ok {
				i += size
			}
		}
	}
	return nil
}

// nodes makes the groups smaller, as small as can be first.
func (k *shrinker) nodes() error {
	s, err := k.scenario(k.root)
	if err != nil {
		return err
	}
	for _, g := range s.nodes.groups {
		for n := 1; n < g.count; n = max(n+1, n*5/4) {
			ok := false
			for spare := 0; spare < 2 && !ok; spare++ {
				if ok, err = k.try(k.withCount(g, n, spare)); err != nil {
					return err
				}
			}
			if !ok {
				// Fewer nodes do less, and need more time, or luck, to fail.
				if ok, err = k.tryLong(k.withCount(g, n, 1)); err != nil {
					return err
				}
			}
			if ok {
				break
			}
		}
	}
	return nil
}

// maxLuck is how many times as many seeds are tried with fewer nodes.
const maxLuck = 4

// tryLong tries a scenario for as long as it was in the beginning, with more
// seeds.
func (k *shrinker) tryLong(root *value) (bool, error) {
	if k.last.at == 0 {
		return false, nil
	}
	if k.stop == "" {
		root.remove("stop")
	} else {
		root.set("stop", k.stop)
	}
	tries := k.o.Tries
	k.o.Tries *= maxLuck
	defer func() { k.o.Tries = tries }()
	return k.try(root)
}

// withCount returns the scenario with so many nodes in a group, all of which, but
// for so many, can be meant.
func (k *shrinker) withCount(g *group, n, spare int) *value {
	c := k.root.clone()
	v := c.get("nodes").get(g.name)
	if v.get("host") != nil && v.get("count") == nil {
		v.set("host", fmt.Sprintf("%s[%d-%d]%s", g.pattern.prefix, g.pattern.first, g.pattern.first+n-1, g.pattern.suffix))
	} else {
		v.set("count", fmt.Sprint(n))
	}
	if r := v.get("resources"); r != nil {
		for i, e := range r.entries {
			if i < len(g.resources) && g.resources[i].count > n {
				e.value.set("count", fmt.Sprint(n))
			}
		}
	}
	f := &fewer{group: g.name, prefix: g.pattern.prefix, first: g.pattern.first, count: n, single: n == 1 && v.get("host") == nil, spare: spare}
	for _, name := range [...]string{"run", "faults", "links"} {
		if v := c.get(name); v != nil {
			v.limit(f)
		}
	}
	return c
}

// single lets what happens again and again happen once, or half as often.
func (k *shrinker) single() error {
	s, err := k.scenario(k.root)
	if err != nil {
		return err
	}
	for _, f := range s.faults {
		if err := k.once("faults", f.name, f.schedule); err != nil {
			return err
		}
	}
	for _, a := range s.actions {
		if err := k.once("run", a.name, a.schedule); err != nil {
			return err
		}
	}
	return nil
}

// maxOnce is how many of the times at which something happens are tried alone.
const maxOnce = 20

func (k *shrinker) once(section, name string, c schedule) error {
	if c.every == 0 {
		return nil
	}
	times := c.times
	if times == 0 {
		times = int(max(k.size.Span-c.at, 0)/c.every) + 1
	}
	for i := range min(times, maxOnce) {
		t := k.root.clone()
		v := t.get(section).get(name)
		v.remove("every")
		v.remove("times")
		if i > 0 {
			v.set("at", (c.at + time.Duration(i)*c.every).String())
		}
		if ok, err := k.try(t); ok || err != nil {
			return err
		}
	}
	for n := 2; n < times; n *= 2 {
		t := k.root.clone()
		t.get(section).get(name).set("times", fmt.Sprint(n))
		if ok, err := k.try(t); ok || err != nil {
			return err
		}
	}
	return nil
}

// counts bounds how much the nodes ask.
func (k *shrinker) counts() error {
	s, err := k.scenario(k.root)
	if err != nil {
		return err
	}
	for _, a := range s.actions {
		if a.verb != load {
			continue
		}
		for n := 1; n < 64 && (a.count == 0 || n < a.count); n *= 2 {
			c := k.root.clone()
			v := c.get("run").get(a.name)
			v.set("count", fmt.Sprint(n))
			v.remove("for")
			ok, err := k.try(c)
			if err != nil {
				return err
			}
			if ok {
				break
			}
		}
	}
	return nil
}

// details takes away everything else that is not needed.
func (k *shrinker) details() error {
	for n := 0; ; {
		c := k.root.clone()
		if !c.cut(n) {
			return nil
		}
		ok, err := k.try(c)
		if err != nil {
			return err
		}
		if !ok {
			n++
		}
	}
}
