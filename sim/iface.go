package sim

import (
	"errors"
	"fmt"
	"time"
)

// Interface is how a node is joined to the network: what it can send, what it
// can take, and how fast. The zero value has no limits.
type Interface struct {
	// Rate bounds what the node sends, to whomever. A datagram that finds no
	// room in the queue is lost, and the node is not told.
	Rate
	// MTU is the size in bytes of the largest IP packet that the node can send,
	// headers included; 0 = any, otherwise at least 68. A longer datagram is
	// refused with an error that is ErrTooLong, as a socket does that may not
	// fragment.
	MTU int
	// Buffer is how many datagrams the receive buffer of the socket holds; 0 =
	// no limit. What finds it full is lost. In it are the datagrams that come at
	// one moment, and with Service those that wait for their turn.
	Buffer int
	// BufferBytes is how many bytes of payload it holds; 0 = no limit.
	BufferBytes int
	// Service is how long the node is busy with one datagram that it receives:
	// the next is handed to it that much later at the earliest.
	Service time.Duration
	// HopLimit is that of the unicast datagrams that the node sends, 1 to 255;
	// 0 = 64.
	HopLimit int
	// GroupHopLimit is that of its multicast datagrams, 1 to 255; 0 = 64.
	// (Systems begin with 1, which no router forwards.)
	GroupHopLimit int
}

// ErrTooLong: a datagram is too long for the interface of the node that sends it
// (Interface.MTU).
var ErrTooLong = errors.New("message too long")

// Validate reports what is wrong with an Interface, if anything.
func (i Interface) Validate() error {
	if err := i.Rate.Validate(); err != nil {
		return err
	}
	if i.MTU != 0 && (i.MTU < minMTU || i.MTU > maxPacket) {
		return fmt.Errorf("sim: Interface.MTU is %d; it must be 0 or between %d and %d", i.MTU, minMTU, maxPacket)
	}
	for _, f := range [...]struct {
		name   string
		v, max int
	}{{"Buffer", i.Buffer, maxQueue}, {"BufferBytes", i.BufferBytes, maxQueue}, {"HopLimit", i.HopLimit, 255}, {"GroupHopLimit", i.GroupHopLimit, 255}} {
		if f.v < 0 || f.v > f.max {
			return fmt.Errorf("sim: Interface.%s is %d; it must be between 0 and %d", f.name, f.v, f.max)
		}
	}
	if i.Service < 0 || i.Service > maxDelay {
		return fmt.Errorf("sim: Interface.Service is %v; it must be between 0 and %v", i.Service, maxDelay)
	}
	return nil
}
