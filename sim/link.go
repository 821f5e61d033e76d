package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/coap2/coap2/sim/dist"
)

// Link is how datagrams travel in one direction. The zero value is perfect:
// they arrive at once, all of them, in order.
//
// A datagram waits its turn in the queue (Bandwidth), may be lost, doubled,
// damaged, and is under way for Latency plus what chance adds. Chance is of each
// pair of nodes and direction by itself: what others send, and how many they are,
// changes nothing.
type Link struct {
	// Latency is how long a datagram is under way.
	Latency time.Duration
	// Jitter is the most that is added to Latency, uniformly at random. It
	// reorders datagrams that are closer together than that.
	Jitter time.Duration
	// Delay is added to Latency, drawn for each datagram; nil = nothing. It
	// reorders too.
	Delay dist.Time
	// InOrder keeps the order in which datagrams were sent, whatever Jitter and
	// Delay say: none arrives before one that was sent earlier. Those that
	// Reorder holds up, and second copies, are not waited for.
	InOrder bool
	// Loss is the probability, 0 to 1, that a datagram is lost.
	Loss float64
	// Bursts loses datagrams in bursts, besides Loss; nil = none.
	Bursts *dist.GilbertElliott
	// Duplicate is the probability, 0 to 1, that a datagram arrives twice.
	Duplicate float64
	// Reorder is the probability, 0 to 1, that a datagram is held up for a
	// random time of at most ReorderBy, so that others overtake it.
	Reorder float64
	// ReorderBy is the longest such time; 0 = 100 ms.
	ReorderBy time.Duration
	// Corrupt is the probability, 0 to 1, that a bit of the payload is flipped
	// and no checksum notices.
	Corrupt float64
	// Rate bounds what one node can send to one other.
	Rate
	// MTU is the size in bytes of the largest IP packet that the way carries,
	// headers included; 0 = any, otherwise at least 68 (RFC 791).
	MTU int
	// Oversize says what becomes of a datagram that does not fit into MTU.
	Oversize Oversize
}

// Rate is a bottleneck with a drop-tail queue before it.
type Rate struct {
	// Bandwidth is how many bytes pass in a second, IP and UDP headers included;
	// 0 = no limit.
	Bandwidth int
	// Queue is how many bytes there can be in the queue, what has not yet left of the
	// datagram at its head included; 0 = 65,536. A datagram that finds no room is
	// lost. One that finds the queue empty is always taken.
	Queue int
}

// Validate reports what is wrong with a Rate, if anything.
func (r Rate) Validate() error {
	if r.Bandwidth < 0 || r.Bandwidth > maxRate {
		return fmt.Errorf("sim: Rate.Bandwidth is %d; it must be between 0 and %d bytes a second", r.Bandwidth, maxRate)
	}
	if r.Queue < 0 || r.Queue > maxQueue {
		return fmt.Errorf("sim: Rate.Queue is %d; it must be between 0 and %d bytes", r.Queue, maxQueue)
	}
	return nil
}

// Oversize is what becomes of datagrams that are larger than an MTU.
type Oversize uint8

// The fates of datagrams that are larger than an MTU.
const (
	// Fragment sends them in fragments, each of which meets the losses of the
	// link by itself; if one is lost, all is lost.
	Fragment Oversize = iota
	// Blackhole loses them, and nobody says so.
	Blackhole
	// TooBig loses them, and the network tells the sender so, as ICMP "packet
	// too big" does (RFC 8201): a netio.ErrTransient.
	TooBig
)

// String returns "fragment", "blackhole" or "toobig".
func (o Oversize) String() string {
	if int(o) < len(oversizes) {
		return oversizes[o]
	}
	return fmt.Sprintf("Oversize(%d)", uint8(o))
}

// ParseOversize returns the Oversize of which String returns s.
func ParseOversize(s string) (Oversize, error) {
	for i, name := range oversizes {
		if s == name {
			return Oversize(i), nil
		}
	}
	return 0, fmt.Errorf("sim: %q is not what becomes of a large datagram: want fragment, blackhole or toobig", s)
}

var oversizes = [...]string{"fragment", "blackhole", "toobig"}

// Bounds of what is configured. Bandwidth times a second stays far from the end
// of an int64, on 32-bit machines an int has room for both.
const (
	maxRate   = 1 << 30
	maxQueue  = 1 << 30
	minMTU    = 68
	maxPacket = 65575 // the largest payload over IPv4, in an IPv6 packet
)

// Validate reports what is wrong with a Link, if anything.
func (l Link) Validate() error {
	for _, f := range [...]struct {
		name string
		v    float64
	}{{"Loss", l.Loss}, {"Duplicate", l.Duplicate}, {"Reorder", l.Reorder}, {"Corrupt", l.Corrupt}} {
		if !(f.v >= 0 && f.v <= 1) { // so that NaN is refused too
			return fmt.Errorf("sim: Link.%s is %v; it is a probability, 0 to 1", f.name, f.v)
		}
	}
	for _, f := range [...]struct {
		name string
		v    time.Duration
	}{{"Latency", l.Latency}, {"Jitter", l.Jitter}, {"ReorderBy", l.ReorderBy}} {
		if f.v < 0 || f.v > maxDelay {
			return fmt.Errorf("sim: Link.%s is %v; it must be between 0 and %v", f.name, f.v, maxDelay)
		}
	}
	if l.Delay != nil {
		if err := l.Delay.Validate(); err != nil {
			return fmt.Errorf("sim: Link.Delay: %w", err)
		}
	}
	if l.Bursts != nil {
		if err := l.Bursts.Validate(); err != nil {
			return fmt.Errorf("sim: Link.Bursts: %w", err)
		}
	}
	if err := l.Rate.Validate(); err != nil {
		return err
	}
	if l.MTU != 0 && (l.MTU < minMTU || l.MTU > maxPacket) {
		return fmt.Errorf("sim: Link.MTU is %d; it must be 0 or between %d and %d", l.MTU, minMTU, maxPacket)
	}
	if int(l.Oversize) >= len(oversizes) {
		return fmt.Errorf("sim: Link.Oversize is %v; want Fragment, Blackhole or TooBig", l.Oversize)
	}
	return nil
}

// maxDelay keeps sums of delays far from the end of time.Duration.
const maxDelay = 1000 * time.Hour

// random reports whether chance decides anything on the link.
func (l *Link) random() bool {
	return l.Loss > 0 || l.Bursts != nil || l.Duplicate > 0 || l.Reorder > 0 || l.Corrupt > 0 || l.Jitter > 0 || l.Delay != nil
}

// stateful reports whether what becomes of a datagram on the link depends on
// those before it.
func (l *Link) stateful() bool {
	return l.Bursts != nil || l.Bandwidth > 0 || l.InOrder || l.MTU > 0 && l.Oversize == TooBig
}

// delay returns how long a datagram takes that goes in n fragments, extra
// included: as long as the slowest of them.
func (l *Link) delay(r *rand.Rand, n int, extra time.Duration) time.Duration {
	slowest := time.Duration(0)
	if l.Jitter > 0 || l.Delay != nil {
		for range n {
			d := time.Duration(r.Float64() * float64(l.Jitter))
			if l.Delay != nil {
				d += dist.Sample(l.Delay, r)
			}
			slowest = max(slowest, d)
		}
	}
	return l.Latency + min(max(extra, 0), maxDelay) + slowest
}

// chance returns what chance has in store for a datagram of size bytes that goes
// in n fragments.
func (l *Link) chance(r *rand.Rand, f *flow, n, size int) Verdict {
	var v Verdict
	for range n {
		if l.Loss > 0 && r.Float64() < l.Loss {
			v.Drop = true
		}
		if l.Bursts != nil && l.Bursts.Lost(&f.path, r) {
			v.Drop = true
		}
	}
	if l.Duplicate > 0 && r.Float64() < l.Duplicate {
		v.Copies = 1
	}
	if l.Reorder > 0 && r.Float64() < l.Reorder {
		by := l.ReorderBy
		if by == 0 {
			by = 100 * time.Millisecond
		}
		v.Delay = time.Duration(r.Float64() * float64(by))
	}
	if l.Corrupt > 0 && r.Float64() < l.Corrupt && size > 0 {
		bit := r.IntN(8 * size)
		v.Edit = func(b []byte) []byte {
			b[bit/8] ^= 1 << (bit % 8)
			return b
		}
	}
	return v
}
