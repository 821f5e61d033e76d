package rules

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestUses: what a rule looks at, and whether its result is everybody's.
func TestUses(t *testing.T) {
	for _, tt := range []struct {
		rule      string
		uses      []Use
		shareable bool
	}{
		{"true; pmin=1s", nil, true},
		{"> 20", []Use{{Field{}, "number"}}, true},
		{"delta > 1", []Use{{Field{}, "number"}}, false},
		{"age > 1s", nil, false},
		{"last.a", []Use{{NewField("/a"), "condition"}}, false},
		{"hyst(a, 2, 1)", []Use{{NewField("/a"), "number"}}, false},
		{"rising(hyst(a, 2, 1))", []Use{{NewField("/a"), "number"}}, false},
		{"rising(a) and prev.a > 1 and has(b) and a == \"x\"", []Use{{NewField("/a"), "condition"}, {NewField("/a"), "number"}, {NewField("/a"), "string"},
			{NewField("/b"), "any"}}, true},
		{`$"urn:x" != $"/0" or $"/0" > 1`, []Use{{NewField("/0"), "any"}, {NewField("/0"), "number"}, {NewField("urn:x"), "any"}}, true},
	} {
		r, err := Parse(tt.rule)
		require.NoError(t, err, tt.rule)
		require.Equal(t, tt.uses, r.Uses(), tt.rule)
		require.Equal(t, tt.shareable, r.Shareable(), tt.rule)
		var fs []Field
		for i, u := range tt.uses {
			if i == 0 || u.Field != tt.uses[i-1].Field {
				fs = append(fs, u.Field)
			}
		}
		require.Equal(t, fs, r.Fields(), tt.rule)
	}
}

func TestFields(t *testing.T) {
	for _, tt := range []struct {
		field      Field
		kind       FieldKind
		text, name string
		tokens     []string
	}{
		{Field{}, BareValue, "value", "value", []string{"value"}},
		{NewField("/value"), Pointer, `$"/value"`, "/value", []string{"value"}},
		{NewField("/a/value"), Pointer, "a.value", "/a/value", []string{"a", "value"}},
		{NewField("/"), Pointer, `$"/"`, "/", []string{""}},
		{NewField("/a~1b/~0/~01/0"), Pointer, `$"/a~1b/~0/~01/0"`, "/a~1b/~0/~01/0", []string{"a/b", "~", "~1", "0"}},
		{NewField("urn:x"), Record, `$"urn:x"`, "urn:x", nil},
		{NewField("a.b"), Record, `$"a.b"`, "a.b", nil},
	} {
		require.Equal(t, tt.kind, tt.field.Kind())
		require.Equal(t, tt.text, tt.field.String())
		require.Equal(t, tt.name, tt.field.Name())
		require.Equal(t, tt.tokens, tt.field.Tokens())
		r, err := Parse("has(" + tt.text + ")")
		require.NoError(t, err)
		require.Equal(t, []Field{tt.field}, r.Fields())
	}
}
