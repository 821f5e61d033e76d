package actors

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// discovery is the hook of a discovery's groupCall: it sends what the asker, a
// machine, wants to be sent, and tells it what is answered. All of it is for the
// goroutine of the node's first shard.
type discovery struct {
	node  *Node
	user  discoveryUser
	query Query
	wire  []byte // option 300
	reads protocol.DiscoveryRequest
	asker *protocol.Asker
	call  *groupCall
	begin netio.Instant
	next  netio.Instant // step is called then; 0 = never
	until netio.Instant // nothing is waited for after that; 0 = there is no bound
	plain netio.Instant // plain servers may answer until then
	rests int           // answers that are being completed
	over  bool          // the asker is done
}

// search begins a discovery.
func (n *Node) search(q Query, user discoveryUser) (*Search, error) {
	w, reads, err := q.parse()
	if err != nil {
		return nil, err
	}
	d := &discovery{node: n, user: user, query: q, reads: reads}
	if d.wire, err = w.Append(nil); err != nil {
		return nil, err
	}
	rnd := n.env.Rand(n.id, "discovery")
	d.asker = protocol.NewAsker(protocol.AskerConfig{Query: w, Expect: q.Expect, MaxFilter: n.filterRoom(), Medium: n.medium(), Seed: rnd.Uint64()})
	d.asker.Know(n.presence().id) // oneself
	for _, id := range q.Known {
		d.asker.Know(id)
	}
	g, err := n.callGroup(d)
	if err != nil {
		return nil, fmt.Errorf("actors: discovery: %w", err)
	}
	return &Search{call: g}, nil
}

// filterRoom is how many bytes of filter fit into a datagram of the transport beside
// the rest of the request.
func (n *Node) filterRoom() int {
	const rest = 4 + 8 + 20 + 8 + 3 + 3 + 12 // header, token, path, ep, options, the round
	t := n.transport.Load()
	if t == nil {
		return 0
	}
	return min(max((*t).MTU()-rest-protocol.MaxQuery, 64), protocol.MaxRoundFilter)
}

// begun implements groupHook.
func (d *discovery) begun(g *groupCall) {
	d.call, d.begin = g, g.now()
	if d.query.Wait > 0 {
		d.until = d.begin.Add(d.query.Wait)
	}
	if d.query.Name == "" && !d.query.CoAP2 {
		d.plain = d.begin.Add(d.node.params.DefaultLeisure + plainGrace)
	}
	d.step()
}

// plainGrace is for the way to a plain server and back, and for its thinking.
const plainGrace = 500 * time.Millisecond

// due implements groupHook.
func (d *discovery) due(*groupCall) { d.step() }

// step does what the asker wants, and sees to it that it is asked again.
func (d *discovery) step() {
	now := d.call.now()
	d.next = 0
	if d.until != 0 && now >= d.until {
		d.call.end(nil)
		return
	}
	for !d.over {
		ask := d.asker.Tick(now, d.node.shard.rand.Uint64())
		if ask.Done {
			d.over = true
			break
		}
		if !ask.Send {
			d.wake(ask.Next)
			return
		}
		if err := d.send(&ask); err != nil {
			d.call.end(err)
			return
		}
	}
	if d.rests > 0 {
		d.wake(0)
		return
	}
	if now >= d.plain {
		d.call.end(nil)
		return
	}
	d.wake(d.plain)
}

// wake has step called at a moment, 0 = never, or when there is no more time.
func (d *discovery) wake(at netio.Instant) {
	if d.until != 0 && (at == 0 || at > d.until) {
		at = d.until
	}
	if at != d.next {
		d.next = at
		d.call.wake(at)
	}
}

// send sends a request. Plain servers are asked once: what they are asked besides
// finds nothing with them (a host is asked for as the resource of an end point, which
// none of them has).
func (d *discovery) send(ask *protocol.Ask) error {
	places, err := d.node.allNodesPlaces()
	if err != nil {
		return err
	}
	o := coreOptions()
	for _, f := range d.query.Filters {
		o = append(o, codec.StringOption(codec.OptionURIQuery, f))
	}
	switch paths := d.reads.Query.Paths; {
	case d.query.Name != "":
		o = append(o, codec.StringOption(codec.OptionURIQuery, "ep="+d.reads.Query.Name), quietPlain())
	case !ask.First || d.query.CoAP2:
		o = append(o, codec.StringOption(codec.OptionURIQuery, "ep=*"), quietPlain())
	case len(paths) == 1 && len(d.query.Filters) == 0:
		o = append(o, codec.StringOption(codec.OptionURIQuery, "href="+paths[0])) // as RFC 6690 has it
	}
	o = append(o, codec.OpaqueOption(codec.OptionDiscovery, d.wire))
	if !ask.Bare {
		b, err := ask.Round.Append(nil)
		if err != nil {
			return err
		}
		o = append(o, codec.OpaqueOption(codec.OptionDiscoveryRound, b))
	}
	round, err := d.call.send(&codec.Message{Code: codec.GET, Options: o}, places...)
	if err == nil && round != ask.Number {
		err = fmt.Errorf("round %d is taken for %d", round, ask.Number)
	}
	return err
}

// answered implements groupHook.
func (d *discovery) answered(g *groupCall, a *groupAnswer) {
	m := a.message
	if m.Code != codec.Content {
		return
	}
	at := foundAt{a.round, a.at, a.from.peer.Addr}
	res := &Response{Code: m.Code, Options: m.Options, Payload: m.Payload}
	switch {
	case !d.user.room():
		d.node.shard.stats.gather().dropped.Add(1) // it is asked for again
	case !res.incomplete():
		d.found(at, m.Options, m.Payload)
	case d.rests >= maxRests || d.asker.Knows(d.instance(m.Options)):
	default:
		d.complete(at, res, a.from.peer)
	}
	d.arm()
}

// arm asks the asker anew when it wants to be asked.
func (d *discovery) arm() {
	if !d.over && !d.call.ended {
		d.wake(d.asker.Deadline())
	}
}

// complete fetches the rest of an answer that is longer than a block.
func (d *discovery) complete(at foundAt, first *Response, peer netio.Peer) {
	d.rests++
	first.Options, first.Payload, first.Peer = first.Options.Clone(), slices.Clone(first.Payload), peer
	req := Request{URI: "coap://" + at.from.String() + corePath, Timeout: restTimeout}
	for _, f := range d.query.Filters {
		req.Options = req.Options.Add(codec.StringOption(codec.OptionURIQuery, f))
	}
	if d.instance(first.Options) != (protocol.InstanceID{}) {
		req.Options = req.Options.Add(codec.OpaqueOption(codec.OptionDiscovery, d.wire))
	}
	d.node.goRest(req, first, func(res *Response, err error) {
		// It may be the goroutine of another shard.
		d.node.soon(func() {
			d.rests--
			if d.call.ended {
				return
			}
			if err == nil {
				d.found(at, first.Options, res.Payload)
			}
			if d.over {
				d.step()
			}
		})
	})
}

const restTimeout = 10 * time.Second

// instance returns the instance ID of an answer; zero of one without.
func (d *discovery) instance(o codec.Options) protocol.InstanceID {
	value, _ := o.Get(codec.OptionDiscoveryRound)
	id, _ := protocol.ParseInstanceID(value)
	return id
}

// found tells of an answer that is whole.
func (d *discovery) found(at foundAt, o codec.Options, payload []byte) {
	f := Found{Addrs: []netip.AddrPort{at.from}, Delay: at.at.Sub(d.begin)}
	value, knows := o.Get(codec.OptionDiscovery)
	f.Instance = d.instance(o)
	if knows && f.Instance != (protocol.InstanceID{}) {
		if len(value) > 0 {
			name, err := protocol.CanonicalName(string(value))
			if err != nil {
				return // whoever has such a name cannot be told of
			}
			f.Name = name
		}
		f.MaxAge = protocol.MaxAge(o)
	} else {
		f.Plain, f.Name, f.Instance = true, at.from.String(), protocol.InstanceID{}
	}
	if f.Plain && (d.query.Name != "" || d.query.CoAP2) || d.query.Name != "" && f.Name != d.reads.Query.Name {
		return
	}
	links, err := codec.ParseLinks(payload)
	if err != nil && len(links) == 0 {
		return
	}
	if d.query.Name == "" {
		// Of a plain server what it says is more than what was asked for.
		var ok bool
		if f.Links, ok = d.reads.Select(links); !ok || f.Plain && len(links) == 0 {
			return
		}
	}
	var heard protocol.Discovered
	var other protocol.InstanceID
	if f.Plain {
		heard = d.asker.AnswerPlain(at.from)
	} else {
		heard, other = d.asker.Answer(at.at, at.round, f.Instance, f.Name, at.from)
	}
	switch heard {
	case protocol.DiscoveredAgain, protocol.DiscoveredTooMany:
		return
	case protocol.DiscoveredAddress:
		f.Again = true
	}
	d.user.tell(f, nil, false)
	if heard == protocol.DiscoveredConflict {
		d.user.tell(Found{}, &ConflictError{Name: f.Name, Instances: [2]protocol.InstanceID{other, f.Instance}, Addrs: [2]netip.AddrPort{{}, at.from}}, false)
	}
}

// unsent implements groupHook: other interfaces, and other rounds, may do better.
func (d *discovery) unsent(*groupCall, int, netio.Peer, error) {}

// ended implements groupHook.
func (d *discovery) ended(_ *groupCall, err error) {
	d.node.learn(func(m protocol.Medium) protocol.Medium {
		l := d.asker.Learned(m)
		if len(d.query.Filters) > 0 { // they were not everyone
			l.Nodes, l.Rate = m.Nodes, m.Rate
		}
		return l
	})
	if err != nil {
		err = fmt.Errorf("actors: discovery: %w", err)
	}
	d.user.tell(Found{}, err, true)
}
