package actors

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

// firstMID returns the message ID with which a peer begins that is not
// remembered. It may have been known and forgotten within EXCHANGE_LIFETIME, so
// chance alone would now and then give it an ID that it still takes for a
// duplicate (RFC 7252 §4.4). Instead the beginning is a secret function of the
// peer, to which time adds 61,440 in EXCHANGE_LIFETIME: as long as the peer is
// sent less than that, as it must be, what begins anew is ahead of what was
// used.
func (sh *shard) firstMID(p netio.Peer) uint16 {
	var b [16 + 16 + 2 + 4]byte
	binary.LittleEndian.PutUint64(b[0:], sh.midSecret[0])
	binary.LittleEndian.PutUint64(b[8:], sh.midSecret[1])
	ip := p.Addr.Addr().As16()
	copy(b[16:], ip[:])
	binary.LittleEndian.PutUint16(b[32:], p.Addr.Port())
	binary.LittleEndian.PutUint32(b[34:], p.Session)
	sum := sha256.Sum256(b[:])
	lifetime := uint64(sh.node.exchangeLifetime)
	hi, lo := bits.Mul64(uint64(sh.now())%lifetime, protocol.FirstGroupID)
	passed, _ := bits.Div64(hi, lo, lifetime)
	return uint16((uint64(binary.LittleEndian.Uint16(sum[:])) + passed) % protocol.FirstGroupID)
}
