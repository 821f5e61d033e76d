package protocol

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

func spoolKey(peer uint64, name byte) BlockKey { return BlockKey{Peer: peer, sum: [16]byte{name}} }

// TestSpoolBlocks: sequences of blocks of 16 bytes, and what each gets.
func TestSpoolBlocks(t *testing.T) {
	type put struct {
		num  uint32
		more bool
		szx  uint8
		n    int // bytes, of the pattern at that place
		want codec.Code
	}
	for _, c := range []struct {
		what   string
		limits SpoolLimits
		puts   []put // the last one's want is 0 if the body is complete
	}{
		{"in order", SpoolLimits{}, []put{{0, true, 0, 16, codec.Continue}, {1, true, 0, 16, codec.Continue}, {2, false, 0, 5, 0}}},
		{"one block", SpoolLimits{}, []put{{0, false, 0, 5, 0}}},
		{"an empty body", SpoolLimits{}, []put{{0, false, 0, 0, 0}}},
		{"an empty last block", SpoolLimits{}, []put{{0, true, 0, 16, codec.Continue}, {1, false, 0, 0, 0}}},
		{"no beginning", SpoolLimits{}, []put{{1, true, 0, 16, codec.RequestEntityIncomplete}, {0, false, 0, 1, 0}}},
		{"a gap", SpoolLimits{}, []put{
			{0, true, 0, 16, codec.Continue}, {2, true, 0, 16, codec.RequestEntityIncomplete},
			{1, true, 0, 16, codec.Continue}, {2, false, 0, 1, 0},
		}},
		{"overlapping", SpoolLimits{}, []put{
			{0, true, 0, 16, codec.Continue}, {1, true, 0, 16, codec.Continue}, {2, true, 0, 16, codec.Continue},
			{1, true, 0, 16, codec.RequestEntityIncomplete}, {1, false, 0, 16, codec.RequestEntityIncomplete}, {3, false, 0, 1, 0},
		}},
		{"overlapping with larger blocks", SpoolLimits{}, []put{
			{0, true, 0, 16, codec.Continue}, {1, true, 0, 16, codec.Continue}, {2, true, 0, 16, codec.Continue},
			{1, true, 1, 32, codec.RequestEntityIncomplete}, {3, false, 0, 1, 0},
		}},
		{"the last one again", SpoolLimits{}, []put{
			{0, true, 0, 16, codec.Continue}, {0, true, 0, 16, codec.Continue}, {1, true, 0, 16, codec.Continue},
			{1, true, 0, 16, codec.Continue}, {2, false, 0, 1, 0},
		}},
		{"past the end", SpoolLimits{}, []put{
			{0, true, 0, 16, codec.Continue}, {1, false, 0, 16, 0}, {2, false, 0, 1, codec.RequestEntityIncomplete},
			{1, false, 0, 16, codec.RequestEntityIncomplete}, {0, false, 0, 1, 0},
		}},
		{"smaller blocks from the second on", SpoolLimits{}, []put{
			{0, true, 2, 64, codec.Continue}, {4, true, 0, 16, codec.Continue}, {5, true, 0, 16, codec.Continue}, {3, false, 1, 20, 0},
		}},
		{"a new size that does not fit", SpoolLimits{}, []put{
			{0, true, 0, 16, codec.Continue}, {1, true, 1, 32, codec.RequestEntityIncomplete}, {1, false, 0, 1, 0},
		}},
		{"anew", SpoolLimits{}, []put{
			{0, true, 0, 16, codec.Continue}, {1, true, 0, 16, codec.Continue}, {0, true, 0, 16, codec.Continue},
			{2, true, 0, 16, codec.RequestEntityIncomplete}, {1, false, 0, 1, 0},
		}},
		{"too short for its size", SpoolLimits{}, []put{{0, true, 0, 15, codec.BadRequest}, {0, true, 1, 31, codec.BadRequest}, {0, false, 0, 1, 0}}},
		{"too long for its size", SpoolLimits{}, []put{{0, true, 0, 17, codec.BadRequest}, {0, false, 0, 17, codec.BadRequest}, {0, false, 0, 1, 0}}},
		{"a body as long as it may be", SpoolLimits{MaxBody: 20}, []put{{0, true, 0, 16, codec.Continue}, {1, false, 0, 4, 0}}},
		{"a body one longer", SpoolLimits{MaxBody: 20}, []put{
			{0, true, 0, 16, codec.Continue}, {1, false, 0, 5, codec.RequestEntityTooLarge},
			{1, false, 0, 4, codec.RequestEntityIncomplete}, {0, false, 0, 1, 0},
		}},
		{"far out", SpoolLimits{}, []put{{codec.MaxBlockNum, false, 6, 1, codec.RequestEntityTooLarge}, {0, false, 0, 1, 0}}},
	} {
		for _, stream := range []bool{false, true} {
			s := NewSpool(SpoolConfig{})
			lim := c.limits
			lim.Stream, lim.Value = stream, 42
			want := pattern(4096)
			var streamed []byte
			for i, p := range c.puts {
				b := codec.Block{Num: p.num, More: p.more, SZX: p.szx}
				at := int(min(b.Offset(), 1024))
				r := s.Put(t0, spoolKey(1, 1), b, want[at:at+p.n], -1, lim)
				require.Equal(t, p.want, r.Code, "%s: block %d: %s", c.what, i, r.Why)
				require.Equal(t, p.want == codec.RequestEntityTooLarge, r.Size1 >= 0)
				if r.Verdict == SpoolRefused {
					require.NotEmpty(t, r.Why)
					require.False(t, r.Fresh)
					continue
				}
				require.Equal(t, uint64(42), r.Value)
				require.Equal(t, b, r.Block)
				if r.Begun {
					streamed = nil
				}
				if r.Fresh {
					require.Equal(t, int64(len(streamed)), r.Offset)
					streamed = append(streamed, want[at:at+p.n]...)
				}
				if r.Verdict == SpoolDone {
					end := at + p.n
					require.True(t, bytes.Equal(want[:end], streamed), c.what)
					if !stream || p.num == 0 {
						require.True(t, bytes.Equal(want[:end], r.Body), c.what)
					}
				}
			}
			require.Zero(t, s.Stats().Len, c.what)
			require.Zero(t, s.Stats().Bytes, c.what)
			require.Empty(t, s.perPeer)
		}
	}
}

// TestSpoolEarly: the size that is announced, and the size that the server
// prefers.
func TestSpoolEarly(t *testing.T) {
	s := NewSpool(SpoolConfig{})
	b := codec.Block{More: true, SZX: 3}
	r := s.Put(t0, spoolKey(1, 1), b, pattern(128), 2000, SpoolLimits{MaxBody: 1999})
	require.Equal(t, codec.RequestEntityTooLarge, r.Code)
	require.Equal(t, int64(1999), r.Size1)
	require.Zero(t, s.Stats().Len)
	require.Equal(t, uint64(1), s.Stats().TooLarge)

	r = s.Put(t0, spoolKey(1, 1), b, pattern(128), 1999, SpoolLimits{MaxBody: 1999, SZX: 2})
	require.Equal(t, codec.Continue, r.Code)
	require.Equal(t, "0/1/32", r.Block.String())
	// A client that does not heed it is served all the same.
	r = s.Put(t0, spoolKey(1, 1), codec.Block{Num: 1, More: true, SZX: 3}, pattern(128), -1, SpoolLimits{SZX: 7})
	require.Equal(t, "1/1/128", r.Block.String())
	s.Abort(spoolKey(1, 1))
	s.Abort(spoolKey(1, 1))
	require.Zero(t, s.Stats().Len)
	r = s.Put(t0, spoolKey(1, 1), codec.Block{Num: 2, More: true, SZX: 3}, pattern(128), -1, SpoolLimits{})
	require.Equal(t, codec.RequestEntityIncomplete, r.Code)
	require.NoError(t, SpoolConfig{}.Validate())
	require.Error(t, SpoolConfig{Bytes: -1}.Validate())
	for v := range SpoolVerdict(4) {
		require.NotEmpty(t, v.String())
	}
}

// TestSpoolApart: transfers of one peer, and of several, do not touch each
// other.
func TestSpoolApart(t *testing.T) {
	s := NewSpool(SpoolConfig{})
	keys := []BlockKey{spoolKey(1, 1), spoolKey(1, 2), spoolKey(2, 1)}
	bodies := [][]byte{bytes.Repeat([]byte("a"), 40), bytes.Repeat([]byte("b"), 40), bytes.Repeat([]byte("c"), 40)}
	for num := range uint32(3) {
		for i, key := range keys {
			part := bodies[i][16*num : min(16*num+16, 40)]
			r := s.Put(t0, key, codec.Block{Num: num, More: num < 2}, part, -1, SpoolLimits{})
			if num == 2 {
				require.Equal(t, bodies[i], r.Body)
			}
		}
	}
	require.Equal(t, uint64(3), s.Stats().Done)
}

// TestSpoolBounds: number, number for a peer, bytes and time; and who has to make
// room.
func TestSpoolBounds(t *testing.T) {
	first := codec.Block{More: true}
	second := codec.Block{Num: 1, More: true}
	lim := SpoolLimits{Stream: true}
	put := func(s *Spool, now netio.Instant, key BlockKey, b codec.Block) codec.Code {
		lim.Value = key.Peer
		return s.Put(now, key, b, make([]byte, b.Size()), -1, lim).Code
	}

	// Those with one block go first, the oldest first.
	s := NewSpool(SpoolConfig{Max: 3})
	for peer := range uint64(3) {
		require.Equal(t, codec.Continue, put(s, t0, spoolKey(peer, 1), first))
	}
	require.Equal(t, codec.Continue, put(s, t0, spoolKey(0, 1), second))
	require.Equal(t, codec.Continue, put(s, t0, spoolKey(3, 1), first)) // 1 goes
	require.Equal(t, codec.RequestEntityIncomplete, put(s, t0, spoolKey(1, 1), second))
	require.Equal(t, codec.Continue, put(s, t0, spoolKey(2, 1), second))
	require.Equal(t, codec.Continue, put(s, t0, spoolKey(3, 1), second))
	// The others do not, unless they rest.
	require.Equal(t, codec.ServiceUnavailable, put(s, t0.Add(9*time.Second), spoolKey(4, 1), first))
	require.Equal(t, codec.Continue, put(s, t0.Add(10*time.Second), spoolKey(4, 1), first)) // 0 goes
	require.Equal(t, 3, s.Stats().Len)
	require.Equal(t, uint64(2), s.Stats().Evicted)
	require.Equal(t, uint64(1), s.Stats().NoRoom)
	for _, want := range []uint64{1, 0} { // whose readers are to be told
		v, ok := s.Lost()
		require.True(t, ok)
		require.Equal(t, want, v)
	}
	_, ok := s.Lost()
	require.False(t, ok)

	// What a peer may have: its own oldest goes.
	s = NewSpool(SpoolConfig{PerPeer: 2})
	require.Equal(t, codec.Continue, put(s, t0, spoolKey(9, 1), first))
	for name := range byte(3) {
		require.Equal(t, codec.Continue, put(s, t0, spoolKey(1, name), first))
	}
	require.Equal(t, codec.RequestEntityIncomplete, put(s, t0, spoolKey(1, 0), second))
	require.Equal(t, codec.Continue, put(s, t0, spoolKey(1, 1), second))
	require.Equal(t, codec.Continue, put(s, t0, spoolKey(1, 2), second))
	require.Equal(t, codec.ServiceUnavailable, put(s, t0, spoolKey(1, 3), first))
	require.Equal(t, 3, s.Stats().Len)

	// Bytes.
	lim.Stream = false
	s = NewSpool(SpoolConfig{Bytes: 4096})
	for peer := range uint64(20) {
		require.Equal(t, codec.Continue, put(s, t0, spoolKey(peer, 1), codec.Block{More: true, SZX: 6}))
		require.LessOrEqual(t, s.Stats().Bytes, 4096)
	}
	require.Equal(t, 4, s.Stats().Len)
	for num := range uint32(3) {
		b := codec.Block{Num: num + 1, More: true, SZX: 6}
		require.Equal(t, codec.Continue, put(s, t0, spoolKey(19, 1), b), "the others go")
		require.LessOrEqual(t, s.Stats().Bytes, 4096)
	}
	require.Equal(t, codec.ServiceUnavailable, put(s, t0, spoolKey(19, 1), codec.Block{Num: 4, More: true, SZX: 6}))
	require.Zero(t, s.Stats().Bytes)

	// Time.
	s = NewSpool(SpoolConfig{})
	lim.Stream = true
	put(s, t0, spoolKey(1, 1), first)
	put(s, t0, spoolKey(2, 1), first)
	put(s, t0.Add(time.Second), spoolKey(2, 1), second)
	at, ok := s.Deadline()
	require.True(t, ok)
	require.Equal(t, t0.Add(247*time.Second), at)
	s.Due(at - 1)
	require.Equal(t, 2, s.Stats().Len)
	s.Due(at)
	require.Equal(t, 1, s.Stats().Len)
	at, _ = s.Deadline()
	require.Equal(t, t0.Add(248*time.Second), at)
	s.Due(math.MaxInt64)
	require.Zero(t, s.Stats().Len)
	require.Equal(t, uint64(2), s.Stats().Expired)
	_, ok = s.Deadline()
	require.False(t, ok)
}

func TestShelf(t *testing.T) {
	s := NewShelf[string](ShelfConfig{Max: 3, Bytes: 100, Lifetime: time.Minute})
	_, ok := s.Deadline()
	require.False(t, ok)
	for i, v := range []string{"a", "b", "c"} {
		require.True(t, s.Put(t0, spoolKey(uint64(i), 1), v, 10))
	}
	v, ok := s.Get(t0, spoolKey(0, 1)) // used: now b is the oldest
	require.True(t, ok)
	require.Equal(t, "a", v)
	require.True(t, s.Put(t0, spoolKey(3, 1), "d", 10))
	_, ok = s.Get(t0, spoolKey(1, 1))
	require.False(t, ok)
	require.False(t, s.Put(t0, spoolKey(4, 1), "too much", 101))
	require.True(t, s.Put(t0, spoolKey(5, 1), "much", 95))
	require.Equal(t, ShelfStats{Len: 1, Bytes: 95, Evicted: 4, Refused: 1}, s.Stats())
	require.True(t, s.Put(t0, spoolKey(5, 1), "in its place", 5))
	require.Equal(t, 5, s.Stats().Bytes)
	_, ok = s.Get(t0.Add(time.Minute), spoolKey(5, 1))
	require.False(t, ok, "too old")
	s.Put(t0, spoolKey(6, 1), "x", -1)
	s.Put(t0.Add(time.Second), spoolKey(7, 1), "x", 0)
	at, ok := s.Deadline()
	require.True(t, ok)
	require.Equal(t, t0.Add(time.Minute), at)
	s.Due(at)
	require.Equal(t, 1, s.Stats().Len)
	s.Remove(spoolKey(7, 1))
	s.Remove(spoolKey(7, 1))
	require.Zero(t, s.Stats().Len)
}

// TestShelfShared: memory that several items are of is counted once, until the
// last of them goes; what is to be reported is.
func TestShelfShared(t *testing.T) {
	s := NewShelf[string](ShelfConfig{Max: 4, Bytes: 100, Lifetime: time.Minute})
	memory := new(byte)
	for i := range byte(3) {
		require.True(t, s.PutItem(t0, spoolKey(1, i), ShelfItem[string]{Value: "x", Bytes: 60, Shared: memory, Report: i == 1}))
	}
	require.Equal(t, 60, s.Stats().Bytes)
	s.Remove(spoolKey(1, 0))
	s.Remove(spoolKey(1, 1))
	require.Equal(t, 60, s.Stats().Bytes)
	v, ok := s.Gone()
	require.True(t, ok)
	require.Equal(t, "x", v)
	_, ok = s.Gone()
	require.False(t, ok)
	require.True(t, s.Put(t0, spoolKey(1, 7), "y", 50))
	require.Equal(t, ShelfStats{Len: 1, Bytes: 50, Evicted: 1}, s.Stats())
	require.Empty(t, s.shared)
	require.True(t, s.PutItem(t0, spoolKey(1, 7), ShelfItem[string]{Value: "z", Bytes: 10, Report: true}))
	s.Due(t0.Add(time.Minute))
	v, _ = s.Gone()
	require.Equal(t, "z", v)
	require.Zero(t, s.Stats().Bytes)
}
