package actors

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/coap2/coap2/netio"
)

// groupPort is where All CoAP Nodes are reached (RFC 7252 §12.8).
const groupPort = 5683

// coapNodes are the groups All CoAP Nodes: of IPv4, of IPv6 on the link, and of IPv6
// within the site (RFC 7252 §12.8).
var coapNodes = [...]netip.Addr{
	netip.AddrFrom4([4]byte{224, 0, 1, 187}),
	netip.AddrFrom16([16]byte{0xff, 0x02, 15: 0xfd}),
	netip.AddrFrom16([16]byte{0xff, 0x05, 15: 0xfd}),
}

// ErrNoMulticast: the node cannot reach groups, and so cannot ask for names or
// resources. The error that wraps it says why, and what to do.
var ErrNoMulticast = errors.New("no multicast")

// errNoFamily: the node's socket has no address.
var errNoFamily = errors.New("the node listens on no address")

// groupPlaces is where a message to All CoAP Nodes goes, as it was a moment ago.
type groupPlaces struct {
	at  netio.Instant
	tos []to
	err error
}

// placesFor is how long groupPlaces are believed: to ask the system costs more than
// to send.
const placesFor = 2 * time.Second

// allNodesPlaces returns where a message to All CoAP Nodes is to be sent: to each of
// the groups, on each interface that can carry it. The first shard's goroutine only.
func (n *Node) allNodesPlaces() ([]to, error) {
	now := n.shard.now()
	if p := n.places; p.at != 0 && now.Sub(p.at) < placesFor {
		return p.tos, p.err
	}
	p := groupPlaces{at: now}
	t := n.transport.Load()
	if t == nil {
		return nil, fmt.Errorf("%w: the socket is down; it is being opened again", ErrNoMulticast)
	}
	v4, v6 := n.families()
	errs := []error{errNoFamily}
	homes, many := (*t).(netio.Multihomed)
	for _, group := range coapNodes {
		if group.Is4() && !v4 || group.Is6() && !v6 {
			continue
		}
		peer := netio.Peer{Addr: netip.AddrPortFrom(group, groupPort)}
		if !many {
			p.tos = append(p.tos, to{peer: peer})
			continue
		}
		ifis, err := homes.Interfaces(group)
		if err != nil {
			errs = append(errs, err)
		}
		for _, ifi := range ifis {
			p.tos = append(p.tos, to{peer: peer, ifi: ifi})
		}
	}
	if len(p.tos) == 0 {
		p.err = fmt.Errorf("%w: %w", ErrNoMulticast, errs[len(errs)-1]) // the others say the same
	}
	n.places = p
	return p.tos, p.err
}

// joinAllNodes makes the node's socket hear the groups. It is an error only if it
// can hear none.
func (n *Node) joinAllNodes() error {
	t := n.transport.Load()
	if t == nil {
		return nil
	}
	n.places = groupPlaces{}
	v4, v6 := n.families()
	errs := []error{errNoFamily}
	joined := 0
	for _, group := range coapNodes {
		if group.Is4() && !v4 || group.Is6() && !v6 {
			continue
		}
		if err := (*t).Join(group, ""); err != nil {
			errs = append(errs, err)
		} else {
			joined++
		}
	}
	if joined == 0 {
		return fmt.Errorf("%w: %w", ErrNoMulticast, errs[len(errs)-1])
	}
	return nil
}

// hearsGroups reports whether the node is to be found: it has a name, or is where
// All CoAP Nodes are asked.
func (n *Node) hearsGroups() bool {
	if n.whoami().name != "" {
		return true
	}
	for _, a := range n.Addrs() {
		if a.Port() == groupPort {
			return true
		}
	}
	return false
}
