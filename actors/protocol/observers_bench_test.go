package protocol

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// crowd is a topic with n observers, each a peer of its own.
func crowd(n int, con bool) (*sender, TopicID) {
	s := newSender(ObserversConfig{Max: maxObservers, NONInterval: -1})
	topic := s.AddTopic(0)
	for i := range n {
		s.Put(t0, topic, uint64(i), tok(i), 0, con)
	}
	return s, topic
}

// round publishes once and has everybody acknowledge what is confirmable.
func (s *sender) round(topic TopicID) (sent int) {
	s.Publish(topic)
	for s.Pending() {
		n, ok := s.Next(t0)
		if !ok {
			continue
		}
		s.mid++
		s.Sent(t0, n.ID, s.mid, 0.5)
		sent++
		if n.Confirmable {
			s.Ack(t0, n.Peer, s.mid)
		}
	}
	return sent
}

// TestObserversMemory: what an observer costs, and that nothing is allocated
// once the table is as large as it gets.
func TestObserversMemory(t *testing.T) {
	const n = 20_000
	s, topic := crowd(n, true)
	require.Equal(t, n, s.Len(topic))
	require.Equal(t, n, s.round(topic))
	st := s.Stats()
	require.Less(t, st.Memory/n, 250, "bytes for each observer, a peer's entry included")
	require.Zero(t, st.Outstanding)
	allocs := testing.AllocsPerRun(3, func() {
		s.round(topic)
		id, _ := s.Find(7, tok(7))
		s.Remove(id)
		s.Put(t0, topic, 7, tok(7), 0, true)
	})
	require.Zero(t, allocs)
}

func BenchmarkObservers(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		for _, con := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d/con=%v", n, con), func(b *testing.B) {
				s, topic := crowd(n, con)
				s.round(topic)
				b.ReportAllocs()
				b.ResetTimer()
				for done := 0; done < b.N; {
					done += s.round(topic)
				}
				b.ReportMetric(float64(s.Stats().Memory)/float64(n), "B/observer")
			})
		}
	}
}

func BenchmarkObserversPut(b *testing.B) {
	s, topic := crowd(100_000, false)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		id, _ := s.Find(uint64(i%100_000), tok(i%100_000))
		s.Remove(id)
		s.Put(t0, topic, uint64(i%100_000), tok(i%100_000), 0, false)
	}
}
