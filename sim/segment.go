package sim

import (
	"fmt"
	"net/netip"
)

// Scope is how far a multicast datagram goes: the values of RFC 4291 §2.7 and
// RFC 7346.
type Scope uint8

// The scopes of multicast.
const (
	InterfaceLocal Scope = 0x1
	LinkLocal      Scope = 0x2
	RealmLocal     Scope = 0x3
	AdminLocal     Scope = 0x4
	SiteLocal      Scope = 0x5
	OrgLocal       Scope = 0x8
	Global         Scope = 0xe
)

var scopes = [...]struct {
	scope Scope
	name  string
}{
	{InterfaceLocal, "interface"}, {LinkLocal, "link"}, {RealmLocal, "realm"}, {AdminLocal, "admin"},
	{SiteLocal, "site"}, {OrgLocal, "org"}, {Global, "global"},
}

// String returns "link", "site" …, or "scope 6" for one that has no name.
func (s Scope) String() string {
	for _, x := range scopes {
		if x.scope == s {
			return x.name
		}
	}
	return fmt.Sprintf("scope %d", uint8(s))
}

// ParseScope returns the Scope of which String returns s.
func ParseScope(s string) (Scope, error) {
	for _, x := range scopes {
		if x.name == s {
			return x.scope, nil
		}
	}
	return 0, fmt.Errorf("sim: %q is no scope: want interface, link, realm, admin, site, org or global", s)
}

// ScopeOf returns the scope of a group. That of an IPv6 group is in its address.
// For IPv4 it is that of RFC 2365 §8: 224.0.0.0/24 link-local, 239.255.0.0/16
// realm-local, 239.192.0.0/14 organisation-local, the rest of 239.0.0.0/8
// site-local, all others global.
func ScopeOf(group netip.Addr) Scope {
	group = group.Unmap()
	if group.Is6() {
		return Scope(group.As16()[1] & 0x0f)
	}
	switch b := group.As4(); {
	case b[0] == 224 && b[1] == 0 && b[2] == 0:
		return LinkLocal
	case b[0] != 239:
		return Global
	case b[1] == 255:
		return RealmLocal
	case b[1] >= 192 && b[1] <= 195:
		return OrgLocal
	}
	return SiteLocal
}

// Segment is a part of the network whose nodes are neighbours: a link in the
// terms of IP. Nodes in no Segment are neighbours of each other in the backbone.
//
// Segments form a tree: a router joins each to the one above. A datagram from
// one to another crosses all routers on the way, each of which takes one of its
// hop limit and drops it when nothing is left. A link-local address is found
// from the same Segment only.
type Segment struct {
	// Name is the segment's; patterns call it @Name.
	Name string
	// Nodes are in it, a pattern. A node is in the Segment that was set last of
	// those that fit.
	Nodes string
	// Up is the Segment on the other side of its router; "" = the backbone.
	Up string
	// Bridge: what joins it to the one above is no router but a bridge, which
	// takes no hops and lets every multicast through: both are one link.
	Bridge bool
	// Border is the widest scope whose multicast the router does not let
	// through, in either direction; 0 = LinkLocal, which none does.
	Border Scope
	// Rate is shared by everything that passes the router towards the Segment,
	// and its like by everything that comes from it.
	Rate
	// Medium is what its nodes share to send; the zero value is none.
	Medium Medium
	// Radio is the IEEE 802.15.4 radio of its nodes, instead of a Medium; nil =
	// none.
	Radio *Radio
}

// Validate reports what is wrong with a Segment, if anything.
func (s Segment) Validate() error {
	if !isSetName(s.Name) {
		return fmt.Errorf("sim: %q is no name for a segment: want letters, digits and any of - _ . /", s.Name)
	}
	if s.Nodes == "" {
		return fmt.Errorf("sim: segment %q: Nodes is empty; want a pattern such as s[0-49]", s.Name)
	}
	if _, err := parsePattern(s.Nodes); err != nil {
		return fmt.Errorf("sim: segment %q: %w", s.Name, err)
	}
	if s.Border > 0xf {
		return fmt.Errorf("sim: segment %q: Border is %d; a scope is at most 15", s.Name, s.Border)
	}
	if s.Bridge && s.Border > 0 {
		return fmt.Errorf("sim: segment %q: a Bridge has no Border", s.Name)
	}
	if err := s.Medium.Validate(); err != nil {
		return err
	}
	if s.Radio != nil && (s.Medium != (Medium{}) || s.Rate != (Rate{}) || s.Up != "" || s.Bridge) {
		return fmt.Errorf("sim: segment %q: a Radio goes with no Medium, Rate, Bridge or Up: nothing joins it to others", s.Name)
	}
	return s.Rate.Validate()
}
