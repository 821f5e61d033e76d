package protocol

import (
	"math"
	"time"

	"github.com/coap2/coap2/netio"
)

const (
	idBlockBits = 12
	idBlockLen  = 1 << idBlockBits // message IDs per block
	idBlocks    = FirstGroupID / idBlockLen
	// idTick is the binary logarithm of the unit of the block times in
	// nanoseconds: with 2.1 s, 32 bits reach every Instant.
	idTick = 31
)

// MessageIDs gives out message IDs for one peer, so that none is used again
// within its lifetime (RFC 7252 §4.4). The zero value begins at ID 0; Init
// chooses another beginning, which should be random so that an attacker off the
// path cannot guess IDs.
//
// IDs are sequential, from 0 to FirstGroupID-1 and again from 0. What is
// remembered is not the time of each of them but one time for each block of
// 4,096: when the last one of the block has reached the end of its lifetime,
// rounded up to the next 2.1 s. So a peer can be sent at least 57,344 messages in
// a lifetime (and in the rhythm of the blocks all 61,440), which for the default
// of 247 s is about 230 a second.
type MessageIDs struct {
	// when the IDs of a block may be used again, in ticks: the first block, in
	// which most peers stay for ever, and the others
	first   uint32
	others  *[idBlocks - 1]uint32
	hold    uint32 // when the unused rest of the present block may be used
	longest uint32 // the longest lifetime seen, in ticks: what Force assumes
	start   uint16
	next    uint16 // what to give next, relative to start
	left    uint16 // how many IDs of the present block remain; 0 before the first
}

// Init forgets everything and makes start the next ID, or what is left of it when
// it is divided by FirstGroupID.
func (m *MessageIDs) Init(start uint16) { *m = MessageIDs{start: start % FirstGroupID} }

// ticks converts a time to ticks, rounded up.
func ticks(v int64) uint32 {
	if v > math.MaxInt64-(1<<idTick-1) {
		return math.MaxUint32
	}
	return uint32((max(v, 0) + 1<<idTick - 1) >> idTick)
}

// Next returns an ID for a message that is first sent now and whose ID must not
// be used again for lifetime: EXCHANGE_LIFETIME for a confirmable message,
// NON_LIFETIME for a non-confirmable one. If all 61,440 are in use, ok is false
// and free is the moment when one will have become free.
func (m *MessageIDs) Next(now netio.Instant, lifetime time.Duration) (id uint16, free netio.Instant, ok bool) {
	if m.left == 0 || instantOf(m.hold) > now {
		b, at := m.earliest()
		if instantOf(at) > now {
			if m.left > 0 {
				at = min(at, m.hold)
			}
			return 0, instantOf(at), false
		}
		m.enter(b)
	}
	end := int64(now) + int64(max(lifetime, 0))
	if end < int64(now) {
		end = math.MaxInt64
	}
	m.longest = max(m.longest, ticks(int64(lifetime)))
	return m.take(ticks(end)), 0, true
}

// Force returns the next ID whether or not its lifetime is over. It is for what
// cannot wait, such as the non-confirmable response to a non-confirmable
// request; the caller counts the IDs that it took after Next had refused.
// The ID counts as in use for the longest lifetime that Next has been told, or
// 247 s before that.
func (m *MessageIDs) Force(now netio.Instant) uint16 {
	if m.left == 0 {
		b, _ := m.earliest()
		m.enter(b)
	}
	if m.longest == 0 {
		m.longest = ticks(int64(Params{}.WithDefaults().ExchangeLifetime()))
	}
	return m.take(uint32(min(uint64(ticks(int64(now)))+uint64(m.longest), math.MaxUint32)))
}

func instantOf(ticks uint32) netio.Instant { return netio.Instant(ticks) << idTick }

// earliest returns the block that becomes free first, beginning with the one
// that is next in order, and when.
func (m *MessageIDs) earliest() (block int, free uint32) {
	block = int(m.next>>idBlockBits) % idBlocks
	if m.left > 0 {
		block = (block + 1) % idBlocks
	}
	free = m.free(block)
	for i := 1; i < idBlocks; i++ {
		b := (block + i) % idBlocks
		if f := m.free(b); f < free {
			block, free = b, f
		}
	}
	return block, free
}

// free returns when the IDs of a block may be used again.
func (m *MessageIDs) free(block int) uint32 {
	switch {
	case block == 0:
		return m.first
	case m.others == nil:
		return 0
	}
	return m.others[block-1]
}

// block returns the place of what free returns.
func (m *MessageIDs) block(i int) *uint32 {
	if i == 0 {
		return &m.first
	}
	if m.others == nil {
		m.others = new([idBlocks - 1]uint32)
	}
	return &m.others[i-1]
}

func (m *MessageIDs) enter(block int) {
	m.next = uint16(block << idBlockBits)
	m.left = idBlockLen
	m.hold = m.free(block)
}

func (m *MessageIDs) take(free uint32) uint16 {
	id := uint16((uint32(m.start) + uint32(m.next)) % FirstGroupID)
	b := m.block(int(m.next >> idBlockBits))
	*b = max(*b, free)
	m.next++
	m.left--
	return id
}
