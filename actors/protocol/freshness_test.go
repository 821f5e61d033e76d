package protocol

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/netio"
)

// TestFreshness is the comparison of RFC 7641 §3.4, term by term.
func TestFreshness(t *testing.T) {
	const half = 1 << 23
	for _, c := range []struct {
		what   string
		v1, v2 uint32
		after  time.Duration
		newer  bool
	}{
		{"the same number is a repetition", 5, 5, time.Second, false},
		{"one more", 5, 6, 0, true},
		{"one less", 6, 5, 0, false},
		{"just below half of the circle ahead", 5, 5 + half - 1, 0, true},
		{"half of the circle ahead is behind", 5, 5 + half, 0, false},
		{"half of the circle behind is not ahead", 5 + half, 5, 0, false},
		{"more than half behind has wrapped", 5 + half + 1, 5, 0, true},
		{"wrapped by one", 1<<24 - 1, 0, 0, true},
		{"an old one from before the wrap", 0, 1<<24 - 1, 0, false},
		{"128 s later the number still counts", 6, 5, 128 * time.Second, false},
		{"more than 128 s later it does not", 6, 5, 128*time.Second + 1, true},
		{"not even the same one", 5, 5, 129 * time.Second, true},
		{"numbers of more than 24 bits are cut", 5, 1<<24 | 6, 0, true},
	} {
		var f Freshness
		require.True(t, f.Newer(t0, c.v1), "the first one is always newer")
		require.Equal(t, c.newer, f.Newer(t0.Add(c.after), c.v2), c.what)
		// What was refused has changed nothing.
		if !c.newer {
			require.Equal(t, c.v1, f.v1)
			require.Equal(t, t0, f.t1)
		}
		f.Restart()
		require.True(t, f.Newer(t0, c.v1))
	}
}

func TestSequence(t *testing.T) {
	var s Sequence
	v, _, ok := s.Next(t0)
	require.True(t, ok)
	require.Equal(t, uint32(1), v)
	s.Init(1<<24 - 1)
	for want := range uint32(3) { // the wrap
		v, _, ok = s.Next(t0)
		require.True(t, ok)
		require.Equal(t, want, v)
		require.Equal(t, want, s.Last())
	}
}

// TestSequenceCannotLap: in no 128 s are there numbers for half of the circle.
func TestSequenceCannotLap(t *testing.T) {
	require.Less(t, sequenceBurst+int(reorderTime/sequenceStep)+1, halfSequence)

	// Somebody has taken numbers as fast as they come: all but ten of a burst.
	const lead = sequenceBurst * sequenceStep
	s := Sequence{full: t0.Add(lead - 10*sequenceStep)}
	n := 0
	for {
		_, at, ok := s.Next(t0)
		if !ok {
			require.Equal(t, t0.Add(sequenceStep), at)
			break
		}
		n++
	}
	require.Equal(t, 11, n)
	// From then on they come one a step.
	now := t0
	for range 1000 {
		_, at, ok := s.Next(now)
		require.False(t, ok)
		_, _, ok = s.Next(at - 1)
		require.False(t, ok)
		now = at
		_, _, ok = s.Next(now)
		require.True(t, ok)
	}
	require.InDelta(t, 1000*sequenceStep, now.Sub(t0), float64(sequenceStep))

	// A long pause, and the burst is there again.
	now = now.Add(time.Hour)
	_, _, ok := s.Next(now)
	require.True(t, ok)
	require.Equal(t, now.Add(sequenceStep), s.full)
	_, _, ok = s.Next(netio.Instant(1<<63 - 1)) // the end of time does no harm
	require.True(t, ok)
}

// TestFreshnessFollowsSequence: whatever the network reorders, a client that
// gets a server's numbers ends up with the last one that reached it, in the
// order of sending.
func TestFreshnessFollowsSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Sequence
		s.Init(rapid.Uint32().Draw(t, "start"))
		type sent struct {
			n       int
			v       uint32
			arrives netio.Instant
		}
		var flight []sent
		now := t0
		for i := range rapid.IntRange(1, 30).Draw(t, "notifications") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(60*time.Second)).Draw(t, "pause")))
			// Leaps of a busy server, as far as Next allows them.
			leap := rapid.SampledFrom([]uint32{0, 0, 1, 1000}).Draw(t, "leap")
			for range leap {
				s.Next(now)
			}
			v, _, ok := s.Next(now)
			require.True(t, ok)
			delay := time.Duration(rapid.Int64Range(0, int64(100*time.Second)).Draw(t, "delay"))
			flight = append(flight, sent{i, v, now.Add(delay)})
		}
		var f Freshness
		newest := -1
		for len(flight) > 0 {
			first := 0
			for i := range flight {
				if flight[i].arrives < flight[first].arrives {
					first = i
				}
			}
			d := flight[first]
			flight = append(flight[:first], flight[first+1:]...)
			require.Equal(t, d.n > newest, f.Newer(d.arrives, d.v))
			newest = max(newest, d.n)
		}
	})
}
