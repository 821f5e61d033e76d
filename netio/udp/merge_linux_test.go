package udp

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/netio"
)

// Runs of one length to one peer are handed to the system as one message, and
// arrive as what they are.
func TestMerge(t *testing.T) {
	long := func(n int, c string) string { return strings.Repeat(c, n) }
	many := func(n int, s string) (all []string) {
		for range n {
			all = append(all, s)
		}
		return all
	}
	for _, c := range []struct {
		name   string
		data   []string // "@" before it: to the second peer
		merged int
	}{
		{"one", []string{"a"}, 0},
		{"two", []string{"a", "b"}, 2},
		{"the last is shorter", []string{"aaaa", "bbbb", "cc"}, 3},
		{"a shorter one ends the run", []string{"aaaa", "bb", "cc", "dd"}, 4},
		{"a longer one begins another", []string{"aa", "bbb", "ccc"}, 2},
		{"two peers in turn", []string{"aa", "@bb", "cc", "@dd"}, 0},
		{"one peer after the other", []string{"aa", "bb", "@cc", "@dd"}, 4},
		{"empty ones", []string{"", "", "aa", "", ""}, 0},
		{"six times 16, and 4", many(100, "aa"), 100},
		{"17", many(17, "aa"), 16},
		{"long ones", many(100, long(DefaultMTU, "a")), 100},
		{"longer than the MTU", many(3, long(DefaultMTU+1, "a")), 0},
	} {
		for _, host := range []string{"127.0.0.1", "::1"} {
			for _, listen := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
				if listen != ":0" && strings.Contains(listen, ":1") != strings.Contains(host, ":1") {
					continue
				}
				t.Run(fmt.Sprint(c.name, " ", listen, " ", host), func(t *testing.T) {
					needIPv6(t)
					client := open(t, Config{Addrs: []string{listen}, Batch: 100})
					if !client.sockets[0].canMerge {
						t.Skip("the kernel does not merge")
					}
					servers := []*Transport{at(t, ":0"), at(t, ":0")}
					in := []<-chan netio.Datagram{receive(t, servers[0]), receive(t, servers[1])}
					var ds []netio.Datagram
					want := make([][]string, 2)
					for _, data := range c.data {
						data, second := strings.CutPrefix(data, "@")
						i := 0
						if second {
							i = 1
						}
						want[i] = append(want[i], data)
						ds = append(ds, to(on(host, servers[i].Local()[0]), data))
					}
					n, err := client.WriteBatch(ds)
					require.NoError(t, err)
					require.Equal(t, len(ds), n)
					for i, all := range want {
						for _, data := range all {
							d := <-in[i]
							require.Equal(t, data, string(d.Data))
							require.Equal(t, on(host, client.Local()[0]), d.Peer.Addr)
						}
					}
					s := client.Stats()
					require.EqualValues(t, len(ds), s.DatagramsOut)
					require.EqualValues(t, c.merged, s.Merged)
				})
			}
		}
	}
}

// Datagrams of one run leave from the address that each of them names.
func TestMergeSources(t *testing.T) {
	server, client := at(t, "127.0.0.1:0"), at(t, "0.0.0.0:0")
	in := receive(t, server)
	var ds []netio.Datagram
	hosts := []string{"127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.2"}
	for _, host := range hosts {
		d := to(server.Local()[0], "data")
		d.Local = on(host, client.Local()[0])
		ds = append(ds, d)
	}
	n, err := client.WriteBatch(ds)
	require.NoError(t, err)
	require.Equal(t, len(ds), n)
	for _, host := range hosts {
		require.Equal(t, on(host, client.Local()[0]), (<-in).Peer.Addr)
	}
}

// Where packets are shorter than the datagrams, the system refuses to cut what
// it would have to fragment. Then they go one by one.
func TestMergingRefused(t *testing.T) {
	needNamespace(t)
	mtu := func(n string) {
		out, err := exec.Command("ip", "link", "set", "lo", "mtu", n).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	mtu("600")
	defer mtu("65536")
	server, client := at(t, "127.0.0.1:0"), at(t, "127.0.0.1:0")
	in := receive(t, server)
	var ds []netio.Datagram
	for i := range 40 {
		size := 100
		if i/5%2 == 1 {
			size = 1000
		}
		ds = append(ds, to(server.Local()[0], strings.Repeat(string(rune('A'+i)), size)))
	}
	for range 2 {
		n, err := client.WriteBatch(ds)
		require.NoError(t, err)
		require.Equal(t, len(ds), n)
		for _, d := range ds {
			require.Equal(t, d.Data, (<-in).Data)
		}
	}
	require.True(t, client.sockets[0].canMerge, "shorter ones are merged still")
	require.EqualValues(t, 2*5, client.Stats().Merged)
}
