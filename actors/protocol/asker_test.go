package protocol

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
)

var askerFrom = netip.MustParseAddrPort("192.0.2.1:5683")

// A host is asked for at once and then with growing pauses, three times without
// option 316.
func TestAskerHost(t *testing.T) {
	a := NewAsker(AskerConfig{Query: Query{Kind: ByName, Name: "n"}})
	at := t0
	for i, pause := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second} {
		ask := a.Tick(at, 1)
		require.True(t, ask.Send)
		require.Equal(t, i < 3, ask.Bare)
		require.Equal(t, i < 3, ask.Round.Window == 0)
		require.Equal(t, i == 0, ask.First)
		require.Equal(t, i, ask.Number)
		require.Equal(t, at.Add(pause), ask.Next)
		require.False(t, a.Tick(at, 1).Send, "before its time")
		at = ask.Next
	}
	require.True(t, a.Tick(at, 1).Done)

	a = NewAsker(AskerConfig{Query: Query{Kind: ByName, Name: "n"}})
	a.Tick(t0, 1)
	h, _ := a.Answer(t0.Add(30*time.Millisecond), 0, InstanceID{1}, "n", askerFrom)
	require.Equal(t, DiscoveredNew, h)
	require.Equal(t, t0.Add(90*time.Millisecond), a.Deadline(), "another one with the name would answer as quickly")
	require.False(t, a.Tick(t0.Add(50*time.Millisecond), 1).Done)
	require.True(t, a.Tick(a.Deadline(), 1).Done)
}

func TestAskerAnswers(t *testing.T) {
	a := NewAsker(AskerConfig{MaxNodes: 3})
	a.Know(InstanceID{9})
	a.Tick(t0, 1)
	other := netip.MustParseAddrPort("[2001:db8::1]:5683")
	for i, c := range []struct {
		id       InstanceID
		name     string
		from     netip.AddrPort
		want     Discovered
		conflict InstanceID
	}{
		{InstanceID{1}, "a.local", askerFrom, DiscoveredNew, InstanceID{}},
		{InstanceID{1}, "a.local", askerFrom, DiscoveredAgain, InstanceID{}},
		{InstanceID{1}, "a.local", other, DiscoveredAddress, InstanceID{}},
		{InstanceID{2}, "A.local", other, DiscoveredConflict, InstanceID{1}},
		{InstanceID{3}, "c", other, DiscoveredTooMany, InstanceID{}},
		{InstanceID{2}, "A.local", other, DiscoveredAgain, InstanceID{}},
	} {
		h, conflict := a.Answer(t0+1, 0, c.id, c.name, c.from)
		require.Equal(t, c.want.String(), h.String(), i)
		require.Equal(t, c.conflict, conflict, i)
	}
	require.Equal(t, 2, a.Stats().Nodes)
	require.Equal(t, uint64(3), a.Stats().Again)
	require.Equal(t, uint64(1), a.Stats().TooMany)
	// Numbers that nothing was asked with do no harm.
	for _, n := range []int{-1, 1, math.MaxInt} {
		NewAsker(AskerConfig{}).Answer(t0, n, InstanceID{1}, "", askerFrom)
	}
}

// Rounds have salts of their own; a filter holds who is known, in parts where it
// would not fit.
func TestAskerSlices(t *testing.T) {
	a := NewAsker(AskerConfig{MaxFilter: 100, Expect: 1})
	ask := a.Tick(t0, 1)
	require.True(t, ask.Send && ask.First)
	require.Zero(t, ask.Round.Bits)
	require.Empty(t, ask.Round.Filter)
	salt := ask.Round.Salt
	for i := range 500 {
		h, _ := a.Answer(t0.Add(time.Duration(i)*50*time.Microsecond), 0, airID(i), "", askerFrom)
		require.Equal(t, DiscoveredNew, h)
	}
	asked, requests := map[int]int{}, 0
	for {
		ask = a.Tick(a.Deadline(), 2)
		require.True(t, ask.Send)
		require.False(t, ask.First)
		require.NotEqual(t, salt, ask.Round.Salt)
		require.LessOrEqual(t, len(ask.Round.Filter), 100)
		requests++
		for i := range 1000 {
			if ask.Round.Asks(airID(i)) {
				require.GreaterOrEqual(t, i, 500, "one that is known")
				asked[i]++
			}
		}
		if requests == 8 {
			break
		}
	}
	require.Greater(t, len(asked), 450)
	for _, n := range asked {
		require.Equal(t, 1, n)
	}
}

// Whoever does not answer costs a bounded number of requests.
func TestAskerSilence(t *testing.T) {
	a := NewAsker(AskerConfig{})
	at, requests := t0, 0
	for {
		ask := a.Tick(at, uint64(requests))
		if ask.Done {
			break
		}
		require.True(t, ask.Send)
		requests++
		require.Less(t, requests, 12)
		at = ask.Next
	}
	require.Less(t, at.Sub(t0), 8*time.Second)
	require.Zero(t, a.Stats().Nodes)
}

// However answers come, an asker ends.
func TestAskerEnds(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		a := NewAsker(AskerConfig{MaxRounds: 20, MaxNodes: 10_000, Seed: seed})
		at, rounds := t0, 0
		for {
			ask := a.Tick(at, rnd.Uint64())
			if ask.Done {
				break
			}
			rounds++
			for range rnd.IntN(300) {
				var id InstanceID
				binary.BigEndian.PutUint64(id[:], rnd.Uint64())
				a.Answer(at.Add(time.Duration(rnd.Int64N(1e9))), rnd.IntN(rounds+5)-2, id, "x", askerFrom)
			}
			require.Greater(t, ask.Next, at)
			at = ask.Next
		}
		require.LessOrEqual(t, a.Stats().Rounds, 20)
	}
}

// A round lasts while answers come from a queue, and the next one is slower; however
// late they are, it has a window.
func TestAskerQueue(t *testing.T) {
	for _, late := range []int{0, 50, 99} { // of 100 answers
		a := NewAsker(AskerConfig{})
		first := a.Tick(t0, 1)
		end := t0.Add(first.Round.Window)
		for i := range 100 {
			at := t0.Add(time.Millisecond)
			if i >= 100-late {
				at = end.Add(time.Duration(i) * 5 * time.Millisecond)
			}
			a.Answer(at, 0, airID(i), "", askerFrom)
		}
		slow := late > 0
		require.Equal(t, slow, a.Deadline() > first.Next)
		ask := a.Tick(a.Deadline(), 2)
		require.True(t, ask.Send)
		require.LessOrEqual(t, ask.Round.Window, DefaultAskerWindow)
		asked := float64(100*256) / float64(int(1)<<ask.Round.Bits) / ask.Round.Window.Seconds()
		require.Equal(t, slow, asked < 1500, "%v answers/s", asked)
	}
}

// An answer costs an asker no more than 64 bytes.
func TestAskerMemory(t *testing.T) {
	const n = 100_000
	var before, after runtime.MemStats
	a := NewAsker(AskerConfig{})
	a.Tick(t0, 1)
	runtime.GC()
	runtime.ReadMemStats(&before)
	name := []byte("node00000000.local")
	for i := range n {
		binary.BigEndian.PutUint64(name[4:], uint64(i)*0x0101010101010101|0x6161616161616161)
		a.Answer(t0+netio.Instant(i), 0, airID(i), string(name), askerFrom)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Equal(t, n, len(a.table.nodes))
	require.LessOrEqual(t, float64(after.HeapAlloc-before.HeapAlloc)/n, 64.0)
	runtime.KeepAlive(a)
}

func BenchmarkAskerAnswer(b *testing.B) {
	b.ReportAllocs()
	a := NewAsker(AskerConfig{})
	a.Tick(t0, 1)
	i := 0
	for b.Loop() {
		a.Answer(t0+netio.Instant(i), 0, airID(i%100_000), "", askerFrom)
		i++
	}
}

func BenchmarkAskerPlan(b *testing.B) {
	b.ReportAllocs()
	rounds := []asked{{0, 1.0 / 256, 0.05, 3}, {3, 1.0 / 32, 0.09, 8}, {11, 1.0 / 8, 0.21, 6}, {17, 1.0 / 16, 0.53, 31}, {48, 0.5, 3.34, 234}, {282, 1, 5.84, 361}}
	for b.Loop() {
		estimateMissing(rounds, 643)
	}
}
