package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"time"
)

// ErrRound is wrapped by the errors of ParseRound, ParseHello and
// ParseInstanceID.
var ErrRound = errors.New("protocol: bad discovery round")

// Bounds of option 316.
const (
	// MaxRound is the length in bytes of its longest value.
	MaxRound = 1024
	// MaxRoundFilter is the length in bytes of the longest filter.
	MaxRoundFilter = MaxRound - roundHeader
	// MaxRoundBits is the largest Round.Bits.
	MaxRoundBits = 16
	// RoundUnit is the unit of Round.Window.
	RoundUnit = 10 * time.Millisecond
	// MaxRoundWindow is the longest Round.Window.
	MaxRoundWindow = 0xffff * RoundUnit
)

const (
	roundHeader  = 9 // salt, e, prefix, L
	filterHashes = 7 // bits of the filter for each instance
)

// InstanceID tells nodes apart whatever they are called and wherever they are: 8
// random bytes, kept with the name.
type InstanceID [8]byte

// ParseInstanceID reads option 316 of an answer.
func ParseInstanceID(b []byte) (InstanceID, error) {
	if len(b) != len(InstanceID{}) {
		return InstanceID{}, fmt.Errorf("%w: an instance ID has %d bytes, not %d", ErrRound, len(InstanceID{}), len(b))
	}
	return InstanceID(b), nil
}

// String returns 16 hexadecimal digits.
func (id InstanceID) String() string { return hex.EncodeToString(id[:]) }

// Hash returns Hi of a round with that salt: the first 8 bytes, most significant
// first, of SHA-256(i, salt, id). H0 decides about prefixes, H1 about filters.
func (id InstanceID) Hash(i byte, salt [4]byte) uint64 {
	var b [1 + 4 + 8]byte
	b[0] = i
	copy(b[1:], salt[:])
	copy(b[5:], id[:])
	sum := sha256.Sum256(b[:])
	return binary.BigEndian.Uint64(sum[:])
}

// Round is option 316 of a request: who answers, and when. The zero value asks
// all, without a window.
type Round struct {
	// Salt is other in every round, so that whom a filter silences by mistake is
	// heard in the next.
	Salt [4]byte
	// Bits is the number of bits of Prefix that count, 0 to MaxRoundBits: only
	// nodes answer whose H0 begins with them, one of 2^Bits. 0 = all.
	Bits uint8
	// Prefix has these bits, the highest first; the others are zero.
	Prefix uint16
	// Window is the time over which the answers are to be spread, in multiples of
	// RoundUnit.
	Window time.Duration
	// Filter holds the instances that are known and need not answer; empty = none.
	Filter Filter
}

// ParseRound reads option 316 of a request. An empty value, which says nothing, is
// the zero Round. The filter refers to b.
func ParseRound(b []byte) (Round, error) {
	if len(b) == 0 {
		return Round{}, nil
	}
	if len(b) < roundHeader || len(b) > MaxRound {
		return Round{}, fmt.Errorf("%w: it has %d bytes; want %d to %d", ErrRound, len(b), roundHeader, MaxRound)
	}
	r := Round{
		Salt:   [4]byte(b),
		Bits:   b[4],
		Prefix: binary.BigEndian.Uint16(b[5:]),
		Window: time.Duration(binary.BigEndian.Uint16(b[7:])) * RoundUnit,
	}
	if r.Bits > MaxRoundBits {
		return Round{}, fmt.Errorf("%w: %d bits of H0 are compared; there are at most %d", ErrRound, r.Bits, MaxRoundBits)
	}
	if len(b) > roundHeader {
		r.Filter = Filter(b[roundHeader:])
	}
	r.Prefix &= r.mask() // what is below is not compared
	return r, nil
}

func (r *Round) mask() uint16 { return ^uint16(0) << (16 - min(r.Bits, MaxRoundBits)) }

// Append appends the value of option 316. The window is rounded up to RoundUnit
// and is at most MaxRoundWindow.
func (r *Round) Append(dst []byte) ([]byte, error) {
	if r.Bits > MaxRoundBits {
		return dst, fmt.Errorf("%w: %d bits of H0 are compared; there are at most %d", ErrRound, r.Bits, MaxRoundBits)
	}
	if len(r.Filter) > MaxRoundFilter {
		return dst, fmt.Errorf("%w: the filter has %d bytes; want at most %d", ErrRound, len(r.Filter), MaxRoundFilter)
	}
	if r.Window < 0 {
		return dst, fmt.Errorf("%w: the window is %v", ErrRound, r.Window)
	}
	w := (min(r.Window, MaxRoundWindow) + RoundUnit - 1) / RoundUnit
	dst = append(dst, r.Salt[:]...)
	dst = append(dst, r.Bits)
	dst = binary.BigEndian.AppendUint16(dst, r.Prefix&r.mask())
	dst = binary.BigEndian.AppendUint16(dst, uint16(w))
	return append(dst, r.Filter...), nil
}

// Sampled reports whether the round asks an instance at all.
func (r *Round) Sampled(id InstanceID) bool {
	return r.Bits == 0 || uint16(id.Hash(0, r.Salt)>>48)&r.mask() == r.Prefix&r.mask()
}

// Asks reports whether the round wants an answer of an instance: its bits are
// those of the prefix, and the filter does not hold it. A filter holds a few by
// mistake.
func (r *Round) Asks(id InstanceID) bool {
	return r.Sampled(id) && (len(r.Filter) == 0 || !r.Filter.Has(id.Hash(1, r.Salt)))
}

// Filter is a Bloom filter of instances, by their H1; least significant bit first.
// The nil Filter holds none.
type Filter []byte

// FilterSize returns the length in bytes of a filter for n instances with so many
// bits for each, at most MaxRoundFilter. With 10 bits 0.8 % of the instances that
// are not in it are taken for some that are, with 8 bits 2.3 %.
func FilterSize(n, bitsEach int) int {
	if n <= 0 || bitsEach <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), uint64(bitsEach))
	if hi > 0 || lo > 8*MaxRoundFilter {
		return MaxRoundFilter
	}
	return int(lo+7) / 8
}

// Add puts an instance into the filter. A filter without bytes holds nothing.
func (f Filter) Add(h1 uint64) {
	m := uint64(len(f)) * 8
	if m == 0 {
		return
	}
	for j := range uint64(filterHashes) {
		bit := (h1&0xffffffff + j*(h1>>32)) % m
		f[bit/8] |= 1 << (bit % 8)
	}
}

// Has reports whether an instance is in the filter, or seems to be.
func (f Filter) Has(h1 uint64) bool {
	m := uint64(len(f)) * 8
	if m == 0 {
		return false
	}
	for j := range uint64(filterHashes) {
		bit := (h1&0xffffffff + j*(h1>>32)) % m
		if f[bit/8]>>(bit%8)&1 == 0 {
			return false
		}
	}
	return true
}

// Hello is option 316 of a POST to /.well-known/core, by which a node says that it
// has come or that it goes. Option 300 has its name.
type Hello struct {
	ID InstanceID
	// Goodbye: it goes.
	Goodbye bool
}

const helloLen = len(InstanceID{}) + 1

// ParseHello reads option 316 of a hello or goodbye.
func ParseHello(b []byte) (Hello, error) {
	if len(b) != helloLen {
		return Hello{}, fmt.Errorf("%w: a hello has %d bytes, not %d", ErrRound, helloLen, len(b))
	}
	if b[8] > 1 {
		return Hello{}, fmt.Errorf("%w: the last byte of a hello is 1, or 0 for a goodbye, not %d", ErrRound, b[8])
	}
	return Hello{ID: InstanceID(b), Goodbye: b[8] == 0}, nil
}

// Append appends the value of option 316.
func (h Hello) Append(dst []byte) []byte {
	dst = append(dst, h.ID[:]...)
	if h.Goodbye {
		return append(dst, 0)
	}
	return append(dst, 1)
}
