package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplitCommand(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{" \t\n", nil},
		{"a", []string{"a"}},
		{" a  b\tc ", []string{"a", "b", "c"}},
		{`'a b' "c d"`, []string{"a b", "c d"}},
		{`a''b ""`, []string{"ab", ""}},
		{`'a"b' "c'd"`, []string{`a"b`, "c'd"}},
		{`a\ b \'c\"`, []string{"a b", `'c"`}},
		{`"a\"b\\c\d"`, []string{`a"b\c\d`}},
		{`'a\'`, []string{`a\`}},
		{`a\`, []string{`a\`}},
		{`$HOME * | ;`, []string{"$HOME", "*", "|", ";"}},
	} {
		got, err := splitCommand(tt.in)
		require.NoError(t, err, tt.in)
		require.Equal(t, tt.want, got, tt.in)
	}
	for _, s := range []string{`'`, `"`, `a "b`, `"a\"`} {
		_, err := splitCommand(s)
		require.ErrorContains(t, err, "is not closed", s)
	}
}

// FuzzSplitCommand: what has no quotes and backslashes is split at its spaces,
// and everything can be quoted.
func FuzzSplitCommand(f *testing.F) {
	for _, s := range []string{"a b", `'a' "b"`, `\`, "'", "a=b coap://h/x c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = parseContender(s)
		got, err := splitCommand("'" + strings.ReplaceAll(s, "'", `'\''`) + "'")
		require.NoError(t, err)
		require.Equal(t, []string{s}, got)
		if strings.ContainsAny(s, "'\"\\") {
			return
		}
		got, err = splitCommand(s)
		require.NoError(t, err)
		require.Equal(t, strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }), append([]string{}, got...))
	})
}

func TestParseContender(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want contender
	}{
		{"coap2 serve", contender{name: "coap2", argv: []string{"coap2", "serve"}}},
		{"./build/my-server.exe -v", contender{name: "my-server", argv: []string{"./build/my-server.exe", "-v"}}},
		{"v1.2=x", contender{name: "v1.2", argv: []string{"x"}}},
		{"a=b=c", contender{name: "a", argv: []string{"b=c"}}},
		{"./a=b", contender{name: "a=b", argv: []string{"./a=b"}}},
		{"x -p {port}", contender{name: "x", uri: "coap://127.0.0.1:{port}", argv: []string{"x", "-p", "{port}"}}},
		{"coap://[::1]:{port}/a x -p{port}", contender{name: "x", uri: "coap://[::1]:{port}/a", argv: []string{"x", "-p{port}"}}},
		{"n=coap://127.0.0.1 'my server'", contender{name: "n", uri: "coap://127.0.0.1", argv: []string{"my server"}}},
	} {
		got, err := parseContender(tt.in)
		require.NoError(t, err, tt.in)
		require.Equal(t, tt.want, got, tt.in)
	}
	for in, want := range map[string]string{
		"":                    "the command is missing",
		"a=":                  "the command is missing",
		"coap://h/x":          "the command is missing",
		"coap:///x y":         "the host is missing",
		"coap://h:{port}00 y": "a port is a number from 1 to 65535",
		"x '":                 "is not closed",
	} {
		_, err := parseContender(in)
		require.ErrorContains(t, err, want, in)
	}
}

func TestResourceURI(t *testing.T) {
	for _, tt := range []struct{ uri, path, want string }{
		{"coap://127.0.0.1:7", "/hello", "coap://127.0.0.1:7/hello"},
		{"coap://0.0.0.0:7/", "hello", "coap://127.0.0.1:7/hello"},
		{"coap://[::]:7", "/a?b=c", "coap://[::1]:7/a?b=c"},
		{"coap://h/own", "/hello", "coap://h/own"},
		{"coap://h?q", "/hello", "coap://h/?q"},
		{"coap://h", `/x?{"a":1}`, "coap://h/x?%7B%22a%22:1%7D"},
		{"coap://h", "", "coap://h/"},
	} {
		got, err := resourceURI(tt.uri, tt.path)
		require.NoError(t, err, tt.uri)
		require.Equal(t, tt.want, got, tt.uri)
	}
	for _, tt := range []struct{ uri, path string }{{"nonsense", "/"}, {"coap://h", "/%"}} {
		_, err := resourceURI(tt.uri, tt.path)
		require.Error(t, err, tt.uri)
	}
}
