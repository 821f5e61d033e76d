// Package udp carries datagrams over real UDP sockets: it implements
// [netio.Transport].
//
//	t, err := udp.Open(udp.Config{})              // port 5683, IPv4 and IPv6
//	err = t.Start(netio.Receiver{Datagrams: func(ds []netio.Datagram) { … }})
//	n, err := t.WriteBatch(answers)
//	defer t.Close()
//
// # Sockets
//
// Every socket belongs to one address family, so that an IPv4 peer is always
// an IPv4 address. ":5683" opens two, 0.0.0.0 and [::], on the same port, or
// only one of them on a machine that lacks the other family. A datagram is sent
// by the socket that its Local names, and without Local by one of the family
// of its Peer.
//
// Each socket has one goroutine that reads. Where a socket hears all addresses
// of a machine, received datagrams still know which one they were sent to, on
// which interface, and whether that was a group, and answers leave from that
// address (RFC 7252 §8.2, RFC 1122 §4.1.3.5).
//
// # Linux
//
// Datagrams are read and written in batches (recvmmsg, sendmmsg) through the
// runtime's poller, without any allocation. The figures of the benchmarks
// come from
//
//	go test -run '^$' -bench . ./netio/udp
//
// A batch of the default size has 64 slots of 2,112 bytes, and behind each an
// overflow area for datagrams of up to 64 KiB. The kernel scatters a datagram
// over both; a long one is made whole by copying its head in front of
// its tail. So the memory in use is about 130 KiB a socket, and the overflow
// areas are address space that costs nothing until long datagrams come, at most
// 64 KiB × [Config].Batch. An odd number of cache lines a slot keeps the heads
// of datagrams from competing for the same few sets of the cache.
//
// ICMP errors are taken from the socket's error queue and given to the receiver
// as datagrams with Err, a [*DeliveryError], and as much of the lost datagram as
// the ICMP message returned. Anyone on the path can forge them, and others only
// by guessing both ports: they are hints.
//
// # Shards
//
// With [Config].Shards n each address has n sockets (SO_REUSEPORT), and as many
// goroutines read it. A program in the kernel chooses between them by the
// source of a datagram, in the same way as [netio.ShardOf]; so all that a peer
// sends comes by one of them, which is also the one that what is sent to it
// leaves by. Two kinds of datagrams may come by another: ICMP errors, which Linux
// gives to any socket of the group, and IPv6 datagrams with extension headers.
// Who keeps state by shard must look at the peer.
//
// Linux gives a datagram to a group to every socket that has joined it, and one
// to a broadcast address to every socket of the port: only the first of the
// sockets joins, and only it hands on what came by broadcast.
//
// # Long datagrams
//
// RFC 7252 §4.6 wants messages that fit into one packet and leaves it to IPv4
// implementations whether they forbid fragments. Here the system decides as it
// does for every socket: on Linux packets carry the DF bit as long as they fit
// into what is known of the path, and longer datagrams leave in fragments. Where
// a router says that the path is narrower, the datagram is lost and comes back
// with Err, a [netio.ErrTransient]: the same datagram sent again gets through.
//
// # Other systems
//
// Elsewhere datagrams are read and written one by one, and ICMP errors are not
// told. On Windows the destination of a received datagram is unknown: Local has
// the address of the socket, which is zero for an unspecified one.
package udp
