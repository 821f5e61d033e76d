package protocol

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// When a host is asked for again, and over which time it is to answer.
func TestHostTry(t *testing.T) {
	for _, c := range []struct {
		name         string
		m            Medium
		try          int
		window, next time.Duration
	}{
		{"nothing is known", Medium{}, 0, 0, 250 * ms},
		{"nothing is known, again", Medium{}, 1, 0, 250 * ms},
		{"nothing is known, and nobody has answered three times", Medium{}, 3, 250 * ms, 250 * ms},
		{"quick", Medium{Latency: 5 * ms, Spread: 4 * ms}, 1, 0, 250 * ms},
		{"a long way", Medium{Latency: 600 * ms}, 0, 0, 600 * ms},
		{"a long way, again", Medium{Latency: 300 * ms}, 1, 600 * ms, 900 * ms},
		{"several hops", Medium{Latency: 300 * ms, Spread: 204 * ms}, 0, 0, 300 * ms},
		{"several hops, and answers have been lost", Medium{Latency: 300 * ms, Spread: 204 * ms, Lost: 0.25}, 0, 400 * ms, 700 * ms},
		{"several hops, again", Medium{Latency: 100 * ms, Spread: 200 * ms}, 3, 400 * ms, 650 * ms},
		{"bounded", Medium{Latency: time.Hour, Spread: time.Hour}, 1, 2 * time.Second, 4 * time.Second},
	} {
		window, next := c.m.HostTry(c.try, 250*ms)
		require.Equal(t, c.window, window, c.name)
		require.Equal(t, c.next, next, c.name)
	}
}

// What is heard is learned, and forgotten in time; what strangers say is bounded.
func TestMediumLearned(t *testing.T) {
	a := NewAsker(AskerConfig{Query: Query{Kind: ByName, Name: "n"}})
	a.Tick(t0, 1)
	a.Answer(t0.Add(300*ms), 0, InstanceID{1}, "n", askerFrom)
	m := a.Learned(Medium{Spread: 80 * ms})
	require.Equal(t, Medium{Latency: 300 * ms, Spread: 80 * ms}, m, "of one answer no spread is seen")
	require.Equal(t, 400*ms, m.HeardHost(600*ms, 200*ms, 0, 1).Latency)
	require.Equal(t, 2*time.Second, m.HeardHost(time.Hour, 0, 0, 0).Latency)
	require.Zero(t, m.HeardHost(ms, 0, 0, 0).Lost)
	m = m.HeardHost(ms, 0, 0, 1)
	require.Equal(t, 0.25, m.Lost, "asked again")
	require.Equal(t, 0.25, m.HeardHost(ms, ms, ms, 1).Lost, "not at once, and asked again")
	require.Less(t, m.HeardHost(ms, 0, 0, 0).Lost, m.HeardHost(ms, ms, ms, 0).Lost)
	require.Less(t, m.HeardHost(ms, ms, ms, 0).Lost, m.Lost)
	a.Tick(t0.Add(time.Hour), 1) // has been answered, and asks no more
	require.Zero(t, a.Learned(Medium{}).Lost)
	a = NewAsker(AskerConfig{Query: Query{Kind: ByName, Name: "n"}})
	a.Tick(t0, 1)
	a.Tick(t0.Add(time.Second), 1)
	require.Zero(t, a.Learned(Medium{}).Lost, "nobody is there")
	a.Answer(t0.Add(time.Second+ms), 1, InstanceID{1}, "n", askerFrom)
	require.Equal(t, 0.25, a.Learned(Medium{}).Lost)

	a = NewAsker(AskerConfig{Query: Query{Kind: AnyOf, Paths: []string{"/x"}}, Expect: 1})
	ask := a.Tick(t0, 1)
	for i := range 20 {
		a.Answer(t0.Add(ask.Round.Window+time.Duration(i)*10*ms-40*ms), 0, airID(i), "", askerFrom)
	}
	m = a.Learned(Medium{Latency: 8 * ms})
	require.Equal(t, 150*ms, m.Latency)
	require.Equal(t, 140*ms, m.Spread, "of 10 to 150 ms")
	require.Zero(t, m.Nodes, "they were not everyone")
	for range 40 {
		m = NewAsker(AskerConfig{Query: Query{Kind: AnyOf, Paths: []string{"/x"}}}).Learned(m)
	}
	require.Less(t, m.Spread, ms)
	require.Less(t, m.Latency, ms)
}

// Where the network is known to be slow nobody is asked for a sample, and the windows
// are long enough for it; all others begin as if nothing were known.
func TestAskerKnown(t *testing.T) {
	slow := Medium{Latency: 300 * ms, Spread: 200 * ms, Nodes: 100, Rate: 50}
	for _, c := range []struct {
		name   string
		change func(*Medium)
		bits   uint8
		window time.Duration
	}{
		{"slow", func(*Medium) {}, 0, 2 * time.Second},
		{"few", func(m *Medium) { m.Nodes = 5 }, 0, 1200 * ms},
		{"many", func(m *Medium) { m.Nodes = 1000 }, 3, 2500 * ms},
		{"far too many", func(m *Medium) { m.Nodes, m.Rate = math.MaxInt, 1e-300 }, MaxRoundBits, DefaultAskerWindow},
		{"quick", func(m *Medium) { m.Spread = 49 * ms }, askerFirstBits, askerFirstWindow},
		{"nobody was there", func(m *Medium) { m.Nodes = 0 }, askerFirstBits, askerFirstWindow},
		{"no rate", func(m *Medium) { m.Rate = math.NaN() }, askerFirstBits, askerFirstWindow},
	} {
		m := slow
		c.change(&m)
		ask := NewAsker(AskerConfig{Medium: m}).Tick(t0, 1)
		require.Equal(t, c.bits, ask.Round.Bits, c.name)
		require.Equal(t, c.window, ask.Round.Window, c.name)
	}
}

// In a slow network few rounds follow each other, none before the answers to the one
// before it have come; elsewhere the same answers ask for short ones.
func TestAskerSlow(t *testing.T) {
	ask := func(spread time.Duration) (rounds int, shortest time.Duration) {
		a := NewAsker(AskerConfig{Medium: Medium{Latency: spread + ms, Spread: spread, Nodes: 5, Rate: 100}})
		at, first := t0, a.Tick(t0, 1)
		for i := range 5 {
			a.Answer(at.Add(time.Duration(i)*first.Round.Window/5+ms), 0, airID(i), "", askerFrom)
		}
		shortest = time.Hour
		for next := first; !next.Done; next = a.Tick(at, uint64(at)) {
			if next.Send {
				rounds++
				shortest = min(shortest, next.Round.Window)
				require.GreaterOrEqual(t, next.Next.Sub(at), next.Round.Window+spread)
			}
			at = max(next.Next, a.Deadline())
		}
		return rounds, shortest
	}
	rounds, shortest := ask(200 * ms)
	require.LessOrEqual(t, rounds, 3)
	require.Equal(t, 1200*ms, shortest)
	_, shortest = ask(ms)
	require.Less(t, shortest, 100*ms)
}
