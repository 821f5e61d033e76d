package actors

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// asker is a hook that asks in so many rounds, a second apart, and writes down
// what it is told.
type asker struct {
	rounds int
	said   []string
	panics string
}

var allNodes = netip.MustParseAddrPort("224.0.1.187:5683")

func (a *asker) say(format string, args ...any) {
	a.said = append(a.said, fmt.Sprintf(format, args...))
	if a.panics != "" && a.said[len(a.said)-1] == a.panics {
		panic(a.panics)
	}
}

func (a *asker) ask(g *groupCall) {
	m := codec.Message{Code: codec.GET, Options: codec.Options{codec.URIQuery(fmt.Sprint("round=", len(g.tokens)))}}
	round, err := g.send(&m, to{peer: netio.Peer{Addr: allNodes}})
	a.say("sent %d %v", round, err)
	g.wake(g.now().Add(time.Second))
}

func (a *asker) begun(g *groupCall) { a.say("begun"); a.ask(g) }
func (a *asker) answered(_ *groupCall, x *groupAnswer) {
	a.say("%d: %d says %s", x.round, x.from.peer.Addr.Addr().As4()[3], x.message.Payload)
}
func (a *asker) unsent(_ *groupCall, round int, dst netio.Peer, err error) {
	a.say("unsent %d to %v: %v", round, dst, err)
}
func (a *asker) due(g *groupCall) {
	if len(g.tokens) == a.rounds {
		g.end(nil)
		return
	}
	a.ask(g)
}
func (a *asker) ended(_ *groupCall, err error) { a.say("ended: %v", err) }

// heard returns what was said since the last time.
func (a *asker) heard() []string {
	said := a.said
	a.said = nil
	return said
}

// answer makes a response of a stranger.
func (s *strangers) answer(i int, t codec.Type, mid uint16, token codec.Token) netio.Datagram {
	m := codec.Message{Type: t, Code: codec.Content, MessageID: mid, Token: token, Payload: fmt.Append(nil, "#", mid)}
	data, err := m.Append(nil)
	require.NoError(s.t, err)
	return netio.Datagram{Data: data, Peer: netio.Peer{Addr: stranger(i)}, Local: s.end.addr}
}

// A call to a group with several rounds: each has a message ID and token of its
// own, answers to all are taken to the end, and rejected afterwards.
func TestGroupCall(t *testing.T) {
	for _, shards := range []int{1, 3} {
		s := newStrangers(t, Config{Shards: shards})
		a := &asker{rounds: 3}
		_, err := s.n.callGroup(a)
		require.NoError(t, err)
		s.carry()
		require.Equal(t, []string{"begun", "sent 0 <nil>"}, a.heard())
		s.pass(time.Second, time.Second)
		require.Equal(t, []string{"sent 1 <nil>"}, a.heard())
		rounds := s.raw
		require.Len(t, rounds, 2)
		for i, m := range rounds {
			require.Equal(t, codec.NON, m.Type)
			require.GreaterOrEqual(t, m.MessageID, uint16(protocol.FirstGroupID))
			require.Equal(t, 8, m.Token.Len())
			q, _ := m.Options.Get(codec.OptionURIQuery)
			require.Equal(t, fmt.Sprint("round=", i), string(q))
		}
		require.NotEqual(t, rounds[0].MessageID, rounds[1].MessageID)
		require.NotEqual(t, rounds[0].Token, rounds[1].Token)

		require.Empty(t, s.send(s.answer(1, codec.NON, 1, rounds[0].Token)))
		require.Empty(t, s.send(s.answer(2, codec.NON, 2, rounds[1].Token)))
		require.Equal(t, []string{"3 ACK 0.00"}, s.send(s.answer(3, codec.CON, 3, rounds[0].Token)))
		require.Equal(t, []string{"3 ACK 0.00"}, s.send(s.answer(3, codec.CON, 3, rounds[0].Token)), "its copy")
		require.Equal(t, []string{"0: 1 says #1", "1: 2 says #2", "0: 3 says #3", "0: 3 says #3"}, a.heard())
		require.Equal(t, []string{"4 RST 0.00"}, s.send(s.answer(4, codec.CON, 4, codec.TokenFromUint64(9))), "not of this call")
		require.Empty(t, s.send(s.answer(5, codec.ACK, 5, rounds[0].Token)), "nobody acknowledges what was sent to a group")

		s.pass(2*time.Second, time.Second)
		require.Equal(t, []string{"sent 2 <nil>", "ended: <nil>"}, a.heard())
		require.Equal(t, []string{"6 RST 0.00"}, s.send(s.answer(6, codec.CON, 6, rounds[1].Token)))
		st := s.n.Stats()
		require.EqualValues(t, 4, st.Responses)
		require.EqualValues(t, 3, st.Dropped["unmatched"])
		require.Empty(t, s.n.groups.Load().byToken)
		require.Empty(t, s.n.groupCalls())
	}
}

// What ends a call: itself, its owner, the node, a panic. It is told once.
func TestGroupCallEnds(t *testing.T) {
	s := newStrangers(t, Config{})
	gone := errors.New("enough")
	a := &asker{rounds: 9}
	g, err := s.n.callGroup(a)
	require.NoError(t, err)
	g.cancel(gone)
	g.cancel(gone)
	s.carry()
	require.Equal(t, []string{"begun", "sent 0 <nil>", "ended: enough"}, a.heard())
	_, err = g.send(&codec.Message{Code: codec.GET})
	require.ErrorIs(t, err, ErrCanceled)
	g.wake(1)
	require.Zero(t, g.timer)

	a = &asker{rounds: 9, panics: "begun"}
	_, err = s.n.callGroup(a)
	require.NoError(t, err)
	s.carry()
	require.Equal(t, []string{"begun", "ended: internal error: begun"}, a.heard())
	require.EqualValues(t, 1, s.n.Stats().Panics)

	// The network says that a group cannot be reached.
	a = &asker{rounds: 9}
	_, err = s.n.callGroup(a)
	require.NoError(t, err)
	s.carry()
	sent, err := s.raw[len(s.raw)-1].Append(nil)
	require.NoError(t, err)
	s.end.recv.Datagrams([]netio.Datagram{{Data: sent, Peer: netio.Peer{Addr: allNodes}, Err: errors.New("no route")}})
	s.carry()
	require.Equal(t, []string{"begun", "sent 0 <nil>", "unsent 0 to 224.0.1.187:5683: unreachable: no route"}, a.heard())

	var calls []*asker
	for range maxGroupCalls - 1 {
		calls = append(calls, &asker{rounds: 1e6})
		_, err = s.n.callGroup(calls[len(calls)-1])
		require.NoError(t, err)
	}
	_, err = s.n.callGroup(&asker{})
	require.ErrorIs(t, err, ErrBusy)
	s.carry()
	stopped := make(chan error, 1)
	go func() {
		stopped <- s.n.Stop(context.Background())
		s.kick()
	}()
	s.until(func() bool { return len(stopped) > 0 })
	require.NoError(t, <-stopped)
	for _, a := range calls {
		require.Equal(t, "ended: node is stopped", a.said[len(a.said)-1])
	}
	_, err = s.n.callGroup(&asker{})
	require.ErrorIs(t, err, ErrStopped)
}

// The message IDs for groups are used up, and free again after NON_LIFETIME.
func TestGroupCallMessageIDs(t *testing.T) {
	s := newStrangers(t, Config{})
	sent := 0
	var err error
	for err == nil {
		g, e := s.n.callGroup(&asker{rounds: 1e6})
		require.NoError(t, e)
		s.carry()
		s.n.shard.loop.Schedule(func() {
			for err == nil && len(g.tokens) < maxGroupRounds {
				_, err = g.send(&codec.Message{Code: codec.GET}, to{peer: netio.Peer{Addr: allNodes}})
				sent++
			}
			g.end(nil)
		})
		s.carry()
	}
	require.ErrorIs(t, err, ErrMessageIDs)
	require.Greater(t, sent, 3840)
	ids := map[uint16]bool{}
	for _, m := range s.raw {
		require.False(t, ids[m.MessageID])
		ids[m.MessageID] = true
	}
	s.pass(s.n.nonLifetime, 10*time.Second)
	a := &asker{rounds: 1}
	_, err = s.n.callGroup(a)
	require.NoError(t, err)
	s.carry()
	require.Equal(t, []string{"begun", "sent 0 <nil>"}, a.heard())
}

// Answers that nobody takes are bounded, and those that are completed are
// completed a few at a time.
func TestGatherIsBounded(t *testing.T) {
	s := newStrangers(t, Config{})
	q := &gathering{node: s.n, req: Request{Method: codec.GET, URI: "coap://224.0.1.187/x", Timeout: time.Minute}}
	require.NoError(t, q.begin(t.Context()))
	s.carry()
	token := s.raw[0].Token
	from := func(port int, opts ...codec.Option) netio.Datagram {
		m := codec.Message{Type: codec.NON, Code: codec.Content, MessageID: uint16(port), Token: token, Options: opts, Payload: make([]byte, 16)}
		data, err := m.Append(nil)
		require.NoError(t, err)
		return netio.Datagram{Data: data, Peer: netio.Peer{Addr: netip.AddrPortFrom(stranger(1).Addr(), uint16(port))}, Local: s.end.addr}
	}
	first := codec.Block2(codec.Block{More: true})
	for i := range 100 {
		s.send(from(1000+i, first))
		if i < maxRests {
			require.Len(t, s.raw, 1, "the next block is asked for")
		} else {
			require.Empty(t, s.raw)
		}
		require.Empty(t, s.send(from(1000+i, first)), "again")
	}
	for i := range 2 * maxGathered {
		s.send(from(2000 + i))
	}
	c := s.n.Stats().Gather
	require.Equal(t, GatherStats{Answers: maxGathered + maxRests, Repeated: 100, Dropped: 2*maxGathered + 100 - maxGathered - maxRests}, c)
	require.Len(t, q.rests, maxRests)
	q.leave()
	s.until(func() bool { return s.n.Stats().Exchanges == 0 })
	require.Empty(t, s.n.groupCalls())
	require.Empty(t, q.rests)
}
