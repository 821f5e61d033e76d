package actors

import (
	"log/slog"
	"time"

	"github.com/coap2/coap2/actors/protocol"
)

// settings are what nodes of equal configuration share, of whom there may be a
// million. They do not change.
type settings struct {
	from       settingsKey
	params     protocol.Params
	limits     Limits // of the whole node
	shardLimit Limits // a shard's part

	exchangeLifetime, nonLifetime, separateAfter time.Duration
	public                                       bool

	// How observers are told, but for the bounds of a shard, and how the node
	// itself observes.
	observers    protocol.ObserversConfig
	discovery    protocol.ResponderConfig
	registration protocol.RegistrationConfig
}

// settingsKey is what settings follow from.
type settingsKey struct {
	params        protocol.Params
	limits        Limits
	separateAfter time.Duration
	shards        int
	public        bool
	observe       ObserveConfig
	discovery     protocol.ResponderConfig
}

// settingsOf returns the settings of a configuration, those of the node before
// if they are the same.
func (e *Env) settingsOf(c *Config) *settings {
	key := settingsKey{c.Params, c.Limits, c.SeparateAfter, max(c.Shards, 1), c.Public, c.Observe, c.Discovery}
	if s := e.settings.Load(); s != nil && s.from == key {
		return s
	}
	s := &settings{from: key, params: c.Params.WithDefaults(), limits: c.Limits.withDefaults(), separateAfter: c.SeparateAfter, public: c.Public, discovery: c.Discovery}
	s.shardLimit = s.limits.share(key.shards)
	s.exchangeLifetime, s.nonLifetime = s.params.ExchangeLifetime(), s.params.NonLifetime()
	if s.separateAfter == 0 {
		s.separateAfter = 100 * time.Millisecond
	}
	s.observers, s.registration = c.Observe.table(s.params), c.Observe.Registration
	e.settings.Store(s)
	return s
}

// nodeLog is the log of a node, which is made when there is something to say.
type nodeLog struct {
	base *slog.Logger
	name string
}

func (l *nodeLog) get() *slog.Logger {
	if l.name == "" {
		return l.base
	}
	return l.base.With("node", l.name)
}

// Info, Warn and Error are slog's.
func (l *nodeLog) Info(msg string, args ...any)  { l.get().Info(msg, args...) }
func (l *nodeLog) Warn(msg string, args ...any)  { l.get().Warn(msg, args...) }
func (l *nodeLog) Error(msg string, args ...any) { l.get().Error(msg, args...) }
