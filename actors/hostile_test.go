package actors

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// siege is a node among the hostile, in memory.
type siege struct {
	t testing.TB
	*wires
	*honest
	srvEnd, cliEnd *wire
	h              *hostile
	rng            *rand.Rand
	batch, replies []netio.Datagram
	refusals       map[string]int // 5.03, by why
}

// siegePeers is how many addresses the hostile have.
const siegePeers = 200_000

func siegePeer(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5683)
}

func newSiege(t testing.TB, cfg Config, posts int) *siege {
	sd := seed(t)
	s := &siege{t: t, wires: newWires(t, sd), rng: rand.New(rand.NewPCG(sd, 1)), refusals: map[string]int{}}
	srv, srvEnd := s.node(cfg)
	cli, cliEnd := s.node(Config{Params: protocol.Params{NStart: 8}})
	s.srvEnd, s.cliEnd = srvEnd, cliEnd
	s.honest = newHonest(t, newVictim(t, srv, posts), cli)
	s.answered = s.kick
	t.Cleanup(func() {
		if t.Failed() { // else the nodes wait for time to pass
			s.pass(time.Hour, time.Minute)
		}
	})
	s.h = newHostile(sd, s.srvEnd.addr, siegePeer, siegePeers, 200)
	s.h.spoof, s.h.group = []netip.AddrPort{s.cliEnd.addr}, true
	heard := 0
	s.tap = func(from *wire, d *netio.Datagram) {
		if heard++; heard%7 == 0 {
			s.h.hear(from.addr, d.Data)
		}
	}
	s.stray = func(_ *wire, d *netio.Datagram) {
		if heard++; heard%97 == 0 {
			s.h.hear(netip.AddrPort{}, d.Data)
		}
		s.reply(d)
	}
	return s
}

// reply lets the hostile acknowledge, or reject, some of what they get.
func (s *siege) reply(d *netio.Datagram) {
	var m codec.Message
	err := m.Parse(d.Data)
	require.NoError(s.t, err, "the node has sent this")
	if m.Code == codec.ServiceUnavailable {
		s.refusals[string(m.Payload)]++
	}
	if m.Type != codec.CON || len(s.replies) >= 64 {
		return
	}
	t := codec.ACK
	switch s.rng.IntN(10) {
	case 0, 1, 2, 3:
		return
	case 4:
		t = codec.RST
	}
	data := s.h.encode(&codec.Message{Type: t, MessageID: m.MessageID})
	for range 1 + s.rng.IntN(2) {
		s.replies = append(s.replies, netio.Datagram{Data: data, Peer: d.Peer, Local: s.srvEnd.addr})
	}
}

// round sends n hostile datagrams and honest ones among them, and waits until
// the honest requests are answered. Then time passes.
func (s *siege) round(n, honest int, d time.Duration) {
	s.batch = append(s.h.batch(s.batch, n), s.replies...)
	s.replies = s.replies[:0]
	for range honest {
		s.start()
	}
	settle(s.cli)
	for _, g := range s.cliEnd.take(outbox{}).grams {
		at := s.rng.IntN(len(s.batch) + 1)
		s.tap(s.cliEnd, &g)
		g.Peer.Addr, g.Local = s.cliEnd.addr, s.srvEnd.addr
		s.batch = append(s.batch, netio.Datagram{})
		copy(s.batch[at+1:], s.batch[at:])
		s.batch[at] = g
	}
	s.push(s.batch)
	s.until(func() bool { return s.open.Load() == 0 })
	s.clock.advance(d)
}

func (s *siege) push(ds []netio.Datagram) {
	s.srvEnd.recv.Datagrams(ds)
	settle(s.srv)
}

// check is called now and then.
func (s *siege) check() {
	s.carry()
	s.honest.check()
	requireAccounts(s.t, s.cli)
	st := requireAccounts(s.t, s.srv)
	require.Zero(s.t, st.Dropped["overload"])
	var sent, panicked uint64
	onLoop(s.srv, func() {
		st, sent, panicked = s.srv.Stats(), s.srvEnd.sent.Load(), s.v.panicked.Load()
	})
	require.Equal(s.t, sent, st.Sent)
	require.LessOrEqual(s.t, st.Panics, panicked)
}

// run is the siege: total hostile datagrams, in the course of so much time.
func (s *siege) run(total int, lasts time.Duration) (heaps []uint64) {
	const samples, size = 12, 64
	rounds := total / size
	for i := range rounds {
		s.round(size, 2, lasts/time.Duration(rounds))
		if i%(rounds/60) == 0 {
			s.v.renew()
		}
		if i%(rounds/samples) == rounds/samples-1 {
			s.check()
			heaps = append(heaps, heap()-inHand(s.srv))
		}
	}
	return heaps
}

// handled reports whether no handler has anything to do, but for the slow.
func (s *siege) handled() (done bool) {
	done = true
	for _, sh := range s.srv.shards {
		onShard(sh, func() {
			slow := 0
			for _, x := range sh.slots {
				if x.in != nil && x.in.route.pattern == "/slow" {
					slow++
				}
			}
			done = done && sh.serving <= sh.unacked.n+slow
		})
	}
	return done
}

// overrun sends more at one time than the node has exchanges for.
func (s *siege) overrun() {
	get := func(mid int, path string) []byte {
		t := codec.NON
		if path == "sep" {
			t = codec.CON
		}
		return s.h.encode(&codec.Message{Type: t, Code: codec.GET, MessageID: uint16(mid), Options: codec.Options{codec.URIPath(path)}})
	}
	var greedy, many, group, separate []netio.Datagram
	for i := range 2000 {
		greedy = append(greedy, netio.Datagram{Data: get(i, "inline"), Peer: netio.Peer{Addr: siegePeer(0)}, Local: s.srvEnd.addr})
		many = append(many, netio.Datagram{Data: get(i, "inline"), Peer: netio.Peer{Addr: siegePeer(i)}, Local: s.srvEnd.addr})
		group = append(group, netio.Datagram{Data: get(i, "multi"), Peer: netio.Peer{Addr: siegePeer(i)}, Multicast: true})
		separate = append(separate, netio.Datagram{Data: get(i, "sep"), Peer: netio.Peer{Addr: siegePeer(i)}, Local: s.srvEnd.addr})
	}
	s.push(greedy)
	s.push(many)
	for batch := range slices.Chunk(append(group, separate[:500]...), 16) {
		s.push(batch)
		s.until(func() bool { return s.handled() })
	}
	s.round(0, 8, 0) // the honest are served all the same
	s.check()
}

// end lets everything come to its end, and checks that it does.
func (s *siege) end() {
	close(s.v.gate)
	s.until(func() bool { return s.handled() && s.runner.running.Load() == 0 })
	params := protocol.Params{}.WithDefaults()
	for range (params.ExchangeLifetime() + params.MaxTransmitWait()) / time.Second {
		if s.srv.Stats().Exchanges > 0 {
			s.pass(time.Second, time.Second)
		}
	}
	s.check()
	require.Equal(s.t, s.v.panicked.Load(), s.srv.Stats().Panics)
	everybody := func(yield func(netip.AddrPort) bool) {
		for i := range siegePeers {
			if !yield(siegePeer(i)) {
				return
			}
		}
		_ = yield(s.cliEnd.addr) && yield(s.srvEnd.addr)
	}
	requireRest(s.t, s.srv, everybody)
	requireRest(s.t, s.cli, everybody)
	s.pass(params.ExchangeLifetime(), time.Second)
	require.Zero(s.t, requireRest(s.t, s.srv, everybody), "nobody is remembered any more")
	require.Zero(s.t, requireRest(s.t, s.cli, everybody))
	require.Empty(s.t, s.clock.timers)
}

// fewer: tests of endurance do less under the race detector, and in short runs.
func fewer() bool { return raceEnabled || testing.Short() }

// A million hostile datagrams, in the time of three EXCHANGE_LIFETIMEs: what is
// remembered of them is forgotten again.
func TestHostileDatagramsInMemory(t *testing.T) {
	total, limits := 1_000_000, Limits{}
	if fewer() {
		total, limits.Peers = 50_000, 2048 // else the table of peers would still grow in the end
	}
	s := newSiege(t, Config{Limits: limits}, total)
	heaps := s.run(total, 780*time.Second)
	// 2 MiB are 6 bytes for each datagram of a third, less than what is allocated
	// for the least of all. The tables are as large as they get; what still grows
	// are a few pools, with the greatest burst: by up to 1 MiB.
	requireFlat(t, "heap", heaps, 2<<20)
	t.Logf("%d honest requests; %+v", s.asked.Load(), s.srv.Stats())
	s.end()
}

// The same with shards, each of which has its part of the bounds.
func TestHostileDatagramsAtShards(t *testing.T) {
	total := 200_000
	if fewer() {
		total = 50_000
	}
	s := newSiege(t, Config{Shards: 2, Limits: Limits{Peers: 4096}}, total)
	heaps := s.run(total, 780*time.Second)
	requireFlat(t, "heap", heaps, 1<<20)
	for _, sh := range s.srv.shards {
		assert.Positive(t, sh.stats.received.Load())
		assert.Positive(t, sh.stats.responses.Load()+sh.stats.requests.Load())
	}
	s.end()
}

// Where every bound is reached, what is idempotent is still served, and what is
// not is refused.
func TestHostileDatagramsBeyondEveryBound(t *testing.T) {
	total := 300_000
	if fewer() {
		total = 100_000
	}
	s := newSiege(t, Config{Limits: Limits{Peers: 1024, Exchanges: 160, PerPeer: 16, Queue: 2, DedupBytes: 64 << 10, KeptBytes: 256 << 10}}, total)
	s.full = true
	heaps := s.run(total, 320*time.Second)
	requireFlat(t, "heap", heaps, 1<<20)
	s.overrun()
	st := s.srv.Stats()
	for _, n := range []uint64{uint64(s.refused.Load()), st.PeersEvicted, st.Forgotten, st.NotRemembered, st.Unsent, st.Abandoned, st.Unacknowledged} {
		assert.Positive(t, n, "every bound has been reached: %+v", st)
	}
	for _, why := range []string{
		"too many peers are remembered", "too many requests are remembered", "too many requests are being served",
		"too many requests of this peer are being served", "too many requests wait for this resource", "the resource has failed",
	} {
		assert.Positive(t, s.refusals[why], why)
	}
	t.Logf("%d honest requests, %d of them refused; %v; %+v", s.asked.Load(), s.refused.Load(), s.refusals, st)
	s.end()
}
