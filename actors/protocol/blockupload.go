package protocol

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/coap2/coap2/codec"
)

// Errors of Upload, Download and Transfer; they are wrapped with what was found.
var (
	// ErrBlockSequence: the peer has sent or acknowledged another block than
	// the one that was asked for.
	ErrBlockSequence = errors.New("protocol: block out of sequence")
	// ErrBlockSize: the length of a block contradicts its Block option, or a
	// server has made its blocks larger than it was asked to.
	ErrBlockSize = errors.New("protocol: bad block size")
	// ErrBlockIgnored: the server has ignored the Block option.
	ErrBlockIgnored = errors.New("protocol: block option ignored")
	// ErrBodyChanged: the representation changed while it was fetched, more
	// often than the Download may begin anew.
	ErrBodyChanged = errors.New("protocol: representation changed during the transfer")
	// ErrBodyTooLarge: the body is longer than is allowed, or than blocks of
	// that size can number.
	ErrBodyTooLarge = errors.New("protocol: body too large")
)

// maxRestarts is how often an Upload begins anew by itself.
const maxRestarts = 2

// BlockVerdict says how a transfer goes on.
type BlockVerdict uint8

// The verdicts of Upload, Download and Transfer.
const (
	// BlockNext: ask for the next request.
	BlockNext BlockVerdict = iota
	// BlockRestart: the same, but it begins from the start of the body, and what
	// has been transferred does not count.
	BlockRestart
	// BlockDone: the response is the final one, a success or an error response
	// of the server.
	BlockDone
	// BlockFailed: the transfer cannot go on; the error says why.
	BlockFailed
)

// String returns the verdict's name.
func (v BlockVerdict) String() string {
	switch v {
	case BlockNext:
		return "BlockNext"
	case BlockRestart:
		return "BlockRestart"
	case BlockDone:
		return "BlockDone"
	case BlockFailed:
		return "BlockFailed"
	}
	return "BlockVerdict(" + strconv.Itoa(int(v)) + ")"
}

// Upload sends a body in blocks (RFC 7959 §2.5, client side). It holds no byte of
// it: it says which bytes go into the next request, and from each response what
// comes next, so that a body of any length can be read as it is sent.
type Upload struct {
	size      int64 // UnknownSize until it is known
	offset    int64 // of the block under way, or of the next
	under     codec.Block
	szx       uint8
	blockwise bool
	restarts  int
}

// UploadBlock is the part of a body that a request carries.
type UploadBlock struct {
	// Block is the Block1 option, if Blockwise; otherwise the request carries
	// the whole body without one.
	Block     codec.Block
	Blockwise bool
	// From and To bound the bytes: body[From:To].
	From, To int64
	// Size1 is the value of the Size1 option, or -1 for none: it is in the first
	// block if the size is known.
	Size1 int64
}

// NewUpload begins the transfer of a body of so many bytes, or UnknownSize, in
// blocks of at most 2^(szx+4) bytes. A body that fits into one goes without
// Block1 option; the server may still ask for smaller blocks (late negotiation).
func NewUpload(size int64, szx uint8) (Upload, error) {
	u := Upload{size: max(size, 0), szx: min(szx, codec.MaxSZX)}
	u.blockwise = u.size > int64(blockSize(u.szx))
	return u, u.check()
}

func blockSize(szx uint8) int { return codec.Block{SZX: szx}.Size() }

// check reports an error if the body has more blocks than can be numbered.
func (u *Upload) check() error {
	if most := int64(blockSize(u.szx)) * (codec.MaxBlockNum + 1); u.size != UnknownSize && u.size > most {
		return fmt.Errorf("%w: %d bytes; with blocks of %d bytes there can be %d", ErrBodyTooLarge, u.size, blockSize(u.szx), most)
	}
	return nil
}

// SetSize says how long the body is, once that is known. Where it is not known
// from the start, it has to be before the Next whose block is the last one: the
// caller reads one byte ahead of what Need says.
func (u *Upload) SetSize(size int64) { u.size = max(size, 0) }

// Need returns up to which offset the body must be read before Next, or its end
// known.
func (u *Upload) Need() int64 { return u.offset + int64(blockSize(u.szx)) + 1 }

// Offset returns how much of the body the server has taken.
func (u *Upload) Offset() int64 { return u.offset }

// Next returns what the next request carries.
func (u *Upload) Next() (UploadBlock, error) {
	b := UploadBlock{From: u.offset, To: u.size, Size1: -1}
	if !u.blockwise {
		return b, nil
	}
	n := int64(blockSize(u.szx))
	num := u.offset / n
	if num > codec.MaxBlockNum {
		return b, fmt.Errorf("%w: more than %d blocks", ErrBodyTooLarge, codec.MaxBlockNum+1)
	}
	b.To = min(u.offset+n, u.size)
	u.under = codec.Block{Num: uint32(num), More: b.To < u.size, SZX: u.szx}
	b.Block, b.Blockwise = u.under, true
	if u.offset == 0 && u.size != UnknownSize && u.size <= math.MaxUint32 {
		b.Size1 = u.size
	}
	return b, nil
}

// Response takes in the response to a request: its code and its Block1 option,
// which it has if has. An error goes with BlockFailed.
func (u *Upload) Response(code codec.Code, b codec.Block, has bool) (BlockVerdict, error) {
	smaller := has && b.SZX < u.szx
	switch {
	case code == codec.RequestEntityTooLarge && (smaller || has && !u.blockwise) && int64(b.Size()) < u.size:
		// RFC 7959 §2.9.3: it takes smaller blocks.
		return u.restart(min(b.SZX, u.szx))
	case !u.blockwise:
		return BlockDone, nil
	case code == codec.RequestEntityIncomplete && u.restarts < maxRestarts:
		// RFC 7959 §2.9.2: the server has lost what came before.
		u.restarts++
		return u.restart(u.szx)
	case !code.IsSuccess(), !u.under.More && code != codec.Continue:
		return BlockDone, nil
	case !has:
		return BlockFailed, fmt.Errorf("%w: response %v to block %v of a request", ErrBlockIgnored, code, u.under)
	case b.Num != u.under.Num:
		return BlockFailed, fmt.Errorf("%w: response for block %d of the request, which was %d", ErrBlockSequence, b.Num, u.under.Num)
	case !u.under.More:
		return BlockFailed, fmt.Errorf("%w: %v to the last block of a request", ErrBlockSequence, code)
	}
	// 2.31, or from a server that acts on each block (not atomic) the code of
	// the whole. The block has been taken as it is; those that follow may have
	// to be smaller.
	u.offset += int64(u.under.Size())
	u.szx = min(u.szx, b.SZX)
	if err := u.check(); err != nil {
		return BlockFailed, err
	}
	return BlockNext, nil
}

// restart begins anew with blocks of another size.
func (u *Upload) restart(szx uint8) (BlockVerdict, error) {
	u.szx, u.offset, u.blockwise = szx, 0, true
	if err := u.check(); err != nil {
		return BlockFailed, err
	}
	return BlockRestart, nil
}
