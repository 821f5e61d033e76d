package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/coap2/coap2/codec"
)

// Config says how bad the network is. The zero value loses nothing.
type Config struct {
	// Listen is the UDP address for the clients, "HOST:PORT"; "" = a free port
	// of the loopback address of the target's family.
	Listen string
	// Loss is the probability with which a datagram is lost, from 0 to 1.
	Loss float64
	// MaxConsecutive is how many round trips of one message fail in a row at
	// most; 0 = 3.
	MaxConsecutive int
	// Clients is how many clients are served; 0 = 1,024. Datagrams of others
	// are dropped.
	Clients int
	// Tap, where set, is called for every datagram, one at a time, before it is
	// passed on. It must not keep the Event's Data.
	Tap func(Event)
}

// Validate reports what is wrong with the configuration, if anything.
func (c Config) Validate() error {
	switch {
	case !(c.Loss >= 0 && c.Loss <= 1): // NaN too
		return fmt.Errorf("relay: Config.Loss is %v; it must be between 0 and 1", c.Loss)
	case c.MaxConsecutive < 0:
		return fmt.Errorf("relay: Config.MaxConsecutive is %d; it must not be negative", c.MaxConsecutive)
	case c.Clients < 0:
		return fmt.Errorf("relay: Config.Clients is %d; it must not be negative", c.Clients)
	}
	return nil
}

// Event is one datagram at the relay.
type Event struct {
	// Client is whose it is, and ToTarget says which way it goes.
	Client   netip.AddrPort
	ToTarget bool
	// Attempt counts the transmissions of a confirmable message from 1; it is 0
	// for everything else.
	Attempt int
	Lost    bool
	Data    []byte
}

// String returns the event in one line.
func (e Event) String() string {
	arrow, fate := "<-", ""
	if e.ToTarget {
		arrow = "->"
	}
	if e.Lost {
		fate = " LOST"
	}
	if e.Attempt > 1 {
		fate += fmt.Sprintf(" (transmission %d)", e.Attempt)
	}
	var m codec.Message
	if err := m.Parse(e.Data); err != nil {
		return fmt.Sprintf("%v %s %x%s", e.Client, arrow, e.Data, fate)
	}
	return fmt.Sprintf("%v %s %v%s", e.Client, arrow, &m, fate)
}

// Stats counts datagrams.
type Stats struct {
	Passed, Lost uint64
	// Clients is the number of clients seen.
	Clients int
}

// Relay passes datagrams between clients and a target, and loses some.
type Relay struct {
	cfg    Config
	target netip.AddrPort
	front  *net.UDPConn

	wg      sync.WaitGroup
	mu      sync.Mutex
	judge   *judge
	clients map[netip.AddrPort]*client
	stats   Stats
	closed  bool
}

type client struct {
	addr netip.AddrPort
	back *net.UDPConn // connected to the target
	line *line
}

const maxDatagram = 1 << 16

// New starts a relay to target. The same seed loses the same datagrams of the
// same conversations.
func New(seed uint64, target netip.AddrPort, cfg Config) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !target.IsValid() || target.Addr().IsUnspecified() || target.Port() == 0 {
		return nil, fmt.Errorf("relay: %v is no target", target)
	}
	target = netip.AddrPortFrom(target.Addr().Unmap(), target.Port())
	if cfg.MaxConsecutive == 0 {
		cfg.MaxConsecutive = 3
	}
	if cfg.Clients == 0 {
		cfg.Clients = 1024
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
		if target.Addr().Is6() {
			cfg.Listen = "[::1]:0"
		}
	}
	// Without a family in the network's name, addresses of IPv4 clients could
	// come in their IPv6 form.
	addr, err := net.ResolveUDPAddr("udp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("relay: Config.Listen: %w", err)
	}
	network := "udp6"
	if addr.IP.To4() != nil {
		network = "udp4"
	}
	front, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{
		cfg: cfg, target: target, front: front,
		judge:   newJudge(seed, cfg.Loss, cfg.MaxConsecutive),
		clients: map[netip.AddrPort]*client{},
	}
	r.wg.Add(1)
	go r.serveClients()
	return r, nil
}

// Addr returns the address for the clients.
func (r *Relay) Addr() netip.AddrPort { return r.front.LocalAddr().(*net.UDPAddr).AddrPort() }

// Stats returns the counters.
func (r *Relay) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Clients = len(r.clients)
	return s
}

// Close closes all sockets and waits until nothing is passed on any more.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	err := r.front.Close()
	for _, c := range r.clients {
		_ = c.back.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
	return err
}

// serveClients reads what clients send.
func (r *Relay) serveClients() {
	defer r.wg.Done()
	buf := make([]byte, maxDatagram)
	pump(func() error {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		if c := r.client(from); c != nil && r.pass(c, toTarget, buf[:n]) {
			// That the target cannot be reached is loss, too.
			_, _ = c.back.Write(buf[:n])
		}
		return nil
	})
}

// serveTarget reads what the target sends to one client.
func (r *Relay) serveTarget(c *client) {
	defer r.wg.Done()
	buf := make([]byte, maxDatagram)
	pump(func() error {
		n, err := c.back.Read(buf)
		if err != nil {
			return err
		}
		if r.pass(c, toClient, buf[:n]) {
			_, _ = r.front.WriteToUDPAddrPort(buf[:n], c.addr)
		}
		return nil
	})
}

// pump calls step until the socket is closed. Other errors are news of single
// datagrams (ICMP); many in a row mean that the socket is of no use any more.
func pump(step func() error) {
	for failures := 0; failures < 100; {
		switch err := step(); {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			failures++
		default:
			failures = 0
		}
	}
}

// client finds the state of a client, or makes it; nil if there are too many.
func (r *Relay) client(from netip.AddrPort) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[from]; c != nil {
		return c
	}
	if r.closed || len(r.clients) == r.cfg.Clients {
		return nil
	}
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.target))
	if err != nil {
		return nil
	}
	c := &client{addr: from, back: back, line: newLine()}
	r.clients[from] = c
	r.wg.Add(1)
	go r.serveTarget(c)
	return c
}

// pass reports whether a datagram is to be passed on.
func (r *Relay) pass(c *client, dir direction, data []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	v := r.judge.judge(c.line, dir, data)
	if v.lost {
		r.stats.Lost++
	} else {
		r.stats.Passed++
	}
	if r.cfg.Tap != nil {
		r.cfg.Tap(Event{Client: c.addr, ToTarget: dir == toTarget, Attempt: v.attempt, Lost: v.lost, Data: data})
	}
	return !v.lost
}
