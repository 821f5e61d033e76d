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
//	if err := m.Options.Check(nil); err != nil { … } // 4.02, err says which
//	m.Options = m.Options.DropIgnored()
//	path := m.Options.Path()
//
// What belongs together:
//
//   - [Options] is the list of options of a message. [OptionNumber.Def] is the
//     registry: names, kinds and lengths of all options of RFC 7252, 7641, 7959,
//     7967, 8613, 8768 and 9175 and of CoAP 2. There is a constructor for each,
//     such as [URIPath] and [ETag], and [ParseOption] for text that a person
//     wrote.
//   - [Code] and [Format] have the names of the IANA registries, both ways.
//   - [ParseURI], [URI.AppendOptions] and [URIFromOptions] lead from a URI to the
//     options of a request and back.
//   - [ParseLinks], [AppendLinks] and [Filters] are what /.well-known/core needs.
//   - [Message.String] and [Message.AppendDump] show a message.
//
// What the network sends never makes this package panic, costs no more than in
// proportion to its length, and is never shown unescaped: all text that this
// package makes of it, error texts included, is safe for a terminal.
package codec
