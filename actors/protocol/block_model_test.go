package protocol

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/codec"
)

// TestBlockModel: whatever the sizes are and whatever the server forgets or
// changes meanwhile, both ends have equal bodies in the end, or an error.
func TestBlockModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]codec.Code{codec.GET, codec.PUT, codec.POST, codec.FETCH}).Draw(t, "method")
		size := 0
		if method != codec.GET {
			size = rapid.IntRange(0, 3000).Draw(t, "request")
		}
		answerSize := rapid.IntRange(0, 3000).Draw(t, "response")
		server := newBlockServer(uint8(rapid.IntRange(0, 6).Draw(t, "server szx")), nil)
		server.limits.SZX = uint8(rapid.IntRange(0, 7).Draw(t, "server szx1"))
		version := byte(0)
		server.answer = func(codec.Code, []byte) []byte {
			b := pattern(answerSize)
			for i := range b {
				b[i] += version
			}
			server.etag = []byte{version}
			return b
		}
		ask := rapid.SampledFrom([]int{0, 16, 64, 1024}).Draw(t, "ask")
		client := newBlockClient(t, method, pattern(size), uint8(rapid.IntRange(0, 6).Draw(t, "client szx")), DownloadConfig{BlockSize: ask})
		// What happens before an exchange.
		serve := func(m *codec.Message) *codec.Message {
			switch rapid.IntRange(0, 19).Draw(t, "fate") {
			case 0: // the representation changes
				version++
			case 1: // it forgets all, as after a restart
				server.spool, server.shelf = NewSpool(SpoolConfig{}), NewShelf[[]byte](ShelfConfig{})
			case 2: // the response was lost, and the request came as a new message
				if b, has, _ := m.Options.Block(codec.OptionBlock1); !has || b.More {
					server.serve(m)
				}
			case 3:
				server.now = server.now.Add(time.Minute)
			}
			return server.serve(m)
		}
		s, res := client.run(t, serve)
		if s.Verdict == BlockFailed {
			require.ErrorIs(t, s.Err, ErrBodyChanged)
			return
		}
		if !res.Code.IsSuccess() {
			require.Contains(t, []codec.Code{codec.RequestEntityIncomplete, codec.BadRequest}, res.Code)
			return
		}
		require.True(t, bytes.Equal(pattern(size), server.got))
		etag, _ := res.Options.Get(codec.OptionETag)
		want := pattern(answerSize)
		for i := range want {
			want[i] += etag[0]
		}
		require.True(t, bytes.Equal(want, client.got), "a body of one version")
	})
}

// TestSpoolModel: any blocks in any order from several peers: what comes out is
// what went in, in order, and the bounds hold.
func TestSpoolModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := SpoolConfig{Max: 4, PerPeer: 2, Bytes: 8192}
		s := NewSpool(cfg)
		now := t0
		bodies := map[BlockKey][]byte{}
		want := pattern(4096)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				key := spoolKey(uint64(rapid.IntRange(1, 4).Draw(t, "peer")), byte(rapid.IntRange(1, 3).Draw(t, "name")))
				b := codec.Block{
					Num: uint32(rapid.IntRange(0, 3).Draw(t, "num")), More: rapid.IntRange(0, 3).Draw(t, "more") > 0,
					SZX: uint8(rapid.SampledFrom([]int{0, 1, 6}).Draw(t, "szx")),
				}
				if rapid.Bool().Draw(t, "fitting") { // most blocks at random would not
					b.Num = uint32(len(bodies[key]) / b.Size())
				}
				n := b.Size()
				if !b.More {
					n = rapid.IntRange(0, n).Draw(t, "length")
				}
				off := int(b.Offset())
				if off+n > len(want) {
					return
				}
				r := s.Put(now, key, b, want[off:off+n], -1, SpoolLimits{})
				if r.Fresh {
					if r.Begun {
						bodies[key] = nil
					}
					require.Len(t, bodies[key], off)
					bodies[key] = append(bodies[key], want[off:off+n]...)
				}
				if r.Verdict == SpoolDone {
					require.True(t, bytes.Equal(bodies[key], r.Body))
					delete(bodies, key)
				}
			},
			"time": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(5*time.Minute)).Draw(t, "pause")))
				s.Due(now)
			},
			"": func(t *rapid.T) {
				st := s.Stats()
				require.LessOrEqual(t, st.Len, cfg.Max)
				require.LessOrEqual(t, st.Bytes, cfg.Bytes)
				for _, n := range s.perPeer {
					require.LessOrEqual(t, n, cfg.PerPeer)
				}
			},
		})
		s.Due(now.Add(time.Hour))
		require.Zero(t, s.Stats().Bytes)
		require.Zero(t, s.Stats().Len)
		require.Empty(t, s.perPeer)
	})
}

func BenchmarkBlock(b *testing.B) {
	body := pattern(1 << 20)
	m := &codec.Message{Code: codec.GET, Options: codec.Options{codec.URIPath("big"), codec.Block2(codec.Block{Num: 5, SZX: 6})}}
	b.Run("cut", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			CutBody(int64(len(body)), codec.Block{Num: uint32(i & 1023), SZX: 6}, true, 6)
		}
	})
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			MakeBlockKey(1, m)
		}
	})
	b.Run("spool", func(b *testing.B) {
		s := NewSpool(SpoolConfig{})
		b.SetBytes(1024)
		b.ReportAllocs()
		for i := range b.N {
			n := uint32(i & 1023)
			s.Put(t0, spoolKey(1, 1), codec.Block{Num: n, More: n < 1023, SZX: 6}, body[n<<10:(n+1)<<10], -1, SpoolLimits{Stream: true})
		}
	})
}
