// Package conform tests a CoAP server, any server, against the ETSI CoAP#4
// plugtest descriptions (TD_COAP_CORE, LINK, BLOCK and OBS) and against rules of
// RFC 7252, 7641 and 7959 that these leave out, hostile and lossy ones too.
//
// It speaks raw messages over sockets of its own, so that it can also send what
// a correct client never would. Of our module it uses the codec only: it shares
// no code with the node that it tests first.
//
// A [Case] is a function over a probe: it sends, checks what comes, and ends by
// returning (pass), by failing with the rule that was broken and the message
// that broke it, or by giving up (inconclusive) where the server does not offer
// what the case needs. What is missing is first tried to be made with a PUT. The
// descriptions are kept in testdata, unchanged; a test holds the cases against
// them.
//
// Where a rule says SHOULD, or leaves a choice, a server that does otherwise is
// inconclusive, not failed.
package conform
