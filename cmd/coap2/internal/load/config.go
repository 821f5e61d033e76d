package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// Check says what makes the payload of a response right.
type Check uint8

// The checks of payloads.
const (
	// Same: it is equal to Config.Want, or where that is nil to the payload of
	// the first response.
	Same Check = iota
	// Any: it may be anything.
	Any
)

// Limits of Config.
const (
	MaxOutstanding = 1 << 20
	MaxPeers       = 1 << 20
	MaxSockets     = 64
	maxRequest     = 60000 // what fits into a datagram
)

// Config says what to ask of whom, and how hard. Target must be set.
type Config struct {
	// Target is the server.
	Target netip.AddrPort
	// Method is the method; zero = GET.
	Method codec.Code
	// Options and Payload of every request.
	Options codec.Options
	Payload []byte
	// NonConfirmable sends the requests as NON: what is lost is not repeated.
	NonConfirmable bool

	// Outstanding is how many requests are outstanding, 1 to MaxOutstanding;
	// zero = 64.
	Outstanding int
	// Peers is how many endpoints they come from, in turn, 1 to MaxPeers; zero
	// = as many as Outstanding. With fewer, an endpoint has several requests
	// outstanding.
	Peers int
	// Sockets is how many sockets serve the endpoints where an endpoint is a
	// source address, 1 to MaxSockets. More can use more processors, and have
	// room for more responses. Zero = one for every two processors, but enough
	// for what is outstanding.
	Sockets int

	// Warmup is how long requests are made before any is counted.
	Warmup time.Duration
	// Duration is how long requests are made and counted; zero = until Count.
	Duration time.Duration
	// Count is how many requests are counted at most; zero = no bound. One of
	// Duration and Count must be set.
	Count uint64

	// Params are the transmission parameters; zero fields = the defaults of
	// RFC 7252 §4.8. NStart plays no part.
	Params protocol.Params
	// Timeout is how long to wait for a response, retransmissions included;
	// zero = 10 s.
	Timeout time.Duration

	// Check and Want say which payloads are right. Any response that is no
	// success (2.xx) is wrong.
	Check Check
	Want  []byte

	// Begin and End, where set, are called when counting begins and when it
	// ends. They must be quick, and must not call the Load.
	Begin, End func()
}

// Validate reports what is wrong with a Config, if anything.
func (c Config) Validate() error {
	if !c.Target.IsValid() || c.Target.Port() == 0 || c.Target.Addr().IsUnspecified() || c.Target.Addr().IsMulticast() {
		return fmt.Errorf("load: Config.Target is %v; it must be the address and port of one server", c.Target)
	}
	for _, f := range []struct {
		name       string
		value, max int
	}{
		{"Outstanding", c.Outstanding, MaxOutstanding}, {"Peers", c.Peers, MaxPeers}, {"Sockets", c.Sockets, MaxSockets},
	} {
		if f.value < 0 || f.value > f.max {
			return fmt.Errorf("load: Config.%s is %d; it must be from 1 to %d, or 0 for the default", f.name, f.value, f.max)
		}
	}
	for _, f := range []struct {
		name  string
		value time.Duration
	}{
		{"Warmup", c.Warmup}, {"Duration", c.Duration}, {"Timeout", c.Timeout},
	} {
		if f.value < 0 {
			return fmt.Errorf("load: Config.%s is %v; it must not be negative", f.name, f.value)
		}
	}
	switch {
	case c.Duration == 0 && c.Count == 0:
		return errors.New("load: Config.Duration and Config.Count are both zero; the load would not end")
	case c.Method != 0 && !c.Method.IsRequest():
		return fmt.Errorf("load: Config.Method is %v, which is no method", c.Method)
	case c.Check > Any:
		return fmt.Errorf("load: Config.Check is %d; there is no such check", c.Check)
	}
	if err := c.Params.Validate(); err != nil {
		return fmt.Errorf("load: Config.Params: %w", err)
	}
	_, err := c.withDefaults().template()
	return err
}

func (c Config) withDefaults() Config {
	if c.Method == 0 {
		c.Method = codec.GET
	}
	if c.Outstanding == 0 {
		c.Outstanding = 64
	}
	if c.Peers == 0 {
		c.Peers = c.Outstanding
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	c.Params = c.Params.WithDefaults()
	return c
}

// tokenLen is the length of every token: all that a token can have, so that one
// that was made up by somebody else is told from our own.
const tokenLen = codec.MaxTokenLen

// template encodes the request, of which only message ID and token differ from
// one to the next: the ten bytes from messageIDAt on.
func (c Config) template() ([]byte, error) {
	m := codec.Message{
		Type: codec.CON, Code: c.Method, Token: codec.TokenFromUint64(0),
		Options: append(codec.Options(nil), c.Options...), Payload: c.Payload,
	}
	if c.NonConfirmable {
		m.Type = codec.NON
	}
	b, err := m.Append(nil)
	if err != nil {
		return nil, fmt.Errorf("load: the request cannot be encoded: %w", err)
	}
	if len(b) > maxRequest {
		return nil, fmt.Errorf("load: the request has %d bytes; a message carries at most %d", len(b), maxRequest)
	}
	return b, nil
}

const (
	messageIDAt = 2
	tokenAt     = codec.HeaderLen
)

// newRand returns a source of randomness that nobody can guess.
func newRand() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) }
