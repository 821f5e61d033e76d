package protocol

import (
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// Defaults of SpoolConfig and SpoolLimits.
const (
	DefaultSpoolMax     = 256
	DefaultSpoolPerPeer = 8
	DefaultSpoolBytes   = 16 << 20
	DefaultSpoolGrace   = 10 * time.Second
	DefaultMaxBody      = 1 << 20
)

// SpoolConfig bounds a Spool. A zero field means its default.
type SpoolConfig struct {
	// Max is how many transfers there may be at once. Default 256.
	Max int
	// PerPeer is how many of them one peer may have. Default 8.
	PerPeer int
	// Bytes is how much memory their bodies may have together. Default 16 MiB.
	Bytes int
	// Lifetime is how long a transfer waits for its next block (RFC 7959
	// §2.5). Default EXCHANGE_LIFETIME with the default parameters, 247 s.
	Lifetime time.Duration
	// Grace protects a transfer that has brought more than one block: unless it
	// has rested for so long, it need not make room for others. Default 10 s.
	Grace time.Duration
}

// Validate returns an error that names the first field that is out of its range.
func (c SpoolConfig) Validate() error {
	for _, f := range [...]struct {
		name  string
		value int64
	}{
		{"Max", int64(c.Max)}, {"PerPeer", int64(c.PerPeer)}, {"Bytes", int64(c.Bytes)},
		{"Lifetime", int64(c.Lifetime)}, {"Grace", int64(c.Grace)},
	} {
		if f.value < 0 {
			return fmt.Errorf("protocol: the Spool's %s is negative; it must be positive, or 0 for the default", f.name)
		}
	}
	return nil
}

func (c SpoolConfig) withDefaults() SpoolConfig {
	for _, f := range [...]struct {
		value *int
		def   int
	}{{&c.Max, DefaultSpoolMax}, {&c.PerPeer, DefaultSpoolPerPeer}, {&c.Bytes, DefaultSpoolBytes}} {
		if *f.value <= 0 {
			*f.value = f.def
		}
	}
	if c.Lifetime <= 0 {
		c.Lifetime = Params{}.WithDefaults().ExchangeLifetime()
	}
	if c.Grace <= 0 {
		c.Grace = DefaultSpoolGrace
	}
	return c
}

// SpoolLimits are what a resource takes.
type SpoolLimits struct {
	// MaxBody is the longest body in bytes. 0 = the default, 1 MiB.
	MaxBody int64
	// SZX is the size exponent of the largest blocks that the server wants from
	// the second block on, plus 1, so that 0 is the default, as large as they
	// come: 1 means 16 bytes, 7 means 1024.
	SZX uint8
	// Stream: each block is passed on as it comes, and nothing is kept.
	Stream bool
	// Value is the caller's, for a new transfer.
	Value uint64
}

// SpoolVerdict says what to do with a block.
type SpoolVerdict uint8

// The verdicts of Spool.Put.
const (
	// SpoolContinue: answer 2.31 with the Block1 option.
	SpoolContinue SpoolVerdict = iota
	// SpoolDone: the body is complete, or in a stream this was its last block;
	// the response to the whole request carries the Block1 option.
	SpoolDone
	// SpoolRefused: answer with the code.
	SpoolRefused
)

// String returns the verdict's name.
func (v SpoolVerdict) String() string {
	switch v {
	case SpoolContinue:
		return "SpoolContinue"
	case SpoolDone:
		return "SpoolDone"
	case SpoolRefused:
		return "SpoolRefused"
	}
	return "SpoolVerdict(" + strconv.Itoa(int(v)) + ")"
}

// SpoolResult is what Spool.Put made of a block.
type SpoolResult struct {
	Verdict SpoolVerdict
	// Code of the answer: 2.31 to continue; 4.00 for a block whose length
	// contradicts its option, 4.08 for one that does not follow those before,
	// 4.13 for a body that is too long, 5.03 where there is no room now. 0 for
	// SpoolDone.
	Code codec.Code
	// Block is the Block1 option of the answer; not for SpoolRefused.
	Block codec.Block
	// Size1 is the value of the Size1 option of a 4.13, the longest body that
	// is taken; else -1.
	Size1 int64
	// Why is the diagnostic payload of an error.
	Why string
	// Body is the complete body, for SpoolDone. It is the caller's; if the body
	// had one block only, it is that block's payload.
	Body []byte
	// Fresh: the payload has not come before; a stream passes it on. Offset is
	// where it begins in the body.
	Fresh  bool
	Offset int64
	// Value is the transfer's; Begun says that it is a new one.
	Value uint64
	Begun bool
}

// Spool assembles the bodies of requests that come in blocks (RFC 7959 §2.5): a
// bounded table of transfers by key. What is done with a body is done when it is
// complete (atomic), or, for a stream, block by block.
//
// Blocks come in order: one that does not follow gets 4.08, except the last one
// again, whose answer was lost. Block 0 begins anew.
type Spool struct {
	cfg     SpoolConfig
	table   map[BlockKey]*spooled // never ranged over
	perPeer map[uint64]int
	young   spooled // ring of the transfers with one block; next is the oldest
	grown   spooled // and of the others
	bytes   int
	lost    []uint64
	stats   SpoolStats
}

type spooled struct {
	key        BlockKey
	value      uint64
	body       []byte
	next64     int64 // offset that comes next
	last       codec.Block
	lastSum    uint32
	stream     bool
	at         netio.Instant
	prev, next *spooled
}

// SpoolStats are the counters of a Spool.
type SpoolStats struct {
	// Len is how many transfers are under way, Bytes what their bodies hold.
	Len, Bytes int
	// Done counts those that were completed.
	Done uint64
	// Evicted counts those that had to make room, Expired those that were not
	// gone on with.
	Evicted, Expired uint64
	// Incomplete, TooLarge and NoRoom count answers 4.08, 4.13 and 5.03.
	Incomplete, TooLarge, NoRoom uint64
}

// NewSpool makes an empty spool.
func NewSpool(cfg SpoolConfig) *Spool {
	s := &Spool{cfg: cfg.withDefaults(), table: map[BlockKey]*spooled{}, perPeer: map[uint64]int{}}
	s.young.prev, s.young.next = &s.young, &s.young
	s.grown.prev, s.grown.next = &s.grown, &s.grown
	return s
}

// Put takes in a block of a request: its Block1 option, its payload, which is
// copied, and its Size1 option, or -1 without one.
func (s *Spool) Put(now netio.Instant, key BlockKey, b codec.Block, payload []byte, size1 int64, lim SpoolLimits) SpoolResult {
	if lim.MaxBody <= 0 {
		lim.MaxBody = DefaultMaxBody
	}
	offset := b.Offset()
	end := offset + int64(len(payload))
	e := s.table[key]
	switch {
	case b.More && len(payload) != b.Size():
		return s.refuse(codec.BadRequest, fmt.Sprintf("block %v has %d bytes", b, len(payload)))
	case len(payload) > b.Size():
		return s.refuse(codec.BadRequest, fmt.Sprintf("the last block, %v, has %d bytes", b, len(payload)))
	case size1 > lim.MaxBody, end > lim.MaxBody:
		s.forget(e)
		s.stats.TooLarge++
		r := s.refuse(codec.RequestEntityTooLarge, fmt.Sprintf("at most %d bytes", lim.MaxBody))
		r.Size1 = min(lim.MaxBody, math.MaxUint32)
		return r
	}
	r := SpoolResult{Code: codec.Continue, Block: b, Size1: -1, Offset: offset}
	if lim.SZX > 0 {
		r.Block.SZX = min(b.SZX, lim.SZX-1)
	}
	sum := crc32.ChecksumIEEE(payload)
	if e != nil && e.repeats(b, end, sum) {
		s.touch(now, e)
		r.Value = e.value
		return r
	}
	if b.Num == 0 {
		s.forget(e)
		if !b.More {
			r.Verdict, r.Code, r.Body, r.Fresh, r.Value, r.Begun = SpoolDone, 0, payload, true, lim.Value, true
			s.stats.Done++
			return r
		}
		if e = s.begin(now, key, lim); e == nil {
			return s.noRoom()
		}
		r.Begun = true
	} else if e == nil || e.next64 != offset {
		s.stats.Incomplete++
		want := "no block 0 has come, or it was long ago"
		if e != nil {
			want = fmt.Sprintf("the next byte is %d, not %d", e.next64, offset)
		}
		return s.refuse(codec.RequestEntityIncomplete, want)
	}
	if !e.stream && !s.store(now, e, payload) {
		s.forget(e)
		return s.noRoom()
	}
	e.next64, e.last, e.lastSum = end, b, sum
	r.Fresh, r.Value = true, e.value
	if b.More {
		s.touch(now, e)
		return r
	}
	r.Verdict, r.Code, r.Body = SpoolDone, 0, e.body
	s.drop(e)
	s.stats.Done++
	return r
}

// repeats reports whether a block is the one that came last, once more.
func (e *spooled) repeats(b codec.Block, end int64, sum uint32) bool {
	return b == e.last && end == e.next64 && sum == e.lastSum
}

func (s *Spool) refuse(code codec.Code, why string) SpoolResult {
	return SpoolResult{Verdict: SpoolRefused, Code: code, Size1: -1, Why: why}
}

func (s *Spool) noRoom() SpoolResult {
	s.stats.NoRoom++
	return s.refuse(codec.ServiceUnavailable, "too many transfers at once")
}
