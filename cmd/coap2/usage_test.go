package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/cmd/internal/cli"
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
		{"get --token 0x0 h", `invalid argument "0x0" for "--token" flag: 0x is followed by pairs of hexadecimal digits`},
		{"get --token 123456789 h", `invalid argument "123456789" for "--token" flag: a token has at most 8 bytes, not 9`},
		{"get -O 70000=1 h", `invalid argument "70000=1" for "-O, --option" flag: "70000" is neither the name of an option, such as Uri-Path, nor a number from 0 to 65535`},
		{"get -O 65000=0xz h", `invalid argument "65000=0xz" for "-O, --option" flag: option Option 65000: "0xz": 0x is followed by pairs of hexadecimal digits`},
		{"get --source nowhere h", `--source: address "nowhere": want host:port, as in ":5683" or "[::1]:5683": address nowhere: missing port in address`},
		{"get --source 224.0.0.1:1 h", `--source: address "224.0.0.1:1" is a group: listen on all addresses and Join it`},
		{"get --ack-timeout 0s h", `--ack-timeout is 0s; it must be above 0 and at most 1h`},
		{"ping --ack-timeout 2h h", `--ack-timeout is 2h0m0s; it must be above 0 and at most 1h`},
		{"get --max-retransmit -1 h", `--max-retransmit is -1; it must be from 0 to 16`},
		{"get --max-retransmit 17 h", `--max-retransmit is 17; it must be from 0 to 16`},
		{"get --repeat -1 h", `--repeat is -1; it must be 0 or more`},
		{"get --interval -1s h", `--interval is -1s; it must not be negative`},
		{"conform", `conform needs a URI, such as coap://localhost/hello`},
		{"conform --list h", `conform takes no arguments; "h" is too much`},
		{"conform --only C3_* h", `no case matches "C3_*"; the IDs are like TD_COAP_CORE_01`},
		{"conform --timeout 0s h", `--timeout, --quiet and --change must be positive`},
		{"conform -j 0 h", `--jobs is 0; it must be at least 1`},
		{"conform --json --junit h", `if any flags in the group [json junit] are set none of the others can be; [json junit] were all set`},
		{"observe", `observe needs a URI, such as coap://localhost/hello`},
		{"observe -n -1 h", `--count is -1; it must be 0 or more`},
		{"observe -d -1s h", `--duration is -1s; it must not be negative`},
		{"observe --token= h", `--token: the empty token is not for observations: each needs one of its own`},
		{"observe --data a --file b h", `--data and --file both give the payload; use one of them`},
		{"observe --timeout 0s h", `--timeout is 0s; it must be above 0 and at most 24h`},
		{"observe --out /nonexistent/file h", `--out: /nonexistent/file: no such file or directory`},
		{"subscribe", `subscribe needs a URI, such as coap://localhost/hello`},
		{"subscribe h a b", `subscribe takes a URI and a rule; "b" is too much (quote the rule)`},
		{"subscribe --qos 2 h", `--qos is 2; it must be 0 or 1`},
		{"subscribe --queue -1 h", `--queue is -1; it must be 0 or more`},
		{"subscribe --lease -1s h", `--lease is -1s; it must not be negative`},
		{"subscribe -n -1 h", `--count is -1; it must be 0 or more`},
		{"publish", `publish needs a URI, such as coap://localhost/hello`},
		{"publish --interval -1s h 1", `--interval is -1s; it must not be negative`},
		{"get --block-size 100 h", `--block-size is 100; it must be 16, 32, 64, 128, 256, 512 or 1024`},
		{"put --block-size 2048 h", `--block-size is 2048; it must be 16, 32, 64, 128, 256, 512 or 1024`},
		{"get --resume h", `--resume goes with --out and the name of a file`},
		{"get --resume --out x --json h", `--resume does not go with --json, which has the whole payload in one object`},
		{"get --resume --out x --repeat 2 h", `--resume does not go with --repeat`},
		{"get --resume --out / h", `--out: / is no file; --resume needs one`},
		{"bench", `bench needs a URI, such as coap://localhost/hello`},
		{"bench a b", `bench takes one URI; "b" is too much (quote a URI that has spaces or & in it)`},
		{"bench coap:///x", `bad URI host in "coap:///x" at byte 7: the host is missing`},
		{"bench --method observe h", `invalid argument "observe" for "--method" flag: the methods are get, put, post, delete, fetch, patch and ipatch`},
		{"bench -c 0 h", `--outstanding is 0; it must be from 1 to 1048576`},
		{"bench --peers -1 h", `--peers is -1; it must be from 0 to 1048576`},
		{"bench --sockets 65 h", `--sockets is 65; it must be from 0 to 64`},
		{"bench -d 0s h", `--duration is 0 and there is no --count; give one of them`},
		{"bench -d -1s h", `--duration is -1s; it must be from 0 to 24h0m0s`},
		{"bench -d 25h h", `--duration is 25h0m0s; it must be from 0 to 24h0m0s`},
		{"bench --warmup -1s h", `--warmup is -1s; it must be from 0 to 24h0m0s`},
		{"bench -n -1 h", `invalid argument "-1" for "-n, --count" flag: strconv.ParseUint: parsing "-1": invalid syntax`},
		{"bench --timeout 0s h", `--timeout is 0s; it must be above 0 and at most 24h`},
		{"bench --data a --file b h", `--data and --file both give the payload; use one of them`},
		{"bench --rounds 3 h", `--rounds goes with --compare`},
		{"bench --path /x h", `--path goes with --compare`},
		{"bench --compare x h", `with --compare there is no URI; "h" is too much (--path has the resource)`},
		{"bench --compare a=", `--compare "a=": the command is missing; write it as "[NAME=][coap://HOST:PORT/PATH ]COMMAND ARGUMENTS…"`},
		{"bench --compare 'x", `--compare "'x": the quote ' is not closed; write it as "[NAME=][coap://HOST:PORT/PATH ]COMMAND ARGUMENTS…"`},
		{"bench --compare x --compare x", `--compare: two servers are called x; write NAME= before one of the commands`},
		{"bench --compare x --rounds 0", `--rounds is 0; it must be from 1 to 1000`},
		{"bench --compare x --path /%", `--path: bad URI path in "coap://localhost/%" at byte 17: two hexadecimal digits must follow "%"; the character itself is written as %25`},
		{"bench --compare x --file -", `--file - does not go with --compare: every load needs the payload; use a file`},
		{"completion", `completion needs the name of one shell: bash, zsh, fish, powershell`},
		{"completion tcsh", `there is no completion for "tcsh"; the shells are bash, zsh, fish, powershell`},
		{"raw-responder --response xy", `--response: encoding/hex: invalid byte: U+0078 'x'`},
		{"raw-responder --response 40", `--response: message is truncated: 1 bytes, the header has 4`},
		{"serve h", `serve takes no arguments; "h" is too much`},
		{"serve --shards 0", `--shards: 0; it must be 1 to 256`},
		{"serve --shards 257", `--shards: 257; it must be 1 to 256`},
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
			require.NotContains(t, cli.Printable(cli.Plain(err)), "\x1b")
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
	for _, name := range []string{"get", "put", "post", "delete", "fetch", "patch", "ipatch", "observe", "subscribe", "publish", "discover", "ping", "resolve", "serve", "demo", "bench", "rule", "completion"} {
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
		if slices.Contains([]string{"serve", "demo", "completion", "bench", "resolve", "discover"}, cmd.Name()) {
			continue // they have tests of their own
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) {
				t.Chdir(t.TempDir())
				require.NoError(t, os.WriteFile("big.bin", bigBody(), 0o600))
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
