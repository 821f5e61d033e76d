package actors

import (
	"fmt"
	"slices"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/rules"
)

// defaultMinPeriod is the shortest pmax and epmax where the resource does not say:
// one subscriber does not make it work more often than it would for quick samples.
const defaultMinPeriod = 10 * time.Millisecond

// tooShort says which period of a rule the resource does not keep to; "" if it
// does to all. A short pmin or epmin asks for no work.
func (r *Resource) tooShort(rule *rules.Rule) string {
	least := r.MinPeriod
	if least == 0 {
		least = defaultMinPeriod
	}
	c := rule.Controls()
	for _, p := range []struct {
		name   string
		period time.Duration
	}{{"pmax", c.PMax}, {"epmax", c.EPMax}} {
		if p.period > 0 && p.period < least {
			return fmt.Sprintf("rule: %s is %v; this resource wants at least %v", p.name, p.period, least)
		}
	}
	return ""
}

// admitRule makes a subscription. why says that a bound of rules is reached; a
// nil sub without it, that the table of observers is full.
func (o *observing) admitRule(in *incoming, v *view, now netio.Instant) (sub *subscription, why string) {
	if o.perPeer[in.peer.ID] >= o.sh.limits.RulesPerPeer {
		o.refuse()
		return nil, "too many rules of this peer are live; end a subscription, or come again later"
	}
	j := in.joins
	fields := j.rule.Fields()
	fresh := v.rules.unused(fields)
	if why := v.rules.affords(in.peer.ID, len(fresh), o.sh.limits.FieldsPerPeer); why != "" {
		o.refuse()
		return nil, why
	}
	part := v.rules.part(now)
	rule, err := part.index.Add(time.Duration(now), j.rule)
	if err != nil {
		o.refuse()
		return nil, diagnosis(err)
	}
	ref := o.takeSub()
	con := in.route.resource.Confirmable || j.rule.Controls().Con
	id, result, _ := o.table.Put(now, v.topic, in.peer.ID, in.msg.Token, ref, con)
	if result == protocol.ObserverRefused {
		v.rules.leave(part, rule)
		o.freeSubs = append(o.freeSubs, ref)
		o.dropEmpty(v)
		return nil, ""
	}
	sub = &subscription{ref: ref, view: v, id: id, part: part, rule: rule, text: j.rule.String(), peer: in.peer.ID, newest: o.table.Version(v.topic), con: con, since: now}
	if sub.newest != 1 {
		sub.newest = o.versionOf(id)
	}
	sub.tally.last = sub.newest
	for sub.number == 0 || o.byNumber[sub.number] != nil {
		sub.number = o.sh.rand.Uint32()
	}
	o.byNumber[sub.number] = sub
	o.subs[ref-1] = sub
	for int(rule) >= len(part.subs) {
		part.subs = append(part.subs, nil)
	}
	part.subs[rule] = sub
	v.rules.charge(sub.peer, fields, fresh)
	o.settle(id, in)
	o.count(sub.peer, 1)
	v.site.observers.Add(1)
	v.site.subscribers.Add(1)
	o.armRules(v.rules)
	return sub, ""
}

// payer is who has brought a field of a ruleSet into use: it counts in that
// peer's Limits.FieldsPerPeer until the last of the peer's rules that look at it
// has ended. If others look at it by then it is theirs for nothing, as it was all
// the time: nobody pays because somebody else has gone.
type payer struct {
	peer  uint64 // 0 = nobody
	rules int32  // of that peer that look at the field
}

// unused returns those of a rule's fields that no rule of the set looks at yet.
func (s *ruleSet) unused(fields []rules.Field) (fresh []rules.Field) {
	for _, f := range fields {
		if !s.schema.Has(f) {
			fresh = append(fresh, f)
		}
	}
	return fresh
}

// affords says why a peer may not bring so many more fields into use; "" if it
// may.
func (s *ruleSet) affords(peer uint64, fresh, most int) string {
	if fresh == 0 {
		return ""
	}
	n := fresh
	for _, p := range s.payers {
		if p.peer == peer {
			n++
		}
	}
	if n <= most {
		return ""
	}
	return fmt.Sprintf("the rules of one peer may bring in %d fields of a resource, and this one makes it %d; name fields that are in use, end a subscription, or come again later", most, n)
}

// charge notes who pays for the fields of a rule that has been added, of which
// some were fresh.
func (s *ruleSet) charge(peer uint64, fields, fresh []rules.Field) {
	for _, f := range fields {
		slot, _ := s.schema.Slot(f) // it has one
		for slot >= len(s.payers) {
			s.payers = append(s.payers, payer{})
		}
		switch p := &s.payers[slot]; {
		case slices.Contains(fresh, f):
			*p = payer{peer, 1}
		case p.peer == peer:
			p.rules++
		}
	}
}

// discharge takes a rule that is about to end from what its peer pays for. A rule
// that moves to another address takes along what it alone has brought in, however
// much that address pays for already; to is 0 if it ends.
func (s *ruleSet) discharge(peer, to uint64, text string) {
	if peer == to || !slices.ContainsFunc(s.payers, func(p payer) bool { return p.peer != 0 && (p.peer == peer || p.peer == to) }) {
		return // as nearly all do: that costs no parsing, and a subscription no memory
	}
	rule, err := rules.Parse(text)
	if err != nil {
		return // it is the canonical text of a rule
	}
	for _, f := range rule.Fields() {
		slot, _ := s.schema.Slot(f)
		switch p := &s.payers[slot]; {
		case p.peer == 0:
		case p.peer == to:
			p.rules++
		case p.peer == peer:
			if p.rules--; p.rules == 0 {
				*p = payer{}
				if to != 0 {
					*p = payer{to, 1}
				}
			}
		}
	}
}
