package protocol

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/coap2/coap2/netio"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func peerNo(i int) netio.Peer {
	return netio.Peer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5683)}
}

func TestPeersGet(t *testing.T) {
	p := NewPeers[int](2)
	a, made, err := p.Get(t0, peerNo(1))
	require.NoError(t, err)
	require.True(t, made)
	require.Equal(t, uint64(1), a.ID)
	require.Equal(t, peerNo(1), a.Peer)
	a.Value = 7
	again, made, err := p.Get(t0, peerNo(1))
	require.NoError(t, err)
	require.False(t, made)
	require.Same(t, a, again)
	require.Same(t, a, p.Find(peerNo(1)))
	require.Nil(t, p.Find(peerNo(2)))

	// A new association is another peer.
	dtls := peerNo(1)
	dtls.Session = 1
	b, made, err := p.Get(t0, dtls)
	require.NoError(t, err)
	require.True(t, made)
	require.Equal(t, uint64(2), b.ID)

	// The least recently used makes room.
	p.Get(t0+1, peerNo(1))
	c, _, err := p.Get(t0+2, peerNo(3))
	require.NoError(t, err)
	gone, ok := p.Dropped()
	require.True(t, ok)
	require.Same(t, b, gone)
	_, ok = p.Dropped()
	require.False(t, ok)
	require.Equal(t, PeersStats{Len: 2, Evicted: 1}, p.Stats())
	p.Pin(gone) // does nothing, and breaks nothing
	p.Unpin(gone)

	p.Pin(a)
	p.Pin(c)
	_, _, err = p.Get(t0+3, peerNo(4))
	require.ErrorIs(t, err, ErrPeersFull)
	p.Unpin(c)
	p.Unpin(c) // one too many
	d, made, err := p.Get(t0+3, peerNo(4))
	require.NoError(t, err)
	require.True(t, made)
	require.Equal(t, uint64(4), d.ID)
	require.Nil(t, p.Find(peerNo(3)))
}

func TestPeersExpire(t *testing.T) {
	p := NewPeers[string](0)
	for i := range 5 {
		e, _, err := p.Get(t0.Add(time.Duration(i)*time.Second), peerNo(i))
		require.NoError(t, err)
		e.Value = strconv.Itoa(i)
	}
	p.Pin(p.Find(peerNo(1)))
	now := t0.Add(13 * time.Second)
	require.Zero(t, p.Expire(now, 14*time.Second, 9))
	require.Equal(t, 2, p.Expire(now, 10*time.Second, 9), "0 and 2; 1 is pinned and 3 not old enough")
	var gone []string
	for e, ok := p.Dropped(); ok; e, ok = p.Dropped() {
		gone = append(gone, e.Value)
	}
	require.Equal(t, []string{"0", "2"}, gone)
	require.Equal(t, 1, p.Expire(now, time.Second, 1))
	// What was pinned counts as used until now.
	p.Unpin(p.Find(peerNo(1)))
	require.Equal(t, 1, p.Expire(now.Add(5*time.Second), 10*time.Second, 9))
	require.NotNil(t, p.Find(peerNo(1)))
	require.Equal(t, PeersStats{Len: 1}, p.Stats())
}

func TestPeersModel(t *testing.T) {
	type known struct {
		i, pins int
		id      uint64
		used    netio.Instant
	}
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 6).Draw(t, "max")
		p := NewPeers[int](size)
		var model []known // the least recently used first
		lastID := uint64(0)
		now := t0
		find := func(i int) int { return slices.IndexFunc(model, func(k known) bool { return k.i == i }) }
		gone := func(want ...known) {
			for _, k := range want {
				e, ok := p.Dropped()
				require.True(t, ok)
				require.Equal(t, k.id, e.ID)
				require.Equal(t, k.i, e.Value)
			}
			_, ok := p.Dropped()
			require.False(t, ok)
		}
		t.Repeat(map[string]func(*rapid.T){
			"get": func(t *rapid.T) {
				now += netio.Instant(rapid.IntRange(0, 5).Draw(t, "later"))
				i := rapid.IntRange(0, 9).Draw(t, "peer")
				e, made, err := p.Get(now, peerNo(i))
				if at := find(i); at >= 0 {
					require.NoError(t, err)
					require.False(t, made)
					k := model[at]
					require.Equal(t, k.id, e.ID)
					k.used = now
					model = append(slices.Delete(model, at, at+1), k)
					gone()
					return
				}
				var evicted []known
				if len(model) == size {
					at := slices.IndexFunc(model, func(k known) bool { return k.pins == 0 })
					if at < 0 {
						require.ErrorIs(t, err, ErrPeersFull)
						return
					}
					evicted = append(evicted, model[at])
					model = slices.Delete(model, at, at+1)
				}
				require.NoError(t, err)
				require.True(t, made)
				require.Greater(t, e.ID, lastID)
				lastID = e.ID
				e.Value = i
				model = append(model, known{i: i, id: e.ID, used: now})
				gone(evicted...)
			},
			"pin": func(t *rapid.T) {
				if i := rapid.IntRange(0, 9).Draw(t, "peer"); find(i) >= 0 {
					p.Pin(p.Find(peerNo(i)))
					model[find(i)].pins++
				}
			},
			"unpin": func(t *rapid.T) {
				i := rapid.IntRange(0, 9).Draw(t, "peer")
				at := find(i)
				if at < 0 {
					return
				}
				p.Unpin(p.Find(peerNo(i)))
				k := model[at]
				if k.pins == 0 {
					return
				}
				k.pins--
				model[at] = k
				if k.pins == 0 {
					k.used = now
					model = append(slices.Delete(model, at, at+1), k)
				}
			},
			"expire": func(t *rapid.T) {
				now += netio.Instant(rapid.IntRange(0, 5).Draw(t, "later"))
				idle := time.Duration(rapid.IntRange(0, 9).Draw(t, "idle"))
				n := rapid.IntRange(0, 3).Draw(t, "n")
				var want []known
				for at := 0; at < len(model) && len(want) < n; {
					switch k := model[at]; {
					case k.pins > 0:
						at++
					case now.Sub(k.used) > idle:
						want = append(want, k)
						model = slices.Delete(model, at, at+1)
					default:
						at = len(model)
					}
				}
				require.Equal(t, len(want), p.Expire(now, idle, n))
				gone(want...)
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(model), p.Len())
				for i := range 10 {
					require.Equal(t, find(i) >= 0, p.Find(peerNo(i)) != nil)
				}
			},
		})
	})
}

func BenchmarkPeers(b *testing.B) {
	for _, n := range []int{1, 16384} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p := NewPeers[[32]byte](n)
			peers := make([]netio.Peer, n)
			for i := range peers {
				peers[i] = peerNo(i)
				p.Get(t0, peers[i])
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i += 7919; i >= n {
					i %= n
				}
				e, _, _ := p.Get(t0, peers[i])
				p.Pin(e)
				p.Unpin(e)
			}
		})
	}
}
