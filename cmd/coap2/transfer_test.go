package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/codec"
)

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// TestTransfers: payloads of any length, from files and stdin, into files and
// stdout, in blocks of any size.
func TestTransfers(t *testing.T) {
	n := serveTest(t)
	dir := t.TempDir()
	file, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for _, c := range []struct {
		size  int
		block string
	}{{1 << 20, "1024"}, {1 << 20, "0"}, {1 << 16, "64"}, {5000, "16"}, {1024, "0"}, {10, "0"}, {0, "0"}} {
		body := bigBody()[:c.size]
		require.NoError(t, os.WriteFile(file, body, 0o600))
		args := []string{"--block-size", c.block}
		if c.block == "0" {
			args = nil
		}
		r := run("", append([]string{"put", "--file", file, n.URI("/large-update")}, args...)...)
		require.Equal(t, ran{0, "", "2.04 Changed\n"}, r)
		r = run("", append([]string{"get", "--out", out, n.URI("/large-update")}, args...)...)
		require.Equal(t, ran{0, "", ""}, r)
		require.True(t, bytes.Equal(body, readFile(t, out)), "%d bytes", c.size)
		r = run(string(body), append([]string{"post", "--file", "-", n.URI("/large-post")}, args...)...)
		require.Equal(t, 0, r.code, r.err)
		require.True(t, string(body) == r.out, "%d bytes", c.size)
	}
	r := run("", "get", "--out", out, n.URI("/big"))
	require.Equal(t, ran{0, "", ""}, r)
	require.True(t, bytes.Equal(bigBody(), readFile(t, out)))

	r = run("", "get", "--out", out, n.URI("/nope"))
	require.Equal(t, 1, r.code)
	require.True(t, bytes.Equal(bigBody(), readFile(t, out)), "it is as it was")

	r = run("x", "post", "--repeat", "2", "--interval", "0s", "--file", "-", n.URI("/large-post"))
	require.Equal(t, 0, r.code, r.err)
	require.Equal(t, "x\nx\n", r.out)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing else is left")
}

func TestCreateLarge(t *testing.T) {
	n := serveTest(t)
	body := string(largeText(3000))
	for i := range maxCreated + 2 {
		r := run(body, "post", "--file", "-", "--content-format", "text", n.URI("/large-create"))
		require.Equal(t, 0, r.code, r.err)
		require.Contains(t, r.err, "2.01 Created, Location: /large-create/")
		at := strings.TrimSpace(r.err[strings.LastIndex(r.err, " ")+1:])
		r = run("", "get", n.URI(at))
		require.Equal(t, ran{0, body, ""}, r, "%d", i)
	}
	require.Equal(t, 1, run("", "get", n.URI("/large-create/1")).code, "it has made room")
	require.Equal(t, 0, run("", "delete", n.URI("/large-create/5")).code)
	require.Equal(t, 1, run("", "get", n.URI("/large-create/x")).code)
}

// failingAt is a body that cannot be read beyond a place.
type failingAt struct {
	body []byte
	end  *atomic.Int64
}

func (f failingAt) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.end.Load() {
		return 0, errors.New("the disk is broken")
	}
	return bytes.NewReader(f.body).ReadAt(p, off)
}

// TestResume: what has come is kept and gone on with, unless it is outdated.
func TestResume(t *testing.T) {
	n := serveTest(t)
	body := bigBody()[:50_000]
	var end atomic.Int64
	var served atomic.Pointer[actors.Response]
	serve := func(tag string) {
		served.Store(&actors.Response{Options: codec.Options{codec.ETag([]byte(tag))}, Body: failingAt{body, &end}, Size: int64(len(body))})
	}
	serve("v1")
	_, err := n.Handle("/firmware", actors.Resource{Get: func(context.Context, *actors.Request) (*actors.Response, error) {
		return served.Load(), nil
	}})
	require.NoError(t, err)
	dir := t.TempDir()
	out := filepath.Join(dir, "firmware.bin")
	names := func() (all []string) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	get := func(args ...string) ran {
		return run("", append([]string{"get", "--resume", "--out", out, n.URI("/firmware")}, args...)...)
	}
	r := get()
	require.Equal(t, 1, r.code, "nothing can be read: %s", r.err)
	require.Empty(t, names())
	for _, upTo := range []int64{20_000, 30_000} {
		end.Store(upTo)
		r = get("--block-size", "256")
		require.Equal(t, 1, r.code, r.err)
		require.Contains(t, r.err, "are kept; the same command gets the rest\n")
		require.Equal(t, []string{"firmware.bin.7631.part"}, names())
	}
	require.Len(t, readFile(t, filepath.Join(dir, "firmware.bin.7631.part")), 30_000/256*256)
	end.Store(1 << 20)
	before := n.Stats().Blocks
	require.Equal(t, ran{0, "", ""}, get())
	require.Less(t, n.Stats().Blocks-before, uint64(25), "only the rest was asked for")
	require.Equal(t, []string{"firmware.bin"}, names())
	require.True(t, bytes.Equal(body, readFile(t, out)))

	// It changes before the rest has come.
	end.Store(20_000)
	require.Equal(t, 1, get("--block-size", "128").code)
	require.Equal(t, []string{"firmware.bin", "firmware.bin.7631.part"}, names())
	end.Store(1 << 20)
	body = bigBody()[1000:30_000]
	serve("v2")
	r = get("--block-size", "64")
	require.Equal(t, ran{0, "", "there is something else now: from the beginning again\n"}, r)
	require.Equal(t, []string{"firmware.bin"}, names())
	require.True(t, bytes.Equal(body, readFile(t, out)))
}

func TestProgressLine(t *testing.T) {
	for _, c := range []struct {
		p    actors.Progress
		want string
	}{
		{actors.Progress{Received: 512 << 10, Size: 1 << 20, SendSize: 0}, "[############            ] 50 % of 1.0 MiB, 256.0 KiB/s, 2 s left"},
		{actors.Progress{Received: 100, Size: -1}, "100 B, 50 B/s"},
		{actors.Progress{Sent: 2048, SendSize: 4096, Size: -1}, "sent: [############            ] 50 % of 4.0 KiB, 1.0 KiB/s, 2 s left"},
		{actors.Progress{Sent: 3 << 30, SendSize: -1, Size: -1}, "sent: 3.0 GiB, 1.5 GiB/s"},
		{actors.Progress{Received: 10, Size: 10, Sent: 5, SendSize: 5}, "[########################] 100 % of 10 B, 5 B/s"},
		{actors.Progress{Size: 0}, "[########################] 100 % of 0 B, 0 B/s"},
	} {
		require.Equal(t, c.want, progressLine(c.p, 2*time.Second))
	}
}
