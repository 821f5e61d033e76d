package actors

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// groupCall is a request to a group (RFC 7252 §8), in one or in several rounds:
// each has a message ID and a token of its own, and whatever options and payload
// it likes. Answers to any round are taken until the call ends, from whoever
// sends them.
//
// It knows nothing of what is asked and why, and has no memory of who has
// answered: that is for its groupHook, a machine. All of it but cancel is for
// the goroutine of the node's first shard, on which the hook is called.
type groupCall struct {
	node     *Node
	hook     groupHook
	tokens   []codec.Token // of the rounds
	timer    protocol.Handle
	ended    bool
	canceled atomic.Bool
}

// groupHook is told what happens in a groupCall, always in a turn of the node's
// first shard: first begun (unless the node is stopping), and last ended, each
// once. It may use the call in all of them.
type groupHook interface {
	// begun: the first round may be sent.
	begun(g *groupCall)
	// answered: a response has come. Copies of one are not told apart.
	answered(g *groupCall, a *groupAnswer)
	// unsent: a round could not be sent to one of those that it was for.
	unsent(g *groupCall, round int, dst netio.Peer, err error)
	// due: the moment that wake was told has come.
	due(g *groupCall)
	// ended: nothing more will come. err is nil where end was told so.
	ended(g *groupCall, err error)
}

// groupAnswer is a response to a groupCall. It is valid while the hook is told of
// it; what is to be kept must be copied.
type groupAnswer struct {
	round   int           // 0 is the first
	at      netio.Instant // when it was taken in
	from    to            // who answers, and where it came in
	message *codec.Message
}

const (
	// maxGroupCalls and maxGroupRounds bound the calls of a node at one time, and
	// the rounds of each.
	maxGroupCalls  = 256
	maxGroupRounds = 1024
)

// groups are the calls of a node to groups.
type groups struct {
	ids protocol.GroupIDs // the first shard's

	mu      sync.RWMutex
	calls   []*groupCall               // in the order in which they began
	byToken map[codec.Token]groupRound // never ranged over
	medium  protocol.Medium            // what discoveries have learned of the network
}

// medium returns what discoveries have learned of the network.
func (n *Node) medium() (m protocol.Medium) {
	if r := n.groups.Load(); r != nil {
		r.mu.RLock()
		m = r.medium
		r.mu.RUnlock()
	}
	return m
}

// learn changes what is known of the network; the node has called a group.
func (n *Node) learn(change func(protocol.Medium) protocol.Medium) {
	r := n.groups.Load()
	r.mu.Lock()
	r.medium = change(r.medium)
	r.mu.Unlock()
}

// groupRound is what a token stands for.
type groupRound struct {
	call  *groupCall
	round int
}

// Messages about a call to a group.
type (
	groupBegins struct{ g *groupCall }
	groupDue    struct{ g *groupCall }
	groupEnds   struct {
		g   *groupCall
		err error
	}
	// groupHeard: another shard has taken in a response; the message refers to
	// data.
	groupHeard struct {
		g    *groupCall
		a    groupAnswer
		data []byte
	}
	groupUnsent struct {
		groupRound
		dst netio.Peer
		err error
	}
)

// callGroup begins a call, which hook is told soon; it may be called by any
// goroutine. After an error the hook is told nothing.
func (n *Node) callGroup(hook groupHook) (*groupCall, error) {
	n.rouse()
	if n.shard.endpoint == nil { // from Config.Setup
		return nil, errNotStarted
	}
	g := &groupCall{node: n, hook: hook}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return nil, ErrStopped
	}
	r := n.groupsTable()
	if !r.add(g) {
		return nil, fmt.Errorf("%w: %d to groups", ErrBusy, maxGroupCalls)
	}
	n.shard.post(n.shard.endpoint, groupBegins{g})
	return g, nil
}

// groupsTable returns the calls to groups, and makes room for them; n.mu is held.
func (n *Node) groupsTable() *groups {
	r := n.groups.Load()
	if r == nil {
		r = &groups{byToken: map[codec.Token]groupRound{}}
		r.ids.Init(uint16(n.env.Rand(n.id, "group IDs").Uint32()))
		n.groups.Store(r)
	}
	return r
}

// groupMID returns a message ID for a message to groups that nobody answers; the first
// shard's goroutine only. ok is false if all are in use.
func (n *Node) groupMID() (id uint16, ok bool) {
	n.mu.Lock()
	r := n.groupsTable()
	n.mu.Unlock()
	id, _, ok = r.ids.Next(n.shard.now(), n.nonLifetime)
	return id, ok
}

func (r *groups) add(g *groupCall) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) >= maxGroupCalls {
		return false
	}
	r.calls = append(r.calls, g)
	return true
}

// roundOf finds what a token stands for. Most nodes call no group, and pay a
// plain read.
func (n *Node) roundOf(t codec.Token) (round groupRound, ok bool) {
	r := n.groups.Load()
	if r == nil {
		return groupRound{}, false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	round, ok = r.byToken[t]
	return round, ok
}

// groupCalls returns the calls that have not ended.
func (n *Node) groupCalls() []*groupCall {
	r := n.groups.Load()
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.calls)
}

// cancel ends the call soon; any goroutine may.
func (g *groupCall) cancel(err error) {
	if g.canceled.CompareAndSwap(false, true) {
		sh := g.node.shard
		sh.post(sh.endpoint, groupEnds{g, err})
	}
}

// now is the present.
func (g *groupCall) now() netio.Instant { return g.node.shard.now() }

// send sends a round: m in a NON message, with a new message ID and token, to
// each of dsts, which are groups and perhaps single nodes. It returns its number.
func (g *groupCall) send(m *codec.Message, dsts ...to) (round int, err error) {
	sh, r := g.node.shard, g.node.groups.Load()
	if g.ended {
		return 0, ErrCanceled
	}
	if len(g.tokens) >= maxGroupRounds {
		return 0, fmt.Errorf("%w: a call to a group has at most %d rounds", ErrBusy, maxGroupRounds)
	}
	id, free, ok := r.ids.Next(sh.now(), sh.node.nonLifetime)
	if !ok {
		return 0, fmt.Errorf("%w for messages to groups for another %v", ErrMessageIDs, free.Sub(sh.now()))
	}
	m.Type, m.MessageID = codec.NON, id
	if m.Token, err = r.name(g, sh); err != nil {
		return 0, err
	}
	round = len(g.tokens) - 1
	for _, dst := range dsts {
		if _, err := sh.send(m, dst, ""); err != nil {
			return round, err
		}
	}
	return round, nil
}

// name gives a round a token that cannot be guessed.
func (r *groups) name(g *groupCall, sh *shard) (codec.Token, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		t := codec.TokenFromUint64(sh.rand.Uint64())
		if _, used := r.byToken[t]; !used {
			r.byToken[t] = groupRound{g, len(g.tokens)}
			g.tokens = append(g.tokens, t)
			return t, nil
		}
	}
}

// wake has the hook told at a moment, instead of the one before; 0 is never.
func (g *groupCall) wake(at netio.Instant) {
	sh := g.node.shard
	sh.cancel(&g.timer)
	if at != 0 && !g.ended {
		g.timer = sh.timers.Add(at, timer{box: sh.endpoint, msg: groupDue{g}})
	}
}

// end ends the call. Answers that still come are rejected, and counted as
// unmatched.
func (g *groupCall) end(err error) {
	if g.ended {
		return
	}
	g.wake(0)
	g.ended = true
	r := g.node.groups.Load()
	r.mu.Lock()
	for _, t := range g.tokens {
		delete(r.byToken, t)
	}
	if i := slices.Index(r.calls, g); i >= 0 {
		r.calls = slices.Delete(r.calls, i, i+1)
	}
	r.mu.Unlock()
	g.tell(func() { g.hook.ended(g, err) })
}

// tell calls the hook. Should it panic, the call ends and the node goes on.
func (g *groupCall) tell(f func()) {
	defer func() {
		if reason := recover(); reason != nil {
			g.node.shard.stats.rare().panics.Add(1)
			g.node.log.Error("actors: a call to a group panicked and ends", "panic", reason)
			g.end(fmt.Errorf("internal error: %v", reason))
		}
	}()
	f()
}

// onGroup handles the messages about calls to groups, at the first shard.
func (sh *shard) onGroup(msg any) {
	switch m := msg.(type) {
	case groupBegins:
		if sh.stopping {
			m.g.end(ErrStopped)
		}
		m.g.tellUnlessEnded(func() { m.g.hook.begun(m.g) })
	case groupDue:
		m.g.tellUnlessEnded(func() {
			m.g.timer = 0
			m.g.hook.due(m.g)
		})
	case groupEnds:
		m.g.end(m.err)
	case groupHeard:
		m.g.hear(sh, &m.a)
	case groupUnsent:
		m.call.tellUnlessEnded(func() { m.call.hook.unsent(m.call, m.round, m.dst, m.err) })
	}
}

func (g *groupCall) tellUnlessEnded(f func()) {
	if !g.ended {
		g.tell(f)
	}
}

// onGroupResponse takes in a response to a round, at the shard of who sent it. A
// CON one is acknowledged as often as it comes.
func (sh *shard) onGroupResponse(now netio.Instant, r groupRound, in *incoming) {
	if in.msg.Type == codec.CON {
		sh.sendEmpty(codec.ACK, in.msg.MessageID, in.dst)
	}
	a := groupAnswer{round: r.round, at: now, from: in.dst, message: &in.msg}
	home := sh.node.shard
	if sh == home {
		r.call.hear(sh, &a)
		return
	}
	m := groupHeard{g: r.call, a: a, data: bytes.Clone(in.data)}
	m.a.message = &codec.Message{}
	_ = m.a.message.Parse(m.data) // it has been parsed before
	home.post(home.endpoint, m)
}

func (g *groupCall) hear(sh *shard, a *groupAnswer) {
	if g.ended { // meanwhile
		sh.stats.rare().unmatched.Add(1)
		return
	}
	sh.stats.responses.Add(1)
	g.tell(func() { g.hook.answered(g, a) })
}

// groupUndelivered handles the news that a message to a group could not be sent.
func (sh *shard) groupUndelivered(dst netio.Peer, m *codec.Message, err error) {
	if r, ok := sh.node.roundOf(m.Token); ok {
		home := sh.node.shard
		home.post(home.endpoint, groupUnsent{r, dst, err})
	}
}

// endGroupCalls ends the calls to groups of a node that stops; the first shard's
// goroutine only.
func (n *Node) endGroupCalls() {
	for _, g := range n.groupCalls() {
		g.end(ErrStopped)
	}
}

// errGroup: a request to a group may have many answers, and must not be
// confirmable: nobody is to be acknowledged by all at once.
var errGroup = errors.New("a request to a group must be non-confirmable, and may have many answers (RFC 7252 §8.1): use Node.Gather")
