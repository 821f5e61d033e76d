package actors

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/rules"
)

// lookingAt is a rule that looks at fields of that name, numbered.
func lookingAt(name string, from, to int) string {
	var parts []string
	for i := from; i < to; i++ {
		parts = append(parts, fmt.Sprint(name, i))
	}
	return strings.Join(parts, " or ")
}

// TestOnePeerTakesItsShareOfFields: with defaults nine rules would take all the
// fields of a resource; others have room.
func TestOnePeerTakesItsShareOfFields(t *testing.T) {
	n, w := startLead(t, Config{Observe: unpaced})
	handle(t, n, "/x", Resource{Observable: true, Inline: true, Get: text("10")})
	mids := 0
	ask := func(peer, rule string) *codec.Message {
		t.Helper()
		mids++
		return w.ask(peer, mids, fmt.Sprintf("%04x", mids), "x", rule, 0)
	}
	for i := range 9 {
		m := ask(first, lookingAt("a", i*30, i*30+30))
		require.Equal(t, i < 2, m.Options.Has(codec.OptionObserve))
		if i >= 2 {
			require.Equal(t, codec.TooManyRequests, m.Code)
			age, _ := m.Options.Uint(codec.OptionMaxAge)
			require.EqualValues(t, 60, age)
			require.Regexp(t, `may bring in 64 fields of a resource, and this one makes it 90; name fields .* end a subscription`, string(m.Payload))
		}
	}
	require.EqualValues(t, 7, n.Stats().Observe.Refused)
	require.True(t, ask(first, lookingAt("a", 60, 64)).Options.Has(codec.OptionObserve), "the last four")
	require.Equal(t, codec.TooManyRequests, ask(first, "b0 > 1").Code)
	require.True(t, ask(first, lookingAt("a", 50, 64)).Options.Has(codec.OptionObserve), "which it pays for already")
	for i := range 2 {
		require.True(t, ask(second, lookingAt("b", i*30, i*30+30)).Options.Has(codec.OptionObserve))
	}
	require.True(t, ask(first, lookingAt("b", 0, 30)).Options.Has(codec.OptionObserve), "which another pays for")
	require.True(t, ask(second, lookingAt("a", 0, 30)).Options.Has(codec.OptionObserve))
	require.Equal(t, 8, n.Stats().Observe.Subscribers)
}

// TestFieldsAreGivenBack: however a rule ends.
func TestFieldsAreGivenBack(t *testing.T) {
	state := &Response{Code: codec.Content, Options: codec.Options{codec.ContentFormat(codec.JSON)}, Payload: []byte(`{"a1":false}`)}
	res := Resource{Observable: true, Inline: true, Lease: time.Second, Get: func(context.Context, *Request) (*Response, error) { return state, nil }}
	for name, end := range map[string]func(w *lead, n *Node, c *stillClock, route *Route){
		"cancelled": func(w *lead, n *Node, _ *stillClock, _ *Route) {
			w.from(first, "4101 0100 42 61 01 5178") // Observe 1
			w.said()
		},
		"rejected": func(w *lead, n *Node, _ *stillClock, route *Route) {
			require.NoError(w.t, route.Publish(&Response{Code: codec.Content, Options: codec.Options{codec.ContentFormat(codec.JSON)}, Payload: []byte(`{"a1":true}`)}))
			w.from(first, "7000"+hex4(w.said().MessageID))
		},
		"replaced": func(w *lead, n *Node, _ *stillClock, _ *Route) {
			require.NotZero(w.t, number(w.ask(first, 100, "42", "x", "a0 > 2", 0)), "which it has from the other now")
		},
		"replaced by none": func(w *lead, n *Node, _ *stillClock, _ *Route) {
			w.ask(first, 100, "42", "x", "", 0)
		},
		"not renewed": func(w *lead, n *Node, c *stillClock, _ *Route) {
			c.advance(time.Second + leaseGrace)
			eventually(w.t, func() bool { return n.Stats().Observe.Expired == 1 }, "the lease is over")
		},
		"the resource has gone": func(w *lead, n *Node, _ *stillClock, route *Route) {
			route.Remove()
			handle(w.t, n, "/x", res)
		},
	} {
		t.Run(name, func(t *testing.T) {
			env, clock := *SystemEnv(), newStillClock()
			env.Clock = clock
			n, w := startLead(t, Config{Env: &env, Observe: unpaced, Limits: Limits{FieldsPerPeer: 3}})
			route := handle(t, n, "/x", res)
			require.NotZero(t, number(w.ask(first, 1, "42", "x", lookingAt("a", 0, 3), 0)))
			require.NotZero(t, number(w.ask(second, 1, "42", "x", "a0 > 1; pmax=1h", 0)))
			require.Equal(t, codec.TooManyRequests, w.ask(first, 2, "43", "x", "b0 > 1", 0).Code)
			end(w, n, clock, route)
			w.from(first, w.registration(3, "44", "x", lookingAt("b", 0, 3), 0))
			m := w.said()
			for m.Type != codec.ACK { // the end of the resource is told before
				m = w.said()
			}
			require.NotZero(t, number(m), "%v %s", m.Code, m.Payload)
		})
	}
}

// TestWhoPaysForFields: after each of any steps everybody pays for the fields that
// they have brought in and still look at, and for no other.
func TestWhoPaysForFields(t *testing.T) {
	const most, peers = 4, 3
	type live struct {
		peer   uint64
		part   *rulePart
		id     rules.ID
		text   string
		fields []rules.Field
	}
	rapid.Check(t, func(t *rapid.T) {
		s := newRuleSet(nil)
		var all []live
		pays := map[rules.Field]uint64{} // who has brought it in, and still looks at it
		looks := func(peer uint64, f rules.Field) bool {
			return slices.ContainsFunc(all, func(l live) bool { return (peer == 0 || l.peer == peer) && slices.Contains(l.fields, f) })
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				peer, from := rapid.Uint64Range(1, peers).Draw(t, "peer"), rapid.IntRange(0, 8).Draw(t, "from")
				r, err := rules.Parse(lookingAt("f", from, from+rapid.IntRange(1, 3).Draw(t, "n")))
				require.NoError(t, err)
				fields := r.Fields()
				unused := s.unused(fields)
				had := 0
				for _, p := range pays {
					if p == peer {
						had++
					}
				}
				missing := slices.DeleteFunc(slices.Clone(fields), func(f rules.Field) bool { return looks(0, f) })
				require.ElementsMatch(t, missing, unused)
				refused := s.affords(peer, len(unused), most) != ""
				require.Equal(t, len(missing) > 0 && had+len(missing) > most, refused)
				if refused {
					return
				}
				p := s.part(0)
				id, err := p.index.Add(0, r)
				require.NoError(t, err)
				s.charge(peer, fields, unused)
				all = append(all, live{peer, p, id, r.String(), fields})
				for _, f := range missing {
					pays[f] = peer
				}
			},
			"end": func(t *rapid.T) {
				if len(all) == 0 {
					t.Skip("there is none")
				}
				i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				l := all[i]
				all = slices.Delete(all, i, i+1)
				s.discharge(l.peer, 0, l.text)
				s.leave(l.part, l.id)
				for _, f := range l.fields {
					if !looks(pays[f], f) {
						delete(pays, f)
					}
				}
			},
			"": func(t *rapid.T) {
				got := map[rules.Field]uint64{}
				for slot, p := range s.payers {
					if p.peer != 0 {
						f, used := s.schema.Field(slot)
						require.True(t, used, "%v is paid for, and nobody looks at it", f)
						got[f] = p.peer
					}
				}
				require.Equal(t, pays, got)
			},
		})
	})
}

// TestFieldsMoveWithTheirRule: who comes from another address pays there, and no
// longer where it was.
func TestFieldsMoveWithTheirRule(t *testing.T) {
	n, w := startLead(t, Config{Observe: unpaced, Limits: Limits{FieldsPerPeer: 3}})
	n.identify = func(netio.Peer) (string, bool) { return "a", true }
	handle(t, n, "/x", Resource{Observable: true, Inline: true, Get: text("10")})
	refused := func(mid int, peer, rule string) bool {
		t.Helper()
		return w.ask(peer, mid, fmt.Sprintf("%02x", mid), "x", rule, 0).Code == codec.TooManyRequests
	}
	mine := number(w.ask(first, 1, "01", "x", lookingAt("a", 0, 2), 0))
	require.NotZero(t, number(w.ask(first, 2, "02", "x", lookingAt("a", 1, 3), 0)))
	require.True(t, refused(3, first, "b0 > 1"))
	require.Equal(t, mine, number(w.ask(second, 1, "01", "x", lookingAt("a", 0, 2), mine)), "it moves with a0; a1 stays")
	require.True(t, refused(4, first, lookingAt("b", 0, 2)))
	require.False(t, refused(5, first, "b0 > 1"))
	require.True(t, refused(6, second, lookingAt("c", 0, 3)))
	require.False(t, refused(7, second, lookingAt("c", 0, 2)))
	require.Equal(t, 4, n.Stats().Observe.Subscribers)
}

// TestPeriodsHaveAFloor: a subscriber does not make a resource work as often as
// it likes.
func TestPeriodsHaveAFloor(t *testing.T) {
	for _, c := range []struct {
		least time.Duration
		rule  string
		why   string // "" = it observes
	}{
		{0, "> 20; pmax=9ms", "rule: pmax is 9ms; this resource wants at least 10ms"},
		{0, "> 20; epmax=1ms", "rule: epmax is 1ms; this resource wants at least 10ms"},
		{0, "> 20; pmax=1h, epmax=9ms", "rule: epmax is 9ms; this resource wants at least 10ms"},
		{0, "> 20; pmax=10ms, epmax=10ms", ""},
		{0, "> 20; pmin=1ms, epmin=1ms", ""},
		{time.Minute, "> 20; pmax=59s", "rule: pmax is 59s; this resource wants at least 1m0s"},
		{time.Minute, "> 20; pmax=1m", ""},
		{-1, "> 20; pmax=1ms", ""},
		{0, "?c.gt=20&c.pmax=0.009", "10"},
		{0, "?c.gt=20&c.epmax=0.001", "10"},
		{0, "?c.gt=20&c.pmax=0.01", ""},
	} {
		t.Run(fmt.Sprint(c.least, " ", c.rule), func(t *testing.T) {
			env := *SystemEnv()
			env.Clock = newStillClock()
			n, w := startLead(t, Config{Env: &env})
			handle(t, n, "/x", Resource{Observable: true, Inline: true, MinPeriod: c.least, Get: text("10")})
			m := codec.Message{Code: codec.GET, MessageID: 1, Options: codec.Options{codec.Observe(0), codec.URIPath("x")}}
			code := codec.BadRequest
			if q, ok := strings.CutPrefix(c.rule, "?"); ok {
				code = codec.Content
				for _, q := range strings.Split(q, "&") {
					m.Options = m.Options.Add(codec.URIQuery(q))
				}
			} else {
				m.Options = m.Options.Add(codec.OpaqueOption(codec.OptionRule, []byte(c.rule)))
			}
			b, err := m.Append(nil)
			require.NoError(t, err)
			w.from(first, hex.EncodeToString(b))
			a, s := w.said(), n.Stats().Observe
			require.Equal(t, c.why == "", a.Options.Has(codec.OptionObserve))
			if c.why == "" {
				require.Equal(t, codec.Content, a.Code)
				require.Equal(t, 1, s.Subscribers)
				return
			}
			require.Equal(t, code, a.Code)
			require.Equal(t, c.why, string(a.Payload))
			require.Zero(t, s.Observers)
			require.EqualValues(t, 1, s.Refused)
		})
	}
}
