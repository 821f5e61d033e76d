package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"

	"github.com/coap2/coap2/actors"
	"github.com/coap2/coap2/netio"
)

const (
	coapPort = 5683 // RFC 7252 §12.6
	// mtu is what the transports say is worth sending, as real ones do.
	mtu = 1232
	// maxPayload is the longest payload of a UDP datagram over IPv4.
	maxPayload = 65507
	// maxQuoted is how much of a datagram the news of its fate quotes.
	maxQuoted = 548
)

// network is the in-memory network of a World: an address map, and verdicts on
// each datagram.
type network struct {
	hosts       []*host // by hostID; nil is a member of a population that has not been needed
	named       []*host // those that are in no population
	byName      map[string]*host
	byAddr      map[netip.AddrPort]*host
	populations []*Population
	next        netip.Addr
	groups      []netip.Addr // All CoAP Nodes
	packets     table[*packet]
	spares      []*packet
	carriages   []*carriage // that are not in use
	arrivals
	rules
	flows     flows
	draws     draws
	mapped    translations
	nics      map[hostID]*nic
	groupSent uint64 // datagrams that were sent to groups
	stats     NetStats
	watchers  []*watcher
	sniffers  []*sniffer
}

func (n *network) init(r *rand.Rand) {
	n.byName, n.byAddr = map[string]*host{}, map[netip.AddrPort]*host{}
	n.next = netip.AddrFrom4([4]byte{10, 0, 0, 0})
	for _, g := range []string{"224.0.1.187", "ff02::fd", "ff05::fd"} { // RFC 7252 §12.8
		n.groups = append(n.groups, netip.MustParseAddr(g))
	}
	n.rules.init()
	n.draws.init(r.Uint64())
	n.mapped.inside, n.mapped.outside, n.mapped.port = map[netip.AddrPort]*mapping{}, map[netip.AddrPort]*mapping{}, map[netip.Addr]uint16{}
	n.nics = map[hostID]*nic{}
}

// host is a name in the network and its addresses.
type host struct {
	w      *World
	id     hostID
	member int32 // index in its population, + 1; 0 = it is in none
	name   string
	node   *actors.Node // the last one; nil = it has none
	sock   *socket      // nil while it has none that is open
	life   *life
	drift  *drift // of its clock; nil = none
	// When it was used last, and when it was looked at last, while it has its
	// actors; see World.doze.
	active, seen netio.Instant
	key          uint64 // stands for its name
	failed       error  // of a member whose node could not be started
	addrs        []netip.AddrPort
	one          [1]netip.AddrPort // of a member
	awake        bool
	down         bool // it has crashed
	// sent is how many datagrams it has sent, and how much payload they had.
	sent, sentBytes uint64
	starts          int // of its node
	notes           []note
	spec            *spec
	// The first socket and life are here, where they are found without a search.
	firstSock socket
	firstLife life

	port          *port       // in a live World, once it is needed
	uplink, radio *bottleneck // nil until needed
	// groupSent is how many datagrams it has sent to groups.
	groupSent uint64
	refuse    int // how many more attempts to open a socket fail
}

func checkName(name string) error {
	if name == "" || strings.ContainsAny(name, " \t\r\n*:,=→[]@%") || strings.Contains(name, "->") || len(name) > 253 {
		return fmt.Errorf("sim: %q is no name for a node: want 1 to 253 characters, without spaces and any of * : , = [ ] @ %% ->", name)
	}
	return nil
}

// addHost makes a host, or takes the one of that name whose node has stopped.
func (w *World) addHost(name string, listen []string) (*host, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if id, ok := w.idOf(name); ok {
		h := w.hosts[id]
		if h == nil || h.sock != nil {
			return nil, fmt.Errorf("sim: the name %q is in use", name)
		}
		return h, nil
	}
	if len(listen) == 0 {
		listen = []string{""}
	}
	h := &host{w: w, name: name, key: hashName(hashSeed, name)}
	for _, s := range listen {
		a, err := w.parseAddr(s)
		if err == nil {
			if other, ok := w.idAt(a); ok {
				err = fmt.Errorf("the address %v belongs to %q", a, w.nameOfID(other))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("sim: node %q: %w", name, err)
		}
		h.addrs = append(h.addrs, a)
	}
	for _, a := range h.addrs {
		w.byAddr[a] = h
	}
	h.id = hostID(len(w.hosts))
	w.hosts = append(w.hosts, h)
	w.byName[name] = h
	w.named = append(w.named, h)
	return h, nil
}

// parseAddr reads an address to listen on. Without a host it is the next free
// one.
func (n *network) parseAddr(s string) (netip.AddrPort, error) {
	p := uint16(coapPort)
	if rest, ok := strings.CutPrefix(s, ":"); ok {
		v, err := strconv.ParseUint(rest, 10, 16)
		if err != nil || v == 0 {
			return netip.AddrPort{}, fmt.Errorf("the port of address %q must be a number from 1 to 65535", s)
		}
		p, s = uint16(v), ""
	}
	if s == "" {
		for {
			n.next = n.next.Next()
			a := netip.AddrPortFrom(n.next, p)
			if _, taken := n.idAt(a); !taken {
				return a, nil
			}
		}
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Port() == 0 || a.Addr().IsUnspecified() || a.Addr().IsMulticast() {
		return netip.AddrPort{}, fmt.Errorf("the address %q is none that a node can have: want one such as 10.1.0.1:5683, [2001:db8::1]:5683, or :5683", s)
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
}

// nameOf returns the name that an address has in the trace.
func (n *network) nameOf(a netip.AddrPort) string {
	if id, ok := n.idAt(a); ok {
		return n.nameOfID(id)
	}
	if m := n.mapped.outside[a]; m != nil {
		return n.nameOfID(m.host)
	}
	return a.String()
}

// opener returns what opens a host's socket for its node.
func (w *World) opener(h *host) func() (netio.Transport, error) {
	return func() (netio.Transport, error) {
		defer w.hold()()
		s, err := w.open(h)
		if err != nil {
			return nil, err // and not a nil *socket in an interface
		}
		return s, nil
	}
}

// open opens a host's socket.
func (w *World) open(h *host) (*socket, error) {
	if h.refuse > 0 {
		h.refuse--
		return nil, fmt.Errorf("sim: %s: the socket cannot be opened now", h.name)
	}
	if h.sock != nil {
		return nil, fmt.Errorf("sim: %s: the address is in use", h.name)
	}
	h.sock = &h.firstSock
	if h.sock.w != nil {
		h.sock = &socket{}
	}
	*h.sock = socket{w: w, host: h, groups: w.groups}
	return h.sock, nil
}

// Kill makes the socket of a node die: the node loses what it sends from now on
// and what is sent to it, until it has opened it again. The next failures
// attempts to do so fail.
func (w *World) Kill(name string, failures int) error {
	var h *host
	if id, ok := w.idOf(name); ok {
		h, _ = w.wake(id)
	}
	release := w.hold()
	if h == nil || h.sock == nil {
		release()
		return fmt.Errorf("sim: %q has no open socket", name)
	}
	h.refuse = failures
	w.trace.text(w, traceNote, name, "socket dies")
	s := h.sock
	s.shut()
	down := s.receiver.Down
	release()
	if down != nil {
		down(errors.New("sim: the socket has died"))
	}
	return nil
}

// send puts a datagram on its way. An error is a refusal of the local system.
func (w *World) send(from *host, d *netio.Datagram) error {
	if len(d.Data) > maxPayload {
		return fmt.Errorf("sim: a datagram of %d bytes is too long; UDP carries %d", len(d.Data), maxPayload)
	}
	dst := d.Peer.Addr
	src, err := from.source(d.Local, dst)
	if err != nil {
		return err
	}
	c := w.takeCarriage()
	defer w.putCarriage(c)
	*c = carriage{w: w, from: from, sender: src, src: src, dst: dst, local: dst, data: d.Data, multicast: dst.Addr().IsMulticast()}
	if i := w.iface(w.classOf(from.id)); i.MTU > 0 && c.size() > i.MTU {
		return fmt.Errorf("sim: %s cannot send %d bytes to %v: with its headers that is %d, the interface carries %d: %w", from.name, len(d.Data), dst, c.size(), i.MTU, ErrTooLong)
	}
	if c.multicast {
		w.sendGroup(c)
	} else {
		w.sendOne(c)
	}
	return nil
}

// sendOne sends to one host.
func (w *World) sendOne(c *carriage) {
	from, src, dst := c.from, c.src, c.dst
	to, local, through, ok := w.find(from, dst)
	c.begin()
	c.local = local
	if nat := w.natOf(from.id); nat != nil && nat.translates(src.Addr()) && (!ok || through || nat != w.natOf(to)) {
		var free bool
		if c.src, free = w.translate(nat, from.id, src); !free {
			c.src, ok = src, false
		}
	}
	if !ok {
		c.sent("")
		w.stats.Copies++
		c.lose(w.nameOf(dst), nil, LostUnreachable)
		return
	}
	if len(w.watchers) > 0 {
		c.sent(w.nameOfID(to))
	}
	c.carry(to)
	c.done()
}

// source returns the address that a datagram leaves from.
func (h *host) source(local, dst netip.AddrPort) (netip.AddrPort, error) {
	for _, a := range h.addrs {
		if a == local || !local.IsValid() && a.Addr().Is4() == dst.Addr().Is4() {
			return a, nil
		}
	}
	if local.IsValid() {
		return local, fmt.Errorf("sim: %s cannot send from %v: it is not its address", h.name, local)
	}
	return local, fmt.Errorf("sim: %s cannot send to %v: it has no address of that family", h.name, dst)
}

// sendGroup sends to the members of a group; each copy has its own fate.
func (w *World) sendGroup(c *carriage) {
	w.trace.send(w, c.from, c.dst.String(), c.data, nil, "")
	c.begin()
	if nat := w.natOf(c.from.id); nat != nil && nat.translates(c.src.Addr()) {
		if outside, ok := w.translate(nat, c.from.id, c.src); ok {
			c.nat, c.outside = nat, outside
		}
	}
	c.sent("")
	if c.scope <= InterfaceLocal {
		return
	}
	for id := range w.hosts {
		if to := hostID(id); to != c.from.id && w.listens(to, c.dst) {
			c.carry(to)
		}
	}
	c.done()
}

// listens reports whether a host receives what is sent to a group.
func (n *network) listens(id hostID, group netip.AddrPort) bool {
	h := n.hosts[id]
	if h == nil {
		p := n.populationOf(id)
		return p.first.Port() == group.Port() && p.first.Addr().Is4() == group.Addr().Is4() && isMember(n.groups, group.Addr())
	}
	if h.sock == nil || !h.sock.member(group.Addr()) {
		return false
	}
	for _, a := range h.addrs {
		if a.Port() == group.Port() && a.Addr().Is4() == group.Addr().Is4() {
			return true
		}
	}
	return false
}
