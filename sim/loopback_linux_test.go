package sim_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
	"github.com/coap2/coap2/sim"
)

// The same ten nodes do the same on sockets of 127.0.0.1 to 127.0.0.10 and in a
// World. Nothing in it depends on how fast the machine is: nobody retransmits.

const places = 10

// isDoubled reports whether a datagram from one node to the next arrives twice:
// the NON requests. (Whether a CON request that comes twice is answered twice
// depends on whether both are read at once.)
func isDoubled(data []byte) bool {
	return codec.Type(data[0]>>4&3) == codec.NON && data[1] == byte(codec.GET)
}

var patient = protocol.Params{AckTimeout: 10 * time.Minute}

// ledger is what was sent: messages by the way that they went, without what is
// random in them.
type ledger struct {
	sync.Mutex
	name     map[netip.AddrPort]string
	messages map[string][]string
	bytes    map[string]int
	outcomes map[string][]string
}

func newLedger() *ledger {
	return &ledger{name: map[netip.AddrPort]string{}, messages: map[string][]string{}, bytes: map[string]int{}, outcomes: map[string][]string{}}
}

func (l *ledger) send(from string, to netip.AddrPort, data []byte) {
	l.Lock()
	defer l.Unlock()
	var m codec.Message
	text := fmt.Sprintf("raw %x", data)
	if m.Parse(data) == nil {
		m.MessageID = 0
		if m.Token.Len() > 0 {
			m.Token = codec.TokenFromUint64(uint64(m.Token.Len()) << 56)
		}
		text = fmt.Sprintf("%v (%d bytes)", &m, len(data))
	}
	way := from + " → " + l.name[to]
	l.messages[way] = append(l.messages[way], text)
	l.bytes[way] += len(data)
}

func (l *ledger) end(node, request string, res *actors.Response, err error) {
	l.Lock()
	defer l.Unlock()
	text := request + ": "
	var ce *actors.CodeError
	switch {
	case errors.As(err, &ce):
		text += ce.Code.String()
	case err != nil:
		text += "fails: " + errors.Unwrap(err).Error()
	case res == nil:
		text += "pong"
	default:
		text += fmt.Sprintf("%v %q separate=%v", res.Code, res.Payload, res.Separate)
	}
	l.outcomes[node] = append(l.outcomes[node], text)
}

// sorted puts the messages of each way in an order: what a node asks and what it
// answers come in between each other as it happens.
func (l *ledger) sorted() *ledger {
	for _, ms := range l.messages {
		slices.Sort(ms)
	}
	return l
}

// counted is a transport that notes what is sent, and sends some of it twice.
type counted struct {
	netio.Transport
	from string
	next netip.AddrPort // what goes there is doubled
	l    *ledger
}

func (c *counted) WriteTo(d netio.Datagram) error {
	_, err := c.WriteBatch([]netio.Datagram{d})
	return err
}

func (c *counted) WriteBatch(ds []netio.Datagram) (int, error) {
	for i, d := range ds {
		c.l.send(c.from, d.Peer.Addr, d.Data)
		copies := 1
		if d.Peer.Addr == c.next && isDoubled(d.Data) {
			copies = 2
		}
		for range copies {
			if err := c.Transport.WriteTo(d); err != nil {
				return i, err
			}
		}
	}
	return len(ds), nil
}

func placeName(i int) string { return fmt.Sprintf("n%d", i%places) }

// furnish gives a node what it serves.
func furnish(n *actors.Node) error {
	said := func(text string) actors.Handler {
		return func(context.Context, *actors.Request) (*actors.Response, error) { return actors.Text(text) }
	}
	for path, r := range map[string]actors.Resource{
		"/inline":   {Inline: true, Get: said("inline")},
		"/separate": {Separate: true, Get: said("separate")},
		"/store": {Post: func(context.Context, *actors.Request) (*actors.Response, error) { return actors.Status(codec.Created) },
			Put: func(_ context.Context, r *actors.Request) (*actors.Response, error) {
				return actors.Text(fmt.Sprint(len(r.Payload)))
			}},
		"/broken": {Get: func(context.Context, *actors.Request) (*actors.Response, error) {
			return nil, actors.Errorf(codec.BadGateway, "not today")
		}},
	} {
		if _, err := n.Handle(path, r); err != nil {
			return err
		}
	}
	return nil
}

// ask is what node i does; address tells where the others are.
func ask(ctx context.Context, n *actors.Node, i int, address func(string) netip.AddrPort, l *ledger) {
	for k := 1; k < places; k++ {
		at := "coap://" + address(placeName(i+k)).String()
		for _, r := range []actors.Request{
			{Method: codec.GET, URI: at + "/inline"},
			{Method: codec.GET, URI: at + "/inline", NonConfirmable: true},
			{Method: codec.GET, URI: at + "/separate"},
			{Method: codec.POST, URI: at + "/store", Payload: []byte(strings.Repeat("x", 10*k))},
			{Method: codec.PUT, URI: at + "/store?k=1", Payload: []byte(strings.Repeat("x", 900)), Options: codec.Options{codec.ContentFormat(codec.TextPlain)}},
			{Method: codec.DELETE, URI: at + "/store"},
			{Method: codec.GET, URI: at + "/none"},
			{Method: codec.GET, URI: at + "/broken"},
		} {
			r.Params = patient
			_, path, _ := strings.Cut(strings.TrimPrefix(r.URI, "coap://"), "/")
			res, err := n.Do(ctx, r)
			l.end(placeName(i), fmt.Sprintf("%d %v %s", k, r.Method, path), res, err)
		}
		_, err := n.Ping(ctx, at)
		l.end(placeName(i), fmt.Sprintf("%d ping", k), nil, err)
	}
}

func onLoopback(t *testing.T) *ledger {
	l := newLedger()
	nodes, transports := make([]*actors.Node, places), make([]*counted, places)
	for i := range places {
		tr, err := udp.Open(udp.Config{Addrs: []string{fmt.Sprintf("127.0.0.%d:0", i+1)}})
		require.NoError(t, err)
		transports[i] = &counted{Transport: tr, from: placeName(i), l: l}
		l.name[tr.Local()[0]] = placeName(i)
	}
	address := func(name string) netip.AddrPort {
		for a, n := range l.name {
			if n == name {
				return a
			}
		}
		return netip.AddrPort{}
	}
	for i := range places {
		transports[i].next = address(placeName(i + 1))
		n, err := actors.Start(actors.Config{Name: placeName(i), Setup: furnish, Params: patient, SeparateAfter: time.Hour,
			Open: func() (netio.Transport, error) { return transports[i], nil }})
		require.NoError(t, err)
		nodes[i] = n
	}
	var wg sync.WaitGroup
	for i := range places {
		wg.Go(func() { ask(context.Background(), nodes[i], i, address, l) })
	}
	wg.Wait()
	// Nothing is on its way any more: each has asked each for a sign of life last,
	// and what comes before that in a direction has been read by then.
	for _, n := range nodes {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = n.Stop(ctx)
	}
	return l.sorted()
}

func inWorld(t *testing.T) *ledger {
	l := newLedger()
	w := sim.New(1)
	defer w.Close()
	nodes := make([]*actors.Node, places)
	for i := range places {
		n, err := w.Node(placeName(i), actors.Config{Listen: []string{fmt.Sprintf("127.0.0.%d:6000", i+1)}, Setup: furnish, Params: patient, SeparateAfter: time.Hour})
		require.NoError(t, err)
		nodes[i] = n
		l.name[n.Addrs()[0]] = placeName(i)
	}
	require.NoError(t, w.Link("", "", sim.Link{Latency: 50 * time.Microsecond, Jitter: 20 * time.Microsecond}))
	w.Watch(func(tr *sim.Transit) {
		if tr.Kind == sim.TransitSent {
			l.send(tr.From, tr.Dest, tr.Data)
		}
	})
	for i := range places {
		w.Fault(sim.Fault{From: placeName(i), To: placeName(i + 1), Match: func(p *sim.Packet) bool { return isDoubled(p.Data) },
			Verdict: sim.Verdict{Copies: 1}})
		w.Go(func(ctx context.Context) { ask(ctx, nodes[i], i, w.Addr, l) })
	}
	w.RunFor(time.Hour)
	s := w.NetStats()
	require.True(t, s.Balanced())
	require.Zero(t, s.LostTotal())
	return l.sorted()
}

// TestLoopback: ten nodes on sockets and ten in a World say the same, byte for byte,
// and come to the same results.
func TestLoopback(t *testing.T) {
	real, world := onLoopback(t), inWorld(t)
	require.Equal(t, real.outcomes, world.outcomes)
	total := 0
	for i := range places {
		for k := range places {
			way := placeName(i) + " → " + placeName(k)
			require.Equal(t, real.messages[way], world.messages[way], way)
			require.Equal(t, real.bytes[way], world.bytes[way], way)
			total += len(world.messages[way])
		}
	}
	t.Logf("%d messages on %d ways", total, len(world.messages))
}
