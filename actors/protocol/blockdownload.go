package protocol

import (
	"bytes"
	"fmt"
	"math"

	"github.com/coap2/coap2/codec"
)

// Defaults of DownloadConfig.
const (
	DefaultDownloadMax      = 8 << 20
	DefaultDownloadRestarts = 2
)

// DownloadConfig says what a Download asks for and takes. The zero value takes
// up to 8 MiB in blocks as large as the server likes.
type DownloadConfig struct {
	// MaxBytes is the longest body that is taken. 0 = the default, 8 MiB;
	// negative: any.
	MaxBytes int64
	// BlockSize asks for blocks of at most so many bytes, 16 to 1024 (early
	// negotiation). 0: as large as the server likes.
	BlockSize int
	// Restarts is how often the transfer may begin anew because the
	// representation has changed. 0 = the default, 2; negative: never.
	Restarts int
	// From is where to begin, rounded down to a whole block, and ETag the
	// entity-tag of the representation that the bytes before it are of: a
	// transfer that is taken up again. If it has changed, the transfer begins
	// anew.
	From int64
	ETag []byte
}

// Download fetches a body in blocks (RFC 7959 §2.4, client side). It holds no byte
// of it: each step says which bytes of the response are the next of the body.
//
// A first response that was not asked for with a Block2 option, or by another
// request, such as a notification (§2.6) or an answer to a multicast request
// (§2.8), is taken in like the response to a first request; what is missing is
// then asked for by requests of their own.
type Download struct {
	cfg      DownloadConfig
	offset   int64
	szx      uint8
	asked    bool // szx is what the request asks for, or what the server chose
	begun    bool // the values below are of the first response
	code     codec.Code
	etag     [8]byte
	etagLen  int8 // -1: none
	format   int32
	restarts int
}

// DownloadStep is what a response is to a Download.
type DownloadStep struct {
	Verdict BlockVerdict
	// Offset is where the payload belongs in the body; in BlockNext and
	// BlockDone only.
	Offset int64
	// Size is the length of the body as the server has announced it (Size2), or
	// -1; an estimate.
	Size int64
	Err  error
}

// NewDownload begins a transfer.
func NewDownload(cfg DownloadConfig) Download {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultDownloadMax
	}
	if cfg.MaxBytes < 0 {
		cfg.MaxBytes = math.MaxInt64
	}
	if cfg.Restarts == 0 {
		cfg.Restarts = DefaultDownloadRestarts
	}
	d := Download{cfg: cfg, szx: codec.MaxSZX}
	for d.szx > 0 && cfg.BlockSize > 0 && blockSize(d.szx) > cfg.BlockSize {
		d.szx--
	}
	d.asked = cfg.BlockSize > 0 || cfg.From > 0
	d.offset = max(cfg.From, 0) / int64(blockSize(d.szx)) * int64(blockSize(d.szx))
	d.etagLen = -1
	if d.offset > 0 && len(cfg.ETag) > 0 {
		d.etagLen = int8(copy(d.etag[:], cfg.ETag))
	}
	return d
}

// Block returns the Block2 option of the next request; has is false if it has
// none.
func (d *Download) Block() (b codec.Block, has bool) {
	if !d.asked {
		return codec.Block{}, false
	}
	return codec.Block{Num: uint32(min(d.offset/int64(blockSize(d.szx)), codec.MaxBlockNum)), SZX: d.szx}, true
}

// Begun reports whether a first block has been taken in, and more is to come.
func (d *Download) Begun() bool { return d.begun }

// Response takes in the response to the request that Block was for.
func (d *Download) Response(m *codec.Message) DownloadStep {
	b, has, err := m.Options.Block(codec.OptionBlock2)
	step := DownloadStep{Verdict: BlockDone, Offset: d.offset, Size: -1}
	if v, ok := m.Options.Uint(codec.OptionSize2); ok {
		step.Size = int64(v)
	}
	switch {
	case !m.Code.IsSuccess() || m.Code == codec.Valid:
		// An error in the midst of it ends it (the server may have lost what it
		// kept, 4.08); 2.03 has no body.
		return step
	case err != nil:
		return failed(fmt.Errorf("%w: %w", ErrBlockSize, err))
	case !has && d.offset > 0:
		return failed(fmt.Errorf("%w: response without Block2 to a request for byte %d", ErrBlockIgnored, d.offset))
	case !has:
		if d.changed(m) {
			return d.restart()
		}
		return d.take(step, int64(len(m.Payload)), false)
	case d.asked && b.SZX > d.szx:
		return failed(fmt.Errorf("%w: block of %d bytes, asked for were %d", ErrBlockSize, b.Size(), blockSize(d.szx)))
	case b.Offset() != d.offset:
		return failed(fmt.Errorf("%w: block %v begins at byte %d, asked for was %d", ErrBlockSequence, b, b.Offset(), d.offset))
	case b.More && len(m.Payload) != b.Size(), len(m.Payload) > b.Size():
		return failed(fmt.Errorf("%w: block %v has %d bytes", ErrBlockSize, b, len(m.Payload)))
	case d.changed(m):
		return d.restart()
	case b.More && b.Num == codec.MaxBlockNum:
		return failed(fmt.Errorf("%w: more than %d blocks of %d bytes", ErrBodyTooLarge, codec.MaxBlockNum+1, b.Size()))
	}
	d.szx, d.asked = b.SZX, true
	return d.take(step, int64(len(m.Payload)), b.More)
}

// take moves on by n bytes.
func (d *Download) take(step DownloadStep, n int64, more bool) DownloadStep {
	if most := d.cfg.MaxBytes; n > most-d.offset || more && step.Size > most {
		return failed(fmt.Errorf("%w: more than %d bytes", ErrBodyTooLarge, most))
	}
	d.offset += n
	if more {
		step.Verdict = BlockNext
	}
	return step
}

// changed compares what must be equal in all blocks of a representation: code,
// entity-tag and format (RFC 7959 §2.4). The first response says what they are.
func (d *Download) changed(m *codec.Message) bool {
	etag, tagged := m.Options.Get(codec.OptionETag)
	n := int8(-1)
	if tagged {
		n = int8(min(len(etag), len(d.etag)))
	}
	format := int32(-1)
	if f, ok := m.Options.ContentFormat(); ok {
		format = int32(f)
	}
	if !d.begun {
		// A transfer that is taken up again knows its entity-tag.
		if d.offset > 0 && d.etagLen >= 0 && (n != d.etagLen || !bytes.Equal(etag[:n], d.etag[:n])) {
			return true
		}
		d.begun, d.code, d.format, d.etagLen = true, m.Code, format, n
		if tagged {
			copy(d.etag[:], etag)
		}
		return false
	}
	if m.Code != d.code || format != d.format || n != d.etagLen {
		return true
	}
	return n >= 0 && !bytes.Equal(etag[:n], d.etag[:n])
}

// restart begins anew, if that is allowed.
func (d *Download) restart() DownloadStep {
	if d.restarts >= d.cfg.Restarts {
		return failed(fmt.Errorf("%w at byte %d", ErrBodyChanged, d.offset))
	}
	d.restarts++
	d.begun, d.offset, d.etagLen = false, 0, -1
	return DownloadStep{Verdict: BlockRestart, Size: -1}
}

func failed(err error) DownloadStep {
	return DownloadStep{Verdict: BlockFailed, Size: -1, Err: err}
}
