package udp

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func ip(t *testing.T, line string) {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput()
	require.NoError(t, err, "ip %s: %s", line, out)
}

// A group request leaves by every interface that somebody could answer by.
func TestInterfaces(t *testing.T) {
	needNamespace(t)
	tr := at(t, ":0")
	four, err := tr.Interfaces(netip.MustParseAddr("224.0.1.187"))
	require.NoError(t, err)
	require.Equal(t, []int{indexOf(t, "c2a")}, four) // the other has no IPv4 address
	six, err := tr.Interfaces(netip.MustParseAddr("ff02::fd"))
	require.NoError(t, err)
	require.ElementsMatch(t, []int{indexOf(t, "c2a"), indexOf(t, "c2b")}, six)
	one, err := tr.Interfaces(netip.MustParseAddr("ff02::fd%c2b"))
	require.NoError(t, err)
	require.Equal(t, []int{indexOf(t, "c2b")}, one)
	_, err = tr.Interfaces(netip.MustParseAddr("ff02::fd%none"))
	require.ErrorContains(t, err, "none")
	_, err = tr.Interfaces(netip.MustParseAddr("192.0.2.1"))
	require.ErrorContains(t, err, "is no group")
	_, err = at(t, "127.0.0.1:0").Interfaces(netip.MustParseAddr("ff02::fd"))
	require.ErrorContains(t, err, "no socket is of its family")
	_, err = open(t, Config{Addrs: []string{":0"}, Interfaces: []string{"c2b"}}).Interfaces(netip.MustParseAddr("224.0.1.187"))
	require.ErrorContains(t, err, "--resolve NAME=ADDRESS")
}

// Interfaces that come are joined, and the user is told; those that go and come
// back under their name, too, more often than a socket has places.
func TestInterfacesComeAndGo(t *testing.T) {
	needNamespace(t)
	for what, every := range map[string]time.Duration{"told": 0, "looking": time.Millisecond} {
		t.Run(what, func(t *testing.T) { testComeAndGo(t, every) })
	}
}

func testComeAndGo(t *testing.T, every time.Duration) {
	tr := at(t, ":0")
	tr.every = every
	changed := make(chan struct{}, 1)
	in := receive(t, tr)
	tr.mu.Lock()
	tr.recv.Changed = func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	tr.mu.Unlock()
	group := netip.MustParseAddr("224.0.1.187")
	require.NoError(t, tr.Join(group, ""))
	require.NoError(t, tr.Join(netip.MustParseAddr("ff02::fd"), ""))
	client := at(t, ":0")
	for range 22 {
		ip(t, "link add c2c type veth peer name c2d")
		ip(t, "addr add 198.51.100.1/24 dev c2c")
		ip(t, "link set c2d up")
		ip(t, "link set c2c up")
		d := to(on(group.String(), tr.Local()[0]), "who")
		d.Interface = indexOf(t, "c2c")
		<-changed
		for heard := false; !heard; { // its carrier may not be there at once
			_ = client.WriteTo(d)
			select {
			case got := <-in:
				require.Equal(t, on("198.51.100.1", client.Local()[0]), got.Peer.Addr)
				heard = true
			case <-time.After(time.Millisecond):
			}
		}
		for len(in) > 0 {
			<-in
		}
		// Its last address goes, and with it what the kernel knows of members.
		ip(t, "addr flush dev c2c")
		ip(t, "addr add 198.51.100.1/24 dev c2c")
		for heard := every != 0; !heard; { // too quick for one that looks
			_ = client.WriteTo(d)
			select {
			case <-in:
				heard = true
			case <-time.After(time.Millisecond):
			}
		}
		ip(t, "link del c2c")
		<-changed
	}
}
