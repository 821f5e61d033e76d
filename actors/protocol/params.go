package protocol

import (
	"fmt"
	"math"
	"time"
)

// Defaults of RFC 7252 §4.8.
const (
	DefaultAckTimeout      = 2 * time.Second
	DefaultAckRandomFactor = 1.5
	DefaultMaxRetransmit   = 4
	DefaultNStart          = 1
	DefaultLeisure         = 5 * time.Second
	DefaultProbingRate     = 1.0               // bytes per second
	DefaultMaxLatency      = 100 * time.Second // §4.8.2
)

// Bounds of what Validate accepts. They keep every derived time far from the
// end of time.Duration.
const (
	maxRetransmitLimit = 16
	maxAckTimeout      = time.Hour
	maxParamDuration   = 24 * time.Hour
	maxRandomFactor    = 10.0
)

// Params are the transmission parameters of RFC 7252 §4.8. A zero field means
// its default; [Params.WithDefaults] fills these in, and all other methods
// except Validate are to be called on its result.
type Params struct {
	// AckTimeout is ACK_TIMEOUT: the least time before the first
	// retransmission, at most 1 h. Default 2 s.
	AckTimeout time.Duration
	// AckRandomFactor is ACK_RANDOM_FACTOR, 1 to 10: the first timeout is a
	// random time between AckTimeout and AckTimeout · AckRandomFactor.
	// Default 1.5. With 1, nodes that were started by one event retransmit
	// together.
	AckRandomFactor float64
	// MaxRetransmit is MAX_RETRANSMIT: how often a confirmable message is
	// repeated, at most 16. 0 = the default, 4; negative = never.
	MaxRetransmit int
	// NStart is NSTART: how many interactions with one peer may be outstanding
	// (§4.7). Default 1.
	NStart int
	// DefaultLeisure is DEFAULT_LEISURE: the time over which a node spreads
	// its answer to a multicast request when it cannot work out a better one
	// (§8.2). Default 5 s.
	DefaultLeisure time.Duration
	// ProbingRate is PROBING_RATE in bytes per second: the average rate at
	// most, to a peer that does not respond (§4.7). Default 1.
	ProbingRate float64
	// MaxLatency is MAX_LATENCY: the longest time that a datagram may be under
	// way (§4.8.2). Default 100 s.
	MaxLatency time.Duration
	// ProcessingDelay is PROCESSING_DELAY: the time that a node takes from
	// receiving a confirmable message to acknowledging it (§4.8.2). Default
	// AckTimeout.
	ProcessingDelay time.Duration
}

// WithDefaults returns p with every zero field at its default. Applied twice it
// changes nothing more.
func (p Params) WithDefaults() Params {
	if p.AckTimeout == 0 {
		p.AckTimeout = DefaultAckTimeout
	}
	if p.AckRandomFactor == 0 {
		p.AckRandomFactor = DefaultAckRandomFactor
	}
	if p.MaxRetransmit == 0 {
		p.MaxRetransmit = DefaultMaxRetransmit
	}
	if p.NStart == 0 {
		p.NStart = DefaultNStart
	}
	if p.DefaultLeisure == 0 {
		p.DefaultLeisure = DefaultLeisure
	}
	if p.ProbingRate == 0 {
		p.ProbingRate = DefaultProbingRate
	}
	if p.MaxLatency == 0 {
		p.MaxLatency = DefaultMaxLatency
	}
	if p.ProcessingDelay == 0 {
		p.ProcessingDelay = p.AckTimeout
	}
	return p
}

// Validate returns an error that names the first field that is out of its
// range; zero fields are fine.
func (p Params) Validate() error {
	for _, d := range [...]struct {
		name       string
		value, max time.Duration
	}{
		{"AckTimeout", p.AckTimeout, maxAckTimeout},
		{"DefaultLeisure", p.DefaultLeisure, maxParamDuration},
		{"MaxLatency", p.MaxLatency, maxParamDuration},
		{"ProcessingDelay", p.ProcessingDelay, maxParamDuration},
	} {
		if d.value < 0 || d.value > d.max {
			return fmt.Errorf("protocol: %s is %v; it must be between 0 (the default) and %v", d.name, d.value, d.max)
		}
	}
	// Written so that NaN is refused too.
	if f := p.AckRandomFactor; f != 0 && !(f >= 1 && f <= maxRandomFactor) {
		return fmt.Errorf("protocol: AckRandomFactor is %v; it must be between 1 and %v, or 0 for the default", f, maxRandomFactor)
	}
	if p.MaxRetransmit > maxRetransmitLimit {
		return fmt.Errorf("protocol: MaxRetransmit is %d; it must be at most %d", p.MaxRetransmit, maxRetransmitLimit)
	}
	if p.NStart < 0 {
		return fmt.Errorf("protocol: NStart is %d; it must be at least 1, or 0 for the default", p.NStart)
	}
	if r := p.ProbingRate; !(r >= 0) || math.IsInf(r, 0) {
		return fmt.Errorf("protocol: ProbingRate is %v; it must be a positive number of bytes per second, or 0 for the default", r)
	}
	return nil
}

// Retransmits returns how often a confirmable message is repeated, 0 or more.
func (p Params) Retransmits() int {
	if p.MaxRetransmit == 0 {
		return DefaultMaxRetransmit
	}
	return max(p.MaxRetransmit, 0)
}

// MaxTransmitSpan is MAX_TRANSMIT_SPAN: the longest time from the first
// transmission of a confirmable message to its last (RFC 7252 §4.8.2); 45 s by
// default.
func (p Params) MaxTransmitSpan() time.Duration {
	return p.ackTimeouts(1<<p.exponent() - 1)
}

// MaxTransmitWait is MAX_TRANSMIT_WAIT: the longest time from the first
// transmission to the moment when the sender gives up (RFC 7252 §4.8.2); 93 s
// by default.
func (p Params) MaxTransmitWait() time.Duration {
	return p.ackTimeouts(2<<p.exponent() - 1)
}

func (p Params) exponent() int { return min(p.Retransmits(), maxRetransmitLimit) }

// ackTimeouts returns n · AckTimeout · AckRandomFactor.
func (p Params) ackTimeouts(n int) time.Duration {
	return time.Duration(math.Round(float64(n) * float64(p.AckTimeout) * p.AckRandomFactor))
}

// MaxRTT is MAX_RTT: the longest round trip (RFC 7252 §4.8.2); 202 s by
// default.
func (p Params) MaxRTT() time.Duration { return 2*p.MaxLatency + p.ProcessingDelay }

// ExchangeLifetime is EXCHANGE_LIFETIME: how long after a confirmable message
// has first been sent its message ID must not be used again (RFC 7252 §4.8.2);
// 247 s by default.
func (p Params) ExchangeLifetime() time.Duration { return p.MaxTransmitSpan() + p.MaxRTT() }

// NonLifetime is NON_LIFETIME: how long after a non-confirmable message has
// been sent its message ID must not be used again (RFC 7252 §4.8.2); 145 s by
// default. It includes MAX_TRANSMIT_SPAN because a sender may send copies of a
// non-confirmable message.
func (p Params) NonLifetime() time.Duration { return p.MaxTransmitSpan() + p.MaxLatency }

// Merge returns base with the non-zero fields of over in place of its own.
// Merge first and apply the defaults afterwards: a ProcessingDelay that is left
// zero then follows the AckTimeout that has won.
func Merge(base, over Params) Params {
	if over.AckTimeout != 0 {
		base.AckTimeout = over.AckTimeout
	}
	if over.AckRandomFactor != 0 {
		base.AckRandomFactor = over.AckRandomFactor
	}
	if over.MaxRetransmit != 0 {
		base.MaxRetransmit = over.MaxRetransmit
	}
	if over.NStart != 0 {
		base.NStart = over.NStart
	}
	if over.DefaultLeisure != 0 {
		base.DefaultLeisure = over.DefaultLeisure
	}
	if over.ProbingRate != 0 {
		base.ProbingRate = over.ProbingRate
	}
	if over.MaxLatency != 0 {
		base.MaxLatency = over.MaxLatency
	}
	if over.ProcessingDelay != 0 {
		base.ProcessingDelay = over.ProcessingDelay
	}
	return base
}
