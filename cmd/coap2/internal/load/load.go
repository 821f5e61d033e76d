package load

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

// Load is a load under way. Its methods may be called from any goroutine.
type Load struct {
	cfg      Config
	clock    netio.Clock
	template []byte
	spread   bool // endpoints are source addresses
	ids      int  // message IDs of an endpoint

	done    chan struct{} // closed when nothing is outstanding any more
	ended   chan struct{} // closed when the sockets are
	closing sync.WaitGroup

	mu        sync.Mutex
	rand      *rand.Rand
	key       uint64 // turns slot and generation into a token
	sockets   []*socket
	endpoints []endpoint
	byAddr    map[netip.Addr]int32 // endpoints that are source addresses
	nextAddr  uint32
	used      map[uint16]netio.Instant // ports of replaced endpoints, and until when
	slots     []slot
	places    ring    // endpoints that may send, in turn
	ramped    int     // slots that have been used
	parked    []int32 // slots that wait until an endpoint can be renewed
	timers    protocol.Deadlines[int32]
	own       *outbox // of the goroutine that keeps the time

	phase       phase
	begun       netio.Instant // when counting began
	last        netio.Instant // when the last request ended
	outstanding int           // slots that are not idle
	launched    uint64        // requests since counting began
	want        []byte        // the payload of right responses
	wanted      bool          // want is known
	err         error         // a socket that died
	res         Result
}

// phase is where a load is in its life.
type phase uint8

const (
	warming   phase = iota
	measuring       // counting what comes
	draining        // no more requests; answers to those that were made count
	over
)

// tick is how often the time is looked at: how late a retransmission may be.
const tick = 10 * time.Millisecond

// burst is how many requests are added at a time in the beginning, so that no
// buffer overflows before the server has begun to answer.
const burst = 64

// Start opens the sockets and begins. The load ends by itself, or with Stop;
// one of them must be waited for, with Done or by calling Stop.
func Start(cfg Config) (*Load, error) {
	l, err := prepare(cfg)
	if err == nil {
		err = l.start()
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

func prepare(cfg Config) (*Load, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	l := &Load{
		cfg: cfg, clock: netio.NewSystemClock(), spread: spreads(cfg.Target.Addr()), ids: 1 << 16, rand: newRand(),
		done: make(chan struct{}), ended: make(chan struct{}),
		endpoints: make([]endpoint, cfg.Peers), byAddr: map[netip.Addr]int32{}, used: map[uint16]netio.Instant{}, slots: make([]slot, cfg.Outstanding),
		want: cfg.Want, wanted: cfg.Want != nil || cfg.Check == Any,
	}
	l.key = l.rand.Uint64()
	l.template, _ = cfg.template() // Validate has seen it
	l.own = newOutbox(4*burst, l.template, netio.Peer{Addr: cfg.Target})
	n := max(cfg.Peers, cfg.Outstanding)
	l.places = ring{at: make([]int32, n)}
	for i := range n {
		l.places.push(int32(i % cfg.Peers))
	}
	return l, nil
}

func (l *Load) start() error {
	err := l.openSockets()
	for i := 0; err == nil && i < len(l.sockets); i++ {
		err = l.startSocket(l.sockets[i])
	}
	if err != nil {
		l.closeSockets()
		return fmt.Errorf("load: %w", err)
	}
	go l.keepTime()
	return nil
}

func (l *Load) closeSockets() {
	for _, s := range l.sockets {
		l.closeLater(s)
	}
	l.closing.Wait()
}

// Done returns a channel that is closed when the load has ended.
func (l *Load) Done() <-chan struct{} { return l.ended }

// Stop ends the load at once, if it has not ended: what is outstanding is
// forgotten. It waits for the end.
func (l *Load) Stop() {
	l.mu.Lock()
	if l.phase != over {
		l.res.Interrupted = true
		l.finishAll()
	}
	l.mu.Unlock()
	<-l.ended
}

// Err returns why the load ended before its time, if a socket failed. It may be
// called when it has ended.
func (l *Load) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// down is told that a socket has failed.
func (l *Load) down(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != over {
		l.err = fmt.Errorf("load: %w", err)
		l.finishAll()
	}
}

// Result returns what has come of the load so far.
func (l *Load) Result() *Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.res
	switch l.phase {
	case warming:
		r = Result{}
	case measuring:
		r.Elapsed = l.clock.Now().Sub(l.begun)
		r.Requests, r.Measuring = l.launched, true
	default:
		r.Requests, r.Measuring = l.launched, true
	}
	r.Endpoints, r.Sockets = len(l.endpoints), len(l.sockets)
	for _, s := range l.sockets {
		st := s.transport.Stats()
		r.Dropped += st.KernelDrops + st.Truncated
	}
	return &r
}

// keepTime is the goroutine that sees to what is due.
func (l *Load) keepTime() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for started := l.clock.Now(); ; {
		l.onTick(started)
		l.send(l.own)
		select {
		case <-l.done:
			l.closeSockets()
			close(l.ended)
			return
		case <-ticker.C:
		}
	}
}

func (l *Load) onTick(started netio.Instant) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	if l.phase == warming && now >= started.Add(l.cfg.Warmup) {
		l.begin(now)
	}
	if l.phase == measuring && l.cfg.Duration > 0 && now >= l.begun.Add(l.cfg.Duration) {
		l.end(now)
	}
	for l.phase != over {
		i, ok := l.timers.Pop(now)
		if !ok {
			break
		}
		l.due(now, i, l.own)
	}
	l.ramp(now, l.own)
	l.stamp(l.own)
}

// begin begins to count. What is outstanding counts from now on.
func (l *Load) begin(now netio.Instant) {
	l.res = Result{}
	l.phase, l.begun, l.last, l.launched = measuring, now, now, 0
	for i := range l.slots {
		if l.slots[i].outstanding() {
			l.launched++
		}
	}
	if l.cfg.Begin != nil {
		l.cfg.Begin()
	}
}

// end ends the counting of what is answered in time; what is outstanding may
// still be answered.
func (l *Load) end(now netio.Instant) {
	if l.phase == measuring {
		l.res.Elapsed = now.Sub(l.begun)
		if l.cfg.End != nil {
			l.cfg.End()
		}
	}
	l.phase = draining
	l.settle()
}

// settle sees whether the load is over.
func (l *Load) settle() {
	if l.phase == measuring && l.outstanding == 0 && l.cfg.Count > 0 && l.launched >= l.cfg.Count {
		// Without a bound in time, it is as long as it took.
		l.end(l.last)
		return
	}
	if l.phase == draining && l.outstanding == 0 {
		l.finishAll()
	}
}

// finishAll ends the load whatever is outstanding.
func (l *Load) finishAll() {
	if l.phase == measuring {
		l.end(l.clock.Now())
	}
	if l.phase != over {
		l.phase = over
		close(l.done)
	}
}

// ring is a queue of endpoints of fixed room.
type ring struct {
	at         []int32
	head, size int
}

func (r *ring) push(v int32) {
	i := r.head + r.size
	if i >= len(r.at) {
		i -= len(r.at)
	}
	r.at[i] = v
	r.size++
}

func (r *ring) pop() int32 {
	v := r.at[r.head]
	if r.head++; r.head == len(r.at) {
		r.head = 0
	}
	r.size--
	return v
}
