package sim_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/sim"
)

// named starts a node that comes by its name as a real one does; its resource /who
// says who it is.
func named(t *testing.T, w *sim.World, host string, cfg actors.Config) *actors.Node {
	t.Helper()
	cfg.Names.Mode = actors.NamesOn
	cfg.Setup = func(n *actors.Node) error {
		_, err := n.Handle("/who", actors.Resource{Inline: true,
			Get:  func(context.Context, *actors.Request) (*actors.Response, error) { return actors.Text(host) },
			Post: func(context.Context, *actors.Request) (*actors.Response, error) { return actors.Text(host) }})
		return err
	}
	n, err := w.Node(host, cfg)
	require.NoError(t, err)
	return n
}

func who(t *testing.T, n *actors.Node, name string) string {
	t.Helper()
	res, err := n.Get(context.Background(), "coap://"+name+"/who")
	require.NoError(t, err)
	return string(res.Payload)
}

func TestNamesResolve(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	named(t, w, "h1", actors.Config{Name: "node1.local"})
	cli := named(t, w, "cli", actors.Config{Name: "cli.local"})
	require.NoError(t, w.RunFor(3*time.Second))

	// The hello has told it already; a stranger asks.
	require.Equal(t, "h1", who(t, cli, "node1.local"))
	late := named(t, w, "late", actors.Config{Name: "late.local"})
	require.NoError(t, w.RunFor(2*time.Second))
	before, sent := w.Elapsed(), late.Stats().Sent
	require.Equal(t, "h1", who(t, late, "NODE1.local"))
	require.LessOrEqual(t, w.Elapsed()-before, 15*time.Millisecond, "a round trip, and the grace")
	require.EqualValues(t, 2, late.Stats().Sent-sent)
	before = w.Elapsed()
	require.Equal(t, "h1", who(t, late, "node1.local"))
	require.Equal(t, 2*time.Millisecond, w.Elapsed()-before)

	// Many wait for one question.
	n, done := late.Stats().Sent, 0
	for range 10 {
		late.Go(actors.Request{URI: "coap://node2.local/who"}, func(_ *actors.Response, err error) {
			require.ErrorContains(t, err, "nobody on the network has this name")
			require.ErrorContains(t, err, "--resolve node2.local=ADDRESS")
			done++
		})
	}
	require.NoError(t, w.RunFor(3*time.Second))
	require.Equal(t, 10, done)
	require.EqualValues(t, 4, late.Stats().Sent-n)
	_, err := late.Get(context.Background(), "coap://node2.local/who")
	require.ErrorContains(t, err, "nobody")
	require.EqualValues(t, 4, late.Stats().Sent-n, "remembered")
	named(t, w, "h2", actors.Config{Name: "node2.local"})
	require.NoError(t, w.RunFor(time.Second))
	require.Equal(t, "h2", who(t, late, "node2.local"), "a hello ends it")

	// Other names are the system's, and an address is an address.
	_, err = late.Get(context.Background(), "coap://node1.example/who")
	require.ErrorContains(t, err, "sim: no node has the name")
	require.Equal(t, "h1", who(t, late, "h1"), "the system knows a name that nobody answers to")
	at, err := late.Resolve(context.Background(), "node1.local")
	require.NoError(t, err)
	require.Equal(t, []netip.AddrPort{w.Addr("h1")}, at)
	require.NoError(t, w.RunUntilIdle(time.Hour))
	require.Empty(t, w.Violations())
}

func TestNamesConfigured(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	named(t, w, "h1", actors.Config{Name: "node1.local"})
	cli := named(t, w, "cli", actors.Config{Resolve: map[string]netip.AddrPort{"Other.example.": netip.AddrPortFrom(w.Addr("h1").Addr(), 0)}})
	require.Equal(t, "h1", who(t, cli, "other.example"))
}

// Two nodes with one name: who comes later takes another, or none.
func TestNamesConflict(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		w := sim.New(1)
		first := named(t, w, "h1", actors.Config{Name: "node.local"})
		require.NoError(t, w.RunFor(2*time.Second))
		var told []string
		cfg := actors.Config{Name: "node.local"}
		cfg.Names.Probe.Refuse = refuse
		cfg.Names.Changed = func(name string) { told = append(told, name) }
		second := named(t, w, "h2", cfg)
		require.NoError(t, w.RunFor(2*time.Second))
		require.Equal(t, "node.local", first.Name())
		cli := named(t, w, "cli", actors.Config{})
		require.Equal(t, "h1", who(t, cli, "node.local"))
		if refuse {
			require.Equal(t, "", second.Name())
			require.Equal(t, []string{""}, told)
		} else {
			require.Equal(t, "node-2.local", second.Name())
			require.Equal(t, []string{"node-2.local"}, told)
			require.Equal(t, "h2", who(t, cli, "node-2.local"))
		}
		w.Close()
	}
}

// Two that come at the same time, over many seeds and with loss: one gets the name,
// the other another.
func TestNamesTie(t *testing.T) {
	for seed := range uint64(20) {
		w := sim.New(seed)
		a := named(t, w, "h1", actors.Config{Name: "node.local"})
		b := named(t, w, "h2", actors.Config{Name: "node.local"})
		require.NoError(t, w.RunFor(5*time.Second))
		require.ElementsMatch(t, []string{"node.local", "node-2.local"}, []string{a.Name(), b.Name()})
		require.Empty(t, w.Violations())
		w.Close()
	}
}

// Two networks become one: of two holders one gives way, whoever hears of it.
func TestNamesMerge(t *testing.T) {
	w := sim.New(3)
	defer w.Close()
	remove := w.Fault(sim.Fault{From: "h1", To: "h2", Verdict: sim.Verdict{Drop: true}})
	back := w.Fault(sim.Fault{From: "h2", To: "h1", Verdict: sim.Verdict{Drop: true}})
	a := named(t, w, "h1", actors.Config{Name: "node.local"})
	b := named(t, w, "h2", actors.Config{Name: "node.local"})
	require.NoError(t, w.RunFor(5*time.Second))
	require.Equal(t, []string{"node.local", "node.local"}, []string{a.Name(), b.Name()})
	cli := named(t, w, "cli", actors.Config{})
	_, err := cli.Get(context.Background(), "coap://node.local/who")
	var conflict *actors.ConflictError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, "node.local", conflict.Name)
	require.NotEqual(t, conflict.Instances[0], conflict.Instances[1])
	remove()
	back()
	// Somebody says hello: the first that is started again.
	require.NoError(t, w.Crash("h1"))
	a, err = w.Restart("h1")
	require.NoError(t, err)
	require.NoError(t, w.RunFor(5*time.Second))
	require.ElementsMatch(t, []string{"node.local", "node-2.local"}, []string{a.Name(), b.Name()})
}

// A node that goes says so; one that comes back elsewhere is found there.
func TestNamesMove(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	h := named(t, w, "h1", actors.Config{Name: "node.local"})
	cfg := actors.Config{}
	var heard []actors.NameEvent
	cfg.Names.Heard = func(e actors.NameEvent) { heard = append(heard, e) }
	cli := named(t, w, "cli", cfg)
	require.NoError(t, w.RunFor(3*time.Second))
	require.Equal(t, "h1", who(t, cli, "node.local"))
	require.Len(t, heard, 2)
	require.Equal(t, "node.local", heard[0].Name)
	require.Equal(t, w.Addr("h1"), heard[0].Addr)
	require.NoError(t, h.Stop(w.Context()))
	require.NoError(t, w.RunFor(time.Second))
	require.True(t, heard[2].Goodbye)
	require.Equal(t, heard[0].Instance, heard[2].Instance)
	_, err := cli.Get(context.Background(), "coap://node.local/who")
	require.ErrorContains(t, err, "nobody on the network")

	// It comes back, and crashes: no goodbye. Another has its name then, elsewhere.
	_, err = w.Restart("h1")
	require.NoError(t, err)
	require.NoError(t, w.RunFor(3*time.Second))
	require.Equal(t, heard[0].Instance, heard[len(heard)-1].Instance, "its identity lasts")
	require.Equal(t, "h1", who(t, cli, "node.local"))
	require.NoError(t, w.Crash("h1"))
	remove := w.Fault(sim.Fault{To: "cli", Match: func(p *sim.Packet) bool { return p.Multicast }, Verdict: sim.Verdict{Drop: true}}) // the hello is lost
	named(t, w, "h2", actors.Config{Name: "node.local"})
	require.NoError(t, w.RunFor(3*time.Second))
	remove()
	require.Equal(t, "h2", who(t, cli, "node.local"), "asked again because nobody answered")
	// What is not safe is not repeated, but the next one goes right.
	require.NoError(t, w.Crash("h2"))
	remove = w.Fault(sim.Fault{To: "cli", Match: func(p *sim.Packet) bool { return p.Multicast }, Verdict: sim.Verdict{Drop: true}})
	named(t, w, "h3", actors.Config{Name: "node.local"})
	require.NoError(t, w.RunFor(3*time.Second))
	remove()
	_, err = cli.Post(context.Background(), "coap://node.local/who", 0, nil)
	require.ErrorIs(t, err, actors.ErrTimeout)
	res, err := cli.Post(context.Background(), "coap://node.local/who", 0, nil)
	require.NoError(t, err)
	require.Equal(t, "h3", string(res.Payload))
}

// What a node knows survives a crash, and rubbish is no reason to fail.
func TestNamesLast(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	named(t, w, "h1", actors.Config{Name: "node.local"})
	named(t, w, "cli", actors.Config{Name: "cli.local"})
	cli, err := w.Lookup("cli")
	require.NoError(t, err)
	require.NoError(t, w.RunFor(time.Second))
	require.Equal(t, "h1", who(t, cli, "node.local"))
	require.NoError(t, w.RunFor(3*time.Second))
	kept, ok := w.Store("cli").Get("names.json")
	require.True(t, ok)
	require.Contains(t, string(kept), `"node.local"`)
	require.Contains(t, string(kept), `"wish": "cli.local"`)
	require.NoError(t, w.Crash("cli"))
	cli, err = w.Restart("cli")
	require.NoError(t, err)
	sent := cli.Stats().Sent
	require.Equal(t, "h1", who(t, cli, "node.local"))
	require.LessOrEqual(t, cli.Stats().Sent-sent, uint64(2), "a request, and perhaps a probe")

	require.NoError(t, w.RunFor(3*time.Second))
	require.NoError(t, w.Crash("cli"))
	w.Store("cli").Put("names.json", kept[:len(kept)/2])
	cli, err = w.Restart("cli")
	require.NoError(t, err)
	require.NoError(t, w.RunFor(3*time.Second))
	require.Equal(t, "cli.local", cli.Name())
	kept, _ = w.Store("cli").Get("names.json")
	require.NotContains(t, string(kept), `"node.local"`)
}

// A flood of hellos under made-up names: bounded, and nothing that is known suffers.
func TestNamesFlood(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	named(t, w, "h1", actors.Config{Name: "node.local"})
	cli := named(t, w, "cli", actors.Config{Name: "cli.local"})
	require.NoError(t, w.RunFor(2*time.Second))
	require.Equal(t, "h1", who(t, cli, "node.local"))
	group := netip.MustParseAddrPort("224.0.1.187:5683")
	said := func(i int, name string, id protocol.InstanceID, goodbye bool) {
		p, err := w.Peer(fmt.Sprint("evil", i))
		require.NoError(t, err)
		h := protocol.Hello{ID: id, Goodbye: goodbye}
		m := codec.Message{Type: codec.NON, Code: codec.POST, MessageID: uint16(i), Options: codec.Options{
			codec.StringOption(codec.OptionURIPath, ".well-known"), codec.StringOption(codec.OptionURIPath, "core"), codec.NoResponse(26),
			codec.StringOption(codec.OptionDiscovery, name), codec.OpaqueOption(codec.OptionDiscoveryRound, h.Append(nil))}}
		b, err := m.Append(nil)
		require.NoError(t, err)
		require.NoError(t, p.Send(group, b))
	}
	for i := range 2000 {
		said(i, fmt.Sprintf("x%d.local", i), protocol.InstanceID{byte(i)}, false)
	}
	for i, name := range []string{"node.local", "cli.local", "a\x1b[2J.local", strings.Repeat("a", 255), "", "..", "/root"} {
		said(3000+2*i, name, protocol.InstanceID{1}, false)
		said(3001+2*i, name, protocol.InstanceID{1}, true)
	}
	require.NoError(t, w.RunFor(5*time.Second))
	require.Equal(t, "cli.local", cli.Name(), "asked, and nobody else has it")
	s := cli.NameStats()
	require.Equal(t, protocol.DefaultNames, s.Names)
	require.NotZero(t, s.Refused)
	require.Equal(t, "h1", who(t, cli, "node.local"))
	require.Zero(t, cli.Stats().Panics)
}

// Who waits for a name when the node stops is told.
func TestNamesStop(t *testing.T) {
	w := sim.New(1)
	defer w.Close()
	cli := named(t, w, "cli", actors.Config{Name: "cli.local"})
	require.NoError(t, w.RunFor(3*time.Second))
	var errs []error
	for range 2 {
		w.Go(func(ctx context.Context) {
			_, err := cli.Resolve(ctx, "nobody.local")
			errs = append(errs, err)
		})
	}
	require.NoError(t, w.RunFor(100*time.Millisecond))
	require.NoError(t, cli.Stop(w.Context()))
	require.NoError(t, w.RunFor(time.Second))
	require.Len(t, errs, 2)
	for _, err := range errs {
		require.ErrorIs(t, err, actors.ErrStopped)
	}
	_, err := cli.Resolve(context.Background(), "nobody.local")
	require.ErrorIs(t, err, actors.ErrStopped)
}
