package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/coap2/coap2/codec"
)

// Cut is the part of a representation that answers a request (RFC 7959 §2.4).
type Cut struct {
	// Block is the Block2 option of the response, if Blockwise.
	Block     codec.Block
	Blockwise bool
	// From and To bound the bytes: body[From:To].
	From, To int64
}

// UnknownSize is the size of a body whose end has not been seen yet.
const UnknownSize = math.MaxInt64

// CutBody cuts the body of a response: size is its length in bytes, or
// UnknownSize; asked is the Block2 option of the request, which has one if has;
// szx is the size exponent that the server likes best. A request without Block2
// gets the whole body if that is not longer than a block (late negotiation),
// and one with Block2 gets no larger blocks than it asks for (early
// negotiation).
//
// code is not 0 if there is no such part: 4.00 for a block past the end.
func CutBody(size int64, asked codec.Block, has bool, szx uint8) (c Cut, code codec.Code) {
	szx = min(szx, codec.MaxSZX)
	if !has {
		asked = codec.Block{SZX: szx}
		if size <= int64(asked.Size()) {
			return Cut{To: size}, 0
		}
	}
	from := asked.Offset()
	c = Cut{Block: codec.Block{SZX: min(asked.SZX, szx)}, Blockwise: true, From: from}
	num := from / int64(c.Block.Size())
	// The part has the offset that was asked for, whatever its size.
	if from >= size && from > 0 || num > codec.MaxBlockNum {
		return Cut{}, codec.BadRequest
	}
	c.Block.Num = uint32(num)
	c.To = min(from+int64(c.Block.Size()), size)
	c.Block.More = c.To < size
	return c, 0
}

// End corrects a cut of a body of UnknownSize, of which n bytes beginning at
// From could be read; the caller tries to read one more than the block has. It
// reports whether there is such a block.
func (c *Cut) End(n int64) bool {
	if n <= 0 && c.From > 0 {
		return false
	}
	c.Block.More = n > c.To-c.From
	c.To = min(c.To, c.From+max(n, 0))
	return true
}

// BlockKey tells the block-wise transfers of a server's peers apart.
type BlockKey struct {
	Peer uint64
	sum  [16]byte
}

// MakeBlockKey makes the key of the transfer that a request belongs to: its peer
// (a number such as PeerEntry.ID), its method, and all its options that are part
// of the cache key (RFC 7959 §2.4, §2.5), Request-Tag among them, which tells
// concurrent transfers apart (RFC 9175 §3.3). Left out are the Block options
// themselves, Observe, which is in the first request only, No-Response, which is
// in the last (RFC 7967 §3.2), and the payload.
// Options must be in order.
func MakeBlockKey(peer uint64, m *codec.Message) BlockKey {
	var space [512]byte
	b := append(space[:0], byte(m.Code))
	for i := range m.Options {
		o := &m.Options[i]
		switch n := o.Number; {
		case n == codec.OptionBlock1, n == codec.OptionBlock2, n == codec.OptionObserve, n == codec.OptionNoResponse:
		case !n.Unsafe() && n.NoCacheKey():
		default:
			b = binary.BigEndian.AppendUint16(b, uint16(n))
			b = binary.BigEndian.AppendUint32(b, uint32(len(o.Value)))
			b = append(b, o.Value...)
		}
	}
	sum := sha256.Sum256(b)
	return BlockKey{Peer: peer, sum: [16]byte(sum[:16])}
}
