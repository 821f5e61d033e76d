package actors

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio/udp"
)

// bridged is places with a bridge between them, which floods what is for a group.
// Each has an interface e0 with index 100, and the addresses 192.0.2.N,
// 2001:db8::N and fe80::N, N from 1; the first is home.
func bridged(t *testing.T, count int) []*place {
	t.Helper()
	ps := []*place{home(t)}
	middle := elsewhere(t)
	middle.ip("link add br0 type bridge mcast_snooping 0", "link set br0 addrgenmode none up")
	for len(ps) < count {
		ps = append(ps, elsewhere(t))
	}
	for i, p := range ps {
		p.ip(fmt.Sprintf("link add e0 index 100 type veth peer name p%d netns %s", i, middle.path), "link set e0 addrgenmode none up")
		middle.ip(fmt.Sprintf("link set p%d addrgenmode none master br0 up", i))
		p.wired("e0")
		p.addrs("e0", fmt.Sprintf("192.0.2.%d/24", i+1), fmt.Sprintf("2001:db8::%d/64", i+1), fmt.Sprintf("fe80::%d/64", i+1))
	}
	t.Cleanup(func() { _ = ps[0].command("ip", "link del e0") })
	return ps
}

// Ways to lose every fifth of the UDP datagrams that come to a place, with what the
// system has for that: by chance, or always the same of fifteen, two of them one
// after the other, so that of the repeats of a message most come through.
var losses = map[string][][]string{
	"by chance": {
		{"nft add table inet loss; add chain inet loss in { type filter hook input priority 0; }; add rule inet loss in meta l4proto udp numgen random mod 100 < 20 drop"},
		{"iptables -A INPUT -p udp -m statistic --mode random --probability 0.2 -j DROP", "ip6tables -A INPUT -p udp -m statistic --mode random --probability 0.2 -j DROP"},
	},
	"by number": {
		{"nft add table inet loss; add chain inet loss in { type filter hook input priority 0; }; add rule inet loss in meta l4proto udp numgen inc mod 15 { 0, 1, 8 } drop"},
		{"iptables -A INPUT -p udp -m statistic --mode nth --every 5 -j DROP", "ip6tables -A INPUT -p udp -m statistic --mode nth --every 5 -j DROP"},
	},
}

// lose makes a place lose datagrams.
func (p *place) lose(how string) {
	p.t.Helper()
	var said []string
	for _, way := range losses[how] {
		ok := true
		for _, line := range way {
			name, args, _ := strings.Cut(line, " ")
			words := []string{args}
			if name != "nft" {
				words = strings.Fields(args)
			}
			p.do(func() {
				if out, err := exec.Command(name, words...).CombinedOutput(); err != nil {
					ok = false
					said = append(said, fmt.Sprintf("%s: %v %s", line, err, out))
				}
			})
		}
		if ok {
			p.t.Cleanup(func() { // home outlives the test
				p.do(func() {
					_ = exec.Command("nft", "delete table inet loss").Run()
					_ = exec.Command("iptables", "-F").Run()
					_ = exec.Command("ip6tables", "-F").Run()
				})
			})
			return
		}
	}
	if os.Getenv("COAP2_REQUIRE_PEERS") == "1" {
		p.t.Fatalf("no way to lose datagrams (on Debian: apt-get install nftables): %s", said)
	}
	p.t.Skip("no way to lose datagrams: ", said)
}

// run starts a program in a place, and ends it with the test.
func (p *place) run(name string, args ...string) {
	p.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("COAP2_REQUIRE_PEERS") == "1" {
			p.t.Fatalf("%s is not installed; on Debian: apt-get install libcoap3-bin", name)
		}
		p.t.Skip(name + " is not installed")
	}
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.do(func() { err = cmd.Start() })
	require.NoError(p.t, err)
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// patient sends again sooner than usual, and goes on for as long.
var patient = protocol.Params{AckTimeout: 200 * time.Millisecond, MaxRetransmit: 8}

// named starts a node with a name in a place, and waits until it has one.
func (p *place) named(name string) *Node {
	p.t.Helper()
	has := make(chan string, 8)
	cfg := Config{Name: name, Open: p.open(udp.Config{}), Params: patient}
	cfg.Names.Changed = func(name string) { has <- name }
	n := p.node(cfg)
	<-has
	return n
}

// reached asks a node by its name, and returns its address as it knows it.
func reached(t *testing.T, n *Node, name string) string {
	t.Helper()
	res, err := n.Get(context.Background(), "coap://"+name+"/who")
	require.NoError(t, err)
	_, at, _ := strings.Cut(string(res.Payload), " asks ")
	return at
}

// TestNetNames: five nodes, one of them a plain server, on a network of IPv4 and
// IPv6, as it is and where every fifth datagram is lost. Those are lost by number: by
// chance all copies of something would be, now and then.
func TestNetNames(t *testing.T) {
	for _, loss := range []int{0, 20} {
		t.Run(fmt.Sprintf("loss %d %%", loss), func(t *testing.T) {
			ps := bridged(t, 6)
			if loss > 0 {
				for _, p := range ps {
					p.lose("by number")
				}
			}
			ps[4].run("coap-server-notls", "-g", "224.0.1.187", "-G", "e0")
			var nodes [4]*Node
			for i := 1; i < 4; i++ {
				nodes[i] = ps[i].named(fmt.Sprintf("node%d.local", i))
			}
			cli := ps[0].named("cli.local")
			for i := 1; i < 4; i++ {
				at, err := cli.Resolve(t.Context(), fmt.Sprintf("node%d.local", i))
				require.NoError(t, err)
				for _, a := range at {
					require.Contains(t, []string{fmt.Sprintf("192.0.2.%d", i+1), fmt.Sprintf("2001:db8::%d", i+1), fmt.Sprintf("fe80::%d%%e0", i+1)}, a.Addr().String())
				}
				inner := func(a netip.AddrPort) bool { return a.Addr().IsLinkLocalUnicast() }
				if from := slices.IndexFunc(at, inner); from >= 0 {
					require.False(t, slices.ContainsFunc(at[from:], func(a netip.AddrPort) bool { return !inner(a) }), "addresses of one link come last: %v", at)
				}
				reached(t, cli, fmt.Sprintf("node%d.local", i))
			}
			// A stranger, who has heard no hello.
			stranger := ps[0].node(Config{Params: patient, Open: ps[0].open(udp.Config{Addrs: []string{":0"}})})
			for i := 1; i < 4; i++ {
				reached(t, stranger, fmt.Sprintf("NODE%d.local", i))
			}
			_, err := stranger.Resolve(t.Context(), "nobody.local")
			require.ErrorContains(t, err, "nobody on the network has this name")

			// Conflict: who comes later takes another name.
			require.Equal(t, "node1-2.local", ps[5].named("node1.local").Name())
			require.Contains(t, reached(t, cli, "node1-2.local"), "6")

			// One that goes says so, and is looked for in vain.
			require.NoError(t, nodes[2].Stop(t.Context()))
			if loss == 0 {
				eventually(t, func() bool { return cli.NameStats().Goodbyes > 0 }, "a goodbye")
				_, err = cli.Resolve(t.Context(), "node2.local")
				require.ErrorContains(t, err, "nobody on the network has this name")
			}

			// One that comes back with other addresses is found there.
			require.NoError(t, nodes[3].Stop(t.Context()))
			ps[3].ip("addr flush dev e0")
			ps[3].addrs("e0", "192.0.2.33/24", "2001:db8::33/64", "fe80::33/64")
			ps[3].named("node3.local")
			require.Contains(t, reached(t, cli, "node3.local"), "33")

			// An interface goes and comes back: the node is found again, and finds.
			ps[0].ip("link set e0 down")
			_, err = cli.Resolve(t.Context(), "nobody.local")
			require.Error(t, err)
			ps[0].ip("link set e0 up", "addr flush dev e0")
			ps[0].addrs("e0", "192.0.2.1/24", "2001:db8::1/64", "fe80::1/64")
			reached(t, cli, "node1.local")
			reached(t, nodes[1], "cli.local")
		})
	}
}

// TestNetDiscover: every kind of discovery finds exactly what there is, within a few
// tries, on a network of IPv4 and IPv6 with a plain server in it.
func TestNetDiscover(t *testing.T) {
	for _, loss := range []int{0, 20} {
		t.Run(fmt.Sprintf("loss %d %%", loss), func(t *testing.T) {
			ps := bridged(t, 5)
			if loss > 0 {
				for _, p := range ps {
					p.lose("by chance")
				}
			}
			ps[4].run("coap-server-notls", "-g", "224.0.1.187", "-G", "e0")
			text := func(context.Context, *Request) (*Response, error) { return Text("x") }
			for i := 1; i < 4; i++ {
				n := ps[i].named(fmt.Sprintf("node%d.local", i))
				for at, path := range []string{"/temp", "/hum", "/both"} {
					if at+1 <= i {
						handle(t, n, path, Resource{Get: text, Attributes: []codec.Attr{{Name: "rt", Value: "rt-" + path[1:]}, {Name: "if", Value: "sensor"}}})
					}
				}
				handle(t, n, "/hidden", Resource{Get: text, Hidden: true})
			}
			cli := ps[0].node(Config{Open: ps[0].open(udp.Config{Addrs: []string{":0"}})})
			var all sync.WaitGroup
			for _, c := range []struct {
				what string
				q    Query
				want []string
			}{
				{"by name", Name("node2.local"), []string{"node2.local"}},
				{"any", Has("/hum", "/both"), []string{"node2.local", "node3.local"}},
				{"all", HasAll("/temp", "/hum"), []string{"node2.local", "node3.local"}},
				{"one", Has("/both"), []string{"node3.local"}},
				{"of a plain server", Has("/time"), []string{"plain"}},
				{"hidden", Has("/hidden"), nil},
				{"by type", Everyone().Where("rt=rt-h*"), []string{"node2.local", "node3.local"}},
				{"by interface", Everyone().Where("if=sensor"), []string{"node1.local", "node2.local", "node3.local"}},
				{"everyone", Everyone(), []string{"node1.local", "node2.local", "node3.local", "plain"}},
			} {
				all.Go(func() { // at the same time: they take seconds
					names, err := discovered(cli, c.q, len(c.want))
					assert.NoError(t, err, c.what)
					assert.Equal(t, c.want, names, c.what)
				})
			}
			all.Wait()
			require.Zero(t, cli.Stats().Panics)
		})
	}
}

// discovered returns the names of those that a discovery finds, "plain" for the plain
// server. What that says may be lost, and it is asked once in a discovery: where
// somebody is missing there is another, 40 at most (in a third of them it is missed
// where every fifth datagram is lost).
func discovered(n *Node, q Query, want int) ([]string, error) {
	var names []string
	for round := 0; round < 40 && (round == 0 || len(names) < want); round++ {
		for f, err := range n.Discover(context.Background(), q) {
			if err != nil {
				return nil, err
			}
			name := f.Name
			if f.Plain {
				name = "plain"
				if !slices.Contains([]string{"192.0.2.5:5683", "[2001:db8::5]:5683", "[fe80::5%e0]:5683"}, f.Addrs[0].String()) {
					name = "plain at " + f.Addrs[0].String()
				}
			}
			for _, l := range f.Links {
				if l.Target == "/hidden" {
					name += " with a hidden resource"
				}
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}
