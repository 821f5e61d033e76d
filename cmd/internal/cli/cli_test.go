package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func TestColour(t *testing.T) {
	require.False(t, New("x", nil, &bytes.Buffer{}, io.Discard).Colour, "a buffer is no terminal")
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	require.True(t, colourWanted())
	t.Setenv("NO_COLOR", "1")
	require.False(t, colourWanted())
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	require.False(t, colourWanted())
}

func TestJSONHarmsNoTerminal(t *testing.T) {
	require.Equal(t, `["\u007f\u202e\udb40\udc01ö"]`, string(escapeJSON([]byte("[\"\x7f\u202e\U000e0001ö\"]"))))
	require.Equal(t, "{\"a\":\"<\\u009b>\"}\n", string(EncodeJSON(map[string]string{"a": "<\u009b>"}, false)))
}

func TestNumbers(t *testing.T) {
	require.Equal(t, "1,234,567", Thousands(1234567))
	require.Equal(t, "123", Thousands(123))
	require.Equal(t, "1 node", Plural(1, "node"))
	require.Equal(t, "2,000 nodes", Plural(2000, "node"))
	require.Equal(t, "1.23", Short(1.2345))
	require.InDelta(t, 0.123, Rounded(0.1234, 3), 0)
}

// TestEnds: how a command ends is its exit code, and what it says of it.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
		says string
	}{
		{nil, 0, ""},
		{errors.New("codec: bad \x1b flag"), 2, "x: bad \\x1b flag\nRun 'x --help' for usage.\n"},
		{Exit(3, errors.New("no answer")), 3, "x: no answer\n"},
		{Exit(1, nil), 1, ""},
		{Exit(2, errors.Join(errors.New("one"), errors.New("two"))), 2, "x: one\nx: two\n"},
	} {
		var out, errs bytes.Buffer
		a := New("x", nil, &out, &errs)
		root := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { return tt.err }}
		require.Equal(t, tt.code, a.Execute(context.Background(), root, nil))
		require.Equal(t, tt.says, errs.String())
	}
	require.Equal(t, "exit code 1", Exit(1, nil).Error())
}

// TestOutput: a file is there in full, or as it was.
func TestOutput(t *testing.T) {
	a := New("x", nil, &bytes.Buffer{}, io.Discard)
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	require.NoError(t, os.WriteFile(path, []byte("before"), 0o600))

	o, err := a.OpenOutput("--out", path)
	require.NoError(t, err)
	_, err = o.Write([]byte("after"))
	require.NoError(t, err)
	o.Discard()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "before", string(b))

	o, err = a.OpenOutput("--out", path)
	require.NoError(t, err)
	defer o.Discard()
	_, err = o.Write([]byte("after"))
	require.NoError(t, err)
	require.NoError(t, o.Commit())
	b, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "after", string(b))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)

	_, err = a.OpenOutput("--out", filepath.Join(dir, "no", "such", "directory"))
	require.ErrorContains(t, err, "--out: ")
	_, err = a.OpenOutput("--out", dir)
	require.EqualError(t, err, "--out: "+dir+" is a directory")
}
