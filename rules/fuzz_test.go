package rules

import (
	"bytes"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var seeds = []string{
	"", "true", "> 20", "value > 20 and (hum < 30 or delta >= 0.5); pmin=1s, pmax=60s", `dev in ["a", "b"] and $"/x/0" in 1..5`,
	"rising(hyst(value, 30, 25)) or crosses(a, 2); epmin=1s, epmax=2s, con", "not !(prev.a == last.b) and has(x) and prefix(s, \"\\u20ac\")",
	"((((((((((((((((((a", "1e999", "not not not not not not not not not not not not not not not not not a", "a == \"\xff\"", "-(-(-a)) > 1/0",
	"age > 1e300d * 1e300", "(a == true) == b", ";;", "; pmin=1e308d",
}

// hold checks what holds for every rule that is accepted.
func hold(t *testing.T, r *Rule) {
	require.LessOrEqual(t, r.Nodes(), MaxNodes)
	require.LessOrEqual(t, r.Depth(), MaxDepth)
	require.LessOrEqual(t, r.Cost(), MaxCost)
	require.LessOrEqual(t, len(r.String()), MaxBytes)
	again, err := Parse(r.String())
	require.NoError(t, err, r.String())
	require.Equal(t, r.String(), again.String())
	compact, err := ParseCompact(r.Compact())
	require.NoError(t, err, r.String())
	require.Equal(t, r.String(), compact.String())

	schema := &Schema{}
	p, err := Compile(r, schema)
	require.NoError(t, err)
	s, o := NewSample(schema), NewSample(schema)
	for i := range schema.Len() {
		s.SetNumber(i, float64(i))
		o.SetString(i, "a")
	}
	w := NewWatch(p, 0, s, nil)
	for i, x := range []*Sample{o, s, s} {
		w.Sample(time.Duration(i)*time.Second, x, nil)
	}
	w.Advance(time.Hour)
}

func requireHelpful(t *testing.T, err error) {
	se, ok := err.(*SyntaxError)
	require.True(t, ok)
	require.NotEmpty(t, se.Expected)
	require.NotEmpty(t, se.Found)
	for _, s := range []string{se.Diagnostic(), se.Picture()} {
		require.True(t, utf8.ValidString(s), "%q", s)
		require.False(t, bytes.ContainsAny([]byte(s), "\x1b\x00\r\x7f"), "%q", s)
		require.Less(t, len(s), 1000)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err != nil {
			requireHelpful(t, err)
			return
		}
		hold(t, r)
	})
}

func FuzzCompact(f *testing.F) {
	for _, s := range seeds {
		if r, err := Parse(s); err == nil {
			f.Add(r.Compact())
		}
	}
	f.Add([]byte("\x01\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x7f\x29"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseCompact(b)
		if err != nil {
			requireHelpful(t, err)
			return
		}
		hold(t, r)
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("c.gt=1&c.lt=2&c.band&c.st=0.5&c.edge=1&c.pmin=1&c.pmax=2&c.epmin=1&c.epmax=2&c.con=1")
	f.Add("c.gt=\x1b")
	f.Fuzz(func(t *testing.T, s string) {
		var params []string
		for _, p := range bytes.Split([]byte(s), []byte("&")) {
			params = append(params, string(p))
		}
		r, err := FromQuery(params)
		if err != nil {
			require.NotContains(t, err.Error(), "\x1b")
			require.Less(t, len(err.Error()), 500)
			return
		}
		if r != nil {
			hold(t, r)
		}
	})
}
