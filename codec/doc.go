// Package codec reads and writes the bytes of CoAP (RFC 7252) and of what
// belongs to it: messages, options, codes, content formats, URIs and link
// format (RFC 6690). It knows nothing of sockets, exchanges or actors, and
// imports the standard library only.
//
// [Message.Parse] reads a datagram in place: no byte is copied, and a Message
// that is used again allocates nothing. [Message.Append] writes into a buffer
// of the caller's.
//
//	var m codec.Message
//	if err := m.Parse(datagram); err != nil { … }
//	path := m.Options.Path()
//
// What the network sends never makes this package panic.
package codec
