package radio

import (
	"fmt"
	"time"

	"github.com/coap2/coap2/netio"
)

// Access is how a station gets the air.
type Access uint8

// The ways to get the air.
const (
	// Unslotted CSMA-CA: stations listen before they send.
	Unslotted Access = iota
	// NoAccess: they do not.
	NoAccess
)

// Config says how an Air is to be. The zero value lacks Topology and Clock.
type Config struct {
	Topology *Topology
	Clock    netio.Clock
	// Seed is what the chance of backoffs and jitter follows from.
	Seed   uint64
	Access Access
	// MinBE and MaxBE are the least and the greatest backoff exponent: a station
	// waits 0 to 2^BE - 1 units. 0 = 3 and 5 (macMinBE, macMaxBE); -1 = 0; at
	// most 8.
	MinBE, MaxBE int
	// MaxBackoffs is how often it waits again at most, when the air is not free,
	// before it gives up: 0 = 4 (macMaxCSMABackoffs), -1 = never; at most 5.
	MaxBackoffs int
	// NoAcks: unicast frames are not acknowledged. Without it who does not get an
	// acknowledgement sends again, Retries times at most: 0 = 3
	// (macMaxFrameRetries), -1 = never; at most 7 (§7.5.6.4).
	NoAcks  bool
	Retries int
	// Duty says when stations sleep.
	Duty Duty
	// Queue is how many frames can wait at a station; 0 = 64.
	Queue int
	// Forward: stations send on what is not for them. Multicast is flooded, each
	// sends it on once; unicast goes along a shortest way. Without it only those
	// get a frame who hear the sender.
	Forward bool
	// Jitter is how long at most, at random, a station waits before it sends on
	// a multicast; 0 = 100 ms.
	Jitter time.Duration
	// Sniff, where set, is called with every frame when it begins.
	Sniff func(*Frame)
}

// Validate reports what is wrong with a Config, if anything.
func (c *Config) Validate() error {
	if c.Topology == nil || c.Clock == nil {
		return fmt.Errorf("radio: Config.Topology and Clock must be set")
	}
	for _, f := range [...]struct {
		name       string
		v, lo, max int
	}{{"MinBE", c.MinBE, -1, 8}, {"MaxBE", c.MaxBE, -1, 8}, {"MaxBackoffs", c.MaxBackoffs, -1, 5}, {"Retries", c.Retries, -1, 7}, {"Queue", c.Queue, 0, 1 << 20}, {"Access", int(c.Access), 0, 1}} {
		if f.v < f.lo || f.v > f.max {
			return fmt.Errorf("radio: Config.%s is %d; it must be between %d and %d", f.name, f.v, f.lo, f.max)
		}
	}
	if c.Jitter < 0 || c.Jitter > time.Hour {
		return fmt.Errorf("radio: Config.Jitter is %v; it must be between 0 and 1h", c.Jitter)
	}
	if lo, hi := orDefault(c.MinBE, 3), orDefault(c.MaxBE, 5); lo > hi {
		return fmt.Errorf("radio: Config.MinBE is %d and MaxBE %d; it must not be greater", lo, hi)
	}
	return c.Duty.Validate()
}

func orDefault(v, d int) int {
	switch v {
	case 0:
		return d
	case -1:
		return 0
	}
	return v
}

// Everyone is the receiver of a multicast datagram.
const Everyone = -1

// ReassemblyTimeout is how long after the first fragment of a datagram the last
// must have come (RFC 4944 §5.3).
const ReassemblyTimeout = 60 * time.Second

// Datagram is what a station sends.
type Datagram struct {
	// Header says from whom and to whom it is.
	Header Header
	// Size is the length of its payload; Payload the payload itself, which only
	// those need who sniff.
	Size    int
	Payload []byte
	// Heard is called when a station for which it is has all of it, once for
	// each.
	Heard func(station int)
	// Done is called when nothing of it waits or is on the air any more; lost
	// says what was lost on the way, even if it came another way.
	Done func(lost Loss)

	frags  []Fragment
	mesh   bool
	number uint16 // of the broadcast, and of its fragments
	live   int    // frames that wait or are on the air
	lost   Loss
	parts  []parts // by station, or one for the only receiver
}

// parts is what a station has of a datagram.
type parts struct {
	seen, have uint64
	since      netio.Instant
}

// Loss is a set of reasons why frames were lost.
type Loss uint8

// Reasons why frames were lost.
const (
	// Collided: who was to get it heard another frame meanwhile, or sent.
	Collided Loss = 1 << iota
	// Busy: the air was not free in any of the attempts.
	Busy
	// Overflow: a queue was full.
	Overflow
	// Oversize: the datagram is longer than MTU.
	Oversize
	// Expired: the last fragment came too late (ReassemblyTimeout).
	Expired
	// Unreachable: nobody knows a way to the receiver.
	Unreachable
	// NoAck: it was not acknowledged, however often it was sent, and met nothing:
	// who was to get it does not hear any more, or slept.
	NoAck
)

// Stats are the counters of an Air.
type Stats struct {
	// Frames is how many were sent, all but acknowledgements, Collisions how many
	// of them, and of acknowledgements, somebody did not get for whom they were,
	// because he heard another meanwhile, or sent.
	Frames, Collisions uint64
	// Assessments is how often the air was listened to before sending; Busy how
	// often it was not free, Failures how many frames were given up for that, and
	// Overflows how many found no room in a queue.
	Assessments, Busy, Failures, Overflows uint64
	// Acks is how many acknowledgements were sent, Retries how often a frame was
	// sent again for want of one, GivenUp how many frames never got one.
	Acks, Retries, GivenUp uint64
}
