package protocol

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestObserversPut(t *testing.T) {
	s := newSender(ObserversConfig{Max: 4, MaxPerPeer: 2})
	a, b := s.AddTopic(0), s.AddTopic(0)
	id, r, _ := s.Put(t0, a, 1, tok(1), 5, true)
	require.Equal(t, ObserverAdded, r)
	found, ok := s.Find(1, tok(1))
	require.True(t, ok)
	require.Equal(t, id, found)
	require.True(t, s.SetValue(id, 6))
	v, ok := s.Value(id)
	require.True(t, ok)
	require.Equal(t, uint64(6), v)
	topic, ok := s.TopicOf(id)
	require.True(t, ok)
	require.Equal(t, a, topic)
	_, ok = s.TopicOf(id + 1)
	require.False(t, ok)
	require.Equal(t, 1, s.Count())
	require.Zero(t, id.Index())
	for _, c := range []struct {
		peer  uint64
		token int
	}{{1, 2}, {2, 1}} {
		_, ok = s.Find(c.peer, tok(c.token))
		require.False(t, ok)
	}

	// The same peer and token: replaced (RFC 7641 §4.1). It keeps its place in
	// the order, and what was under way to it ends.
	s.Put(t0, a, 2, tok(1), 0, true)
	s.Publish(a)
	sent := s.sendAll(t0)
	require.Len(t, sent, 2)
	again, r, old := s.Put(t0, a, 1, tok(1), 9, false)
	require.Equal(t, ObserverReplaced, r)
	require.Equal(t, id, again)
	require.True(t, old.Placed)
	_, _, ok = s.Ack(t0, 1, sent[0].MID)
	require.False(t, ok)
	require.Equal(t, 2, s.Len(a))
	s.Ack(t0, 2, sent[1].MID)
	s.Publish(a)
	sent = s.sendAll(t0)
	require.Equal(t, id, sent[0].ID)
	require.Equal(t, uint64(9), sent[0].Value)

	// On another topic it is a new one.
	other, r, old := s.Put(t0, b, 1, tok(1), 0, false)
	require.Equal(t, ObserverReplaced, r)
	require.NotEqual(t, id, other)
	require.Equal(t, id, old.ID)
	require.Equal(t, a, old.Topic)
	require.Equal(t, GoneReplaced, old.Reason)
	require.Equal(t, 1, s.Len(a))
	_, ok = s.Value(id)
	require.False(t, ok, "an ID that is gone names none")

	// The bounds, for a peer and in all.
	_, r, _ = s.Put(t0, b, 1, tok(2), 0, false)
	require.Equal(t, ObserverAdded, r)
	_, r, _ = s.Put(t0, b, 1, tok(3), 0, false)
	require.Equal(t, ObserverRefused, r)
	_, r, _ = s.Put(t0, b, 3, tok(3), 0, false)
	require.Equal(t, ObserverAdded, r)
	_, r, _ = s.Put(t0, b, 4, tok(3), 0, false)
	require.Equal(t, ObserverRefused, r)
	_, r, _ = s.Put(t0, 99, 3, tok(9), 0, false)
	require.Equal(t, ObserverRefused, r)
	st := s.Stats()
	require.Equal(t, uint64(3), st.Refused)
	require.Equal(t, 4, st.Observers)
	require.Equal(t, 3, st.Peers)
	require.Equal(t, 2, st.Topics)
}

// TestObserversGo: every way in which an observer goes.
func TestObserversGo(t *testing.T) {
	s := newSender(ObserversConfig{NONInterval: -1})
	topic := s.AddTopic(0)
	// Deregistration.
	id, _, _ := s.Put(t0, topic, 1, tok(1), 0, true)
	g, ok := s.Remove(id)
	require.True(t, ok)
	require.Equal(t, Gone{ID: id, Topic: topic, Peer: 1, Token: tok(1)}, g)
	_, ok = s.Remove(id)
	require.False(t, ok)

	// A reset, to a confirmable or a non-confirmable notification; not one for
	// another message or from another peer.
	for _, con := range []bool{true, false} {
		s.Put(t0, topic, 1, tok(1), 0, con)
		s.Publish(topic)
		n := s.one(t, t0)
		s.Ack(t0, 1, n.MID)
		s.Publish(topic)
		n = s.one(t, t0)
		require.Equal(t, con, n.Confirmable)
		_, ok = s.Reset(1, n.MID+1)
		require.False(t, ok)
		_, ok = s.Reset(2, n.MID)
		require.False(t, ok)
		g, ok = s.Reset(1, n.MID)
		require.True(t, ok)
		require.Equal(t, GoneCancelled, g.Reason)
		require.Equal(t, con, g.Placed)
		require.Zero(t, s.Len(topic))
	}
	require.Equal(t, uint64(2), s.Stats().Cancelled)

	// The peer is gone.
	for i := range 3 {
		s.Put(t0, topic, 1, tok(i), 0, true)
	}
	s.Put(t0, topic, 2, tok(1), 0, true)
	n := 0
	for _, ok = s.RemovePeer(1); ok; _, ok = s.RemovePeer(1) {
		n++
	}
	require.Equal(t, 3, n)
	require.Equal(t, 1, s.Len(topic))
	require.Equal(t, 1, s.Stats().Peers)

	// The topic is.
	g, ok = s.DropTopic(topic)
	require.True(t, ok)
	require.Equal(t, GoneDropped, g.Reason)
	_, ok = s.DropTopic(topic)
	require.False(t, ok)
	_, r, _ := s.Put(t0, topic, 1, tok(1), 0, true)
	require.Equal(t, ObserverRefused, r)
	require.Zero(t, s.Publish(topic))
	next := s.AddTopic(0)
	require.NotEqual(t, topic, next, "an ID is never used again")
	_, ok = s.Deadline()
	if ok { // that of the oldest confirmation may be left; it finds nobody
		at, _ := s.Deadline()
		_, ok = s.Due(at)
		require.False(t, ok)
		_, ok = s.Deadline()
		require.False(t, ok)
	}
}

// TestObserversEnd: the last notification is confirmable and final, and who has
// acknowledged it is no observer any more (RFC 7641 §4.2).
func TestObserversEnd(t *testing.T) {
	s := newSender(ObserversConfig{})
	topic := s.AddTopic(2)
	s.Put(t0, topic, 1, tok(1), 0, false)
	s.Put(t0, topic, 2, tok(1), 0, true)
	s.Publish(topic)
	first := s.sendAll(t0)
	last := s.End(topic)
	_, r, _ := s.Put(t0, topic, 3, tok(1), 0, true)
	require.Equal(t, ObserverRefused, r)
	for _, n := range first {
		require.False(t, n.Final)
		_, gone, ok := s.Ack(t0, n.Peer, n.MID)
		require.True(t, ok)
		require.False(t, gone)
	}
	all := s.sendAll(t0)
	require.Len(t, all, 2)
	for _, n := range all {
		require.True(t, n.Final && n.Confirmable)
		require.Equal(t, last, n.Version)
		_, gone, ok := s.Ack(t0, n.Peer, n.MID)
		require.True(t, ok && gone)
	}
	require.Zero(t, s.Len(topic))
	require.Zero(t, s.Stats().Outstanding)
	_, ok := s.DropTopic(topic)
	require.False(t, ok)
	require.Zero(t, s.Stats().Topics)

	// One observation alone, also while a notification is under way.
	topic = s.AddTopic(0)
	for _, underway := range []bool{false, true} {
		id, _, _ := s.Put(t0, topic, 1, tok(1), 0, false)
		s.Put(t0, topic, 2, tok(1), 0, false)
		if underway {
			s.Publish(topic)
			require.Len(t, s.sendAll(t0), 2)
		}
		require.True(t, s.Finish(id))
		if underway {
			at, _ := s.Deadline()
			s.Due(at)
			for _, n := range s.sendAll(at) {
				require.Equal(t, n.ID == id, n.Final)
				require.Equal(t, n.ID == id, n.Fresh)
			}
			at, _ = s.Deadline()
			s.Due(at)
			for _, n := range s.sendAll(at) {
				require.Equal(t, n.ID == id, n.Final)
				require.False(t, n.Fresh, "it was said before")
				_, gone, ok := s.Ack(at, n.Peer, n.MID)
				require.True(t, ok)
				require.Equal(t, n.ID == id, gone)
			}
		} else {
			n := s.one(t, t0)
			require.True(t, n.Final && n.Confirmable)
			_, gone, _ := s.Ack(t0, 1, n.MID)
			require.True(t, gone)
		}
		require.Equal(t, 1, s.Len(topic))
	}
	require.False(t, s.Finish(0))
}

// TestObserversHold: a confirmable notification waits for a place in its peer's
// Window, and then says the latest.
func TestObserversHold(t *testing.T) {
	s := newSender(ObserversConfig{})
	topic := s.AddTopic(0)
	id, _, _ := s.Put(t0, topic, 1, tok(1), 0, true)
	s.Publish(topic)
	n, ok := s.Next(t0)
	require.True(t, ok)
	require.False(t, n.Granted)
	s.Hold(id)
	v := s.Publish(topic)
	require.Empty(t, s.sendAll(t0))
	require.True(t, s.Resume(id))
	require.False(t, s.Resume(id))
	n = s.one(t, t0)
	require.True(t, n.Granted)
	require.Equal(t, v, n.Version)
	s.Ack(t0, 1, n.MID)

	// Removed with a place that it has not used.
	s.Publish(topic)
	s.Next(t0)
	s.Hold(id)
	require.True(t, s.Resume(id))
	g, _ := s.Remove(id)
	require.True(t, g.Placed)
	require.False(t, s.Resume(id))

	// Held while it registers again: nothing is left to send.
	id, _, _ = s.Put(t0, topic, 1, tok(1), 0, true)
	s.Publish(topic)
	s.Next(t0)
	s.Hold(id)
	s.Put(t0, topic, 1, tok(1), 0, true)
	require.False(t, s.Resume(id))

	// What cannot be sent is left out; and what is not answered for, too.
	s.Publish(topic)
	s.Next(t0)
	s.Skip(id)
	require.Empty(t, s.sendAll(t0))
	s.Publish(topic)
	_, ok = s.Next(t0)
	require.True(t, ok)
	require.Empty(t, s.sendAll(t0))
	require.True(t, s.Mark(id))
	n = s.one(t, t0)
	require.True(t, n.Refresh)
}

// TestObserversSlices: a large topic in slices, with others between, publishing
// and coming and going in the midst of it.
func TestObserversSlices(t *testing.T) {
	s := newSender(ObserversConfig{NONInterval: -1, ConfirmEvery: 255})
	a, b := s.AddTopic(0), s.AddTopic(0)
	ids := map[uint64]ObserverID{}
	for i := range 500 {
		ids[uint64(i)], _, _ = s.Put(t0, a, uint64(i), tok(0), 0, false)
	}
	s.Put(t0, b, 1000, tok(0), 0, false)
	for range 2 {
		s.Publish(a)
		for s.Pending() {
			for _, n := range s.sendAll(t0) {
				s.Ack(t0, n.Peer, n.MID)
			}
		}
	}
	v := s.Publish(a)
	s.Publish(b)
	var order []uint64
	next := func() Notice {
		for {
			n, ok := s.Next(t0)
			if !ok && s.Pending() {
				continue
			}
			require.True(t, ok)
			s.mid++
			s.Sent(t0, n.ID, s.mid, 0)
			order = append(order, n.Peer)
			return n
		}
	}
	for range 200 {
		next()
	}
	require.Contains(t, order, uint64(1000), "another topic has its turn in the midst of it")
	// The one at which the walk stands goes, one that had it, one that had not;
	// a new one comes.
	for _, i := range []uint64{198, 199, 200, 50, 400} {
		_, ok := s.Remove(ids[i])
		require.True(t, ok)
	}
	s.Put(t0, a, 600, tok(0), 0, false)
	v2 := s.Publish(a)
	require.Equal(t, v+1, v2)
	got := map[uint64]uint32{}
	for s.Pending() {
		n, ok := s.Next(t0)
		if !ok {
			continue
		}
		s.mid++
		s.Sent(t0, n.ID, s.mid, 0)
		require.NotContains(t, got, n.Peer)
		got[n.Peer] = n.Version
		if n.Confirmable {
			s.Ack(t0, n.Peer, s.mid)
		}
	}
	require.Len(t, got, s.Len(a))
	for _, version := range got {
		require.Equal(t, v2, version)
	}
}

func TestObserversConfig(t *testing.T) {
	require.NoError(t, ObserversConfig{}.Validate())
	for _, bad := range []ObserversConfig{
		{Max: -1}, {Max: 1 << 20}, {MaxPerPeer: -1}, {MaxPeers: -1}, {Window: -1}, {ConfirmEvery: 256}, {ConfirmWithin: 25 * time.Hour},
		{ConfirmWithin: -1}, {NONInterval: 48 * time.Hour}, {Params: Params{NStart: -1}},
	} {
		require.Error(t, bad.Validate())
		s := newSender(bad)
		_, r, _ := s.Put(t0, s.AddTopic(math.MaxInt), 1, tok(1), 0, false)
		require.Equal(t, ObserverAdded, r)
	}
	for r, want := range map[PutResult]string{ObserverAdded: "ObserverAdded", ObserverReplaced: "ObserverReplaced", ObserverRefused: "ObserverRefused", 9: "PutResult(9)"} {
		require.Equal(t, want, r.String())
	}
	for r := range GoneReason(7) {
		require.NotEmpty(t, r.String())
	}
}

// TestObserversOfFewPeers: peers that observe are bounded by themselves.
func TestObserversOfFewPeers(t *testing.T) {
	s := newSender(ObserversConfig{MaxPeers: 2})
	a := s.AddTopic(0)
	for _, c := range []struct {
		peer uint64
		want PutResult
	}{{1, ObserverAdded}, {2, ObserverAdded}, {3, ObserverRefused}, {2, ObserverAdded}} {
		_, r, _ := s.Put(t0, a, c.peer, tok(s.Count()), 0, false)
		require.Equal(t, c.want, r)
	}
	_, ok := s.RemovePeer(1)
	require.True(t, ok)
	_, r, _ := s.Put(t0, a, 3, tok(1), 0, false)
	require.Equal(t, ObserverAdded, r)
}
