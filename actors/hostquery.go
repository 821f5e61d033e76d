package actors

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// errNobody: nobody has answered to a name.
var errNobody = errors.New("nobody on the network has this name")

// ConflictError: nodes that have nothing to do with each other answer to one name.
type ConflictError struct {
	Name string
	// Instances are the instance IDs of two of them, and Addrs their addresses, if
	// they are known.
	Instances [2]protocol.InstanceID
	Addrs     [2]netip.AddrPort
}

// Error implements error.
func (e *ConflictError) Error() string {
	if !e.Addrs[0].IsValid() {
		return fmt.Sprintf("actors: two nodes have the name %q: %v and %v, that at %v; give one of them another name, or use an address",
			e.Name, e.Instances[0], e.Instances[1], e.Addrs[1])
	}
	return fmt.Sprintf("actors: two nodes have the name %q: %v at %v and %v at %v; give one of them another name, or use an address",
		e.Name, e.Instances[0], e.Addrs[0], e.Instances[1], e.Addrs[1])
}

// hostAnswer is an answer to a question for a name.
type hostAnswer struct {
	from  netip.AddrPort
	id    protocol.InstanceID
	age   time.Duration // 0 = the node is asking for the name itself
	round int           // which question
}

// hostCall asks All CoAP Nodes for a name, in rounds: it is the hook of its groupCall.
type hostCall struct {
	node *Node
	name string
	// next is called when the first round may be sent, and when its time comes: it
	// says whether to ask (again), and when to call it next; 0 ends the call.
	next func(now netio.Instant) (ask bool, at netio.Instant)
	// window, which next may set, is the time over which an answer to the next
	// question may be spread; 0 = it is to be given at once.
	window time.Duration
	// heard is told of every answer, and returns when next is to be called
	// instead; 0 = as it was.
	heard func(now netio.Instant, a hostAnswer) netio.Instant
	// over is told the end; nil = next has wanted it.
	over func(error)
}

func (h *hostCall) step(g *groupCall) {
	ask, at := h.next(g.now())
	if ask {
		if err := h.send(g); err != nil {
			g.end(err)
			return
		}
	}
	if at == 0 {
		g.end(nil)
		return
	}
	g.wake(at)
}

// send asks once. Plain servers look for a resource with the name as "ep", and have
// none.
func (h *hostCall) send(g *groupCall) error {
	places, err := h.node.allNodesPlaces()
	if err != nil {
		return err
	}
	m := codec.Message{Code: codec.GET, Options: coreOptions(
		codec.StringOption(codec.OptionURIQuery, "ep="+h.name), quietPlain(),
		codec.StringOption(codec.OptionDiscovery, h.name),
	)}
	if h.window > 0 {
		r := protocol.Round{Window: h.window}
		binary.BigEndian.PutUint32(r.Salt[:], h.node.shard.rand.Uint32())
		b, err := r.Append(nil)
		if err != nil {
			return err
		}
		m.Options = append(m.Options, codec.OpaqueOption(codec.OptionDiscoveryRound, b))
	}
	_, err = g.send(&m, places...)
	return err
}

// begun implements groupHook.
func (h *hostCall) begun(g *groupCall) { h.step(g) }

// due implements groupHook.
func (h *hostCall) due(g *groupCall) { h.step(g) }

// unsent implements groupHook. The next round may have more luck, and others are sent
// on other interfaces.
func (h *hostCall) unsent(*groupCall, int, netio.Peer, error) {}

// ended implements groupHook.
func (h *hostCall) ended(_ *groupCall, err error) { h.over(err) }

// answered implements groupHook.
func (h *hostCall) answered(g *groupCall, a *groupAnswer) {
	m := a.message
	value, ok := m.Options.Get(codec.OptionDiscovery)
	if m.Code != codec.Content || !ok {
		return // a plain server, perhaps
	}
	name, err := protocol.CanonicalName(string(value))
	if err != nil || name != h.name {
		return
	}
	value, _ = m.Options.Get(codec.OptionDiscoveryRound)
	id, err := protocol.ParseInstanceID(value)
	if err != nil {
		return
	}
	if at := h.heard(g.now(), hostAnswer{a.from.peer.Addr, id, protocol.MaxAge(m.Options), a.round}); at != 0 {
		g.wake(at)
	}
}

// hostPauses are the times from one question for a name to the next, and from the
// last to the end, where nothing is known of the network.
var hostPauses = [...]time.Duration{250 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second}

// Grace: after the first answer to a name, others are awaited for as long as that has
// taken, from the node's other addresses or from another node of that name.
const (
	minGrace = 10 * time.Millisecond
	maxGrace = 250 * time.Millisecond
)

// findHost asks the network for a name. errNobody: nobody has answered.
func (n *Node) findHost(ctx context.Context, name string) (hostFound, error) {
	var answers []hostAnswer
	var err error
	var begun netio.Instant
	s := n.env.Runner.NewSignal()
	rounds := 0
	var asked [len(hostPauses)]struct {
		at     netio.Instant
		window time.Duration
	}
	medium := n.medium()
	h := &hostCall{node: n, name: name}
	h.next = func(now netio.Instant) (bool, netio.Instant) {
		if begun == 0 {
			begun = now
		}
		if len(answers) > 0 || rounds == len(hostPauses) {
			return false, 0
		}
		window, pause := medium.HostTry(rounds, hostPauses[rounds])
		h.window = window
		asked[rounds].at, asked[rounds].window = now, window
		rounds++
		return true, now.Add(pause)
	}
	h.heard = func(now netio.Instant, a hostAnswer) netio.Instant {
		if len(answers) >= protocol.DefaultNameAddrs || slices.ContainsFunc(answers, func(b hostAnswer) bool { return a.from == b.from && a.id == b.id }) {
			return 0
		}
		if answers = append(answers, a); len(answers) > 1 {
			return 0
		}
		q := asked[a.round]
		n.learn(func(m protocol.Medium) protocol.Medium {
			return m.HeardHost(now.Sub(q.at), q.window, asked[0].window, rounds-1)
		})
		return now.Add(min(max(now.Sub(begun), minGrace), maxGrace))
	}
	h.over = func(e error) {
		err = e
		s.Set()
	}
	g, gerr := n.callGroup(h)
	if gerr != nil {
		return hostFound{}, gerr
	}
	if werr := s.Wait(ctx); werr != nil {
		g.cancel(werr)
		_ = s.Wait(context.Background())
	}
	if err != nil {
		return hostFound{}, err
	}
	return chooseHost(name, answers)
}

// chooseHost makes of all answers to a name what is known of it.
func chooseHost(name string, answers []hostAnswer) (hostFound, error) {
	// Who only asks for a name itself stands back.
	if slices.ContainsFunc(answers, func(a hostAnswer) bool { return a.age > 0 }) {
		answers = slices.DeleteFunc(slices.Clone(answers), func(a hostAnswer) bool { return a.age <= 0 })
	} else {
		// Of those the lower instance ID will have it.
		slices.SortStableFunc(answers, func(a, b hostAnswer) int { return bytes.Compare(a.id[:], b.id[:]) })
		if len(answers) > 0 {
			lowest := answers[0].id
			answers = slices.DeleteFunc(answers, func(a hostAnswer) bool { return a.id != lowest })
		}
	}
	if len(answers) == 0 {
		return hostFound{}, errNobody
	}
	first := answers[0]
	f := hostFound{instance: first.id, age: first.age}
	for _, a := range answers {
		if a.id != first.id {
			return hostFound{}, &ConflictError{Name: name, Instances: [2]protocol.InstanceID{first.id, a.id}, Addrs: [2]netip.AddrPort{first.from, a.from}}
		}
		f.addrs = append(f.addrs, a.from)
		f.age = min(f.age, a.age)
	}
	preferWide(f.addrs)
	return f, nil
}

// preferWide puts addresses that are valid on one link only behind the others; it
// keeps the order of answers otherwise, the quickest first.
func preferWide(addrs []netip.AddrPort) {
	slices.SortStableFunc(addrs, func(a, b netip.AddrPort) int {
		switch l, m := a.Addr().IsLinkLocalUnicast(), b.Addr().IsLinkLocalUnicast(); {
		case l == m:
			return 0
		case l:
			return 1
		}
		return -1
	})
}
