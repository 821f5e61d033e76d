// Package relay is a UDP relay that loses datagrams, for tests of CoAP peers
// over a bad network that must nevertheless succeed.
//
// Every client (source address) gets a socket of its own towards the target, so
// that the target sees as many peers as there are. In between, each datagram is
// lost with probability Config.Loss, within a bound that makes an outcome
// certain: a confirmable message with its acknowledgement or Reset is one round
// trip, which fails if either datagram is lost, and at most
// Config.MaxConsecutive round trips of one message fail in a row. With the
// default, 3, the fourth transmission is always answered, so a sender that
// retransmits four times (RFC 7252 §4.8) never gives up. That holds for requests
// and for separate responses, which are messages of their own. For
// non-confirmable requests, which nobody retransmits, the bound is on requests
// of the same content: the fourth in a row is answered.
//
// What is lost follows from the seed and from what is said: from the content of
// the request that an exchange begins with, which exchange with that content it
// is, and the number of the transmission. It follows neither from the time nor
// from message IDs, tokens and ports, which differ in every run. So a run can be
// repeated, also one in which many exchanges run at the same time, as long as
// their requests differ (a query is enough).
package relay
