package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// Defaults and limits of Config.
const (
	// DefaultAddr is where a transport listens that is not told otherwise: the
	// CoAP port (RFC 7252 §6.1) of all addresses of the machine.
	DefaultAddr = ":5683"
	// DefaultBuffer is the size asked for each socket's buffers, in bytes.
	DefaultBuffer = 4 << 20
	// DefaultBatch is how many datagrams are read or written in one system call.
	DefaultBatch = 64
	// DefaultMTU is what is left of the smallest IPv6 packet that every link
	// carries (1,280 bytes, RFC 8200 §5) without IPv6 and UDP header.
	DefaultMTU = 1280 - 40 - 8
	// MaxPayload is the longest payload of an IPv4 UDP datagram.
	MaxPayload = 65535 - 20 - 8

	maxDatagram = 65535 // length field of UDP; IPv6 leaves 65,527 for payload
	maxBatch    = 1024  // UIO_MAXIOV
	maxBuffer   = 1 << 30
	maxAddrs    = 256
	maxShards   = 256
)

// Config says what Open opens. The zero value is a transport on port 5683 of
// all addresses, IPv4 and IPv6.
type Config struct {
	// Addrs are the addresses to listen on: "host:port", "[::1]:0", ":5683".
	// No host means all addresses of both families, with the same port in
	// both; "0.0.0.0" and "[::]" mean all addresses of one. A name stands for
	// all its addresses. Port 0 lets the system choose. Group addresses are
	// not for here but for Join. If empty, DefaultAddr.
	Addrs []string
	// ReadBuffer and WriteBuffer are the sizes of each socket's buffers in the
	// system, in bytes. The system may give less: see Transport.Buffers. If
	// zero, DefaultBuffer.
	ReadBuffer, WriteBuffer int
	// Batch is the largest number of datagrams read or written in one system
	// call, where the system can do that, and so the length of the slices that
	// Receiver.Datagrams gets; 1 to 1024. If zero, DefaultBatch.
	Batch int
	// MTU is what Transport.MTU returns, in bytes: advice for the layers above,
	// nothing is held to it; 64 to MaxPayload. If zero, DefaultMTU.
	MTU int
	// MaxDatagram is the longest payload that is received, in bytes; longer
	// datagrams are dropped and counted as truncated. It bounds the memory for
	// receiving to about Batch × MaxDatagram a socket. If zero, all that UDP
	// can carry.
	MaxDatagram int
	// ReusePort lets several transports listen on the same address
	// (SO_REUSEPORT), all of which must ask for it; the system spreads the
	// peers over them. Open fails where the system cannot do it.
	ReusePort bool
	// Shards is how many sockets share each address, so that as many goroutines
	// read at the same time (Linux only); 1 to 256. All datagrams of a peer come
	// by the socket, and leave by the one, that netio.ShardOf gives it to: the
	// kernel runs the same function. Groups are heard by the first
	// socket. The address is the transport's alone. If zero, 1.
	Shards int
	// Interfaces are the names of the interfaces on which Join(group, "")
	// joins. If empty, all that are up and capable of multicast.
	Interfaces []string
}

// Validate reports what is wrong with a Config. It does not look up names.
func (c Config) Validate() error {
	var errs []error
	if len(c.Addrs) > maxAddrs {
		errs = append(errs, fmt.Errorf("udp: %d addresses in Config.Addrs, at most %d", len(c.Addrs), maxAddrs))
	}
	for _, a := range c.Addrs {
		if _, _, err := splitAddr(a); err != nil {
			errs = append(errs, err)
		}
	}
	for _, f := range []struct {
		name        string
		v, low, top int
	}{
		{"ReadBuffer", c.ReadBuffer, 1, maxBuffer},
		{"WriteBuffer", c.WriteBuffer, 1, maxBuffer},
		{"Batch", c.Batch, 1, maxBatch},
		{"MTU", c.MTU, 64, MaxPayload},
		{"MaxDatagram", c.MaxDatagram, 64, maxDatagram},
		{"Shards", c.Shards, 1, maxShards},
	} {
		if f.v != 0 && (f.v < f.low || f.v > f.top) {
			errs = append(errs, fmt.Errorf("udp: Config.%s is %d, must be 0 or %d to %d", f.name, f.v, f.low, f.top))
		}
	}
	if c.Shards > 1 && c.ReusePort {
		errs = append(errs, errors.New("udp: Config.Shards and Config.ReusePort exclude each other: with strangers on the same address nobody knows which socket is whose"))
	}
	for _, name := range c.Interfaces {
		if name == "" {
			errs = append(errs, errors.New("udp: empty name in Config.Interfaces"))
		}
	}
	return errors.Join(errs...)
}

// withDefaults returns c with zero fields filled in.
func (c Config) withDefaults() Config {
	if len(c.Addrs) == 0 {
		c.Addrs = []string{DefaultAddr}
	}
	for _, f := range []struct {
		v   *int
		def int
	}{
		{&c.ReadBuffer, DefaultBuffer}, {&c.WriteBuffer, DefaultBuffer}, {&c.Batch, DefaultBatch},
		{&c.MTU, DefaultMTU}, {&c.MaxDatagram, maxDatagram}, {&c.Shards, 1},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	return c
}

// splitAddr parses an element of Config.Addrs as far as that goes without
// looking up names.
func splitAddr(s string) (host string, port uint16, err error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, fmt.Errorf("udp: address %q: want host:port, as in \":5683\" or \"[::1]:5683\": %w", s, err)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("udp: address %q: port must be a number from 0 to 65535", s)
	}
	if ip, err := netip.ParseAddr(host); err == nil && isGroup(ip) {
		return "", 0, fmt.Errorf("udp: address %q is a group: listen on all addresses and Join it", s)
	}
	return host, uint16(n), nil
}
