package protocol

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A ring that grows over many chunks keeps all that it must, wherever its
// oldest and its youngest bytes lie when it grows, and takes no more than it
// may.
func TestByteRing(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 0))
		r := byteRing{max: 16 << chunkBits}
		if seed%4 == 0 {
			r.max = 1 << (8 + rng.IntN(chunkBits))
		}
		type piece struct {
			pos  uint64
			n    int
			fill byte
		}
		var held []piece
		longest := min(60_000, r.max)
		pressure := rng.IntN(4) // how much is held on average: the ring comes round before it grows
		for step := range 3000 {
			n := 1 + rng.IntN(longest)
			overwrite := step > 2500
			pos, ok := r.claim(n, overwrite)
			if !ok {
				require.Equal(t, r.max, r.size)
				require.Greater(t, int(r.end-r.low)+2*longest, r.max-longest, "there was room")
			} else {
				p := piece{pos, n, byte(rng.Uint32())}
				for i := 0; i < n; i += 1 + n/4 { // a few bytes will do, and the last
					r.at(pos, n)[i] = p.fill
				}
				r.at(pos, n)[n-1] = p.fill
				held = append(held, p)
			}
			require.LessOrEqual(t, r.memory(), r.max)
			require.Equal(t, r.memory(), r.taken)
			for len(held) > 0 && (!r.holds(held[0].pos) || len(held) > 10 && rng.IntN(5) < pressure) {
				held = held[1:]
			}
			if len(held) > 0 {
				r.low = max(r.low, held[0].pos)
			}
			if step%100 == 0 || step > 2990 {
				for _, p := range held {
					for i := 0; i < p.n; i += 1 + p.n/4 {
						if b := r.at(p.pos, p.n); b[i] != p.fill || b[p.n-1] != p.fill {
							t.Fatalf("seed %d, step %d: %+v is damaged", seed, step, p)
						}
					}
				}
			}
		}
	}
}

// An answer that no datagram could hold is not kept.
func TestByteRingTooLong(t *testing.T) {
	r := byteRing{max: 4 << chunkBits}
	_, ok := r.claim(1<<chunkBits+1, true)
	require.False(t, ok)
	pos, ok := r.claim(1<<chunkBits, true)
	require.True(t, ok)
	require.Len(t, r.at(pos, 1<<chunkBits), 1<<chunkBits)
}
