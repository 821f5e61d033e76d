package actors

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// ownNetwork is set in the environment of a test binary that runs in a network
// namespace of its own.
const ownNetwork = "COAP2_TEST_NETWORK"

// TestNetworks runs the tests whose names begin with TestNet and a capital, which need
// cables, routes and failures of their own, in network namespaces. Where the
// system does not allow these it is skipped, or fails if COAP2_REQUIRE_PEERS=1.
func TestNetworks(t *testing.T) {
	if os.Getenv(ownNetwork) != "" {
		t.Skip("is in it")
	}
	missing := t.Skipf
	if os.Getenv("COAP2_REQUIRE_PEERS") == "1" {
		missing = t.Fatalf
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	ip, err := exec.LookPath("ip")
	if err != nil {
		missing("the ip command is not installed; on Debian: apt-get install iproute2")
	}
	inOwnNetwork := func(name string, args ...string) ([]byte, error) {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), ownNetwork+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Pdeathsig:   syscall.SIGKILL,
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		return cmd.CombinedOutput()
	}
	if out, err := inOwnNetwork(ip, "link", "add", "type", "veth"); err != nil {
		missing("no network namespace with a cable can be made: %v %s", err, out)
	}
	names, err := inOwnNetwork(os.Args[0], "-test.list=^TestNet[A-Z]")
	require.NoError(t, err, "%s", names)
	require.Contains(t, string(names), "TestNet")
	for name := range strings.FieldsSeq(string(names)) {
		t.Run(name, func(t *testing.T) { // each in a process of its own: most of the time they wait
			t.Parallel()
			args := []string{"-test.v", "-test.timeout=8m", "-test.run=^" + name + "$"}
			if testing.Short() {
				args = append(args, "-test.short")
			}
			out, err := inOwnNetwork(os.Args[0], args...)
			require.NoError(t, err, "%s", out)
			if testing.Verbose() {
				t.Logf("%s", out)
			}
			require.Regexp(t, "(?m)^--- (PASS|SKIP): "+name, string(out))
			if strings.Contains(string(out), "--- SKIP: "+name) {
				t.Skip("it has skipped itself in its own process; -v shows why")
			}
		})
	}
}

// place is a network namespace: that of the process, or of a thread that stays
// in it for ever.
type place struct {
	t    *testing.T
	path string
	do   func(func()) // runs something there, which must not end the goroutine
}

// home is the namespace of the process.
func home(t *testing.T) *place {
	t.Helper()
	if os.Getenv(ownNetwork) == "" {
		t.Skip("runs in TestNetworks")
	}
	// The process may be elsewhere with its first thread.
	ns, err := os.Open("/proc/thread-self/ns/net")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	p := &place{t, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.Fd()), func(f func()) { f() }}
	p.ip("link set lo up")
	return p
}

// elsewhere makes another namespace. Sockets that are opened there stay there,
// whoever uses them.
func elsewhere(t *testing.T) *place {
	t.Helper()
	jobs, ready := make(chan func()), make(chan error)
	p := &place{t: t, do: func(f func()) {
		done := make(chan struct{})
		jobs <- func() { defer close(done); f() }
		<-done
	}}
	go func() {
		runtime.LockOSThread() // for ever: the thread, and then the namespace, end with the goroutine
		p.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid())
		ready <- unix.Unshare(unix.CLONE_NEWNET)
		for job := range jobs {
			job()
		}
	}()
	require.NoError(t, <-ready)
	t.Cleanup(func() { close(jobs) })
	p.ip("link set lo up")
	return p
}

// ip runs lines of the ip command.
func (p *place) ip(lines ...string) {
	p.t.Helper()
	require.NoError(p.t, p.command("ip", lines...))
}

// command runs ip or tc.
func (p *place) command(name string, lines ...string) (err error) {
	p.do(func() {
		cmd := exec.Command(name, "-batch", "-")
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		if out, e := cmd.CombinedOutput(); e != nil {
			err = fmt.Errorf("%s: %w: %s", name, e, out)
		}
	})
	return err
}

// mac returns the hardware address of an interface.
func (p *place) mac(dev string) (mac string) {
	p.t.Helper()
	var err error
	p.do(func() {
		var ifi *net.Interface
		if ifi, err = net.InterfaceByName(dev); err == nil {
			mac = ifi.HardwareAddr.String()
		}
	})
	require.NoError(p.t, err)
	return mac
}

// forward makes the place a router, with nothing to keep it from saying what is
// wrong as often as it is.
func (p *place) forward() {
	p.t.Helper()
	var err error
	p.do(func() {
		for _, setting := range []string{"ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1", "ipv4/icmp_ratemask=0", "ipv6/icmp/ratelimit=0"} {
			name, value, _ := strings.Cut(setting, "=")
			err = errors.Join(err, os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644))
		}
	})
	require.NoError(p.t, err)
}

// cable lays a cable between two places. Its ends have the same name and index,
// so that whoever asks the system for the name of an interface is told the same.
func cable(a, b *place, name string, index int) {
	a.t.Helper()
	a.ip(fmt.Sprintf("link add %s index %d type veth peer name %[1]s index %[2]d netns %[3]s", name, index, b.path))
	for _, p := range []*place{a, b} {
		// Who does not answer is given up after 150 ms.
		p.ip("link set "+name+" addrgenmode none up",
			"ntable change name arp_cache dev "+name+" retrans 50",
			"ntable change name ndisc_cache dev "+name+" retrans 50")
	}
	a.t.Cleanup(func() { _ = a.command("ip", "link del "+name) })
	a.wired(name)
	b.wired(name)
}

// wired waits until an interface carries what is sent. The system sees to that after
// it has been told that the other end is up.
func (p *place) wired(dev string) {
	p.t.Helper()
	eventually(p.t, func() (running bool) {
		p.do(func() {
			ifi, err := net.InterfaceByName(dev)
			running = err == nil && ifi.Flags&net.FlagRunning != 0
		})
		return running
	}, dev+" is running")
}

// addrs gives an interface addresses.
func (p *place) addrs(dev string, addrs ...string) {
	p.t.Helper()
	for _, a := range addrs {
		nodad := ""
		if netip.MustParsePrefix(a).Addr().Is6() {
			nodad = " nodad"
		}
		p.ip("addr add " + a + " dev " + dev + nodad)
		if nodad != "" {
			p.own(netip.MustParsePrefix(a).Addr())
		}
	}
}

// own waits until an IPv6 address is the place's: what comes to it before, in the
// moment after it has been added, is lost.
func (p *place) own(addr netip.Addr) {
	p.t.Helper()
	const local = 0x80000000 // RTF_LOCAL
	host := fmt.Sprintf("%x 80 ", addr.As16())
	eventually(p.t, func() (own bool) {
		p.do(func() {
			routes, _ := os.ReadFile("/proc/thread-self/net/ipv6_route")
			for line := range strings.Lines(string(routes)) {
				f := strings.Fields(line)
				flags, _ := strconv.ParseUint(f[max(len(f)-2, 0)], 16, 64)
				own = own || strings.HasPrefix(line, host) && flags&local != 0
			}
		})
		return own
	}, addr.String()+" is an address")
}

// street is two places with a cable between them. The addresses of the first
// end in 1, those of the second in 2.
func street(t *testing.T) (a, b *place) {
	t.Helper()
	a, b = home(t), elsewhere(t)
	cable(a, b, "e0", 100)
	a.addrs("e0", "192.0.2.1/24", "2001:db8::1/64", "fe80::1/64")
	b.addrs("e0", "192.0.2.2/24", "2001:db8::2/64", "fe80::2/64")
	return a, b
}

// open returns a Config.Open for sockets in the place.
func (p *place) open(cfg udp.Config) func() (netio.Transport, error) {
	return func() (t netio.Transport, err error) {
		p.do(func() {
			var u *udp.Transport
			if u, err = udp.Open(cfg); err == nil {
				t = u
			}
		})
		return t, err
	}
}

// node starts a node in the place, on port 5683 of all addresses unless cfg has
// an Open. Its resource /who says who asks, and whom.
func (p *place) node(cfg Config) *Node {
	p.t.Helper()
	if cfg.Open == nil {
		cfg.Open = p.open(udp.Config{})
	}
	n := startNode(p.t, cfg)
	handle(p.t, n, "/who", Resource{Inline: true, Get: func(_ context.Context, r *Request) (*Response, error) {
		return Text(r.Peer.String() + " asks " + r.Local.Addr().String())
	}})
	handle(p.t, n, "/echo", Resource{Inline: true, Put: func(_ context.Context, r *Request) (*Response, error) {
		return &Response{Payload: append([]byte(nil), r.Payload...)}, nil
	}})
	return n
}

// uri makes a URI of an address, with its zone if it has one.
func uri(host, path string) string {
	if strings.Contains(host, ":") {
		host = "[" + strings.Replace(host, "%", "%25", 1) + "]"
	}
	return "coap://" + host + path
}

// who asks a node at an address, and returns what it says or the error.
func who(n *Node, host string) (string, error) {
	res, err := n.Do(context.Background(), Request{URI: uri(host, "/who"), Timeout: 10 * time.Second})
	if err != nil {
		return "", err
	}
	return string(res.Payload), nil
}

// requireWho checks who asks whom according to the node at an address.
func requireWho(t *testing.T, n *Node, peer, host string) {
	t.Helper()
	said, err := who(n, host)
	require.NoError(t, err)
	require.Equal(t, netip.AddrPortFrom(netip.MustParseAddr(peer), 5683).String()+" asks "+host, said)
}
