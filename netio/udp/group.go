package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Join implements netio.Transport. Only sockets that listen on all addresses of
// the group's family can hear it; all of these join. With ifname "" the
// interfaces are those of Config.Interfaces, or else all that are up and capable
// of multicast, without loopback unless there is nothing else; that some of
// them cannot is an error only if all cannot. Joining again does no harm, and
// takes in interfaces that have appeared since.
func (t *Transport) Join(group netip.Addr, ifname string) error {
	if t.dead.Load() {
		return t.closedError()
	}
	group = group.Unmap()
	if !group.IsMulticast() {
		return fmt.Errorf("udp: cannot join %s: not a multicast address", group)
	}
	if zone := group.Zone(); zone != "" {
		if ifname != "" && ifname != zone {
			return fmt.Errorf("udp: cannot join %s on interface %s: its zone says another", group, ifname)
		}
		group, ifname = group.WithZone(""), zone
	}
	sockets := t.listeners(group)
	if len(sockets) == 0 {
		return fmt.Errorf("udp: cannot join %s: no socket listens on all addresses of its family (Config.Addrs)", group)
	}
	t.zones.forget()
	if ifname == "" {
		t.watchGroup(group)
	}
	return t.joinOn(sockets, group, ifname)
}

// joinOn makes sockets members of a group, as Join says.
func (t *Transport) joinOn(sockets []*socket, group netip.Addr, ifname string) error {
	ifis, err := t.interfaces(group, ifname)
	if err != nil {
		return err
	}
	var errs []error
	joined := 0
	for i := range ifis {
		ok := true
		for _, s := range sockets {
			if err := s.join(group, &ifis[i]); err != nil {
				errs = append(errs, fmt.Errorf("udp: cannot join %s on interface %s: %w", group, ifis[i].Name, err))
				ok = false
			}
		}
		if ok {
			joined++
		}
	}
	switch {
	case joined == len(ifis), joined > 0 && ifname == "":
		return nil
	case t.dead.Load():
		return t.closedError()
	}
	return errors.Join(errs...)
}

// listeners returns the sockets that can hear a group.
func (t *Transport) listeners(group netip.Addr) []*socket {
	var sockets []*socket
	for _, s := range t.sockets {
		if s.is4 == group.Is4() && s.any {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

// interfaces returns where to join: at least one.
func (t *Transport) interfaces(group netip.Addr, ifname string) ([]net.Interface, error) {
	names := t.cfg.Interfaces
	if ifname != "" {
		names = []string{ifname}
	}
	var ifis, loopback []net.Interface
	for _, name := range names {
		ifi, err := net.InterfaceByName(name)
		if err != nil {
			return nil, fmt.Errorf("udp: cannot join %s on interface %s: %w", group, name, err)
		}
		ifis = append(ifis, *ifi)
	}
	if len(names) > 0 {
		return ifis, nil
	}
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("udp: cannot join %s: %w", group, err)
	}
	for _, ifi := range all {
		switch {
		case ifi.Flags&net.FlagUp == 0:
		case ifi.Flags&net.FlagLoopback != 0:
			loopback = append(loopback, ifi)
		case ifi.Flags&net.FlagMulticast != 0:
			ifis = append(ifis, ifi)
		}
	}
	if !slices.ContainsFunc(ifis, func(ifi net.Interface) bool { return hasFamily(&ifi, group.Is4()) }) {
		ifis = append(ifis, loopback...) // so that at least the programs of this machine find each other
	}
	if len(ifis) == 0 {
		return nil, fmt.Errorf("udp: cannot join %s: %w", group, errNoMulticast)
	}
	return ifis, nil
}

// join makes one socket a member on one interface. The standard says nothing of
// joining twice, systems call it an address in use.
func (s *socket) join(group netip.Addr, ifi *net.Interface) error {
	var err error
	addr := &net.UDPAddr{IP: group.AsSlice()}
	if s.is4 {
		err = ipv4.NewPacketConn(s.conn).JoinGroup(ifi, addr)
	} else {
		err = ipv6.NewPacketConn(s.conn).JoinGroup(ifi, addr)
	}
	if err != nil && inUse(err) {
		return nil
	}
	return err
}
