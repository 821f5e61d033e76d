// Package protocol holds the rules of CoAP (RFC 7252) and of its extensions as
// pure state machines: structs whose methods take the present moment and
// return a verdict and, where time matters, the next deadline.
//
// Nothing in here does I/O, starts a goroutine, reads a clock or draws random
// numbers: what a machine needs of these, its caller hands in. So the same
// machines run on sockets and in a simulated network, and the same calls give
// the same results. No machine is safe for concurrent use; each belongs to one
// actor.
//
// The message layer, and which section of RFC 7252 each follows:
//
//   - [Params]: the transmission parameters and the times derived from them
//     (§4.8).
//   - [Classify]: what to do with a message that has arrived (§4.1 to §4.3,
//     §5.4.1, §8.1).
//   - [Transmission]: the retransmission of one confirmable message (§4.2).
//   - [MessageIDs], [GroupIDs]: IDs for messages to one peer, and to groups, none used twice within its
//     lifetime (§4.4).
//   - [Dedup]: recognises duplicates and repeats their answers (§4.5).
//   - [Window]: how many interactions with a peer may be outstanding: NSTART
//     and PROBING_RATE (§4.7).
//   - [Deadlines]: a queue of things to be done at a time.
//   - [Peers]: a bounded table of what is known of each peer.
//
// Observation (RFC 7641):
//
//   - [Observers]: a server's table of observers: who is sent what, when, and
//     how (§4).
//   - [Sequence]: the sequence numbers of notifications (§4.4).
//   - [Freshness]: which notification is newer (§3.4).
//   - [Registration]: the life of a client's registration (§3.3.1, §3.6).
//
// Block-wise transfers (RFC 7959):
//
//   - [Transfer]: a client's exchange with a request body, a response body or
//     both in blocks, made of an [Upload] and a [Download].
//   - [CutBody]: the part of a representation that answers a request (§2.4).
//   - [Spool]: a server's table of request bodies that are coming in (§2.5).
//   - [Shelf]: a server's table of response bodies that are being fetched.
//   - [MakeBlockKey]: which transfer a request belongs to.
//
// Discovery (CoAP 2):
//
//   - [Query], [Round], [InstanceID], [Hello]: the values of options 300 and 316.
//   - [CanonicalName]: host names.
//   - [Asker]: the rounds of the asking side.
//   - [Probe]: how a node comes by its name.
//   - [NameCache]: where the nodes of names are.
//   - [DiscoveryRequest], [Responder]: who answers, when, and how often.
//
// The rest of the family:
//
//   - [Gather]: the answers to a multicast request (RFC 7252 §8.2).
//   - [Unwanted]: No-Response (RFC 7967), and errors that a group is spared.
//   - [Echo], [Amplification]: freshness and reachability of clients (RFC 9175).
//   - [NextHop]: Hop-Limit (RFC 8768).
//   - [CheckConditions], [Revalidates], [MaxAge]: conditional requests and
//     freshness (RFC 7252 §5.6, §5.10.8).
//   - [Patience], [Rate]: 4.29 (RFC 8516), client and server.
//
// A sender of a confirmable message takes a place in the peer's Window and an
// ID from its MessageIDs, starts a Transmission, and puts the deadline that it
// returns into a Deadlines. When that time has come it asks Transmission.Due
// what to do; when an acknowledgement comes it stops the Transmission and
// releases the place.
//
// A receiver classifies what has been parsed, asks Dedup whether it is new, and
// gives Dedup the answer that it sends.
//
// All memory that a peer can make a machine use is bounded, and no call costs
// more than amortised constant time (logarithmic for Deadlines), except where
// its comment says so.
package protocol
