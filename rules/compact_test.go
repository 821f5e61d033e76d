package rules

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCompactGoldens holds the bytes: they are on the wire.
func TestCompactGoldens(t *testing.T) {
	for _, tt := range []struct{ text, hex string }{
		{"true", "01"},
		{"false", "0104"},
		{"value > 20", "01019429"},
		{"value == 0.1", "01010b02ff25"},
		{"value < -3", "01010a0227"},
		{"value <= -257", "01010efeff28"},
		{"value >= 30000", "01010e75302a"},
		{"value != 1.5", "01010b1eff26"},
		{"value == 1048577", "01010c4980000825"},
		{"value == 1234567890123456", "01010d43118b54f22aeb0025"},
		{"value == 1e+100", "01010b026425"},
		{"value == 1e+128", "01010b147f25"},
		{"value == -2.5e+129", "01010bf3037f25"},
		{"value == -32768", "01010e800025"},
		{"value == 32768", "01010b8080040025"},
		{"value == 0.3333333333333333", "01010d3fd555555555555525"},
		{"value == 1e+300", "01010d7e37e43c8800759c25"},
		{"temp > 1 and value < 2", "0101822743" + "74656d70" + "81292d"},
		{"a or b or c", "01" + "4061" + "4062" + "2e" + "4063" + "2e"},
		{"delta >= 0.5; pmin=10s", "01020b0aff2a8a1118"},
		{"age > 90s; pmax=1d, epmin=1ms, epmax=1h, con", "0103da1129811419811" + "01a81131b1c"},
		{"prev.a != last.b.c", "01064061" + "0742622e63" + "26"},
		{`$"/a/0" == "x"`, "01" + "08042f612f30" + "6178" + "25"},
		{"a in [1, 2, 3]", "014061" + "818283" + "2b03"},
		{"a in 1..5", "014061" + "8185" + "2c"},
		{"hyst(a, 3, 1)", "014061" + "8381" + "36"},
		{"-(a) * 2 > 1", "014061" + "20" + "82" + "23" + "81" + "29"},
		{"not has(a)", "014061" + "30" + "2f"},
	} {
		r, err := Parse(tt.text)
		require.NoError(t, err, tt.text)
		require.Equal(t, tt.hex, hex.EncodeToString(r.Compact()), tt.text)
		again, err := ParseCompact(r.Compact())
		require.NoError(t, err, tt.text)
		require.Equal(t, r.String(), again.String())
		both, err := ParseBytes(r.Compact())
		require.NoError(t, err)
		require.Equal(t, r.String(), both.String())
	}
	// A decimal number of seconds is the duration that it is in the text.
	r, err := ParseCompact([]byte("\x01\x01\x0b\xae\x1f\xfd\x11\x18"))
	require.NoError(t, err)
	require.Equal(t, "value; pmin=2007ms", r.String())
	// Longer forms of a number are read too.
	for _, h := range []string{"01010b280029", "01010c41a0000029", "01010d403400000000000029", "01010e001429"} {
		b, err := hex.DecodeString(h)
		require.NoError(t, err)
		r, err := ParseCompact(b)
		require.NoError(t, err, h)
		require.Equal(t, "value > 20", r.String())
	}
}

// TestCompactIsAboutHalf of the text.
func TestCompactIsAboutHalf(t *testing.T) {
	text, compact := 0, 0
	for _, s := range []string{
		"value > 20 and (hum < 30 or delta >= 0.5); pmin=1s, pmax=60s", "crosses(value, 20.5)", "delta >= 0.5 or age >= 10m",
		`dev in ["a", "b"] and temp > 20`, "rising(hyst(value, 30, 25))", "abs(in_temp - out_temp) > 5; pmin=10s",
	} {
		r, err := Parse(s)
		require.NoError(t, err)
		text += len(r.String())
		compact += len(r.Compact())
	}
	require.Less(t, float64(compact)/float64(text), 0.55)
}

func TestCompactMistakes(t *testing.T) {
	for _, tt := range []struct{ hex, want string }{
		{"", "byte 0: expected 0x01, with which the compact form begins, found the end"},
		{"02", "byte 0: expected 0x01, with which the compact form begins, found 0x02"},
		{"0194", "byte 1: expected condition, found number 20"},
		{"0129", "byte 1: expected 2 operands, found 0"},
		{"01019401", "byte 4: expected an operator, found the end"},
		{"010f", "byte 1: expected a code of the compact form, found 0x0f"},
		{"0138", "byte 1: expected a code of the compact form, found 0x38"},
		{"0106", "byte 2: expected a field, found the end"},
		{"010694", "byte 2: expected a field, found 0x94"},
		{"010606", "byte 2: expected a field, found 0x06"},
		{"0143", "byte 1: expected 4 bytes of text, found 0"},
		{"01402f", `byte 1: expected a dotted name, found "/"`},
		{"01423161", "byte 1: expected 3 bytes of text, found 2"},
		{"014261676529", `byte 1: expected a dotted name, found "age"`},
		{"01090561", "byte 1: expected 5 bytes of text, found 1"},
		{"0109ffffffffffffffffff01", "byte 1: expected a length, found none"},
		{"0108" + "00", `byte 1: expected a JSON Pointer or the name of a record, found ""`},
		{"0161ff", "byte 1: expected UTF-8, found other bytes"},
		{"010c7f800000", "byte 1: expected a number, found something else, or the end"},
		{"010d7ff8000000000000", "byte 1: expected a number, found something else, or the end"},
		{"010bff", "byte 1: expected a number, found something else, or the end"},
		{"010b02", "byte 1: expected a number, found something else, or the end"},
		{"0101012b00", "byte 3: expected the number of elements, found 0x00"},
		{"0101012b", "byte 3: expected the number of elements, found the end"},
		{"019411", "byte 1: expected condition, found duration 20s"},
		{"010111", "byte 2: expected a number before the unit, found 0x11"},
		{"01019418", "byte 3: expected a duration before pmin, found something else"},
		{"0101801118", "byte 4: expected a duration above 0, found 0ms"},
		{"0101821118" + "821118", "byte 7: expected each control once, found a second pmin"},
		{"0101821118" + "01", "byte 5: expected a control, found 0x01"},
		{"0101821118" + "811119", "byte 8: expected pmax of at least pmin, which is 2s, found 1s"},
		{"0101" + "019429" + "1c", "byte 6: expected an operator, found the end"},
		{"0101" + "8111" + "8111" + "1819", "byte 6: expected an operator, found a control"},
		{"01030d7fe1ccf385ebc8a014" + "29", "byte 11: expected a duration that float64 can hold, found a larger one"},
		{"01" + strings.Repeat("81", 66), "byte 66: expected at most 64 nodes, found more"},
		{"01" + strings.Repeat("81", 65) + "2b40", "byte 66: expected at most 64 nodes, found more"},
		{"01" + strings.Repeat("81", 64) + "2b3f", "byte 67: expected at most 64 nodes, found more"},
		{"01" + strings.Repeat("81", 63) + "2b3e" + "00", "byte 66: expected a code of the compact form, found 0x00"},
		{"0101" + strings.Repeat("2f", 16), "byte 1: expected at most 16 levels, found more"},
	} {
		b, err := hex.DecodeString(tt.hex)
		require.NoError(t, err, tt.hex)
		_, err = ParseCompact(b)
		require.Error(t, err, tt.hex)
		require.Equal(t, tt.want, err.(*SyntaxError).Diagnostic(), tt.hex)
		require.Equal(t, tt.want, err.(*SyntaxError).Picture())
	}
	_, err := ParseCompact(append([]byte{1}, make([]byte, MaxBytes)...))
	require.ErrorIs(t, err, ErrLimit)
	_, err = ParseCompact([]byte("\x01" + strings.Repeat("\x81", 63) + "\x2b\x3e"))
	require.NoError(t, err, "64 nodes")
	_, err = ParseCompact([]byte("\x01\x01" + strings.Repeat("\x2f", 15)))
	require.NoError(t, err, "16 levels")
	// All prefixes of a rule.
	r, err := Parse(`value > 20 and ($"/x/0" < 30.25 or delta >= 0.5 or s == "abc"); pmin=1s, pmax=60s`)
	require.NoError(t, err)
	for i := range r.Compact() {
		_, _ = ParseCompact(r.Compact()[:i])
	}
}
