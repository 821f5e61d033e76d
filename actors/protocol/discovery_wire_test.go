package protocol

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseQuery(t *testing.T) {
	long := "/" + strings.Repeat("a", 254)
	for _, c := range []struct {
		in, out string // out "" = as in
		want    Query
	}{
		{"", "", Query{}},
		{"node1.local", "", Query{Kind: ByName, Name: "node1.local"}},
		{"NODE1.Local", "node1.local", Query{Kind: ByName, Name: "node1.local"}},
		{"/root", "", Query{Kind: AnyOf, Paths: []string{"/root"}}},
		{"/root,/root/child", "", Query{Kind: AnyOf, Paths: []string{"/root", "/root/child"}}},
		{"/root,", "/root", Query{Kind: AnyOf, Paths: []string{"/root"}}},
		{"&/a,/b,", "&/a,/b", Query{Kind: AllOf, Paths: []string{"/a", "/b"}}},
		{"/a%2cb%2525", "/a%2Cb%2525", Query{Kind: AnyOf, Paths: []string{"/a,b%25"}}},
		{"/", "", Query{Kind: AnyOf, Paths: []string{"/"}}},
		{long, "", Query{Kind: AnyOf, Paths: []string{long}}},
	} {
		q, err := ParseQuery([]byte(c.in))
		require.NoError(t, err, c.in)
		require.Equal(t, c.want, q)
		b, err := q.Append([]byte("x"))
		require.NoError(t, err)
		if c.out == "" {
			c.out = c.in
		}
		require.Equal(t, "x"+c.out, string(b))
	}
	for _, bad := range []string{
		"&", ",", "/,,/a", "/a,,", "/a,b", "&a", "/a\x00", "/\xff", " ", "a b", "-\n", ".local", "a..b", "a.", "nödé",
		strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a", long + "a",
	} {
		_, err := ParseQuery([]byte(bad))
		require.ErrorIs(t, err, ErrQuery, "%q", bad)
	}
	for _, bad := range []Query{{Kind: 9}, {Kind: AnyOf}, {Kind: AllOf, Paths: []string{"a"}}, {Kind: ByName}, {Kind: AnyOf, Paths: []string{long, "/a"}}, {Kind: AnyOf, Paths: []string{"/\n"}}} {
		b, err := bad.Append([]byte("x"))
		require.ErrorIs(t, err, ErrQuery)
		require.Equal(t, "x", string(b))
		require.Equal(t, "?", bad.String())
	}
}

func TestRoundGolden(t *testing.T) {
	r := Round{Salt: [4]byte{1, 2, 3, 4}, Bits: 3, Prefix: 0xbfff, Window: 1005 * time.Millisecond, Filter: Filter{0xf0}}
	b, err := r.Append(nil)
	require.NoError(t, err)
	require.Equal(t, "0102030403a0000065f0", hex.EncodeToString(b))
	got, err := ParseRound(b)
	require.NoError(t, err)
	require.Equal(t, Round{Salt: [4]byte{1, 2, 3, 4}, Bits: 3, Prefix: 0xa000, Window: 1010 * time.Millisecond, Filter: Filter{0xf0}}, got)
	for n := 1; n < roundHeader; n++ {
		_, err := ParseRound(b[:n])
		require.ErrorIs(t, err, ErrRound)
	}
	_, err = ParseRound(append(b, make([]byte, MaxRound)...))
	require.ErrorIs(t, err, ErrRound)
	b[4] = 17
	_, err = ParseRound(b)
	require.ErrorIs(t, err, ErrRound)
	for _, bad := range []Round{{Bits: 17}, {Window: -1}, {Filter: make(Filter, MaxRoundFilter+1)}} {
		_, err := bad.Append(nil)
		require.ErrorIs(t, err, ErrRound)
	}
	b, err = (&Round{Window: time.Hour}).Append(nil)
	require.NoError(t, err)
	got, err = ParseRound(b)
	require.NoError(t, err)
	require.Equal(t, MaxRoundWindow, got.Window)
	got, err = ParseRound(nil)
	require.NoError(t, err)
	require.True(t, got.Asks(InstanceID{}))
}

// The definition, written down once more.
func TestRoundHashes(t *testing.T) {
	id, salt := InstanceID{1, 2, 3, 4, 5, 6, 7, 8}, [4]byte{9, 10, 11, 12}
	for i := range byte(2) {
		sum := sha256.Sum256([]byte{i, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8})
		require.Equal(t, binary.BigEndian.Uint64(sum[:8]), id.Hash(i, salt))
	}
	f := make(Filter, 5) // 40 bits
	h := uint64(0x00000007_00000026)
	f.Add(h)
	want := make(Filter, 5)
	for j := range 7 {
		bit := (0x26 + 7*j) % 40
		want[bit/8] |= 1 << (bit % 8)
	}
	require.Equal(t, want, f)
	require.True(t, f.Has(h))
	require.False(t, Filter(nil).Has(h))
	Filter(nil).Add(h)
}

func TestFilterSize(t *testing.T) {
	for _, c := range [][3]int{{0, 10, 0}, {1, 10, 2}, {4, 10, 5}, {800, 10, 1000}, {10000, 10, MaxRoundFilter}, {math.MaxInt, math.MaxInt, MaxRoundFilter}, {-1, 10, 0}, {1, 0, 0}} {
		require.Equal(t, c[2], FilterSize(c[0], c[1]))
	}
}

// A filter holds all that were put in, and hardly any others.
func TestFilterMistakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1000).Draw(t, "n")
		var salt [4]byte
		binary.BigEndian.PutUint32(salt[:], rapid.Uint32().Draw(t, "salt"))
		f := make(Filter, FilterSize(n, 10))
		id := func(i int) (id InstanceID) {
			binary.BigEndian.PutUint64(id[:], uint64(i))
			return id
		}
		for i := range n {
			f.Add(id(i).Hash(1, salt))
		}
		wrong := 0
		for i := range n {
			require.True(t, f.Has(id(i).Hash(1, salt)))
			if f.Has(id(n+i).Hash(1, salt)) {
				wrong++
			}
		}
		require.LessOrEqual(t, wrong, 10+n/25)
	})
}

// Of the 2^e prefixes each instance has one.
func TestRoundSlices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var id InstanceID
		binary.BigEndian.PutUint64(id[:], rapid.Uint64().Draw(t, "id"))
		r := Round{Salt: [4]byte{1}, Bits: rapid.Uint8Range(0, 8).Draw(t, "bits")}
		asked := 0
		for p := range 1 << r.Bits {
			r.Prefix = uint16(p) << (16 - r.Bits)
			if r.Asks(id) {
				asked++
			}
		}
		require.Equal(t, 1, asked)
	})
}

func TestHello(t *testing.T) {
	for _, h := range []Hello{{ID: InstanceID{1}}, {ID: InstanceID{2}, Goodbye: true}} {
		got, err := ParseHello(h.Append(nil))
		require.NoError(t, err)
		require.Equal(t, h, got)
	}
	for _, bad := range [][]byte{nil, make([]byte, 8), make([]byte, 10), {0, 0, 0, 0, 0, 0, 0, 0, 2}} {
		_, err := ParseHello(bad)
		require.ErrorIs(t, err, ErrRound)
	}
	id, err := ParseInstanceID([]byte{1, 2, 3, 4, 5, 6, 7, 0xff})
	require.NoError(t, err)
	require.Equal(t, "01020304050607ff", id.String())
	_, err = ParseInstanceID(make([]byte, 9))
	require.ErrorIs(t, err, ErrRound)
}

// FuzzDiscovery: whatever the options hold, what is read can be written and is
// read back the same.
func FuzzDiscovery(f *testing.F) {
	for _, s := range []string{"", "node1.local", "/root,/root/child,", "&/a,/b", "/%2C%25", "&", "A.b", "\x01\x02\x03\x04\x03\xa0\x00\x00\x65\xf0", "12345678\x01", "12345678\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := ParseQuery(b); err == nil {
			out, err := q.Append(nil)
			if err == nil {
				again, err := ParseQuery(out)
				require.NoError(t, err)
				require.Equal(t, q, again)
			} else {
				// A lone percent sign is written with three bytes.
				require.Contains(t, string(b), "%")
			}
		}
		if r, err := ParseRound(b); err == nil && len(b) > 0 {
			r.Asks(InstanceID{1})
			out, err := r.Append(nil)
			require.NoError(t, err)
			again, err := ParseRound(out)
			require.NoError(t, err)
			require.Equal(t, r, again)
		}
		if h, err := ParseHello(b); err == nil {
			require.Equal(t, b, h.Append(nil))
		}
		if id, err := ParseInstanceID(b); err == nil {
			require.Equal(t, b, id[:])
		}
	})
}
