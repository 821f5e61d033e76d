package protocol

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

func tok(n int) codec.Token { return codec.TokenFromUint64(uint64(n)) }

// sender drives an Observers as an endpoint does, with message IDs 1, 2, …
type sender struct {
	*Observers
	mid uint16
}

func newSender(cfg ObserversConfig) *sender { return &sender{Observers: NewObservers(cfg)} }

// sendAll sends what may be sent, and returns it; MID is the ID that was used.
func (s *sender) sendAll(now netio.Instant) []Notice {
	var all []Notice
	for s.Pending() {
		n, ok := s.Next(now)
		if !ok {
			continue
		}
		if n.Attempt == 1 || n.Fresh {
			s.mid++
			n.MID = s.mid
		}
		s.Sent(now, n.ID, n.MID, 0)
		all = append(all, n)
	}
	return all
}

// one sends what may be sent, which must be one notification.
func (s *sender) one(t testing.TB, now netio.Instant) Notice {
	t.Helper()
	all := s.sendAll(now)
	require.Len(t, all, 1)
	return all[0]
}

// TestObserversQoS: which notifications are confirmable, and how often those
// leave that are not (wire.md "QoS", RFC 7641 §4.5).
func TestObserversQoS(t *testing.T) {
	s := newSender(ObserversConfig{})
	topic := s.AddTopic(0)
	_, r, _ := s.Put(t0, topic, 1, tok(1), 77, false)
	require.Equal(t, ObserverAdded, r)
	require.Empty(t, s.sendAll(t0), "the response to the registration had that version")

	now := t0
	for i := range 33 {
		v := s.Publish(topic)
		n := s.one(t, now)
		require.Equal(t, v, n.Version)
		require.Equal(t, uint64(1), n.Peer)
		require.Equal(t, tok(1), n.Token)
		require.Equal(t, uint64(77), n.Value)
		require.Equal(t, i%16 == 0, n.Confirmable, "notification %d", i)
		require.False(t, n.Refresh || n.Final || n.Granted)
		if n.Confirmable {
			_, gone, ok := s.Ack(now.Add(200*time.Millisecond), 1, n.MID)
			require.True(t, ok)
			require.False(t, gone)
		}
		now = now.Add(time.Second)
	}
	require.Equal(t, uint64(33), s.Stats().Sent)
	require.Equal(t, uint64(3), s.Stats().Confirmable)

	// QoS 1: all of them.
	s = newSender(ObserversConfig{})
	topic = s.AddTopic(0)
	s.Put(t0, topic, 1, tok(1), 0, true)
	for range 20 {
		s.Publish(topic)
		n := s.one(t, t0)
		require.True(t, n.Confirmable)
		s.Ack(t0, 1, n.MID)
	}
}

// TestObserversPace: non-confirmable notifications to one peer, whatever
// observes there, keep a round trip apart, 3 s where it is not known.
func TestObserversPace(t *testing.T) {
	for _, c := range []struct {
		what     string
		interval time.Duration
		rtt      time.Duration // 0: never measured
		gap      time.Duration
	}{
		{"unknown", 0, 0, 3 * time.Second},
		{"unknown, configured", time.Second, 0, time.Second},
		{"known", 0, 250 * time.Millisecond, 250 * time.Millisecond},
		{"known and longer", 0, 5 * time.Second, 5 * time.Second},
		{"no limit", -1, 250 * time.Millisecond, 0},
	} {
		s := newSender(ObserversConfig{NONInterval: c.interval, Params: Params{AckTimeout: 10 * time.Second}})
		topic := s.AddTopic(0)
		now := t0
		for i := range 3 {
			s.Put(now, topic, 1, tok(i), 0, false)
		}
		s.Publish(topic)
		for _, n := range s.sendAll(now) {
			require.True(t, n.Confirmable)
			if c.rtt == 0 {
				s.peers[0].rtt = 0
				s.Ack(now, 1, n.MID)
				s.peers[0].rtt = 0
				continue
			}
			s.Ack(now.Add(c.rtt), 1, n.MID)
		}
		now = now.Add(time.Minute)
		if c.gap == 0 {
			s.Publish(topic)
			require.Len(t, s.sendAll(now), 3, c.what)
			continue
		}
		s.Publish(topic)
		first := s.one(t, now)
		require.False(t, first.Confirmable)
		v := s.Publish(topic) // the others wait, and will get this one
		for range 3 {
			require.Empty(t, s.sendAll(now), c.what)
			at, ok := s.Deadline()
			require.True(t, ok)
			require.Equal(t, now.Add(c.gap), at, c.what)
			_, ok = s.Due(at - 1)
			require.False(t, ok)
			require.Empty(t, s.sendAll(at-1))
			now = at
			s.Due(now)
			require.Equal(t, v, s.one(t, now).Version, c.what)
		}
		require.Empty(t, s.sendAll(now))
		require.Equal(t, uint64(2), s.Stats().Conflated) // two of three had not got the first
	}
}

// TestObserversConfirmation: an observer is asked at least once in 24 h whether
// it is alive, even if nothing changes (RFC 7641 §4.5).
func TestObserversConfirmation(t *testing.T) {
	s := newSender(ObserversConfig{NONInterval: -1, ConfirmEvery: 255})
	topic := s.AddTopic(0)
	s.Put(t0, topic, 1, tok(1), 0, false)
	s.Put(t0.Add(time.Hour), topic, 2, tok(1), 0, false)
	s.Publish(topic)
	for _, n := range s.sendAll(t0.Add(time.Hour)) {
		s.Ack(t0.Add(time.Hour), n.Peer, n.MID)
	}
	s.Publish(topic)
	for _, n := range s.sendAll(t0.Add(2 * time.Hour)) {
		require.False(t, n.Confirmable)
	}
	at, ok := s.Deadline()
	require.True(t, ok)
	require.LessOrEqual(t, at, t0.Add(25*time.Hour))
	for {
		at, _ = s.Deadline()
		if s.Due(at); s.Pending() {
			break
		}
	}
	require.Equal(t, t0.Add(25*time.Hour), at)
	all := s.sendAll(at)
	require.Len(t, all, 2)
	for _, n := range all {
		require.True(t, n.Confirmable && n.Refresh)
	}
	// Who does not answer goes.
	s.Ack(at, 1, all[0].MID)
	var gone []Gone
	for len(gone) == 0 {
		at, _ = s.Deadline()
		g, ok := s.Due(at)
		if ok {
			gone = append(gone, g)
		}
		s.sendAll(at)
	}
	require.Equal(t, uint64(2), gone[0].Peer)
	require.Equal(t, GoneTimeout, gone[0].Reason)
	require.True(t, gone[0].Placed)
	require.Equal(t, 1, s.Len(topic))
}

// TestObserversRetransmission: §4.2 of RFC 7252 for what has not changed, §4.5.2
// of RFC 7641 for what has: the attempts go on with the new state.
func TestObserversRetransmission(t *testing.T) {
	for _, queue := range []int{0, 4} {
		s := newSender(ObserversConfig{})
		topic := s.AddTopic(queue)
		s.Put(t0, topic, 1, tok(1), 0, true)
		v1 := s.Publish(topic)
		first := s.one(t, t0)
		require.Equal(t, 1, first.Attempt)
		now := t0
		var v2 uint32
		mid := first.MID
		for i, want := range []time.Duration{2, 4, 8, 16} {
			at, ok := s.Deadline()
			require.True(t, ok)
			require.Equal(t, now.Add(want*time.Second), at)
			now = at
			if i == 2 {
				v2 = s.Publish(topic)
				require.Empty(t, s.sendAll(now-1), "one at a time")
			}
			_, ok = s.Due(now)
			require.False(t, ok)
			n := s.one(t, now)
			require.Equal(t, i+2, n.Attempt)
			require.True(t, n.Confirmable && n.Granted)
			require.Equal(t, queue == 0 && i == 2, n.Fresh)
			if i < 2 || queue > 0 {
				require.Equal(t, v1, n.Version)
				require.Equal(t, mid, n.MID)
			} else {
				require.Equal(t, v2, n.Version)
			}
			require.True(t, s.Outstanding(1, n.MID))
			mid = n.MID
		}
		require.Equal(t, queue > 0, s.Outstanding(1, first.MID), "a message with a new ID takes its place")
		at, _ := s.Deadline()
		require.Equal(t, now.Add(32*time.Second), at)
		g, ok := s.Due(at)
		require.True(t, ok)
		require.Equal(t, GoneTimeout, g.Reason)
		_, ok = s.Due(at)
		require.False(t, ok)
		require.Zero(t, s.Len(topic))
		require.Equal(t, uint64(4), s.Stats().Retransmitted)
		require.Equal(t, uint64(1), s.Stats().TimedOut)
		require.Zero(t, s.Stats().Outstanding)
	}
}

// TestObserversConflation: latest wins, or a queue of bounded length.
func TestObserversConflation(t *testing.T) {
	for _, c := range []struct {
		queue, published   int
		got                []uint32 // after the first
		conflated, dropped uint64
	}{
		{0, 5, []uint32{7}, 4, 0},
		{1, 5, []uint32{7}, 0, 4},
		{3, 5, []uint32{5, 6, 7}, 0, 2},
		{8, 5, []uint32{3, 4, 5, 6, 7}, 0, 0},
	} {
		s := newSender(ObserversConfig{})
		topic := s.AddTopic(c.queue)
		s.Put(t0, topic, 1, tok(1), 0, true)
		require.Equal(t, uint32(2), s.Publish(topic))
		n := s.one(t, t0)
		for range c.published {
			s.Publish(topic)
			require.Empty(t, s.sendAll(t0), "only one is under way at a time")
		}
		require.LessOrEqual(t, s.Oldest(topic), c.got[0])
		var got []uint32
		for {
			_, _, ok := s.Ack(t0, 1, n.MID)
			require.True(t, ok)
			all := s.sendAll(t0)
			if len(all) == 0 {
				break
			}
			require.Len(t, all, 1)
			n = all[0]
			got = append(got, n.Version)
		}
		require.Equal(t, c.got, got)
		require.Equal(t, c.conflated, s.Stats().Conflated)
		require.Equal(t, c.dropped, s.Stats().Dropped)
	}
}

// TestObserversWindow: no more than so many under way, and those that have been
// retransmitted do not hold the others up.
func TestObserversWindow(t *testing.T) {
	s := newSender(ObserversConfig{Window: 3})
	topic := s.AddTopic(0)
	for i := range 10 {
		s.Put(t0, topic, uint64(i), tok(i), 0, true)
	}
	s.Publish(topic)
	all := s.sendAll(t0)
	require.Len(t, all, 3)
	require.False(t, s.Pending())
	s.Ack(t0, all[1].Peer, all[1].MID)
	require.True(t, s.Pending())
	require.Equal(t, uint64(3), s.one(t, t0).Peer)
	// The three are dead: after their first timeout others have their turn.
	at, _ := s.Deadline()
	s.Due(at)
	all = s.sendAll(at)
	var resent, fresh int
	for _, n := range all {
		if n.Attempt > 1 {
			resent++
		} else {
			fresh++
		}
	}
	require.Equal(t, 3, resent)
	require.Equal(t, 3, fresh)
	require.Equal(t, 6, s.Stats().Outstanding)
}
