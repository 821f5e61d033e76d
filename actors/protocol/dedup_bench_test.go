package protocol

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkDedup is Admit and Answer of one new request after the other, at
// 114,000 a second, in a table that is as full as it gets: every request drives
// out or expires an older one.
func BenchmarkDedup(b *testing.B) {
	for _, class := range []struct {
		name  string
		class DedupClass
	}{{"idempotent", Idempotent}, {"kept", Kept}} {
		for _, peers := range []uint64{1, 16384} {
			b.Run(fmt.Sprintf("%s/peers=%d", class.name, peers), func(b *testing.B) {
				d := NewDedup(DedupConfig{Seed: 42})
				answer := make([]byte, 24)
				now, i := t0, uint64(0)
				step := time.Second / 114_000
				if class.class == Kept {
					step = conLife / 60_000
				}
				next := func() {
					key := MakeDedupKey(1+i%peers, uint16(i/peers))
					if peers == 1 {
						key = MakeDedupKey(1+i>>16, uint16(i)) // one peer in all, but no ID twice
					}
					i++
					now = now.Add(step)
					if s, _ := d.Admit(now, key, class.class, conLife); s == New {
						d.Answer(now, key, answer)
					}
				}
				for range 1_200_000 {
					next()
				}
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					next()
				}
				b.StopTimer()
				if st := d.Stats(); st.Refused > 0 {
					b.Fatalf("%+v", st)
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
			b.ResetTimer()
			for i := range uint64(b.N) {
				if s, _ := d.Admit(t0, MakeDedupKey(i*7919%peers, uint16(i&15)), Idempotent, conLife); s != Answered {
					b.Fatal(s)
				}
			}
		})
	}
}
