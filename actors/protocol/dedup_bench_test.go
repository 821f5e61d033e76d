package protocol

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkDedup is Admit and Answer of one new request after the other, in a
// table that is as full as it gets: every request makes an older one go. What
// it costs is the misses in the processor's caches, so the size matters.
func BenchmarkDedup(b *testing.B) {
	for _, c := range []struct {
		name string
		cfg  DedupConfig
		kind DedupClass
		step time.Duration
		fill int
	}{
		{"warm", DedupConfig{Entries: 1 << 12, Bytes: 1 << 18}, Idempotent, time.Second / 114_000, 1 << 14},
		{"default", DedupConfig{}, Idempotent, time.Second / 114_000, 1_200_000},
		{"kept", DedupConfig{}, Kept, conLife / 60_000, 100_000},
	} {
		for _, peers := range []uint64{1, 16384} {
			b.Run(fmt.Sprintf("%s/peers=%d", c.name, peers), func(b *testing.B) {
				c.cfg.Seed = 42
				d := NewDedup(c.cfg)
				answer := make([]byte, 24)
				now, i := t0, uint64(0)
				next := func() {
					key := MakeDedupKey(1+i%peers, uint16(i/peers))
					if peers == 1 {
						key = MakeDedupKey(1+i>>16, uint16(i)) // one peer at a time, but no ID twice
					}
					i++
					now = now.Add(c.step)
					if s, _ := d.Admit(now, key, c.kind, conLife); s != New {
						b.Fatal(s)
					}
					d.Answer(now, key, answer)
				}
				for range c.fill {
					next()
				}
				b.ReportAllocs()
				for b.Loop() {
					next()
				}
			})
		}
	}
}

// BenchmarkDedupRepeat finds the answers of duplicates.
func BenchmarkDedupRepeat(b *testing.B) {
	for _, peers := range []uint64{1, 16384} {
		b.Run(fmt.Sprintf("peers=%d", peers), func(b *testing.B) {
			d := NewDedup(DedupConfig{Seed: 42})
			answer := make([]byte, 24)
			for p := range peers {
				for mid := range uint16(16) {
					d.Admit(t0, MakeDedupKey(p, mid), Idempotent, conLife)
					d.Answer(t0, MakeDedupKey(p, mid), answer)
				}
			}
			b.ReportAllocs()
			i := uint64(0)
			for b.Loop() {
				i++
				if s, _ := d.Admit(t0, MakeDedupKey(i*7919%peers, uint16(i&15)), Idempotent, conLife); s != Answered {
					b.Fatal(s)
				}
			}
		})
	}
}
