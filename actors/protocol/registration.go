package protocol

import (
	"fmt"
	"strconv"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Defaults of RegistrationConfig.
const (
	DefaultMaxAge        = 60 * time.Second // RFC 7252 §5.10.5
	DefaultRefreshDelay  = 5 * time.Second  // RFC 7641 §3.3.1
	DefaultRefreshSpread = 10 * time.Second // RFC 7641 §3.3.1
	DefaultMaxRefresh    = 24 * time.Hour
	DefaultMinBackOff    = 5 * time.Second
	DefaultMaxBackOff    = 5 * time.Minute

	// minLease is the least time after which a lease is renewed: a server waits
	// longer than the lease is.
	minLease = 10 * time.Second
)

// RegistrationConfig are the times of a Registration. A zero field means its
// default.
type RegistrationConfig struct {
	// RefreshDelay and RefreshSpread: a registration whose last notification is
	// not fresh any more is renewed after RefreshDelay and a random part of
	// RefreshSpread. Defaults 5 s and 10 s: between 5 and 15 s (RFC 7641
	// §3.3.1).
	RefreshDelay, RefreshSpread time.Duration
	// MaxRefresh is the longest time without a notification after which the
	// registration is renewed, even if Max-Age is longer. Default 24 h.
	MaxRefresh time.Duration
	// MinBackOff and MaxBackOff bound the pause after a registration that
	// failed: it doubles from one to the other. Defaults 5 s and 5 min.
	MinBackOff, MaxBackOff time.Duration
}

// Validate returns an error that names the first field that is out of its range.
func (c RegistrationConfig) Validate() error {
	for _, d := range [...]struct {
		name  string
		value time.Duration
	}{
		{"RefreshDelay", c.RefreshDelay}, {"RefreshSpread", c.RefreshSpread}, {"MaxRefresh", c.MaxRefresh},
		{"MinBackOff", c.MinBackOff}, {"MaxBackOff", c.MaxBackOff},
	} {
		if d.value < 0 || d.value > 365*maxParamDuration {
			return fmt.Errorf("protocol: %s is %v; it must be between 0 (the default) and %v", d.name, d.value, 365*maxParamDuration)
		}
	}
	return nil
}

func (c RegistrationConfig) withDefaults() RegistrationConfig {
	for _, d := range [...]struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.RefreshDelay, DefaultRefreshDelay}, {&c.RefreshSpread, DefaultRefreshSpread}, {&c.MaxRefresh, DefaultMaxRefresh},
		{&c.MinBackOff, DefaultMinBackOff}, {&c.MaxBackOff, DefaultMaxBackOff},
	} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	return c
}

// Heard says what a message is to a Registration.
type Heard uint8

// What a message can be.
const (
	// HeardNews: newer than all before. To be delivered.
	HeardNews Heard = iota
	// HeardStale: overtaken by a newer one (RFC 7641 §3.4). To be
	// acknowledged, but not delivered.
	HeardStale
	// HeardLast: a representation, but no Observe option: the server does not
	// observe, or not any more (RFC 7641 §3.1, §4.1). To be delivered; then the
	// registration has ended.
	HeardLast
	// HeardEnd: an error response; the registration has ended (RFC 7641 §4.2).
	HeardEnd
	// HeardRetry: the server cannot now, and has said when it can (4.29, 5.03).
	// The registration goes on trying.
	HeardRetry
	// HeardNothing: the registration has ended before, and the message is not
	// expected. To be rejected with a reset (RFC 7641 §3.6).
	HeardNothing
)

// String returns the name.
func (h Heard) String() string {
	switch h {
	case HeardNews:
		return "HeardNews"
	case HeardStale:
		return "HeardStale"
	case HeardLast:
		return "HeardLast"
	case HeardEnd:
		return "HeardEnd"
	case HeardRetry:
		return "HeardRetry"
	case HeardNothing:
		return "HeardNothing"
	}
	return "Heard(" + strconv.Itoa(int(h)) + ")"
}

// Registration is the life of a client's observation (RFC 7641 §3): it says
// when to register, again and again, and which notifications count. All its
// requests have the same token and options, ETag aside (§3.3.1).
//
// The caller registers, and calls Heard for each message with the token, Failed
// when a request got no answer or a reset, Due at the deadline. Each method that
// changes the deadline returns it; 0 is never.
type Registration struct {
	cfg       RegistrationConfig
	fresh     Freshness
	state     registrationState
	deadline  netio.Instant
	freshTill netio.Instant
	backOff   time.Duration
	lease     netio.Instant // when the lease asks for a renewal; 0 = there is none
}

type registrationState uint8

const (
	regEnded   registrationState = iota
	regAsking                    // a registration request is under way
	regHolds                     // notifications may come
	regWaiting                   // for the next attempt
)

// NewRegistration makes a registration whose first request is sent now.
func NewRegistration(cfg RegistrationConfig) *Registration {
	return &Registration{cfg: cfg.withDefaults(), state: regAsking}
}

// Heard takes in a message with the registration's token: its code, its Observe
// option if it has one, and its Max-Age (DefaultMaxAge without one). r is a
// random number in [0,1).
func (g *Registration) Heard(now netio.Instant, code codec.Code, seq uint32, observed bool, maxAge time.Duration, r float64) (h Heard, deadline netio.Instant) {
	switch {
	case g.state == regEnded:
		return HeardNothing, 0
	case code == codec.TooManyRequests || code == codec.ServiceUnavailable:
		// RFC 8516 §3, RFC 7252 §5.9.3.4: not before Max-Age is over.
		g.wait(now, max(maxAge, g.pause(r)))
		return HeardRetry, g.deadline
	case !code.IsSuccess():
		g.End()
		return HeardEnd, 0
	case !observed:
		g.End()
		return HeardLast, 0
	}
	if g.state != regHolds {
		// The answer to a registration: a server that has restarted begins
		// with any number.
		g.fresh.Restart()
		g.lease = 0
	}
	if !g.fresh.Newer(now, seq) {
		return HeardStale, g.deadline
	}
	g.state, g.backOff = regHolds, 0
	maxAge = min(max(maxAge, 0), g.cfg.MaxRefresh)
	g.freshTill = now.Add(maxAge)
	g.deadline = g.freshTill.Add(g.cfg.RefreshDelay + time.Duration(r*float64(g.cfg.RefreshSpread)))
	if g.lease != 0 {
		g.deadline = g.lease
	}
	return HeardNews, g.deadline
}

// Leased says that the answer to the registration, which Heard was told of just
// before, is that of a server which sends only what was asked for, and keeps the
// registration for d: it is renewed in that time, and silence means nothing. r is
// a random number in [0,1).
func (g *Registration) Leased(now netio.Instant, d time.Duration, r float64) (deadline netio.Instant) {
	if g.state != regHolds {
		return g.deadline
	}
	g.freshTill = now.Add(d)
	part := time.Duration((0.7 + 0.1*r) * float64(min(d, g.cfg.MaxRefresh)))
	g.lease = now.Add(max(part, minLease))
	g.deadline = g.lease
	return g.deadline
}

// Stale reports whether a notification is older than what was heard, or the
// same: it is not to be told, whatever the registration is doing.
func (g *Registration) Stale(now netio.Instant, seq uint32) bool { return g.fresh.Stale(now, seq) }

// Overtaken reports whether a message that may be the answer to the registration
// under way, or a notification of the one before, is the latter: it is older
// than what was heard. A server that has started again, and answers with a lower
// number in a message of its own, is taken for that, too, for at most 128 s (RFC
// 7641 §3.4).
func (g *Registration) Overtaken(now netio.Instant, seq uint32) bool {
	return g.fresh.v1 != seq&maxSequence && g.fresh.Stale(now, seq)
}

// Due reports whether to register now: the last notification has not been fresh
// for a while, or a pause is over. Then the caller sends the request.
func (g *Registration) Due(now netio.Instant) (register bool, deadline netio.Instant) {
	if g.deadline == 0 || now < g.deadline {
		return false, g.deadline
	}
	g.state, g.deadline = regAsking, 0
	return true, 0
}

// Failed says that the request got no answer, a reset, or could not be sent. The
// next attempt is after a pause that doubles each time.
func (g *Registration) Failed(now netio.Instant, r float64) (deadline netio.Instant) {
	if g.state == regEnded {
		return 0
	}
	g.wait(now, g.pause(r))
	return g.deadline
}

// Renew has the client register again within spread: its network has changed, or
// there are signs that the server has restarted. r is a random number in [0,1).
// A request that is under way already is left to itself.
func (g *Registration) Renew(now netio.Instant, spread time.Duration, r float64) (deadline netio.Instant) {
	if g.state == regHolds || g.state == regWaiting {
		g.backOff = 0
		g.wait(now, time.Duration(r*float64(max(spread, 0))))
	}
	return g.deadline
}

// End ends the registration. It reports whether the server may have it: then it
// is told by a GET with Observe 1 and the same token (RFC 7641 §3.6).
func (g *Registration) End() (tell bool) {
	tell = g.state != regEnded
	g.state, g.deadline = regEnded, 0
	return tell
}

// Ended reports whether the registration has ended.
func (g *Registration) Ended() bool { return g.state == regEnded }

// Fresh reports whether the last notification is fresh: whether its
// representation may be taken for the present one (RFC 7641 §3.3.1).
func (g *Registration) Fresh(now netio.Instant) bool { return now < g.freshTill }

// Deadline returns when Due is to be called; 0 is never.
func (g *Registration) Deadline() netio.Instant { return g.deadline }

func (g *Registration) wait(now netio.Instant, d time.Duration) {
	g.state = regWaiting
	g.deadline = now.Add(min(d, 365*maxParamDuration))
}

// pause returns the next back-off: between half of it and the whole.
func (g *Registration) pause(r float64) time.Duration {
	g.backOff = min(max(2*g.backOff, g.cfg.MinBackOff), max(g.cfg.MaxBackOff, g.cfg.MinBackOff))
	return g.backOff/2 + time.Duration(r*float64(g.backOff/2))
}
