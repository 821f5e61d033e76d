package udp

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		want string // part of the error; "" = none
	}{
		{"zero", Config{}, ""},
		{"all", Config{Addrs: []string{":5683", "[::1]:0", "127.0.0.1:1", "[fe80::1%lo]:7", "node1.local:65535"}, ReadBuffer: 1, WriteBuffer: 1 << 30, Batch: 1024, MTU: 65507, MaxDatagram: 65535, Interfaces: []string{"lo"}}, ""},
		{"no port", Config{Addrs: []string{"127.0.0.1"}}, "want host:port"},
		{"naked IPv6", Config{Addrs: []string{"::1"}}, "want host:port"},
		{"named port", Config{Addrs: []string{":coap"}}, "port must be a number"},
		{"large port", Config{Addrs: []string{":65536"}}, "port must be a number"},
		{"group", Config{Addrs: []string{"224.0.1.187:5683"}}, "is a group"},
		{"group 6", Config{Addrs: []string{"[ff02::fd]:5683"}}, "is a group"},
		{"broadcast", Config{Addrs: []string{"255.255.255.255:5683"}}, "is a group"},
		{"addresses", Config{Addrs: strings.Split(strings.Repeat(":0 ", 257), " ")[:257]}, "at most 256"},
		{"negative read buffer", Config{ReadBuffer: -1}, "Config.ReadBuffer is -1"},
		{"large write buffer", Config{WriteBuffer: 1<<30 + 1}, "Config.WriteBuffer"},
		{"batch", Config{Batch: 1025}, "must be 0 or 1 to 1024"},
		{"shards", Config{Shards: 257}, "udp: Config.Shards is 257, must be 0 or 1 to 256"},
		{"shards among strangers", Config{Shards: 2, ReusePort: true}, "Config.Shards and Config.ReusePort exclude each other"},
		{"MTU", Config{MTU: 63}, "Config.MTU"},
		{"datagram", Config{MaxDatagram: 65536}, "Config.MaxDatagram"},
		{"interface", Config{Interfaces: []string{""}}, "empty name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.cfg.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			_, err = Open(c.cfg)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestDefaults(t *testing.T) {
	require.Equal(t, Config{
		Addrs: []string{":5683"}, ReadBuffer: 4 << 20, WriteBuffer: 4 << 20, Batch: 64, MTU: 1232, MaxDatagram: 65535, Shards: 1,
	}, Config{}.withDefaults())
}

func TestOpenBothFamilies(t *testing.T) {
	needIPv6(t)
	for range 20 { // often enough for a port that is taken in one family
		tr := at(t, ":0")
		l := tr.Local()
		require.Len(t, l, 2)
		require.Equal(t, netip.IPv4Unspecified(), l[0].Addr())
		require.Equal(t, netip.IPv6Unspecified(), l[1].Addr())
		require.NotZero(t, l[0].Port())
		require.Equal(t, l[0].Port(), l[1].Port())
	}
}

func TestOpenSeveral(t *testing.T) {
	needIPv6(t)
	tr := at(t, "127.0.0.1:0", "[::1]:0", "127.0.0.1:0")
	l := tr.Local()
	require.Len(t, l, 3)
	for i, want := range []string{"127.0.0.1", "::1", "127.0.0.1"} {
		require.Equal(t, want, l[i].Addr().String())
		require.NotZero(t, l[i].Port())
	}
	require.NotEqual(t, l[0], l[2])
	l[0] = netip.AddrPort{}
	require.True(t, tr.Local()[0].IsValid(), "Local returns a copy")
}

func TestOpenName(t *testing.T) {
	for _, a := range at(t, "localhost:0").Local() {
		require.True(t, a.Addr().IsLoopback(), a)
	}
}

func TestOpenTaken(t *testing.T) {
	a := at(t, "127.0.0.1:0").Local()[0].String()
	_, err := Open(Config{Addrs: []string{"127.0.0.2:0", a}})
	require.ErrorContains(t, err, "udp: cannot listen on "+a)
	require.True(t, inUse(err))
	require.False(t, noFamily(err))

	// A port that is taken in one family is taken for both.
	four := at(t, "0.0.0.0:0").Local()[0]
	_, err = Open(Config{Addrs: []string{on("::", four).String()[len("[::]"):]}})
	require.True(t, inUse(err), err)
}

func TestReusePort(t *testing.T) {
	if runtime.GOOS == "windows" {
		_, err := Open(Config{Addrs: []string{"127.0.0.1:0"}, ReusePort: true})
		require.ErrorContains(t, err, "ReusePort")
		return
	}
	first := open(t, Config{Addrs: []string{"127.0.0.1:0"}, ReusePort: true})
	second := open(t, Config{Addrs: []string{first.Local()[0].String()}, ReusePort: true})
	require.Equal(t, first.Local(), second.Local())
}

func TestBuffers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	r, w := open(t, Config{Addrs: []string{"127.0.0.1:0", "127.0.0.2:0"}, ReadBuffer: 40000, WriteBuffer: 30000}).Buffers()
	require.Equal(t, [2]int{40000, 30000}, [2]int{r, w})
	r, w = at(t, "127.0.0.1:0").Buffers()
	require.Positive(t, r)
	require.Positive(t, w)
}

func TestMTU(t *testing.T) {
	require.Equal(t, 1232, at(t, "127.0.0.1:0").MTU())
	require.Equal(t, 60000, open(t, Config{Addrs: []string{"127.0.0.1:0"}, MTU: 60000}).MTU())
}
