// Package payload encodes and decodes the bodies of messages where that needs a
// library: CBOR (RFC 8949), and the fields of a payload that rules look at.
//
// A [Decoder] fills a rules.Sample from JSON, CBOR, SenML (RFC 8428) in both, or
// a bare number or text. It decodes only the fields that rules look at, each
// once, and allocates nothing for a number of up to 32 characters. What a stranger
// sends costs no more than in proportion to its length: nesting is bounded by 32
// levels, and what is malformed, or has a member twice that a rule looks at, is an
// error. In SenML a record answers to its name and to its name with the base
// before it; of several the last counts, and for `value` the last of all.
//
// A number that float64 cannot hold is a NaN, which rules take for unknown, and so
// is one of CBOR that is none; one that is next to nothing is 0. Null, undefined
// and what is not there are the same.
package payload
