package payload

import (
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// TestDecimalFractions: what is tagged as one is a number if it is one, and is
// looked at no further than it goes if it is not.
func TestDecimalFractions(t *testing.T) {
	schema := schemaOf(t, "value", "a")
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	for _, tt := range []struct{ payload, want string }{
		{"c482 20 1bffffffffffffffff", "1.8446744073709553e+18 -"},
		{"c482 20 3bfffffffffffffffe", "-1.8446744073709553e+18 -"},
		{"c482 20 3bffffffffffffffff", "- -"}, // one too far
		{"c482 1a00010001 01", "NaN -"},
		{"c482 1bffffffffffffffff 01", "NaN -"},
		{"c482 1bffffffffffffffff 00", "0 -"},
		{"c482 3bffffffffffffffff 01", "0 -"},
		{"c482 390142 05", "5e-323 -"},
		{"a1 6161 c482 20 0f", "- 1.5"},
		{"a1 6161 c483 20 0f 00", "- other"},
		// Texts and bytes that look like heads of items that are longer than what
		// follows.
		{"c482 611b 00", "- -"},
		{"c482 411b 00", "- -"},
		{"c482 7f611b611bff 411b", "- -"},
		{"a1 6161 c482 611b 00", "- other"},
		{"c482 20 611b", "- -"},
	} {
		b := []byte(unhex(t, tt.payload))
		require.NoError(t, d.Decode(codec.CBOR, true, b, s), tt.payload)
		require.Equal(t, tt.want, shown(s), tt.payload)
	}
	for _, p := range []string{"81a102 c482611b00", "81a102 c48220611b"} {
		require.ErrorIs(t, d.Decode(formatSenMLCBOR, true, []byte(unhex(t, p)), s), ErrMalformed)
	}
}

// TestBignums: an integer of any length, in pieces or not, is what math/big says
// it is, without an allocation.
func TestBignums(t *testing.T) {
	schema := schemaOf(t, "value")
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	check := func(t require.TestingT, tag byte, digits []byte) {
		n := new(big.Int).SetBytes(digits)
		if tag == 3 {
			n.Not(n)
		}
		want, _ := n.Float64()
		whole := append(binary.BigEndian.AppendUint16([]byte{0xC0 | tag, 0x59}, uint16(len(digits))), digits...)
		half := len(digits) / 2
		pieces := []byte{0xC0 | tag, 0x5F, 0x58, byte(half)}
		pieces = append(append(pieces, digits[:half]...), 0x58, byte(len(digits)-half))
		pieces = append(append(pieces, digits[half:]...), 0xFF)
		for _, b := range [][]byte{whole, pieces} {
			require.NoError(t, d.Decode(codec.CBOR, true, b, s))
			if math.IsInf(want, 0) {
				require.True(t, math.IsNaN(s.Number(0)), "%x", b)
			} else {
				require.Equal(t, want, s.Number(0), "%x", b)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		// Where rounding matters: few bits, and then all ones, all zeros, or one.
		digits := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x7F, 0x80, 0xFF, 0xFE, 0x10}), 0, 12).Draw(t, "first")
		for range rapid.IntRange(0, 2).Draw(t, "parts") {
			c := rapid.SampledFrom([]byte{0, 0xFF}).Draw(t, "fill")
			for range rapid.IntRange(0, 20).Draw(t, "length") {
				digits = append(digits, c)
			}
			digits = append(digits, rapid.Byte().Draw(t, "last"))
		}
		check(t, byte(rapid.IntRange(2, 3).Draw(t, "tag")), digits)
	})
	for _, n := range []int{0, 1, 7, 8, 9, 127, 128, 129, 200} {
		for _, c := range []byte{0, 1, 0x80, 0xFF} {
			digits := make([]byte, n)
			for i := range digits {
				digits[i] = c
			}
			check(t, 2, digits)
			check(t, 3, digits)
		}
	}
	b := []byte(unhex(t, "c24a 0102030405060708090a"))
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = d.Decode(codec.CBOR, true, b, s) }))
}
