package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBadUsage: the message says what is wrong, and nothing is asked of anybody.
func TestBadUsage(t *testing.T) {
	for _, tt := range []struct {
		args string // fields; "_" stands for a space
		want string
	}{
		{"get", `get needs a URI, such as coap://localhost/hello`},
		{"get a b", `get takes one URI; "b" is too much (quote a URI that has spaces or & in it)`},
		{"get http://h/", `bad URI scheme in "http://h/" at byte 0: the schemes of CoAP are coap, coaps, coap+tcp, coaps+tcp, coap+ws and coaps+ws`},
		{"get coaps://h/", `the scheme coaps:// is not supported; only coap://, which is CoAP over UDP`},
		{"get /x", `the URI "/x" has no host; write coap://HOST/x`},
		{"get coap:/x", `in the URI "coap:/x" two slashes follow the scheme: coap://HOST/PATH`},
		{"get coap:///x", `bad URI host in "coap:///x" at byte 7: the host is missing`},
		{"get h:0/x", `bad URI port in "coap://h:0/x" at byte 9: a port is a number from 1 to 65535`},
		{"get h:x/y", `bad URI port in "coap://h:x/y" at byte 9: a port is a number from 1 to 65535`},
		{"get ::1/x", `bad URI host in "coap://::1/x" at byte 7: an IPv6 address is written in brackets: [2001:db8::1]`},
		{"get 256.0.0.1", `bad URI host in "coap://256.0.0.1" at byte 7: not an IPv4 address: it has four numbers from 0 to 255 without leading zeros`},
		{"get h/%zz", `bad URI path in "coap://h/%zz" at byte 9: two hexadecimal digits must follow "%"; the character itself is written as %25`},
		{"get h/x?a=%", `bad URI query in "coap://h/x?a=%" at byte 13: two hexadecimal digits must follow "%"; the character itself is written as %25`},
		{"get h/x#y", `bad URI fragment in "coap://h/x#y" at byte 10: a CoAP request has no fragment; leave out "#" and what follows, or write it as %23`},
		{"get u@h/x", `bad URI userinfo in "coap://u@h/x" at byte 7: CoAP has no "user@" before the host`},
		{"get coap://224.0.1.187/x", `224.0.1.187 is the address of a group; name one node`},
		{"get --accept nonsense h", `invalid argument "nonsense" for "--accept" flag: unknown content format: "nonsense"; give a number from 0 to 65535, a media type such as application/json, or a short name such as json, cbor, text`},
		{"put --content-format 65536 h", `invalid argument "65536" for "--content-format" flag: unknown content format: "65536"; give a number from 0 to 65535, a media type such as application/json, or a short name such as json, cbor, text`},
		{"get -O Nonsense=1 h", `invalid argument "Nonsense=1" for "-O, --option" flag: "Nonsense" is neither the name of an option, such as Uri-Path, nor a number from 0 to 65535`},
		{"get -O Max-Age=x h", `invalid argument "Max-Age=x" for "-O, --option" flag: option Max-Age is a number from 0 to 4294967295, not "x"`},
		{"put --data a --file b h", `--data and --file both give the payload; use one of them`},
		{"put --file /nonexistent/file h", `--file: open /nonexistent/file: no such file or directory`},
		{"get --out /nonexistent/file h", `--out: /nonexistent/file: no such file or directory`},
		{"get --out / h", `--out: / is a directory`},
		{"get --timeout 0s h", `--timeout is 0s; it must be above 0 and at most 24h`},
		{"get --timeout soon h", `invalid argument "soon" for "--timeout" flag: time: invalid duration "soon"`},
		{"get --bogus h", `unknown flag: --bogus`},
		{"ping", `ping needs a URI, such as coap://localhost/hello`},
		{"ping -c -1 h", `--count is -1; it must be 0 or more`},
		{"ping -i -1s h", `--interval is -1s; it must not be negative`},
		{"serve h", `serve takes no arguments; "h" is too much`},
		{"serve --listen 5683", `--listen: address "5683": want host:port, as in ":5683" or "[::1]:5683": address 5683: missing port in address`},
		{"serve --listen :x", `--listen: address ":x": port must be a number from 0 to 65535`},
		{"demo 2", `demo takes no arguments; "2" is too much`},
		{"nonsense", `unknown command "nonsense" for "coap2"`},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(tt.args)
			r := run("", args...)
			path := "coap2"
			if args[0] != "nonsense" {
				path += " " + args[0]
			}
			require.Equal(t, ran{2, "", "coap2: " + tt.want + "\nRun '" + path + " --help' for usage.\n"}, r)
		})
	}
}

// TestNothingHarmsTheTerminal: not even what the user typed.
func TestNothingHarmsTheTerminal(t *testing.T) {
	for _, args := range [][]string{
		{"get", "h/\x1b[31m"}, {"get", "\x1b]0;x\a"}, {"\x1b[2J"}, {"get", "--accept", "\x1b[2J", "h"}, {"get", "h", "\x1b"},
		{"serve", "\x1b"}, {"get", "--\x1b", "h"}, {"get", "--out", "/nonexistent/\x1b", "h"}, {"get", "h/\xff\xfe"},
	} {
		r := run("", args...)
		require.Equal(t, 2, r.code, "%q", args)
		require.NotContains(t, r.err, "\x1b", "%q", args)
		require.NotContains(t, r.err, "\xff", "%q", args)
	}
}

func TestTargets(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"coap://h/x", "coap://h/x"},
		{"COAP://H/x", "coap://h/x"},
		{"h", "coap://h/"},
		{"h/x", "coap://h/x"},
		{"h:5683/x", "coap://h/x"},
		{"h?a=b://c", "coap://h/?a=b://c"},
		{"h/x?u=coap://y/z", "coap://h/x?u=coap://y/z"},
		{"[::1]:7/x", "coap://[::1]:7/x"},
		{":5683/x", "coap://localhost/x"},
		{":61616", "coap://localhost:61616/"},
		{`h/r?{"a":"b c"}`, "coap://h/r?%7B%22a%22:%22b%20c%22%7D"},
		{"h/größe", "coap://h/gr%C3%B6%C3%9Fe"},
		{"h/a%20b?c=%26", "coap://h/a%20b?c=%26"},
		{"h/[x]\\^`|<>", "coap://h/%5Bx%5D%5C%5E%60%7C%3C%3E"},
	} {
		u, err := parseTarget(tt.in)
		require.NoError(t, err, tt.in)
		require.Equal(t, tt.want, u.String(), tt.in)
	}
}

// FuzzTarget: whatever is taken for a URI can be read again, and is the same.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"coap://h/x?y", "h", ":1/x", "::1", "h/{", "coap://[::1%25eth0]:1/\xff", "/x", "coap:", "h/\x1b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseTarget(s)
		if err != nil {
			require.NotContains(t, printable(plain(err)), "\x1b")
			return
		}
		again, err := parseTarget(u.String())
		require.NoError(t, err)
		require.Equal(t, u, again)
	})
}

// TestHelp: every command explains itself, with examples.
func TestHelp(t *testing.T) {
	r := run("")
	require.Equal(t, 0, r.code)
	require.Contains(t, r.out, "Available Commands:")
	for _, name := range []string{"get", "put", "post", "delete", "ping", "serve", "demo"} {
		require.Contains(t, r.out, "\n  "+name+" ")
		h := run("", name, "--help")
		require.Equal(t, 0, h.code)
		require.Contains(t, h.out, "Examples:\n  ", name)
		require.Contains(t, h.out, "Flags:\n", name)
	}
	r = run("", "--version")
	require.Equal(t, 0, r.code)
	require.Regexp(t, `^coap2 \S+.* go1\.\d+`, r.out)
}

// TestExamples runs the examples of the client commands' help.
func TestExamples(t *testing.T) {
	for _, cmd := range newApp(nil, nil, nil).rootCommand().Commands() {
		if cmd.Name() == "serve" || cmd.Name() == "demo" {
			continue
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) {
				_, args, ok := strings.Cut(line, "coap2 ")
				require.True(t, ok)
				at := serveTest(t).Addrs()[0].String()
				r := run("from stdin", words(strings.ReplaceAll(args, "localhost", at))...)
				require.Equal(t, 0, r.code, r.err)
			})
		}
	}
}

// words splits a command line at its spaces, as a shell does that knows only
// single quotes.
func words(s string) []string {
	var ws []string
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			ws = append(ws, part)
		} else {
			ws = append(ws, strings.Fields(part)...)
		}
	}
	return ws
}
