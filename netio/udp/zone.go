package udp

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
)

// zones translates between interface indexes and the zones of link-local
// addresses. Asking the system takes microseconds and allocates, so answers are
// kept. Only interfaces that exist are kept, which bounds both maps.
type zones struct {
	mu      sync.RWMutex
	names   map[int]string
	indexes map[string]int
}

// name returns the zone for an interface: its name, or its number if the system
// does not know it (any more).
func (z *zones) name(index int) string {
	z.mu.RLock()
	name, ok := z.names[index]
	z.mu.RUnlock()
	if ok {
		return name
	}
	ifi, err := net.InterfaceByIndex(index)
	if err != nil {
		return strconv.Itoa(index)
	}
	z.keep(ifi)
	return ifi.Name
}

// index returns the interface index of a zone, which may be a name or a number.
func (z *zones) index(zone string) (int, error) {
	z.mu.RLock()
	index, ok := z.indexes[zone]
	z.mu.RUnlock()
	if ok {
		return index, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 31); err == nil && n > 0 {
		return int(n), nil
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("no interface %q: %w", zone, err)
	}
	z.keep(ifi)
	return ifi.Index, nil
}

func (z *zones) keep(ifi *net.Interface) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.names == nil {
		z.names, z.indexes = map[int]string{}, map[string]int{}
	}
	z.names[ifi.Index], z.indexes[ifi.Name] = ifi.Name, ifi.Index
}

// forget drops what is known: an interface may have gone or been renamed.
func (z *zones) forget() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.names, z.indexes = nil, nil
}

// scoped gives a link-local address its zone. Group addresses stay without, so
// that they compare equal to the well-known ones; Datagram.Interface has it.
func (z *zones) scoped(a netip.Addr, index int) netip.Addr {
	if index != 0 && a.Is6() && a.IsLinkLocalUnicast() {
		return a.WithZone(z.name(index))
	}
	return a
}

// outgoing returns the interface that a datagram to peer from local must leave
// by, or 0 if that is routing's to decide: for a global unicast peer the
// interface that a request came in by need not be the way back.
func (z *zones) outgoing(peer, local netip.Addr, ifindex int) (int, error) {
	switch {
	case peer.Zone() != "":
		return z.index(peer.Zone())
	case !peer.IsLinkLocalUnicast() && !isGroup(peer) && !local.IsLinkLocalUnicast():
		return 0, nil
	case ifindex == 0 && local.Zone() != "":
		return z.index(local.Zone())
	}
	return ifindex, nil
}

// isGroup reports whether a datagram to a can reach several machines: multicast
// and the IPv4 broadcast address. Broadcast addresses of a subnet cannot be
// told from others by looking at them.
func isGroup(a netip.Addr) bool {
	return a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
