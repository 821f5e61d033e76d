package protocol

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/netio"
)

// observersModel knows of every observer what it was sent, as plainly as
// possible, and what it may be sent.
type observersModel struct {
	s      *sender
	cfg    ObserversConfig
	now    netio.Instant
	topics []*modelTopic
	all    map[ObserverID]*modelObserver
	lastNo map[uint64]netio.Instant // the last NON to a peer
	held   []ObserverID
}

type modelTopic struct {
	id      TopicID
	queue   int
	version uint32
	ended   bool
}

type modelObserver struct {
	id      ObserverID
	topic   *modelTopic
	peer    uint64
	token   int
	con     bool
	sent    uint32
	under   bool // a CON is under way, with this ID
	mid     uint16
	since   int  // NONs since the last CON; -1 before the first
	granted bool // it was held before it was sent
	placed  bool // it has a place in its peer's window and was not sent yet
}

func (m *observersModel) send(t *rapid.T, n Notice, mid uint16) {
	o := m.all[n.ID]
	require.NotNil(t, o, "to nobody")
	require.Equal(t, o.peer, n.Peer)
	require.Equal(t, tok(o.token), n.Token)
	require.Equal(t, o.topic.id, n.Topic)
	diff := int32(n.Version - o.sent)
	require.GreaterOrEqual(t, diff, int32(0), "never an older version")
	require.LessOrEqual(t, n.Version, o.topic.version)
	require.Equal(t, diff == 0 && n.Attempt == 1, n.Refresh)
	if o.topic.queue == 0 {
		require.Equal(t, o.topic.version, n.Version, "the latest wins")
	} else if n.Attempt == 1 {
		require.True(t, diff <= 1 || int(o.topic.version-n.Version) == o.topic.queue-1, "a queue loses only what does not fit")
	}
	require.Equal(t, o.topic.ended && n.Version == o.topic.version, n.Final)
	if n.Attempt > 1 {
		require.True(t, o.under && n.Confirmable)
		require.Equal(t, o.mid, n.MID)
	} else {
		require.False(t, o.under, "one at a time")
	}
	must := o.con || o.since < 0 || o.since >= DefaultConfirmEvery-1 || n.Final || o.topic.ended
	if must {
		require.True(t, n.Confirmable)
	}
	o.sent = n.Version
	if n.Confirmable {
		first := o.since < 0
		o.under, o.mid, o.since = true, mid, 0
		if first {
			o.since = n.ID.Index() % DefaultConfirmEvery
		}
		return
	}
	if last, ok := m.lastNo[o.peer]; ok {
		require.GreaterOrEqual(t, m.now.Sub(last), m.cfg.NONInterval, "NONs to a peer keep their distance")
	}
	m.lastNo[o.peer] = m.now
	o.mid = mid
	o.since++
}

// pump hands out at most max notifications.
func (m *observersModel) pump(t *rapid.T, max int, hold bool) {
	for i := 0; i < max && m.s.Pending(); i++ {
		n, ok := m.s.Next(m.now)
		if !ok {
			continue
		}
		if hold && n.Confirmable && !n.Granted && rapid.Bool().Draw(t, "hold") {
			m.s.Hold(n.ID)
			m.held = append(m.held, n.ID)
			continue
		}
		mid := n.MID
		if n.Attempt == 1 || n.Fresh {
			m.s.mid++
			mid = m.s.mid
		}
		m.send(t, n, mid)
		m.s.Sent(m.now, n.ID, mid, 0.5)
		m.all[n.ID].granted, m.all[n.ID].placed = n.Granted, false
		fast := 0
		for _, o := range m.all {
			if _, e := m.s.find(o.id); e.flags&flagFast != 0 && !o.granted {
				fast++
			}
		}
		require.LessOrEqual(t, fast, m.cfg.Window)
	}
}

func (m *observersModel) forget(g Gone) { delete(m.all, g.ID) }

func (m *observersModel) due(t *rapid.T) {
	for g, ok := m.s.Due(m.now); ok; g, ok = m.s.Due(m.now) {
		require.Equal(t, GoneTimeout, g.Reason)
		require.True(t, m.all[g.ID].under)
		m.forget(g)
	}
}

// pick draws one of the observers, in an order that does not depend on the map.
func (m *observersModel) pick(t *rapid.T) *modelObserver {
	best := ObserverID(0)
	want := ObserverID(rapid.IntRange(0, 1<<12).Draw(t, "observer"))
	for id := range m.all {
		if best == 0 || id%4099^want < best%4099^want || id%4099^want == best%4099^want && id < best {
			best = id
		}
	}
	return m.all[best]
}

func (m *observersModel) ack(t *rapid.T, o *modelObserver) {
	g, gone, ok := m.s.Ack(m.now, o.peer, o.mid)
	require.Equal(t, o.under, ok)
	if !ok {
		return
	}
	o.under = false
	require.Equal(t, o.topic.ended && o.sent == o.topic.version, gone)
	if gone {
		require.Equal(t, o.id, g.ID)
		require.True(t, g.Placed)
		delete(m.all, g.ID)
	}
}

func (m *observersModel) put(t *rapid.T) {
	topic := rapid.SampledFrom(m.topics).Draw(t, "topic")
	peer, token := uint64(rapid.IntRange(1, 6).Draw(t, "peer")), rapid.IntRange(0, 3).Draw(t, "token")
	con := rapid.Bool().Draw(t, "con")
	id, r, old := m.s.Put(m.now, topic.id, peer, tok(token), 0, con)
	if old.ID != 0 {
		require.Equal(t, ObserverReplaced.String(), PutResult(1).String())
		require.Equal(t, peer, m.all[old.ID].peer)
		require.Equal(t, token, m.all[old.ID].token)
		m.forget(old)
	}
	if r == ObserverRefused {
		require.True(t, topic.ended || len(m.all) >= m.cfg.Max || m.ofPeer(peer) >= m.cfg.MaxPerPeer)
		return
	}
	require.Nil(t, m.all[id])
	m.all[id] = &modelObserver{id: id, topic: topic, peer: peer, token: token, con: con, sent: topic.version, since: -1}
}

func (m *observersModel) ofPeer(peer uint64) (n int) {
	for _, o := range m.all {
		if o.peer == peer {
			n++
		}
	}
	return n
}

// TestObserversModel: whatever happens in whatever order, the rules hold at each
// step, and in the end everybody who is left has the last version.
func TestObserversModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := ObserversConfig{Max: 12, MaxPerPeer: 3, Window: 3, NONInterval: 3 * time.Second, Seed: rapid.Uint64().Draw(t, "seed"), ConfirmWithin: time.Hour}
		m := &observersModel{
			s: newSender(cfg), cfg: cfg, now: t0, all: map[ObserverID]*modelObserver{}, lastNo: map[uint64]netio.Instant{},
		}
		for _, queue := range []int{0, 0, 3} {
			m.topics = append(m.topics, &modelTopic{id: m.s.AddTopic(queue), queue: queue, version: 1})
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put,
			"publish": func(t *rapid.T) {
				topic := rapid.SampledFrom(m.topics).Draw(t, "topic")
				if !topic.ended {
					topic.version++
					require.Equal(t, topic.version, m.s.Publish(topic.id))
				}
			},
			"end": func(t *rapid.T) {
				topic := rapid.SampledFrom(m.topics[1:]).Draw(t, "topic")
				if !topic.ended && rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
					topic.ended = true
					topic.version++
					m.s.End(topic.id)
				}
			},
			"send": func(t *rapid.T) { m.pump(t, rapid.IntRange(1, 5).Draw(t, "slice"), true) },
			"time": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(t, "pause")))
				m.due(t)
			},
			"hours": func(t *rapid.T) {
				m.now = m.now.Add(time.Hour)
				m.due(t)
			},
			"ack": func(t *rapid.T) {
				if o := m.pick(t); o != nil {
					m.ack(t, o)
				}
			},
			"reset": func(t *rapid.T) {
				if o := m.pick(t); o != nil && o.mid != 0 {
					g, ok := m.s.Reset(o.peer, o.mid)
					require.True(t, ok)
					require.Equal(t, o.id, g.ID)
					require.Equal(t, o.under || o.placed, g.Placed)
					m.forget(g)
				}
			},
			"remove": func(t *rapid.T) {
				if o := m.pick(t); o != nil {
					g, ok := m.s.Remove(o.id)
					require.True(t, ok)
					m.forget(g)
				}
			},
			"remove peer": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 {
					return
				}
				peer := uint64(rapid.IntRange(1, 6).Draw(t, "peer"))
				n := m.ofPeer(peer)
				for g, ok := m.s.RemovePeer(peer); ok; g, ok = m.s.RemovePeer(peer) {
					m.forget(g)
					n--
				}
				require.Zero(t, n)
			},
			"resume": func(t *rapid.T) {
				if len(m.held) > 0 {
					if m.s.Resume(m.held[0]) {
						m.all[m.held[0]].placed = true
					}
					m.held = m.held[1:]
				}
			},
			"": func(t *rapid.T) {
				st := m.s.Stats()
				under := 0
				for _, o := range m.all {
					if o.under {
						under++
					}
				}
				require.Equal(t, len(m.all), st.Observers)
				require.Equal(t, under, st.Outstanding)
				require.Equal(t, st.Observers, m.s.byToken.used)
				require.Equal(t, st.Peers, m.s.byPeer.used)
			},
		})
		// From now on everybody acknowledges.
		for _, id := range m.held {
			m.s.Resume(id)
		}
		m.held = nil
		for range 200 {
			m.pump(t, 1000, false)
			for _, o := range m.all {
				if o.under {
					m.ack(t, o)
				}
			}
			m.now = m.now.Add(3 * time.Second)
			m.due(t)
		}
		for _, o := range m.all {
			require.Equal(t, o.topic.version, o.sent)
			require.False(t, o.topic.ended)
		}
	})
}
