package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coap2/coap2/netio"
)

// Transport is a set of UDP sockets. Its methods may be called from several
// goroutines, but Close not from a function of the Receiver, for which it waits.
type Transport struct {
	cfg          Config
	sockets      []*socket // the first of each address, in the order of Config.Addrs; never changes
	only4, only6 *socket   // the socket of a family that has just one
	zones        zones
	recv         netio.Receiver
	look         time.Duration // see lookEvery

	watched []netip.Addr  // groups that are joined on all interfaces; guarded by mu
	every   time.Duration // see watchEvery

	mu      sync.Mutex
	started bool
	closed  bool  // by Close, not by failure
	reading int   // readers that are alive
	cause   error // why the transport failed

	hurried atomic.Bool // writes do not wait

	dead atomic.Bool   // closed or failed
	done chan struct{} // closed when dead
	wg   sync.WaitGroup
}

var (
	_ netio.Transport   = (*Transport)(nil)
	_ netio.DropCounter = (*Transport)(nil)
	_ netio.Hurrier     = (*Transport)(nil)
	_ netio.Multihomed  = (*Transport)(nil)
)

// socket is one UDP socket of one family. What it needs for reading and writing
// differs by system: prepare, read, send, buffers and countDrops.
type socket struct {
	t    *Transport
	conn *net.UDPConn
	addr netip.AddrPort // resolved
	is4  bool
	any  bool // listens on all addresses
	// shards are the sockets of this address by shard, itself the first; nil if
	// it is alone, and in the others
	shards []*socket
	later  bool // it is one of the others
	counters
	engine
}

// Start begins to receive: r.Datagrams is called by one goroutine per socket,
// perhaps by several at the same time.
func (t *Transport) Start(r netio.Receiver) error {
	if r.Datagrams == nil {
		return errors.New("udp: Start needs Receiver.Datagrams")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead.Load() {
		return t.closedError()
	}
	if t.started {
		return errors.New("udp: transport was started before")
	}
	t.started = true
	t.recv = r
	for s := range t.all() {
		t.reading++
		t.wg.Go(func() { t.run(s) })
	}
	return nil
}

// run is the life of a reader. A transport that fails is told to be down by the
// last of its readers, so that no datagram comes after that.
func (t *Transport) run(s *socket) {
	if err := s.read(); err != nil {
		t.shut(fmt.Errorf("udp: socket %s failed: %w", s.addr, err))
	}
	t.mu.Lock()
	t.reading--
	down := t.reading == 0 && t.cause != nil && !t.closed
	cause := t.cause
	t.mu.Unlock()
	if down && t.recv.Down != nil {
		t.recv.Down(cause)
	}
}

// shut closes the sockets, once. cause is nil for Close.
func (t *Transport) shut(cause error) error {
	t.mu.Lock()
	if t.dead.Load() {
		t.mu.Unlock()
		return nil
	}
	t.cause = cause
	for s := range t.all() {
		s.countDrops()
	}
	t.dead.Store(true)
	close(t.done)
	t.mu.Unlock()
	var errs []error
	for s := range t.all() {
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(errs...)
}

// Close implements netio.Transport. Writes that wait for room are woken. More
// calls do nothing but wait as the first does.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	err := t.shut(nil)
	t.wg.Wait()
	return err
}

// closedError is what methods return on a transport that is dead. t.mu may be
// held: cause is set before dead and never again.
func (t *Transport) closedError() error {
	if t.cause != nil {
		return fmt.Errorf("%w after a failure: %w", netio.ErrClosed, t.cause)
	}
	return fmt.Errorf("udp: %w", netio.ErrClosed)
}

// Local implements netio.Transport, in the order of Config.Addrs, IPv4 before
// IPv6.
func (t *Transport) Local() []netip.AddrPort {
	addrs := make([]netip.AddrPort, len(t.sockets))
	for i, s := range t.sockets {
		addrs[i] = s.addr
	}
	return addrs
}

// MTU implements netio.Transport: Config.MTU, 1,232 bytes by default. Longer
// datagrams can be sent, up to MaxPayload.
func (t *Transport) MTU() int { return t.cfg.MTU }

// WriteTo implements netio.Transport. Like WriteBatch it waits while the
// system's buffer is full.
func (t *Transport) WriteTo(d netio.Datagram) error {
	ds := [1]netio.Datagram{d}
	_, err := t.WriteBatch(ds[:])
	return err
}

// WriteBatch implements netio.Transport. It never queues anything itself: while
// the system's buffer is full it waits, until there is room, the transport is
// closed, or Hurry is called. Datagrams that follow one another and leave by the same socket go in
// one system call.
//
// Datagram.Local must be an address of the machine, or a group that is answered,
// whose port alone then counts. Datagram.Interface decides where a datagram to
// a link-local peer or a group leaves; the way to others is left to routing.
func (t *Transport) WriteBatch(ds []netio.Datagram) (n int, err error) {
	for n < len(ds) {
		if t.dead.Load() {
			return n, t.closedError()
		}
		s, err := t.route(&ds[n])
		if err != nil {
			return n, err
		}
		run := 1
		for n+run < len(ds) && run < t.cfg.Batch {
			if next, _ := t.route(&ds[n+run]); next != s {
				break
			}
			run++
		}
		sent, err := s.send(ds[n : n+run])
		if sent > 0 {
			bytes := 0
			for i := range ds[n : n+sent] {
				bytes += len(ds[n+i].Data)
			}
			s.datagramsOut.Add(uint64(sent))
			s.bytesOut.Add(uint64(bytes))
			s.batchesOut.Add(1)
			n += sent
		}
		if err != nil {
			return n, s.sendError(&ds[n], err)
		}
	}
	return n, nil
}

// Hurry implements netio.Hurrier. On systems other than Linux nothing is sent any
// more.
func (t *Transport) Hurry() {
	t.hurried.Store(true)
	for s := range t.all() {
		_ = s.conn.SetWriteDeadline(time.Unix(1, 0))
	}
}

// sendError explains why a datagram was not sent.
func (s *socket) sendError(d *netio.Datagram, err error) error {
	if errors.Is(err, net.ErrClosed) {
		return s.t.closedError()
	}
	s.sendErrors.Add(1)
	if d.Peer.Addr.Addr().Zone() != "" {
		s.t.zones.forget() // the interface may be another by now
	}
	if transient(err) {
		err = fmt.Errorf("%w (%w)", err, netio.ErrTransient)
	}
	if local := sourceOf(d); local.IsValid() {
		return fmt.Errorf("udp: cannot send %d bytes from %s to %s: %w", len(d.Data), local, d.Peer.Addr, err)
	}
	return fmt.Errorf("udp: cannot send %d bytes to %s: %w", len(d.Data), d.Peer.Addr, err)
}

// pause waits a little after the n-th failure in a row, less if the transport
// ends.
func (t *Transport) pause(n int) {
	timer := time.NewTimer(time.Duration(min(n, 100)) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.done:
	}
}
