package actors

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// registration is a GET with Observe 0 in hex; number 0 and rule "" are left out.
func (w *lead) registration(mid int, token, path, rule string, number uint32) string {
	w.t.Helper()
	raw, err := hex.DecodeString(token)
	require.NoError(w.t, err)
	m := codec.Message{Code: codec.GET, MessageID: uint16(mid), Options: codec.Options{codec.Observe(0), codec.URIPath(path)}}
	m.Token, err = codec.MakeToken(raw)
	require.NoError(w.t, err)
	if number != 0 {
		m.Options = m.Options.Add(codec.UintOption(codec.OptionNotification, uint64(number)))
	}
	if rule != "" {
		m.Options = m.Options.Add(codec.OpaqueOption(codec.OptionRule, []byte(rule)))
	}
	b, err := m.Append(nil)
	require.NoError(w.t, err)
	return hex.EncodeToString(b)
}

// ask registers and returns the answer.
func (w *lead) ask(peer string, mid int, token, path, rule string, number uint32) *codec.Message {
	w.t.Helper()
	w.from(peer, w.registration(mid, token, path, rule, number))
	m := w.said()
	require.Equal(w.t, uint16(mid), m.MessageID)
	return m
}

// number returns the subscription's number in an answer, 0 without.
func number(m *codec.Message) uint32 {
	v, _ := m.Options.Uint(codec.OptionNotification)
	return uint32(v)
}

// TestRenewalWhereThereIsNoRoom: whoever observes already is kept by a renewal,
// whatever bound is reached; a new one is refused.
func TestRenewalWhereThereIsNoRoom(t *testing.T) {
	for name, c := range map[string]struct {
		res Resource
		cfg Config
	}{
		"of the resource": {res: Resource{Observers: 2}},
		"of the node":     {cfg: Config{Limits: Limits{Observers: 2}}},
		"of the peer":     {cfg: Config{Limits: Limits{ObserversPerPeer: 2}}},
		"of its rules":    {cfg: Config{Limits: Limits{RulesPerPeer: 2}}},
	} {
		for _, rule := range []string{"", "> 20"} {
			if rule == "" && strings.Contains(name, "rules") {
				continue
			}
			t.Run(fmt.Sprintf("%s, rule %q", name, rule), func(t *testing.T) {
				n, w := startLead(t, c.cfg)
				c.res.Observable, c.res.Inline, c.res.Get = true, true, text("10")
				handle(t, n, "/x", c.res)
				mids := 0
				observes := func(want bool, token, rule string) uint32 {
					t.Helper()
					mids++
					m := w.ask(first, mids, token, "x", rule, 0)
					require.Equal(t, want, m.Options.Has(codec.OptionObserve))
					require.Equal(t, !want && strings.Contains(name, "rules"), m.Code == codec.TooManyRequests)
					return number(m)
				}
				one := observes(true, "01", rule)
				observes(true, "02", rule)
				observes(false, "03", rule)
				require.Equal(t, one, observes(true, "01", rule))
				observes(true, "02", rule)
				observes(false, "04", rule)
				observes(false, "05", "> 30")
				require.Equal(t, 2, n.Stats().Observe.Observers)
				if rule == "" {
					return
				}
				// Another rule in its place takes no more room.
				require.NotEqual(t, one, observes(true, "01", "> 25"))
				observes(false, "05", "> 25")
				require.Equal(t, 2, n.Stats().Observe.Subscribers)
			})
		}
	}
}

// TestAnotherRuleInPlace: the only subscriber of a resource wants something else.
func TestAnotherRuleInPlace(t *testing.T) {
	n, w := startLead(t, Config{Observe: unpaced})
	route := handle(t, n, "/x", Resource{Observable: true, Inline: true, Queue: 10, Get: text("10")})
	for i, rule := range []string{"> 20", "> 30", "", "> 40"} {
		require.True(t, w.ask(first, i, "42", "x", rule, 0).Options.Has(codec.OptionObserve), "%q", rule)
		require.Equal(t, 1, n.Stats().Observe.Observers)
	}
	require.NoError(t, route.Publish("35"))
	require.NoError(t, route.Publish("45"))
	require.Equal(t, "45", string(w.said().Payload))
}

// TestForgedRefreshes: what others send, from wherever, does not touch a
// subscription unless it has both its address and its token, which is all that
// plain UDP can tell (RFC 7641 §7).
func TestForgedRefreshes(t *testing.T) {
	const victim = "4242424242424242"
	n, w := startLead(t, Config{Observe: unpaced})
	route := handle(t, n, "/x", Resource{Observable: true, Inline: true, Queue: 10, Get: text("10")})
	handle(t, n, "/y", Resource{Observable: true, Inline: true, Get: text("10")})
	answer := w.ask(first, 1, victim, "x", "> 20", 0)
	mine := number(answer)
	lease := func() (at netio.Instant) {
		done := make(chan netio.Instant)
		n.soon(func() {
			at, _ := n.shard.timers.When(n.shard.obs.byNumber[mine].lease)
			done <- at
		})
		return <-done
	}
	began := lease()
	for i, f := range []struct {
		peer, token, path, rule string
		number                  uint32
	}{
		{second, victim, "x", "> 20", mine},            // from elsewhere, with all that it has
		{second, victim, "x", "> 20", 0},               // the same, without the number
		{first, "4242424242424243", "x", "> 20", mine}, // from its address, with a guessed token
		{first, "4242424242424245", "x", "> 99", mine},
		{first, "4242424242424244", "y", "> 20", mine},
	} {
		m := w.ask(f.peer, 100+i, f.token, f.path, f.rule, f.number)
		require.Equal(t, codec.Content, m.Code)
		require.NotEqual(t, mine, number(m), "%+v", f)
		require.Equal(t, began, lease(), "%+v", f)
	}
	before := n.Stats().Observe.Observers
	w.from(second, "5801 0200"+victim+"61 01 5178") // Observe 1 from elsewhere,
	w.said()
	w.from(first, "5101 0201 43 61 01 5178") // and with another token
	w.said()
	w.from(first, "4101 0202 42 60 5178 e6 0082 3e206f722020") // a bad rule
	require.Equal(t, codec.BadRequest, w.said().Code)
	require.Equal(t, before-1, n.Stats().Observe.Observers, "the second ended its own")
	require.Equal(t, began, lease())
	require.NoError(t, route.Publish("25"))
	// The victim is told, and rejects what the forger asked for in its name.
	m := w.said()
	require.Equal(t, victim, m.Token.String())
	w.from(first, "6000"+hex4(m.MessageID))
	m = w.said()
	require.Equal(t, "4242424242424243", m.Token.String())
	w.from(first, "7000"+hex4(m.MessageID))

	// Forged registrations use up the quota; the victim's own renewal is kept.
	for i := range 100 {
		w.from(first, w.registration(1000+i, fmt.Sprintf("77%04x", i), "x", "> "+strconv.Itoa(i), 0))
		w.said()
	}
	require.Equal(t, mine, number(w.ask(first, 2000, victim, "x", "> 20", 0)))
}

// TestResumeNeedsAnIdentity: a number alone moves nothing; the identity, the
// resource and the rule must be the same.
func TestResumeNeedsAnIdentity(t *testing.T) {
	who := map[string]string{}
	for _, c := range []struct {
		name       string
		one, two   string // identities; "" is not known
		path, rule string
		off        int // from the right number
		moves      bool
	}{
		{name: "the same", one: "a", two: "a", path: "x", rule: "> 20", moves: true},
		{name: "the rule in other words", one: "a", two: "a", path: "x", rule: "value>20.0", moves: true},
		{name: "somebody else", one: "a", two: "b", path: "x", rule: "> 20"},
		{name: "an unknown one", one: "a", path: "x", rule: "> 20"},
		{name: "of an unknown one", two: "a", path: "x", rule: "> 20"},
		{name: "nobody is known", path: "x", rule: "> 20"},
		{name: "another rule", one: "a", two: "a", path: "x", rule: "> 21"},
		{name: "another resource", one: "a", two: "a", path: "y", rule: "> 20"},
		{name: "another number", one: "a", two: "a", path: "x", rule: "> 20", off: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, w := startLead(t, Config{Observe: unpaced})
			who[first], who[second] = c.one, c.two
			n.identify = func(p netio.Peer) (string, bool) {
				id := who[p.Addr.Addr().String()]
				return id, id != ""
			}
			for _, path := range []string{"/x", "/y"} {
				handle(t, n, path, Resource{Observable: true, Inline: true, Observers: 1, Get: text("10")})
			}
			mine := number(w.ask(first, 1, "42", "x", "> 20", 0))
			m := w.ask(second, 2, "43", c.path, c.rule, uint32(int(mine)+c.off))
			require.Equal(t, c.moves, number(m) == mine)
			// On /x there is room for one: for the one that it was.
			require.Equal(t, c.moves || c.path == "y", m.Options.Has(codec.OptionObserve))
			s := n.Stats().Observe
			require.Equal(t, map[string]int{"x": 1, "y": 2}[c.path], s.Observers)
			m = w.ask(first, 3, "42", "x", "> 20", 0)
			require.Equal(t, !c.moves, number(m) == mine, "its owner still has it, or not any more")
		})
	}
}
