package udp

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
)

// namespaced is set in the environment of a test binary that has a network of
// its own.
const namespaced = "COAP2_UDP_TEST_NAMESPACE"

// TestNamespace runs tests that need interfaces which a machine rather has not,
// in a network namespace with two interfaces that are the ends of one cable.
// Where the system does not allow it, it is skipped, or fails if
// COAP2_REQUIRE_PEERS=1.
func TestNamespace(t *testing.T) {
	if os.Getenv(namespaced) != "" {
		t.Skip("is in it")
	}
	missing := t.Skipf
	if os.Getenv("COAP2_REQUIRE_PEERS") == "1" {
		missing = t.Fatalf
	}
	if _, err := exec.LookPath("ip"); err != nil {
		missing("the ip command is not installed (%v); on Debian: apt-get install iproute2", err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.timeout=8m", "-test.run", "^(TestGroup|TestGroup6|TestLinkLocal|TestJoinAll|TestUnreachable|TestMergingRefused|TestInterfaces|TestInterfacesComeAndGo)$")
	cmd.Env = append(os.Environ(), namespaced+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:   syscall.SIGKILL,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if cmd.Process == nil {
		missing("cannot make a network namespace: %v", err)
	}
	require.NoError(t, err, "%s", out)
	if !strings.Contains(string(out), "PASS") {
		missing("cannot set up a network: %s", out)
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(namespaced) != "" {
		for _, line := range []string{
			"link set lo up",
			"link add c2a type veth peer name c2b",
			"link set c2a addrgenmode none up",
			"link set c2b addrgenmode none up",
			"-6 addr add fe80::a/64 dev c2a nodad",
			"-6 addr add fe80::b/64 dev c2b nodad",
			"addr add 192.0.2.1/24 dev c2a",
		} {
			if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
				println("ip", line, err.Error(), string(out))
				return
			}
		}
		for !connected() {
			time.Sleep(time.Millisecond)
		}
	}
	os.Exit(m.Run())
}

// connected reports whether the cable carries what is sent, and the addresses of its
// ends are there: the system sees to both after it has been told.
func connected() bool {
	for _, end := range []struct{ name, route string }{
		{"c2a", "fe80000000000000000000000000000a 80 "}, {"c2b", "fe80000000000000000000000000000b 80 "},
	} {
		ifi, err := net.InterfaceByName(end.name)
		if err != nil || ifi.Flags&net.FlagRunning == 0 {
			return false
		}
		own := false
		routes, _ := os.ReadFile("/proc/self/net/ipv6_route")
		for line := range strings.Lines(string(routes)) {
			f := strings.Fields(line)
			flags, _ := strconv.ParseUint(f[max(len(f)-2, 0)], 16, 64)
			own = own || strings.HasPrefix(line, end.route) && flags&unix.RTF_LOCAL != 0
		}
		if !own {
			return false
		}
	}
	return true
}

func needNamespace(t *testing.T) {
	t.Helper()
	if os.Getenv(namespaced) == "" {
		t.Skip("runs in TestNamespace")
	}
}

// indexOf returns the index of an interface.
func indexOf(t *testing.T, name string) int {
	t.Helper()
	i, err := new(zones).index(name)
	require.NoError(t, err)
	return i
}

func TestGroup6(t *testing.T) {
	needNamespace(t)
	for _, c := range []struct{ group, foreign, out, member string }{
		{"ff02::fd", "ff02::fe", "c2a", "c2b"},
		{"ff05::fd", "ff05::fe", "c2a", "c2b"},
		{"ff02::fd", "ff02::fe", "c2a", "c2a"},
		{"ff01::fd", "ff01::fe", "c2a", "c2a"},
	} {
		t.Run(c.group+" "+c.member, func(t *testing.T) { testGroup(t, c.group, c.foreign, c.out, c.member) })
	}
}

// A group datagram that leaves by one end of the cable comes in at the other,
// and at its own by loopback; answers go back over the interface they belong to.
func TestLinkLocal(t *testing.T) {
	needNamespace(t)
	server, client := at(t, ":0"), at(t, ":0")
	require.NoError(t, server.Join(netip.MustParseAddr("ff02::fd"), ""))
	in, back := receive(t, server), receive(t, client)
	group := on("ff02::fd", server.Local()[0])
	a, b := indexOf(t, "c2a"), indexOf(t, "c2b")

	for _, zone := range []bool{true, false} {
		d := to(group, "who")
		if zone {
			d.Peer.Addr = on("ff02::fd%c2a", group)
		} else {
			d.Interface = a
		}
		require.NoError(t, client.WriteTo(d))
		var got [2]netio.Datagram
		for range got {
			d := <-in
			require.True(t, d.Multicast)
			require.Equal(t, group, d.Local)
			if d.Interface == a {
				got[0] = d
			} else {
				got[1] = d
			}
		}
		require.Equal(t, on("fe80::a%c2a", client.Local()[0]), got[0].Peer.Addr)
		require.Equal(t, on("fe80::a%c2b", client.Local()[0]), got[1].Peer.Addr)
		require.Equal(t, b, got[1].Interface)

		require.NoError(t, server.WriteTo(got[1]))
		answer := <-back
		require.Equal(t, on("fe80::b%c2a", server.Local()[0]), answer.Peer.Addr)
		require.Equal(t, on("fe80::a%c2a", client.Local()[0]), answer.Local)
		require.Equal(t, a, answer.Interface)

		// From here on it is a conversation of two.
		require.NoError(t, client.WriteTo(answer))
		more := <-in
		require.Equal(t, on("fe80::a%c2b", client.Local()[0]), more.Peer.Addr)
		require.Equal(t, on("fe80::b%c2b", server.Local()[0]), more.Local)
		require.False(t, more.Multicast)
	}

	bound := at(t, "[fe80::b%c2b]:0")
	require.Equal(t, "fe80::b%c2b", bound.Local()[0].Addr().String())
	at := receive(t, bound)
	require.NoError(t, client.WriteTo(to(on("fe80::b%c2a", bound.Local()[0]), "x")))
	d := <-at
	require.Equal(t, bound.Local()[0], d.Local)
	require.NoError(t, bound.WriteTo(d))
	require.Equal(t, on("fe80::b%c2a", bound.Local()[0]), (<-back).Peer.Addr)
}

// Joining everywhere is joining where it works: one end of the cable has no
// IPv4 address, and loopback is left out.
func TestJoinAll(t *testing.T) {
	needNamespace(t)
	tr, client := at(t, ":0"), at(t, ":0")
	ifis, err := tr.interfaces(netip.MustParseAddr("224.0.1.187"), "")
	require.NoError(t, err)
	require.Len(t, ifis, 2)
	group := netip.MustParseAddr("224.0.1.187")
	require.NoError(t, tr.Join(group, ""))
	require.NoError(t, tr.Join(group, ""))
	in := receive(t, tr)
	d := to(on(group.String(), tr.Local()[0]), "who")
	d.Interface = indexOf(t, "c2a")
	require.NoError(t, client.WriteTo(d))
	require.Equal(t, on("192.0.2.1", client.Local()[0]), (<-in).Peer.Addr)

	gone := open(t, Config{Addrs: []string{":0"}, Interfaces: []string{"c2a", "c2b", "none"}})
	require.ErrorContains(t, gone.Join(group, ""), "on interface none: ")
}

// Where no route leads the write fails, each time, and others do not.
func TestUnreachable(t *testing.T) {
	needNamespace(t)
	tr := at(t, ":0")
	in := receive(t, tr)
	for _, host := range []string{"198.51.100.1", "2001:db8::1"} {
		for range 3 {
			require.ErrorIs(t, tr.WriteTo(to(on(host, tr.Local()[0]), "x")), syscall.ENETUNREACH)
			require.NoError(t, tr.WriteTo(to(on("127.0.0.1", tr.Local()[0]), "y")))
			require.Equal(t, "y", string((<-in).Data))
		}
	}
}
