package payload

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// cborMaker writes items in any form that CBOR allows, not only the shortest.
type cborMaker struct{ *rand.Rand }

func (g cborMaker) head(major byte, n uint64) []byte {
	m, k := major<<5, g.IntN(5)
	switch {
	case n < 24 && k == 0:
		return []byte{m | byte(n)}
	case n < 1<<8 && k <= 1:
		return []byte{m | 24, byte(n)}
	case n < 1<<16 && k <= 2:
		return binary.BigEndian.AppendUint16([]byte{m | 25}, uint16(n))
	case n < 1<<32 && k <= 3:
		return binary.BigEndian.AppendUint32([]byte{m | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{m | 27}, n)
}

// text is whole or in two pieces.
func (g cborMaker) text(s string) []byte {
	whole := func(s string) []byte { return append(g.head(cborText, uint64(len(s))), s...) }
	if g.IntN(3) > 0 {
		return whole(s)
	}
	i := g.IntN(len(s) + 1)
	return bytes.Join([][]byte{{0x7F}, whole(s[:i]), whole(s[i:]), {0xFF}}, nil)
}

// several is an array or a map, of a length or to a break.
func (g cborMaker) several(major byte, pairs int, items ...[]byte) []byte {
	if g.IntN(2) == 0 {
		return bytes.Join([][]byte{{major<<5 | 31}, bytes.Join(items, nil), {0xFF}}, nil)
	}
	return append(g.head(major, uint64(pairs)), bytes.Join(items, nil)...)
}

// scalar is a value, and what it is.
func (g cborMaker) scalar() ([]byte, string) {
	shown := func(x float64) string { return fmt.Sprint(x + 0) }
	switch g.IntN(8) {
	case 0:
		n := g.Uint64() >> g.IntN(64)
		return g.head(cborUint, n), shown(float64(n))
	case 1:
		n := g.Uint64() >> (1 + g.IntN(63))
		return g.head(cborNegative, n), shown(-float64(n + 1))
	case 2:
		f := math.Float32frombits(g.Uint32())
		return binary.BigEndian.AppendUint32([]byte{0xFA}, math.Float32bits(f)), shown(float64(f))
	case 3:
		bits := g.Uint64()
		return binary.BigEndian.AppendUint64([]byte{0xFB}, bits), shown(math.Float64frombits(bits))
	case 4:
		b := g.IntN(2)
		return []byte{0xF4 | byte(b)}, fmt.Sprint(b == 1)
	case 5:
		s := []string{"", "on", "€x", "abc"}[g.IntN(4)]
		return g.text(s), fmt.Sprintf("%q", s)
	case 6:
		return []byte{0xF6 | byte(g.IntN(2))}, "-"
	}
	return append(g.head(cborTag, uint64(100+g.IntN(70000))), 5), "5"
}

// any is anything that nobody looks at.
func (g cborMaker) any(depth int) []byte {
	switch k := g.IntN(7); {
	case k < 3 || depth > 3:
		b, _ := g.scalar()
		return b
	case k == 3:
		return g.several(cborArray, 2, g.any(depth+1), g.any(depth+1))
	case k == 4:
		return g.several(cborMap, 1, g.any(depth+1), g.any(depth+1))
	case k == 5:
		n := g.IntN(20)
		return append(g.head(cborBytes, uint64(n)), bytes.Repeat([]byte{byte(g.Uint32())}, n)...)
	}
	return append(g.head(cborTag, uint64(g.IntN(6))), g.any(depth+1)...)
}

// TestEveryFormOfCBOR: whatever form an item has, and whatever stands around it,
// it is read as what it is.
func TestEveryFormOfCBOR(t *testing.T) {
	schema := schemaOf(t, "a", "b.c", `$"/d/1"`, `$"/7"`)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	g := cborMaker{rand.New(rand.NewPCG(5, 6))}
	for range 5_000 {
		var of [4][]byte
		var want [4]string
		for i := range of {
			of[i], want[i] = g.scalar()
		}
		members := [][]byte{
			append(g.text("a"), of[0]...),
			append(g.text("b"), g.several(cborMap, 2, g.text("x"), g.any(2), g.text("c"), of[1])...),
			append(g.text("d"), g.several(cborArray, 3, g.any(2), of[2], g.any(2))...),
			append(g.head(cborUint, 7), of[3]...),
			append(g.text("zz"), g.any(1)...),
			append(g.several(cborArray, 1, g.any(2)), g.any(1)...),
		}
		g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		b := g.several(cborMap, len(members), members...)
		require.NoError(t, d.Decode(codec.CBOR, true, b, s), "%x", b)
		require.Equal(t, fmt.Sprintf("%s %s %s %s", want[0], want[1], want[2], want[3]), shown(s), "%x", b)
	}
}
