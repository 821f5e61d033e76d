package netio

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Resolve asks the operating system for the addresses of a host name, in the
// order in which it prefers them. IPv4 addresses are in their 4-byte form. A
// name without address is an error that names it.
func Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("netio: host name %q: %w", host, err)
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("netio: host name %q has no address", host)
	}
	return addrs, nil
}
