package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/payload"
	"github.com/coap2/coap2/codec"
)

func TestDisplay(t *testing.T) {
	cbor := func(v any) string {
		b, err := payload.MarshalCBOR(v)
		require.NoError(t, err)
		return string(b)
	}
	for _, tt := range []struct {
		name   string
		format codec.Format
		known  bool
		in     string
		want   string
	}{
		{"text", codec.TextPlain, true, "hi", "hi\n"},
		{"text that ends its line", codec.TextPlain, true, "hi\n", "hi\n"},
		{"text with an escape sequence", codec.TextPlain, true, "\x1b[2Jhi\r\xff", "\\x1b[2Jhi\\r\\xff\n"},
		{"text that turns around", codec.TextPlain, true, "a\u202eb", "a\\u202eb\n"},
		{"unknown, looks like text", 0, false, "größe", "größe\n"},
		{"unknown, does not", 0, false, "\x00\x1b", hex.Dump([]byte("\x00\x1b"))},
		{"octets", codec.OctetStream, true, "\x80", hex.Dump([]byte("\x80"))},
		{"JSON", codec.JSON, true, `{"a":[1,2],"b":1e400}`, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": 1e400\n}\n"},
		{"JSON with an invisible character", codec.JSON, true, "[\"\u202e\"]", "[\n  \"\\u202e\"\n]\n"},
		{"JSON that is none", codec.JSON, true, "{\x1b", "{\\x1b\n"},
		{"JSON too deep to lay out", codec.JSON, true, strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n"},
		{"CBOR", codec.CBOR, true, cbor(map[string]any{"a": 1}), "{\"a\": 1}\n"},
		{"long CBOR", codec.CBOR, true,
			cbor(map[string]any{"a": []any{1, []any{}, "[,\"}"}, "b": []byte("bytes that are quite long, and so this is laid out on lines")}),
			"{\n  \"a\": [\n    1,\n    [],\n    \"[,\\\"}\"\n  ],\n  \"b\": h'" + hex.EncodeToString([]byte("bytes that are quite long, and so this is laid out on lines")) + "'\n}\n"},
		{"CBOR that is none", codec.CBOR, true, "\xff\x00", hex.Dump([]byte("\xff\x00"))},
		{"links", codec.LinkFormat, true, `</a>;rt="x",</b>`, "</a>;rt=\"x\"\n</b>\n"},
		{"links with an escape sequence", codec.LinkFormat, true, "</a>;title=\"\x1b[2J\"", "</a>;title=\"\\x1b[2J\"\n"},
		{"links that are none", codec.LinkFormat, true, "</a", "</a\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(display(tt.format, tt.known, []byte(tt.in))))
		})
	}
}

// FuzzDisplay: whatever a stranger sends, what is shown is printable, ends its
// line, and is not absurdly longer than what came.
func FuzzDisplay(f *testing.F) {
	for _, s := range []string{"hi", "\x1b[2J", "[[[[1]]]]", "\x9f\xff", "\xa1\x61\x61\x82\x01\x02", `</a>;b="c"`, "\xf0\x9f"} {
		for _, format := range []uint16{0, 40, 42, 50, 60, 110, 65000} {
			f.Add(format, true, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, format uint16, known bool, b []byte) {
		out := display(codec.Format(format), known, b)
		require.True(t, codec.Printable(out), "%q", out)
		require.True(t, strings.HasSuffix(string(out), "\n") || len(b) == 0)
		require.Less(t, len(out), 200+100*len(b))
	})
}

func TestTerminal(t *testing.T) {
	n := serveTest(t)
	r := runTerminal("get", n.URI("/root"))
	require.Equal(t, ran{0, "{\n  \"N\": 18,\n  \"P\": 50,\n  \"K\": 32\n}\n", ""}, r)
	r = runTerminal("get", n.URI("/.well-known/core?rt=Type*"))
	require.Equal(t, "</link1>;rt=\"Type1 Type2\";if=\"If1\";sz=6\n</link2>;rt=\"Type2 Type3\";if=\"If2\";sz=6\n</link3>;rt=\"Type1 Type3\";if=\"foo\";sz=6\n", r.out)
	require.Equal(t, 0, run("bad\x1b[31m", "put", "--file", "-", n.URI("/test")).code)
	require.Equal(t, "bad\x1b[31m", run("", "get", n.URI("/test")).out)
	require.NotContains(t, runTerminal("get", n.URI("/test")).out, "\x1b")
	require.Contains(t, runTerminal("get", "--json", n.URI("/test")).out, "\n  \"code\": \"2.05\",\n")
}

func TestJSON(t *testing.T) {
	n := serveTest(t)
	at := n.Addrs()[0].String()
	parse := func(r ran) map[string]any {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.out), &m), r.out)
		require.Equal(t, 1, strings.Count(r.out, "\n"))
		require.Contains(t, m, "duration_ms")
		delete(m, "duration_ms")
		return m
	}
	r := run("", "get", "--json", n.URI("/hello"))
	require.Equal(t, map[string]any{
		"method": "GET", "uri": "coap://" + at + "/hello", "code": "2.05", "name": "Content",
		"options":        []any{map[string]any{"number": 12.0, "name": "Content-Format", "value": 0.0}},
		"content_format": "text/plain;charset=utf-8", "payload": "hello world", "peer": at, "separate": false,
	}, parse(r))
	require.Empty(t, r.err)

	r = run("", "post", "--json", n.URI("/location-query"))
	require.Equal(t, map[string]any{
		"method": "POST", "uri": "coap://" + at + "/location-query", "code": "2.01", "name": "Created",
		"options": []any{
			map[string]any{"number": 8.0, "name": "Location-Path", "value": "location-query"},
			map[string]any{"number": 20.0, "name": "Location-Query", "value": "first=1"},
			map[string]any{"number": 20.0, "name": "Location-Query", "value": "second=2"},
		},
		"location": "/location-query?first=1&second=2", "payload": "", "peer": at, "separate": false,
	}, parse(r))

	r = run("", "get", "--json", n.URI("/nowhere"))
	require.Equal(t, map[string]any{
		"method": "GET", "uri": "coap://" + at + "/nowhere", "code": "4.04", "name": "Not Found", "options": []any{},
		"payload": "", "peer": at, "separate": false, "error": "4.04 Not Found",
	}, parse(r))
	require.Equal(t, 1, r.code)

	require.Equal(t, true, parse(run("", "get", "--json", n.URI("/separate")))["separate"])

	require.Equal(t, 0, run("\x00\xff", "put", "--content-format", "cbor", "--file", "-", n.URI("/test")).code)
	m := parse(run("", "get", "--json", n.URI("/test")))
	require.Equal(t, "AP8=", m["payload_base64"])
	require.NotContains(t, m, "payload")
}

func TestReportOptions(t *testing.T) {
	for _, tt := range []struct {
		option codec.Option
		want   any
	}{
		{codec.MaxAge(60), uint64(60)},
		{codec.ETag([]byte{0xab, 1}), "0xab01"},
		{codec.IfNoneMatch(), ""},
		{codec.URIPath("a"), "a"},
		{codec.StringOption(codec.OptionURIPath, "\xff"), "0xff"},
		{codec.Option{Number: codec.OptionBlock2, Value: []byte{0x0e}}, "0/1/1024"},
		{codec.Option{Number: codec.OptionRule, Value: []byte("> 20")}, "> 20"},
		{codec.Option{Number: 65000, Value: []byte("hi")}, "0x6869"},
		{codec.Option{Number: codec.OptionMaxAge, Value: make([]byte, 9)}, "0x000000000000000000"},
	} {
		require.Equal(t, tt.want, reportOption(tt.option).Value, tt.option.String())
	}
	r := report(actors.Request{Method: codec.GET}, nil, actors.ErrReset, 1500*time.Microsecond)
	require.Equal(t, `{"method":"GET","uri":"","duration_ms":1.5,"error":"reset by peer"}`+"\n", string(r.encode(false)))
}

func TestOut(t *testing.T) {
	n := serveTest(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	read := func() string {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, "only the file itself is left")
		return string(b)
	}
	require.Equal(t, ran{0, "", ""}, run("", "get", "--out", path, n.URI("/hello")))
	require.Equal(t, "hello world", read())

	// What fails leaves the file as it was.
	require.Equal(t, 1, run("", "get", "--out", path, n.URI("/nowhere")).code)
	require.Equal(t, 3, run("", "get", "--out", path, "--timeout", "20ms", silent(t)).code)
	require.Equal(t, 2, run("", "get", "--out", path, "--accept", "nonsense", n.URI("/tick")).code)
	require.Equal(t, "hello world", read())

	// What succeeds replaces it, an empty payload too, and keeps its mode.
	require.NoError(t, os.Chmod(path, 0o600))
	require.Equal(t, 0, run("", "put", "--out", path, "--data", "1", n.URI("/tick")).code)
	require.Empty(t, read())
	require.Equal(t, 0, run("", "get", "--out", path, n.URI("/tick")).code)
	require.Equal(t, "1", read())
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}

	// The JSON object goes there as well, whatever it says.
	require.Equal(t, ran{1, "", "coap2: 4.04 Not Found\n"}, run("", "get", "--json", "--out", path, n.URI("/nowhere")))
	require.Contains(t, read(), `"code":"4.04"`)

	require.Equal(t, ran{0, "1", ""}, run("", "get", "--out", "-", n.URI("/tick")))
}

func TestOutThroughALink(t *testing.T) {
	n := serveTest(t)
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(real, []byte("old"), 0o600))
	if err := os.Symlink(real, link); err != nil {
		t.Skip(err)
	}
	require.Equal(t, 0, run("", "get", "--out", link, n.URI("/hello")).code)
	b, err := os.ReadFile(real)
	require.NoError(t, err)
	require.Equal(t, "hello world", string(b))
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)

	// What is no file is written to, not replaced.
	require.Equal(t, 0, run("", "get", "--out", os.DevNull, n.URI("/hello")).code)
}
