package protocol

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coap2/coap2/netio"
)

const nameT0 = netio.Instant(time.Second)

func nameAt(d time.Duration) netio.Instant { return nameT0.Add(d) }

func at(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 5683)
}

func addrs(is ...int) (as []netip.AddrPort) {
	for _, i := range is {
		as = append(as, at(i))
	}
	return as
}

func TestNameCacheLife(t *testing.T) {
	id := InstanceID{1}
	c := MakeNameCache(NameCacheConfig{})
	_, s := c.Lookup(nameT0, "a")
	require.Equal(t, NameUnknown, s)
	require.Zero(t, c.Due())

	// Positive for its age, refreshed before if it is in use.
	c.Learn(nameT0, "a", id, 10*time.Second, addrs(1, 2))
	r, s := c.Lookup(nameAt(7*time.Second), "a")
	require.Equal(t, NameFresh, s)
	require.Equal(t, NameRecord{Name: "a", Instance: id, Addrs: addrs(1, 2), Age: 10 * time.Second, Expires: nameAt(10 * time.Second)}, r)
	require.Equal(t, nameAt(8*time.Second), c.Due())
	_, ok := c.Refresh(nameAt(7 * time.Second))
	require.False(t, ok)
	name, ok := c.Refresh(nameAt(8 * time.Second))
	require.True(t, ok)
	require.Equal(t, "a", name)
	_, ok = c.Refresh(nameAt(8 * time.Second))
	require.False(t, ok)
	c.Learn(nameAt(8*time.Second), "a", id, 10*time.Second, addrs(1))
	// Now it is not in use: it expires.
	_, ok = c.Refresh(nameAt(16 * time.Second))
	require.False(t, ok)
	require.Equal(t, nameAt(18*time.Second), c.Due())
	_, s = c.Lookup(nameAt(18*time.Second), "a")
	require.Equal(t, NameUnknown, s)
	_, ok = c.Refresh(nameAt(18 * time.Second))
	require.False(t, ok)
	require.Zero(t, c.Due())
	require.Zero(t, c.Stats().Names)

	// Negative, briefly.
	c.Learn(nameT0, "b", InstanceID{}, 0, nil)
	_, s = c.Lookup(nameAt(4999*time.Millisecond), "b")
	require.Equal(t, NameAbsent, s)
	require.Equal(t, 1, c.Stats().Absent)
	_, s = c.Lookup(nameAt(5*time.Second), "b")
	require.Equal(t, NameUnknown, s)
	// A hello ends it at once.
	c.Learn(nameT0, "b", InstanceID{}, 0, nil)
	require.False(t, c.Hello(nameT0, "b", id, at(1)))
	r, s = c.Lookup(nameT0, "b")
	require.Equal(t, NameFresh, s)
	require.Equal(t, addrs(1), r.Addrs)

	// No name is believed for ever, or has any number of addresses.
	c.Learn(nameT0, "c", id, 1<<62, addrs(1, 2, 3, 4, 5, 6, 7, 8, 9))
	r, _ = c.Lookup(nameT0, "c")
	require.Equal(t, MaxNameAge, r.Age)
	require.Len(t, r.Addrs, DefaultNameAddrs)
}

func TestNameCacheHearsay(t *testing.T) {
	me, other := InstanceID{1}, InstanceID{2}
	for _, c := range []struct {
		what  string
		do    func(c *NameCache) bool
		want  bool
		state NameState
		addrs []netip.AddrPort
	}{
		{"goodbye", func(c *NameCache) bool { return c.Goodbye(nameT0, "a", me, at(1)) }, true, NameStale, addrs(1, 2)},
		{"goodbye from its other address", func(c *NameCache) bool { return c.Goodbye(nameT0, "a", me, at(2)) }, true, NameStale, addrs(1, 2)},
		{"goodbye from another address", func(c *NameCache) bool { return c.Goodbye(nameT0, "a", me, at(3)) }, false, NameFresh, addrs(1, 2)},
		{"goodbye of another instance", func(c *NameCache) bool { return c.Goodbye(nameT0, "a", other, at(1)) }, false, NameFresh, addrs(1, 2)},
		{"goodbye of nobody", func(c *NameCache) bool { return c.Goodbye(nameT0, "x", me, at(1)) }, false, NameFresh, addrs(1, 2)},
		{"hello again", func(c *NameCache) bool { return c.Hello(nameT0, "a", me, at(2)) }, false, NameFresh, addrs(1, 2)},
		{"hello from elsewhere", func(c *NameCache) bool { return c.Hello(nameT0, "a", me, at(3)) }, true, NameStale, addrs(1, 2)},
		{"hello of another", func(c *NameCache) bool { return c.Hello(nameT0, "a", other, at(1)) }, true, NameStale, addrs(1, 2)},
		{"hello after a goodbye", func(c *NameCache) bool {
			c.Goodbye(nameT0, "a", me, at(1))
			return c.Hello(nameT0, "a", me, at(1))
		}, false, NameStale, addrs(1, 2)},
		{"no answer", func(c *NameCache) bool { c.Failed("a", at(1)); return true }, true, NameStale, addrs(2, 1)},
		{"no answer of a stranger", func(c *NameCache) bool { c.Failed("a", at(7)); return true }, true, NameFresh, addrs(1, 2)},
	} {
		t.Run(c.what, func(t *testing.T) {
			cache := MakeNameCache(NameCacheConfig{})
			cache.Learn(nameT0, "a", me, time.Minute, addrs(1, 2))
			require.Equal(t, c.want, c.do(&cache))
			r, s := cache.Lookup(nameT0, "a")
			require.Equal(t, c.state, s)
			require.Equal(t, c.addrs, r.Addrs)
			// The next answer ends every doubt.
			cache.Learn(nameT0, "a", other, time.Minute, addrs(9))
			r, s = cache.Lookup(nameT0, "a")
			require.Equal(t, NameFresh, s)
			require.Equal(t, other, r.Instance)
		})
	}
}

// Strangers who say hello under any number of names get few places each, and none
// of a name in use.
func TestNameCacheFlood(t *testing.T) {
	c := MakeNameCache(NameCacheConfig{Names: 16})
	for i := range 8 {
		c.Learn(nameT0, fmt.Sprint("mine", i), InstanceID{1}, time.Hour, addrs(1))
		_, _ = c.Lookup(nameT0, fmt.Sprint("mine", i))
	}
	for i := range 1000 {
		c.Hello(nameT0, fmt.Sprint("x", i), InstanceID{2}, at(2))
	}
	s := c.Stats()
	require.Equal(t, 12, s.Names)
	require.Equal(t, DefaultNamesOfSource, s.Heard)
	require.EqualValues(t, 1000-DefaultNamesOfSource, s.Refused)
	for i := range 1000 { // from many addresses
		c.Hello(nameT0, fmt.Sprint("y", i), InstanceID{2}, at(100+i))
	}
	require.Equal(t, 16, c.Stats().Names)
	for i := range 8 {
		_, s := c.Lookup(nameT0, fmt.Sprint("mine", i))
		require.Equal(t, NameFresh, s)
	}
	for i := range 16 { // own questions take all they need
		c.Learn(nameT0, fmt.Sprint("new", i), InstanceID{1}, time.Hour, addrs(1))
	}
	require.Zero(t, c.Stats().Heard)
	require.Empty(t, c.sources)
	require.Equal(t, 16, c.Stats().Names)
	require.False(t, c.Hello(nameT0, "late", InstanceID{2}, at(3)))
	require.Equal(t, 16, c.Stats().Names)
}

func TestNameCacheRestore(t *testing.T) {
	c := MakeNameCache(NameCacheConfig{})
	for i := range 3 {
		c.Learn(nameT0, fmt.Sprint("n", i), InstanceID{byte(i)}, time.Duration(i+1)*time.Minute, addrs(i))
	}
	c.Learn(nameT0, "absent", InstanceID{}, 0, nil)
	c.Hello(nameT0, "heard", InstanceID{9}, at(9))
	c.Failed("n2", at(2))
	rs := c.Records(nameAt(time.Second))
	require.Len(t, rs, 3)

	d := MakeNameCache(NameCacheConfig{})
	d.Restore(nameAt(time.Minute), rs)
	require.Equal(t, 2, d.Stats().Names)
	r, s := d.Lookup(nameAt(time.Minute), "n1")
	require.Equal(t, NameFresh, s)
	require.Equal(t, nameAt(2*time.Minute), r.Expires)
	_, s = d.Lookup(nameAt(time.Minute), "n2")
	require.Equal(t, NameStale, s)

	// A clock that has gone back makes nothing live longer.
	e := MakeNameCache(NameCacheConfig{})
	e.Restore(1, rs)
	r, _ = e.Lookup(1, "n0")
	require.Equal(t, netio.Instant(1).Add(time.Minute), r.Expires)
}

// Whatever happens, the bounds hold and the lists agree with the table.
func TestNameCacheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := MakeNameCache(NameCacheConfig{Names: 6, Addrs: 2, PerSource: 2})
		now := nameT0
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			name := fmt.Sprint("n", rapid.IntRange(0, 9).Draw(t, "name"))
			id := InstanceID{byte(rapid.IntRange(0, 1).Draw(t, "id"))}
			from := at(rapid.IntRange(0, 3).Draw(t, "from"))
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0:
				r, s := c.Lookup(now, name)
				if s == NameFresh && (len(r.Addrs) == 0 || now >= r.Expires) {
					t.Fatal("fresh without address, or too old")
				}
			case 1:
				c.Learn(now, name, id, time.Duration(rapid.IntRange(0, 20).Draw(t, "age"))*time.Second, []netip.AddrPort{from})
			case 2:
				c.Learn(now, name, InstanceID{}, 0, nil)
			case 3:
				c.Hello(now, name, id, from)
			case 4:
				c.Goodbye(now, name, id, from)
			case 5:
				c.Failed(name, from)
			case 6:
				now = now.Add(time.Duration(rapid.IntRange(1, 10000).Draw(t, "ms")) * time.Millisecond)
				for {
					if _, ok := c.Refresh(now); !ok {
						break
					}
				}
				if due := c.Due(); due != 0 && due <= now {
					t.Fatal("a refresh is overdue")
				}
			}
			if len(c.names) > 6 || c.known.n+c.heard.n != len(c.names) || c.due.Len() != len(c.names) {
				t.Fatalf("%d names, %d known, %d heard, %d due", len(c.names), c.known.n, c.heard.n, c.due.Len())
			}
			sum := 0
			for _, n := range c.sources {
				if n < 1 || n > 2 {
					t.Fatalf("a source has %d", n)
				}
				sum += n
			}
			if sum != c.heard.n {
				t.Fatalf("sources have %d, %d were heard", sum, c.heard.n)
			}
		}
	})
}
