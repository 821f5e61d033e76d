package radio_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim/radio"
)

// TestDeterminism: radios that move and sleep do the same with the same seed, on
// all machines, and whether somebody looks on or not.
func TestDeterminism(t *testing.T) {
	run := func(seed uint64, looks int) (string, radio.Stats) {
		x, err := radio.NewWander(40, radio.Wander{Motion: radio.Motion{Reach: 40_000}, Side: 150_000, Slowest: 500, Fastest: 1500, Longest: 20 * time.Second},
			rand.New(rand.NewPCG(seed, 1)))
		require.NoError(t, err)
		h := fnv.New64a()
		cfg := radio.Config{Topology: x, Forward: true, Seed: seed, Jitter: time.Second, Duty: radio.Duty{Wake: 100 * ms}}
		cfg.Sniff = func(f *radio.Frame) { fmt.Fprintf(h, "%d %d %x\n", f.At, f.Station, f.Append(nil)) }
		a, c := newAir(t, cfg)
		for k := range 60 {
			d := &radio.Datagram{Header: unicast(k%40, (k*7+1)%40), Payload: make([]byte, 3*k)}
			if k%3 == 0 {
				d.Header.To = radio.Everyone
			}
			d.Size = len(d.Payload)
			d.Heard = func(i int) { fmt.Fprintf(h, "heard %d %d %d\n", k, i, c.now) }
			d.Done = func(l radio.Loss) { fmt.Fprintf(h, "done %d %d %d\n", k, l, c.now) }
			c.AfterFunc(time.Duration(k)*700*ms, func() { a.Send(d) })
		}
		for k := range looks {
			c.AfterFunc(time.Duration(k)*777*ms, func() {
				position(t, a, k%40)
				a.Energy(k % 40)
				a.Reaches(0, k%40)
			})
		}
		c.run(c.now.Add(2 * time.Minute))
		for i := range 40 {
			fmt.Fprintf(h, "%+v %+v\n", a.Energy(i), position(t, a, i))
		}
		return fmt.Sprintf("%016x", h.Sum64()), a.Stats()
	}
	hash, stats := run(1, 0)
	again, _ := run(1, 150)
	require.Equal(t, hash, again)
	other, _ := run(2, 0)
	require.NotEqual(t, hash, other)
	require.NotZero(t, stats.Retries)
	require.NotZero(t, stats.Busy)
	require.Equal(t, "10e8cad4de81de7b", hash, "what happens is another than it was: if that is meant, write it here; %+v", stats)
}
