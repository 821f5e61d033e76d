package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// segments returns what has crossed the network for a connection.
func segments(c *net.TCPConn) (t traffic, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return t, err
	}
	var info *unix.TCPInfo
	if cerr := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); cerr != nil {
		return t, cerr
	}
	if err != nil {
		return t, err
	}
	n := uint64(info.Segs_in) + uint64(info.Segs_out)
	return traffic{n, n*tcpHeaders + info.Bytes_received + info.Bytes_acked}, nil
}
