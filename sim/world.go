package sim

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/netio"
)

// Errors of a World; compare with errors.Is.
var (
	// ErrIdle: something waits for what will never come, because nothing is
	// ready and no timer and no datagram is under way.
	ErrIdle = errors.New("sim: the World is idle, and something still waits")
	// ErrBusy: the World was not idle in the time that it was given.
	ErrBusy = errors.New("sim: the World is not idle yet")
	// ErrClosed: the World has been closed.
	ErrClosed = errors.New("sim: the World is closed")
)

// Epoch is the moment at which every World begins. It is above 0, as
// netio.Clock wants it.
const Epoch = netio.Instant(time.Second)

const (
	// maxSpins is how much may happen at one moment before the World says
	// that it makes no progress.
	maxSpins = 20_000_000
	// maxWait is how long, in virtual time, a call from outside may take.
	maxWait = 24 * time.Hour
	// maxClosing is the same for a node that is to stop because of Close.
	maxClosing = time.Minute
)

// World is a simulated world: nodes, the network between them, and the time that
// passes for all of them. Make one with New. Its methods, and those of its nodes,
// are called from one goroutine, or from tasks that the World runs; see the
// package documentation.
type World struct {
	seed   uint64
	env    *actors.Env
	now    netio.Instant
	agenda agenda
	ready  queue
	spins  int // things run since time went on
	stuck  int // how many of them mean that it never will

	running bool
	current *task   // the one whose code runs
	tasks   []*task // that have not ended
	spare   []*task // coroutines that wait for a task
	watched []*task // parked with a context that tells nobody of its end
	plain   reflect.Type

	network
	trace  trace
	dozing dozing
	audit  audit
	live   *live // nil = in virtual time
	drowsy bool  // every node dozes whenever it can: for tests

	ctx context.Context
	end func(error)
	// starting is the host whose node is just being started
	starting atomic.Pointer[starting]
	limit    time.Duration // of waits from outside
	drifts   []Drift
	stores   map[hostID]*Store
	closed   bool
}

// Config says how a World is to be. The zero value is New(0).
type Config struct {
	// Seed is what all randomness of the World follows from, that of the nodes
	// included.
	Seed uint64
	// Unchecked: the invariants are not checked; see Rule.
	Unchecked bool
	// Live: the World runs in real time, for demonstrations. Every node has a
	// goroutine of its own, and what World.Go is given runs on one, too; RunFor
	// waits, and what happens between calls happens without it. Nothing is
	// determined then but the fate of each datagram: the order of events depends
	// on the machine, and so do Hash and trace. Invariants are not checked, and
	// clocks do not drift. Faults and what watches the network are called while
	// nothing else can happen there, and must not call the World.
	Live bool
}

// New makes an empty World with a seed and otherwise the zero Config; see
// Config.New.
func New(seed uint64) *World { return Config{Seed: seed}.New() }

// New makes an empty World. Links have a latency of 1 ms and no faults until Link
// says otherwise.
//
// Close it when done with it.
func (c Config) New() *World {
	w := &World{seed: c.Seed, now: Epoch, limit: maxWait, stuck: maxSpins}
	w.audit.off = c.Unchecked
	w.env = actors.NewEnv(clock{w}, runner{w}, slog.New(&logHandler{w: w}))
	w.env.Rand = w.nodeRand
	w.env.Observe = func(id string) actors.Observer { // before the node asks for randomness
		h := w.starting.Load().host
		w.starting.Store(&starting{h, id})
		return h.life
	}
	w.env.Resolve, w.env.Quiet, w.env.Serial = w.resolve, true, !c.Live
	if c.Live {
		w.goLive()
	}
	w.network.init(w.Rand("", "network"))
	w.ctx, w.end = actors.NewTaskContext(w.env)
	w.plain = reflect.TypeOf(w.ctx)
	return w
}

// Rand returns a source of randomness for one node (or whatever else has a name)
// and one purpose. Equal seed, node and stream give equal numbers; different
// ones have nothing to do with each other.
func (w *World) Rand(node, stream string) *rand.Rand {
	return rand.New(rand.NewChaCha8(w.key(node, stream)))
}

// key is what a source of randomness begins with.
func (w *World) key(node, stream string) [32]byte {
	var room [64]byte
	b := binary.BigEndian.AppendUint64(room[:0], w.seed)
	b = binary.BigEndian.AppendUint64(b, uint64(len(node)))
	b = append(append(b, node...), stream...)
	return sha256.Sum256(b)
}

// starting is a host and the id of its node, once that has one.
type starting struct {
	host *host
	id   string
}

// nodeRand is the randomness of a node that package actors knows by an id. That
// has a number that counts the nodes; the World goes by its own names, so that a
// node's randomness does not depend on who else is there. What a node asks for
// later, in a live World while another one starts, goes by its id.
func (w *World) nodeRand(id, stream string) *rand.Rand {
	if s := w.starting.Load(); s != nil && s.id == id {
		h := s.host
		if h.member > 0 { // there may be a million of them
			return w.memberRand(h.name, lifeStream(stream, h.starts))
		}
		return w.Rand(h.name, lifeStream(stream, h.starts))
	}
	return w.Rand(id, stream)
}

// lifeStream is the stream of the n-th life of a node.
func lifeStream(stream string, n int) string {
	if n > 1 {
		stream += "#" + strconv.Itoa(n)
	}
	return stream
}

// memberRand is Rand for the many: a small generator.
func (w *World) memberRand(node, stream string) *rand.Rand {
	k := w.key(node, stream)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(k[:]), binary.BigEndian.Uint64(k[8:])))
}

// Now returns the present moment; it is Epoch when the World begins.
func (w *World) Now() netio.Instant {
	defer w.hold()()
	return w.now
}

// Elapsed returns how long the World has existed, in virtual time.
func (w *World) Elapsed() time.Duration { return w.Now().Sub(Epoch) }

// Context returns a context of the World for calls from outside, such as
// actors.Sleep; it ends with Close.
func (w *World) Context() context.Context { return w.ctx }

// WithTimeout returns a context that ends after d of virtual time, with
// context.DeadlineExceeded as its cause, and a function that ends it at once.
// (Deadlines of package context run on the real clock: in a World they would
// depend on the machine.)
func (w *World) WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := w.env.Clock.AfterFunc(d, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		t.Stop()
		cancel(context.Canceled)
	}
}

// Node starts a node. Its name is its host name in the World, so that a URI such
// as coap://NAME/path finds it. cfg.Listen has its address, or several
// ("10.1.0.1:5683", "[2001:db8::1]:5683"); empty or without a host, it gets the
// next address of 10.0.0.0/8: 10.0.0.1, 10.0.0.2, …, port 5683. cfg.Env and
// cfg.Open are the World's and must be nil.
//
// With cfg.Names.Mode NamesOn the node comes by its host name as a real one does, and
// finds others by theirs; what it knows of them is in its Store. Without, names are
// the World's.
//
// A node that has stopped can be started again under its name, at the address
// that it had.
func (w *World) Node(name string, cfg actors.Config) (*actors.Node, error) {
	if cfg.Env != nil || cfg.Open != nil {
		return nil, fmt.Errorf("sim: node %q: Config.Env and Config.Open are the World's; leave them nil", name)
	}
	release := w.hold()
	h, err := w.addHost(name, cfg.Listen)
	if w.closed {
		err = fmt.Errorf("sim: node %q: %w", name, ErrClosed)
	}
	if err == nil {
		h.spec = &spec{cfg: cfg, params: cfg.Params.WithDefaults()}
	}
	release()
	if err != nil {
		return nil, err
	}
	if err := w.start(h); err != nil {
		return nil, err
	}
	return h.node, nil
}

// start starts the node of a host.
func (w *World) start(h *host) error {
	if w.live != nil {
		w.live.starting.Lock()
		defer w.live.starting.Unlock()
	}
	return w.startNow(h)
}

func (w *World) startNow(h *host) error {
	cfg := h.spec.cfg
	if cfg.Name == "" {
		cfg.Name = h.name
	}
	cfg.Listen, cfg.Env = nil, w.envOf(h)
	cfg.Open = w.opener(h)
	if setup := h.spec.setup; setup != nil {
		cfg.Setup = func(n *actors.Node) error { return setup(int(h.member)-1, n) }
	}
	if raw := h.spec.raw; raw != nil {
		if f := raw(int(h.member) - 1); f != nil {
			return w.startRaw(h, f)
		}
	}
	release := w.hold()
	h.starts++
	h.life, h.down = &h.firstLife, false
	if h.life.host != nil {
		h.life = &life{}
	}
	h.life.host = h
	w.starting.Store(&starting{host: h})
	release()
	if cfg.Names.Mode == actors.NamesOn && cfg.Names.Store == nil {
		cfg.Names.Store = lasting{h.life, w.Store(h.name)}
	}
	n, err := actors.Start(cfg)
	w.starting.Store(nil)
	if err != nil {
		return fmt.Errorf("sim: node %q: %w", h.name, err)
	}
	defer w.hold()()
	h.node = n
	return nil
}

// Addr returns the (first) address of a node or peer, the zero value if there is
// none of that name.
func (w *World) Addr(name string) netip.AddrPort {
	defer w.hold()()
	if id, ok := w.idOf(name); ok {
		return w.addrsOfID(id)[0]
	}
	return netip.AddrPort{}
}

// resolve is the name service of the World.
func (w *World) resolve(_ context.Context, name string) ([]netip.Addr, error) {
	defer w.hold()()
	id, ok := w.idOf(name)
	if !ok {
		return nil, fmt.Errorf("sim: no node has the name %q", name)
	}
	at := w.addrsOfID(id)
	addrs := make([]netip.Addr, len(at))
	for i, a := range at {
		addrs[i] = a.Addr()
	}
	return addrs, nil
}

// Go runs f as a task of the World: a coroutine that may call what blocks in
// real life, node.Get or actors.Sleep, with the context that it is given or one
// derived from it. It begins when the World next runs, and while it is blocked
// the World goes on without it. Close ends the context.
//
// A panic in f, and the end of a test in it (t.FailNow), reaches the caller of
// whatever lets the World run.
func (w *World) Go(f func(ctx context.Context)) {
	if w.live != nil {
		w.spawnLive(f)
		return
	}
	ctx, end := actors.NewTaskContext(w.env)
	t := w.spawn(func() {
		defer end(context.Canceled)
		f(ctx)
	})
	t.end = end
}

// TraceTo writes the trace as text to out from now on; nil ends that.
func (w *World) TraceTo(out io.Writer) {
	defer w.hold()()
	w.trace.out = out
}
