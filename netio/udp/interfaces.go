package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// errNoMulticast: there is nothing by which a group could be reached.
var errNoMulticast = errors.New("no network interface is up, capable of multicast and has an address of this family; " +
	`bring one up ("ip link set eth0 up multicast on"), or do without groups and give the addresses of names yourself (--resolve NAME=ADDRESS, Config.Resolve)`)

// hasFamily reports whether an interface has an address of IPv4, or of IPv6.
func hasFamily(ifi *net.Interface, is4 bool) bool {
	addrs, err := ifi.Addrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if p, ok := a.(*net.IPNet); ok && (p.IP.To4() != nil) == is4 {
			return true
		}
	}
	return false
}

// Interfaces implements netio.Multihomed: those of Config.Interfaces, or all on
// which Join joins, that are up and have an address of the group's family, by which
// somebody can answer.
func (t *Transport) Interfaces(group netip.Addr) ([]int, error) {
	group = group.Unmap()
	if !group.IsMulticast() {
		return nil, fmt.Errorf("udp: %s is no group", group)
	}
	if zone := group.Zone(); zone != "" {
		index, err := t.zones.index(zone)
		if err != nil {
			return nil, fmt.Errorf("udp: cannot send to %s: %w", group, err)
		}
		return []int{index}, nil
	}
	if !slices.ContainsFunc(t.sockets, func(s *socket) bool { return s.is4 == group.Is4() }) {
		return nil, fmt.Errorf("udp: cannot send to %s: no socket is of its family (Config.Addrs)", group)
	}
	ifis, err := t.interfaces(group, "")
	if err != nil {
		return nil, err
	}
	var indexes []int
	for i := range ifis {
		if ifis[i].Flags&net.FlagUp != 0 && hasFamily(&ifis[i], group.Is4()) {
			indexes = append(indexes, ifis[i].Index)
		}
	}
	if len(indexes) == 0 {
		return nil, fmt.Errorf("udp: cannot send to %s: %w", group, errNoMulticast)
	}
	slices.Sort(indexes)
	return indexes, nil
}

// watchEvery is how often a transport that has joined groups on all interfaces looks
// for new ones where the system does not tell. It costs some questions, 0.1 ms.
const watchEvery = 2 * time.Second

// settle is how long a change of interfaces is given to be complete: they come with
// several addresses.
const settle = 20 * time.Millisecond

// watchGroup notes that a group is to be joined on every interface that appears.
func (t *Transport) watchGroup(group netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead.Load() || slices.Contains(t.watched, group) {
		return
	}
	if t.watched = append(t.watched, group); len(t.watched) > 1 {
		return
	}
	next, stop := t.watcher()
	t.wg.Go(func() {
		<-t.done
		stop()
	})
	t.wg.Go(func() {
		for {
			changed, ok := next()
			if !ok || t.dead.Load() {
				return
			}
			t.rejoin(changed)
		}
	})
}

// poll is a watcher for systems that do not tell of changes.
func (t *Transport) poll() (next func() (changed []int, ok bool), stop func()) {
	every := t.every
	if every == 0 {
		every = watchEvery
	}
	before, ticker := snapshot(), time.NewTicker(every)
	next = func() ([]int, bool) {
		for {
			select {
			case <-t.done:
				return nil, false
			case <-ticker.C:
			}
			if now := snapshot(); now != nil && !slices.Equal(before, now) {
				var changed []int
				for _, s := range slices.Concat(before, now) {
					if slices.Contains(before, s) != slices.Contains(now, s) && !slices.Contains(changed, s.index) {
						changed = append(changed, s.index)
					}
				}
				before = now
				return changed, true
			}
		}
	}
	return next, ticker.Stop
}

// rejoin joins the groups wherever they can be joined now. On interfaces that have
// changed the membership is given up first: the system may have forgotten it while the
// socket has not, and those that have gone take places, of which a socket has only
// some.
func (t *Transport) rejoin(changed []int) {
	t.zones.forget()
	t.mu.Lock()
	groups, tell := slices.Clone(t.watched), t.recv.Changed
	t.mu.Unlock()
	for _, group := range groups {
		sockets := t.listeners(group)
		for _, index := range changed {
			for _, s := range sockets {
				s.leave(group, index)
			}
		}
		_ = t.joinOn(sockets, group, "") // what cannot be joined now can perhaps later
	}
	if tell != nil && !t.dead.Load() {
		tell()
	}
}

func (s *socket) leave(group netip.Addr, index int) {
	ifi, addr := &net.Interface{Index: index}, &net.UDPAddr{IP: group.AsSlice()}
	if s.is4 {
		_ = ipv4.NewPacketConn(s.conn).LeaveGroup(ifi, addr)
	} else {
		_ = ipv6.NewPacketConn(s.conn).LeaveGroup(ifi, addr)
	}
}

// ifState is what is compared of an interface and of one of its addresses.
type ifState struct {
	index int
	flags net.Flags
	addr  string
}

// snapshot returns what there is of interfaces and addresses; nil if the system does
// not tell.
func snapshot() []ifState {
	ifis, err := net.Interfaces()
	if err != nil {
		return nil
	}
	states := make([]ifState, 0, 2*len(ifis))
	for i := range ifis {
		states = append(states, ifState{ifis[i].Index, ifis[i].Flags, ""})
		addrs, err := ifis[i].Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			states = append(states, ifState{ifis[i].Index, ifis[i].Flags, a.String()})
		}
	}
	return states
}
