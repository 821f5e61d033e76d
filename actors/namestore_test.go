package actors

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/netio"
)

func TestFileStore(t *testing.T) {
	s := FileStore(filepath.Join(t.TempDir(), "deep", "er"))
	b, err := s.Get("x")
	require.NoError(t, err)
	require.Nil(t, b)
	for _, v := range []string{"one", "two", ""} {
		require.NoError(t, s.Put("x", []byte(v)))
		b, err = s.Get("x")
		require.NoError(t, err)
		require.Equal(t, v, string(b))
	}
	files, err := os.ReadDir(string(s))
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing is left lying about")

	require.NoError(t, os.WriteFile(filepath.Join(string(s), "big"), make([]byte, maxStored+1), 0o600))
	_, err = s.Get("big")
	require.ErrorContains(t, err, "more than")
	require.NoError(t, os.Mkdir(filepath.Join(string(s), "dir"), 0o700))
	_, err = s.Get("dir")
	require.Error(t, err)
	require.Error(t, s.Put("dir", []byte("x")))
	require.Error(t, FileStore(filepath.Join(string(s), "x", "y")).Put("z", nil))
	files, err = os.ReadDir(string(s))
	require.NoError(t, err)
	require.Len(t, files, 3)
}

func TestStoredNames(t *testing.T) {
	clock := netio.NewSystemClock()
	now := clock.Now()
	rs := []protocol.NameRecord{
		{Name: "a.local", Instance: protocol.InstanceID{1}, Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:5683"), netip.MustParseAddrPort("[fe80::1%eth0]:5683")}, Age: time.Hour, Expires: now.Add(time.Hour)},
		{Name: "b", Instance: protocol.InstanceID{2}, Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:40000")}, Age: time.Minute, Expires: now.Add(time.Minute), Stale: true},
	}
	b, err := encodeNames(clock, protocol.InstanceID{9}, "me.local", "me-2.local", rs)
	require.NoError(t, err)
	s, id, got, err := decodeNames(b, clock)
	require.NoError(t, err)
	require.Equal(t, protocol.InstanceID{9}, id)
	require.Equal(t, "me.local", s.Wish)
	require.Equal(t, "me-2.local", s.Name)
	require.Len(t, got, 2)
	for i, r := range got {
		require.InDelta(t, int64(rs[i].Expires), int64(r.Expires), float64(2*time.Second))
		r.Expires = rs[i].Expires
		require.Equal(t, rs[i], r)
	}
	// What is over is forgotten.
	gone := strings.ReplaceAll(string(b), `"expires": `, `"expires": -`)
	_, _, got, err = decodeNames([]byte(gone), clock)
	require.NoError(t, err)
	require.Empty(t, got)
	for _, c := range [][2]string{
		{`"version": 1`, `"version": 2`}, {"a.local", "a..local"}, {"a.local", `a\u001b.local`}, {"me.local", "m e"}, {`"instance": "09`, `"instance": "9`},
		{"192.0.2.1:5683", "192.0.2.1:0"}, {"192.0.2.1:5683", "224.0.1.187:1"}, {`"age": 60`, `"age": -1`}, {"{", ""}, {`"0200`, `"xx00`},
	} {
		bad := strings.Replace(string(b), c[0], c[1], 1)
		require.NotEqual(t, string(b), bad)
		_, _, _, err := decodeNames([]byte(bad), clock)
		require.ErrorContains(t, err, namesKey, c)
	}
}

func FuzzStoredNames(f *testing.F) {
	clock := netio.NewSystemClock()
	b, err := encodeNames(clock, protocol.InstanceID{9}, "me", "me-2", []protocol.NameRecord{{Name: "a", Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:5683")}, Age: time.Hour, Expires: clock.Now().Add(time.Hour)}})
	require.NoError(f, err)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, rs, err := decodeNames(b, clock)
		if err != nil {
			require.Nil(t, rs)
			return
		}
		c := protocol.MakeNameCache(protocol.NameCacheConfig{})
		c.Restore(clock.Now(), rs)
		require.LessOrEqual(t, c.Stats().Names, protocol.DefaultNames)
	})
}
