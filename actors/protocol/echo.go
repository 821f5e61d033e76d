package protocol

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// DefaultEchoWindow is for how long an Echo value is taken that an Echo has made
// which was not told.
const DefaultEchoWindow = time.Minute

const (
	echoTimeLen = 8
	echoMACLen  = 8
)

// Echo makes and verifies the values of Echo options (RFC 9175 §2): a client that
// sends one back shows that its request is fresh, and that it gets what is sent
// to its address. A value holds the time at which it was made and a MAC of that
// and of the client's address, so that a server remembers nothing (§A.2).
type Echo struct {
	mac    hash.Hash
	window time.Duration
	sum    [sha256.Size]byte
	in     [16 + 2 + 4 + echoTimeLen]byte
}

// NewEcho makes an Echo. The secret, of 16 bytes or more, is random and made
// anew when the clock begins anew; the window is for how long a value is taken,
// 0 for DefaultEchoWindow.
func NewEcho(secret []byte, window time.Duration) *Echo {
	if window <= 0 {
		window = DefaultEchoWindow
	}
	return &Echo{mac: hmac.New(sha256.New, secret), window: window}
}

// Append appends a value for a client, of 16 bytes, to dst.
func (e *Echo) Append(dst []byte, now netio.Instant, client netio.Peer) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(now))
	return append(dst, e.sign(uint64(now), client)...)
}

// Verify reports whether a value was made for this client, and not longer ago
// than the window; age is how long ago.
func (e *Echo) Verify(now netio.Instant, client netio.Peer, value []byte) (age time.Duration, ok bool) {
	if len(value) != echoTimeLen+echoMACLen {
		return 0, false
	}
	at := binary.BigEndian.Uint64(value)
	// Compared in constant time, so that a MAC cannot be guessed byte by byte.
	if !hmac.Equal(value[echoTimeLen:], e.sign(at, client)) || netio.Instant(at) > now {
		return 0, false
	}
	age = now.Sub(netio.Instant(at))
	return age, age <= e.window
}

func (e *Echo) sign(at uint64, client netio.Peer) []byte {
	ip := client.Addr.Addr().As16()
	copy(e.in[:], ip[:])
	binary.BigEndian.PutUint16(e.in[16:], client.Addr.Port())
	binary.BigEndian.PutUint32(e.in[18:], client.Session)
	binary.BigEndian.PutUint64(e.in[22:], at)
	e.mac.Reset()
	e.mac.Write(e.in[:])
	return e.mac.Sum(e.sum[:0])[:echoMACLen]
}

// EchoAsked returns the value that a client puts into its request, sent once
// more, if the response asks for that: 4.01 with an Echo option (RFC 9175 §2.3).
// A client that has been asked three times in a row gives up.
func EchoAsked(code codec.Code, response codec.Options) (value []byte, ok bool) {
	if code != codec.Unauthorized {
		return nil, false
	}
	return response.Get(codec.OptionEcho)
}

// What a server sends to an address that has not proved itself.
const (
	// AmplificationFloor is how many bytes it may send in any case: the answer
	// to a small request (RFC 9175 §2.4).
	AmplificationFloor = 136
	// AmplificationFactor is how many times what it has received.
	AmplificationFactor = 3
)

// Amplification accounts for what passes between a server and an address that
// may be forged, so that nobody can have the server flood a third party (RFC
// 9175 §2.4). The zero value has heard nothing.
type Amplification struct {
	received, sent uint64
	proven         netio.Instant // until then
}

// Received counts a datagram from the address.
func (a *Amplification) Received(bytes int) { a.received += uint64(max(bytes, 0)) }

// Allow reports whether a datagram may be sent to the address; if it is, the
// caller says so with Sent. If not, a 4.01 with an Echo option may be what is
// short enough.
func (a *Amplification) Allow(now netio.Instant, bytes int) bool {
	return now < a.proven || a.sent+uint64(max(bytes, 0)) <= max(AmplificationFloor, AmplificationFactor*a.received)
}

// Sent counts a datagram to the address.
func (a *Amplification) Sent(bytes int) { a.sent += uint64(max(bytes, 0)) }

// Prove says that the address has proved itself, by an Echo value or in another
// way. That holds for d.
func (a *Amplification) Prove(now netio.Instant, d time.Duration) {
	a.proven = max(a.proven, now.Add(d))
}

// Proven reports whether the address has proved itself.
func (a *Amplification) Proven(now netio.Instant) bool { return now < a.proven }
