package protocol

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/coap2/coap2/netio"
)

// Defaults of AskerConfig.
const (
	// DefaultAskerNodes is how many nodes an Asker takes.
	DefaultAskerNodes = 1 << 17
	// DefaultAskerRounds is how many rounds an Asker makes.
	DefaultAskerRounds = 64
	// DefaultAskerRequests is how many requests an Asker makes. A round has several
	// where many nodes are known.
	DefaultAskerRequests = 1024
	// DefaultAskerRate is how many answers a second it lets come.
	DefaultAskerRate = 12_000
	// DefaultAskerLatency is how long it waits for late answers before it has had
	// one.
	DefaultAskerLatency = 100 * time.Millisecond
	// DefaultAskerWindow is the longest window that it asks for.
	DefaultAskerWindow = 60 * time.Second
	// DefaultAskerTries is how often it asks for a host.
	DefaultAskerTries = 4
)

// The parameters that simulation has chosen; ARCHITECTURE.md has the curves.
const (
	askerFirstBits   = 8                      // of the first round: one of 256 answers
	askerFirstWindow = 50 * time.Millisecond  // its window
	askerSure        = 0.8                    // that nobody is missing, before an end
	askerMinWindow   = 20 * time.Millisecond  // of a round
	askerWiden       = 4                      // an empty round's successor has so many times the window,
	askerWidest      = 2 * time.Second        // as far as there,
	askerNothing     = 500 * time.Millisecond // stands for the last window in which somebody was heard
	askerEmptyWindow = 100 * time.Millisecond // and this at least
	askerMinGrace    = 40 * time.Millisecond  // after a window, for what is still under way
	askerMaxGrace    = 2 * time.Second
	askerRetry       = 250 * time.Millisecond // the first pause before a host is asked for again
	askerBitsEach    = 10                     // of the filter for an instance
	askerLeastBits   = 8                      // where it would not fit otherwise
	askerMaxSlices   = 12                     // bits of a prefix that slices a filter
	askerMistaken    = 0.02                   // of the nodes are silenced by a filter that does not hold them
	askerMostEmpty   = 6                      // rounds, however much gets lost
	askerDoubt       = 1e-3                   // how likely a node may be missed by all empty rounds
	askerCounts      = 32                     // answers to a round that say how fast they come through
	askerTardy       = 16                     // one of so many after its time shows a queue
	askerBelow       = 0.9                    // of what a queue lets through is asked for
)

// askerTuning has the parameters that matter most.
type askerTuning struct {
	growth float64 // a round may have so many times the answers of the fullest before,
	faster float64 // and so many times the rate of the fastest,
	safe   float64 // or of this rate, in answers a second
	load   float64 // of a shared medium, that the answers of a round are to make
}

func defaultAskerTuning() askerTuning {
	return askerTuning{growth: 32, faster: 8, safe: 100, load: 0.3}
}

// AskerConfig says what an Asker looks for. The zero value looks for everyone.
type AskerConfig struct {
	// Query is what is asked.
	Query Query
	// MaxFilter is how many bytes of filter fit into a request; 0 =
	// MaxRoundFilter.
	MaxFilter int
	// MaxNodes bounds the nodes that are taken; 0 = DefaultAskerNodes.
	MaxNodes int
	// MaxRounds bounds the rounds; 0 = DefaultAskerRounds.
	MaxRounds int
	// MaxRequests bounds the requests; 0 = DefaultAskerRequests.
	MaxRequests int
	// Rate is how many answers a second the network and the asker take at most;
	// 0 = DefaultAskerRate. What a slow network takes is found out.
	Rate float64
	// Latency is how long answers may be under way; 0 = DefaultAskerLatency. Once
	// some have come it is found out.
	Latency time.Duration
	// Medium is what earlier discoveries have learned of the network
	// (Asker.Learned).
	Medium Medium
	// MaxWindow bounds the windows that are asked for; 0 = DefaultAskerWindow.
	// Responders have bounds of their own.
	MaxWindow time.Duration
	// Expect is how many nodes are thought to answer; 0 = that is not known.
	Expect int
	// Tries is how often a host is asked for; 0 = DefaultAskerTries.
	Tries int
	// Seed keeps strangers from choosing IDs that are slow to find; random.
	Seed uint64
}

// Discovered says what an answer is to an Asker.
type Discovered uint8

// What an answer can be.
const (
	// DiscoveredNew: a node that has not answered before.
	DiscoveredNew Discovered = iota
	// DiscoveredConflict: the same, and another instance has answered with its name.
	DiscoveredConflict
	// DiscoveredAddress: one that has, from another address.
	DiscoveredAddress
	// DiscoveredAgain: one that has.
	DiscoveredAgain
	// DiscoveredTooMany: as many nodes have answered as may.
	DiscoveredTooMany
)

// String returns the name.
func (h Discovered) String() string {
	switch h {
	case DiscoveredNew:
		return "DiscoveredNew"
	case DiscoveredConflict:
		return "DiscoveredConflict"
	case DiscoveredAddress:
		return "DiscoveredAddress"
	case DiscoveredAgain:
		return "DiscoveredAgain"
	case DiscoveredTooMany:
		return "DiscoveredTooMany"
	}
	return "Discovered(" + strconv.Itoa(int(h)) + ")"
}

// Ask is what an Asker wants done.
type Ask struct {
	// Send: a request is to be sent now, with a token and a message ID of its
	// own.
	Send bool
	// Number is the request's, from 0; its answers are known by it.
	Number int
	// Round is its option 316, valid until the next Tick; a Bare request has none.
	Round Round
	Bare  bool
	// First: it belongs to the first round, which plain servers may answer.
	First bool
	// Next is when Tick is to be called again; not with Done.
	Next netio.Instant
	// Done: nothing more is asked, and nothing waited for.
	Done bool
}

// AskerStats are the counters of an Asker.
type AskerStats struct {
	// Rounds and Requests were made.
	Rounds, Requests int
	// Nodes have answered, and Plain servers.
	Nodes, Plain int
	// Again and TooMany count the answers that gave no node.
	Again, TooMany uint64
	// Missing is how many nodes have not answered, as far as can be estimated.
	Missing float64
}

// Asker is the asking side of a discovery. A host is asked for at once, and again
// until it answers (Medium.HostTry). Everything else goes by rounds. As nobody knows how many nodes
// there are, and how many answers the network takes, the first asks one of 256;
// every other asks as many as can be dared after those before, lets them spread
// their answers over a window that follows from an estimate of how many are
// missing and how much answers are in each other's way, and silences those that
// are known with a filter. Rounds end when several have been empty, each with a
// wider window than the one before: silence may be the sound of answers that
// collide. Where the network itself is seen to spread answers, as one of several
// hops does, rounds are made long instead of many.
type Asker struct {
	cfg     AskerConfig
	tuning  askerTuning
	table   askerTable
	plain   askerTable // servers without instance IDs
	rounds  []askerRound
	of      []uint16 // the round of each request
	started netio.Instant
	buf     []byte
	stats   AskerStats

	// The round that is under way.
	salt   [4]byte
	bits   uint8
	tops   []uint16 // of H0 of those that were known, where bits count
	slice  int      // how many of its requests have been made,
	slices int      // of so many
	next   netio.Instant

	empty   int           // rounds in a row that asked everybody
	silent  int           // the same, of all rounds
	settled netio.Instant // of a host: when nobody else can answer; 0 = it has not
	minimum time.Duration // the quickest answer; 0 = none has come
	late    time.Duration // the latest, after the end of its window
	done    bool
}

type askerRound struct {
	asked
	full    bool // it asked everybody
	began   netio.Instant
	length  time.Duration // of each request's window
	spacing time.Duration // between requests
	first   int           // number of the first
	tardy   int           // answers that came after all windows, as from a queue
	late    time.Duration // the latest answer, after the end of its window
}

// NewAsker returns an Asker. The first Tick says what to do.
func NewAsker(cfg AskerConfig) *Asker {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&cfg.MaxNodes, DefaultAskerNodes)
	def(&cfg.MaxRounds, DefaultAskerRounds)
	def(&cfg.MaxRequests, DefaultAskerRequests)
	def(&cfg.Tries, DefaultAskerTries)
	cfg.MaxRounds = min(cfg.MaxRounds, math.MaxUint16)
	if cfg.MaxFilter <= 0 || cfg.MaxFilter > MaxRoundFilter {
		cfg.MaxFilter = MaxRoundFilter
	}
	if !(cfg.Rate > 0) {
		cfg.Rate = DefaultAskerRate
	}
	if cfg.Latency <= 0 {
		cfg.Latency = DefaultAskerLatency
	}
	if cfg.MaxWindow <= 0 || cfg.MaxWindow > MaxRoundWindow {
		cfg.MaxWindow = DefaultAskerWindow
	}
	return &Asker{cfg: cfg, tuning: defaultAskerTuning(), table: askerTable{seed: cfg.Seed}, plain: askerTable{seed: cfg.Seed}}
}

// Know tells of an instance that is known from before: it is not asked, and not
// told of. It belongs before the first Tick.
func (a *Asker) Know(id InstanceID) {
	if len(a.table.nodes) < a.cfg.MaxNodes && a.table.find(id) == nil {
		a.table.add(id, 0, 0)
	}
}

// Tick goes on: it is to be called once at the beginning, and then whenever the
// time has come that it has said. random is fresh every time.
func (a *Asker) Tick(now netio.Instant, random uint64) Ask {
	switch {
	case a.done:
		return Ask{Done: true}
	case now < a.next:
		return Ask{Next: a.next}
	case a.cfg.Query.Kind == ByName:
		return a.tickHost(now, random)
	case len(a.of) >= a.cfg.MaxRequests:
		a.done = true
		return Ask{Done: true}
	case a.slice < a.slices:
		return a.request(now)
	case len(a.rounds) == 0:
		a.started = now
		a.begin(now, random)
	default:
		a.review()
		if a.enough() || len(a.rounds) >= a.cfg.MaxRounds {
			a.done = true
			return Ask{Done: true}
		}
		a.begin(now, random)
	}
	return a.request(now)
}

// Answer takes in an answer to one of the requests, by its number. other is whom a
// DiscoveredConflict is with. What Tick said last may not be so any more: Deadline.
func (a *Asker) Answer(now netio.Instant, number int, id InstanceID, name string, from netip.AddrPort) (h Discovered, other InstanceID) {
	addr := uint32(a.table.hashAddr(from))
	if n := a.table.find(id); n != nil {
		a.stats.Again++
		if n.addr != addr {
			return DiscoveredAddress, other
		}
		return DiscoveredAgain, other
	}
	if len(a.table.nodes) >= a.cfg.MaxNodes {
		a.stats.TooMany++
		return DiscoveredTooMany, other
	}
	var hash uint64
	if name != "" {
		hash = max(a.table.hashName(name), 1)
		if n := a.table.named(hash); n != nil {
			h, other, hash = DiscoveredConflict, n.id, 0
		}
	}
	a.table.add(id, hash, addr)
	a.stats.Nodes++
	a.time(now, number)
	return h, other
}

// time learns from when an answer came.
func (a *Asker) time(now netio.Instant, number int) {
	if number < 0 || number >= len(a.of) {
		return
	}
	at := int(a.of[number])
	r := &a.rounds[at]
	r.heard++
	delay := max(now.Sub(r.began.Add(time.Duration(number-r.first)*r.spacing)), 1)
	if a.minimum == 0 || delay < a.minimum {
		a.minimum = delay
	}
	r.late = max(r.late, delay-r.length)
	a.late = max(a.late, r.late)
	if over := now.Sub(r.began) - r.span(); over > a.minimum+RoundUnit {
		r.tardy++
		if at == len(a.rounds)-1 && a.slice == a.slices && over < askerMaxGrace && a.cfg.Query.Kind != ByName {
			a.next = max(a.next, now.Add(askerMinGrace/2)) // the queue is to be empty first
		}
	}
	if a.cfg.Query.Kind == ByName && a.settled == 0 {
		// Whoever has the same name would answer as quickly.
		a.settled = now.Add(max(2*delay, askerMinGrace))
		a.next = a.settled
	}
}

// AnswerPlain takes in the answer of a plain server: it has no instance ID and is
// known by its address. It says nothing of how many there are.
func (a *Asker) AnswerPlain(from netip.AddrPort) Discovered {
	var id InstanceID
	h := a.plain.hashAddr(from)
	binary.BigEndian.PutUint64(id[:], h)
	switch {
	case a.plain.find(id) != nil:
		a.stats.Again++
		return DiscoveredAgain
	case len(a.table.nodes)+len(a.plain.nodes) >= a.cfg.MaxNodes:
		a.stats.TooMany++
		return DiscoveredTooMany
	}
	a.plain.add(id, 0, uint32(h))
	a.stats.Plain++
	return DiscoveredNew
}

// Knows reports whether an instance has answered, or was known before.
func (a *Asker) Knows(id InstanceID) bool { return a.table.find(id) != nil }

// Deadline returns when Tick is to be called.
func (a *Asker) Deadline() netio.Instant { return a.next }

// Stats returns the counters.
func (a *Asker) Stats() AskerStats {
	s := a.stats
	s.Rounds = len(a.rounds)
	if s.Rounds > 0 && a.cfg.Query.Kind != ByName {
		s.Missing = estimateMissing(a.evidence(), len(a.table.nodes)).missing
	}
	return s
}

// evidence is what the last rounds have heard.
func (a *Asker) evidence() []asked {
	rounds := a.rounds[max(len(a.rounds)-guessRounds, 0):]
	e := make([]asked, len(rounds))
	for i := range rounds {
		e[i] = rounds[i].asked
	}
	return e
}
