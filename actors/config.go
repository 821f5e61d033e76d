package actors

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// Config says how a node is to be. The zero value is a node on UDP port 5683 of
// all interfaces, IPv4 and IPv6, with the transmission parameters of RFC 7252.
type Config struct {
	// Name is the node's host name, such as "node1.local"; "" = none. By it others
	// find the node (see NamesConfig), and it names the node in logs and traces.
	Name string
	// Listen has the UDP addresses to bind, "HOST:PORT"; an empty host means
	// all addresses, port 0 any free port. Empty = ":5683". A node that is only
	// a client listens on ":0".
	Listen []string
	// Open opens the node's transport, at the start and again after it died.
	// nil = UDP sockets on Listen.
	Open func() (netio.Transport, error)
	// Setup, where set, is called before the transport is opened: resources
	// that are added in it are there when the first request comes. Its error
	// makes Start fail.
	Setup func(*Node) error
	// Params are the transmission parameters for all exchanges of the node;
	// zero fields = the defaults of RFC 7252 §4.8. A Request can override them.
	Params protocol.Params
	// SeparateAfter is how long a handler may think before a CON request gets
	// an empty ACK; the response then comes separately. 0 = 100 ms.
	SeparateAfter time.Duration
	// BlockSize is the size of the blocks in which longer payloads travel (RFC
	// 7959), both ways, unless the peer wants them smaller: 16, 32, 64, … 1024; 0
	// = 1024, or what fits into a datagram of the transport.
	BlockSize int
	// Public is for a node that strangers can reach from anywhere: to an address
	// that has not shown that it is no forgery the node sends in all no more than
	// 136 bytes, or three times what has come from there, so that nobody can have
	// it flood a third party (RFC 9175 §2.4). Instead of more it answers 4.01 with
	// an Echo option, as it does to requests other than GET and FETCH; a client
	// that sends the option back is believed for an hour. Loopback, private and
	// link-local addresses are not asked. A client of this package sends it back
	// by itself.
	Public bool
	// Shards is the number of goroutines, each with a socket of its own for
	// every address, that the node's peers are spread over by their addresses;
	// 1 to 256, 0 = 1. More than one helps where a processor is saturated and
	// others are idle; UDP sockets can have them on Linux only.
	//
	// Everything of a peer is at one shard. What is said to happen on the node's
	// goroutine, Inline handlers and the callbacks of Go above all, then happens
	// on that of the peer's shard, at the same time as on others.
	Shards int
	// Observe says how observers are told, and how the node itself observes.
	Observe ObserveConfig
	// Names says how the node comes by its name, and how it finds others by theirs.
	Names NamesConfig
	// Discovery says how the node answers those who discover it.
	Discovery protocol.ResponderConfig
	// Resolve has the addresses of host names that nobody else is to be asked for;
	// port 0 is that of the URI. It is the way around where nodes cannot be found:
	// without multicast.
	Resolve map[string]netip.AddrPort
	// Interfaces are the names of the network interfaces on which the node listens to
	// groups and asks them; empty = all that are up and capable of multicast, and
	// those that come to be. It is for the sockets that the Env opens.
	Interfaces []string
	// Limits bound what strangers can make the node remember.
	Limits Limits
	// Env is the world of the node; nil = SystemEnv().
	Env *Env
	// Log takes what the node has to say; nil = the Env's.
	Log *slog.Logger
	// Tap, where set, is called on the node's goroutine for every message that
	// is received, sent, or dropped unparsed, never twice at the same time. It
	// must be quick, and must not keep the message.
	Tap func(TapEvent)
}

// Limits bound a node's memory. Zero fields mean the default. With Config.Shards
// every shard has its part, at least 1, of all but PerPeer, PerSecond, Queue,
// ObserversPerPeer, RulesPerPeer and FieldsPerPeer.
type Limits struct {
	// Peers is the number of peers remembered; 0 = 65,536. Beyond it the one
	// that was silent longest is forgotten; where all have something under way,
	// requests of others are answered 5.03. Peers whose requests must not be
	// executed twice are not forgotten; when these are half of all, such
	// requests of others are answered 5.03. For a node under attack it should
	// be more than twice Exchanges.
	Peers int
	// Exchanges is the number of requests being served and of own requests
	// outstanding, together; 0 = 16,384. Beyond it requests are answered 5.03,
	// and own ones fail with ErrBusy. Separate responses that wait for their
	// acknowledgement have half of it at most; then the oldest is given up.
	Exchanges int
	// ServingBytes is the memory for requests that handlers on goroutines have
	// or wait for, and as much again for separate responses that wait for their
	// acknowledgement; 0 = 32 MiB. Beyond it requests for such handlers are
	// answered 5.03, and the oldest of these responses is given up.
	ServingBytes int
	// PerPeer is the number of requests of one peer being served; 0 = 256.
	// Beyond it requests are answered 5.03.
	PerPeer int
	// PerSecond is how many requests a peer may make each second, on average and,
	// after a pause, at once; beyond it they are answered 4.29 with the time to
	// wait (RFC 8516). 0 = any number.
	PerSecond int
	// Queue is the number of own requests to one peer that wait for NSTART;
	// 0 = 1,024. Beyond it they fail with ErrBusy.
	Queue int
	// DedupBytes bounds the answers kept for duplicates of idempotent
	// requests; 0 = 64 MiB. Older answers are forgotten early, and such a
	// duplicate is executed again. The table of requests costs up to 3/4 of it
	// more.
	DedupBytes int
	// KeptBytes bounds the answers to requests that must not be executed twice;
	// 0 = 16 MiB. Beyond it, or beyond one request for each 256 bytes, such
	// requests are answered 5.03.
	KeptBytes int
	// Spools is the number of requests whose payloads come in blocks at one
	// time; 0 = 256. A peer has at most a 32nd of it. SpoolBytes bounds their
	// memory; 0 = 16 MiB. Beyond them those that have made least progress are
	// given up (4.08), or new ones refused (5.03).
	Spools, SpoolBytes int
	// Bodies is the number of responses that are kept because peers fetch them
	// block by block; 0 = 1,024. BodyBytes bounds their memory; 0 = 16 MiB.
	// Beyond them the one that has not been asked for longest is forgotten: its
	// peer gets blocks of the resource's present state, or 4.08 where a method is
	// not safe.
	Bodies, BodyBytes int
	// Observers is the number of observers (RFC 7641) of all resources together;
	// 0 = 65,536. They are of a quarter of Peers at most, because a peer that
	// observes is not forgotten. Beyond it, as beyond ObserversPerPeer (0 =
	// 1,024), a request is answered as if the resource were not Observable.
	Observers, ObserversPerPeer int
	// RulesPerPeer is how many subscriptions with rules one peer may have; 0 =
	// 64. Beyond it another one is answered 4.29.
	RulesPerPeer int
	// FieldsPerPeer is how many different fields the rules of one peer may bring
	// in to those of a resource, of which there are 256 (rules.MaxFields) for all
	// peers together; 0 = 64, 256 and more = no share but that. Beyond it a rule
	// with another field is answered 4.29. Fields that rules of others look at
	// already do not count, and one counts until the peer's last rule with it has
	// ended.
	FieldsPerPeer int
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Peers, 65536)
	def(&l.Exchanges, 16384)
	def(&l.ServingBytes, 32<<20)
	def(&l.PerPeer, 256)
	def(&l.Queue, 1024)
	def(&l.DedupBytes, 64<<20)
	def(&l.KeptBytes, 16<<20)
	def(&l.Spools, protocol.DefaultSpoolMax)
	def(&l.SpoolBytes, protocol.DefaultSpoolBytes)
	def(&l.Bodies, protocol.DefaultShelfMax)
	def(&l.BodyBytes, protocol.DefaultShelfBytes)
	def(&l.Observers, 65536)
	def(&l.ObserversPerPeer, 1024)
	def(&l.RulesPerPeer, 64)
	def(&l.FieldsPerPeer, 64)
	return l
}

// share returns the part that one of n shards has.
func (l Limits) share(n int) Limits {
	for _, v := range []*int{&l.Peers, &l.Exchanges, &l.ServingBytes, &l.DedupBytes, &l.KeptBytes, &l.Spools, &l.SpoolBytes, &l.Bodies, &l.BodyBytes, &l.Observers} {
		*v = max(*v/n, 1)
	}
	return l
}

// dedup sizes the tables of duplicates: so many requests that with answers of
// ordinary length their bytes are the bound that is reached.
func (l Limits) dedup(seed uint64) protocol.DedupConfig {
	return protocol.DedupConfig{
		Bytes: l.DedupBytes, Entries: max(l.DedupBytes/64, 16),
		KeptBytes: l.KeptBytes, KeptEntries: max(l.KeptBytes/256, 16), Seed: seed,
	}
}

// MaxShards is the largest Config.Shards.
const MaxShards = 256

// Validate reports what is wrong with the configuration, if anything.
func (c Config) Validate() error {
	if err := c.Params.Validate(); err != nil {
		return fmt.Errorf("actors: Config.Params: %w", err)
	}
	if err := c.Observe.validate(&c.Limits); err != nil {
		return err
	}
	if c.SeparateAfter < 0 {
		return fmt.Errorf("actors: Config.SeparateAfter is %v; it must not be negative", c.SeparateAfter)
	}
	if s := c.BlockSize; s != 0 && (s < 16 || s > 1024 || s&(s-1) != 0) {
		return fmt.Errorf("actors: Config.BlockSize is %d; it must be 16, 32, 64, 128, 256, 512 or 1024, or 0 for the default", s)
	}
	if c.Shards < 0 || c.Shards > MaxShards {
		return fmt.Errorf("actors: Config.Shards is %d; it must be 0 to %d", c.Shards, MaxShards)
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"Peers", c.Limits.Peers}, {"Exchanges", c.Limits.Exchanges}, {"PerPeer", c.Limits.PerPeer}, {"ServingBytes", c.Limits.ServingBytes},
		{"PerSecond", c.Limits.PerSecond}, {"Queue", c.Limits.Queue}, {"DedupBytes", c.Limits.DedupBytes}, {"KeptBytes", c.Limits.KeptBytes},
		{"Spools", c.Limits.Spools}, {"SpoolBytes", c.Limits.SpoolBytes}, {"Bodies", c.Limits.Bodies}, {"BodyBytes", c.Limits.BodyBytes},
		{"Observers", c.Limits.Observers}, {"ObserversPerPeer", c.Limits.ObserversPerPeer},
		{"RulesPerPeer", c.Limits.RulesPerPeer}, {"FieldsPerPeer", c.Limits.FieldsPerPeer},
	} {
		if f.value < 0 {
			return fmt.Errorf("actors: Config.Limits.%s is %d; it must not be negative", f.name, f.value)
		}
	}
	if err := c.validateNames(); err != nil {
		return err
	}
	if c.Open != nil && len(c.Listen) > 0 {
		return errors.New("actors: Config.Open and Config.Listen exclude each other: Open brings its own addresses")
	}
	if c.Env != nil && (c.Env.System == nil || c.Env.Clock == nil || c.Env.Rand == nil || c.Env.Runner == nil || c.Env.Log == nil) {
		return errors.New("actors: Config.Env lacks System, Clock, Rand, Runner or Log")
	}
	return nil
}

func openUDP(cfg *Config) (netio.Transport, error) {
	return udp.Open(udp.Config{Addrs: cfg.Listen, Shards: cfg.Shards, Interfaces: cfg.Interfaces})
}

// Direction says which way a tapped message went.
type Direction uint8

// Directions of a TapEvent.
const (
	Received Direction = iota + 1
	Sent
	// Ignored follows Received where the message turned out to be a duplicate,
	// or an answer that nobody waits for; Note says which.
	Ignored
)

// String returns "received", "sent" or "ignored".
func (d Direction) String() string {
	switch d {
	case Sent:
		return "sent"
	case Ignored:
		return "ignored"
	}
	return "received"
}

// TapEvent is one message seen at a node's transport.
type TapEvent struct {
	At        netio.Instant
	Direction Direction
	Peer      netio.Peer
	// Message is valid during the call. nil where the bytes were no message;
	// Data then has them.
	Message *codec.Message
	Data    []byte
	// Note says why a received message was not processed, or that one is a
	// retransmission or a duplicate; "" for the ordinary.
	Note string
}
