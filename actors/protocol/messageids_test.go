package protocol

import (
	"math"
	"testing"
	"time"
	"unsafe"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMessageIDsSequential(t *testing.T) {
	var m MessageIDs
	m.Init(FirstGroupID - 2)
	for _, want := range []uint16{FirstGroupID - 2, FirstGroupID - 1, 0, 1} {
		id, free, ok := m.Next(t0, time.Minute)
		require.True(t, ok)
		require.Zero(t, free)
		require.Equal(t, want, id)
	}
	require.Equal(t, uint16(2), m.Force(t0))
	require.LessOrEqual(t, unsafe.Sizeof(m), uintptr(96))
}

func TestMessageIDsAllInUse(t *testing.T) {
	const lifetime = 247 * time.Second
	var m MessageIDs
	m.Init(777)
	seen := make(map[uint16]bool)
	for range FirstGroupID {
		id, _, ok := m.Next(t0, lifetime)
		require.True(t, ok)
		require.False(t, seen[id])
		seen[id] = true
	}
	_, free, ok := m.Next(t0, lifetime)
	require.False(t, ok)
	require.GreaterOrEqual(t, free, t0.Add(lifetime))
	require.Less(t, free, t0.Add(lifetime+3*time.Second))

	_, again, ok := m.Next(free-1, lifetime)
	require.False(t, ok)
	require.Equal(t, free, again)
	id, _, ok := m.Next(free, lifetime)
	require.True(t, ok)
	require.Equal(t, uint16(777), id)
}

// The rate that the default parameters allow to one peer can be kept up.
func TestMessageIDsSteadyRate(t *testing.T) {
	p := Params{}.WithDefaults()
	var m MessageIDs
	now := t0
	for range 300_000 {
		_, _, ok := m.Next(now, p.ExchangeLifetime())
		require.True(t, ok)
		now = now.Add(time.Second / 228)
	}
}

// An ID that was used for a short lifetime is found among those with long ones.
func TestMessageIDsFindsFreeBlock(t *testing.T) {
	var m MessageIDs
	for i := range FirstGroupID {
		lifetime := 247 * time.Second
		if i>>idBlockBits == 5 {
			lifetime = 10 * time.Second
		}
		_, _, ok := m.Next(t0, lifetime)
		require.True(t, ok)
	}
	_, free, ok := m.Next(t0, time.Second)
	require.False(t, ok)
	require.Less(t, free, t0.Add(13*time.Second))
	id, _, ok := m.Next(free, time.Second)
	require.True(t, ok)
	require.Equal(t, uint16(5<<idBlockBits), id)
}

func TestMessageIDsForce(t *testing.T) {
	var m MessageIDs
	// Without a lifetime to go by, 247 s are assumed.
	for i := range FirstGroupID {
		require.Equal(t, uint16(i), m.Force(t0))
	}
	_, free, ok := m.Next(t0, time.Second)
	require.False(t, ok)
	require.GreaterOrEqual(t, free, t0.Add(247*time.Second))
	// Force goes on, and what it breaks into is not taken for free later.
	require.Equal(t, uint16(0), m.Force(t0.Add(time.Second)))
	_, again, ok := m.Next(t0.Add(2*time.Second), time.Second)
	require.False(t, ok)
	require.Equal(t, free, again)
	id, _, ok := m.Next(free, time.Second)
	require.True(t, ok)
	require.Equal(t, uint16(1), id)
}

func TestMessageIDsExtremes(t *testing.T) {
	var m MessageIDs
	_, _, ok := m.Next(math.MaxInt64-5, math.MaxInt64)
	require.True(t, ok)
	m.Force(math.MaxInt64)
	_, _, ok = m.Next(t0, -time.Second)
	require.True(t, ok)
}

// Whatever the times and lifetimes: Next never gives an ID whose lifetime is
// not over, and one is to be had at the moment that it names.
// copyOf returns a copy that shares nothing with m.
func copyOf(m MessageIDs) MessageIDs {
	if m.others != nil {
		others := *m.others
		m.others = &others
	}
	return m
}

func TestMessageIDsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m MessageIDs
		m.Init(rapid.Uint16().Draw(t, "start"))
		now := t0
		busy := make(map[uint16]netio.Instant)
		longest := 247 * time.Second
		known := time.Duration(0)
		for range rapid.IntRange(1, 40).Draw(t, "bursts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(60*time.Second)).Draw(t, "pause")))
			lifetime := time.Duration(rapid.Int64Range(0, int64(300*time.Second)).Draw(t, "lifetime"))
			n := rapid.IntRange(1, 9000).Draw(t, "burst")
			force := rapid.IntRange(0, 4).Draw(t, "force") == 0
			for range n {
				if force {
					if known > 0 {
						longest = known
					}
					id := m.Force(now)
					busy[id] = max(busy[id], now.Add(longest))
					continue
				}
				id, free, ok := m.Next(now, lifetime)
				if !ok {
					require.Greater(t, free, now)
					probe := copyOf(m)
					_, _, ok = probe.Next(free, lifetime)
					require.True(t, ok)
					probe = copyOf(m)
					_, _, ok = probe.Next(free-1, lifetime)
					require.False(t, ok)
					break
				}
				known = max(known, lifetime)
				require.Less(t, id, uint16(FirstGroupID), "the others are for groups")
				if busy[id] > now {
					t.Fatalf("ID %d at %d is in use until %d", id, now, busy[id])
				}
				busy[id] = now.Add(lifetime)
			}
		}
	})
}

func BenchmarkMessageIDs(b *testing.B) {
	var m MessageIDs
	now := t0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(4 * time.Millisecond)
		m.Next(now, 247*time.Second)
	}
}
