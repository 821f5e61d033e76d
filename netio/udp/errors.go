package udp

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/coap2/coap2/netio"
)

// DeliveryError is the Err of a datagram that came back: the system, or with
// ICMP a machine on the way, says that it was not delivered.
type DeliveryError struct {
	// Peer is where the datagram was sent.
	Peer netip.AddrPort
	// From is who says so; the zero Addr if that is Peer, or unknown.
	From netip.Addr
	// Type and Code are those of the ICMP or ICMPv6 message, depending on
	// Peer's family.
	Type, Code uint8
	// MTU is the size of packet, in bytes and with all headers, that the way
	// to Peer can carry; 0 = not the problem.
	MTU int
	// Cause is what the system makes of it: a syscall.Errno.
	Cause error
}

// Error implements error.
func (e *DeliveryError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "udp: %s: %s (", e.Peer, e.Cause)
	if e.Peer.Addr().Is4() {
		b.WriteString("ICMP " + icmp4Text(e.Type, e.Code))
	} else {
		b.WriteString("ICMPv6 " + icmp6Text(e.Type, e.Code))
	}
	if e.MTU != 0 {
		fmt.Fprintf(&b, ", MTU %d", e.MTU)
	}
	if e.From.IsValid() {
		fmt.Fprintf(&b, ", says %s", e.From)
	}
	b.WriteByte(')')
	return b.String()
}

// Unwrap returns Cause.
func (e *DeliveryError) Unwrap() error { return e.Cause }

// Is reports that a packet too big is netio.ErrTransient: the system has learned
// what the path carries, and sends longer datagrams in fragments from now on.
func (e *DeliveryError) Is(target error) bool { return target == netio.ErrTransient && e.MTU != 0 }

// transient reports whether an error of sending may be over with the next
// datagram: a queue of the system was full or its memory short, there was no
// room and waiting is over (see Hurry), the socket is dead and will be replaced, or the interface that a zone meant is gone, and
// perhaps there is another of that name.
func transient(err error) bool {
	return errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ENODEV) ||
		errors.Is(err, errNoRoom) || errors.Is(err, os.ErrDeadlineExceeded) || dead(err)
}

// errNoRoom is the error of a write that does not wait.
var errNoRoom = errors.New("the send buffer is full")

// dead reports whether an error means that the descriptor is no socket any more.
func dead(err error) bool { return errors.Is(err, syscall.EBADF) || errors.Is(err, syscall.ENOTSOCK) }

// icmp4Text names an ICMP error (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
func icmp4Text(typ, code uint8) string {
	switch typ {
	case 3:
		switch code {
		case 0, 6, 11:
			return "network unreachable"
		case 1, 7, 12:
			return "host unreachable"
		case 2:
			return "protocol unreachable"
		case 3:
			return "port unreachable"
		case 4:
			return "fragmentation needed"
		case 9, 10, 13:
			return "administratively prohibited"
		}
	case 11:
		return "time exceeded"
	case 12:
		return "parameter problem"
	}
	return fmt.Sprintf("type %d code %d", typ, code)
}

// icmp6Text names an ICMPv6 error (RFC 4443 §3).
func icmp6Text(typ, code uint8) string {
	switch typ {
	case 1:
		switch code {
		case 0:
			return "no route"
		case 1:
			return "administratively prohibited"
		case 3:
			return "address unreachable"
		case 4:
			return "port unreachable"
		case 5, 6:
			return "rejected by policy"
		}
	case 2:
		return "packet too big"
	case 3:
		return "time exceeded"
	case 4:
		return "parameter problem"
	}
	return fmt.Sprintf("type %d code %d", typ, code)
}
