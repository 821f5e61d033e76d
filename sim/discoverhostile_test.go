package sim_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/sim"
)

// A flood of discoveries gets a bounded number of answers, whatever they ask.
func TestDiscoverFlood(t *testing.T) {
	w, _ := hall(t, 4, 1, sim.Link{Latency: time.Millisecond})
	defer w.Close()
	p, err := w.Peer("flood")
	require.NoError(t, err)
	answers := 0
	p.OnReceive = func(netio.Datagram) { answers++ }
	rnd := w.Rand("flood", "bytes")
	group := netip.MustParseAddrPort("224.0.1.187:5683")
	for i := range 5000 {
		m := codec.Message{Type: codec.NON, Code: codec.GET, MessageID: uint16(i), Token: codec.TokenFromUint64(rnd.Uint64()), Options: codec.Options{
			codec.StringOption(codec.OptionURIPath, ".well-known"), codec.StringOption(codec.OptionURIPath, "core"),
			codec.StringOption(codec.OptionDiscovery, []string{"", "s0", "/temp", "&/temp", "\x1b", "/a,,"}[i%6]),
		}}
		if i%2 == 0 { // bits without sense, but no window
			b := make([]byte, rnd.IntN(40))
			for k := range b {
				b[k] = byte(rnd.Uint32())
			}
			if len(b) > 8 {
				b[7], b[8] = 0, 0
			}
			m.Options = m.Options.Add(codec.OpaqueOption(codec.OptionDiscoveryRound, b))
		}
		data, err := m.Append(nil)
		require.NoError(t, err)
		require.NoError(t, p.Send(group, data))
	}
	require.NoError(t, w.RunFor(20*time.Second))
	require.Greater(t, answers, 0)
	require.LessOrEqual(t, answers, 2*(protocol.DefaultResponderBurst+1), "of two nodes")
	require.Empty(t, w.Violations())
}

// A thousand names from one address, answers without the token, names that would harm
// a terminal: the search ends, takes a bounded number, and tells of none that could.
func TestDiscoverForged(t *testing.T) {
	w, cli := hall(t, 5, 3, sim.Link{Latency: time.Millisecond})
	defer w.Close()
	p, err := w.Peer("forger")
	require.NoError(t, err)
	sent := uint64(0)
	p.OnReceive = func(d netio.Datagram) {
		var m codec.Message
		if m.Parse(d.Data) != nil || m.Code != codec.GET {
			return
		}
		for i := range 200 {
			sent++
			var id [8]byte
			binary.BigEndian.PutUint64(id[:], sent)
			a := codec.Message{Type: codec.NON, Code: codec.Content, MessageID: uint16(sent), Token: m.Token, Payload: []byte("</temp>"), Options: codec.Options{
				codec.ContentFormat(codec.LinkFormat), codec.StringOption(codec.OptionDiscovery, []string{"x\x1b[2J", "ok", "", "\xff"}[i%4]), codec.OpaqueOption(codec.OptionDiscoveryRound, id[:]),
			}}
			if i%3 == 0 {
				a.Token = codec.TokenFromUint64(sent)
			}
			data, err := a.Append(nil)
			require.NoError(t, err)
			require.NoError(t, p.Send(d.Peer.Addr, data))
		}
	}
	found, conflicts := 0, 0
	before := w.Elapsed()
	for f, err := range cli.Discover(context.Background(), actors.Query{CoAP2: true, Wait: 5 * time.Second}) {
		var c *actors.ConflictError
		switch {
		case err == nil:
			require.Contains(t, []string{"ok", "", "s0", "s1", "s2"}, f.Name)
			found++
		default:
			require.ErrorAs(t, err, &c)
			conflicts++
		}
	}
	require.LessOrEqual(t, w.Elapsed()-before, 5*time.Second)
	require.Positive(t, conflicts)
	require.LessOrEqual(t, uint64(found), sent)
}

// A discovery can be given up at any time, and tells why it cannot begin.
func TestDiscoverEnds(t *testing.T) {
	w, cli := hall(t, 6, 20, sim.Link{Latency: time.Millisecond})
	defer w.Close()
	for range cli.Discover(context.Background(), actors.Everyone()) {
		break
	}
	ctx, cancel := w.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	var last error
	for _, err := range cli.Discover(ctx, actors.Everyone()) {
		last = err
	}
	require.ErrorIs(t, last, context.DeadlineExceeded)
	for _, q := range []actors.Query{actors.Name("a b"), actors.Has("temp"), {Name: "a", Resources: []string{"/x"}}, actors.Everyone().Where("x"), actors.Everyone().Where("a=1", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1", "a=1")} {
		n := 0
		for _, err := range cli.Discover(context.Background(), q) {
			require.Error(t, err)
			n++
		}
		require.Equal(t, 1, n)
	}
	found, ended := 0, 0
	s, err := cli.Search(actors.Query{CoAP2: true}, func(_ actors.Found, err error, end bool) {
		if end {
			require.ErrorIs(t, err, actors.ErrCanceled)
			ended++
		} else {
			found++
		}
	})
	require.NoError(t, err)
	require.NoError(t, w.RunFor(400*time.Millisecond))
	s.Cancel()
	s.Cancel()
	require.NoError(t, w.RunFor(time.Second))
	require.Positive(t, found)
	require.Equal(t, 1, ended)
	require.NoError(t, w.RunUntilIdle(time.Hour))
	require.Empty(t, w.Violations())
}
