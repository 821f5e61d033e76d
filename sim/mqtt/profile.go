package mqtt

import (
	"fmt"
	"time"

	"github.com/coap2/coap2/netio"
)

// Clock tells the time; a sim.World's. What it calls is called in virtual time.
type Clock interface {
	Now() netio.Instant
	AfterFunc(d time.Duration, f func()) netio.Timer
}

// Profile says how a broker or a client behaves. The zero value is MQTT 3.1.1
// with QoS 0 on Linux.
type Profile struct {
	// Version is the protocol level: 4 = MQTT 3.1.1, 5 = MQTT 5; 0 = 4.
	Version int
	// QoS is that with which a client publishes and subscribes: 0 or 1.
	QoS int
	// Retain: what a client publishes is kept by the broker, for those who
	// subscribe later.
	Retain bool
	// KeepAlive is after how long a silent client says something, up to 65535 s;
	// 0 = 60 s. After one and a half times that the broker gives it up.
	KeepAlive time.Duration
	// Inflight is how many messages of QoS 1 a broker or client sends without
	// having an acknowledgement; 0 = 20. Queued is how many wait for that, and
	// while a client is away; 0 = 1000. Beyond it the new ones are dropped.
	Inflight, Queued int

	// DelayedACK is how long an acknowledgement waits for data to travel with; 0
	// = 40 ms.
	DelayedACK time.Duration
	// MinRTO is the shortest time after which a segment is sent again; 0 = 200
	// ms. The first one is 1 s (RFC 6298 §2).
	MinRTO time.Duration
	// NoDelay: small segments do not wait until what was sent before is
	// acknowledged (TCP_NODELAY).
	NoDelay bool
	// NoTimestamps: segments have no timestamps (RFC 7323), which make each 12
	// bytes longer, and a SYN no options but the MSS.
	NoTimestamps bool
}

// Validate reports what is wrong with a profile.
func (p Profile) Validate() error {
	switch {
	case p.Version != 0 && p.Version != 4 && p.Version != 5:
		return fmt.Errorf("mqtt: Version is %d; it must be 4 (MQTT 3.1.1) or 5", p.Version)
	case p.QoS != 0 && p.QoS != 1:
		return fmt.Errorf("mqtt: QoS is %d; it must be 0 or 1", p.QoS)
	case p.KeepAlive < 0 || p.KeepAlive > 65535*time.Second || p.KeepAlive%time.Second != 0:
		return fmt.Errorf("mqtt: KeepAlive is %v; it must be whole seconds up to 65535s", p.KeepAlive)
	case p.Inflight < 0 || p.Inflight > 65535 || p.Queued < 0 || p.DelayedACK < 0 || p.MinRTO < 0:
		return fmt.Errorf("mqtt: Inflight must be 0 to 65535, and Queued, DelayedACK and MinRTO must not be negative")
	}
	return nil
}

func (p Profile) withDefaults() Profile {
	p.Version = orElse(p.Version, 4)
	p.KeepAlive = orElse(p.KeepAlive, 60*time.Second)
	p.Inflight = orElse(p.Inflight, 20)
	p.Queued = orElse(p.Queued, 1000)
	p.DelayedACK = orElse(p.DelayedACK, 40*time.Millisecond)
	p.MinRTO = orElse(p.MinRTO, 200*time.Millisecond)
	return p
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
