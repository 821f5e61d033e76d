package codec

import (
	"errors"
	"fmt"
)

// ErrBlock: the value of a Block option is longer than three bytes or has the
// reserved size exponent 7; a request with one is answered with 4.00 (RFC 7959
// §2.2).
var ErrBlock = errors.New("codec: bad block option")

const (
	// MaxBlockNum is the highest number of a block (RFC 7959 §2.2).
	MaxBlockNum = 1<<20 - 1
	// MaxSZX is the size exponent of the largest block, 1024 bytes.
	MaxSZX = 6
)

// Block is the value of a Block1 or Block2 option (RFC 7959 §2.2). The zero
// value is the first and only block, of 16 bytes.
type Block struct {
	// Num is the number of the block, 0 to MaxBlockNum.
	Num uint32
	// More is true if blocks follow.
	More bool
	// SZX is the size exponent, 0 to MaxSZX: a block has 2^(SZX+4) bytes.
	SZX uint8
}

// ParseBlock reads the value of a Block1 or Block2 option. Errors wrap
// ErrBlock.
func ParseBlock(value []byte) (Block, error) {
	if len(value) > 3 {
		return Block{}, fmt.Errorf("%w: %d bytes, at most 3", ErrBlock, len(value))
	}
	v, _ := ParseUint(value)
	b := Block{Num: uint32(v >> 4), More: v&8 != 0, SZX: uint8(v & 7)}
	if b.SZX > MaxSZX {
		return Block{}, fmt.Errorf("%w: size exponent 7 is reserved", ErrBlock)
	}
	return b, nil
}

// Append appends the value of an option that says b. Num and SZX must be in
// their ranges: a larger Num gives a value that ParseBlock refuses.
func (b Block) Append(dst []byte) []byte {
	v := uint64(b.Num)<<4 | uint64(b.SZX&7)
	if b.More {
		v |= 8
	}
	return AppendUint(dst, v)
}

// Size returns the size of the block in bytes: 16, 32, … 1024.
func (b Block) Size() int { return 1 << (b.SZX&7 + 4) }

// Offset returns where the block begins in the body, in bytes.
func (b Block) Offset() int64 { return int64(b.Num) * int64(b.Size()) }

// String returns number, more and size, as in RFC 7959 §3: "2/1/128".
func (b Block) String() string {
	more := 0
	if b.More {
		more = 1
	}
	return fmt.Sprintf("%d/%d/%d", b.Num, more, b.Size())
}

// Block returns the Block1 or Block2 option, whichever n says; ok is false if
// there is none. An error wraps ErrBlock.
func (o Options) Block(n OptionNumber) (b Block, ok bool, err error) {
	v, ok := o.Get(n)
	if !ok {
		return Block{}, false, nil
	}
	b, err = ParseBlock(v)
	return b, err == nil, err
}

// Block1 makes a Block1 option: a block of the request body.
func Block1(b Block) Option { return Option{Number: OptionBlock1, Value: b.Append(nil)} }

// Block2 makes a Block2 option: a block of the response body.
func Block2(b Block) Option { return Option{Number: OptionBlock2, Value: b.Append(nil)} }
