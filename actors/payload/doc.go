// Package payload encodes and decodes the bodies of messages where that needs a
// library: CBOR (RFC 8949), and the fields of a payload that rules look at.
//
// A [Decoder] fills a rules.Sample from JSON, CBOR, SenML (RFC 8428) in both, or
// a bare number or text. It decodes only the fields that rules look at, each
// once, and allocates nothing for a number. What a stranger sends costs no more
// than in proportion to its length: nesting is bounded by 32 levels, and what is
// malformed, or has a member twice that a rule looks at, is an error.
package payload
