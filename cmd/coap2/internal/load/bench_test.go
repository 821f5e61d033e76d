package load

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/cmd/coap2/internal/rawresponder"
	"github.com/coap2/coap2/codec"
)

// run makes n requests of a responder that allocates nothing, after a number of
// others, and returns how many allocations they took.
func run(tb testing.TB, cfg Config, n int) (allocations uint64) {
	r, err := rawresponder.Start(rawresponder.Config{
		Listen: "127.0.0.1:0", Options: codec.Options{codec.ContentFormat(codec.TextPlain)}, Payload: []byte("hello world"),
	})
	require.NoError(tb, err)
	defer r.Close()
	var before, after runtime.MemStats
	cfg.Target, cfg.Options, cfg.Count = r.Addrs()[0], path, uint64(n)
	cfg.Begin = func() {
		runtime.GC() // the other one that allocates
		runtime.ReadMemStats(&before)
		if b, ok := tb.(*testing.B); ok {
			b.ResetTimer()
		}
	}
	cfg.End = func() { runtime.ReadMemStats(&after) }
	res := runLoad(tb, cfg, nil)
	require.Zero(tb, res.Failed(), res.FirstError)
	return after.Mallocs - before.Mallocs
}

// TestAllocations: in steady state a request takes none.
func TestAllocations(t *testing.T) {
	for _, cfg := range []Config{
		{Outstanding: 64, Warmup: 3 * tick},
		{Outstanding: 64, Peers: 1000, Warmup: 3 * tick},
		{Outstanding: 16, NonConfirmable: true, Warmup: 3 * tick},
	} {
		const n = 20000
		require.Less(t, run(t, cfg, n), uint64(n/100))
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, tt := range []struct {
		name string
		cfg  Config
	}{
		{"1", Config{Outstanding: 1}},
		{"64", Config{Outstanding: 64}},
		{"1024", Config{Outstanding: 1024}},
		{"64 of 16384", Config{Outstanding: 64, Peers: 16384}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			tt.cfg.Warmup = 10 * tick
			b.ReportAllocs()
			run(b, tt.cfg, b.N)
		})
	}
}
