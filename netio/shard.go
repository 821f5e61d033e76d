package netio

import "encoding/binary"

// Multipliers of ShardOf: odd, and with their bits well mixed.
const (
	ShardMul1 = 0x9E3779B1
	ShardMul2 = 0x85EBCA77
)

// ShardOf says which of n shards a peer belongs to, 0 to n-1, by its address and
// port: everything of a peer is in one place, and whoever wants to send to it
// knows where. n is 1 to 65,536; of less it returns 0.
//
// It is as simple as it is because package udp gives it to the kernel as a
// program, so that a datagram comes in at the socket of its shard: 32-bit
// multiplications, each result spread downwards. It is no secret. Who chooses
// its ports so that all fall on one shard finds there what a node without
// shards is.
func ShardOf(p Peer, n int) int {
	if n <= 1 {
		return 0
	}
	a := p.Addr.Addr()
	var h uint32
	if a.Is4() {
		b := a.As4()
		h = binary.BigEndian.Uint32(b[:])
	} else {
		b := a.As16()
		for i := 0; i < 16; i += 4 {
			h = h*ShardMul1 + binary.BigEndian.Uint32(b[i:])
		}
	}
	h = h*ShardMul1 + uint32(p.Addr.Port())
	h ^= h >> 16
	h *= ShardMul2
	return int(h >> 16 * uint32(n) >> 16)
}
