package payload

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/rules"
)

// FuzzDecode: whatever a stranger sends is decoded, or is an error; JSON is
// taken if and only if the standard library takes it, but for depth, duplicates
// and halves of surrogate pairs, and for UTF-8, which only what is decoded must
// be.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"value":1,"a":{"b":[1,2,{"c":"\ud83d\ude00"}]}}`, `[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1`, `{"a":1,"a":2}`, `-1.5e-300`, `"\u0000`, `1e99999`,
		"\xa2\x61a\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00\x61b\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\x81\x81\x81\x81\x81", "\xbf\xff", "\xc4\x82\x20\x0f", "\xc4\x82\x61\x1b\x00", "\xc2\x5f\x41\x01\xff",
		`[{"bn":"urn:","n":"a","v":1,"bv":2}]`, "\x82\xa2\x21\x61u\x24\x01\xa1\x02\xf9\x7e\x00",
	} {
		for _, format := range []int{0, 50, 60, 110, 112} {
			f.Add(format, []byte(s))
		}
	}
	schema := schemaOf(f, "value", "a", "a.b", `$"/a/b/2/c"`, `$"urn:a"`, `$"/"`)
	d := NewDecoder(schema)
	f.Fuzz(func(t *testing.T, format int, b []byte) {
		s := rules.NewSample(schema)
		err := d.Decode(codec.Format(format), format >= 0, b, s)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			require.Less(t, len(err.Error()), 400)
			require.True(t, utf8.ValidString(err.Error()))
			for i := range s.Len() {
				require.Equal(t, rules.Missing, s.Kind(i))
			}
		}
		for i := range s.Len() {
			require.True(t, utf8.ValidString(s.Text(i)))
		}
		if format == 50 && err == nil {
			require.True(t, json.Valid(b), "%q", b)
		}
		if format == 50 && err != nil && utf8.Valid(b) && json.Valid(b) {
			require.Regexp(t, "twice$|deeper than|surrogate pair", err.Error(), "%q", b)
		}
		if format == 60 && err == nil {
			require.NoError(t, sampleMode.Wellformed(b))
		}
	})
}
