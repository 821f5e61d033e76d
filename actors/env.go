package actors

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Env is the world that a node lives in: what is real in production and made of
// seeds and virtual time in the simulator. One Env can serve many nodes.
//
// Applications do not make an Env: the zero Config uses SystemEnv, and package
// sim makes its own.
type Env struct {
	// System is the actor system; one for all nodes of a process.
	System *actor.ActorSystem
	// Clock tells time to everything above netio.
	Clock netio.Clock
	// Rand returns a source of randomness for one node and one purpose. Tokens
	// come from it, so in production it cannot be guessed.
	Rand func(node, stream string) *rand.Rand
	// Log takes what a node has to say; never nil.
	Log *slog.Logger
	// Runner decides who drains a node and who runs its handlers.
	Runner Runner
	// Open opens the transport of a node that was given none.
	Open func(cfg *Config) (netio.Transport, error)
	// Resolve finds the addresses of a host name.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Quiet: nodes leave names to Resolve unless NamesConfig.Mode says otherwise.
	Quiet bool
	// Tap, where set, is told of every message that is posted to an actor: its
	// path and the message. For tests.
	Tap func(actorPath string, msg any)

	// Observe, where set, returns who is told what a node does; its id is what
	// Rand is asked with. For simulators.
	Observe func(node string) Observer

	// Serial: everything that the nodes do happens on one goroutine, or as if it
	// did, so that they may share what they work with. For simulators.
	Serial bool

	roots    *rootStrategy
	spares   *spares                  // of all nodes, if Serial
	settings atomic.Pointer[settings] // of the node that was started last
}

// Observer is told what a node does. Its methods are called on the node's
// goroutine, but for Handles.
type Observer interface {
	// Message is told what Config.Tap is told. What it refers to is valid during
	// the call.
	Message(e *TapEvent)
	// Handles is told of a request for which a handler is about to be called, by
	// the goroutine that calls it. m is the request as it came.
	Handles(r *Request, m *codec.Message)
	// Transmits is told of a CON message that is about to be sent for the first
	// time.
	Transmits(peer netio.Peer, mid uint16, p *protocol.Params)
	// Settled is told that no acknowledgement of a message is awaited any more.
	// answered: because one has come, or a reset or the response in its place.
	Settled(peer netio.Peer, mid uint16, answered bool)
	// Renewed is told that the next copy of a CON message that is under way has
	// a later state, and so another message ID (RFC 7641 §4.5.2).
	Renewed(peer netio.Peer, old, mid uint16)
}

// Runner is the part of an Env that lends goroutines. In production these are
// real; in the simulator one thread runs everything in a fixed order.
type Runner interface {
	// Attach makes a node's run queue known. drain runs what is queued there,
	// by the caller. The runner's wake is called when something was queued
	// while nobody drained; stop is called once, when the node has ended, and
	// returns when drain will not be called any more.
	Attach(drain func()) (wake, stop func())
	// Go runs a task that may block on a Signal, a handler for example, outside
	// the node's goroutine.
	Go(task func())
	// NewSignal returns something that a task can wait for.
	NewSignal() Signal
}

// Signal is an event that happens once and that one task waits for.
type Signal interface {
	// Set makes Wait return; further calls do nothing.
	Set()
	// Wait blocks until Set (nil) or until the context ends (its error).
	Wait(ctx context.Context) error
}

// newActorSystem makes an actor system that keeps its thoughts to log, whose
// metrics are off (its instruments cost microseconds for every message).
func newActorSystem(log *slog.Logger) *actor.ActorSystem {
	s := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }),
		actor.WithMetricProviders(nil),
		// The throttle of a log that we do not keep runs a goroutine on the real
		// clock for each interval in which a message comes too late.
		actor.WithDeadLetterThrottleInterval(time.Nanosecond),
	)
	oneRegistry(s)
	return s
}

// oneRegistry leaves an actor system one of the 1,024 maps, of 32 parts each, in
// which it keeps its processes: who has so many parts finds none of them in the
// processor's cache, and their memory is that of a thousand nodes. Besides, on
// machines of 32 bits the library looks for half of the names at negative
// places.
func oneRegistry(s *actor.ActorSystem) {
	r := s.ProcessRegistry
	names := [...]string{"eventstream", "deadletter"} // those that it begins with
	var processes [len(names)]actor.Process
	for i, name := range names {
		processes[i], _ = r.GetLocal(name)
	}
	all := r.LocalPIDs.LocalPIDs
	r.LocalPIDs = &actor.SliceMap{LocalPIDs: append(all[:0:0], all[0])}
	for i, name := range names {
		r.LocalPIDs.LocalPIDs[0].Set(name, processes[i])
	}
}

// NewEnv returns an Env over the given parts, with an actor system of its own.
func NewEnv(clock netio.Clock, runner Runner, log *slog.Logger) *Env {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Env{System: newActorSystem(warnings(log)), Clock: clock, Runner: runner, Log: log}
	e.roots, e.spares = &rootStrategy{e}, &spares{}
	return e
}

// WithClock returns an Env that differs in its clock only, for nodes whose clocks
// run fast or slow.
func (e *Env) WithClock(c netio.Clock) *Env {
	o := &Env{System: e.System, Clock: c, Rand: e.Rand, Log: e.Log, Runner: e.Runner,
		Open: e.Open, Resolve: e.Resolve, Quiet: e.Quiet, Tap: e.Tap, Observe: e.Observe, Serial: e.Serial, roots: e.roots, spares: e.spares}
	o.settings.Store(e.settings.Load())
	return o
}

// warnings keeps the actor library's chatter, which it writes at level Info, out
// of a log: what matters is logged by the node itself.
func warnings(log *slog.Logger) *slog.Logger { return slog.New(levelHandler{log.Handler()}) }

type levelHandler struct{ slog.Handler }

func (h levelHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// systemEnv is the one Env of production: actor systems cost megabytes, so all
// nodes of a process share one.
var systemEnv = sync.OnceValue(func() *Env {
	e := NewEnv(netio.NewSystemClock(), systemRunner{}, slog.Default())
	e.Rand = func(string, string) *rand.Rand {
		var seed [32]byte
		if _, err := crand.Read(seed[:]); err != nil {
			panic(fmt.Sprintf("actors: the system has no randomness: %v", err)) // cannot happen since Go 1.24
		}
		return rand.New(rand.NewChaCha8(seed))
	}
	e.Open = openUDP
	e.Resolve = netio.Resolve
	return e
})

// SystemEnv returns the real world: system clock, goroutines, UDP sockets,
// cryptographic randomness. All calls return the same Env.
func SystemEnv() *Env { return systemEnv() }

type systemRunner struct{}

func (systemRunner) Attach(drain func()) (wake, stop func()) {
	kick := make(chan struct{}, 1)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-kick:
				drain()
			case <-done:
				drain()
				return
			}
		}
	}()
	wake = func() {
		select {
		case kick <- struct{}{}:
		default:
		}
	}
	stop = func() {
		close(done)
		<-ended
	}
	return wake, stop
}

func (systemRunner) Go(task func()) { go task() }

func (systemRunner) NewSignal() Signal { return &chanSignal{ch: make(chan struct{})} }

type chanSignal struct {
	once sync.Once
	ch   chan struct{}
}

func (s *chanSignal) Set() { s.once.Do(func() { close(s.ch) }) }

func (s *chanSignal) Wait(ctx context.Context) error {
	select {
	case <-s.ch:
		return nil
	case <-ctx.Done():
		select {
		case <-s.ch: // what happened wins over what was given up
			return nil
		default:
			return context.Cause(ctx)
		}
	}
}
