package actors

import (
	"crypto/sha256"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/rules"
)

// joining is what a request says that subscribes with a rule.
type joining struct {
	rule *rules.Rule
	// option: the rule came in the option of that name, and not in c.*
	// parameters; digest is the beginning of its hash.
	option bool
	digest [4]byte
	// resume is the number of a subscription that is to go on, 0 without.
	resume uint32
}

// subscription is an observer with a rule.
type subscription struct {
	ref    uint64 // its place in observing.subs, from 1: what the table has as value
	view   *view
	id     protocol.ObserverID
	part   *rulePart
	rule   rules.ID
	text   string // canonical, of the rule
	number uint32
	peer   uint64
	// waiting are the notifications that were chosen for it, the last of which
	// is version newest; the first may be under way.
	waiting []*edition
	newest  uint32
	lease   protocol.Handle // when it ends if it is not renewed
	con     bool
	since   netio.Instant
	tally   tally
}

// leaseOver: a subscription has not been renewed.
type leaseOver struct{ sub *subscription }

// defaultLease is how long a subscription lives without being renewed, where
// neither its rule nor its resource says.
const defaultLease = time.Hour

// leaseGrace is how much longer a server waits, so that a renewal that has to be
// repeated comes in time: MAX_TRANSMIT_WAIT with default parameters.
const leaseGrace = 93 * time.Second

// maxQueryRule bounds the conditional parameters that are looked at.
const maxQueryRule = 16

// join reads the rule of a request that registers as an observer. ok is false if
// it is wrong, and then why says what is wrong.
func (in *incoming) join(route *Route) (why string, ok bool) {
	o := in.msg.Options
	if v, observes := o.Uint(codec.OptionObserve); !observes || v != 0 || !route.resource.Observable || in.group || in.has2 && in.block2.Num > 0 || in.msg.Code != codec.GET && in.msg.Code != codec.FETCH {
		return "", true
	}
	if value, has := o.Get(codec.OptionRule); has {
		rule, err := rules.ParseBytes(value)
		if err != nil {
			return diagnosis(err), false
		}
		j := &joining{rule: rule, option: true}
		sum := sha256.Sum256(value)
		copy(j.digest[:], sum[:])
		if n, has := o.Uint(codec.OptionNotification); has && n <= math.MaxUint32 {
			j.resume = uint32(n)
		}
		in.joins = j
		return "", true
	}
	var params []string
	for v := range o.Values(codec.OptionURIQuery) {
		if conditional(v) {
			if params = append(params, string(v)); len(params) > maxQueryRule {
				return "too many parameters c.*", false
			}
		}
	}
	if params == nil {
		return "", true
	}
	rule, err := rules.FromQuery(params)
	if err != nil {
		return diagnosis(err), false
	}
	if rule != nil {
		in.joins = &joining{rule: rule}
	}
	return "", true
}

func conditional(param []byte) bool { return strings.HasPrefix(string(param), "c.") }

// diagnosis is what is wrong with a rule, as a payload for people.
func diagnosis(err error) string {
	var se *rules.SyntaxError
	var qe *rules.QueryError
	switch {
	case errors.As(err, &se):
		return "rule: " + se.Diagnostic()
	case errors.As(err, &qe):
		return qe.Diagnostic()
	}
	return err.Error()
}

// inKey reports whether an option tells the view of a request from others. With
// a rule it is not those that say what the subscriber wants, and which
// representation it has.
func (in *incoming) inKey(o *codec.Option) bool {
	switch n := o.Number; {
	case n == codec.OptionObserve, n.NoCacheKey():
		return false
	case in.joins == nil:
		return true
	case n == codec.OptionRule, n == codec.OptionNotification, n == codec.OptionETag:
		return false
	case n == codec.OptionURIQuery && !in.joins.option:
		return !conditional(o.Value)
	}
	return true
}

// subscribe makes a subscriber of who has made a request, as register does of an
// observer. It reports whether that is one now.
func (o *observing) subscribe(in *incoming, v *view, whole, m *codec.Message) {
	sh, j, now := o.sh, in.joins, o.sh.now()
	sub := o.renewed(in, v, now)
	if sub == nil && o.viewOf(v.topic) != v {
		v = o.viewFor(v.watch, in) // it ended with the last who had it, who wants something else now
	}
	if v.rules == nil {
		v.rules = newRuleSet(v)
	}
	set := v.rules
	if set.current == nil {
		set.current = &Response{Code: codec.Content, Options: whole.Options.Clone().Remove(codec.OptionObserve), Payload: append([]byte(nil), whole.Payload...)}
	}
	if sub == nil {
		if why := v.watch.route.resource.tooShort(j.rule); why != "" {
			o.refuse()
			if j.option {
				m.Code, m.Payload, m.Options = codec.BadRequest, []byte(why), nil
			}
			o.dropEmpty(v)
			return
		}
		var why string
		if sub, why = o.admitRule(in, v, now); why != "" {
			m.Code, m.Payload = codec.TooManyRequests, []byte(why)
			m.Options = codec.Options{codec.MaxAge(60)}
			o.dropEmpty(v)
			return
		}
		if sub == nil {
			return // there is no room: it is not observed
		}
	}
	overtaken := o.overtaken(in, set, whole, m)
	v.begin(o, now, whole)
	seq := v.seq
	if e := o.oldest(sub); e != nil {
		seq = e.seq - 1 // so that what is still to come is newer than this
	}
	o.opts = append(o.opts[:0], m.Options...).Remove(codec.OptionObserve)
	m.Options = o.withObserve(seq & (1<<24 - 1))
	if j.option {
		lease := v.watch.route.resource.lease(j.rule)
		sh.cancel(&sub.lease)
		sub.lease = sh.after(lease+leaseGrace, sh.endpoint, leaseOver{sub})
		m.Options = m.Options.Set(codec.MaxAge(uint32(lease/time.Second))).Add(
			codec.UintOption(codec.OptionNotification, uint64(sub.number)), codec.OpaqueOption(codec.OptionRule, j.digest[:]))
	}
	if overtaken {
		o.refresh(v)
	}
}

// overtaken sees to an answer that may be older than what was published while it
// was on its way: the last sample takes its place, unless it is still to be
// evaluated. If that cannot be, it reports that the handler is to be asked.
func (o *observing) overtaken(in *incoming, set *ruleSet, whole, m *codec.Message) bool {
	v := set.view
	switch {
	case v.site.changes.Load() == in.changes, len(set.waiting) > 0, v.watch.waits(v.site):
		return false
	case set.published && !in.has2 && m.Code == codec.Content && len(m.Payload) == len(whole.Payload) && len(set.current.Payload) <= 1024:
		m.Payload = set.current.Payload
		m.Options = set.current.Options.Clone()
		return false
	}
	return true
}

// lease returns how long a subscription lives, in whole seconds, rounded up.
func (r *Resource) lease(rule *rules.Rule) time.Duration {
	d := r.Lease
	if d == 0 {
		d = defaultLease
	}
	if pmax := rule.Controls().PMax; pmax > 0 {
		d = pmax
	}
	return min((d + time.Second - 1).Truncate(time.Second), 365*24*time.Hour)
}

// renewed returns the subscription that a request renews or moves, nil if it
// makes a new one.
func (o *observing) renewed(in *incoming, v *view, now netio.Instant) *subscription {
	text := in.joins.rule.String()
	if id, ok := o.table.Find(in.peer.ID, in.msg.Token); ok {
		ref, _ := o.table.Value(id)
		if sub := o.sub(ref); sub != nil && sub.view == v && sub.text == text {
			o.table.Renew(now, id)
			p := o.place(id)
			p.local, p.ifi = in.dst.local, in.dst.ifi
			return sub
		}
		o.remove(id) // it wants something else now
	}
	if sub := o.resumed(in, v); sub != nil {
		return o.move(sub, in, now)
	}
	return nil
}

// resumed returns the subscription whose number a request has, if the peer may
// move it.
func (o *observing) resumed(in *incoming, v *view) *subscription {
	sub := o.byNumber[in.joins.resume]
	if sub == nil || sub.view != v || sub.text != in.joins.rule.String() || !o.sh.node.same(sub.identity(o), in.peer) {
		return nil
	}
	return sub
}

// identity is who has made the subscription.
func (sub *subscription) identity(o *observing) *peerEntry { return o.place(sub.id).peer }

// same reports whether two peers are one: whether both have proved who they are,
// and are the same, wherever they are. Of plain UDP nobody knows that.
func (n *Node) same(a, b *peerEntry) bool {
	if n.identify == nil {
		return false
	}
	x, known := n.identify(a.Peer)
	y, alsoKnown := n.identify(b.Peer)
	return known && alsoKnown && x == y
}

// move gives a subscription to another token, and another address.
func (o *observing) move(sub *subscription, in *incoming, now netio.Instant) *subscription {
	con := in.route.resource.Confirmable || in.joins.rule.Controls().Con
	id, result, _ := o.table.Put(now, sub.view.topic, in.peer.ID, in.msg.Token, 0, con)
	if result == protocol.ObserverRefused {
		return nil
	}
	o.settle(id, in)
	old := sub.id
	o.table.SetValue(old, 0) // the subscription does not go with it
	o.table.SetValue(id, sub.ref)
	o.count(sub.peer, -1)
	sub.view.rules.discharge(sub.peer, in.peer.ID, sub.text)
	sub.id, sub.peer = id, in.peer.ID
	o.count(sub.peer, 1)
	sub.view.site.observers.Add(1)
	sub.view.site.subscribers.Add(1)
	// What has not arrived for certain is sent again.
	sent, settled := o.table.Progress(old)
	waiting := sub.waiting
	if e := sub.edition(sent); settled && e != nil {
		waiting = sub.after(sent)
	}
	sub.waiting = nil
	sub.newest = o.table.Version(sub.view.topic)
	sub.tally.last = sub.newest
	o.remove(old)
	for _, e := range waiting {
		o.choose(sub, e)
	}
	return sub
}

// after returns what was chosen after a version.
func (sub *subscription) after(version uint32) []*edition {
	n := min(max(int(int32(sub.newest-version)), 0), len(sub.waiting))
	return sub.waiting[len(sub.waiting)-n:]
}

// oldest returns the first notification that a subscriber has still to get, as
// far as can be known.
func (o *observing) oldest(sub *subscription) *edition {
	sent, settled := o.table.Progress(sub.id)
	if !settled {
		if e := sub.edition(sent); e != nil {
			return e
		}
	}
	if left := sub.after(sent); len(left) > 0 {
		return left[0]
	}
	return nil
}

func (o *observing) versionOf(id protocol.ObserverID) uint32 {
	v, _ := o.table.Progress(id)
	return v
}

func (o *observing) takeSub() uint64 {
	if o.byNumber == nil {
		o.byNumber, o.perPeer = map[uint32]*subscription{}, map[uint64]int{}
	}
	if n := len(o.freeSubs); n > 0 {
		ref := o.freeSubs[n-1]
		o.freeSubs = o.freeSubs[:n-1]
		return ref
	}
	o.subs = append(o.subs, nil)
	return uint64(len(o.subs))
}

// sub returns the subscription that the table has as value of an observer; nil
// if it has no rule.
func (o *observing) sub(ref uint64) *subscription {
	if ref == 0 || ref > uint64(len(o.subs)) {
		return nil
	}
	return o.subs[ref-1]
}

// count keeps the number of rules of a peer.
func (o *observing) count(peer uint64, by int) {
	if o.perPeer[peer] += by; o.perPeer[peer] == 0 {
		delete(o.perPeer, peer)
	}
}

// unsubscribe gives back what a subscription has held that is gone.
func (o *observing) unsubscribe(sub *subscription) {
	o.sh.cancel(&sub.lease)
	if sub.part.subs[sub.rule] == sub { // the view may be gone, too
		sub.view.rules.discharge(sub.peer, 0, sub.text)
		sub.view.rules.leave(sub.part, sub.rule)
	}
	delete(o.byNumber, sub.number)
	o.count(sub.peer, -1)
	o.subs[sub.ref-1] = nil
	o.freeSubs = append(o.freeSubs, sub.ref)
	sub.waiting = nil
}

// onLeaseOver ends a subscription that nobody has renewed.
func (o *observing) onLeaseOver(sub *subscription) {
	sub.lease = 0
	if o.sub(sub.ref) == sub {
		o.expired++
		o.remove(sub.id)
	}
}
