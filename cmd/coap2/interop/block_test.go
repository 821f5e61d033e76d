package interop

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/cmd/coap2/interop/relay"
)

// body is a payload in which every kilobyte says where it is.
func body(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i>>10 ^ i)
	}
	return b
}

// transferSizes are the sizes of blocks, with how much travels in them. The small
// ones, and long payloads, take many thousand exchanges: they are left out where
// that would take long.
func transferSizes() map[int]int {
	if os.Getenv("COAP2_REQUIRE_PEERS") == "1" && !raceEnabled && !testing.Short() {
		return map[int]int{1024: 1 << 20, 512: 1 << 20, 256: 1 << 20, 128: 1 << 20, 64: 1 << 20, 32: 16 << 10, 16: 16 << 10}
	}
	return map[int]int{1024: 128 << 10, 128: 16 << 10, 32: 4 << 10, 16: 2 << 10}
}

// way is one who puts a file to a URI and gets it again, with blocks of a size.
type way struct {
	put, get func(file, uri string, block int) result
}

// libcoapWay is libcoap's client. It writes what it gets to the file itself.
func libcoapWay(client string) way {
	return way{
		put: func(file, uri string, block int) result {
			return run(client, "-v", "4", "-B", "150", "-b", fmt.Sprint(block), "-m", "put", "-t", "application/octet-stream", "-f", file, uri)
		},
		get: func(file, uri string, block int) result {
			return run(client, "-v", "4", "-B", "150", "-b", fmt.Sprint(block), "-o", file, uri)
		},
	}
}

// commandWay is the command under test.
func commandWay(bin string, more ...string) way {
	args := func(method, file, uri string, block int) []string {
		return append([]string{method, "--timeout", "100s", "--block-size", fmt.Sprint(block), file, uri}, more...)
	}
	return way{
		put: func(file, uri string, block int) result {
			return run(bin, append(args("put", "--file="+file, uri, block), "--content-format", "octets")...)
		},
		get: func(file, uri string, block int) result { return run(bin, args("get", "--out="+file, uri, block)...) },
	}
}

// thereAndBack: what is put is what is got.
func (w way) thereAndBack(dir, uri string, size, block int) (complaint string) {
	in, out := filepath.Join(dir, fmt.Sprintf("in-%d", block)), filepath.Join(dir, fmt.Sprintf("out-%d", block))
	want := body(size)
	if err := os.WriteFile(in, want, 0o600); err != nil {
		return err.Error()
	}
	if r := w.put(in, uri, block); r.code != 0 {
		return r.String()
	}
	r := w.get(out, uri, block)
	got, err := os.ReadFile(out)
	if r.code != 0 || err != nil || !bytes.Equal(want, got) {
		return fmt.Sprintf("%d bytes of %d, or others, %v: %v", len(got), size, err, r)
	}
	return ""
}

// TestBlockwise: payloads in blocks of every size, there and back, with libcoap's
// client and ours.
func TestBlockwise(t *testing.T) {
	client, bin := peer(t, libcoapClient), coap2(t)
	peer(t, libcoapServer)
	for block, size := range transferSizes() {
		t.Run(fmt.Sprintf("libcoap asks serve/%d", block), func(t *testing.T) {
			t.Parallel()
			uri := "coap://" + startServe(t, "127.0.0.1").String() + "/large-update"
			require.Empty(t, libcoapWay(client).thereAndBack(t.TempDir(), uri, size, block))
		})
		t.Run(fmt.Sprintf("the command asks libcoap/%d", block), func(t *testing.T) {
			t.Parallel()
			uri := "coap://" + startLibcoap(t, "::1").String() + "/blocks"
			require.Empty(t, commandWay(bin).thereAndBack(t.TempDir(), uri, size, block))
		})
	}
	t.Run("serve gives 1 MiB to libcoap", func(t *testing.T) {
		t.Parallel()
		out := filepath.Join(t.TempDir(), "big")
		r := libcoapWay(client).get(out, "coap://"+startServe(t, "::1").String()+"/big", 1024)
		got, err := os.ReadFile(out)
		require.NoError(t, err, "%v", r)
		require.True(t, bytes.Equal(body(1<<20), got), "%v", r)
	})
	t.Run("both ways in one exchange", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
		require.NoError(t, os.WriteFile(in, body(5000), 0o600))
		r := run(client, "-v", "4", "-B", "150", "-b", "128", "-m", "post", "-t", "application/octet-stream", "-f", in, "-o", out,
			"coap://"+startServe(t, "127.0.0.1").String()+"/large-post")
		got, err := os.ReadFile(out)
		require.NoError(t, err, "%v", r)
		require.True(t, bytes.Equal(body(5000), got), "%v", r)
	})
}

// lossyLibcoapBlocks is thereAndBack with libcoap's server at uri behind a lossy
// network, and at direct without. That server executes a retransmission again, and
// by then it has forgotten the blocks before: where the response to the last block
// was lost, what it has in the end is the last block alone. It is put again then.
func lossyLibcoapBlocks(w way, dir, uri, direct string) (complaint string) {
	const size, block, tries = 16 << 10, 1024, 8
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	want := body(size)
	if err := os.WriteFile(in, want, 0o600); err != nil {
		return err.Error()
	}
	for range tries {
		if r := w.put(in, uri, block); r.code != 0 {
			return r.String()
		}
		r := w.get(out, direct, block)
		got, err := os.ReadFile(out)
		if r.code != 0 || err != nil || !bytes.Equal(want, got) && !bytes.Equal(want[size-block:], got) {
			return fmt.Sprintf("it has %d bytes, %v: %v", len(got), err, r)
		}
		if len(got) < size {
			continue
		}
		r = w.get(out, uri, block)
		if got, err = os.ReadFile(out); r.code != 0 || err != nil || !bytes.Equal(want, got) {
			return fmt.Sprintf("%d bytes of %d, or others, %v: %v", len(got), size, err, r)
		}
		return ""
	}
	return fmt.Sprintf("the response to the last block was lost %d times", tries)
}

// lossyBlocks is 16 KiB there and back where a fifth of all datagrams is lost, for
// TestLossyNetwork.
func lossyBlocks(t *testing.T, client, bin string) []job {
	const size, block = 16 << 10, 1024
	uri := func(server netip.AddrPort, path string) (bad, direct string) {
		r, err := relay.New(lossySeed, server, relay.Config{Loss: 0.2, MaxConsecutive: worst - 1})
		require.NoError(t, err)
		t.Cleanup(func() {
			_ = r.Close()
			if r.Stats().Lost == 0 {
				t.Error("nothing was lost")
			}
		})
		return "coap://" + r.Addr().String() + path, "coap://" + server.String() + path
	}
	bad, direct := uri(startServe(t, "127.0.0.1"), "/large-update")
	otherBad, otherDirect := uri(startServe(t, "127.0.0.1"), "/large-update")
	libcoapBad, libcoapDirect := uri(startLibcoap(t, "127.0.0.1"), "/blocks")
	w, ours := libcoapWay(client), commandWay(bin, "--ack-timeout", "300ms", "--max-retransmit", "7")
	return []job{
		{"libcoap puts blocks to serve", func() string {
			return way{put: w.put, get: func(file, _ string, block int) result { return w.get(file, direct, block) }}.thereAndBack(t.TempDir(), bad, size, block)
		}},
		{"libcoap gets blocks of serve", func() string {
			return way{get: w.get, put: func(file, _ string, block int) result { return w.put(file, otherDirect, block) }}.thereAndBack(t.TempDir(), otherBad, size, block)
		}},
		{"the command puts and gets blocks of libcoap", func() string {
			return lossyLibcoapBlocks(ours, t.TempDir(), libcoapBad, libcoapDirect)
		}},
	}
}
