package main

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/cmd/coap2/internal/histogram"
	"github.com/coap2/coap2/cmd/coap2/internal/machine"
)

// classes is how many kinds of samples there are; in the cases "1 in 100" each
// subscriber wants those of one.
const classes = 100

// sample is what the n-th sample reads: its class, and its number.
func sample(n int) string { return fmt.Sprintf("%d.%06d", 100+n%classes, n%1_000_000) }

// rule is what subscriber i says that wants one class.
func rule(i int) string { return fmt.Sprintf("value in %d..%d.999999", 100+i%classes, 100+i%classes) }

// settings of a measurement.
type settings struct {
	subscribers int
	duration    time.Duration
	rate        float64 // of samples, when latency is measured
	rounds      int
	window      int // samples under way, when it is not
	server      int // processor of the server; -1 = any
}

// result is what a case came to.
type result struct {
	Server string `json:"server"`
	QoS    int    `json:"qos"`
	// Wanted: each subscriber wants 1 sample in so many.
	Wanted int `json:"wanted_1_in"`
	// Notifications that somebody wanted and got as fast as it goes, and the
	// samples that they came from; and what each cost the server.
	Notifications uint64  `json:"notifications"`
	PerSecond     float64 `json:"notifications_per_second"`
	Samples       float64 `json:"samples_per_second"`
	CPU           float64 `json:"server_cpu_us_per_notification"`
	Busy          float64 `json:"server_cpu_share"`
	Bytes         float64 `json:"bytes_per_notification"`
	Packets       float64 `json:"packets_per_notification"`
	// Lost were not received; with QoS 1 nothing may be.
	Lost uint64 `json:"lost"`
	// Latency at the rate that was asked for.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}

// meter follows samples on their way.
type meter struct {
	only   bool // subscribers want one class
	strict bool // everybody must get everything once and in order
	subs   int

	mu   sync.Mutex
	sent []time.Time // when each sample was published

	left  []atomic.Int32 // by number of the sample, modulo: how many have still to get it
	done  chan int
	total atomic.Uint64
	gaps  atomic.Uint64 // notifications that were left out
	wrong atomic.Pointer[error]
	hist  []histogram.Histogram // by subscriber
	last  []int                 // by subscriber: the latest sample
}

// ring is how many samples can be under way.
const ring = 4096

func newMeter(s settings, r result) *meter {
	m := &meter{only: r.Wanted > 1, strict: r.QoS > 0, subs: s.subscribers, left: make([]atomic.Int32, ring), done: make(chan int, ring),
		hist: make([]histogram.Histogram, s.subscribers), last: make([]int, s.subscribers)}
	for i := range m.last {
		m.last[i] = -1
	}
	return m
}

func (m *meter) fail(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	m.wrong.CompareAndSwap(nil, &err)
}

// wants reports whether a subscriber wants a sample.
func (m *meter) wants(i, n int) bool { return !m.only || n%classes == i%classes }

// step is how far the samples are apart that a subscriber wants.
func (m *meter) step() int {
	if m.only {
		return classes
	}
	return 1
}

// got is called with each payload that a subscriber receives.
func (m *meter) got(i int, payload []byte) {
	now := time.Now()
	m.mu.Lock()
	count := len(m.sent)
	m.mu.Unlock()
	digits, n := payload, -1
	if len(payload) == 10 {
		digits = payload[4:]
		if v, err := strconv.Atoi(string(digits)); err == nil {
			n = v
		}
	}
	if n < 0 || n >= count || string(payload) != sample(n) {
		m.fail("subscriber %d was told %q, which nobody has published", i, payload)
		return
	}
	if !m.wants(i, n) {
		return // thrown away
	}
	want := i % m.step()
	if m.last[i] >= 0 {
		want = m.last[i] + m.step()
	}
	switch {
	case n < want && m.last[i] >= 0:
		if m.strict {
			m.fail("subscriber %d was told %q again, or late", i, payload)
		}
		return
	case n > want:
		m.gaps.Add(uint64((n - want) / m.step()))
		if m.strict {
			m.fail("subscriber %d was told %q and not %q", i, payload, sample(want))
		}
	}
	m.last[i] = n
	m.mu.Lock()
	at := m.sent[n]
	m.mu.Unlock()
	m.hist[i].Add(now.Sub(at))
	m.total.Add(1)
	if m.left[n%ring].Add(-1) == 0 {
		m.done <- n
	}
}

// next notes that a sample is published now, and returns its payload and how
// many want it.
func (m *meter) next() (payload []byte, wanted int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.sent)
	wanted = m.subs
	if m.only {
		wanted = m.subs / classes
		if n%classes < m.subs%classes {
			wanted++
		}
	}
	m.left[n%ring].Store(int32(wanted))
	m.sent = append(m.sent, time.Now())
	return []byte(sample(n)), wanted
}

// forgetTimes begins new histograms.
func (m *meter) forgetTimes() {
	for i := range m.hist {
		m.hist[i] = histogram.Histogram{}
	}
}

// patience is how long a sample may take to reach everybody.
const patience = 5 * time.Second

// rush publishes for a time, with a window of samples under way, and then waits
// until all have arrived.
func (m *meter) rush(b bus, window int, length time.Duration) error {
	open, lost := 0, 0
	for len(m.done) > 0 {
		<-m.done // of samples that nobody waits for any more
	}
	wait := func(until int) error {
		for open > until {
			select {
			case <-m.done:
				open--
			case <-time.After(patience):
				lost++
				open--
				if lost > 3 && !m.strict {
					return nil // it is counted
				}
				if lost > 3 {
					return fmt.Errorf("samples do not arrive: %d of %d notifications are missing", m.missing(), m.missing()+m.total.Load())
				}
			}
			if err := m.wrong.Load(); err != nil {
				return *err
			}
		}
		return nil
	}
	for end := time.Now().Add(length); time.Now().Before(end); {
		if err := wait(window - 1); err != nil {
			return err
		}
		payload, wanted := m.next()
		if wanted > 0 {
			open++
		}
		if err := b.publish(payload); err != nil {
			return err
		}
	}
	return wait(0)
}

// pace publishes at a rate.
func (m *meter) pace(b bus, rate float64, length time.Duration) error {
	every := time.Duration(float64(time.Second) / rate)
	open := 0
	for i := range max(int(length/every), 1) {
		if i > 0 {
			time.Sleep(every)
		}
		payload, wanted := m.next()
		if wanted > 0 {
			open++
		}
		if err := b.publish(payload); err != nil {
			return err
		}
	}
	for ; open > 0; open-- {
		select {
		case <-m.done:
		case <-time.After(patience):
			if m.wrong.Load() == nil {
				return nil // counted as lost
			}
		}
	}
	if err := m.wrong.Load(); err != nil {
		return *err
	}
	return nil
}

// missing counts what was wanted and has not come.
func (m *meter) missing() uint64 {
	n := m.gaps.Load()
	for i, last := range m.last { // what was lost at the end leaves no gap
		for k := last + 1; k < len(m.sent); k++ {
			if m.wants(i, k) {
				n++
			}
		}
	}
	return n
}

// measure measures one case.
func measure(open func() (bus, error), s settings, r result) (_ result, err error) {
	b, err := open()
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	m := newMeter(s, r)
	for i := range s.subscribers {
		if err := b.subscribe(func(p []byte) { m.got(i, p) }); err != nil {
			return r, fmt.Errorf("subscriber %d: %w", i, err)
		}
	}
	if err := m.rush(b, s.window, s.duration/5); err != nil { // warms up
		return r, err
	}
	wire, count, samples, began := b.wire(), m.total.Load(), len(m.sent), time.Now()
	cpu, err := machine.CPUTime(b.pid())
	if err != nil && !errors.Is(err, machine.ErrUnsupported) {
		return r, err
	}
	if err := m.rush(b, s.window, s.duration); err != nil {
		return r, err
	}
	took := time.Since(began)
	used, _ := machine.CPUTime(b.pid())
	n := float64(m.total.Load() - count)
	t := b.wire().minus(wire)
	r.Notifications = m.total.Load() - count
	r.PerSecond, r.Samples = n/took.Seconds(), float64(len(m.sent)-samples)/took.Seconds()
	r.CPU, r.Busy = float64((used-cpu).Microseconds())/n, (used-cpu).Seconds()/took.Seconds()
	r.Bytes, r.Packets = float64(t.bytes)/n, float64(t.packets)/n
	m.forgetTimes()
	if err := m.pace(b, s.rate, s.duration); err != nil {
		return r, err
	}
	var all histogram.Histogram
	for i := range m.hist {
		all.Merge(&m.hist[i])
	}
	r.P50, r.P99 = ms(all.Quantile(0.5)), ms(all.Quantile(0.99))
	r.Lost = m.missing()
	if r.QoS > 0 && r.Lost > 0 {
		return r, fmt.Errorf("%s, QoS %d: %d notifications are missing", r.Server, r.QoS, r.Lost)
	}
	return r, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
