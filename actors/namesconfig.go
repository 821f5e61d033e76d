package actors

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/coap2/coap2/actors/protocol"
)

// NamesConfig says how a node comes by its name, and how it finds others by theirs.
// With the zero value it does without any name service: on start it asks three times,
// 250 ms apart, whether somebody has its Config.Name, takes a numbered one if so
// ("node1-2.local"), and says hello; when it stops it says goodbye. The host of a URI,
// if it is a name of one label or under ".local", it asks the network for before the
// operating system.
type NamesConfig struct {
	// Mode turns that off; 0 = on, but in a simulator off.
	Mode NamesMode
	// Probe is how the node makes sure that nobody else has its name, and what it
	// does otherwise.
	Probe protocol.ProbeConfig
	// Cache bounds what the node remembers of others' names.
	Cache protocol.NameCacheConfig
	// Store is where that is kept over restarts, with the node's name and instance ID;
	// nil = nowhere.
	Store Store
	// Heard, where set, is called on the node's goroutine for each hello and goodbye
	// of another node. It must not block.
	Heard func(NameEvent)
	// Changed, where set, is called on the node's goroutine when the node has come by
	// a name, or ("") has lost it. It must not block.
	Changed func(name string)
}

// NamesMode says whether a node has to do with names on the network.
type NamesMode uint8

// Modes of NamesConfig.
const (
	// NamesAuto: as the Env says.
	NamesAuto NamesMode = iota
	NamesOn
	// NamesOff: the node's name is a label for logs only, and names of others are
	// the operating system's matter.
	NamesOff
)

func (c *Config) namesOn(e *Env) bool {
	switch c.Names.Mode {
	case NamesOn:
		return true
	case NamesOff:
		return false
	}
	return e == nil || !e.Quiet
}

func (c *Config) validateNames() error {
	if c.Names.Mode > NamesOff {
		return fmt.Errorf("actors: Config.Names.Mode is %d; it must be NamesAuto, NamesOn or NamesOff", c.Names.Mode)
	}
	if len(c.Name) > protocol.MaxName {
		return fmt.Errorf("actors: Config.Name has %d bytes; a host name has at most %d", len(c.Name), protocol.MaxName)
	}
	if c.Name != "" && c.namesOn(c.Env) {
		name, err := protocol.CanonicalName(c.Name)
		if err != nil {
			return fmt.Errorf("actors: Config.Name: %w", err)
		}
		if _, err := netip.ParseAddr(name); err == nil {
			return fmt.Errorf("actors: Config.Name is the address %s; want a name", name)
		}
	}
	p, n := c.Names.Probe, c.Names.Cache
	if p.Probes < 0 || p.Interval < 0 || p.Renames < 0 || n.Names < 0 || n.Addrs < 0 || n.PerSource < 0 || n.Negative < 0 || n.Hello < 0 {
		return errors.New("actors: Config.Names: a number is negative; 0 is the default")
	}
	for host, at := range c.Resolve {
		if _, err := protocol.CanonicalName(strings.TrimSuffix(host, ".")); err != nil {
			return fmt.Errorf("actors: Config.Resolve: %w", err)
		}
		if !at.Addr().IsValid() || at.Addr().IsUnspecified() {
			return fmt.Errorf("actors: Config.Resolve: %s: no address", host)
		}
	}
	for _, name := range c.Interfaces {
		if name == "" {
			return errors.New("actors: Config.Interfaces: a name is empty")
		}
	}
	return nil
}

// hosts returns Resolve by canonical names.
func (c *Config) hosts() map[string]netip.AddrPort {
	if len(c.Resolve) == 0 {
		return nil
	}
	m := make(map[string]netip.AddrPort, len(c.Resolve))
	for host, at := range c.Resolve {
		m[strings.ToLower(strings.TrimSuffix(host, "."))] = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return m
}
