package protocol

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/coap2/coap2/codec"
	"github.com/stretchr/testify/require"
)

func discoveryOptions(t *testing.T, query string, filters ...string) codec.Options {
	t.Helper()
	var o codec.Options
	if query != "-" {
		o = o.Add(codec.StringOption(codec.OptionDiscovery, query))
	}
	for _, f := range filters {
		o = o.Add(codec.StringOption(codec.OptionURIQuery, f))
	}
	return o
}

var responderLinks = []codec.Link{
	{Target: "/root", Attrs: []codec.Attr{{Name: "rt", Value: "room"}}},
	{Target: "/root/child", Attrs: []codec.Attr{{Name: "rt", Value: "temp"}, {Name: "if", Value: "sensor"}}},
	{Target: "/a,b"},
}

func TestResponderSelects(t *testing.T) {
	for _, c := range []struct {
		query   string // "-" = none
		filters []string
		want    string // links; "-" = no answer
	}{
		{"", nil, "</root>;rt=\"room\",</root/child>;rt=\"temp\";if=\"sensor\",</a,b>"},
		{"", []string{"rt=temp*"}, "</root/child>;rt=\"temp\";if=\"sensor\""},
		{"", []string{"rt=temp", "if=other"}, "-"},
		{"n1.local", nil, ""},
		{"N1.LOCAL", []string{"ep=n1.local"}, ""},
		{"n1.local", []string{"ep=n1*"}, ""},
		{"n1.local", []string{"rt=none"}, "-"},
		{"n2.local", nil, "-"},
		{"/root", nil, "</root>;rt=\"room\""},
		{"/root", []string{"ep=*"}, "</root>;rt=\"room\""},
		{"/root", []string{"ep=n2.local"}, "-"},
		{"/root,/none,", nil, "</root>;rt=\"room\""},
		{"/root", []string{"rt=temp"}, "-"},
		{"/none", nil, "-"},
		{"&/root,/root/child", nil, "</root>;rt=\"room\",</root/child>;rt=\"temp\";if=\"sensor\""},
		{"&/root,/root", nil, "</root>;rt=\"room\""},
		{"&/root,/none", nil, "-"},
		{"&/root,/root/child", []string{"rt=temp"}, "-"},
		{"/a%2Cb", nil, "</a,b>"},
		{"-", nil, "</root>;rt=\"room\",</root/child>;rt=\"temp\";if=\"sensor\",</a,b>"},
		{"-", []string{"rt=nothing"}, "-"},
		{"-", []string{"ep=n1.local"}, "</root>;rt=\"room\",</root/child>;rt=\"temp\";if=\"sensor\",</a,b>"},
		{"-", []string{"ep=other"}, "-"},
	} {
		d, err := ParseDiscovery(discoveryOptions(t, c.query, c.filters...))
		require.NoError(t, err)
		got := "-"
		if d.Concerns("n1.local", InstanceID{1}) {
			if links, ok := d.Select(responderLinks); ok {
				got = string(codec.AppendLinks(nil, links...))
			}
		}
		require.Equal(t, c.want, got, "%q %q", c.query, c.filters)
	}
	for _, bad := range []codec.Options{
		discoveryOptions(t, "a b"),
		discoveryOptions(t, "", "nothing"),
		discoveryOptions(t, "", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1"),
	} {
		_, err := ParseDiscovery(bad)
		require.Error(t, err)
	}
	// A node without a name is nobody's host, and one without links is one of all.
	d, err := ParseDiscovery(discoveryOptions(t, "n1.local"))
	require.NoError(t, err)
	require.False(t, d.Concerns("", InstanceID{1}))
	d, err = ParseDiscovery(discoveryOptions(t, ""))
	require.NoError(t, err)
	_, ok := d.Select(nil)
	require.True(t, ok)
}

func TestResponderSilenced(t *testing.T) {
	id := InstanceID{1}
	filter := make(Filter, 10)
	r := Round{Salt: [4]byte{7}, Window: time.Second}
	option := func() codec.Options {
		b, err := r.Append(nil)
		require.NoError(t, err)
		return discoveryOptions(t, "").Add(codec.OpaqueOption(codec.OptionDiscoveryRound, b))
	}
	concerns := func() bool {
		d, err := ParseDiscovery(option())
		require.NoError(t, err)
		return d.Concerns("n", id)
	}
	require.True(t, concerns())
	r.Bits, r.Prefix = 3, uint16(id.Hash(0, r.Salt)>>48)
	require.True(t, concerns())
	r.Prefix ^= 1 << 15
	require.False(t, concerns(), "another part is asked")
	r.Bits = 0
	filter.Add(id.Hash(1, r.Salt))
	r.Filter = filter
	require.False(t, concerns(), "it is known")
	r.Salt[0]++
	require.True(t, concerns())
	// A bad round is none.
	d, err := ParseDiscovery(discoveryOptions(t, "").Add(codec.OpaqueOption(codec.OptionDiscoveryRound, []byte{1, 2, 3})))
	require.NoError(t, err)
	require.False(t, d.Paced)
	require.True(t, d.Concerns("n", id))
}

func TestResponderLeisure(t *testing.T) {
	paced := func(w time.Duration) DiscoveryRequest {
		return DiscoveryRequest{Discovery: true, Paced: true, Round: Round{Window: w}}
	}
	for i, c := range []struct {
		cfg  ResponderConfig
		d    DiscoveryRequest
		want time.Duration
	}{
		{ResponderConfig{}, DiscoveryRequest{}, 5 * time.Second},
		{ResponderConfig{}, DiscoveryRequest{Discovery: true}, 5 * time.Second},
		{ResponderConfig{Leisure: time.Second}, DiscoveryRequest{}, time.Second},
		{ResponderConfig{}, DiscoveryRequest{Discovery: true, Query: Query{Kind: ByName}}, 0},
		{ResponderConfig{Group: 100, Rate: 1000}, DiscoveryRequest{Discovery: true, Paced: true, Query: Query{Kind: ByName}, Round: Round{Window: time.Second}}, time.Second},
		{ResponderConfig{MaxLeisure: time.Second}, DiscoveryRequest{Discovery: true, Paced: true, Query: Query{Kind: ByName}, Round: Round{Window: time.Hour}}, time.Second},
		{ResponderConfig{}, paced(20 * time.Millisecond), 20 * time.Millisecond},
		{ResponderConfig{}, paced(0), 0},
		{ResponderConfig{}, paced(time.Hour), time.Minute},
		{ResponderConfig{MaxLeisure: time.Second}, paced(time.Hour), time.Second},
		{ResponderConfig{Group: 100, Rate: 1000}, DiscoveryRequest{}, 10 * time.Second},
		{ResponderConfig{Group: 100, Rate: 1000}, paced(time.Second), 10 * time.Second},
		{ResponderConfig{Group: 100, Rate: 1000}, paced(20 * time.Second), 20 * time.Second},
	} {
		require.Equal(t, c.want, NewResponder(c.cfg).Leisure(&c.d, 100), i)
	}
}

func TestResponderRate(t *testing.T) {
	r := NewResponder(ResponderConfig{})
	allowed := func(from string, n int) (k int) {
		for range n {
			if r.Allow(t0, netip.MustParseAddr(from)) {
				k++
			}
		}
		return k
	}
	require.Equal(t, 32, allowed("192.0.2.1", 1000))
	require.Equal(t, 0, allowed("::ffff:192.0.2.1", 10), "the same source")
	require.Equal(t, 32, allowed("2001:db8::1", 1000))
	require.Equal(t, 0, allowed("2001:db8::ffff:1", 10), "the same network")
	require.Equal(t, 32, allowed("fe80::1%a", 1000))
	require.Equal(t, 32, allowed("fe80::2%a", 1000))
	require.Equal(t, uint64(4*968+20), r.Limited)
	// Whoever changes his address gets no more than all together may have.
	total := 128
	for i := range 100_000 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i))
		if r.Allow(t0, netip.AddrFrom4(b)) {
			total++
		}
	}
	require.Equal(t, 256, total)
	require.Len(t, r.sources, maxResponderSources)
	require.True(t, r.Allow(t0.Add(time.Second), netip.MustParseAddr("192.0.2.9")))
}

func FuzzResponder(f *testing.F) {
	f.Add([]byte("/root"), []byte("0123456789abcdef"), "rt=temp", "ep=*")
	f.Add([]byte(""), []byte{}, "", "")
	f.Fuzz(func(t *testing.T, query, round []byte, q1, q2 string) {
		o := codec.Options{codec.OpaqueOption(codec.OptionDiscovery, query), codec.OpaqueOption(codec.OptionDiscoveryRound, round)}
		o = o.Add(codec.StringOption(codec.OptionURIQuery, q1), codec.StringOption(codec.OptionURIQuery, q2))
		d, err := ParseDiscovery(o)
		if err != nil {
			return
		}
		d.Concerns("n1.local", InstanceID{1})
		links, _ := d.Select(responderLinks)
		require.LessOrEqual(t, len(links), len(responderLinks))
		require.LessOrEqual(t, NewResponder(ResponderConfig{}).Leisure(&d, 100), DefaultMaxLeisure)
	})
}
