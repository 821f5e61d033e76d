// Package netio holds the seam between CoAP and the networks that carry it:
// [Transport], which pushes batches of [Datagram] to its user, [Peer], and
// [Clock]. They are interfaces and plain types; the transports are netio/udp
// (sockets) and the network of package sim (memory).
package netio
