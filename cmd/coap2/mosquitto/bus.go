package main

import (
	"sync/atomic"
	"time"
)

// bus is a server or a broker with its publisher and subscribers.
type bus interface {
	// subscribe adds a subscriber and returns when it is one. Then on is called
	// with each payload, on a goroutine of the subscriber.
	subscribe(on func(payload []byte)) error
	// publish sends a sample; with QoS 1 it returns when it has arrived.
	publish(payload []byte) error
	// wire returns what has crossed the network so far.
	wire() traffic
	// pid is the process of the server or broker.
	pid() int
	// close ends everything, and returns what has gone wrong meanwhile.
	close() error
}

// fault is the first thing that has gone wrong with a bus, until it is closed.
type fault struct {
	first atomic.Pointer[error]
	ended atomic.Bool
}

func (f *fault) fail(err error) {
	if !f.ended.Load() {
		f.first.CompareAndSwap(nil, &err)
	}
}

// end: nothing that goes wrong from now on counts.
func (f *fault) end() { f.ended.Store(true) }

func (f *fault) err() error {
	if err := f.first.Load(); err != nil {
		return *err
	}
	return nil
}

// traffic is what crosses the network: IP packets, and the bytes in them.
type traffic struct{ packets, bytes uint64 }

func (t traffic) plus(o traffic) traffic {
	return traffic{t.packets + o.packets, t.bytes + o.bytes}
}

func (t traffic) minus(o traffic) traffic {
	return traffic{t.packets - o.packets, t.bytes - o.bytes}
}

// Headers of IPv4 with UDP, and with TCP and timestamps.
const (
	udpHeaders = 20 + 8
	tcpHeaders = 20 + 20 + 12
)

// answerTimeout is how long a server may take for an answer.
const answerTimeout = 10 * time.Second
