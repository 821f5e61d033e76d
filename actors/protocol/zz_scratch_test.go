package protocol
import ("testing";"syscall";"time";"fmt";"runtime")
func cpu() time.Duration { var r syscall.Rusage; syscall.Getrusage(1, &r); return time.Duration(r.Utime.Nano()) }
func TestScratch(t *testing.T) {
	runtime.LockOSThread()
	for _, entries := range []int{1<<10, 1<<14, 1<<16, 1<<18, 1<<20} {
	for _, peers := range []uint64{1, 16384} {
		d := NewDedup(DedupConfig{Entries: entries, Bytes: entries*64, Seed: 42})
		answer := make([]byte, 24)
		now, i := t0, uint64(0)
		step := func() {
			key := MakeDedupKey(1+i%peers, uint16(i/peers))
			if peers == 1 { key = MakeDedupKey(1+i>>16, uint16(i)) }
			i++; now = now.Add(8770)
			d.Admit(now, key, Idempotent, conLife); d.Answer(now, key, answer)
		}
		for range 1_200_000 { step() }
		best := time.Hour
		for range 8 {
			c := cpu()
			for range 500_000 { step() }
			best = min(best, (cpu()-c)/500_000)
		}
		fmt.Println(entries, peers, best, d.Stats().Evicted)
	}}
}
