package netio

import (
	"errors"
	"net/netip"
)

// ErrClosed is what a transport's methods return after Close.
var ErrClosed = errors.New("netio: transport is closed")

// ErrTransient is wrapped by the errors of datagrams that are lost although the
// next one to the same peer may well get through: the system had no room for
// it, the path carries smaller packets than was known, or the own socket has
// died. Who retransmits goes on.
var ErrTransient = errors.New("netio: datagram lost, the next may get through")

// Peer names the other end of a transport: an address, and for transports with
// associations (DTLS) which association with it. It can be a map key. A new
// association is a new Peer.
type Peer struct {
	// Addr is the address and port. IPv4 addresses are in their 4-byte form,
	// never IPv4-mapped; link-local IPv6 addresses carry their zone.
	Addr netip.AddrPort
	// Session numbers the association; 0 on UDP.
	Session uint32
}

// String returns the address, followed by "#session" where there is one.
func (p Peer) String() string {
	if p.Session == 0 {
		return p.Addr.String()
	}
	return p.Addr.String() + "#" + utoa(p.Session)
}

func utoa(v uint32) string {
	var b [10]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + v%10)
		if v /= 10; v == 0 {
			return string(b[i:])
		}
	}
}

// Datagram is one datagram, received or to be sent.
type Datagram struct {
	// Data is the payload. In a received datagram it is valid until the
	// receiving function returns. In one with Err it is what is known of the
	// datagram that could not be delivered: its first bytes, perhaps none.
	Data []byte
	// Peer is the source of a received datagram, the destination of one to be
	// sent.
	Peer Peer
	// Local is the own address: where a received datagram was sent to (a group
	// address for multicast), and the address to send from. Zero in a datagram
	// to be sent: the system chooses. A reply leaves from the Local of the
	// request unless that is a group.
	Local netip.AddrPort
	// Interface is the index of the network interface that a datagram came
	// from or shall leave by; 0 = unknown, or as the system chooses.
	Interface int
	// Multicast: the datagram was sent to a group.
	Multicast bool
	// Err, if not nil, says that this is not a datagram that came from Peer
	// but the news that one sent to Peer was not delivered: an ICMP error or a
	// refusal of the local system.
	Err error
}

// Receiver is what a transport calls. Its functions are called from the
// transport's own goroutines (or the simulator's), never after Close has
// returned, and never from inside WriteTo or WriteBatch.
type Receiver struct {
	// Datagrams takes a batch. The slice and all Data belong to the transport
	// and are valid until the function returns.
	Datagrams func([]Datagram)
	// Down says that the transport will bring nothing more, and why. It is
	// called at most once, and not for Close.
	Down func(error)
	// Changed says that network interfaces have come or gone, or their addresses,
	// and that groups that were joined on all of them have been joined again. It
	// may be nil.
	Changed func()
}

// DropCounter is implemented by transports that know how many datagrams came and
// were lost before they could be given to the Receiver, since the transport was
// opened. Dropped may be called at any time, also after Close.
type DropCounter interface{ Dropped() uint64 }

// Hurrier is implemented by transports whose writes may wait for room. Hurry ends
// that, for those that wait and for all that come: what finds no room is lost,
// with ErrTransient. It may be called at any time, by any goroutine.
type Hurrier interface{ Hurry() }

// Multihomed is implemented by transports that can have several network interfaces.
// What is to reach a whole group is sent on each of them.
type Multihomed interface {
	// Interfaces returns the indexes of the interfaces by which a datagram to a
	// group can leave, for Datagram.Interface, in their order. It is at least
	// one, or an error that says what is missing and what to do.
	Interfaces(group netip.Addr) ([]int, error)
}

// Transport moves datagrams. It pushes what it receives; it is not read from.
// Its methods may be called from several goroutines.
type Transport interface {
	// Start begins to receive. It is called once.
	Start(r Receiver) error
	// WriteTo sends one datagram. An error concerns that datagram only, unless
	// it wraps ErrClosed.
	WriteTo(d Datagram) error
	// WriteBatch sends datagrams in order and returns how many the system
	// took; on an error, ds[n] is the one that could not be sent, and the caller goes
	// on with ds[n+1:].
	WriteBatch(ds []Datagram) (n int, err error)
	// Join makes the transport receive what is sent to a group, on the
	// interface of that name, or with "" on every interface that can.
	Join(group netip.Addr, ifname string) error
	// Local returns the addresses on which the transport receives, ports
	// resolved. An unspecified address means all addresses of the machine.
	Local() []netip.AddrPort
	// MTU returns the largest payload in bytes that is worth sending.
	MTU() int
	// Close ends the transport and waits for its goroutines. Nothing is called
	// afterwards.
	Close() error
}
