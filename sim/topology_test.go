package sim_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/sim"
)

func TestScopes(t *testing.T) {
	for group, want := range map[string]sim.Scope{
		"ff01::1": sim.InterfaceLocal, "ff02::fd": sim.LinkLocal, "ff03::fd": sim.RealmLocal, "ff14::1": sim.AdminLocal, "ff05::fd": sim.SiteLocal,
		"ff38::1": sim.OrgLocal, "ff0e::fd": sim.Global, "ff06::1": 6, "224.0.0.251": sim.LinkLocal, "224.0.1.187": sim.Global,
		"239.255.0.1": sim.RealmLocal, "239.192.0.1": sim.OrgLocal, "239.195.255.255": sim.OrgLocal, "239.196.0.0": sim.SiteLocal, "::ffff:239.255.1.1": sim.RealmLocal,
	} {
		require.Equal(t, want, sim.ScopeOf(netip.MustParseAddr(group)), group)
	}
	for _, s := range []sim.Scope{sim.InterfaceLocal, sim.LinkLocal, sim.RealmLocal, sim.AdminLocal, sim.SiteLocal, sim.OrgLocal, sim.Global} {
		again, err := sim.ParseScope(s.String())
		require.NoError(t, err)
		require.Equal(t, s, again)
	}
	require.Equal(t, "scope 6", sim.Scope(6).String())
	_, err := sim.ParseScope("village")
	require.ErrorContains(t, err, "is no scope")
	for _, o := range []sim.Oversize{sim.Fragment, sim.Blackhole, sim.TooBig} {
		again, err := sim.ParseOversize(o.String())
		require.NoError(t, err)
		require.Equal(t, o, again)
	}
	_, err = sim.ParseOversize("shrink")
	require.ErrorContains(t, err, "shrink")
	require.Equal(t, "Oversize(9)", sim.Oversize(9).String())
	require.Equal(t, "Cause(99)", sim.Cause(99).String())
}

// campus makes this network, of which the first of each segment is the sender:
//
//	backbone: out
//	└─ site (border site): s
//	   ├─ lab (border realm): l1 l2
//	   └─ hall: h
func campus(t *testing.T) *crowd {
	c := newCrowd(t, 1)
	for i, name := range []string{"out", "s", "l1", "l2", "h"} {
		c.add(name, fmt.Sprintf("10.0.0.%d:5683", i+1), fmt.Sprintf("[2001:db8::%d]:5683", i+1), fmt.Sprintf("[fe80::%d]:5683", i+1))
	}
	require.NoError(t, c.w.Segment(sim.Segment{Name: "site", Nodes: "s", Border: sim.SiteLocal}))
	require.NoError(t, c.w.Segment(sim.Segment{Name: "lab", Nodes: "l*", Up: "site", Border: sim.RealmLocal}))
	require.NoError(t, c.w.Segment(sim.Segment{Name: "hall", Nodes: "h", Up: "site"}))
	return c
}

func (c *crowd) reached(from, group string) string {
	g := netip.MustParseAddrPort(group)
	for name := range c.peers {
		require.NoError(c.t, c.w.Join(name, g.Addr()))
	}
	require.NoError(c.t, c.peers[from].Send(g, []byte("x")))
	c.w.RunFor(time.Second)
	var names []string
	for _, name := range []string{"out", "s", "l1", "l2", "h", "a", "b", "c"} {
		if len(c.texts(name)) > 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestSegments(t *testing.T) {
	c := campus(t)
	for _, x := range []struct{ from, group, want string }{
		{"l1", "[ff01::fd]:5683", ""},
		{"l1", "[ff02::fd]:5683", "l2"},
		{"l1", "[ff03::fd]:5683", "l2"},
		{"l1", "[ff04::fd]:5683", "s l2 h"},
		{"l1", "[ff05::fd]:5683", "s l2 h"},
		{"l1", "[ff08::fd]:5683", "out s l2 h"},
		{"l1", "[ff0e::fd]:5683", "out s l2 h"},
		{"h", "[ff03::fd]:5683", "s"},
		{"h", "[ff04::fd]:5683", "s l1 l2"},
		{"out", "[ff05::fd]:5683", ""},
		{"out", "[ff08::fd]:5683", "s l1 l2 h"},
		{"l1", "224.0.0.251:5683", "l2"},
		{"l1", "239.255.0.1:5683", "l2"},
		{"l1", "239.1.0.1:5683", "s l2 h"},
		{"l1", "239.192.0.1:5683", "out s l2 h"},
		{"l1", "224.0.1.187:5683", "out s l2 h"},
	} {
		require.Equal(t, x.want, c.reached(x.from, x.group), "from %s to %s", x.from, x.group)
	}
	// Who is not in the scope is not a member, and loses nothing.
	require.Zero(t, c.lost(sim.LostByHopLimit))

	// Each router takes one hop.
	for hops, want := range []string{"out s l2 h", "l2", "s l2", "out s l2 h", "out s l2 h"} {
		require.NoError(t, c.w.Interface("l1", sim.Interface{GroupHopLimit: hops, HopLimit: hops}))
		require.Equal(t, want, c.reached("l1", "224.0.1.187:5683"), "hop limit %d", hops)
	}
	require.NoError(t, c.w.Interface("l1", sim.Interface{HopLimit: 2, GroupHopLimit: 1}))
	before := c.lost(sim.LostByHopLimit)
	c.send("l1", "s", "x")
	c.send("l1", "h", "x")
	c.w.RunFor(time.Second)
	require.Len(t, c.texts("s"), 1)
	require.Empty(t, c.texts("h"))
	require.Equal(t, before+1, c.lost(sim.LostByHopLimit))

	// Link-local addresses are found on the own segment only.
	linkLocal := func(n int) netip.AddrPort { return netip.MustParseAddrPort(fmt.Sprintf("[fe80::%d]:5683", n)) }
	require.NoError(t, c.peers["l1"].Send(linkLocal(4), []byte("x")))
	require.NoError(t, c.peers["l1"].Send(linkLocal(2), []byte("x")))
	c.w.RunFor(time.Second)
	require.Len(t, c.texts("l2"), 1)
	require.Equal(t, 1, c.lost(sim.LostUnreachable))

	// Rules can be for segments; the one that was set last counts.
	require.NoError(t, c.w.Link("@site", "@lab", sim.Link{Loss: 1}))
	require.Equal(t, "h", c.reached("s", "[ff05::fd]:5683"))
	require.NoError(t, c.w.Segment(sim.Segment{Name: "lab", Nodes: "l2", Up: "site"}))
	require.Equal(t, "out l1 h", c.reached("s", "[ff08::fd]:5683"))
	require.NoError(t, c.w.Leave("h", netip.MustParseAddr("ff05::fd")))
	require.NoError(t, c.peers["s"].Send(netip.MustParseAddrPort("[ff05::fd]:5683"), []byte("x")))
	c.w.RunFor(time.Second)
	require.Empty(t, c.texts("h"))
}

// TestSegmentRate: what passes a router shares it, and to a group it passes once.
func TestSegmentRate(t *testing.T) {
	c := newCrowd(t, 1, "out", "a", "b", "c")
	require.NoError(t, c.w.Link("", "", sim.Link{}))
	require.NoError(t, c.w.Segment(sim.Segment{Name: "lab", Nodes: "a,b,c", Rate: sim.Rate{Bandwidth: 10_000, Queue: 300}}))
	x := strings.Repeat("x", 72)
	require.NoError(t, c.peers["out"].Send(allNodes, []byte(x)))
	c.send("out", "a", x)
	c.send("out", "b", x, x) // the queue is full
	c.send("a", "out", x)    // the other direction
	c.send("a", "b", x)      // does not pass the router
	c.w.RunFor(time.Second)
	at := func(name string) (ms []int) {
		for _, a := range c.got[name] {
			ms = append(ms, int(a.at/time.Millisecond))
		}
		return ms
	}
	require.Equal(t, []int{10, 20}, at("a"))
	require.Equal(t, []int{0, 10, 30}, at("b"))
	require.Equal(t, []int{10}, at("c"))
	require.Equal(t, []int{10}, at("out"))
	require.Equal(t, 1, c.lost(sim.LostInQueue))
}

func TestNAT(t *testing.T) {
	c := newCrowd(t, 1, "in1", "in2", "out")
	require.NoError(t, c.w.NAT(sim.NAT{Nodes: "in*", Addr: netip.MustParseAddr("192.0.2.1"), Idle: time.Minute}))
	source := func() string {
		defer c.texts("out")
		c.w.RunFor(time.Second)
		require.Len(t, c.from["out"], 1)
		return c.from["out"][0].Peer.Addr.String()
	}
	require.False(t, c.w.Outside("in1").IsValid())
	c.send("in1", "out", "x")
	require.Equal(t, "192.0.2.1:1024", source())
	require.Equal(t, "192.0.2.1:1024", c.w.Outside("in1").String())
	require.NoError(t, c.peers["in2"].Send(allNodes, []byte("x")))
	require.Equal(t, "192.0.2.1:1025", source())
	// Inside, everyone has his own address.
	require.Equal(t, c.w.Addr("in2"), c.from["in1"][0].Peer.Addr)
	c.texts("in1")
	c.send("in2", "in1", "direct")
	c.w.RunFor(time.Second)
	require.Equal(t, c.w.Addr("in2"), c.from["in1"][0].Peer.Addr)
	require.Equal(t, []string{"direct"}, c.texts("in1"))

	// The answer comes to the address that was sent from, and not to the own.
	answer := func(to netip.AddrPort) []string {
		require.NoError(t, c.peers["out"].Send(to, []byte("answer")))
		c.w.RunFor(time.Second)
		if len(c.from["in1"]) > 0 {
			require.Equal(t, c.w.Addr("in1"), c.from["in1"][0].Local)
		}
		return c.texts("in1")
	}
	old := c.w.Outside("in1")
	require.Len(t, answer(old), 1)
	require.Empty(t, answer(c.w.Addr("in1")))
	require.Equal(t, 1, c.lost(sim.LostUnreachable))
	// From inside by the outside address.
	require.NoError(t, c.peers["in2"].Send(old, []byte("x")))
	c.w.RunFor(time.Second)
	require.Equal(t, c.w.Outside("in2"), c.from["in1"][0].Peer.Addr)
	c.texts("in1")

	// After Rebind it is another, and the old one finds nobody.
	require.NoError(t, c.w.Rebind("in1"))
	require.Empty(t, answer(old))
	c.send("in1", "out", "x")
	require.Equal(t, "192.0.2.1:1026", source())
	require.Empty(t, answer(old))
	require.Len(t, answer(c.w.Outside("in1")), 1)
	// What is sent keeps a mapping alive, what comes does not.
	for range 3 {
		c.w.RunFor(40 * time.Second)
		c.send("in1", "out", "x")
		require.Equal(t, "192.0.2.1:1026", source())
	}
	c.w.RunFor(40 * time.Second)
	require.Len(t, answer(c.w.Outside("in1")), 1)
	c.w.RunFor(40 * time.Second)
	require.Empty(t, answer(netip.MustParseAddrPort("192.0.2.1:1026")))
	require.False(t, c.w.Outside("in1").IsValid())
	c.send("in1", "out", "x")
	require.Equal(t, "192.0.2.1:1027", source())

	// Who is behind none gets one of his own.
	require.Equal(t, c.w.Addr("out"), c.w.Outside("out"))
	require.NoError(t, c.w.Rebind("out"))
	c.send("out", "in1", "x") // there is nobody to answer, but a mapping is made
	require.Equal(t, "10.0.0.3:1024", c.w.Outside("out").String())
	require.ErrorContains(t, c.w.Rebind("nobody"), "no node or peer")
	require.False(t, c.w.Outside("nobody").IsValid())
	require.ErrorContains(t, c.w.NAT(sim.NAT{Nodes: "x", Addr: netip.MustParseAddr("224.0.0.1")}), "unicast")
	require.ErrorContains(t, c.w.NAT(sim.NAT{Nodes: "x", Idle: -1}), "Idle")
	require.ErrorContains(t, c.w.NAT(sim.NAT{Nodes: "[", Idle: -1}), "pattern")
}

// TestNetworkErrors: what is impossible is refused with the name of the field.
func TestNetworkErrors(t *testing.T) {
	c := newCrowd(t, 1, "a")
	w := c.w
	for want, err := range map[string]error{
		"Link.Corrupt is 2":         w.Link("", "", sim.Link{Corrupt: 2}),
		"Link.Jitter is -1ns":       w.Link("", "", sim.Link{Jitter: -1}),
		"Link.MTU is 67":            w.Link("", "", sim.Link{MTU: 67}),
		"Link.Oversize":             w.Link("", "", sim.Link{Oversize: 3}),
		"Rate.Bandwidth is -1":      w.Link("", "", sim.Link{Rate: sim.Rate{Bandwidth: -1}}),
		"Rate.Queue is -1":          w.Interface("", sim.Interface{Rate: sim.Rate{Queue: -1}}),
		"Interface.MTU is 1":        w.Interface("", sim.Interface{MTU: 1}),
		"Interface.Buffer is -1":    w.Interface("", sim.Interface{Buffer: -1}),
		"Interface.HopLimit is 256": w.Interface("", sim.Interface{HopLimit: 256}),
		"Interface.Service":         w.Interface("", sim.Interface{Service: -1}),
		`pattern "a["`:              w.Link("a[", "", sim.Link{}),
		`pattern "b["`:              w.Link("", "b[", sim.Link{}),
		`pattern "c["`:              w.Interface("c[", sim.Interface{}),
		"no name for a segment":     w.Segment(sim.Segment{Name: "a b", Nodes: "a"}),
		"Nodes is empty":            w.Segment(sim.Segment{Name: "x"}),
		`pattern "d["`:              w.Segment(sim.Segment{Name: "x", Nodes: "d["}),
		"Border is 16":              w.Segment(sim.Segment{Name: "x", Nodes: "a", Border: 16}),
		`no segment "y" above it`:   w.Segment(sim.Segment{Name: "x", Nodes: "a", Up: "y"}),
		"no name for a set":         w.Set("a b", func(string) bool { return true }),
		"function is nil":           w.Set("x", nil),
		"no node or peer":           w.Join("x", netip.MustParseAddr("224.0.1.187")),
		"no multicast address":      w.Join("a", netip.MustParseAddr("10.0.0.1")),
		"was not joined":            w.Leave("a", netip.MustParseAddr("224.0.1.188")),
	} {
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, w.Segment(sim.Segment{Name: "x", Nodes: "@x"}))
	require.ErrorContains(t, w.Segment(sim.Segment{Name: "x", Nodes: "a", Up: "x"}), "above itself")
	require.ErrorContains(t, w.Set("x", func(string) bool { return true }), "a segment has that name")
	require.NoError(t, w.Set("y", func(string) bool { return true }))
	require.ErrorContains(t, w.Segment(sim.Segment{Name: "y", Nodes: "a"}), "is that of a set")
	require.NoError(t, w.Segment(sim.Segment{Name: "z", Nodes: "a", Up: "x"}))
	require.ErrorContains(t, w.Segment(sim.Segment{Name: "z", Nodes: "a"}), "stays there")
	require.Error(t, (&sim.Fault{From: "["}).Validate())
	require.Error(t, (&sim.Fault{To: "["}).Validate())
	w.Fault(sim.Fault{From: "[", Verdict: sim.Verdict{Drop: true}}) // hits nobody
	c.add("b")
	c.send("a", "b", "x")
	w.RunFor(time.Second)
	require.Len(t, c.texts("b"), 1)
}
