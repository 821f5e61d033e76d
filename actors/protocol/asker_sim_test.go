package protocol

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sort"
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
)

// air is a network of nodes that answer one asker: a shared medium, on which
// frames that overlap destroy each other and nobody listens before he speaks, or
// a wire with a rate and a queue.
type air struct {
	nodes   int
	tau     time.Duration // that an answer occupies the medium; 0 = no collisions
	rate    float64       // answers a second of a wire; 0 = any number
	queue   int           // answers that wait for it
	loss    float64       // of requests and answers
	latency time.Duration
}

// result is how a discovery went.
type result struct {
	recall, recallAt25  float64
	t50, t99, t999, end time.Duration
	sent, requests      int // answers and requests
	requestBytes        int
	rounds              int
}

type airEvent struct {
	at   netio.Instant
	kind uint8 // 0 tick, 1 answer begins, 2 answer arrives
	node int32
	num  int
	hit  *bool
}

type airEvents []airEvent

func (e airEvents) Len() int           { return len(e) }
func (e airEvents) Less(i, j int) bool { return e[i].at < e[j].at }
func (e airEvents) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *airEvents) Push(x any)        { *e = append(*e, x.(airEvent)) }
func (e *airEvents) Pop() any          { o := *e; x := o[len(o)-1]; *e = o[:len(o)-1]; return x }

func airID(i int) (id InstanceID) {
	binary.BigEndian.PutUint64(id[:], uint64(i)*0x9e3779b97f4a7c15+1)
	return id
}

// run lets an asker discover everybody.
func (w air) run(cfg AskerConfig, seed uint64, tune func(*askerTuning)) result {
	rnd := rand.New(rand.NewPCG(seed, 1))
	cfg.Seed = rnd.Uint64()
	a := NewAsker(cfg)
	if tune != nil {
		tune(&a.tuning)
	}
	var events airEvents
	var times []time.Duration
	var r result
	var busy, now netio.Instant // until when the medium, or the wire, is
	now = t0
	var last *bool // whether the last frame was destroyed
	from := netip.MustParseAddrPort("10.0.0.1:5683")
	heap.Push(&events, airEvent{at: t0})
	deadline := t0
	for len(events) > 0 {
		e := heap.Pop(&events).(airEvent)
		now = e.at
		switch e.kind {
		case 0:
			if now < deadline {
				continue
			}
			ask := a.Tick(now, rnd.Uint64())
			if ask.Done {
				r.end = now.Sub(t0)
				events = nil
				continue
			}
			deadline = ask.Next
			heap.Push(&events, airEvent{at: ask.Next})
			if !ask.Send {
				continue
			}
			b, err := ask.Round.Append(nil)
			if err != nil {
				panic(err)
			}
			r.requests++
			r.requestBytes += len(b) + 40
			took := time.Duration(0)
			if w.tau > 0 {
				took = time.Duration(float64(len(b)+60) / 31250 * float64(time.Second))
				lost := now < busy
				if lost && last != nil {
					*last = true
				}
				busy = max(busy, now.Add(took))
				hit := lost
				last = &hit
				if lost {
					continue
				}
			}
			for i := range w.nodes {
				if rnd.Float64() < w.loss || !ask.Round.Asks(airID(i)) {
					continue
				}
				wait := time.Duration(rnd.Float64() * float64(ask.Round.Window))
				heap.Push(&events, airEvent{at: now.Add(took + w.latency + wait), kind: 1, node: int32(i), num: ask.Number})
			}
		case 1:
			r.sent++
			hit := new(bool)
			end := now.Add(w.tau)
			switch {
			case w.tau > 0:
				if now < busy {
					*hit = true
					if last != nil {
						*last = true
					}
				}
				busy, last = max(busy, end), hit
			case w.rate > 0:
				each := time.Duration(float64(time.Second) / w.rate)
				busy = max(busy, now)
				*hit = busy.Sub(now) > time.Duration(w.queue)*each
				if !*hit {
					busy = busy.Add(each)
					end = busy
				}
			}
			if rnd.Float64() < w.loss {
				*hit = true
			}
			heap.Push(&events, airEvent{at: end.Add(w.latency), kind: 2, node: e.node, num: e.num, hit: hit})
		case 2:
			if *e.hit {
				continue
			}
			if h, _ := a.Answer(now, e.num, airID(int(e.node)), "", from); h == DiscoveredNew {
				times = append(times, now.Sub(t0))
			}
			if d := a.Deadline(); d != deadline {
				deadline = d
				heap.Push(&events, airEvent{at: d})
			}
		}
	}
	r.rounds = a.Stats().Rounds
	r.recall = float64(len(times)) / float64(w.nodes)
	r.recallAt25 = float64(sort.Search(len(times), func(i int) bool { return times[i] > 25*time.Second })) / float64(w.nodes)
	if k := (w.nodes + 1) / 2; len(times) >= k {
		r.t50 = times[k-1]
	}
	if k := (99*w.nodes + 99) / 100; len(times) >= k {
		r.t99 = times[k-1]
	}
	if k := (999*w.nodes + 999) / 1000; len(times) >= k {
		r.t999 = times[k-1]
	}
	return r
}

// airs are the networks that the parameters were chosen for.
var airs = map[string]air{
	"5 on Ethernet":             {nodes: 5, latency: time.Millisecond},
	"5 on Ethernet, 20 % lost":  {nodes: 5, latency: time.Millisecond, loss: 0.2},
	"1,000 on 250 kbit/s":       {nodes: 1000, latency: time.Millisecond, tau: 2750 * time.Microsecond},
	"100 on 250 kbit/s":         {nodes: 100, latency: time.Millisecond, tau: 2750 * time.Microsecond},
	"1,000, 5 % lost":           {nodes: 1000, latency: 15 * time.Millisecond, loss: 0.05},
	"10,000 on Ethernet":        {nodes: 10_000, latency: time.Millisecond, rate: 100_000, queue: 280},
	"10,000 on 1 Mbit/s":        {nodes: 10_000, latency: time.Millisecond, rate: 1400, queue: 730},
	"100,000 on 10 Mbit/s":      {nodes: 100_000, latency: time.Millisecond, rate: 12_500, queue: 650},
	"1,000, 300 ms there, back": {nodes: 1000, latency: 300 * time.Millisecond},
}

// TestAskerCurves prints what the parameters do: CURVES=1 go test -run
// AskerCurves -v.
func TestAskerCurves(t *testing.T) {
	if os.Getenv("CURVES") == "" {
		t.Skip("CURVES=1 prints them")
	}
	print := func(name, what string, tune func(*askerTuning)) {
		w := airs[name]
		seeds := max(min(200_000/w.nodes, 20), 1)
		var sum result
		least, worst := 1.0, result{}
		for s := range seeds {
			r := w.run(AskerConfig{}, uint64(s), tune)
			least = min(least, r.recall)
			worst.t99, worst.t999, worst.end = max(worst.t99, r.t99), max(worst.t999, r.t999), max(worst.end, r.end)
			sum.sent += r.sent
			sum.t50 += r.t50
			sum.t99 += r.t99
			sum.t999 += r.t999
			sum.end += r.end
			sum.rounds += r.rounds
			sum.requests += r.requests
		}
		of := func(d time.Duration) float64 { return d.Seconds() / float64(seeds) }
		fmt.Printf("%-25s %-12s recall %.4f  t50 %6.2f s  t99 %6.2f (%6.2f)  t999 %6.2f (%6.2f)  end %6.2f (%6.2f)  answers %.2f  rounds %4.1f  requests %.1f\n", name, what, least,
			of(sum.t50), of(sum.t99), worst.t99.Seconds(), of(sum.t999), worst.t999.Seconds(), of(sum.end), worst.end.Seconds(),
			float64(sum.sent)/float64(seeds*w.nodes), float64(sum.rounds)/float64(seeds), float64(sum.requests)/float64(seeds))
	}
	var names []string
	for n := range airs {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		print(n, "", nil)
	}
	if os.Getenv("CURVES") == "short" {
		return
	}
	for _, v := range []float64{0.1, 0.2, 0.3, 0.4, 0.5} {
		print("1,000 on 250 kbit/s", fmt.Sprintf("load %.1f", v), func(a *askerTuning) { a.load = v })
	}
	for _, name := range []string{"1,000 on 250 kbit/s", "10,000 on Ethernet", "5 on Ethernet"} {
		for _, v := range []float64{2, 4, 8, 16, 32} {
			print(name, fmt.Sprintf("faster %.0f", v), func(a *askerTuning) { a.faster = v })
		}
		for _, v := range []float64{8, 32, 128} {
			print(name, fmt.Sprintf("growth %.0f", v), func(a *askerTuning) { a.growth = v })
		}
		for _, v := range []float64{50, 100, 200, 400} {
			print(name, fmt.Sprintf("safe %.0f", v), func(a *askerTuning) { a.safe = v })
		}
	}
}

// TestAskerAir: what must hold in the networks that it was made for.
func TestAskerAir(t *testing.T) {
	for _, c := range []struct {
		name      string
		seeds     int
		recall    float64
		t99, t999 time.Duration
	}{
		{"5 on Ethernet", 20, 1, time.Second, time.Second},
		{"1,000 on 250 kbit/s", 20, 0.999, 25 * time.Second, 27 * time.Second},
		{"1,000, 5 % lost", 5, 0.999, 3 * time.Second, 4 * time.Second},
		{"10,000 on Ethernet", 4, 0.999, 1600 * time.Millisecond, 1800 * time.Millisecond},
		{"10,000 on 1 Mbit/s", 1, 0.999, 9 * time.Second, 10 * time.Second},
	} {
		w := airs[c.name]
		for s := range c.seeds {
			r := w.run(AskerConfig{}, uint64(s), nil)
			require.GreaterOrEqual(t, r.recall, c.recall, "%s, seed %d", c.name, s)
			require.LessOrEqual(t, r.t99, c.t99, "%s, seed %d", c.name, s)
			require.LessOrEqual(t, r.t999, c.t999, "%s, seed %d", c.name, s)
			require.LessOrEqual(t, r.rounds, 40, "%s, seed %d", c.name, s)
			if w.rate > 0 {
				require.LessOrEqual(t, r.sent, w.nodes*101/100, "%s, seed %d", c.name, s) // no queue overflows
			}
		}
	}
}
