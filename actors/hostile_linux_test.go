package actors

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// horde is the hostile on real sockets, at many addresses of the loopback
// network (all of 127.0.0.0/8 are the machine's, on Linux).
type horde struct {
	t         testing.TB
	h         *hostile
	hot, deaf *udp.Transport   // those that send most listen, the others never do
	addrs     []netip.AddrPort // of all sockets, also those that are closed
	now       []netip.AddrPort // of the open ones, the hot first

	mu      sync.Mutex
	replies []netio.Datagram
}

const (
	hordeHot  = 32
	hordeDeaf = 96
)

// move closes the horde's sockets and opens others: so many peers more, and
// ICMP errors for what the node still sends to those that are gone.
func (o *horde) move() {
	o.leave()
	generation := len(o.addrs)/(hordeHot+hordeDeaf) + 1
	open := func(n, from int) *udp.Transport {
		cfg := udp.Config{Batch: 16, MaxDatagram: 2048, ReadBuffer: 1 << 16, WriteBuffer: 1 << 16}
		for i := range n {
			cfg.Addrs = append(cfg.Addrs, fmt.Sprintf("127.%d.%d.7:0", generation, from+i))
		}
		tr, err := udp.Open(cfg)
		require.NoError(o.t, err)
		return tr
	}
	o.hot, o.deaf = open(hordeHot, 0), open(hordeDeaf, hordeHot)
	o.now = append(o.hot.Local(), o.deaf.Local()...)
	o.addrs = append(o.addrs, o.now...)
	require.NoError(o.t, o.hot.Start(netio.Receiver{Datagrams: o.receive}))
}

func (o *horde) leave() {
	if o.hot != nil {
		require.NoError(o.t, o.hot.Close())
		require.NoError(o.t, o.deaf.Close())
		o.hot, o.deaf = nil, nil
	}
}

// receive acknowledges, or rejects, some of what the node sends.
func (o *horde) receive(ds []netio.Datagram) {
	for i := range ds {
		var m codec.Message
		if ds[i].Err != nil || m.Parse(ds[i].Data) != nil {
			continue
		}
		o.h.hear(netip.AddrPort{}, ds[i].Data)
		if m.Type != codec.CON || m.MessageID%3 == 0 {
			continue
		}
		data := o.h.encode(&codec.Message{Type: codec.ACK + codec.Type(m.MessageID%5/4), MessageID: m.MessageID})
		o.mu.Lock()
		if len(o.replies) < 64 {
			o.replies = append(o.replies, netio.Datagram{Data: data, Peer: ds[i].Peer, Local: ds[i].Local})
		}
		o.mu.Unlock()
	}
}

// send sends n datagrams to the node and returns how many it has sent. The
// source is in Local, as it is for whoever sends.
func (o *horde) send(node netip.AddrPort, n int) (sent int) {
	ds := o.h.batch(nil, n)
	for i := range ds {
		ds[i].Local, ds[i].Peer.Addr = ds[i].Peer.Addr, node
	}
	o.mu.Lock()
	ds = append(ds, o.replies...)
	o.replies = nil
	o.mu.Unlock()
	// What one socket sends goes in one system call.
	slices.SortStableFunc(ds, func(a, b netio.Datagram) int { return a.Local.Compare(b.Local) })
	hot := netip.AddrPortFrom(o.now[hordeHot-1].Addr(), 65535)
	split := sort.Search(len(ds), func(i int) bool { return ds[i].Local.Compare(hot) > 0 })
	return o.write(o.hot, ds[:split]) + o.write(o.deaf, ds[split:])
}

func (o *horde) write(tr *udp.Transport, ds []netio.Datagram) (sent int) {
	for len(ds) > 0 {
		n, err := tr.WriteBatch(ds)
		sent += n
		ds = ds[n:]
		if err != nil { // it is to come from a socket that has been closed since
			ds = ds[1:]
		}
	}
	return sent
}

// A million hostile datagrams through real sockets, as fast as the node can take
// them and now and then much faster, so that the honest have to retransmit.
func TestHostileDatagramsOnSockets(t *testing.T) {
	// Short times, so that everything is over soon; the same on both sides.
	params := protocol.Params{AckTimeout: 200 * time.Millisecond, MaxRetransmit: 5, MaxLatency: time.Second, NStart: 8}
	if raceEnabled {
		params.AckTimeout *= 2
	}
	srv := startNode(t, Config{Params: params, Limits: Limits{Peers: 512, DedupBytes: 1 << 20}})
	cli := startNode(t, Config{Params: params})
	total := 1_000_000
	if fewer() {
		total = 50_000
	}
	v := newVictim(t, srv, total)
	h := newHonest(t, v, cli)
	release := sync.OnceFunc(func() { close(v.gate) })
	t.Cleanup(release)

	o := &horde{t: t}
	o.h = newHostile(seed(t), srv.Addrs()[0], func(i int) netip.AddrPort { return o.now[i] }, hordeHot+hordeDeaf, hordeHot)
	t.Cleanup(o.leave)
	for range 64 {
		m := codec.Message{Code: codec.GET, Options: codec.Options{codec.URIPath("go")}, Token: o.h.token()}
		o.h.hear(netip.AddrPort{}, o.h.encode(&m))
	}
	var over atomic.Bool
	h.answered = func() {
		if !over.Load() {
			h.start()
		}
	}
	t.Cleanup(func() { over.Store(true) }) // before the nodes stop
	for range 4 {
		h.start()
	}
	const samples, size = 12, 512
	var heaps []uint64
	var sent, lost uint64
	for i := 0; sent < uint64(total); i++ {
		if i%(total/size/samples/3) == 0 {
			o.move()
			v.renew()
		}
		sent += uint64(o.send(srv.Addrs()[0], size))
		if i%32 < 28 {
			lost += keepPace(srv, sent-lost, 512)
		}
		if sent*samples >= uint64((len(heaps)+1)*total) {
			h.check()
			lost += keepPace(srv, sent-lost, 0)
			require.Eventually(t, func() bool { return srv.shard.waiting.Load() == 0 }, patience, time.Millisecond)
			heaps = append(heaps, heap()-inHand(srv))
		}
	}
	over.Store(true)
	o.leave()
	release()
	// Besides the samples' own noise there are pools that grow with the greatest
	// burst. 4 MiB are 12 bytes for each datagram of a third.
	requireFlat(t, "heap", heaps, 4<<20)
	assert.Eventually(t, func() bool { return h.open.Load() == 0 && srv.Stats().Exchanges == 0 && cli.Stats().Exchanges == 0 }, patience, 10*time.Millisecond)
	h.check()
	s := requireAccounts(t, srv)
	requireAccounts(t, cli)
	require.Equal(t, v.panicked.Load(), s.Panics)
	t.Logf("%d honest requests, %d retransmissions; %d hostile sent; %+v", h.asked.Load(), cli.Stats().Retransmissions, sent, s)
	everybody := func(yield func(netip.AddrPort) bool) {
		for _, a := range append(o.addrs, cli.Addrs()[0]) {
			if !yield(a) {
				return
			}
		}
	}
	requireRest(t, srv, everybody)
	require.Eventually(t, func() bool {
		keeping, left := atRest(srv, everybody)
		return keeping == 0 && len(left) == 0
	}, patience, 10*time.Millisecond)
}

// keepPace waits until the node has received all that was sent, but for so many,
// and returns how much of it is lost.
func keepPace(n *Node, sent, ahead uint64) (lost uint64) {
	last, still := n.Stats().Received, 0
	for last+ahead < sent {
		runtime.Gosched()
		now := n.Stats().Received
		if now != last {
			last, still = now, 0
		} else if still++; still > 2000 {
			return sent - last
		}
	}
	return 0
}
