package protocol

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDeadlinesOrder(t *testing.T) {
	var d Deadlines[string]
	_, ok := d.Next()
	require.False(t, ok)
	_, ok = d.Pop(t0)
	require.False(t, ok)
	d.Add(t0+2, "third")
	d.Add(t0+1, "first")
	d.Add(t0+1, "second") // equal times: in the order of Add
	at, ok := d.Next()
	require.True(t, ok)
	require.Equal(t, t0+1, at)
	_, ok = d.Pop(t0)
	require.False(t, ok)
	for _, want := range []string{"first", "second", "third"} {
		v, ok := d.Pop(t0 + 2)
		require.True(t, ok)
		require.Equal(t, want, v)
	}
	require.Zero(t, d.Len())
}

func TestDeadlinesStaleHandles(t *testing.T) {
	var d Deadlines[int]
	_, ok := d.Cancel(0)
	require.False(t, ok)
	h := d.Add(t0, 1)
	require.NotZero(t, h)
	at, ok := d.When(h)
	require.True(t, ok)
	require.Equal(t, t0, at)
	v, ok := d.Cancel(h)
	require.True(t, ok)
	require.Equal(t, 1, v)
	_, ok = d.Cancel(h)
	require.False(t, ok)
	_, ok = d.When(h)
	require.False(t, ok)
	h2 := d.Add(t0, 2) // in the same slot
	require.NotEqual(t, h, h2)
	_, ok = d.Cancel(h)
	require.False(t, ok, "a stale handle must not cancel another entry")
	_, ok = d.Cancel(h2 + 1)
	require.False(t, ok)
	_, ok = d.Pop(t0)
	require.True(t, ok)
	_, ok = d.Cancel(h2)
	require.False(t, ok)
	for _, forged := range []Handle{1, 2, 1<<32 | 7, 1<<64 - 1, 3<<32 | 1} {
		_, ok = d.Cancel(forged)
		require.False(t, ok)
	}
}

func TestDeadlinesModel(t *testing.T) {
	type entry struct {
		at  netio.Instant
		seq int
		h   Handle
	}
	rapid.Check(t, func(t *rapid.T) {
		var d Deadlines[int]
		var model []entry // sorted
		var stale []Handle
		seq := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				at := t0 + netio.Instant(rapid.IntRange(0, 20).Draw(t, "at"))
				seq++
				e := entry{at, seq, d.Add(at, seq)}
				i, _ := slices.BinarySearchFunc(model, e, func(a, b entry) int {
					if a.at != b.at {
						return int(a.at - b.at)
					}
					return a.seq - b.seq
				})
				model = slices.Insert(model, i, e)
			},
			"cancel": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("empty")
				}
				i := rapid.IntRange(0, len(model)-1).Draw(t, "i")
				v, ok := d.Cancel(model[i].h)
				require.True(t, ok)
				require.Equal(t, model[i].seq, v)
				stale = append(stale, model[i].h)
				model = slices.Delete(model, i, i+1)
			},
			"pop": func(t *rapid.T) {
				now := t0 + netio.Instant(rapid.IntRange(-1, 20).Draw(t, "now"))
				v, ok := d.Pop(now)
				require.Equal(t, len(model) > 0 && model[0].at <= now, ok)
				if ok {
					require.Equal(t, model[0].seq, v)
					stale = append(stale, model[0].h)
					model = model[1:]
				}
			},
			"stale": func(t *rapid.T) {
				if len(stale) == 0 {
					t.Skip("none")
				}
				_, ok := d.Cancel(rapid.SampledFrom(stale).Draw(t, "h"))
				require.False(t, ok)
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(model), d.Len())
				at, ok := d.Next()
				require.Equal(t, len(model) > 0, ok)
				if ok {
					require.Equal(t, model[0].at, at)
				}
			},
		})
	})
}

func TestDeadlinesAllocateNothing(t *testing.T) {
	var d Deadlines[int]
	for i := range 100 {
		d.Add(t0.Add(time.Duration(i)), i)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h := d.Add(t0, 1)
		d.Add(t0, 2)
		d.Cancel(h)
		d.Pop(t0)
	}))
}

func BenchmarkDeadlines(b *testing.B) {
	for _, n := range []int{16, 16384} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var d Deadlines[uint32]
			rnd := rand.New(rand.NewPCG(1, 2))
			handles := make([]Handle, n)
			now := t0
			for i := range handles {
				handles[i] = d.Add(now.Add(time.Duration(rnd.Int64N(int64(time.Second)))), uint32(i))
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				now = now.Add(10 * time.Microsecond)
				i = (i + 7) % n
				d.Cancel(handles[i])
				handles[i] = d.Add(now.Add(2*time.Second), uint32(i))
			}
		})
	}
}
