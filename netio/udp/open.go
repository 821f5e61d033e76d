package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// lookEvery is how often a reader looks at a socket that brings nothing: should
// something else have taken the place of its descriptor, no event tells.
const lookEvery = 10 * time.Second

// tries is how often a port that is free in one family but taken in the other
// is given back for another one.
const tries = 32

// Open opens the sockets of a transport. They receive from then on, but
// datagrams wait in the system until Start.
func Open(cfg Config) (*Transport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := &Transport{cfg: cfg.withDefaults(), look: lookEvery, done: make(chan struct{})}
	for _, a := range t.cfg.Addrs {
		if err := t.listen(a); err != nil {
			t.shut(nil)
			return nil, err
		}
	}
	for _, s := range t.sockets {
		if err := t.multiply(s); err != nil {
			t.shut(nil)
			return nil, err
		}
	}
	for _, s := range t.sockets {
		only := t.only(s.is4)
		if *only = s; t.count(s.is4) > 1 {
			*only = nil
		}
	}
	return t, nil
}

// count returns the number of sockets of a family.
func (t *Transport) count(is4 bool) (n int) {
	for _, s := range t.sockets {
		if s.is4 == is4 {
			n++
		}
	}
	return n
}

// listen opens the sockets for one element of Config.Addrs.
func (t *Transport) listen(addr string) error {
	host, port, err := splitAddr(addr)
	if err != nil {
		return err
	}
	if host == "" {
		return t.listenBoth(port)
	}
	ip, err := netip.ParseAddr(host)
	ips := []netip.Addr{ip}
	if err != nil {
		if ips, err = net.DefaultResolver.LookupNetIP(context.Background(), "ip", host); err != nil {
			return fmt.Errorf("udp: address %q: %w", addr, err)
		}
	}
	var seen []netip.Addr
	for _, ip := range ips {
		if ip = ip.Unmap(); slices.Contains(seen, ip) {
			continue
		}
		seen = append(seen, ip)
		s, err := t.openSocket(netip.AddrPortFrom(ip, port), t.cfg.ReusePort)
		if err != nil {
			return err
		}
		t.sockets = append(t.sockets, s)
	}
	return nil
}

// listenBoth opens a socket per family on all addresses and the same port. It
// is content with one if the machine does not have the other family.
func (t *Transport) listenBoth(port uint16) error {
	for try := 1; ; try++ {
		s4, err4 := t.openSocket(netip.AddrPortFrom(netip.IPv4Unspecified(), port), t.cfg.ReusePort)
		if err4 != nil && !noFamily(err4) {
			return err4
		}
		p := port
		if s4 != nil {
			p = s4.addr.Port()
		}
		s6, err6 := t.openSocket(netip.AddrPortFrom(netip.IPv6Unspecified(), p), t.cfg.ReusePort)
		if err6 != nil && (s4 == nil || !noFamily(err6)) {
			if s4 != nil {
				_ = s4.conn.Close()
			}
			if port == 0 && try < tries && inUse(err6) {
				continue
			}
			return errors.Join(err4, err6)
		}
		for _, s := range []*socket{s4, s6} {
			if s != nil {
				t.sockets = append(t.sockets, s)
			}
		}
		return nil
	}
}

// openSocket opens one socket; reuse: others may have its address.
func (t *Transport) openSocket(at netip.AddrPort, reuse bool) (*socket, error) {
	s := &socket{t: t, is4: at.Addr().Is4()}
	var lc net.ListenConfig
	if reuse {
		lc.Control = func(_, _ string, rc syscall.RawConn) error { return reusePort(rc) }
	}
	network := "udp6" // the standard library makes it IPV6_V6ONLY
	if s.is4 {
		network = "udp4"
	}
	pc, err := lc.ListenPacket(context.Background(), network, at.String())
	if err != nil {
		return nil, fmt.Errorf("udp: cannot listen on %s: %w", at, err)
	}
	s.conn = pc.(*net.UDPConn)
	local := s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.addr = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	s.any = s.addr.Addr().IsUnspecified()
	grow(s.conn.SetReadBuffer, t.cfg.ReadBuffer)
	grow(s.conn.SetWriteBuffer, t.cfg.WriteBuffer)
	if err := s.prepare(); err != nil {
		_ = s.conn.Close()
		return nil, fmt.Errorf("udp: cannot prepare socket %s: %w", s.addr, err)
	}
	return s, nil
}

// grow asks for a buffer, and for less where the system refuses rather than
// giving what it can. Failing is no error: every socket has some buffer.
func grow(set func(int) error, size int) {
	for ; size >= 64<<10; size /= 2 {
		if set(size) == nil {
			return
		}
	}
	if size > 0 {
		_ = set(size)
	}
}

// Buffers returns what the system gave for each socket's read and write buffer,
// in bytes comparable to Config's; the smallest where sockets differ, and 0
// where the system does not tell.
func (t *Transport) Buffers() (read, write int) {
	first := true
	for s := range t.all() {
		r, w := s.buffers()
		if first {
			read, write, first = r, w, false
		}
		read, write = min(read, r), min(write, w)
	}
	return read, write
}
