// Package payload encodes and decodes the bodies of messages where that needs a
// library: CBOR (RFC 8949).
package payload
