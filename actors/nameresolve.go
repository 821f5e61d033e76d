package actors

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/coap2/coap2/actors/protocol"
	"github.com/coap2/coap2/codec"
)

// hostPlace is where a host is: its addresses, at least one. named: the network has been
// asked for them.
type hostPlace struct {
	addrs []netip.AddrPort
	named bool
}

// resolve finds the addresses of a URI's host that the node's socket can send to. A
// name is looked for in Config.Resolve; if it is of those that nodes give
// themselves, among what is known and on the network; then the operating system is
// asked. again: what is known is not good enough.
func (n *Node) resolve(ctx context.Context, u codec.URI, again bool) (hostPlace, error) {
	host := strings.TrimSuffix(strings.ToLower(u.Host), ".")
	if at, ok := n.hosts[host]; ok {
		if at.Port() == 0 {
			at = netip.AddrPortFrom(at.Addr(), u.Port)
		}
		addrs, err := n.usable(host, []netip.AddrPort{at})
		return hostPlace{addrs: addrs}, err
	}
	var asked error
	if n.naming != nil && protocol.IsLocalName(host) {
		if name, err := protocol.CanonicalName(host); err == nil {
			var addrs []netip.AddrPort
			if addrs, asked = n.findName(ctx, name, again); asked == nil {
				for i, a := range addrs {
					if u.Port != groupPort { // the URI has said so
						addrs[i] = netip.AddrPortFrom(a.Addr(), u.Port)
					}
				}
				addrs, err = n.usable(host, addrs)
				return hostPlace{addrs, true}, err
			}
			var conflict *ConflictError
			if errors.As(asked, &conflict) || ctx.Err() != nil {
				return hostPlace{}, asked
			}
		}
	}
	if n.env.Resolve == nil {
		return hostPlace{}, explainName(host, asked, fmt.Errorf("host %q is no address, and this node cannot resolve names", host))
	}
	ips, err := n.env.Resolve(ctx, u.Host)
	if err != nil {
		return hostPlace{}, explainName(host, asked, err)
	}
	addrs := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip, u.Port)
	}
	addrs, err = n.usable(host, addrs)
	return hostPlace{addrs: addrs}, err
}

// explainName says why a name has not been found, and what to do.
func explainName(host string, asked, system error) error {
	if asked == nil {
		return system
	}
	return fmt.Errorf("the name %q was not found: %w; the operating system: %w (an address can be given with --resolve %s=ADDRESS, or Config.Resolve)", host, asked, system, host)
}

// usable returns the addresses of a family that the node listens on.
func (n *Node) usable(host string, addrs []netip.AddrPort) ([]netip.AddrPort, error) {
	v4, v6 := n.families()
	var usable []netip.AddrPort
	var all []netip.Addr
	for _, a := range addrs {
		all = append(all, a.Addr())
		if is4 := a.Addr().Is4(); is4 && v4 || !is4 && v6 {
			usable = append(usable, a)
		}
	}
	if len(usable) > 0 {
		return usable, nil
	}
	return nil, fmt.Errorf("host %q has only addresses (%v) of a family that this node does not listen on", host, all)
}

// findName returns where a canonical name is, from memory or by asking the network.
// The slice is the caller's.
func (n *Node) findName(ctx context.Context, name string, again bool) ([]netip.AddrPort, error) {
	s := n.env.Runner.NewSignal()
	var answer nameAnswer
	f := findName{name, again, func(a nameAnswer) {
		answer = nameAnswer{append([]netip.AddrPort(nil), a.addrs...), a.err}
		s.Set()
	}}
	n.soon(func() {
		if n.naming.leaving { // there may be nobody any more who would answer
			f.reply(nameAnswer{err: ErrStopped})
			return
		}
		n.shard.post(n.naming.box, f)
	})
	if err := s.Wait(ctx); err != nil {
		return nil, err
	}
	return answer.addrs, answer.err
}

// Resolve returns the addresses of a host, the preferred one first, as a request to
// it would find them. host is a name or an address.
func (n *Node) Resolve(ctx context.Context, host string) ([]netip.AddrPort, error) {
	if t := taskOf(ctx); t != nil && t.inline {
		return nil, ErrInline
	}
	u, err := codec.ParseURI("coap://" + host)
	if err != nil {
		return nil, fmt.Errorf("actors: resolving %.80q: %w", host, err)
	}
	if at, ok := u.Addr(); ok {
		return []netip.AddrPort{at}, nil
	}
	n.rouse()
	if n.shard.endpoint == nil { // from Config.Setup
		return nil, fmt.Errorf("actors: resolving %q: %w", host, errNotStarted)
	}
	where, err := n.resolve(ctx, u, false)
	if err != nil {
		return nil, fmt.Errorf("actors: resolving %q: %w", host, err)
	}
	return where.addrs, nil
}

// find looks the host of a call up, on another goroutine.
func (c *Call) find(ctx *taskContext, u codec.URI) {
	n, again := c.node, c.again
	n.env.Runner.Go(func() {
		defer ctx.end(context.Canceled)
		where, err := n.resolve(ctx, u, again)
		if err != nil {
			c.post(cancelCall{c, err})
			return
		}
		c.post(resolved{c, where})
	})
}

// noteFailure puts a name in doubt at one of whose addresses nobody answers.
func (n *Node) noteFailure(host string, at netip.AddrPort, err error) {
	if n.naming == nil || !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrUnreachable) {
		return
	}
	if name, err := protocol.CanonicalName(strings.TrimSuffix(host, ".")); err == nil {
		n.shard.post(n.naming.box, nameFailed{name, at})
	}
}

// doubtName is told of the end of a call to a name. Where nobody has answered the
// name is in doubt, and the call, if it may be made twice and there is time left,
// goes on where the name is now. It reports whether it does.
func (sh *shard) doubtName(c *Call, err error) bool {
	if !errors.Is(err, ErrTimeout) && !errors.Is(err, ErrUnreachable) {
		return false
	}
	u, perr := codec.ParseURI(c.req.URI)
	if perr != nil {
		return false
	}
	sh.node.noteFailure(u.Host, c.peer.Addr, err)
	safe := c.req.Method == codec.GET || c.req.Method == codec.FETCH
	if c.ending || c.again || !safe || c.transfer != nil || sh.stopping {
		return false
	}
	sh.giveBack(c)
	c.again, c.others = true, nil
	c.lookup = &taskContext{env: sh.env}
	c.find(c.lookup, u)
	return true
}
