package actors

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coap2/coap2/codec"
	"github.com/coap2/coap2/netio"
)

// crowd is a transport in memory with thousands of peers at its other end, who
// note what they are asked, and say nothing until the test lets them.
type crowd struct {
	recv netio.Receiver

	mu    sync.Mutex
	msg   codec.Message
	asked []asked // requests, without their repeats
	empty int     // ACK and RST

	// The rest belongs to the one who lets them answer.
	answers []netio.Datagram
	buf     []byte
}

// asked is what a peer remembers of a request.
type asked struct {
	peer  netip.AddrPort
	token codec.Token
	mid   uint16
	code  codec.Code
}

var crowdCenter = netip.MustParseAddrPort("192.0.2.1:5683")

func (c *crowd) Start(r netio.Receiver) error  { c.recv = r; return nil }
func (c *crowd) Join(netip.Addr, string) error { return nil }
func (c *crowd) MTU() int                      { return 1280 }
func (c *crowd) Close() error                  { return nil }
func (c *crowd) WriteTo(d netio.Datagram) error {
	_, err := c.WriteBatch([]netio.Datagram{d})
	return err
}
func (c *crowd) Local() []netip.AddrPort        { return []netip.AddrPort{crowdCenter} }
func (c *crowd) open() (netio.Transport, error) { return c, nil }
func crowdURI(i int) string                     { return "coap://" + crowdAddr(i).String() + "/sensors/temp" }
func crowdPeer(i int) netio.Peer                { return netio.Peer{Addr: crowdAddr(i)} }
func crowdIndex(a netip.AddrPort) int {
	b := a.Addr().As4()
	return int(b[1])<<16 | int(b[2])<<8 | int(b[3])
}
func crowdAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5683)
}

func (c *crowd) WriteBatch(ds []netio.Datagram) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range ds {
		if err := c.msg.Parse(ds[i].Data); err != nil {
			return i, err
		}
		switch m := &c.msg; {
		case m.Type == codec.ACK || m.Type == codec.RST:
			c.empty++
		case len(c.asked) < cap(c.asked):
			c.asked = append(c.asked, asked{ds[i].Peer.Addr, m.Token, m.MessageID, m.Code})
		}
	}
	return len(ds), nil
}

// swap returns what has been asked since the last time, and notes what is asked
// from now on in next, as far as there is room.
func (c *crowd) swap(next []asked) []asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.asked
	c.asked = next
	return all
}

// say queues a message of the peer that was asked.
func (c *crowd) say(a asked, m codec.Message) {
	start := len(c.buf)
	buf, err := m.Append(c.buf)
	if err != nil {
		panic(err)
	}
	c.buf = buf
	c.answers = append(c.answers, netio.Datagram{Data: buf[start:], Peer: netio.Peer{Addr: a.peer}, Local: crowdCenter})
	if len(c.answers) == 64 {
		c.flush()
	}
}

func (c *crowd) flush() {
	if len(c.answers) > 0 {
		c.recv.Datagrams(c.answers)
	}
	c.answers, c.buf = c.answers[:0], c.buf[:0]
}

// countingRunner counts the goroutines that a node asks for.
type countingRunner struct {
	Runner
	tasks atomic.Int64
}

func (r *countingRunner) Go(task func()) {
	r.tasks.Add(1)
	r.Runner.Go(task)
}

// crowded starts a node in the middle of a crowd, under a clock moved by hand.
func crowded(t testing.TB, cfg Config) (*Node, *crowd, *stillClock, *countingRunner) {
	t.Helper()
	env := *SystemEnv()
	clock, runner := newStillClock(), &countingRunner{Runner: env.Runner}
	env.Clock, env.Runner = clock, runner
	env.Rand = func(node, stream string) *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	c := &crowd{}
	cfg.Env, cfg.Open = &env, c.open
	return startNode(t, cfg), c, clock, runner
}

// settle returns when the node has nothing left to do. It drains the node
// itself, as a reader would.
func settle(n *Node) {
	for {
		for _, sh := range n.shards {
			for !sh.loop.enter() {
				runtime.Gosched()
			}
			sh.loop.leave()
		}
		if idle(n) {
			return
		}
	}
}

// idle reports whether no shard has anything to do: what one does may be
// something to do for another.
func idle(n *Node) bool {
	busy := false
	for _, sh := range n.shards {
		sh.loop.mu.Lock()
		busy = busy || sh.loop.draining || len(sh.loop.queue) > sh.loop.head
		if !busy && sh.obs != nil { // what notifications leave for later is not in the queue
			busy = len(sh.obs.work) > 0 || sh.obs.table.Pending()
		}
	}
	for _, sh := range n.shards {
		sh.loop.mu.Unlock()
	}
	return !busy
}

// requireAtRest checks that nothing is left of all that a client did. It makes
// the node forget its peers.
func requireAtRest(t testing.TB, n *Node) {
	t.Helper()
	settle(n)
	require.Zero(t, n.Stats().Exchanges)
	var left []string
	onLoop(n, func() {
		sh := n.shard
		note := func(what string, count int) {
			if count != 0 {
				left = append(left, fmt.Sprintf("%d %s", count, what))
			}
		}
		note("tokens", tokens(sh))
		note("message IDs", named(sh))
		note("deadlines", sh.timers.Len())
		note("exchanges that are not in the pool", len(sh.slots)-len(sh.free))
		note("listed calls", len(n.openCalls()))
		for _, s := range sh.slots {
			if s.call != nil || s.in != nil || s.first != 0 || s.second != 0 || s.outstanding != nil {
				note("exchange that is free and holds something", 1)
			}
		}
		for i := range sh.peers.Len() {
			if pe := sh.peers.Find(crowdPeer(i)); pe == nil || !pe.Value.window.Idle() || pe.Value.serving != 0 {
				note("peer that has a turn", 1)
			}
		}
		sh.peers.Expire(sh.now(), -1, sh.peers.Len())
		note("pinned peers", sh.peers.Len())
	})
	require.Empty(t, left)
}

// tokens and named count the slots that wait for a token, and for an ACK.
func tokens(sh *shard) (n int) {
	for _, s := range sh.slots {
		if s.tokened {
			n++
		}
	}
	return max(n, len(sh.byToken))
}

func named(sh *shard) (n int) {
	for _, s := range sh.slots {
		if s.named != nil {
			n++
		}
	}
	return max(n, len(sh.byMID))
}
