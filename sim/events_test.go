package sim

import (
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/netio"
)

// TestAgenda: events come in the order of (time, sequence), whatever was stopped
// meanwhile.
func TestAgenda(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a agenda
		type entry struct {
			at    netio.Instant
			n     int
			timer *timer
		}
		var want []entry
		fired := -1
		for n := range rapid.IntRange(0, 300).Draw(t, "n") {
			e := entry{at: netio.Instant(rapid.IntRange(0, 20).Draw(t, "at")), n: n}
			if rapid.Bool().Draw(t, "timer") {
				e.timer = &timer{f: func() { fired = n }}
				a.setTimer(e.at, e.timer)
			} else {
				a.add(e.at, ref(n), 1)
			}
			want = append(want, e)
			if rapid.IntRange(0, 2).Draw(t, "stop") > 0 {
				i := rapid.IntRange(0, len(want)-1).Draw(t, "which")
				if x := want[i]; x.timer != nil {
					require.True(t, x.timer.Stop())
					require.False(t, x.timer.Stop())
					want = append(want[:i], want[i+1:]...)
				}
			}
		}
		sort.SliceStable(want, func(i, j int) bool { return want[i].at < want[j].at })
		for _, x := range want {
			_, early := a.due(x.at - 1)
			require.False(t, early)
			e, ok := a.due(20)
			require.True(t, ok)
			require.Equal(t, x.at, e.at)
			if x.timer == nil {
				require.Equal(t, ref(x.n), e.what)
				continue
			}
			a.take(e)()
			require.Equal(t, x.n, fired)
		}
		_, ok := a.due(100)
		require.False(t, ok)
		require.Zero(t, a.stopped)
		require.Len(t, a.timers.free, len(a.timers.values))
	})
}

// TestAgendaStopped: timers that are set and stopped again and again leave
// nothing behind.
func TestAgendaStopped(t *testing.T) {
	var a agenda
	for range 10 {
		a.setTimer(1e9, &timer{f: func() {}})
	}
	for i := range 100_000 {
		x := &timer{f: func() {}}
		a.setTimer(netio.Instant(i%1000+1), x)
		require.True(t, x.Stop())
	}
	require.Less(t, cap(a.heap), 256)
	require.Less(t, cap(a.timers.values), 256)
}
