package load

import (
	"fmt"
	"net/netip"
	"runtime"

	"github.com/coap2/coap2/netio"
	"github.com/coap2/coap2/netio/udp"
)

// socket is one socket of the generator, with what its reader is to send.
type socket struct {
	l         *Load
	transport *udp.Transport
	endpoint  int32 // which it is, where an endpoint is a socket
	out       *outbox
}

// endpoint is one client, as the server sees it.
type endpoint struct {
	local  netip.AddrPort // where it is a source address
	socket *socket
	mid    uint16
	left   int   // message IDs that it has not used
	first  int32 // slot of a request that is outstanding; -1 = none
}

// Sizes of batches: those of a socket that serves many endpoints, and of one
// that is an endpoint, of which there may be thousands.
const (
	sharedBatch = 64
	ownBatch    = 2
)

// manyOwn is from how many sockets on only datagrams of an ordinary length are
// received, which saves 128 KiB for each.
const (
	manyOwn     = 256
	ordinaryLen = 2112
)

// spreads reports whether endpoints towards a server can be source addresses.
func spreads(target netip.Addr) bool {
	return runtime.GOOS == "linux" && target.Is4() && target.IsLoopback()
}

// loopbackSource returns the n-th source address, from 127.1.0.1 on. The last
// one is never reached: each serves for 65,536 requests.
func loopbackSource(n uint32) netip.Addr {
	const first, count = 127<<24 | 1<<16 | 1, 254 << 16
	a := first + n%(count-2)
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// openSockets opens the sockets and distributes the endpoints over them.
func (l *Load) openSockets() error {
	own := l.cfg.Peers
	if l.spread {
		own = 0
		n := l.cfg.Sockets
		if n == 0 {
			n = min(max(runtime.GOMAXPROCS(0)/2, 1), MaxSockets)
		}
		for len(l.sockets) < n {
			s, err := l.openSocket(sharedBatch, 0)
			if err != nil {
				return err
			}
			l.sockets = append(l.sockets, s)
			if read, _ := s.transport.Buffers(); read > 0 && l.cfg.Sockets == 0 {
				n = max(n, min((l.cfg.Outstanding-1)/(read/bytesPerResponse+1)+1, MaxSockets))
			}
		}
	}
	for i := range own {
		s, err := l.openSocket(ownBatch, own)
		if err != nil {
			return fmt.Errorf("%w (socket %d of %d: every endpoint needs one)", err, i+1, own)
		}
		s.endpoint = int32(i)
		l.sockets = append(l.sockets, s)
	}
	for i := range l.endpoints {
		l.endpoints[i].socket = l.sockets[i%len(l.sockets)]
		l.endpoints[i].first = -1
		l.refresh(int32(i))
	}
	return nil
}

// bytesPerResponse is what a short datagram takes of a socket's buffer; Linux
// counts 768 and more against twice the size that is asked for.
const bytesPerResponse = 512

// openSocket opens one; own is how many there will be of which each
// is an endpoint.
func (l *Load) openSocket(batch, own int) (*socket, error) {
	any := "0.0.0.0:0"
	if l.cfg.Target.Addr().Is6() {
		any = "[::]:0"
	}
	cfg := udp.Config{Addrs: []string{any}, Batch: batch}
	if own > manyOwn {
		cfg.MaxDatagram = ordinaryLen
	}
	t, err := udp.Open(cfg)
	if err != nil {
		return nil, err
	}
	// One datagram can set free one request and need one acknowledgement.
	return &socket{l: l, transport: t, endpoint: -1, out: newOutbox(2*batch+1, l.template, netio.Peer{Addr: l.cfg.Target})}, nil
}

func (l *Load) startSocket(s *socket) error {
	return s.transport.Start(netio.Receiver{Datagrams: s.receive, Down: l.down})
}

// refresh gives an endpoint new message IDs, and an address that has used none.
func (l *Load) refresh(i int32) {
	e := &l.endpoints[i]
	if l.spread {
		if e.local.IsValid() {
			delete(l.byAddr, e.local.Addr())
		}
		e.local = netip.AddrPortFrom(loopbackSource(l.nextAddr), 0)
		l.nextAddr++
		l.byAddr[e.local.Addr()] = i
	}
	e.mid, e.left = uint16(l.rand.Uint32()), l.ids
}

// renew replaces an endpoint that has used all its message IDs and has nothing
// outstanding. What fails then leaves the old one in its place, which uses them
// once more.
func (l *Load) renew(i int32) {
	e := &l.endpoints[i]
	if !l.spread {
		old := e.socket
		s, err := l.freshSocket(old)
		if err != nil {
			l.failed(Refused, "a new socket for an endpoint whose message IDs are used up: "+err.Error())
			e.left = l.ids
			return
		}
		s.endpoint = i
		l.sockets[i], e.socket = s, s
		l.closeLater(old)
	}
	l.res.Renewed++
	l.refresh(i)
}

// freshSocket opens and starts a socket on a port that no other has used so long
// ago that its message IDs may still be remembered. The old one is still open.
func (l *Load) freshSocket(old *socket) (*socket, error) {
	now := l.clock.Now()
	l.used[old.port()] = now
	for try := 1; ; try++ {
		s, err := l.openSocket(ownBatch, l.cfg.Peers)
		if err != nil {
			return nil, err
		}
		at, before := l.used[s.port()]
		if before && now < at.Add(l.cfg.Params.ExchangeLifetime()) && try < maxPortTries {
			defer l.closeLater(s) // open until another port has been found
			continue
		}
		if err = l.startSocket(s); err != nil {
			l.closeLater(s)
			return nil, err
		}
		return s, nil
	}
}

// maxPortTries bounds the search for a port.
const maxPortTries = 32

func (s *socket) port() uint16 { return s.transport.Local()[0].Port() }

// closeLater closes a socket elsewhere: Close waits for the reader, which may be
// waiting for the lock.
func (l *Load) closeLater(s *socket) { l.closing.Go(func() { _ = s.transport.Close() }) }
