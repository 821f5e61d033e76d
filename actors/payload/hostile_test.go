package payload

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// TestSenMLNumbersThatCount: numbers are calculated in the end, and only those
// that count, with the base that held where they stood.
func TestSenMLNumbersThatCount(t *testing.T) {
	schema := schemaOf(t, "value", "a", `$"u:a"`, `$"u:b"`, `$"w:a"`)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	for _, tt := range []struct {
		format  codec.Format
		payload string
		want    string // value a u:a u:b w:a
	}{
		{formatSenMLJSON, `[{"bn":"u:","bv":100,"n":"a","v":1},{"bv":200,"n":"b","v":2},{"bn":"w:","n":"a","v":3e0}]`, "203 203 101 202 203"},
		{formatSenMLJSON, `[{"bn":"u:","n":"a","v":1},{"bv":1e1,"n":"b","v":2},{"n":"a","vs":"x"}]`, `"x" "x" "x" 12 -`},
		{formatSenMLJSON, `[{"bn":"u:","n":"a","vb":true},{"n":"a","v":3e-324}]`, "5e-324 5e-324 5e-324 - -"},
		{formatSenMLJSON, `[{"n":"a","v":1},{"n":"a","vd":"aGk"},{"bv":1e999,"n":"u:b"}]`, "NaN other - NaN -"},
		{formatSenMLJSON, `[{"n":"a","v":1},{"t":5,"n":"a"}]`, "1 1 - - -"},
		{formatSenMLJSON, `[{"bv":2,"n":"a","s":1}]`, "other other - - -"},
		// [{-2: "u:", -5: 4([-1, 15]), 0: "a", 2: 4([-1, 5])}, {-5: 100, 0: "b", 2: 2(h'01')}]
		{formatSenMLCBOR, "82 a4 21 62753a 24 c482200f 00 6161 02 c4822005 a3 24 1864 00 6162 02 c24101", "101 2 2 101 -"},
	} {
		b := tt.payload
		if tt.format == formatSenMLCBOR {
			b = unhex(t, b)
		}
		require.NoError(t, d.Decode(tt.format, true, []byte(b), s), tt.payload)
		require.Equal(t, tt.want, shown(s), tt.payload)
	}
	for _, p := range []string{`[{"bver":1e1}]`, `[{"bver":10.5}]`, `[{"bver":1000000000000000000000000000000}]`} {
		require.ErrorIs(t, d.Decode(formatSenMLJSON, true, []byte(p), s), ErrMalformed, p)
	}
	require.NoError(t, d.Decode(formatSenMLJSON, true, []byte(`[{"n":"a","v":1}]`), s))
	require.NoError(t, d.Decode(formatSenMLJSON, true, []byte(`[{"n":"u:a","v":2}]`), s))
	require.Equal(t, "2 - 2 - -", shown(s), "nothing is left of the pack before")
}

// TestSenMLWorkIsLinear: what is long is not gone over once for every record, and
// of very many numbers only those are calculated that count.
func TestSenMLWorkIsLinear(t *testing.T) {
	schema := schemaOf(t, "value", `$"urn:x"`)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	const n = 100_000
	for _, p := range []string{
		`[{"bn":"` + strings.Repeat("b", 10*n) + `"}` + strings.Repeat(`,{"v":1}`, n) + `]`, // a copy of the base for each is 100 GB
		`[{"bn":"u"}` + strings.Repeat(`,{"v":1e999}`, n) + `]`,
		`[{"bn":"u"}` + strings.Repeat(`,{"bv":1e999}`, n) + `]`,
	} {
		b := []byte(p)
		require.NoError(t, d.Decode(formatSenMLJSON, true, b, s))
		require.Less(t, cap(d.name), 64)
		// One that is too large is an error of strconv, which allocates.
		require.Less(t, testing.AllocsPerRun(1, func() { _ = d.Decode(formatSenMLJSON, true, b, s) }), 20.0)
	}
	// The same base of a mebibyte for as many records as there are slots.
	var fields []string
	var pack strings.Builder
	fmt.Fprintf(&pack, `[{"bv":1%s}`, strings.Repeat("0", 1<<20))
	for i := range rules.MaxFields {
		fields = append(fields, fmt.Sprintf(`$"n%d"`, i))
		fmt.Fprintf(&pack, `,{"n":"n%d","v":1}`, i)
	}
	schema = schemaOf(t, fields...)
	d, s = NewDecoder(schema), rules.NewSample(schema)
	require.NoError(t, d.Decode(formatSenMLJSON, true, []byte(pack.String()+"]"), s))
	require.Equal(t, rules.Number, s.Kind(rules.MaxFields-1))
	require.Len(t, d.bases, 1)
}

// TestNothingIsCalculatedInVain: what no rule looks at is passed over, however
// hard it would be to calculate.
func TestNothingIsCalculatedInVain(t *testing.T) {
	schema := schemaOf(t, "value", "a")
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	list := "\x9f" + strings.Repeat("\xc4\x82\x1a\x00\x01\x00\x00\x01", 1000) + strings.Repeat("\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00", 1000) + "\xff"
	b := []byte("\xa2\x61a\x05\x61x" + list)
	require.Zero(t, testing.AllocsPerRun(10, func() { _ = d.Decode(codec.CBOR, true, b, s) }))
	require.Equal(t, "- 5", shown(s))
}

// TestBounds: what is as deep, or as long, as may be is decoded, and what is one
// deeper is not; the same in JSON and in CBOR.
func TestBounds(t *testing.T) {
	schema := schemaOf(t, "value", `$"`+strings.Repeat("/0", maxDepth)+`"`, `$"`+strings.Repeat("/a", maxDepth)+`"`, `$"/199999"`)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	for _, tt := range []struct {
		format    codec.Format
		payload   func(depth int) string
		ends      int
		want      string
		malformed bool
	}{
		{codec.JSON, func(n int) string { return strings.Repeat("[", n) + "7" + strings.Repeat("]", n) }, maxDepth, "- 7 - -", true},
		{codec.JSON, func(n int) string { return strings.Repeat(`{"a":`, n) + "7" + strings.Repeat("}", n) }, maxDepth, "- - 7 -", true},
		{codec.CBOR, func(n int) string { return strings.Repeat("\x81", n) + "\x07" }, maxDepth, "- 7 - -", true},
		{codec.CBOR, func(n int) string { return strings.Repeat("\xa1\x61a", n) + "\x07" }, maxDepth, "- - 7 -", true},
		{codec.CBOR, func(n int) string { return strings.Repeat("\xbf\x61a", n) + "\x07" + strings.Repeat("\xff", n) }, maxDepth, "- - 7 -", true},
		{codec.JSON, func(n int) string { return "[" + strings.Repeat("1,", n) + "7]" }, 199_999, "- - - 7", false},
		{codec.CBOR, func(n int) string { return "\x9f" + strings.Repeat("\x01", n) + "\x07\xff" }, 199_999, "- - - 7", false},
		{codec.CBOR, func(n int) string { return "\xbf" + strings.Repeat("\x20\x01", n) + "\x1a\x00\x03\x0d\x3f\x07\xff" }, 199_999, "- - - 7", false},
	} {
		require.NoError(t, d.Decode(tt.format, true, []byte(tt.payload(tt.ends)), s))
		require.Equal(t, tt.want, shown(s))
		if tt.malformed {
			require.ErrorIs(t, d.Decode(tt.format, true, []byte(tt.payload(tt.ends+1)), s), ErrMalformed)
		}
	}
}

// TestDecoderKeepsLittle: of large payloads nothing large stays.
func TestDecoderKeepsLittle(t *testing.T) {
	var fields []string
	for i := range 10 {
		fields = append(fields, fmt.Sprintf("f%d", i))
	}
	schema := schemaOf(t, fields...)
	d := NewDecoder(schema)
	s := rules.NewSample(schema)
	long := strings.Repeat("x", 1<<18)
	for i := range fields {
		require.NoError(t, d.Decode(codec.JSON, true, fmt.Appendf(nil, `{"f%d":"\u0041%s"}`, i, long), s))
		require.Equal(t, "A"+long, s.Text(i))
		require.NoError(t, d.Decode(formatSenMLJSON, true, fmt.Appendf(nil, `[{"bn":"%[1]s","n":"%[1]s"},{"bn":"","n":"f%[2]d","vs":"%[1]s"},{"bv":1%[3]s}]`, long, i, strings.Repeat("0", 1<<18)), s))
		require.Equal(t, long, s.Text(i))
	}
	kept := cap(d.scratch) + cap(d.name) + cap(d.record.base) + cap(d.record.name) + cap(d.record.text)
	for _, text := range d.texts {
		kept += len(text)
	}
	require.LessOrEqual(t, kept, 5*maxKept)
}
