package protocol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
)

// reply makes a scripted response: a code, Block options as "1:n/m/size" and
// "2:n/m/size", "etag:x", "size2:n", and a payload of n bytes as "+n".
func reply(t *testing.T, text string) *codec.Message {
	m := &codec.Message{}
	for i, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, ":")
		var err error
		var o codec.Option
		switch {
		case i == 0:
			m.Code, err = codec.ParseCode(f)
		case f[0] == '+':
			o, err = codec.ParseOption("Size1", f[1:])
			n, _ := codec.ParseUint(o.Value)
			m.Payload = make([]byte, n)
		case f == "1:7":
			m.Options = m.Options.Add(codec.OpaqueOption(codec.OptionBlock1, []byte{7}))
		case f == "2:7":
			m.Options = m.Options.Add(codec.OpaqueOption(codec.OptionBlock2, []byte{7}))
		case name == "1":
			o, err = codec.ParseOption("Block1", value)
			m.Options = m.Options.Add(o)
		case name == "2":
			o, err = codec.ParseOption("Block2", value)
			m.Options = m.Options.Add(o)
		default:
			o, err = codec.ParseOption(name, value)
			m.Options = m.Options.Add(o)
		}
		require.NoError(t, err)
	}
	return m
}

// TestUploadScripts: a client with a body of 300 bytes in blocks of 128, and
// servers of every kind; each line is the request that is expected and the
// response to it.
func TestUploadScripts(t *testing.T) {
	for _, c := range []struct {
		what   string
		script string
		end    BlockVerdict
		err    error
	}{
		{"figure 8: not atomic", `
			PUT 1:0/1/128 Size1:300 > 2.04 1:0/0/128
			PUT 1:1/1/128 > 2.04 1:1/0/128
			PUT 1:2/0/128 > 2.04 1:2/0/128`, BlockDone, nil},
		{"smaller blocks from the second on, and smaller again", `
			PUT 1:0/1/128 Size1:300 > 2.31 1:0/1/64
			PUT 1:2/1/64 > 2.31 1:2/1/16
			PUT 1:12/1/16 > 2.31 1:12/1/64
			PUT 1:13/1/16 > 4.00`, BlockDone, nil},
		{"the last response has no Block1", `
			PUT 1:0/1/128 Size1:300 > 2.31 1:0/1/128
			PUT 1:1/1/128 > 2.31 1:1/1/128
			PUT 1:2/0/128 > 2.04`, BlockDone, nil},
		{"too large", `PUT 1:0/1/128 Size1:300 > 4.13 Size1:200`, BlockDone, nil},
		{"too large for one block: again with smaller ones", `
			PUT 1:0/1/128 Size1:300 > 4.13 1:0/1/64
			PUT 1:0/1/64 Size1:300 > 4.13 1:0/1/64`, BlockDone, nil},
		{"too large in the midst of it", `
			PUT 1:0/1/128 Size1:300 > 2.31 1:0/1/128
			PUT 1:1/1/128 > 4.13 Size1:200`, BlockDone, nil},
		{"the server has lost what came: twice from the start", `
			PUT 1:0/1/128 Size1:300 > 2.31 1:0/1/128
			PUT 1:1/1/128 > 4.08
			PUT 1:0/1/128 Size1:300 > 4.08
			PUT 1:0/1/128 Size1:300 > 2.31 1:0/1/128
			PUT 1:1/1/128 > 4.08`, BlockDone, nil},
		{"not understood", `PUT 1:0/1/128 Size1:300 > 4.02`, BlockDone, nil},
		{"ignored", `PUT 1:0/1/128 Size1:300 > 2.04`, BlockFailed, ErrBlockIgnored},
		{"another block acknowledged", `PUT 1:0/1/128 Size1:300 > 2.31 1:1/1/128`, BlockFailed, ErrBlockSequence},
		{"told to continue after the last", `
			PUT 1:0/1/128 Size1:300 > 2.31 1:0/1/128
			PUT 1:1/1/128 > 2.31 1:1/1/128
			PUT 1:2/0/128 > 2.31 1:2/1/128`, BlockFailed, ErrBlockSequence},
	} {
		client := newBlockClient(t, codec.PUT, pattern(300), 3, DownloadConfig{})
		var end TransferStep
		for i, line := range strings.Split(strings.TrimSpace(c.script), "\n") {
			want, answer, _ := strings.Cut(strings.TrimSpace(line), " > ")
			s, _, err := client.step(func(*codec.Message) *codec.Message { return reply(t, answer) })
			require.NoError(t, err)
			require.Equal(t, want, strings.Split(client.log[i], " > ")[0], "%s: line %d", c.what, i)
			end = s
		}
		require.Equal(t, c.end.String(), end.Verdict.String(), c.what)
		require.ErrorIs(t, end.Err, c.err, c.what)
	}

	// Late negotiation of a body that had no Block1 option.
	client := newBlockClient(t, codec.PUT, pattern(100), 6, DownloadConfig{})
	s, _, _ := client.step(func(*codec.Message) *codec.Message { return reply(t, "4.13 1:0/1/64") })
	require.Equal(t, BlockRestart, s.Verdict)
	require.True(t, s.Rewind)
	client.step(func(*codec.Message) *codec.Message { return reply(t, "2.31 1:0/1/64") })
	client.step(func(*codec.Message) *codec.Message { return reply(t, "2.04 1:1/0/64") })
	require.Equal(t, []string{"PUT > 4.13 1:0/1/64", "PUT 1:0/1/64 Size1:100 > 2.31 1:0/1/64", "PUT 1:1/0/64 > 2.04 1:1/0/64"}, client.log)
	// One that it could have taken is an answer.
	client = newBlockClient(t, codec.PUT, pattern(10), 6, DownloadConfig{})
	s, _, _ = client.step(func(*codec.Message) *codec.Message { return reply(t, "4.13 1:0/1/64") })
	require.Equal(t, BlockDone, s.Verdict)
}

// TestDownloadScripts: what a client makes of what servers answer.
func TestDownloadScripts(t *testing.T) {
	for _, c := range []struct {
		what   string
		cfg    DownloadConfig
		script string
		end    BlockVerdict
		err    error
	}{
		{"an error", DownloadConfig{}, `GET > 4.04 +5`, BlockDone, nil},
		{"still valid", DownloadConfig{}, `GET > 2.03 etag:a`, BlockDone, nil},
		{"no blocks", DownloadConfig{BlockSize: 64}, `GET 2:0/0/64 > 2.05 +500`, BlockDone, nil},
		{"smaller and smaller blocks", DownloadConfig{}, `
			GET > 2.05 2:0/1/128 +128
			GET 2:1/0/128 > 2.05 2:4/1/32 +32
			GET 2:5/0/32 > 2.05 2:5/0/32 +1`, BlockDone, nil},
		{"an empty last block", DownloadConfig{}, `
			GET > 2.05 2:0/1/128 +128
			GET 2:1/0/128 > 2.05 2:1/0/128`, BlockDone, nil},
		{"larger blocks than asked for", DownloadConfig{BlockSize: 64}, `GET 2:0/0/64 > 2.05 2:0/1/128 +128`, BlockFailed, ErrBlockSize},
		{"they grow", DownloadConfig{}, `
			GET > 2.05 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 2:1/0/128 +10`, BlockFailed, ErrBlockSize},
		{"a short block that is not the last", DownloadConfig{}, `GET > 2.05 2:0/1/64 +63`, BlockFailed, ErrBlockSize},
		{"a last block that is too long", DownloadConfig{}, `GET > 2.05 2:0/0/64 +65`, BlockFailed, ErrBlockSize},
		{"reserved size", DownloadConfig{}, `GET > 2.05 2:7 +16`, BlockFailed, ErrBlockSize},
		{"not the first block", DownloadConfig{}, `GET > 2.05 2:1/1/64 +64`, BlockFailed, ErrBlockSequence},
		{"not the block that was asked for", DownloadConfig{}, `
			GET > 2.05 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 2:0/1/64 +64`, BlockFailed, ErrBlockSequence},
		{"it forgets about blocks", DownloadConfig{}, `
			GET > 2.05 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 +64`, BlockFailed, ErrBlockIgnored},
		{"gone in the midst of it", DownloadConfig{}, `
			GET > 2.05 2:0/1/64 +64
			GET 2:1/0/64 > 4.08`, BlockDone, nil},
		{"changed: once more", DownloadConfig{}, `
			GET > 2.05 etag:a 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 etag:b 2:1/1/64 +64
			GET 2:0/0/64 > 2.05 etag:b 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 etag:b 2:1/0/64 +6`, BlockDone, nil},
		{"changed to one that fits", DownloadConfig{}, `
			GET > 2.05 etag:a 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 etag:b 2:1/0/64 +1
			GET 2:0/0/64 > 2.05 etag:c +3`, BlockDone, nil},
		{"changed all the time", DownloadConfig{}, `
			GET > 2.05 etag:a 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 etag:b 2:1/1/64 +64
			GET 2:0/0/64 > 2.05 etag:c 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 etag:d 2:1/1/64 +64
			GET 2:0/0/64 > 2.05 etag:e 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 etag:f 2:1/1/64 +64`, BlockFailed, ErrBodyChanged},
		{"changed, and that is not wanted", DownloadConfig{Restarts: -1}, `
			GET > 2.05 etag:a 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 2:1/1/64 +64`, BlockFailed, ErrBodyChanged},
		{"another format", DownloadConfig{Restarts: -1}, `
			GET > 2.05 Content-Format:50 2:0/1/64 +64
			GET 2:1/0/64 > 2.05 Content-Format:60 2:1/1/64 +64`, BlockFailed, ErrBodyChanged},
		{"another code", DownloadConfig{Restarts: -1}, `
			GET > 2.05 2:0/1/64 +64
			GET 2:1/0/64 > 2.04 2:1/1/64 +64`, BlockFailed, ErrBodyChanged},
		{"too long, as announced", DownloadConfig{MaxBytes: 100}, `GET > 2.05 2:0/1/64 size2:101 +64`, BlockFailed, ErrBodyTooLarge},
		{"too long, as it turns out", DownloadConfig{MaxBytes: 100}, `
			GET > 2.05 2:0/1/64 size2:1 +64
			GET 2:1/0/64 > 2.05 2:1/1/64 +64`, BlockFailed, ErrBodyTooLarge},
		{"as long as it may be", DownloadConfig{MaxBytes: 128}, `
			GET > 2.05 2:0/1/64 size2:128 +64
			GET 2:1/0/64 > 2.05 2:1/0/64 +64`, BlockDone, nil},
		{"taken up again", DownloadConfig{From: 2100, ETag: []byte("a")}, `
			GET 2:2/0/1024 > 2.05 etag:a 2:2/0/1024 +60`, BlockDone, nil},
		{"taken up again, with smaller blocks", DownloadConfig{From: 140, BlockSize: 100}, `
			GET 2:2/0/64 > 2.05 2:4/1/32 +32
			GET 2:5/0/32 > 2.05 2:5/0/32 +2`, BlockDone, nil},
		{"taken up again, but changed", DownloadConfig{From: 2100, ETag: []byte("a")}, `
			GET 2:2/0/1024 > 2.05 etag:b 2:2/0/1024 +60
			GET 2:0/0/1024 > 2.05 etag:b 2:0/0/1024 +60`, BlockDone, nil},
		{"taken up again, and shorter now", DownloadConfig{From: 2100}, `GET 2:2/0/1024 > 4.00`, BlockDone, nil},
	} {
		client := newBlockClient(t, codec.GET, nil, 6, c.cfg)
		var end TransferStep
		for i, line := range strings.Split(strings.TrimSpace(c.script), "\n") {
			want, answer, _ := strings.Cut(strings.TrimSpace(line), " > ")
			s, _, err := client.step(func(*codec.Message) *codec.Message { return reply(t, answer) })
			require.NoError(t, err)
			require.Equal(t, want, strings.Split(client.log[i], " > ")[0], "%s: line %d", c.what, i)
			end = s
		}
		require.Equal(t, c.end.String(), end.Verdict.String(), "%s: %v", c.what, end.Err)
		require.ErrorIs(t, end.Err, c.err, c.what)
	}
}

// TestTransferPost: the result of a POST is not asked for twice, and a broken
// Block1 option of a response ends it.
func TestTransferPost(t *testing.T) {
	client := newBlockClient(t, codec.POST, []byte("x"), 6, DownloadConfig{})
	client.step(func(*codec.Message) *codec.Message { return reply(t, "2.04 etag:a 2:0/1/64 +64") })
	s, _, _ := client.step(func(*codec.Message) *codec.Message { return reply(t, "2.04 etag:b 2:1/1/64 +64") })
	require.ErrorIs(t, s.Err, ErrBodyChanged)

	client = newBlockClient(t, codec.PUT, pattern(300), 3, DownloadConfig{})
	s, _, _ = client.step(func(*codec.Message) *codec.Message { return reply(t, "2.31 1:7") })
	require.Equal(t, BlockFailed, s.Verdict)
	require.ErrorIs(t, s.Err, codec.ErrBlock)

	_, err := NewTransfer(codec.PUT, 1<<40, 6, DownloadConfig{})
	require.ErrorIs(t, err, ErrBodyTooLarge)
	u, err := NewUpload(16<<20, 0)
	require.NoError(t, err)
	u.SetSize(16<<20 + 1)
	require.ErrorIs(t, u.check(), ErrBodyTooLarge)
	for v := range BlockVerdict(5) {
		require.NotEmpty(t, v.String())
	}
}

// TestUploadUnknownSize: a body that is read as it is sent.
func TestUploadUnknownSize(t *testing.T) {
	for _, size := range []int64{0, 1, 63, 64, 65, 128, 200} {
		u, err := NewUpload(UnknownSize, 2)
		require.NoError(t, err)
		var sent int64
		for {
			if u.Need() > size { // the reader has found the end
				u.SetSize(size)
			}
			b, err := u.Next()
			require.NoError(t, err)
			require.Equal(t, sent, b.From)
			sent = b.To
			require.True(t, b.Blockwise)
			code := codec.Continue
			if !b.Block.More {
				code = codec.Changed
			}
			v, err := u.Response(code, b.Block, true)
			require.NoError(t, err)
			if v == BlockDone {
				break
			}
		}
		require.Equal(t, size, sent)
	}
}
