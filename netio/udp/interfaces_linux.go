package udp

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watcher asks the kernel to tell of interfaces and addresses that come and go. next
// waits for that, and returns the indexes of the interfaces that have changed; stop
// ends it. Where the kernel does not tell, it looks now and then.
func (t *Transport) watcher() (next func() (changed []int, ok bool), stop func()) {
	f, err := openRoutes()
	if err != nil || t.every != 0 {
		if err == nil {
			_ = f.Close()
		}
		return t.poll()
	}
	buf := make([]byte, 32<<10)
	next = func() (changed []int, ok bool) {
		_ = f.SetReadDeadline(time.Time{})
		for {
			n, err := f.Read(buf)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				return changed, true
			case errors.Is(err, syscall.ENOBUFS): // more than fits: whatever there is may have changed
				for _, s := range snapshot() {
					changed = append(changed, s.index)
				}
			case err != nil:
				return nil, false
			}
			first := len(changed) == 0
			changed = appendChanged(changed, buf[:max(n, 0)])
			if first && len(changed) > 0 {
				_ = f.SetReadDeadline(time.Now().Add(settle))
			}
		}
	}
	return next, func() { _ = f.Close() }
}

// openRoutes opens a socket that hears of changes.
func openRoutes() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR})
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

// appendChanged appends the indexes of interfaces that messages of the kernel are
// about. They stand at the same place in all kinds that are asked for.
func appendChanged(changed []int, b []byte) []int {
	for len(b) >= unix.NLMSG_HDRLEN+8 {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN+8 || size > len(b) {
			break
		}
		switch binary.NativeEndian.Uint16(b[4:]) {
		case unix.RTM_NEWLINK, unix.RTM_DELLINK, unix.RTM_NEWADDR, unix.RTM_DELADDR:
			index := int(binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN+4:]))
			if !slices.Contains(changed, index) {
				changed = append(changed, index)
			}
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return changed
}
